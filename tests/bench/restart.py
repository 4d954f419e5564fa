"""From the start of a killed daemon to its first request, as a real process: `python -m tests.bench.restart`.

The state has work in it. The floor is what the interpreter needs to import what a daemon imports, in the same run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from syncd.demo.processes import Playground, wait_for
from syncd.demo.world import Sandbox

RUNS = 7
LOOK_S = 0.005
IMPORTS = "import syncd.daemon, syncd.wiring, syncd.config"


def _asked(sandbox: Sandbox) -> int:
    return sum(sandbox.reads().values())


def _processor_s(pid: int) -> float:
    """What a process has used of a processor so far: what it would take on a machine that does nothing else."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def restart_s(ground: Playground, sandbox: Sandbox) -> tuple[float, float]:
    """One restart: seconds until either system was asked for something, and those of a processor."""
    before = _asked(sandbox)
    began = time.perf_counter()
    daemon = ground.start_daemon()
    while _asked(sandbox) == before:
        assert daemon.poll() is None, "the daemon has died"
        time.sleep(LOOK_S)
    took, used = time.perf_counter() - began, _processor_s(daemon.pid)
    time.sleep(0.5)
    ground.kill(daemon)
    time.sleep(0.2)
    return took, used


def floor_s() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", IMPORTS], check=True)
    return time.perf_counter() - began


def main() -> None:
    with TemporaryDirectory() as folder:
        ground = Playground(Path(folder), poll="300ms")
        try:
            sandbox = ground.start_sandbox()
            ground.verb("state", "init", "--from", "now")
            daemon = ground.start_daemon()
            order = sandbox.control("POST", "orders", {"locations": ["Berlin Mitte"]})
            sandbox.control("POST", f"orders/{order['order']}/approve")
            wait_for("work orders", lambda: len(sandbox.rows("fsm", "wm_order")) >= 2)
            ground.kill(daemon)
            restarts = [restart_s(ground, sandbox) for _ in range(RUNS)]
            floor = median(floor_s() for _ in range(RUNS))
        finally:
            ground.close()
    took, used = (median(one[n] for one in restarts) for n in (0, 1))
    print(  # noqa: T201 - this is a report
        f"restart to first request, median of {RUNS}: {took * 1000:.0f} ms, {used * 1000:.0f} ms of a processor, "
        f"{took / floor:.1f} x importing it ({floor * 1000:.0f} ms)"
    )


if __name__ == "__main__":
    main()
