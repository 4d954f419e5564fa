"""Orders that wait for a person because a promise was broken for them, and the person's word that lets one go on.

Called by `state.transaction` and `state.history`; `claims` passes their effects by. What a promise is, `mappings.invariants`
knows.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, select, update

from mappings.model import Kind
from state import schema
from state.inserts import insert_or_replace
from state.types import Halt

_H = schema.halts


def put(connection: Connection, halt: Halt) -> bool:
    """Parks an order; False when it is known: it waits for the same reason, or a person has let it go on in spite of it."""
    stored = of_subject(connection, halt.subject)
    if stored is not None and (stored.promise, stored.reason) == (halt.promise, halt.reason):
        return False
    row = {
        "subject": halt.subject,
        "subject_kind": halt.subject_kind.value,
        "promise": halt.promise,
        "reason": halt.reason,
        "since": halt.since,
        "allowed_by": "",
        "allowed_reason": "",
        "allowed_at": None,
    }
    connection.execute(insert_or_replace(_H, connection.dialect.name), row)
    return True


def of_subject(connection: Connection, subject: str) -> Halt | None:
    row = connection.execute(select(_H).where(_H.c.subject == subject)).first()
    return None if row is None else _to_halt(row)


def every(connection: Connection) -> tuple[Halt, ...]:
    """Those that wait for a person, oldest first."""
    rows = connection.execute(select(_H).where(_H.c.allowed_at.is_(None)).order_by(_H.c.since, _H.c.subject))
    return tuple(map(_to_halt, rows))


def allow(connection: Connection, subject: str, by: str, reason: str, now: datetime) -> bool:
    """Lets an order go on; False when it waits for nobody."""
    waiting = update(_H).where(_H.c.subject == subject, _H.c.allowed_at.is_(None))
    values = {"allowed_by": by, "allowed_reason": reason, "allowed_at": now}
    return connection.execute(waiting.values(**values)).rowcount == 1


def is_halted(subject: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether the order of an effect waits for a person, as a condition on it."""
    return exists(select(_H.c.subject).where(_H.c.subject == subject, _H.c.allowed_at.is_(None)))


def _to_halt(row: Any) -> Halt:
    subject, kind, *rest = row
    return Halt(Kind(kind), subject, *rest)
