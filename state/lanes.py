"""How each lane does against each system: when it last worked, and since when and until when it is kept from it.

Called by `state.transaction` when delivery settles, and by `state.store` when an outage begins, moves or ends: an idle
daemon writes nothing here. For `syncd status`; nothing is ever decided by it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from state import schema
from state.inserts import insert_or_replace
from state.types import Lane, Outage

_T = schema.lanes
_TROUBLE = ("since", "until", "failures", "error", "detail")
_WELL = {"since": None, "until": None, "failures": 0, "error": "", "detail": ""}


def worked(connection: Connection, lane: str, systems: Iterable[str], now: datetime) -> None:
    """The lane has done something against these systems; what keeps it from others stays as it is."""
    rows = [{"lane": lane, "system": system, "worked_at": now, **_WELL} for system in sorted(systems)]
    if rows:
        connection.execute(insert_or_replace(_T, connection.dialect.name, _TROUBLE), rows)


def keep_outages(connection: Connection, outages: Iterable[Outage]) -> None:
    """Stores the outages of now in place of those that were stored before."""
    connection.execute(update(_T).where(_T.c.since.is_not(None)).values(_WELL))
    rows = [
        {
            "lane": one.lane,
            "system": one.system,
            "worked_at": None,
            "since": one.since,
            "until": one.until,
            "failures": one.failures,
            "error": one.error,
            "detail": one.detail,
        }
        for one in outages
    ]
    if rows:
        connection.execute(insert_or_replace(_T, connection.dialect.name, ("worked_at",)), rows)


def every(connection: Connection) -> tuple[Lane, ...]:
    rows = connection.execute(select(_T).order_by(_T.c.lane, _T.c.system))
    return tuple(_lane(row) for row in rows)


def _lane(row: Any) -> Lane:
    outage = None
    if row.since is not None:
        outage = Outage(row.lane, row.system, row.since, row.until, row.failures, row.error, row.detail)
    return Lane(row.lane, row.system, row.worked_at, outage)
