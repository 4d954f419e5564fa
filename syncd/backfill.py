"""Backfill: domain orders and order tasks of a past period, in the order of their creation, once, on a person's word.

Reads current records, links the work orders that are there, creates what the plan misses, and amends and cancels as live
does; only it creates for what is older than the baseline. Each page is one transaction that moves the backfill's own place
on, so a killed run goes on where it stood. Called by `syncd backfill`, beside a running daemon too, which sends what
follows. Never touches a watermark, never sends anything itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from connectors.ports import Cursor, FieldService, OrderManagement, Page, Position
from mappings.decisions import Policy, decide
from mappings.effects import Decision, EffectKind
from mappings.keys import VERSION
from mappings.model import SUBJECT_KINDS, Facts, Kind, Record
from state.store import Backfill as Place
from state.store import StateLocked, Store, Transaction
from syncd.backfill_report import LINKED, UNDECIDED, UNREADABLE, Backfilled, Progress
from syncd.intake import Intake
from syncd.logs import Log
from syncd.observe import Observer, Sightings
from syncd.safety import COUNTED, Leave, RolledBack, Safety, Tally
from syncd.sightings import tell_unreadable

LANE = "backfill"


class OtherPeriod(ValueError):
    """A backfill of that name has been begun for another period."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks for: the subjects created from `since` to before `until`."""

    name: str
    since: datetime
    until: datetime

    @property
    def lane(self) -> str:
        """By which name the mass-change stop knows it."""
        return f"{LANE}:{self.name}"


@dataclass(slots=True)
class _Run:
    """One run on its way. `dry`: nothing is stored any more, only counted."""

    wish: Wish
    place: Place
    stopping: Callable[[], bool]
    told: Callable[[Progress], None]
    leave: Leave
    dry: bool
    done: Backfilled = field(default_factory=Backfilled)
    tally: Tally = field(default_factory=Tally)
    too_many: bool = False
    first: int = 0
    """Records that earlier runs have read."""
    over: bool = False
    """Everything was read."""
    left: dict[Kind, int] = field(default_factory=dict)
    """Records still to be read of each kind, where the server says."""


