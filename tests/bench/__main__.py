"""Figures beside their floor, both measured in this run: `make bench`. Nothing is asserted, a person reads them."""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median

RUNS = 10


def elapsed_ms(command: list[str]) -> float:
    """How long one process takes from its start to its end."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1000


def main() -> None:
    floor = [sys.executable, "-c", "pass"]
    commands = {
        "bare interpreter": floor,
        "syncd --help": [sys.executable, "-m", "syncd", "--help"],
        "syncd run --help": [sys.executable, "-m", "syncd", "run", "--help"],
        "syncd config example": [sys.executable, "-m", "syncd", "config", "example"],
    }
    for command in commands.values():
        elapsed_ms(command)  # compiles and warms the file cache
    medians = {name: median(elapsed_ms(command) for _ in range(RUNS)) for name, command in commands.items()}
    print(f"start-up, median of {RUNS}")  # noqa: T201 - this is a report
    for name, value in medians.items():
        times = value / medians["bare interpreter"]
        print(f"  {name:<22} {value:7.1f} ms  {times:5.1f} x the bare interpreter")  # noqa: T201 - this is a report


if __name__ == "__main__":
    main()
