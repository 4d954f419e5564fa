"""Lanes that stopped before a mass change, and a person's word that lets one go on.

Called by `state.transaction` and `state.history`; what a mass change is, `syncd.safety` knows.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select, update

from state import schema
from state.inserts import insert_or_replace
from state.prepared import Prepared
from state.types import SafetyStop

_T = schema.safety_stops
_OF_LANE = select(_T).where(_T.c.lane == bindparam("lane"))
_EVERY = Prepared(select(_T).order_by(_T.c.stopped_at, _T.c.lane))


def stop(connection: Connection, found: SafetyStop) -> None:
    """Stores why a lane stopped, in place of an earlier stop of it and of what was allowed then."""
    row = {
        "lane": found.lane,
        "counts": found.counts,
        "known": found.known,
        "stopped_at": found.stopped_at,
        "allowed_by": found.allowed_by,
        "allowed_reason": found.allowed_reason,
        "allowed_at": found.allowed_at,
    }
    connection.execute(insert_or_replace(_T, connection.dialect.name), row)


def of_lane(connection: Connection, lane: str) -> SafetyStop | None:
    row = connection.execute(_OF_LANE, {"lane": lane}).first()
    return None if row is None else SafetyStop(*row)


def every(connection: Connection) -> tuple[SafetyStop, ...]:
    """Oldest first."""
    rows = _EVERY.all(connection)
    return tuple(SafetyStop(*row) for row in rows)


def allow(connection: Connection, lane: str, by: str, reason: str, now: datetime) -> bool:
    """Lets a stopped lane go on; False when it waits for nobody."""
    waiting = update(_T).where(_T.c.lane == lane, _T.c.allowed_at.is_(None))
    values = {"allowed_by": by, "allowed_reason": reason, "allowed_at": now}
    return connection.execute(waiting.values(**values)).rowcount == 1


def clear(connection: Connection, lane: str) -> None:
    """The lane has done what it was allowed."""
    connection.execute(delete(_T).where(_T.c.lane == lane))
