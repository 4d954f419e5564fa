"""Pages that are typed: the blocks of a document, and a shell that types them.

A block for `sh` may be followed by a block of `text`, what it must print, where dots stand for anything.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(
    r"(?P<mark><!-- not executed[^\n]*\n)?^```(?:sh|console)\n(?P<commands>.*?)^```\n(?:\s*?^```text\n(?P<shown>.*?)^```\n)?",
    re.DOTALL | re.MULTILINE,
)
_PORT = re.compile(r"\b86\d\d\b")
DONE = "--- done ---"


@dataclass(frozen=True, slots=True)
class Block:
    """Commands of a page, and the output that stands below them ("" for none)."""

    commands: str
    shown: str

    def is_shown_by(self, printed: str) -> bool:
        """Dots stand for anything; alone on a line, for any number of lines."""
        patterns = [
            "(?:[^\n]*\n)*?"
            if line.strip() == "..."
            else re.escape(line).replace(re.escape("..."), "[^\n]*?") + "\n"
            for line in self.shown.splitlines()
        ]
        return re.fullmatch("".join(patterns), printed.strip("\n") + "\n") is not None


def blocks(page: str) -> Iterator[Block]:
    for match in _BLOCK.finditer(page):
        if not match["mark"]:
            yield Block(match["commands"], match["shown"] or "")


class Shell:
    """One bash that lives as long as the page; the processes that it left behind end with it."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.code = 0
        """Of the last command."""
        self._bash = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            cwd=folder,
            env={**os.environ, **(environment or {}), "PATH": path, "NO_COLOR": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, commands: str) -> str:
        """What the commands print, on both streams."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.write(f"{commands}\ncode=$?; echo; echo '{DONE}' $code\n")
        self._bash.stdin.flush()
        lines = []
        for line in self._bash.stdout:
            if line.startswith(DONE):
                self.code = int(line.split()[-1])
                return "".join(lines).removesuffix("\n")
            lines.append(line)
        raise AssertionError(f"the shell has ended: {''.join(lines)}")

    def close(self) -> None:
        if self._bash.poll() is None:
            self.run("kill $(jobs -p) 2>/dev/null; wait")
        self._bash.kill()
        self._bash.communicate()


def with_free_ports(page: str) -> str:
    """Each port that a page names is exchanged for one that is free."""
    found = dict.fromkeys(_PORT.findall(page))
    listening = [socket.create_server(("127.0.0.1", 0)) for _ in found]
    free = {name: str(one.getsockname()[1]) for name, one in zip(found, listening, strict=True)}
    for one in listening:
        one.close()
    return _PORT.sub(lambda match: free[match[0]], page)
