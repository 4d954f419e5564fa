"""What the next cycle would do, by the code that would do it, and nothing done: the verb `syncd plan`.

Reads every feed and what the gate would look at, then lets intake and gate decide in one transaction that is rolled back.
What is then waiting in the outbox is performed on connectors that may only read: a step that gets as far as its write is one
that would be sent, and the transport refuses it. Moves no watermark, stores nothing but the
requests that count against a budget, sends nothing but reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from connectors.errors import Misconfigured, Unsafe
from connectors.ports import JournalPage, Page, RemoteSystem
from mappings.effects import Effect, EffectKind
from mappings.model import EffectStatus, Kind, Record, System, record_value
from mappings.requests import Request, RequestStatus
from state.store import (
    Claim,
    Done,
    InDoubt,
    NotSent,
    Outcome,
    Overtaken,
    Parked,
    Store,
    StoredEffect,
    Transaction,
)
from syncd.dispatch import Dispatch
from syncd.gate import Gate, Look
from syncd.intake import FEEDS, Intake
from syncd.journals import Journals, feed_of
from syncd.observe import Sightings
from syncd.plan_report import Change, FeedPlanned, Planned, Step, Verdict
from syncd.safety import RolledBack, Safety, Tally

PAGES = 50
"""Of one feed that a plan reads; a cycle goes on, and the plan says that it was cut short."""
LOOKED_AT = 500
"""Effects that are looked at live, oldest first; a plan of more names the rest without a look."""


@dataclass(slots=True)
class _Read:
    """A feed as a pass would read it now."""

    kind: Kind
    pages: list[tuple[Page, list[Record]]] = field(default_factory=list)
    paused: bool = False
    whole: bool = True
    quiet: bool = False


@dataclass(slots=True)
class _Heard:
    """A journal as a pass would read it now."""

    system: System
    pages: list[JournalPage] = field(default_factory=list)
    whole: bool = True


@dataclass(frozen=True, slots=True)
class _Waiting:
    """One effect that the cycle would take up, and the records by which it is told."""

    stored: StoredEffect
    subject: Record | None
    order: Record | None
    target: Record | None


class Rehearsal:
    """One cycle, played on connectors that may only read."""

    def __init__(
        self,
        systems: Mapping[System, RemoteSystem],
        store: Store,
        intake: Intake,
        journals: Journals,
        gate: Gate,
        *,
        safety: Safety,
        dispatch: Dispatch,
        executor: Executor,
        page_size: Mapping[System, int],
    ) -> None:
        self._systems = systems
        self._store = store
        self._intake = intake
        self._journals = journals
        self._gate = gate
        self._safety = safety
        self._dispatch = dispatch
        self._executor = executor
        self._page_size = page_size
        self._halted: dict[str, str] = {}
        """Subjects of which nothing is sent before a person has spoken, and why."""

    def run(self) -> Planned:
        """Raises the connectors' errors where a system cannot be read."""
        feeds = [self._read(kind) for system in FEEDS for kind in self._intake.feeds(system)]
        heard = [self._listen(system) for system in self._journals.wanted()]
        planned = Planned()
        waiting = self._decided(feeds, heard, self._looks(), planned)
        with self._store.history() as history:
            self._halted = {halt.subject: halt.reason for halt in history.halts()}
        creates = {
            one.stored.effect.target
            for one in waiting
            if one.stored.effect.kind is EffectKind.CREATE_WORK_ORDER
        }
        planned.steps = list(
            self._executor.map(
                lambda one: self._step(one[1], creates, looked=one[0] < LOOKED_AT), enumerate(waiting)
            )
        )
        return planned

    # -- what intake and gate would decide -------------------------------------------------------------------------

    def _read(self, kind: Kind) -> _Read:
        current = self._intake.begin(kind)
        read = _Read(kind, paused=current.leave.paused, quiet=current.is_quiet)
        while not read.paused:
            page = self._systems[kind.system].changes_since(
                kind, current.position, self._page_size[kind.system]
            )
            upper = current.upper = current.upper or page.asked_at
            read.pages.append((page, self._intake.above.missing(page.records)))
            self._intake.look_between(page.records)
            if page.next is None or page.next.after.stamp > upper:
                break
            current.position = page.next
            if len(read.pages) == PAGES:
                read.whole = False
                break
        return read

    def _listen(self, system: System) -> _Heard:
        """A journal as a pass would read it now. The first pass ever begins at the present, and brings nothing."""
        heard = _Heard(system)
        if self._store.watermark(feed_of(system)) is None:
            return heard
        current = self._journals.begin(system)
        while True:
            page = self._systems[system].journal_since(current.position, self._page_size[system])
            upper = current.upper = current.upper or page.asked_at
            heard.pages.append(page)
            if page.next is None or page.next.after.stamp > upper:
                return heard
            current.position = page.next
            if len(heard.pages) == PAGES:
                heard.whole = False
                return heard

    def _looks(self) -> list[tuple[Request, Look]]:
        """What the gate would look at now, for each request that it would answer."""
        wanted: list[tuple[Request, Callable[[], Look | None]]] = []
        try:
            with self._store.deciding() as tx:
                for request in self._store.requests():
                    if request.status in {RequestStatus.WAITING, RequestStatus.HELD}:
                        wanted.append((request, self._gate.look(tx, request)))
                raise RolledBack
        except RolledBack:
            found = [(request, read()) for request, read in wanted]
        return [(request, look) for request, look in found if look is not None]

    def _decided(
        self,
        feeds: Sequence[_Read],
        heard: Sequence[_Heard],
        looks: Sequence[tuple[Request, Look]],
        planned: Planned,
    ) -> list[_Waiting]:
        """Everything that would wait to be sent. A feed that goes too far is left out, as the cycle would stop it."""
        stopped: dict[Kind, Mapping[str, int]] = {}
        while True:
            waiting: list[_Waiting] = []
            told: list[FeedPlanned] = []
            try:
                with self._store.deciding() as tx:
                    exceeding = self._see(tx, feeds, stopped, told)
                    told += [self._hear(tx, one) for one in heard]
                    sightings = Sightings()
                    for request, look in looks:
                        self._gate.answer(tx, request, look, sightings)
                    waiting = [_with_records(tx, one) for one in tx.unsettled(10 * LOOKED_AT)]
                    raise RolledBack
            except RolledBack:
                if exceeding is None:
                    planned.feeds = told
                    return waiting
                stopped[exceeding[0]] = exceeding[1]

    def _see(
        self,
        tx: Transaction,
        feeds: Sequence[_Read],
        stopped: Mapping[Kind, Mapping[str, int]],
        told: list[FeedPlanned],
    ) -> tuple[Kind, Mapping[str, int]] | None:
        """What the feeds show; the first that would write for too many orders, which ends it."""
        for read in feeds:
            sightings, tally = Sightings(), Tally()
            rows = sum(len(page.records) for page, _ in read.pages)
            for page, above in read.pages if read.kind not in stopped else ():
                self._intake.see(tx, page, above, sightings, quiet=read.quiet)
            tally.add(tx, sightings.intended)
            if self._safety.exceeds(tx, tally, self._safety.leave(read.kind.value)):
                return read.kind, tally.counts()
            unreadable = sum(len(page.unreadable) for page, _ in read.pages)
            told.append(
                FeedPlanned(
                    read.kind.value,
                    rows,
                    sightings.changed,
                    unreadable=unreadable,
                    paused=read.paused,
                    whole=read.whole,
                    stopped=stopped.get(read.kind),
                )
            )
        return None

    def _hear(self, tx: Transaction, heard: _Heard) -> FeedPlanned:
        sightings = Sightings()
        for page in heard.pages:
            self._journals.hear(tx, page, sightings)
        rows = sum(len(page.notes) for page in heard.pages)
        return FeedPlanned(feed_of(heard.system), rows, len(sightings.born), whole=heard.whole)

    # -- what would be sent ----------------------------------------------------------------------------------------

    def _step(self, one: _Waiting, creates: Iterable[str], *, looked: bool) -> Step:
        effect, status = one.stored.effect, one.stored.status
        verdict, why = Verdict.UNSEEN, ""
        if status is EffectStatus.PARKED:
            verdict, why = Verdict.PERSON, one.stored.reason
        elif effect.subject in self._halted:
            verdict, why = Verdict.PERSON, self._halted[effect.subject]
        elif status is EffectStatus.IN_FLIGHT:
            verdict = Verdict.UNDER_WAY
        elif effect.kind is not EffectKind.CREATE_WORK_ORDER and effect.target in creates:
            verdict = Verdict.AFTER_CREATE
        elif looked:
            verdict, why = self._rehearsed(one.stored)
        return Step(
            order=_name(one.order),
            subject=_name(one.subject) or effect.subject,
            kind=effect.kind.value,
            key=effect.key,
            target=_name(one.target) or effect.target,
            verdict=verdict,
            why=why,
            because=effect.because,
            text=effect.text.removesuffix(effect.marker).strip(),
            changes=tuple(_changes(effect, one.target)),
        )

    def _rehearsed(self, stored: StoredEffect) -> tuple[Verdict, str]:
        """As a worker would perform it, up to its write."""
        (before,) = self._store.remembered(stored.effect.subject) if stored.unremembered else (frozenset(),)
        claim = Claim(
            id=0,
            fence=0,
            effect=stored.effect,
            probing=stored.status is EffectStatus.IN_DOUBT,
            attempt=stored.attempts + 1,
            first_sent_at=stored.first_sent_at,
            last_sent_at=stored.last_sent_at,
            unremembered=stored.unremembered,
            remembered=before,
            born_at=stored.born_at,
        )
        try:
            return _verdict(self._dispatch.perform(claim).outcome)
        except Unsafe:
            return Verdict.SEND, ""


