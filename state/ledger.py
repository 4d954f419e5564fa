"""The append-only history of what was seen, decided, sent and answered.

Called by `state.transaction` and `state.store`; `syncd explain` reads it. Nothing is changed or taken away here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, insert, literal_column, select, union_all

from state import schema
from state.snapshots import chunks
from state.types import LedgerEntry

_T = schema.ledger
_NOTHING: ColumnElement[str] = literal_column("''")  # as the partial indexes say it
_ABOUT = (
    select(_T)
    .where(
        _T.c.id.in_(
            union_all(
                *(
                    select(_T.c.id).where(about.in_(bindparam("ids", expanding=True)), about != _NOTHING)
                    for about in (_T.c.subject, _T.c.order_id, _T.c.work_order)
                )
            )
        )
    )
    .order_by(_T.c.id)
)


_APPEND = insert(_T)


def remember(
    connection: Connection, entries: Iterable[LedgerEntry], run: str, now: datetime, *, config: str = ""
) -> None:
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
            "config": entry.config or config,
        }
        for entry in entries
    ]
    if rows:
        connection.execute(_APPEND, rows)


def about(connection: Connection, id: str) -> tuple[LedgerEntry, ...]:
    """What concerns a domain order, an order or a work order, in the order in which it happened."""
    return about_any(connection, [id])


def about_any(connection: Connection, ids: Iterable[str]) -> tuple[LedgerEntry, ...]:
    """What concerns any of these records, each entry once, in the order in which it happened."""
    rows = {row.id: row for part in chunks(dict.fromkeys(ids)) for row in _about(connection, part)}
    return tuple(_to_entry(rows[id]) for id in sorted(rows))


def _about(connection: Connection, ids: list[str]) -> Iterable[Any]:
    return connection.execute(_ABOUT, {"ids": ids})


def _to_entry(row: Any) -> LedgerEntry:
    return LedgerEntry(
        event=row.event,
        subject=row.subject,
        order=row.order_id,
        work_order=row.work_order,
        effect_key=row.effect_key,
        data=row.data,
        at=row.at,
        run=row.run,
        config=row.config,
    )
