"""Permits for requests to a remote system, given out in blocks and counted until their window has passed.

Called by `state.store` in a short transaction of its own, one after the other, so that all processes on a state share a
budget. Which request a permit is used for, and whether it is, the connectors know.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, case, delete, func, insert, select, update

from mappings.budget import Purpose, Terms, room
from mappings.model import System
from state import schema
from state.types import BudgetUse, Permits

_T = schema.request_blocks
LEAST_WAIT_S = 0.05
_COUNT_BACKGROUND = case((_T.c.background.is_(True), _T.c.count), else_=0)


def lease(
    connection: Connection, system: System, purpose: Purpose, wanted: int, terms: Terms, *, now: datetime
) -> Permits:
    """Up to `wanted` permits; none, and when to ask again, where the budget has no room."""
    _forget(connection, system, terms, now)
    used, background = _used(connection, system)
    count = min(wanted, room(terms, purpose, used, background))
    if count <= 0:
        return Permits(0, 0, 0.0, _retry_s(connection, system, purpose, used, background, terms, now))
    row = {
        "system": system.value,
        "background": purpose is Purpose.BACKGROUND,
        "count": count,
        "taken_at": now,
    }
    id = connection.scalar(insert(_T).returning(_T.c.id), row)
    return Permits(id or 0, count, terms.valid_s, 0.0)


def give_back(connection: Connection, id: int, unused: int) -> None:
    """Permits of a block that were not used, and never will be."""
    connection.execute(update(_T).where(_T.c.id == id).values(count=_T.c.count - unused))
    connection.execute(delete(_T).where(_T.c.id == id, _T.c.count <= 0))


def use(connection: Connection, system: System, terms: Terms, now: datetime) -> BudgetUse:
    """What counts now against a budget."""
    since = now - timedelta(seconds=terms.window_s)
    counts = select(func.sum(_T.c.count), func.sum(_COUNT_BACKGROUND)).where(
        _T.c.system == system.value, _T.c.taken_at > since
    )
    used, background = connection.execute(counts).one()
    return BudgetUse(system, terms.requests, int(used or 0), int(background or 0))


def _forget(connection: Connection, system: System, terms: Terms, now: datetime) -> None:
    """Blocks whose window has passed. One from the future counts from now: the clock was set back."""
    mine = _T.c.system == system.value
    connection.execute(update(_T).where(mine, _T.c.taken_at > now).values(taken_at=now))
    connection.execute(delete(_T).where(mine, _T.c.taken_at <= now - timedelta(seconds=terms.window_s)))


def _used(connection: Connection, system: System) -> tuple[int, int]:
    counts = select(func.sum(_T.c.count), func.sum(_COUNT_BACKGROUND)).where(_T.c.system == system.value)
    used, background = connection.execute(counts).one()
    return int(used or 0), int(background or 0)


def _retry_s(  # noqa: PLR0917 - what the decision above has looked at
    connection: Connection,
    system: System,
    purpose: Purpose,
    used: int,
    background: int,
    terms: Terms,
    now: datetime,
) -> float:
    """When the oldest block that stands in the way has passed."""
    oldest = select(func.min(_T.c.taken_at, type_=schema.Instant)).where(_T.c.system == system.value)
    if purpose is Purpose.BACKGROUND and room(terms, Purpose.LIVE, used, background) > 0:
        oldest = oldest.where(_T.c.background.is_(True))
    taken_at = connection.scalar(oldest)
    if taken_at is None:
        return terms.per_s  # a share of nothing
    left: float = (taken_at - now).total_seconds() + terms.window_s
    return max(LEAST_WAIT_S, left)
