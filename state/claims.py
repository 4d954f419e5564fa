"""Who goes next: the heads of the outbox's queues, and the right to perform one of them.

Called by `state.store` for delivery. A queue is one domain order and one target system, in order of birth:

- what is in flight or in doubt blocks everything else of its queue; doubt goes before what is pending, and what was sent
  before what was only born in doubt;
- gate answers go before everything that is pending;
- the queues of live effects go before those that a backfill filled; within a queue birth decides alone;
- a parked effect blocks only later ones with the same target, and no gate answer; a parked note blocks nothing;
- an order for which a promise was broken waits as a whole.

A claim is durable as `in_flight` before it is handed out, so a crash can never hide that something may have been sent.
Claims come one after the other, each seeing those before it: two of one queue could otherwise pass each other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Integer, and_, bindparam, exists, func, or_, select, update

from mappings.effects import EffectKind
from mappings.model import EffectStatus, System
from state import halts, outbox, schema
from state.inserts import insert_or_replace
from state.prepared import Prepared
from state.types import Claim

_PENDING, _IN_FLIGHT, _IN_DOUBT, _PARKED = (
    outbox.words(status)[0]
    for status in (EffectStatus.PENDING, EffectStatus.IN_FLIGHT, EffectStatus.IN_DOUBT, EffectStatus.PARKED)
)
_URGENT = [EffectKind.CREATE_WORK_ORDER.value, EffectKind.CLOSE_DOMAIN_ORDER.value]
_C = schema.outbox.alias("c")  # the candidate
_B = schema.outbox.alias("b")  # another one of its queue
_P = schema.outbox.alias("p")  # a parked one of its queue


def _is_open(row: Any) -> ColumnElement[bool]:
    return cast(ColumnElement[bool], row.c.status.in_([_PENDING, _IN_FLIGHT, _IN_DOUBT, _PARKED]))


def _same_queue(one: Any, other: Any) -> ColumnElement[bool]:
    return and_(_is_open(one), one.c.subject == other.c.subject, one.c.system == other.c.system)


def _goes_before(one: Any, other: Any) -> ColumnElement[bool]:
    return or_(
        one.c.priority < other.c.priority, and_(one.c.priority == other.c.priority, one.c.id < other.c.id)
    )


def _doubt_goes_before(one: Any, other: Any) -> ColumnElement[bool]:
    """Among those in doubt: one that was sent may still arrive, and must not arrive behind one that never was."""
    sent, other_sent = one.c.last_sent_at.is_not(None), other.c.last_sent_at.is_not(None)
    return or_(and_(sent, ~other_sent), and_(or_(sent, ~other_sent), _goes_before(one, other)))


def _behind_parked(row: Any) -> ColumnElement[bool]:
    parked = select(_P.c.id).where(
        _same_queue(_P, row),
        _P.c.status == _PARKED,
        _P.c.kind != EffectKind.WRITE_NOTE.value,
        _P.c.target == row.c.target,
        _P.c.id < row.c.id,
    )
    return and_(row.c.status == _PENDING, row.c.priority > 0, exists(parked.correlate(row)))


def _heads() -> Any:
    """The waiting effects that nothing of their queue blocks, due or not: one for each queue at most."""
    blocks = or_(
        _B.c.status == _IN_FLIGHT,
        and_(_B.c.status == _IN_DOUBT, or_(_C.c.status == _PENDING, _doubt_goes_before(_B, _C))),
        and_(
            _B.c.status == _PENDING,
            _C.c.status == _PENDING,
            _goes_before(_B, _C),
            ~_behind_parked(_B),
        ),
    )
    blocked = exists(select(_B.c.id).where(_same_queue(_B, _C), _B.c.id != _C.c.id, blocks).correlate(_C))
    return (
        _C.c.status.in_([_PENDING, _IN_DOUBT]),
        ~blocked,
        ~_behind_parked(_C),
        ~halts.is_halted(_C.c.subject),
    )


_DUE = or_(_C.c.not_before.is_(None), _C.c.not_before <= bindparam("now"))
_NEXT = Prepared(
    select(
        _C.c.id,
        _C.c.fence,
        _C.c.effect,
        _C.c.status,
        _C.c.attempts,
        _C.c.first_sent_at,
        _C.c.last_sent_at,
        _C.c.unremembered,
        _C.c.background,
        _C.c.born_at,
    )
    .where(
        *_heads(),
        _DUE,
        _C.c.system.not_in(bindparam("without", expanding=True)),
        or_(_C.c.system.not_in(bindparam("scarce", expanding=True)), _C.c.kind.in_(_URGENT)),
        or_(_C.c.system.not_in(bindparam("idle", expanding=True)), _C.c.background.is_(False)),
    )
    .order_by(_C.c.priority, _C.c.background, _C.c.id)
    .limit(bindparam("limit", type_=Integer))
    # a row that is being settled or superseded just now is passed by, never waited for (PostgreSQL)
    .with_for_update(skip_locked=True, of=_C)
)
_O = schema.outbox
_TAKE = (
    update(_O)
    .where(_O.c.id.in_(bindparam("ids", expanding=True)))
    .values(
        status=outbox.target("claimed"),
        fence=_O.c.fence + 1,
        attempts=_O.c.attempts + 1,
        owner=bindparam("by"),
        lease_until=bindparam("until"),
        not_before=None,
        moved_at=bindparam("now"),
        first_sent_at=func.coalesce(_O.c.first_sent_at, bindparam("now", type_=schema.Instant)),
        last_sent_at=bindparam("now"),
    )
)
_IN_FLIGHT_ROWS = select(_O.c.id, _O.c.kind, _O.c.system).where(_O.c.status == _IN_FLIGHT)
_OUT_OF_TIME = Prepared(
    select(_O.c.id, _O.c.kind, _O.c.system, _O.c.moved_at, _O.c.not_before, _O.c.lease_until)
    .where(
        _is_open(_O),
        or_(
            _O.c.moved_at > bindparam("now"),
            and_(_O.c.status == _IN_FLIGHT, _O.c.lease_until <= bindparam("now")),
        ),
    )
    .with_for_update(skip_locked=True)
)
ONE_CLOCK = timedelta(seconds=1)
"""Two processes between which the clock was not set agree better about when its count of seconds began."""

_SETTLE_ANEW = (
    update(_O)
    .where(
        _O.c.status == _IN_DOUBT,
        _O.c.system == bindparam("of"),
        _O.c.last_sent_at.is_not(None),
        _O.c.kind != EffectKind.CREATE_WORK_ORDER.value,  # its id is ours: it may be looked for at any time
        or_(_O.c.not_before.is_(None), _O.c.not_before < bindparam("settled", type_=schema.Instant)),
    )
    .values(not_before=bindparam("settled", type_=schema.Instant), moved_at=bindparam("now"))
)


def claim(
    connection: Connection,
    owner: str,
    limit: int,
    lease_s: float,
    *,
    settle_s: Mapping[System, float],
    without: Collection[System],
    scarce: Collection[System],
    idle: Collection[System],
    now: datetime,
) -> tuple[Claim, ...]:
    """Takes up to `limit` due heads, none of the systems `without`, only urgent ones of those that are `scarce`, and live ones
    of those that are `idle`. Expired leases go into doubt first."""
    rows = _OUT_OF_TIME.all(connection, {"now": now})
    _start_again(connection, [row for row in rows if row.moved_at > now], now)
    outbox.lose(connection, [row for row in rows if row.moved_at <= now], settle_s, lease_s, now)
    values = {
        "now": now,
        "limit": limit,
        "without": [system.value for system in without],
        "scarce": [system.value for system in scarce],
        "idle": [system.value for system in idle],
    }
    rows = _NEXT.all(connection, values)
    if rows:
        until = now + timedelta(seconds=lease_s)
        connection.execute(_TAKE, {"ids": [row.id for row in rows], "by": owner, "until": until, "now": now})
    return tuple(_to_claim(row, now) for row in rows)


def _to_claim(row: Any, now: datetime) -> Claim:
    return Claim(
        id=row.id,
        fence=row.fence + 1,
        effect=outbox.to_effect(row.effect),
        probing=row.status == EffectStatus.IN_DOUBT.value or row.first_sent_at is not None,
        attempt=row.attempts + 1,
        first_sent_at=row.first_sent_at,
        last_sent_at=row.last_sent_at,
        claimed_at=now,
        unremembered=row.unremembered,
        background=bool(row.background),
        born_at=row.born_at,
    )


def _start_again(connection: Connection, future: list[Any], now: datetime) -> None:
    """A deadline further away than its own length was stored before the clock was set back: it starts again from now."""
    for row in future:
        back = row.moved_at - now
        connection.execute(
            update(_O)
            .where(_O.c.id == row.id)
            .values(
                moved_at=now,
                not_before=row.not_before - back if row.not_before else None,
                lease_until=row.lease_until - back if row.lease_until else None,
            )
        )


def lose(connection: Connection, owner_prefix: str, settle_s: Mapping[System, float], now: datetime) -> int:
    """Everything in flight of owners that are gone goes into doubt; how many that were.

    What was in doubt already settles anew: the clock may have been set while nobody ran, and only time that a process has
    counted itself is sure to have passed.
    """
    _settle_anew(connection, settle_s, now)
    theirs = _IN_FLIGHT_ROWS.where(_O.c.owner.startswith(owner_prefix, autoescape=True)).with_for_update()
    rows = list(connection.execute(theirs))
    outbox.lose(connection, rows, settle_s, max(settle_s.values(), default=0.0), now)
    return len(rows)


def keep_time(
    connection: Connection, zero: datetime, settle_s: Mapping[System, float], now: datetime
) -> timedelta | None:
    """Remembers at which hour the process that works now says that the machine's count of seconds began.

    Another hour than the last one said: the clock was set, or the machine booted, and deadlines that were stored mean
    nothing any more. A process that comes again and again (`syncd once` by a timer) lets nothing settle anew otherwise.
    """
    before = connection.scalar(select(schema.clock.c.zero))
    if before is not None and abs(zero - before) < ONE_CLOCK:
        return None
    values = {"id": 1, "zero": zero}
    connection.execute(insert_or_replace(schema.clock, connection.dialect.name), values)
    _settle_anew(connection, settle_s, now)
    return zero - before if before is not None else None


def _settle_anew(connection: Connection, settle_s: Mapping[System, float], now: datetime) -> None:
    for system, seconds in sorted(settle_s.items()):
        values = {"of": system.value, "settled": now + timedelta(seconds=seconds), "now": now}
        connection.execute(_SETTLE_ANEW, values)


_AT_ONCE_OR_LATER = func.coalesce(_C.c.not_before, bindparam("now", type_=schema.Instant))
_SOONEST_HEAD = select(func.min(_AT_ONCE_OR_LATER, type_=schema.Instant)).where(*_heads())
_SOONEST_LEASE = select(func.min(_O.c.lease_until, type_=schema.Instant)).where(_O.c.status == _IN_FLIGHT)
_SOONEST = Prepared(
    select(_SOONEST_HEAD.scalar_subquery().label("head"), _SOONEST_LEASE.scalar_subquery().label("lease"))
)


def next_due(connection: Connection, now: datetime) -> datetime | None:
    """When the earliest head may be claimed, or the earliest lease ends. `now`: at once. None: nothing waits."""
    ((head, lease),) = _SOONEST.all(connection, {"now": now})
    if head is not None and head <= now:
        return now
    return min((instant for instant in (head, lease) if instant is not None), default=None)