class Backfill:
    """Safe beside anything, itself too: what another process has moved meanwhile is not moved again."""

    def __init__(
        self,
        om: OrderManagement,
        fsm: FieldService,
        store: Store,
        observer: Observer,
        intake: Intake,
        *,
        safety: Safety,
        policy: Callable[[], Policy],
        log: Log,
        page_size: int,
    ) -> None:
        self._om = om
        self._fsm = fsm
        self._store = store
        self._observer = observer
        self._intake = intake
        self._safety = safety
        self._policy = policy
        self._log = log
        self._page_size = page_size

    def run(
        self,
        wish: Wish,
        stopping: Callable[[], bool],
        *,
        plan: bool = False,
        told: Callable[[Progress], None] = lambda _: None,
    ) -> Backfilled:
        """Goes on where the backfill of that name stands; with `plan` nothing is stored. `told` is called after each page.

        Raises `OtherPeriod`, `StateLocked` when another process works on it, and the connectors' errors.
        """
        run = self._begin(wish, stopping, told, plan=plan)
        if run.place.finished_at is not None:
            run.done.complete = run.done.was_complete = True
            return run.done
        if run.leave.paused and not plan:
            run.done.stopped = self._counted(wish.lane)
            return run.done
        self._measure(run)
        while not run.over and not stopping():
            self._take_page(run)
        run.done.stopped = run.tally.counts() if run.too_many else None
        run.done.complete = run.over and (plan or not run.too_many)
        if run.over and not plan:
            self._finish(run)
        return run.done

    def _begin(
        self, wish: Wish, stopping: Callable[[], bool], told: Callable[[Progress], None], *, plan: bool
    ) -> _Run:
        place = Place(wish.name, wish.since, wish.until, SUBJECT_KINDS[0], wish.since)
        if plan:
            with self._store.history() as history:
                place = history.backfill(wish.name) or place
        else:
            with self._store.deciding() as tx:
                place = tx.begin_backfill(place)
        if (place.since, place.until) != (wish.since, wish.until):
            raise OtherPeriod(
                f'the backfill "{wish.name}" is for {place.since:%Y-%m-%dT%H:%M:%S} to {place.until:%Y-%m-%dT%H:%M:%S}'
            )
        done = Backfilled(read=place.read, counts=Counter(place.counts))
        return _Run(wish, place, stopping, told, self._safety.leave(wish.lane), plan, done, first=place.read)

    def _counted(self, lane: str) -> Mapping[str, int]:
        with self._store.history() as history:
            return next(stop.counts for stop in history.stops() if stop.lane == lane)

    def _measure(self, run: _Run) -> None:
        """How much there is to read, for who watches."""
        kinds = SUBJECT_KINDS[SUBJECT_KINDS.index(run.place.kind) :]
        for kind in kinds:
            here = (
                run.place
                if kind is run.place.kind
                else replace(run.place, stamp=run.wish.since, id="", skip=0)
            )
            page = self._om.created_in(kind, _position(here), run.wish.until, 1)
            if page.total is not None:
                run.left[kind] = page.total

    def _finish(self, run: _Run) -> None:
        if run.too_many:
            self._safety.stop(run.wish.lane, run.tally)
        else:
            self._safety.finish(run.wish.lane, run.leave)

    # -- one page --------------------------------------------------------------------------------------------------

    def _take_page(self, run: _Run) -> None:
        kind = run.place.kind
        page = self._om.created_in(kind, _position(run.place), run.wish.until, self._page_size)
        found = self._existing(page.records)
        above = self._intake.above.missing((*page.records, *found))
        sightings = Sightings()
        after, run.over = _behind(run.place, page)

        def act(tx: Transaction) -> Counter[str]:
            tx.preload(kind, [record.id for record in page.records])
            for record in above:
                tx.restore(record)
            for record in (*above, *page.records):
                with tx.unremembered(so=tx.snapshot(record.kind, record.id) is None):
                    self._observer.observe(tx, record, sightings)
            for record in found:
                self._see_work_order(tx, record, sightings)
            undecided = sum(not self._review(tx, record, sightings) for record in page.records)
            for bad in page.unreadable:
                tx.quarantine(bad.kind.system, bad.kind, bad.id, bad.stamp, bad.field, bad.reason, bad.body)
            return _counts(page, sightings, undecided)

        self._in_transaction(run, act, sightings, after)
        seen = len(page.records) + len(page.unreadable)
        run.done.hidden += page.hidden
        run.left[kind] = max(0, run.left.get(kind, 0) - seen - page.hidden)
        if run.dry:
            run.done.intend(sightings.intended)
        else:
            self._tell(page, sightings)
        here = run.place.read - run.first
        left = sum(run.left.values())
        run.told(Progress(run.place.read, here, left, run.done.counts, run.place.stamp))

    def _in_transaction(
        self, run: _Run, act: Callable[[Transaction], Counter[str]], sightings: Sightings, after: Place
    ) -> None:
        """Stores what `act` decides and where the backfill stands then; only counts in a plan, and once it goes too far."""
        try:
            with self._store.deciding() as tx, tx.in_background():
                counts = run.done.counts + act(tx)
                after = replace(after, counts=dict(sorted(counts.items())))
                run.tally.add(tx, sightings.intended)
                run.too_many = run.too_many or self._safety.exceeds(tx, run.tally, run.leave)
                if run.dry or run.too_many:
                    raise RolledBack
                if not tx.move_backfill(run.place, after, finished=run.over):
                    raise StateLocked(f'another process works on the backfill "{run.wish.name}"')
        except RolledBack:
            run.dry = True
        run.place, run.done.counts, run.done.read = after, counts, after.read

    def _existing(self, subjects: Sequence[Record]) -> tuple[Record, ...]:
        """The work orders that name one of these, by our correlation or by the field in which people do."""
        if not subjects:
            return ()
        links = self._policy().links
        beginnings = [f"syncd:{VERSION}:{record.id}:" for record in subjects]
        found = list(self._fsm.find_many(Kind.WORK_ORDER, "correlation_id", beginnings, begins=True))
        if links.field:
            names = [record.id if links.match == "id" else record.number for record in subjects]
            found += self._fsm.find_many(Kind.WORK_ORDER, links.field, names)
        return tuple({record.id: record for record in found}.values())

    def _see_work_order(self, tx: Transaction, record: Record, sightings: Sightings) -> None:
        """Linked first: another life of this state may have made it, and noted it."""
        known = tx.snapshot(record.kind, record.id) is not None
        with tx.unremembered(so=True):
            if known:
                self._observer.relink(tx, record, sightings)
            else:
                self._observer.observe(tx, record, sightings)
        if known:
            self._observer.observe(tx, record, sightings)

    def _review(self, tx: Transaction, record: Record, sightings: Sightings) -> bool:
        """What a subject misses as a whole, older than the baseline or not. False: only another backfill will decide it."""
        facts = tx.facts_for(record.kind, record.id)
        if facts is None:
            return True
        historic = facts.historic
        facts = replace(facts, historic=False)
        decision = self._observer.decided(
            tx, facts, sightings, lambda facts: decide((), facts, self._policy())
        )
        if decision is None:
            return True
        creates, rest = _parted(decision, facts)
        with tx.unremembered(so=True):  # one of another life may stand, and be hidden from the search
            self._observer.apply(tx, creates, sightings, revive=False)
        self._observer.apply(tx, rest, sightings, revive=False)
        ended = facts.subject.state in self._policy().lifecycles[record.kind].ended
        return not historic or ended or (facts.plan or decision.plan) is not None

    def _tell(self, page: Page, sightings: Sightings) -> None:
        sightings.tell(self._log)
        for bad in page.unreadable:
            tell_unreadable(self._log, bad)


