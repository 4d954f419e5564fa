"""The truth about the simulated world, as a test or a person asks for it: every order with everything under it.

Called by the control API. Reads the stores directly, never through access rules or faults.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from syncd.sandbox.tables_domain import DOMAIN_ORDER, ORDER, ORDER_LINE, ORDER_TASK, WORK_ORDER, WORK_TASK

if TYPE_CHECKING:
    from syncd.sandbox.instance import Instance
    from syncd.sandbox.records import Row
    from syncd.sandbox.world import World

_KINDS = {"orders": ORDER, "lines": ORDER_LINE, "domain_orders": DOMAIN_ORDER, "order_tasks": ORDER_TASK}
_WORK_KINDS = {"work_orders": WORK_ORDER, "work_tasks": WORK_TASK}


def build_report(world: World) -> dict[str, object]:
    """All records with states and notes, work orders per correlation, and what is doubled."""
    om, fsm = world.order_instance, world.field_instance
    report: dict[str, object] = {
        name: [_describe(om, row) for row in om.store.rows(table)] for name, table in _KINDS.items()
    }
    report |= {
        name: [_describe(fsm, row) for row in fsm.store.rows(table)] for name, table in _WORK_KINDS.items()
    }
    counts = Counter(row["correlation_id"] for row in fsm.store.rows(WORK_ORDER) if row["correlation_id"])
    report["work_orders_by_correlation"] = dict(sorted(counts.items()))
    report["duplicates"] = {correlation: count for correlation, count in sorted(counts.items()) if count > 1}
    report["server_time"] = world.clock.stamp()
    report["pending_decompositions"] = len(world.agenda)
    return report


def _describe(instance: Instance, row: Row) -> dict[str, object]:
    """The stored values, the canonical and shown state, and the work notes, oldest first."""
    table = next(name for name in instance.dictionary.chain(row.table) if name in instance.codes)
    codes = instance.codes[table]
    described: dict[str, object] = {name: row[name] for name in instance.dictionary.fields(row.table)}
    described["state_name"] = codes.name(row["state"])
    described["state_label"] = codes.label(row["state"])
    described["names"] = {
        field.name: instance.display(field, row[field.name])
        for field in instance.dictionary.fields(row.table).values()
        if field.is_reference and row[field.name]
    }
    described["notes"] = [
        {"text": n["value"], "author": n["sys_created_by"], "created_on": n["sys_created_on"], "sys_id": n.id}
        for n in instance.notes(row)
    ]
    return described
