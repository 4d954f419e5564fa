"""Intake: what changed in a system since the watermark, page by page, each page in one transaction.

Called by `daemon` for each feed of a system, one poller per feed at a time. Talks to the remote system before the
transaction, never inside it; decides nothing itself (`observe` does), sends nothing (`delivery` does).
The theory of the watermark is in docs/architecture.md ("Feeds").
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from connectors.ports import BEGINNING, Cursor, Page, Position, RemoteSystem
from mappings.decisions import LinkSettings
from mappings.model import TRAIT_KINDS, Kind, Record, System
from mappings.scheduling import in_turn
from state.store import Store, Transaction
from syncd.above import Above
from syncd.histories import Look, look_nowhere
from syncd.logs import Log
from syncd.observe import Observer, Sightings
from syncd.safety import Leave, RolledBack, Safety, Tally, leave_of
from syncd.sightings import tell_unreadable
from syncd.timing import Spent, deciding

FEEDS: Mapping[System, tuple[Kind, ...]] = {
    System.ORDER_MANAGEMENT: (Kind.CUSTOMER_ORDER, Kind.ORDER_LINE, Kind.DOMAIN_ORDER, Kind.ORDER_TASK),
    System.FIELD_SERVICE: (Kind.WORK_ORDER, Kind.WORK_TASK),
}
"""Parents before children, so that most pages find the records above them already stored."""


@dataclass(slots=True)
class Pass:
    """One run of a feed, from behind the watermark to the upper bound that its first page froze."""

    kind: Kind
    position: Position
    upper: datetime | None = None
    """T0: a server instant certainly not later than the first query. None until the first page is in."""
    sure: datetime | None = None
    """Rows behind this instant may have been jumped over by a row that changed under the server's hands: the next pass
    reads them again. None when there are none."""
    pages: int = 0
    fetched: int = 0
    hidden: int = 0
    watermark_from: datetime | None = None
    watermark_to: datetime | None = None
    sightings: Sightings = field(default_factory=Sightings)
    leave: Leave = field(default_factory=Leave)
    tally: Tally = field(default_factory=Tally)
    spent: Spent = field(default_factory=Spent)
    kinds: Counter[str] = field(default_factory=Counter)
    """The effects that it intended, by kind."""
    over: bool = False
    """It came to the end of its feed."""
    stopped: bool = False
    """It would write for too many orders: nothing more is stored, the rest is only counted."""

    @property
    def is_quiet(self) -> bool:
        """Rows that describe orders, read for the first time: they were so before anybody asked, and change nothing."""
        return self.kind in TRAIT_KINDS and self.watermark_from is None


class Intake:
    """Brings the feeds of both systems into the state."""

    def __init__(
        self,
        systems: Mapping[System, RemoteSystem],
        store: Store,
        observer: Observer,
        log: Log,
        *,
        page_size: Mapping[System, int],
        links: Callable[[], LinkSettings],
        safety: Safety | None = None,
        traits: Mapping[Kind, tuple[str, ...]] = MappingProxyType({}),
        monotonic: Callable[[], float] = time.monotonic,
        look_between: Look = look_nowhere,
    ) -> None:
        self._systems = systems
        self.look_between = look_between
        self._safety = safety
        self._store = store
        self._observer = observer
        self._log = log
        self._page_size = page_size
        self._traits = traits
        self.above = Above(systems, store, links=links, traits=traits)
        self._monotonic = monotonic
        # A record in quarantine without a body was readable: a rule failed on it, and only a change or a person helps.
        self._garbled = {(one.kind, one.id or one.body) for one in store.quarantined() if one.body}
        self._hidden: dict[Kind, int] = {}
        self._marks: dict[Kind, Cursor] = {}
        """Where this process has left each feed."""
        self.begun: dict[Kind, int] = {}
        self.ended: dict[Kind, int] = {}
        """How many passes of each feed have begun and come to their end, for who watches that they do."""

    def feeds(self, system: System) -> tuple[Kind, ...]:
        """The feeds of a system, rows that describe domain orders before these."""
        own = tuple(kind for kind in self._traits if kind.system is system)
        kinds = FEEDS[system]
        where = kinds.index(Kind.DOMAIN_ORDER) if own else 0
        return (*kinds[:where], *own, *kinds[where:])

    def run_pass(self, kind: Kind) -> Pass:
        """One whole pass of a feed. Raises the connectors' errors; what was committed before stays."""
        current = self.begin(kind)
        while self.take_page(current):
            pass
        return current

    def begin(self, kind: Kind) -> Pass:
        """A pass that starts one overlap behind the watermark, where rows that committed late may lie."""
        remote = self._systems[kind.system]
        with self._store.history() as history:
            watermark = history.watermark(kind.value)
            leave = leave_of(kind.value, history) if self._safety is not None else Leave()
        if not leave.paused:
            self.begun[kind] = self.begun.get(kind, 0) + 1
        if watermark is None:
            return Pass(kind, Position(BEGINNING), leave=leave)
        start = max(watermark.stamp - remote.overlap, BEGINNING.stamp)
        stamp = watermark.stamp
        return Pass(kind, Position(Cursor(start)), watermark_from=stamp, watermark_to=stamp, leave=leave)

    def take_page(self, current: Pass) -> bool:
        """Fetches and commits one page; False when the pass is over, or its feed waits for a person."""
        if current.leave.paused:
            return False
        remote = self._systems[current.kind.system]
        page = remote.changes_since(current.kind, current.position, self._page_size[current.kind.system])
        upper = current.upper or page.asked_at
        above = self.above.missing(page.records)
        self.look_between(page.records)
        over = page.next is None or page.next.after.stamp > upper
        sightings = Sightings()
        left: Cursor | None = None
        current.sure = _earlier(current.sure, page.sure_until)
        mark = mark_of(_places(page), page.next, page.asked_at, upper, remote.granule, sure=current.sure)
        try:
            with deciding(self._store, current.spent, self._monotonic) as tx:
                self.see(tx, page, above, sightings, quiet=current.is_quiet)
                if mark is not None or over:
                    at = mark or Cursor(current.watermark_to or BEGINNING.stamp)
                    passed = _earlier(upper, current.sure) if over else None
                    left = self._look_back(tx, current.kind, at, sightings)
                    tx.advance(current.kind.value, at.stamp, at.id, passed, read_at=page.asked_at)
                self._stop_if_too_many(tx, current, sightings)
        except RolledBack:
            current.stopped = True
        else:
            if left is not None:
                self._marks[current.kind] = left
            self._account(current, page, sightings, mark)
        current.upper = upper
        if page.next is not None:
            current.position = page.next
        if over:
            self._finish(current)
        return not over

    def see(
        self,
        tx: Transaction,
        page: Page,
        above: Sequence[Record],
        sightings: Sightings,
        *,
        quiet: bool = False,
    ) -> None:
        """Everything that a page shows, inside the caller's transaction; no watermark moves."""
        self._observer.preload(tx, (*above, *page.records))
        # Not `by_id`: another poller may have stored a newer version since we read these.
        for record in above:
            self._observer.observe_above(tx, record, sightings, quiet=quiet)
        for record in in_turn(page.records):
            self._observer.observe(tx, record, sightings, quiet=quiet)
        self._release(tx, page, sightings)
        for bad in page.unreadable:
            tx.quarantine(bad.kind.system, bad.kind, bad.id, bad.stamp, bad.field, bad.reason, bad.body)

    def _look_back(self, tx: Transaction, kind: Kind, at: Cursor, sightings: Sightings) -> Cursor:
        """A feed never stands behind where this process has left it: that is another state than the one it began with.
        Returns where it is left now."""
        stored = tx.watermark(kind.value)
        now = Cursor(stored.stamp, stored.id) if stored is not None else BEGINNING
        before = self._marks.get(kind, now)
        if now < before:
            sightings.add(
                "invariant.violated",
                feed=kind,
                promise="S5",
                reason=f"the watermark went back from {_iso(before.stamp)} to {_iso(now.stamp)}",
                next="the state was replaced under a running daemon: restart it, and it catches up",
            )
        return max(now, at)

    def _stop_if_too_many(self, tx: Transaction, current: Pass, sightings: Sightings) -> None:
        """Takes the page back when the pass would write for too many orders, and every page after that."""
        if self._safety is None:
            return
        current.tally.add(tx, sightings.intended)
        if current.stopped or self._safety.exceeds(tx, current.tally, current.leave):
            raise RolledBack

    def take_record(self, kind: Kind, id: str) -> None:
        """One record, read by id now, on the road of a page; no watermark moves. Raises the errors of a read.

        For a person who lets a record out of quarantine.
        """
        record = self._systems[kind.system].read(kind, id)
        above = self.above.missing((record,))
        self.look_between((record,))
        sightings = Sightings()
        with self._store.deciding() as tx:
            self._observer.preload(tx, (*above, record))
            for one in above:
                self._observer.observe_above(tx, one, sightings)
            self._observer.reread(tx, record, sightings)
        sightings.tell(self._log)

    def _account(self, current: Pass, page: Page, sightings: Sightings, mark: Cursor | None) -> None:
        current.pages += 1
        current.fetched += len(page.records)
        current.hidden += page.hidden
        if mark is not None and (current.watermark_to is None or mark.stamp > current.watermark_to):
            self._log.event(
                "watermark.advanced",
                feed=current.kind,
                watermark_from=_iso(current.watermark_to),
                watermark_to=_iso(mark.stamp),
            )
            current.watermark_to = mark.stamp
        total = current.sightings
        total.changed += sightings.changed
        total.born += sightings.born
        current.kinds.update(effect.kind.value for effect in sightings.intended)
        sightings.tell(self._log)
        self._garbled -= {(record.kind, record.id) for record in page.records}
        # Rows near the watermark are read again by each pass: what is wrong with them is told once.
        for bad in page.unreadable:
            name = (bad.kind, bad.id or bad.body)
            if name not in self._garbled:
                self._garbled.add(name)
                tell_unreadable(self._log, bad)

    def _finish(self, current: Pass) -> None:
        self.ended[current.kind] = self.ended.get(current.kind, 0) + 1
        current.over = True
        if self._safety is not None and current.stopped:
            self._safety.stop(current.kind.value, current.tally)
        elif self._safety is not None:
            self._safety.finish(current.kind.value, current.leave)
        if current.hidden not in (0, self._hidden.get(current.kind)):
            self._log.event("rows.hidden", feed=current.kind, rows=current.hidden)
        self._hidden[current.kind] = current.hidden

    def _release(self, tx: Transaction, page: Page, sightings: Sightings) -> None:
        """Records that are readable again although they never changed; `observe` drops those unseen."""
        for record in page.records:
            garbled = (record.kind, record.id) in self._garbled
            if garbled and tx.release_quarantine(record.kind, record.id):
                sightings.add("record.released", kind=record.kind, id=record.id, number=record.number)


def mark_of(
    places: Sequence[Cursor],
    following: Position | None,
    asked_at: datetime,
    upper: datetime,
    granule: timedelta,
    *,
    sure: datetime | None = None,
) -> Cursor | None:
    """min(how far the feed was read, T0 - one granule, `sure`): a row that commits while we read may carry any stamp
    after that.

    Where rows follow, the place of the next page says how far, never the newest stamp: a row that changed while the
    server was reading shows its new stamp at its old place, and what lies between the two was not read.
    """
    if not places:
        return None
    behind = max(places) if following is None else following.after
    if following is not None and behind.stamp >= asked_at:
        return (
            None  # no row of the page is older than the question: nobody knows what place they were read at
        )
    cap = upper - granule if sure is None else min(upper - granule, sure)
    return behind if behind.stamp <= cap else Cursor(cap)


def _places(page: Page) -> list[Cursor]:
    return [
        *(Cursor(record.updated_at, record.id) for record in page.records),
        *(Cursor(bad.stamp, bad.id) for bad in page.unreadable if bad.stamp is not None),
    ]


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(one, other) if one is not None and other is not None else one or other


def _iso(stamp: datetime | None) -> str:
    return stamp.isoformat() if stamp else ""