def _verdict(outcome: Outcome) -> tuple[Verdict, str]:
    """Of a step that did not get to its write."""
    if isinstance(outcome, Done):
        return Verdict.STANDS, outcome.detail
    words = {
        Overtaken: Verdict.NEEDLESS,
        NotSent: Verdict.WAIT,
        InDoubt: Verdict.WAIT,
        Parked: Verdict.REFUSED,
    }
    return words[type(outcome)], outcome.reason


def _with_records(tx: Transaction, stored: StoredEffect) -> _Waiting:
    effect = stored.effect
    facts = tx.facts_for(effect.subject_kind, effect.subject)
    target = tx.snapshot(effect.target_kind, effect.target)
    return _Waiting(stored, facts.subject if facts else None, facts.order if facts else None, target)


def _changes(effect: Effect, target: Record | None) -> Iterable[Change]:
    """Field by field, what stands and what would stand."""
    wanted = dict(effect.values) | {name: one.value for name, one in effect.references.items()}
    for name, new in sorted(wanted.items()):
        old = effect.before.get(name)
        if old is None:
            old = record_value(target, name) if target is not None and name not in effect.references else ""
        yield Change(name, old, new)


def _name(record: Record | None) -> str:
    return record.number or record.id if record is not None else ""


def rehearse(rehearsal: Rehearsal, strange: Callable[[System], str]) -> Planned:
    """One plan, unless a system is not the one that the state knows. Raises `Misconfigured` then."""
    for system in System:
        wrong = strange(system)
        if wrong:
            raise Misconfigured(f"it is not the instance that the state knows: {wrong}", system=system)
    return rehearsal.run()
