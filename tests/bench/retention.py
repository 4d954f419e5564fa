"""The size of a state in which orders come and go: `python -m tests.bench.retention [MONTHS]`, a part of `make soak`.

Months of virtual time on the real lanes and a real file, with retention and without. What must hold is asserted: with it the
file grows by no more than `STATED_KIB` for each domain order that is over, whatever its records and notes said.
"""

from __future__ import annotations

import importlib.util
import sqlite3
import sys
import tempfile
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from mappings.model import Kind
from syncd.retention import prune

MONTHS, ORDERS, LINES = 24, 25, 2
MONTH_S = 30 * 86_400
KEEP = timedelta(days=60)
WARM_UP = 4
"""Months until as many orders leave as come."""
STATED_KIB = 2.5
"""What is kept for ever of a domain order with its share of an order, a line, a work order, a plan, a link and four effects."""


def _worlds() -> Any:
    """The world of the lanes' tests; test folders are no packages."""
    place = Path(__file__).parents[1] / "unit/syncd/lanes/conftest.py"
    spec = importlib.util.spec_from_file_location("lanes", place)
    assert spec is not None and spec.loader is not None
    sys.modules["lanes"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def live(world: Any, month: int, orders: int) -> None:
    """A month of orders, from the first to the last day of each."""
    names: list[str] = []
    for number in range(orders):
        order = f"o{month}x{number}"
        world.om.put(Kind.CUSTOMER_ORDER, order, "in_progress", account="acme", text="x" * 1200)
        for at in range(LINES):
            line, domain_order = f"l{month}x{number}x{at}", f"d{month}x{number}x{at}"
            world.om.put(Kind.ORDER_LINE, line, "in_progress", order=world.id(order), text="x" * 1200)
            fields = {"order": world.id(order), "order_line": world.id(line), "text": "x" * 1500}
            world.om.put(
                Kind.DOMAIN_ORDER, domain_order, "in_progress", specification="Fiber Access", **fields
            )
            names.append(domain_order)
    world.settle_down(1)
    mine = [one for one in world.work_orders if one.state == "ready"]
    for state in ("assigned", "closed_complete"):
        for one in mine:
            world.fsm.advance(one.id, state)
        world.settle_down(1)
    for name in names:
        world.om.edit(Kind.DOMAIN_ORDER, world.id(name), "closed_complete")
    for number in range(orders):
        for at in range(LINES):
            world.om.edit(Kind.ORDER_LINE, world.id(f"l{month}x{number}x{at}"), "completed")
        world.om.edit(Kind.CUSTOMER_ORDER, world.id(f"o{month}x{number}"), "completed")
    world.settle_down(1)
    world.time.pass_(MONTH_S)


def sizes(keep: timedelta | None, months: int, orders: int = ORDERS) -> tuple[list[float], dict[str, float]]:
    """KiB of the file after each month; of each table and index, by how many KiB a domain order makes it grow."""
    module, found = _worlds(), []
    before: dict[str, float] = {}
    after: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        world, file = module.World(Path(folder)), Path(folder) / "syncd.db"
        for month in range(months):
            live(world, month, orders)
            if keep is not None:
                prune(world.store, world.policy, keep, world.time.now)
            world.store.close()  # folds the journal into the file
            found.append(file.stat().st_size / 1024)
            before, after = (_tables(file), after) if month == WARM_UP else (before, _tables(file))
            world.start()
        world.store.close()
    grown = orders * LINES * (months - 1 - WARM_UP)
    return found, {name: (size - before.get(name, 0.0)) / grown for name, size in after.items()}


def _tables(file: Path) -> dict[str, float]:
    """KiB of each table and index; nothing where this SQLite cannot tell."""
    with closing(sqlite3.connect(file)) as connection:
        try:
            rows = connection.execute(
                "SELECT name, sum(pgsize) / 1024.0 FROM dbstat GROUP BY name"
            ).fetchall()
        except sqlite3.OperationalError:
            return {}
    return dict(rows)


def growth(found: list[float], orders: int = ORDERS) -> float:
    """By how many KiB a domain order makes the file grow, once as many orders leave as come."""
    return (found[-1] - found[WARM_UP]) / (len(found) - 1 - WARM_UP) / (orders * LINES)


def main() -> None:
    months = int(sys.argv[1]) if len(sys.argv) > 1 else MONTHS
    runs = {"kept for ever": sizes(None, months), "with retention": sizes(KEEP, months)}
    print(f"KiB after each month of {ORDERS * LINES} domain orders, retention of {KEEP.days} days")  # noqa: T201 - a report
    for name, (found, tables) in runs.items():
        told = " ".join(f"{size:.0f}" for size in found)
        print(f"  {name}: {told}\n    then {growth(found):.2f} KiB a domain order, of which")  # noqa: T201 - a report
        for table, kib in sorted(tables.items(), key=lambda one: -one[1])[:8]:
            print(f"    {kib:8.2f} {table}")  # noqa: T201 - a report
    grown = growth(runs["with retention"][0])
    assert grown <= STATED_KIB, f"a domain order that is over keeps {grown:.2f} KiB, more than {STATED_KIB}"


if __name__ == "__main__":
    main()
