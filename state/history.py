"""Looking back: what is kept of a record, its effects and its past, all within one reading transaction.

Made by `state.store.Store.history` for `explain` and `quarantine`. Only reads; decides nothing and takes no locks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from mappings.effects import EffectKind
from mappings.model import EffectStatus, Facts, Kind, Record
from mappings.references import Unresolved
from mappings.requests import Request
from mappings.retention import is_reduced
from state import (
    backfills,
    catch_up,
    concluded,
    facts,
    halts,
    lanes,
    leases,
    ledger,
    links,
    orders,
    outbox,
    quarantine,
    requests,
    safety,
    schema,
    sweeps,
    unresolved,
    watermarks,
)
from state.snapshots import COLUMNS, Snapshots, chunks, to_record
from state.types import (
    Backfill,
    Baseline,
    Halt,
    Lane,
    Lease,
    LedgerEntry,
    QuarantinedRecord,
    SafetyStop,
    StoredEffect,
    Sweep,
    VanishedLink,
    Watermark,
)

_S = schema.snapshots
_O = schema.outbox
_KINDS = [kind.value for kind in Kind]
_OPEN = outbox.words(*(s for s in EffectStatus if s not in (EffectStatus.DONE, EffectStatus.SUPERSEDED)))

# two statements: with an OR, SQLite would read the whole table
_BY_ID, _BY_NUMBER = (
    select(*COLUMNS).where(_S.c.kind.in_(_KINDS), column == bindparam("name"))
    for column in (_S.c.id, _S.c.number)
)
_EFFECTS = select(
    _O.c.id,
    _O.c.effect,
    _O.c.status,
    _O.c.attempts,
    _O.c.reason,
    _O.c.born_at,
    _O.c.moved_at,
    _O.c.first_sent_at,
    _O.c.last_sent_at,
    _O.c.not_before,
    _O.c.lease_until,
    _O.c.settled_at,
    _O.c.unremembered,
)
_BY_KEY = _EFFECTS.where(_O.c.key.in_(bindparam("keys", expanding=True)))
_OPEN_OF = _EFFECTS.where(_O.c.subject == bindparam("subject"), _O.c.status.in_(_OPEN))
_UNSETTLED = _EFFECTS.where(_O.c.status.in_(_OPEN)).order_by(_O.c.id)
_OLDEST_WAITING = _EFFECTS.where(_O.c.status.in_(_OPEN), _O.c.status != EffectStatus.PARKED.value).order_by(
    _O.c.id
)
_DOUBTED = _EFFECTS.where(_O.c.status.in_(_OPEN), _O.c.status == EffectStatus.IN_DOUBT.value).order_by(
    _O.c.id
)
_PARKED = _EFFECTS.where(_O.c.status.in_(_OPEN), _O.c.status == EffectStatus.PARKED.value).order_by(_O.c.id)


class History:
    """Belongs to one thread, and ends with its `history` block."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now
        self._snapshots = Snapshots(connection, now)

    def baseline(self) -> Baseline | None:
        return watermarks.baseline(self._connection)

    def watermark(self, feed: str) -> Watermark | None:
        return watermarks.watermark(self._connection, feed)

    def named(self, name: str) -> tuple[Record, ...]:
        """The records of any kind that have this id, or that people know by this number."""
        rows = [row for one in (_BY_ID, _BY_NUMBER) for row in self._connection.execute(one, {"name": name})]
        found = {(record.kind, record.id): record for record in map(to_record, rows)}
        return tuple(found[key] for key in sorted(found))

    def record(self, kind: Kind, id: str) -> Record | None:
        """The record as last seen."""
        return self._snapshots.get(kind, id)

    def above(self, id: str) -> tuple[Record, ...]:
        """The records directly above one of any kind, the nearest first; it may have lost its body."""
        found = (self._snapshots.get(kind, one) for kind, one in orders.above(self._connection, id))
        return tuple(record for record in found if record is not None)

    def order_of(self, id: str) -> tuple[str, str] | None:
        """Id and number of the customer order to which a record of any kind belongs."""
        return orders.order_of(self._connection, id)

    def linked_sightings(self, records: Iterable[Record]) -> dict[tuple[Kind, str], Record]:
        """How those of `records` that are linked work orders, or tasks of one, were last seen; without those whose bodies
        were given up."""
        owners = [(one, one.id if one.kind is Kind.WORK_ORDER else one.get("work_order")) for one in records]
        linked = links.among(self._connection, [owner for _, owner in owners])
        wanted = [one for one, owner in owners if owner in linked]
        for kind in {one.kind for one in wanted}:
            self._snapshots.preload(kind, [one.id for one in wanted if one.kind is kind])
        seen = [self._snapshots.get(one.kind, one.id) for one in wanted]
        return {(one.kind, one.id): one for one in seen if one is not None and not is_reduced(one)}

    def subjects_of(self, kind: Kind, id: str) -> tuple[tuple[Kind, str], ...]:
        """The domain orders and order tasks that a record concerns, sorted."""
        return facts.subjects_of(self._connection, self._snapshots, kind, id)

    def facts_for(self, kind: Kind, id: str) -> Facts | None:
        """What a decision about a domain order or order task would look at now."""
        return facts.facts_for(self._connection, self._snapshots, self.baseline(), kind, id)

    def planned_by(self, table: str, since: datetime) -> tuple[tuple[Kind, str], ...]:
        """The domain orders and order tasks, created since then, whose plan is of a decision table."""
        return links.planned_by(self._connection, table, since)

    def entries(self, ids: Iterable[str]) -> tuple[LedgerEntry, ...]:
        """The history of several records, each entry once, oldest first."""
        return ledger.about_any(self._connection, ids)

    def effects_of(self, subject: str) -> tuple[StoredEffect, ...]:
        """Every effect of a domain order that the ledger still knows, and every open one, in order of birth."""
        keys = {key for entry in ledger.about(self._connection, subject) for key in _keys(entry)}
        rows = {row.id: row for row in self._connection.execute(_OPEN_OF, {"subject": subject})}
        for part in chunks(sorted(keys)):
            rows |= {row.id: row for row in self._connection.execute(_BY_KEY, {"keys": part})}
        stored = [_to_stored(rows[id]) for id in sorted(rows)]
        return tuple(one for one in stored if one.effect.subject == subject)

    def ended(self, subjects: Iterable[str]) -> Mapping[tuple[EffectKind, EffectStatus], int]:
        """How many effects of these domain orders were given up by the retention, by kind and how they ended."""
        return concluded.ended(self._connection, subjects)

    def ended_count(self) -> int:
        """How many effects the retention has given up."""
        return concluded.count(self._connection)

    def effect(self, key: str) -> StoredEffect | None:
        row = self._connection.execute(_BY_KEY, {"keys": [key]}).first()
        return None if row is None else _to_stored(row)

    def request_of(self, subject: str) -> Request | None:
        """The latest request for closure of a domain order."""
        return requests.get(self._connection, subject)

    def doubted(self, limit: int) -> tuple[StoredEffect, ...]:
        """The effects whose outcome is unknown, oldest first."""
        rows = self._connection.execute(_DOUBTED.limit(limit))
        return tuple(_to_stored(row) for row in rows)

    def oldest_waiting(self, limit: int) -> tuple[StoredEffect, ...]:
        """The effects that wait to be sent or looked for, or are at it just now, oldest first."""
        rows = self._connection.execute(_OLDEST_WAITING.limit(limit))
        return tuple(_to_stored(row) for row in rows)

    def lanes(self) -> tuple[Lane, ...]:
        """How lanes do against their systems, as far as a daemon wrote it down."""
        return lanes.every(self._connection)

    def leases(self) -> tuple[Lease, ...]:
        """Who has which right now."""
        return leases.every(self._connection, self._now)

    def catching_up(self) -> bool:
        """Whether the state may be older than the world."""
        return catch_up.current(self._connection) is not None

    def requests(self) -> tuple[Request, ...]:
        """The requests for closure that are not over, oldest first."""
        return requests.every_open(self._connection)

    def parked(self) -> tuple[StoredEffect, ...]:
        """The effects that wait for a person, oldest first."""
        return tuple(_to_stored(row) for row in self._connection.execute(_PARKED))

    def open_ids(
        self, kind: Kind, after: str, until: str, without: Collection[str], *, limit: int | None = None
    ) -> list[str]:
        """Ids behind `after` up to `until` ("" for the end) of records that are in none of the states `without`."""
        return sweeps.open_ids(self._connection, kind, after, until, without, limit=limit)

    def unfinished_ids(self, kind: Kind, after: str, until: str, ended: Collection[str]) -> list[str]:
        """Ids behind `after` up to `until` ("" for the end) of subjects with a work order in none of the states `ended`."""
        return sweeps.unfinished_ids(self._connection, kind, after, until, ended)

    def linked_ids(self, after: str, until: str) -> list[str]:
        """Linked work orders behind `after` up to `until` ("" for the end)."""
        return sweeps.linked_ids(self._connection, after, until)

    def naming(self, field: str, after: str, limit: int) -> list[str]:
        """Work orders behind `after` in whose `field` something stood when they were last seen."""
        return sweeps.naming(self._connection, field, after, limit)

    def twins(self) -> list[tuple[str, tuple[str, ...]]]:
        """Domain orders with several work orders for one correlation, and those work orders."""
        return sweeps.twins(self._connection)

    def vanished_links(self) -> tuple[VanishedLink, ...]:
        """Links whose work order is gone from field service, oldest first."""
        return sweeps.vanished_links(self._connection)

    def last_sweep(self, *, finished: bool = True) -> Sweep | None:
        """The newest run of the sweep that came to its end, or the newest of all."""
        return sweeps.latest(self._connection, finished=finished)

    def halts(self) -> tuple[Halt, ...]:
        """Orders that wait for a person because a promise was broken for them, oldest first."""
        return halts.every(self._connection)

    def unresolved(self) -> tuple[Unresolved, ...]:
        """Fields of work orders that stand without what field service did not know, oldest first."""
        return unresolved.every(self._connection)

    def stops(self) -> tuple[SafetyStop, ...]:
        """Lanes that stopped before a mass change, oldest first."""
        return safety.every(self._connection)

    def backfill(self, name: str) -> Backfill | None:
        """How far the backfill of that name came."""
        return backfills.get(self._connection, name)

    def backfills(self) -> tuple[Backfill, ...]:
        """How far each backfill came, oldest first."""
        return backfills.every(self._connection)

    def quarantined(self) -> tuple[QuarantinedRecord, ...]:
        """The records that could not be read, oldest first."""
        return quarantine.every(self._connection)


def unsettled(connection: Connection, limit: int) -> tuple[StoredEffect, ...]:
    """The effects that are not at rest, in order of birth."""
    return tuple(_to_stored(row) for row in connection.execute(_UNSETTLED.limit(limit)))


def _keys(entry: LedgerEntry) -> set[str]:
    named = [entry.data.get(list_) for list_ in ("effects", "superseded")]
    return {entry.effect_key, *(str(key) for keys in named if isinstance(keys, list) for key in keys)} - {""}


def _to_stored(row: Any) -> StoredEffect:
    return StoredEffect(
        effect=outbox.to_effect(row.effect),
        status=EffectStatus(row.status),
        attempts=row.attempts,
        reason=row.reason,
        born_at=row.born_at,
        moved_at=row.moved_at,
        first_sent_at=row.first_sent_at,
        last_sent_at=row.last_sent_at,
        not_before=row.not_before,
        lease_until=row.lease_until,
        settled_at=row.settled_at,
        unremembered=row.unremembered,
    )