def _parted(decision: Decision, facts: Facts) -> tuple[Decision, Decision]:
    """The creates, and the rest. While something is on its way to the work orders what they say is not the last word; and
    of an update of which nobody can see whether it is needed there is none."""
    creates = tuple(e for e in decision.effects if e.kind is EffectKind.CREATE_WORK_ORDER)
    first = replace(decision, effects=creates, supersede=(), noted=())
    if any(effect.kind in COUNTED for effect in facts.effects):
        return first, Decision(decision.subject_kind, decision.subject)
    others = tuple(
        e
        for e in decision.effects
        if e not in creates and (e.kind is not EffectKind.UPDATE_WORK_ORDER or e.before)
    )
    return first, replace(decision, effects=others, plan=None)


def _counts(page: Page, sightings: Sightings, undecided: int) -> Counter[str]:
    counts = Counter(effect.kind.value for effect in sightings.intended)
    counts[LINKED] += len(sightings.linked())
    counts[UNREADABLE] += len(page.unreadable)
    counts[UNDECIDED] += undecided
    return +counts


def _position(place: Place) -> Position:
    return Position(Cursor(place.stamp, place.id), place.skip)


def _behind(place: Place, page: Page) -> tuple[Place, bool]:
    """Where the backfill stands after a page: in front of the next one, or of the next kind; and whether it is over."""
    read = place.read + len(page.records) + len(page.unreadable)
    if page.next is not None:
        after = page.next.after
        return replace(place, stamp=after.stamp, id=after.id, skip=page.next.skip, read=read), False
    number = SUBJECT_KINDS.index(place.kind) + 1
    if number == len(SUBJECT_KINDS):
        return replace(place, read=read), True
    return replace(place, kind=SUBJECT_KINDS[number], stamp=place.since, id="", skip=0, read=read), False
