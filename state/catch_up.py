"""Whether the state may be older than the world: the catch-up that follows a start or a restore.

Called by `state.store` and `state.transaction`. While it lasts nothing is claimed, and what is intended is born in doubt:
another life may have done it, and this state does not remember. Which feeds must be read before it ends is for the shell.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Connection,
    Integer,
    Text,
    bindparam,
    delete,
    exists,
    insert,
    or_,
    select,
    type_coerce,
    update,
)

from mappings.effects import EffectKind
from mappings.model import EffectStatus, Kind, Record
from mappings.requests import RequestStatus
from state import outbox, schema
from state.inserts import insert_or_ignore
from state.prepared import Prepared
from state.snapshots import COLUMNS, chunks, to_record

_T = schema.catch_up
_R = schema.reviews
_O = schema.outbox
_S = schema.snapshots
_L = schema.links
_ONE = Prepared(select(_T.c.since, _T.c.probe_from))
_DOUBT = (
    update(_O)
    .where(_O.c.status.in_(outbox.words(*outbox.sources("forgotten"))))
    .values(
        status=outbox.target("forgotten"),
        moved_at=bindparam("now"),
        not_before=bindparam("probe_from", type_=schema.Instant),
    )
)
_UNREMEMBERED = (
    update(_O)
    .where(
        _O.c.status.in_(
            outbox.words(*(s for s in EffectStatus if s not in (EffectStatus.DONE, EffectStatus.SUPERSEDED)))
        )
    )
    .values(unremembered=True)
)
_BEGIN = insert(_T)
_REQUESTS = (
    update(schema.requests)
    .where(schema.requests.c.status != RequestStatus.OVER.value)
    .values(unremembered=True)
)
_MOVE = update(_T)
_WAIT_ANEW = (
    update(_O)
    .where(
        _O.c.status.in_(outbox.words(EffectStatus.IN_DOUBT)),
        _O.c.not_before == bindparam("before", type_=schema.Instant),
    )
    .values(not_before=bindparam("probe_from", type_=schema.Instant), moved_at=bindparam("now"))
)
_LATER = (
    update(_O)
    .where(
        _O.c.status.in_(outbox.words(EffectStatus.IN_DOUBT)),
        or_(_O.c.not_before.is_(None), _O.c.not_before < bindparam("probe_from", type_=schema.Instant)),
    )
    .values(not_before=bindparam("probe_from", type_=schema.Instant), moved_at=bindparam("now"))
)
_END = delete(_T)
_REVIEWS = Prepared(
    select(_R.c.subject_kind, _R.c.subject)
    .where(_R.c.looked.is_(False))
    .order_by(_R.c.subject)
    .limit(bindparam("limit", type_=Integer))
)
_AMONG = _R.c.subject.in_(bindparam("subjects", expanding=True))
_PLANNED = delete(_R).where(_AMONG, _R.c.subject.in_(select(schema.plans.c.domain_order)))
_LOOKED = update(_R).where(_AMONG).values(looked=True)
_FIRST_PLAN = delete(_R).where(_R.c.subject == bindparam("of"), _R.c.looked.is_(True))
_OPEN_CREATE = exists(
    select(_O.c.id).where(
        _O.c.subject == bindparam("of"),
        _O.c.kind == EffectKind.CREATE_WORK_ORDER.value,
        _O.c.unremembered.is_(True),
        _O.c.status.not_in(outbox.words(EffectStatus.DONE, EffectStatus.SUPERSEDED)),
    )
)
_UNLINKED = (
    select(*COLUMNS)
    .where(
        _S.c.kind == Kind.WORK_ORDER.value,
        type_coerce(_S.c.fields, Text).contains("syncd:1:"),
        _S.c.id.not_in(select(_L.c.work_order)),
    )
    .order_by(_S.c.id)
)


@dataclass(frozen=True, slots=True)
class CatchUp:
    """One that lasts. `probe_from`: no look at what another life may still be writing is believed before."""

    since: datetime
    probe_from: datetime | None


def current(connection: Connection) -> CatchUp | None:
    row = _ONE.first(connection)
    return None if row is None else CatchUp(*row)


def begin(connection: Connection, now: datetime, probe_from: datetime | None = None) -> CatchUp:
    """Puts every effect that is not done into doubt, and every request that is open. One that lasts already goes on, with what was born in it.

    With `probe_from` nothing in doubt is looked for before: a state was put back, perhaps one that was in a catch-up.
    """
    lasting = current(connection)
    if lasting is None:
        lasting = CatchUp(now, probe_from)
        row = {"id": 1, "since": now, "probe_from": probe_from}
        connection.execute(_BEGIN, row)
    elif probe_from is not None:
        lasting = CatchUp(now, probe_from)
        connection.execute(_MOVE, {"since": now, "probe_from": probe_from})
    elif lasting.probe_from is not None:
        lasting = _begin_anew(connection, lasting.since, lasting.probe_from, now)
    connection.execute(_DOUBT, {"now": now, "probe_from": lasting.probe_from})
    if probe_from is not None:
        connection.execute(_LATER, {"now": now, "probe_from": probe_from})
    connection.execute(_UNREMEMBERED)
    connection.execute(_REQUESTS)  # another life may have answered them
    return lasting


def _begin_anew(connection: Connection, since: datetime, probe_from: datetime, now: datetime) -> CatchUp:
    """The clock may have been set since: only time that a process has counted itself is sure to have passed."""
    anew = CatchUp(now, now + (probe_from - since))
    values = {"since": anew.since, "probe_from": anew.probe_from}
    connection.execute(_MOVE, values)
    connection.execute(_WAIT_ANEW, {"before": probe_from, "probe_from": anew.probe_from, "now": now})
    return anew


def end(connection: Connection) -> bool:
    """What is intended from now on is new. False when it had ended already."""
    return connection.execute(_END).rowcount == 1


def review_later(connection: Connection, kind: Kind, subject: str) -> None:
    row = {"subject": subject, "subject_kind": kind.value}
    connection.execute(insert_or_ignore(_R, connection.dialect.name), row)


def reviews(connection: Connection, limit: int) -> tuple[tuple[Kind, str], ...]:
    rows = _REVIEWS.all(connection, {"limit": limit})
    return tuple((Kind(row.subject_kind), row.subject) for row in rows)


def reviewed(connection: Connection, subjects: Iterable[str]) -> None:
    """They were looked at as a whole; those without a plan are kept for `has_unknown_past`."""
    for part in chunks(subjects):
        connection.execute(_PLANNED, {"subjects": part})
        connection.execute(_LOOKED, {"subjects": part})


def has_unknown_past(connection: Connection, subject: str) -> bool:
    """Whether the first plan of a subject is being decided that was there before a catch-up: another life may have decided
    and done one while this state did not know it. Forgets it, so that the next decision is an ordinary one."""
    return connection.execute(_FIRST_PLAN, {"of": subject}).rowcount == 1


def may_be_named(connection: Connection, subject: str) -> bool:
    """Whether another life may have named the work orders of a subject: it may have made them, and nobody has looked yet."""
    return bool(connection.scalar(select(_OPEN_CREATE), {"of": subject}))


def unlinked(connection: Connection) -> tuple[Record, ...]:
    """Work orders as last seen that may carry our correlation and have no link."""
    return tuple(to_record(row) for row in connection.execute(_UNLINKED))
