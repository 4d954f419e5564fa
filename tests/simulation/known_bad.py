"""Variants of the protocol that are known to lose, to double or to stick: the simulation must find each of them.

Every losing variant of the exhaustive models is here under the name that `Bad.model` says, but for those that say the same
in this world: `docs/reliability.md` lists which cannot be expressed, and why. `python -m tests.simulation.known_bad` prints
the table of that page: each variant with its seeds to detection.
"""

from __future__ import annotations

import sys

from tests.simulation.bad_feeds import FEEDS
from tests.simulation.bad_orders import ORDERS
from tests.simulation.bad_writes import WRITES
from tests.simulation.planting import Bad, look_for, middle, table

KNOWN_BAD: tuple[Bad, ...] = (*FEEDS, *WRITES, *ORDERS)


def main() -> int:
    found = [look_for(bad) for bad in KNOWN_BAD]
    missed = sum(not one.tries for one in found)
    seconds = sum(one.seconds for one in found)
    sys.stdout.write(f"{table(found)}\n\n")
    sys.stdout.write(
        f"{len(found)} variants, {missed} not found, the median after {middle(found):g} seeds, {seconds:.0f} s\n"
    )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
