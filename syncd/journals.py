"""Notes that people type, as a feed of its own: the journal of each system whose notes are mirrored, page by page.

Called by `daemon`, after the feeds of records, because a note means something only where its record and links are known.
As careful as those: keyset, overlap, a watermark that never passes the server's own clock, one transaction per page. What
a note means is for `mappings.mirror`; it is written by `delivery` like any other effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from connectors.ports import Cursor, JournalPage, Position, RemoteSystem
from mappings.decisions import Policy
from mappings.mirror import TypedNote, goes_further, may_be_read_later, mirrored
from mappings.model import SUBJECT_KINDS, Kind, System
from state.store import Store, Transaction
from syncd.intake import mark_of
from syncd.logs import Log
from syncd.observe import Observer, Sightings


def feed_of(system: System) -> str:
    """The name of a journal's watermark."""
    return f"notes:{system}"


@dataclass(slots=True)
class JournalPass:
    """One run over a journal, from behind the watermark to the upper bound that its first page froze."""

    system: System
    position: Position
    upper: datetime | None = None
    pages: int = 0
    fetched: int = 0
    hidden: int = 0
    born: int = 0
    reached: datetime | None = None
    """The watermark; it is stored again where a page brought nothing newer."""


class Journals:
    """Takes in what was typed. Notes older than `baseline` are history and stay where they are."""

    def __init__(
        self,
        systems: Mapping[System, RemoteSystem],
        store: Store,
        observer: Observer,
        policy: Callable[[], Policy],
        log: Log,
        *,
        page_size: Mapping[System, int],
        baseline: datetime,
    ) -> None:
        self._systems = systems
        self._store = store
        self._observer = observer
        self._policy = policy
        self._log = log
        self._page_size = page_size
        self._baseline = baseline
        self._hidden: dict[System, int] = {}
        self.begun: dict[System, int] = {}
        self.ended: dict[System, int] = {}
        """How many passes of each journal have begun and come to their end, for who watches that they do."""

    def wanted(self) -> tuple[System, ...]:
        """The systems whose notes are mirrored."""
        return tuple(system for system in System if system in self._policy().mirror_from)

    def begin(self, system: System) -> JournalPass:
        """A pass that starts one overlap behind the watermark. The first one ever begins now: what was typed before the
        notes of a system were mirrored is history."""
        self.begun[system] = self.begun.get(system, 0) + 1
        remote = self._systems[system]
        watermark = self._store.watermark(feed_of(system))
        if watermark is not None:
            start = watermark.stamp - remote.overlap
            return JournalPass(system, Position(Cursor(start)), reached=watermark.stamp)
        # One overlap ahead, so that no later pass looks behind this instant.
        start = remote.server_time() + remote.overlap
        with self._store.deciding() as tx:
            tx.advance(feed_of(system), start, "")
        return JournalPass(system, Position(Cursor(start - remote.overlap)), reached=start)

    def take_page(self, current: JournalPass) -> bool:
        """Fetches and commits one page; False when the pass is over."""
        remote = self._systems[current.system]
        page = remote.journal_since(current.position, self._page_size[current.system])
        upper = current.upper or page.asked_at
        over = page.next is None or page.next.after.stamp > upper
        mark = mark_of(_places(page), page.next, page.asked_at, upper, remote.granule)
        sightings = Sightings()
        with self._store.deciding() as tx:
            self.hear(tx, page, sightings)
            if mark is not None or over:
                at = mark or Cursor(current.reached or upper)
                passed = upper if over else None
                tx.advance(feed_of(current.system), at.stamp, at.id, passed, read_at=page.asked_at)
        sightings.tell(self._log)
        current.upper = upper
        current.pages += 1
        current.fetched += len(page.notes)
        current.hidden += page.hidden
        current.born += len(sightings.born)
        if page.next is not None:
            current.position = page.next
        if over:
            self.ended[current.system] = self.ended.get(current.system, 0) + 1
            self._tell_hidden(current)
        return not over

    def hear(self, tx: Transaction, page: JournalPage, sightings: Sightings) -> None:
        """Everything that a page says, inside the caller's transaction; no watermark moves."""
        for note in page.notes:
            self._take(tx, note, sightings)
        for bad in page.unreadable:
            tx.quarantine(bad.kind.system, bad.kind, bad.id, bad.stamp, bad.field, bad.reason, bad.body)

    def _take(self, tx: Transaction, note: TypedNote, sightings: Sightings) -> None:
        policy = self._policy()
        if note.created_at < self._baseline or not goes_further(note, policy):
            return
        if not self._mirror(tx, note, policy, sightings) and policy.mirror_wait:
            record = tx.snapshot(note.kind, note.record)
            if may_be_read_later(note, record, policy):
                tx.waiting_notes.keep(note)

    def _mirror(self, tx: Transaction, note: TypedNote, policy: Policy, sightings: Sightings) -> bool:
        """Writes a note to whoever is to read it; False when there is nobody."""
        reached = False
        for kind, subject in _concerned(tx, note):
            facts = tx.facts_for(kind, subject)
            if facts is not None:
                decision = mirrored(note, facts, policy)
                # read again within the overlap, what a person gave up stays given up
                self._observer.apply(tx, decision, sightings, revive=False)
                reached = reached or bool(decision.effects)
        return reached

    def look_again(self, current: JournalPass) -> None:
        """Notes that were typed before anybody could be found for them, once a link shows who is to read them. What is too
        old by the clock of its system waits no longer."""
        policy, after = self._policy(), ""
        while True:
            sightings = Sightings()
            with self._store.deciding() as tx:
                if current.upper is not None:
                    tx.waiting_notes.expire(current.system, current.upper - policy.mirror_wait)
                ready = tx.waiting_notes.ready(current.system, after)
                in_time = sorted(ready, key=lambda note: (note.created_at, note.id))
                with tx.unremembered(so=True):  # it may have begun to wait in a catch-up
                    found = [note for note in in_time if self._mirror(tx, note, policy, sightings)]
                tx.waiting_notes.forget(found)
            sightings.tell(self._log)
            current.born += len(sightings.born)
            if not ready:
                return
            after = ready[-1].id

    def _tell_hidden(self, current: JournalPass) -> None:
        if current.hidden not in (0, self._hidden.get(current.system)):
            self._log.event("rows.hidden", feed=feed_of(current.system), rows=current.hidden)
        self._hidden[current.system] = current.hidden


def _concerned(tx: Transaction, note: TypedNote) -> tuple[tuple[Kind, str], ...]:
    """The subjects whose other side is to read a note: the one that it stands on and no other, or all below its line,
    order, or work order."""
    if note.kind in SUBJECT_KINDS:
        return ((note.kind, note.record),)
    return tx.subjects_of(note.kind, note.record)


def _places(page: JournalPage) -> list[Cursor]:
    return [
        *(Cursor(note.created_at, note.id) for note in page.notes),
        *(Cursor(bad.stamp, bad.id) for bad in page.unreadable if bad.stamp is not None),
    ]
