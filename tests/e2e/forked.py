"""One-shot verbs as processes that are forked from one which has imported syncd already: two thirds of a verb are its imports.

`python forked.py SOCKET` waits for command lines, each with the files that its output goes to, and runs each in a process
of its own: an environment, a directory, streams, an exit code. Whether a verb starts by itself is for the tests that type
commands into a shell, for those that start daemons, and for `tests/unit/syncd/test_cli.py`. `Verbs` is the side of the tests.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

LIMIT_S = 120
IMPORTED = ("syncd.wiring", "syncd.daemon", "state.store", "connectors.servicenow.system", "rich.table")
WORDS = 1 << 20


class Verbs:
    """Runs verbs, one or several at once; `close` ends the process that they are forked from."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory()
        self._path = str(Path(self._folder.name) / "verbs")
        self._process = subprocess.Popen(
            [sys.executable, __file__, self._path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def run(
        self, words: Sequence[str], env: Mapping[str, str], cwd: Path
    ) -> subprocess.CompletedProcess[str]:
        """`syncd` with these words. Raises `TimeoutError`."""
        with socket.socket(socket.AF_UNIX) as asked, TemporaryFile() as out, TemporaryFile() as err:
            asked.settimeout(LIMIT_S)
            asked.connect(self._path)
            text = json.dumps({"words": list(words), "env": dict(env), "cwd": str(cwd)}).encode()
            socket.send_fds(asked, [text], [out.fileno(), err.fileno()])
            asked.shutdown(socket.SHUT_WR)
            code = int(asked.recv(16))
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(words, code, out.read().decode(), err.read().decode())

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._folder.cleanup()


def main(path: str) -> None:
    from syncd.cli import VERBS

    for name in (name for section in VERBS.values() for name in section):
        import_module(f"syncd.cli.{name}")
    for name in IMPORTED:
        import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for whoever serves an asking
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(path)
        door.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            asked, _ = door.accept()
            if os.fork() == 0:
                door.close()
                _serve(asked)
            asked.close()


def _serve(asked: socket.socket) -> None:
    """Runs the verb in a child, and says how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    text, files, _, _ = socket.recv_fds(asked, WORDS, 2)
    verb = os.fork()
    if verb == 0:
        asked.close()
        _become(json.loads(text), *files)
    _, status = os.waitpid(verb, 0)
    asked.sendall(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(asked: Mapping[str, object], out: int, err: int) -> None:
    from syncd.cli import main

    os.dup2(out, 1)
    os.dup2(err, 2)
    os.closerange(3, 64)
    os.chdir(str(asked["cwd"]))
    os.environ.clear()
    os.environ.update(asked["env"])  # type: ignore[arg-type] - as `run` sends it
    sys.argv = ["syncd", *asked["words"]]  # type: ignore[misc] - as above
    code: object = 1
    try:
        main()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - said as an interpreter says it that ends of it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)


if __name__ == "__main__":
    main(sys.argv[1])
