"""References that field service did not know: which field of which work order stands without its record.

Called by `state.transaction`, `state.facts` and `state.history`; decides nothing. A row goes when the field is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select

from mappings.effects import Effect, Reference
from mappings.model import Kind
from mappings.references import Unresolved
from state import schema
from state.inserts import insert_or_replace
from state.prepared import Prepared

_T = schema.unresolved
_EVERY = select(_T).order_by(_T.c.since, _T.c.work_order, _T.c.target)
_OF_SUBJECT = Prepared(
    select(_T.c.work_order, _T.c.target, _T.c.value).where(_T.c.subject == bindparam("subject"))
)
_GONE = delete(_T).where(
    _T.c.work_order == bindparam("work_order"), _T.c.target.in_(bindparam("targets", expanding=True))
)


@cache
def _put(dialect: str) -> Any:
    return insert_or_replace(_T, dialect, ("since",))


def keep(
    connection: Connection, effect: Effect, work_order: str, missing: Mapping[str, Reference], now: datetime
) -> None:
    """What a write of these references went without; the others of them are there now."""
    forget(connection, work_order, *(target for target in effect.references if target not in missing))
    for target, reference in missing.items():
        row = {
            "work_order": work_order,
            "target": target,
            "subject": effect.subject,
            "subject_kind": effect.subject_kind.value,
            "entity": reference.entity,
            "match": reference.match,
            "value": reference.value,
            "since": now,
        }
        connection.execute(_put(connection.dialect.name), row)


def forget(connection: Connection, work_order: str, *targets: str) -> None:
    connection.execute(_GONE, {"work_order": work_order, "targets": list(targets)})


def of_subject(connection: Connection, subject: str) -> dict[tuple[str, str], str]:
    """The value that each field (work order, field) of a subject is waiting for."""
    rows = _OF_SUBJECT.all(connection, {"subject": subject})
    return {(row.work_order, row.target): row.value for row in rows}


def every(connection: Connection) -> tuple[Unresolved, ...]:
    """All of them, oldest first."""
    return tuple(map(_to, connection.execute(_EVERY)))


def _to(row: Any) -> Unresolved:
    reference = Reference(row.entity, row.match, row.value)
    return Unresolved(Kind(row.subject_kind), row.subject, row.work_order, row.target, reference, row.since)
