"""Real processes around a temporary folder: the sandbox, the daemon, one-shot verbs.

Used by the demo and by the e2e tests. Each process is started with this interpreter, logs to a file in the folder, and is
ended by its own handle only.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from syncd.demo.world import Sandbox

T = TypeVar("T")

START_LIMIT_S = 60.0
"""Long, because a machine may have much else to do; what was waited for is there in a moment on any other."""
STOP_LIMIT_S = 60.0

CONFIG = """\
# A config for the sandbox systems. Secrets are references, here to environment variables.
[state]
url = "sqlite:///syncd.db"

[order_management]
id = "om-sandbox"
url = "{om_url}"
profile = "servicenow-om"
username = "{username}"
password = {{ env = "SYNCD_SANDBOX_PASSWORD" }}
poll_interval = "{poll}"
settle = "2s"

[field_service]
id = "fsm-sandbox"
url = "{fsm_url}"
profile = "servicenow-fsm"
username = "{username}"
password = {{ env = "SYNCD_SANDBOX_PASSWORD" }}
poll_interval = "{poll}"
settle = "2s"
search_lag = "1s"

[work_order_fields]
location = {{ from = "location_name", reference = "location", match = "name" }}
account = {{ from = "account_name", reference = "account", match = "name" }}
priority = {{ from = "line.priority" }}
contact = {{ from = "line.contact_name", reference = "contact", match = "name" }}
requested_due_by = {{ from = "line.due" }}
short_description = {{ text = "{{domain_order.specification}} at {{domain_order.location_name}} ({{number}}, {{order.number}})" }}

[closure]
field = "closure_request"

[log]
format = "json"
"""


class ProcessError(Exception):
    """A process did not do what was expected of it in time; the text names its log."""


class Playground:
    """A folder with a config, a sandbox and a state; `close` ends every process that was started."""

    def __init__(self, folder: Path, *, poll: str = "500ms") -> None:
        self.folder = folder
        self.config = folder / "config.toml"
        self._poll = poll
        self._processes: list[subprocess.Popen[bytes]] = []
        self._environment = dict(os.environ)

    def start_sandbox(self, *options: str) -> Sandbox:
        """Starts both servers on free ports and writes a config that names them."""
        command = [sys.executable, "-m", "syncd", "sandbox", "--json", *options]
        process = self._spawn("sandbox", command, piped=True)
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise ProcessError(f"the sandbox did not start; see {self.folder / 'sandbox.log'}")
        said = json.loads(line)
        names = ("om_url", "fsm_url", "control_url", "username", "password")
        sandbox = Sandbox(**{name: said[name] for name in names})
        self.write_config(sandbox)
        return sandbox

    def write_config(self, sandbox: Sandbox, extra: str = "") -> None:
        self._environment["SYNCD_SANDBOX_PASSWORD"] = sandbox.password
        text = CONFIG.format(
            om_url=sandbox.om_url, fsm_url=sandbox.fsm_url, username=sandbox.username, poll=self._poll
        )
        self.config.write_text(text + extra, encoding="utf-8")

    def verb(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs one verb to its end."""
        command = [sys.executable, "-m", "syncd", *arguments, "--config", str(self.config)]
        return subprocess.run(  # noqa: S603 - our own interpreter and arguments
            command,
            env=self._environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def start_daemon(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "syncd", "run", "--config", str(self.config)]
        return self._spawn("daemon", command)

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """SIGKILL: no handler runs, nothing is flushed."""
        process.send_signal(signal.SIGKILL)
        process.wait(STOP_LIMIT_S)

    def stop(self, process: subprocess.Popen[bytes]) -> int:
        """SIGTERM, and the exit code."""
        process.terminate()
        return process.wait(STOP_LIMIT_S)

    def close(self) -> None:
        for process in reversed(self._processes):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(STOP_LIMIT_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            if process.stdout is not None:
                process.stdout.close()
        self._processes.clear()

    @property
    def processes(self) -> tuple[subprocess.Popen[bytes], ...]:
        """Those that are still running."""
        return tuple(process for process in self._processes if process.poll() is None)

    def _spawn(self, name: str, command: Sequence[str], *, piped: bool = False) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
                command,
                env=self._environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if piped else log,
                stderr=log,
                start_new_session=True,
            )
        self._processes.append(process)
        return process


def wait_for(
    what: str, look: Callable[[], T | None], *, limit_s: float = START_LIMIT_S, every_s: float = 0.1
) -> T:
    """Looks again and again until `look` returns something true; `ProcessError` naming `what` when it never does."""
    deadline = time.monotonic() + limit_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise ProcessError(f"waited {limit_s:.0f} s in vain: {what}")
        time.sleep(every_s)
