"""Many seeds: `python -m tests.simulation --seeds 1-1000 --jobs 2`. Prints what broke, and how often each fault fired.

Ends with 1 when a promise was broken, or when a fault never fired in a run of at least `ENOUGH` seeds.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tests.simulation.faults import ALL
from tests.simulation.run import one_seed
from tests.simulation.shrink import shorter

ENOUGH = 50
SHRUNK = 2
"""How many stories are shortened: one takes a minute or two, and what breaks in every seed breaks in the first."""
TOLD_EVERY = 100
"""Seeds between two lines of a run that takes hours."""


def main() -> int:
    args = _arguments()
    first, _, last = args.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    began = time.monotonic()
    fired: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    broken = 0
    with ProcessPoolExecutor(args.jobs, mp_context=get_context("spawn")) as pool:
        for number, result in enumerate(pool.map(one_seed, seeds), 1):
            fired.update(result.fired)
            totals.update({name: int(value * 1000) for name, value in result.figures.items()})
            if not result.ok:
                broken += 1
                told = shorter(result) if args.shrink and broken <= SHRUNK else result
                _say(told.told(args.story) + "\n")
            if number % TOLD_EVERY == 0 and number < len(seeds):
                _say(f"{number} seeds in {time.monotonic() - began:.0f} s, {broken} with a broken promise")
    _report(len(seeds), broken, fired, totals, time.monotonic() - began)
    silent = sorted(ALL - fired.keys())
    if silent and len(seeds) >= ENOUGH:
        _say(f"these faults never fired: {', '.join(silent)}")
    return 1 if broken or (silent and len(seeds) >= ENOUGH) else 0


def _report(seeds: int, broken: int, fired: Counter[str], totals: Counter[str], seconds: float) -> None:
    requests, busy = totals["requests"] / 1000, totals["seconds"] / 1000
    _say(f"{seeds} seeds in {seconds:.0f} s, {broken} with a broken promise")
    _say(
        f"{totals['orders'] // 1000} orders, {totals['daemon_lives'] // 1000} daemon lives, "
        f"{totals['lives'] // 1000} processes, {requests:.0f} requests "
        f"({requests / max(busy, 0.001):.0f} each second and process), {totals['points'] // 1000} points"
    )
    for name in sorted(ALL):
        _say(f"{fired[name]:8} {name}")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", default="1-100", help="first and last seed: 1-100")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--story", type=int, default=60, help="lines of a story that are shown")
    parser.add_argument(
        "--shrink", action="store_true", help="look for the shortest story of what broke first"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
