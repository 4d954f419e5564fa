"""The audit of an instance: each field of each update of an audited record, with its old and new value.

Called by `instance` for every update. Which tables are audited is a setting of their dictionary; here they are those of
field service. An entry carries the modification count that its update gave the record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncd.sandbox.rules import Change

TABLE = "sys_audit"
AUDITED = frozenset({"wm_order", "wm_task"})
_PLATFORM = frozenset({"sys_mod_count", "sys_updated_on", "sys_updated_by"})


def write_audit(change: Change) -> None:
    """One entry for each field that an update changed."""
    instance, row = change.instance, change.row
    if AUDITED.isdisjoint(instance.dictionary.chain(row.table)):
        return
    stamp, checkpoint = change.new("sys_updated_on"), change.new("sys_mod_count")
    common = {
        "tablename": instance.dialect.outer_table(row.table),
        "documentkey": row.id,
        "record_checkpoint": checkpoint,
        "user": change.user,
        "sys_created_by": change.user,
        "sys_created_on": stamp,
        "sys_updated_on": stamp,
    }
    for name in sorted(change.old.keys() | change.values.keys()):
        old, new = change.was(name), change.new(name)
        if name not in _PLATFORM and old != new:
            field = instance.dialect.outer_column(row.table, name)
            instance.put(TABLE, {**common, "fieldname": field, "oldvalue": old, "newvalue": new})
