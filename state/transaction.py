"""What may be done inside a deciding transaction: read facts, store snapshots, apply decisions, settle claims, advance.

Made by `state.store.Store.deciding`; all of it commits together or not at all. Never does any input or output but to
the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from mappings.effects import Decision, Effect, Reference
from mappings.model import Facts, Kind, Link, Record, System
from mappings.references import Unresolved
from mappings.requests import Request
from state import (
    catch_up,
    facts,
    halts,
    lanes,
    ledger,
    links,
    outbox,
    quarantine,
    requests,
    unresolved,
    watermarks,
)
from state.history import unsettled
from state.snapshots import Snapshots
from state.standing import Standing, standing
from state.types import (
    Claim,
    Done,
    Halt,
    LedgerEntry,
    Outcome,
    QuarantinedRecord,
    StoredEffect,
    Watermark,
)
from state.waiting_notes import WaitingNotes
from state.walks import Walks


class Transaction(Walks):
    """Belongs to one thread, and ends with its `deciding` block."""

    def __init__(self, connection: Connection, now: datetime, run: str, config: str = "") -> None:
        self._connection = connection
        self._now = now
        self._run = run
        self._config = config
        self._snapshots = Snapshots(connection, now)
        self.waiting_notes = WaitingNotes(connection)
        self._entries: list[LedgerEntry] = []
        self._stands: Standing | None = None
        self._quarantined = False
        self._unremembered = self._as_in_catch_up = False
        self._clashes: list[str] = []
        self._linked: set[tuple[str, str]] = set()
        """Subjects and work orders of which is known here that they are linked."""
        self._background = False

    def snapshot(self, kind: Kind, id: str) -> Record | None:
        """The record as last seen."""
        return self._snapshots.get(kind, id)

    def by_number(self, kind: Kind, number: str) -> Record | None:
        """The record that people know by this number; None when there is none, or more than one."""
        return self._snapshots.by_number(kind, number)

    def preload(self, kind: Kind, ids: Iterable[str]) -> None:
        """Reads many snapshots in one statement. Saves time only: a page costs a few statements instead of hundreds."""
        self._snapshots.preload(kind, ids)

    def preload_all(self, names: Iterable[tuple[Kind, str]]) -> None:
        """As `preload`, for several kinds."""
        self._snapshots.preload_all(names)

    def preload_links(self, work_orders: Iterable[str]) -> None:
        """Reads whom these work orders are linked to in one statement, so that `link` needs none where there is a link."""
        self._linked |= links.pairs(self._connection, work_orders)

    def record(self, record: Record, *, by_id: bool = False) -> bool:
        """Stores a snapshot. True: what is stored is `record` now. False: a newer version is, and nothing was stored.

        A feed never moves a version backwards; a read `by_id` may, because the remote record itself was rolled back.
        """
        return self._snapshots.put(record, by_id=by_id)

    def restore(self, record: Record) -> None:
        """Gives the snapshot of a record its body again where it was given up; the record itself is not taken in."""
        self._snapshots.restore(record)

    def subjects_of(self, kind: Kind, id: str) -> tuple[tuple[Kind, str], ...]:
        """The domain orders and order tasks that a record concerns, sorted.

        A domain order or order task itself; everything below an order, a line or a domain order; for a work order and
        its tasks, those that are linked to it.
        """
        return facts.subjects_of(self._connection, self._snapshots, kind, id)

    def tasks_of(self, work_orders: Iterable[str]) -> tuple[Record, ...]:
        """The tasks of these work orders as last seen."""
        below = sorted(self._snapshots.below(Kind.WORK_ORDER, tuple(work_orders)))
        self._snapshots.preload(Kind.WORK_TASK, [id for _, id in below])
        found = (self._snapshots.get(kind, id) for kind, id in below)
        return tuple(one for one in found if one is not None)

    def facts_for(self, kind: Kind, id: str) -> Facts | None:
        """Everything that a decision about a domain order or order task may look at; None when it was never seen."""
        baseline = self._standing().baseline
        found = facts.facts_for(self._connection, self._snapshots, baseline, kind, id)
        return replace(found, catching_up=True) if found is not None and self.catching_up else found

    def links_of(self, subject: str) -> tuple[Link, ...]:
        """The links of a domain order or order task, oldest first."""
        return tuple(one.link for one in links.of_subject(self._connection, subject))

    @property
    def catching_up(self) -> bool:
        """Whether the state may be older than the world."""
        return self._standing().catch_up is not None or self._as_in_catch_up

    def _standing(self) -> Standing:
        if self._stands is None:
            self._stands = standing(self._connection)
            if self._snapshots.described is None:
                self._snapshots.described = self._stands.described
        return self._stands

    @contextmanager
    def as_in_catch_up(self, *, so: bool) -> Iterator[None]:
        """What is decided inside is decided as in a catch-up: a record that did not parse while one lasted comes late."""
        self._as_in_catch_up = so
        try:
            yield
        finally:
            self._as_in_catch_up = False

    @contextmanager
    def unremembered(self, *, so: bool) -> Iterator[None]:
        """What is applied inside is born in doubt, as all is in a catch-up: it follows from something unremembered."""
        before, self._unremembered = self._unremembered, so
        try:
            yield
        finally:
            self._unremembered = before

    @contextmanager
    def in_background(self) -> Iterator[None]:
        """What is applied inside is sent after what is live."""
        self._background = True
        try:
            yield
        finally:
            self._background = False

    def review_later(self, kind: Kind, subject: str) -> None:
        """At the end of the catch-up this subject is looked at as a whole."""
        catch_up.review_later(self._connection, kind, subject)

    def reviews(self, limit: int) -> tuple[tuple[Kind, str], ...]:
        """Subjects that are still to be looked at as a whole."""
        return catch_up.reviews(self._connection, limit)

    def reviewed(self, subjects: Iterable[str]) -> None:
        catch_up.reviewed(self._connection, subjects)

    def end_catch_up(self) -> bool:
        """What is intended from now on is new. False when the catch-up had ended already."""
        self._stands = replace(self._standing(), catch_up=None)
        return catch_up.end(self._connection)

    def unlinked_work_orders(self) -> tuple[Record, ...]:
        """Work orders as last seen that may carry our correlation and have no link."""
        self._snapshots.flush()
        return catch_up.unlinked(self._connection)

    def apply(self, decision: Decision, *, revive: bool = True) -> tuple[str, ...]:
        """Makes a decision durable. Returns the keys of the effects that wait now and did not before. Without `revive` an
        effect that was overtaken or given up stays so."""
        late, lasting = False, self._standing().catch_up
        if decision.plan is not None:
            links.pin(self._connection, decision.plan, self._now)
            late = catch_up.has_unknown_past(self._connection, decision.subject)
        if decision.noted:
            links.mark_noted(self._connection, decision.subject, decision.noted)
            late = late or catch_up.may_be_named(self._connection, decision.subject)
        return outbox.apply(
            self._connection,
            decision,
            self._now,
            revive=revive,
            unremembered=self.catching_up or self._unremembered or late,
            background=self._background,
            probe_from=lasting.probe_from if lasting else None,
            clashes=self._clashes,
        )

    def unsettled(self, limit: int) -> tuple[StoredEffect, ...]:
        """The effects that are not at rest, those of this transaction too, in order of birth."""
        self._snapshots.flush()
        return unsettled(self._connection, limit)

    def take_clashes(self) -> tuple[str, ...]:
        """Keys of effects that were not stored since this was last asked, because another effect has their key."""
        found, self._clashes = tuple(self._clashes), []
        return found

    def halt(self, kind: Kind, subject: str, promise: str, reason: str) -> bool:
        """A promise was broken for a domain order: its effects wait for a person. False when that is known already."""
        return halts.put(self._connection, Halt(kind, subject, promise, reason, self._now))

    def let_go_on(self, subject: str, by: str, reason: str) -> bool:
        """A person lets an order go on, in spite of what was found; False when it waits for nobody."""
        return halts.allow(self._connection, subject, by, reason, self._now)

    def link(self, link: Link) -> bool:
        """Links the two unless they are linked already; says whether it did."""
        pair = (link.domain_order, link.work_order)
        if pair in self._linked:
            return False
        self._linked.add(pair)
        return links.add(self._connection, link, self._now)

    def unlink(self, subject: str, work_order: str) -> bool:
        """A work order made by people does not belong to this subject any more; says whether it did."""
        self._linked.discard((subject, work_order))
        return links.remove(self._connection, subject, work_order)

    def keep_unresolved(self, effect: Effect, work_order: str, missing: Mapping[str, Reference]) -> None:
        """What a write of an effect's references went without; its other references are there now."""
        unresolved.keep(self._connection, effect, work_order, missing, self._now)

    def forget_unresolved(self, one: Unresolved) -> None:
        """A field is not waited for any more."""
        unresolved.forget(self._connection, one.work_order, one.target)

    def settle(self, claim: Claim, outcome: Outcome) -> bool:
        """Stores what became of a claimed effect, with the link of a done one.

        The record that a reply showed is a sighting like any other: the caller compares it with its snapshot, because a
        person may have changed it between our last look and our write.

        False means that zero rows matched the claim's fence: it was taken for lost, somebody else probes it, and
        nothing was written. The caller then writes nothing of its own either.
        """
        if not outbox.settle(self._connection, claim, outcome, self._now):
            return False
        if isinstance(outcome, Done) and outcome.link is not None:
            self.link(outcome.link)
        return True

    def retarget(self, subject: str, old: str, new: str) -> int:
        """What waits for a work order under the id that we chose goes to the one that the server made; how many that were."""
        return outbox.retarget(self._connection, subject, old, new)

    def open_request(self, kind: Kind, subject: str, stamp: datetime) -> None:
        """A domain order asks for closure since the version with this server stamp."""
        requests.open_request(
            self._connection, kind, subject, stamp, self._now, unremembered=self.catching_up
        )

    def request_of(self, subject: str) -> Request | None:
        """The latest request for closure of a domain order."""
        return requests.get(self._connection, subject)

    def move_request(self, request: Request) -> bool:
        """Stores where a request stands now; False when a newer request took its place."""
        return requests.put(self._connection, request, self._now)

    def end_request(self, subject: str, reason: str) -> bool:
        """The request was withdrawn or overtaken; False when none was open."""
        return requests.end(self._connection, subject, reason, self._now)

    def retry(self, key: str) -> bool:
        """Lets a parked effect go on, probing first; False when it is not parked."""
        return outbox.retry(self._connection, key, self._now)

    def drop(self, key: str, reason: str) -> bool:
        """Gives a parked effect up; False when it is not parked."""
        return outbox.drop(self._connection, key, reason, self._now)

    # -- where lanes stand -----------------------------------------------------------------------------------------

    def watermark(self, feed: str) -> Watermark | None:
        """Where a feed stands."""
        return watermarks.watermark(self._connection, feed)

    def watermarks(self) -> dict[str, Watermark]:
        """Where every feed stands."""
        return {mark.feed: mark for mark in watermarks.every_watermark(self._connection)}

    def advance(
        self,
        feed: str,
        stamp: datetime,
        id: str,
        passed_until: datetime | None = None,
        *,
        read_at: datetime | None = None,
    ) -> None:
        """Moves a watermark forward; what lies behind it changes nothing. `read_at`: by the server's clock."""
        watermarks.advance(
            self._connection, feed, stamp, id, passed_until=passed_until, now=self._now, read_at=read_at
        )

    def worked(self, lane: str, systems: Iterable[System]) -> None:
        """A lane has done something against these systems, for who looks at how it does."""
        lanes.worked(self._connection, lane, systems, self._now)

    def quarantine(  # noqa: PLR0917 - the parts of an unreadable record, in its own order
        self,
        system: System,
        kind: Kind,
        id: str,
        stamp: datetime | None,
        field: str,
        reason: str,
        body: str,
    ) -> None:
        """Keeps a record that could not be read. Seen again, it replaces what was kept and counts."""
        self._quarantined = True
        quarantine.put(
            self._connection,
            system=system,
            kind=kind,
            id=id,
            stamp=stamp,
            field=field,
            reason=reason,
            body=body,
            now=self._now,
        )

    def quarantined(self) -> tuple[QuarantinedRecord, ...]:
        """The records that could not be read, oldest first, those of this transaction too."""
        return quarantine.every(self._connection)

    def release_quarantine(self, kind: Kind, id: str) -> bool:
        """The record became readable; says whether it was in quarantine."""
        if not (self._quarantined or self._standing().quarantined):
            return False
        return quarantine.release(self._connection, kind, id)

    def forget_quarantined(self, kind: Kind, key: str) -> bool:
        """A person puts a record away, by its kind and key; says whether it was there. Its feed may bring it again."""
        return quarantine.forget(self._connection, kind, key)

    def remember(self, entry: LedgerEntry) -> None:
        """Appends to the ledger."""
        self._entries.append(entry)

    def finish(self) -> None:
        """Writes what was held back to be written at once. Called by the store, just before the commit."""
        self._snapshots.flush()
        ledger.remember(self._connection, self._entries, self._run, self._now, config=self._config)
        self._entries.clear()
