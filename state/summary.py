"""Counts what the state holds, for `syncd status` and the metrics. Called by `state.store`; only reads."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Table, func, select

from mappings.model import EffectStatus
from state import outbox, quarantine, schema, watermarks
from state.prepared import Prepared
from state.types import Backlog, Summary

_O = schema.outbox
OPEN = (EffectStatus.PENDING, EffectStatus.IN_FLIGHT, EffectStatus.IN_DOUBT, EffectStatus.PARKED)
_EFFECTS = (
    select(_O.c.kind, _O.c.status, func.count())
    .group_by(_O.c.kind, _O.c.status)
    .order_by(_O.c.kind, _O.c.status)
)
_OLDEST_OPEN = (
    select(_O.c.kind, _O.c.status, func.min(_O.c.born_at, type_=schema.Instant).label("born_at"))
    .where(_O.c.status.in_(outbox.words(*OPEN)))
    .group_by(_O.c.kind, _O.c.status)
)
_OLDEST = select(func.min(_O.c.born_at, type_=schema.Instant)).where(
    _O.c.status.in_(outbox.words(EffectStatus.PENDING, EffectStatus.IN_DOUBT)),  # lets a partial index serve
    _O.c.status == EffectStatus.PENDING.value,
)
_SNAPSHOTS = (
    select(schema.snapshots.c.kind, func.count().label("n"))
    .group_by(schema.snapshots.c.kind)
    .order_by(schema.snapshots.c.kind)
)


def summary(connection: Connection) -> Summary:
    effects = {(kind, status): n for kind, status, n in connection.execute(_EFFECTS)}
    return Summary(
        feeds=watermarks.every_watermark(connection),
        effects=effects,
        oldest_pending=connection.scalar(_OLDEST),
        in_doubt=sum(n for (_, status), n in effects.items() if status == EffectStatus.IN_DOUBT.value),
        quarantine=quarantine.count(connection),
        links=_count(connection, schema.links),
        plans=_count(connection, schema.plans),
        snapshots={row.kind: row.n for row in connection.execute(_SNAPSHOTS)},
        parked=outbox.parked(connection),
        oldest={(row.kind, row.status): row.born_at for row in connection.execute(_OLDEST_OPEN)},
    )


_BACKLOG = Prepared(
    select(_O.c.status, func.count().label("n"), func.min(_O.c.born_at, type_=schema.Instant).label("oldest"))
    .where(_O.c.status.in_(outbox.words(*OPEN)))
    .group_by(_O.c.status)
)


def backlog(connection: Connection, now: datetime) -> Backlog:
    """What is not at rest, by the partial index of open effects only."""
    rows = {row.status: row for row in _BACKLOG.all(connection)}
    born = [row.oldest for status, row in rows.items() if status != EffectStatus.PARKED.value]
    counts = {status: rows[status].n if status in rows else 0 for status in OPEN}
    return Backlog(
        pending=counts[EffectStatus.PENDING],
        in_flight=counts[EffectStatus.IN_FLIGHT],
        in_doubt=counts[EffectStatus.IN_DOUBT],
        parked=counts[EffectStatus.PARKED],
        oldest_s=max(0.0, (now - min(born)).total_seconds()) if born else 0.0,
    )


def _count(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0
