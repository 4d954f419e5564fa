"""How far each backfill came, by the name that a person gave it.

Called by `state.transaction` and `state.history`. A backfill moves by compare-and-swap: zero rows mean that another process
has moved it meanwhile, and the caller's transaction must end without a commit.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from mappings.model import Kind
from state import schema
from state.types import Backfill

_T = schema.backfills


def begin(connection: Connection, wanted: Backfill, now: datetime) -> Backfill:
    """The backfill of that name as it stands; `wanted` where there was none."""
    found = get(connection, wanted.name)
    if found is not None:
        return found
    connection.execute(
        insert(_T), {"name": wanted.name, "began_at": now, **_moving(wanted), **_fixed(wanted)}
    )
    return wanted


def move(connection: Connection, before: Backfill, after: Backfill) -> bool:
    """Moves a backfill on from where it stood; False when it does not stand there any more."""
    here = (
        _T.c.name == before.name,
        _T.c.kind == before.kind.value,
        _T.c.stamp == before.stamp,
        _T.c.id == before.id,
        _T.c.skip == before.skip,
        _T.c.finished_at.is_(None),
    )
    return connection.execute(update(_T).where(*here).values(**_moving(after))).rowcount == 1


def get(connection: Connection, name: str) -> Backfill | None:
    row = connection.execute(select(_T).where(_T.c.name == name)).first()
    return None if row is None else _to_backfill(row)


def every(connection: Connection) -> tuple[Backfill, ...]:
    """Oldest first."""
    rows = connection.execute(select(_T).order_by(_T.c.began_at, _T.c.name))
    return tuple(_to_backfill(row) for row in rows)


def _fixed(one: Backfill) -> dict[str, object]:
    return {"since": one.since, "until": one.until}


def _moving(one: Backfill) -> dict[str, object]:
    return {
        "kind": one.kind.value,
        "stamp": one.stamp,
        "id": one.id,
        "skip": one.skip,
        "read": one.read,
        "counts": one.counts,
        "finished_at": one.finished_at,
    }


def _to_backfill(row: Any) -> Backfill:
    return Backfill(
        name=row.name,
        since=row.since,
        until=row.until,
        kind=Kind(row.kind),
        stamp=row.stamp,
        id=row.id,
        skip=row.skip,
        read=row.read,
        counts=row.counts,
        finished_at=row.finished_at,
    )
