"""The append-only history of what was seen, decided, sent and answered.

Called by `state.transaction` and `state.store`; `syncd explain` reads it. Nothing is changed or taken away here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, bindparam, insert, literal_column, select, union_all

from state import schema
from state.types import LedgerEntry

_T = schema.ledger
_NOTHING: ColumnElement[str] = literal_column("''")  # as the partial indexes say it
_ABOUT = (
    select(_T)
    .where(
        _T.c.id.in_(
            union_all(
                *(
                    select(_T.c.id).where(about == bindparam("id"), about != _NOTHING)
                    for about in (_T.c.subject, _T.c.order_id, _T.c.work_order)
                )
            )
        )
    )
    .order_by(_T.c.id)
)


def remember(connection: Connection, entries: Iterable[LedgerEntry], run: str, now: datetime) -> None:
    rows = [
        {
            "at": entry.at or now,
            "run": entry.run or run,
            "event": entry.event,
            "subject": entry.subject,
            "order_id": entry.order,
            "work_order": entry.work_order,
            "effect_key": entry.effect_key,
            "data": entry.data,
        }
        for entry in entries
    ]
    if rows:
        connection.execute(insert(_T), rows)


def about(connection: Connection, id: str) -> tuple[LedgerEntry, ...]:
    """What concerns a domain order, an order or a work order, in the order in which it happened."""
    rows = connection.execute(_ABOUT, {"id": id})
    return tuple(
        LedgerEntry(
            event=row.event,
            subject=row.subject,
            order=row.order_id,
            work_order=row.work_order,
            effect_key=row.effect_key,
            data=row.data,
            at=row.at,
            run=row.run,
        )
        for row in rows
    )
