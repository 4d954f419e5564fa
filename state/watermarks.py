"""Where each feed stands, from when on syncd is responsible, and which instances the state belongs to.

Called by `state.store` and `state.transaction`. A watermark never moves backwards; a baseline is stored once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select

from mappings.model import System
from state import schema
from state.inserts import insert_or_replace
from state.prepared import Prepared
from state.types import Baseline, Identity, StateError, Watermark

_ONE = Prepared(select(schema.watermarks).where(schema.watermarks.c.feed == bindparam("feed")))
_ALL = Prepared(select(schema.watermarks).order_by(schema.watermarks.c.feed))
_IDENTITIES = Prepared(
    select(schema.identities.c.system, schema.identities.c.id, schema.identities.c.url).order_by(
        schema.identities.c.system
    )
)
_BASELINE = Prepared(select(schema.baseline.c.at, schema.baseline.c.created_at))


def watermark(connection: Connection, feed: str) -> Watermark | None:
    row = _ONE.first(connection, {"feed": feed})
    return None if row is None else Watermark(*row)


def every_watermark(connection: Connection) -> tuple[Watermark, ...]:
    return tuple(Watermark(*row) for row in _ALL.all(connection))


def advance(
    connection: Connection,
    feed: str,
    stamp: datetime,
    id: str,
    *,
    passed_until: datetime | None,
    now: datetime,
    read_at: datetime | None = None,
) -> None:
    """Moves the position and the passed instant forward, each for itself; what lies behind is left alone."""
    stored = watermark(connection, feed)
    if stored is not None:
        stamp, id = max((stamp, id), (stored.stamp, stored.id))
        passed_until = max((p for p in (passed_until, stored.passed_until) if p is not None), default=None)
        read_at = read_at or stored.read_at
    row = {"feed": feed, "stamp": stamp, "id": id, "passed_until": passed_until, "updated_at": now}
    row["read_at"] = read_at
    connection.execute(insert_or_replace(schema.watermarks, connection.dialect.name), row)


def baseline(connection: Connection) -> Baseline | None:
    row = _BASELINE.first(connection)
    return None if row is None else Baseline(*row)


def identities(connection: Connection) -> dict[System, Identity]:
    rows = _IDENTITIES.all(connection)
    return {System(row.system): Identity(System(row.system), row.id, row.url) for row in rows}


def check_not_begun(connection: Connection) -> None:
    if baseline(connection) is not None:
        raise StateError("the state has a baseline already; `syncd status` shows it, and it is never moved")


def initialise(
    connection: Connection,
    start: Baseline,
    systems: Mapping[System, Identity],
    feeds: Mapping[str, datetime],
    now: datetime,
) -> None:
    check_not_begun(connection)
    connection.execute(insert(schema.baseline), {"id": 1, "at": start.at, "created_at": start.created_at})
    rows = [{"system": one.system.value, "id": one.id, "url": one.url} for one in systems.values()]
    if rows:
        connection.execute(insert(schema.identities), rows)
    for feed, stamp in feeds.items():
        advance(connection, feed, stamp, "", passed_until=None, now=now)
