"""The sweep: walks both systems by id and compares every record in play with what is remembered of it.

It finds what no feed can show: rows that committed later than the overlap, changes without a stamp, deletes, duplicates,
and work orders whose content has drifted. Every difference travels the road of any sighting (`observe`). Called by
`daemon` on its schedule and by `syncd sweep`; reads first, then decides in one transaction per stretch. A plan, and a
sweep that would change too many orders, takes each transaction back and only counts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from connectors.errors import Missing, Unreadable
from connectors.ports import Place, RemoteSystem, Stretch, Wanted
from mappings import changes
from mappings.decisions import Policy, decide
from mappings.duplicates import duplicates
from mappings.effects import Decision, EffectKind
from mappings.keys import VERSION
from mappings.model import SUBJECT_KINDS, Facts, Kind, Record, System
from state.store import Store, Transaction
from syncd.filling import fill, is_known
from syncd.intake import Intake
from syncd.late_links import link_late
from syncd.logs import Log
from syncd.observe import Observer, Sightings
from syncd.safety import COUNTED, SWEEP, Leave, RolledBack, Safety, Tally
from syncd.sweep_findings import Swept, What, difference
from syncd.vanish import Vanishing, really_gone

WALKED = (
    Kind.CUSTOMER_ORDER,
    Kind.ORDER_LINE,
    Kind.DOMAIN_ORDER,
    Kind.ORDER_TASK,
    Kind.WORK_ORDER,
    Kind.WORK_TASK,
)
"""Parents before children, as intake does; work orders when all that they may belong to is known. Rows that describe lines and
domain orders have no state of their own: they are read with these."""
OURS = ("correlation_id", f"syncd:{VERSION}:")
REVIEWED_AT_ONCE = 50
REPLAYED = 1000
"""Differences that a plan shows to the transactions after them; beyond, it looks at no content."""


@dataclass(slots=True)
class _Run:
    """One sweep on its way. `dry`: nothing is stored any more, only counted."""

    number: int
    stopping: Callable[[], bool]
    dry: bool
    leave: Leave
    swept: Swept = field(default_factory=Swept)
    tally: Tally = field(default_factory=Tally)
    too_many: bool = False
    differing: list[Record] = field(default_factory=list)
    gone: set[tuple[Kind, str]] = field(default_factory=set)
    witness: dict[Kind, str] = field(default_factory=dict)
    """A record of each kind that was there when we looked."""


class Sweep:
    """One sweeper at a time, by whoever calls it. Holds nothing between two runs."""

    def __init__(
        self,
        systems: Mapping[System, RemoteSystem],
        store: Store,
        observer: Observer,
        intake: Intake,
        *,
        safety: Safety,
        policy: Callable[[], Policy],
        log: Log,
        page_size: Mapping[System, int],
        cancel_duplicates: Callable[[], bool] = lambda: False,
    ) -> None:
        self._systems = systems
        self._store = store
        self._observer = observer
        self._intake = intake
        self._safety = safety
        self._policy = policy
        self._log = log
        self._page_size = page_size
        self._cancel_duplicates = cancel_duplicates

    def paused(self) -> bool:
        """Whether a lane waits for a person: a sweep would do by other pages what that lane was kept from."""
        return any(allowed is None for allowed in self._safety.stopped().values())

    def run(self, stopping: Callable[[], bool], *, plan: bool = False) -> Swept:
        """One sweep; with `plan` nothing is stored and nothing follows. Raises the connectors' errors."""
        run = self._begin(stopping, plan=plan)
        walked = all(self._walk(run, kind) for kind in WALKED)
        if (
            walked
            and self._link_late(run)
            and self._review(run)
            and self._find_twins(run)
            and self._fill_in(run)
        ):
            run.swept.complete = True
            self._finish(run, plan=plan)
        return run.swept

    def _begin(self, stopping: Callable[[], bool], *, plan: bool) -> _Run:
        leave = self._safety.leave(SWEEP)
        if plan:
            with self._store.history() as history:
                last = history.last_sweep(finished=False)
            return _Run(last.number + 1 if last else 1, stopping, dry=True, leave=leave)
        with self._store.deciding() as tx:
            return _Run(tx.begin_sweep(), stopping, dry=False, leave=leave)

    def _finish(self, run: _Run, *, plan: bool) -> None:
        run.swept.stopped = run.tally.counts() if run.too_many else None
        if plan:
            return
        if run.too_many:
            self._safety.stop(SWEEP, run.tally)
            return
        self._safety.finish(SWEEP, run.leave)
        with self._store.deciding() as tx:
            tx.finish_sweep(run.number)

    # -- the walk --------------------------------------------------------------------------------------------------

    def _walk(self, run: _Run, kind: Kind) -> bool:
        """Every record of a kind that is in play; False when it was cut short."""
        remote = self._systems[kind.system]
        closed = self._policy().lifecycles[kind].closed
        wanted = Wanted(closed, OURS if kind is Kind.WORK_ORDER else None)
        place: Place | None = Place()
        while place is not None:
            if run.stopping():
                return False
            stretch = remote.walk(kind, place, self._page_size[kind.system], wanted)
            self._take(run, kind, place, stretch, closed)
            place = stretch.next
        return True

    def _take(self, run: _Run, kind: Kind, place: Place, stretch: Stretch, closed: Collection[str]) -> None:
        """One stretch: what it shows, and what it should have shown by what we know."""
        remote = self._systems[kind.system]
        seen = {record.id for record in stretch.records} | {bad.id for bad in stretch.unreadable}
        absent = [id for id in self._expected(kind, place, stretch, closed) if id not in seen]
        found = remote.read_many(kind, absent)
        records = (*stretch.records, *found)
        if records:
            run.witness[kind] = records[-1].id
        here = {record.id for record in found}
        lost = [id for id in absent if id not in here]
        gone = really_gone(remote, kind, lost, run.witness.get(kind), self._store)
        run.gone |= {(kind, id) for id in gone}
        above = self._intake.above.missing(records)
        rows = self._intake.above.describing(kind, [record.id for record in records])
        self._intake.look_between(records)
        behind: list[Record] = []

        def act(tx: Transaction, sightings: Sightings) -> None:
            self._observer.preload(tx, (*above, *records, *rows))
            for record in above:
                tx.restore(record)
            for record in (*above, *records, *rows):
                self._see(run, tx, record, sightings, behind)
            for bad in stretch.unreadable:
                tx.quarantine(bad.kind.system, bad.kind, bad.id, bad.stamp, bad.field, bad.reason, bad.body)
                run.swept.add(What.UNREADABLE, kind, bad.id, detail=bad.reason)
            self._welcome_back(run, tx, kind, [record.id for record in records], sightings)
            self._miss(run, tx, kind, gone, sightings)

        self._in_transaction(run, act)
        run.swept.stretches += 1
        run.swept.read += len(records) + len(rows)
        run.swept.hidden += stretch.hidden
        for record in behind:
            self._look_at_older(run, record)

    def _expected(self, kind: Kind, place: Place, stretch: Stretch, closed: Collection[str]) -> Sequence[str]:
        """What we know to be in play between the two ends of a stretch; a closed subject is, while work for it is open."""
        lifecycles = self._policy().lifecycles
        until = stretch.next.after if stretch.next is not None else ""
        if stretch.next is not None and until == place.after:
            return ()  # access rules hid the whole of it: the next stretch ends somewhere
        with self._store.history() as history:
            if kind is Kind.WORK_ORDER:
                return history.linked_ids(place.after, until)
            unended = history.unfinished_ids(kind, place.after, until, lifecycles[Kind.WORK_ORDER].ended)
            return sorted({*unended, *history.open_ids(kind, place.after, until, closed)})

    def _see(
        self, run: _Run, tx: Transaction, record: Record, sightings: Sightings, behind: list[Record]
    ) -> None:
        before = tx.snapshot(record.kind, record.id)
        if before is not None and _age(record) < _age(before):
            behind.append(record)
            return
        if before is None:
            run.swept.add(What.UNKNOWN, record.kind, record.id, record.number)
            run.differing.append(record)
        elif not changes.same(before, record):
            run.swept.add(What.DIFFERENT, record.kind, record.id, record.number, difference(before, record))
            run.differing.append(record)
        self._observer.observe(tx, record, sightings)
        if record.kind is Kind.WORK_ORDER:
            self._observer.relink(tx, record, sightings)

    def _look_at_older(self, run: _Run, seen: Record) -> None:
        """A version below the stored one: a feed was faster than we, or the remote record was rolled back."""
        with self._store.history() as history:
            stored = history.record(seen.kind, seen.id)
        try:
            now = self._systems[seen.kind.system].read(seen.kind, seen.id)
        except (Missing, Unreadable):
            return

        def act(tx: Transaction, sightings: Sightings) -> None:
            if stored is None or tx.snapshot(now.kind, now.id) != stored or _age(now) >= _age(stored):
                return
            run.swept.add(
                What.ROLLED_BACK, now.kind, now.id, now.number, f"version {now.version}, was {stored.version}"
            )
            run.differing.append(now)
            sightings.add(
                "record.rolled_back",
                kind=now.kind,
                id=now.id,
                number=now.number,
                expected=stored.version,
                found=now.version,
            )
            self._observer.observe(tx, now, sightings, by_id=True)

        self._in_transaction(run, act)

    # -- what is gone ----------------------------------------------------------------------------------------------

    def _miss(
        self, run: _Run, tx: Transaction, kind: Kind, gone: Sequence[str], sightings: Sightings
    ) -> None:
        first, second = tx.missed(kind, gone, run.number)
        for id in (*first, *second):
            record = tx.snapshot(kind, id)
            number = record.number if record is not None else ""
            run.swept.add(What.MISSING if id in first else What.VANISHED, kind, id, number)
        vanishing = Vanishing(self._observer, self._policy(), run.tally)
        for id in second:
            if kind is Kind.WORK_ORDER:
                record = tx.snapshot(kind, id)
                vanishing.work_order(tx, id, record.number if record is not None else id, sightings)
            else:
                vanishing.subject(tx, kind, id, sightings)

    def _welcome_back(
        self, run: _Run, tx: Transaction, kind: Kind, ids: Iterable[str], sightings: Sightings
    ) -> None:
        for id in tx.found(kind, ids):
            record = tx.snapshot(kind, id)
            number = record.number if record is not None else ""
            run.swept.add(What.BACK, kind, id, number)
            sightings.add("record.reappeared", kind=kind, id=id, number=number)

    # -- content and duplicates ------------------------------------------------------------------------------------

    def _review(self, run: _Run) -> bool:
        """Compares each subject in play with its work orders as a whole; False when it was cut short."""
        for kind in SUBJECT_KINDS:
            closed = self._policy().lifecycles[kind].closed
            after = ""
            while True:
                if run.stopping():
                    return False
                with self._store.history() as history:
                    ids = history.open_ids(kind, after, "", closed, limit=REVIEWED_AT_ONCE)
                if not ids:
                    break
                self._review_some(run, kind, ids)
                after = ids[-1]
        return True

    def _review_some(self, run: _Run, kind: Kind, ids: Sequence[str]) -> None:
        def act(tx: Transaction, sightings: Sightings) -> None:
            for id in ids:
                facts = tx.facts_for(kind, id) if (kind, id) not in run.gone else None
                if facts is not None and not _is_busy(facts):
                    self._decide(tx, facts, sightings, self._reviewed)
                    self._decide(tx, facts, sightings, partial(self._observer.schedule, (), tx))

        self._in_transaction(run, act)

    def _reviewed(self, facts: Facts) -> Decision:
        """What a subject misses by what is known now. An update of which nobody can see whether it is needed is none."""
        decision = decide((), facts, self._policy())
        kept = tuple(e for e in decision.effects if e.kind is not EffectKind.UPDATE_WORK_ORDER or e.before)
        return replace(decision, effects=kept)

    def _link_late(self, run: _Run) -> bool:
        act = partial(self._in_transaction, run)
        return link_late(self._store, self._observer, self._policy().links, act, run.stopping)

    def _find_twins(self, run: _Run) -> bool:
        """Several work orders under one correlation."""
        with self._store.history() as history:
            found = history.twins()
        for subject, twins in found:
            if run.stopping():
                return False
            self._settle_twins(run, subject, twins)
        return True

    def _settle_twins(self, run: _Run, subject: str, twins: Sequence[str]) -> None:
        def act(tx: Transaction, sightings: Sightings) -> None:
            for kind in SUBJECT_KINDS:
                facts = tx.facts_for(kind, subject)
                if facts is None:
                    continue
                before = len(sightings.intended)
                self._decide(
                    tx,
                    facts,
                    sightings,
                    lambda facts: duplicates(twins, facts, self._policy(), cancel=self._cancel_duplicates()),
                )
                for effect in sightings.intended[before:]:
                    sightings.add(
                        "work_order.duplicated",
                        domain_order=subject,
                        work_order=effect.target,
                        because=effect.because,
                    )

        self._in_transaction(run, act)

    def _fill_in(self, run: _Run) -> bool:
        """References that field service did not know are looked up again; what it knows by now is written."""
        with self._store.history() as history:
            waiting = history.unresolved()
        for one in waiting:
            if run.stopping():
                return False
            found = is_known(self._systems[System.FIELD_SERVICE], one)
            self._in_transaction(run, partial(fill, self._observer, self._policy(), one, found=found))
        return True

    def _decide(
        self, tx: Transaction, facts: Facts, sightings: Sightings, rule: Callable[[Facts], Decision]
    ) -> None:
        decision = self._observer.decided(tx, facts, sightings, rule)
        if decision is not None:
            self._observer.apply(tx, decision, sightings, revive=False)

    # -- one transaction -------------------------------------------------------------------------------------------

    def _in_transaction(self, run: _Run, act: Callable[[Transaction, Sightings], None]) -> None:
        """Stores what `act` decides, or only counts it: in a plan, and once the sweep would change too many orders."""
        sightings = Sightings()
        try:
            with self._store.deciding() as tx:
                if run.dry:
                    self._replay(run, tx)
                act(tx, sightings)
                run.tally.add(tx, sightings.intended)
                run.too_many = run.too_many or self._safety.exceeds(tx, run.tally, run.leave)
                if run.dry or run.too_many:
                    raise RolledBack
        except RolledBack:
            run.dry = True
        linked = sightings.linked()
        if not run.dry:
            run.differing.clear()
            sightings.tell(self._log)
            run.swept.born += len(sightings.born)
        for effect in sightings.intended:
            run.swept.intend(effect)
        for link in linked:
            run.swept.add(What.LINKED, Kind.WORK_ORDER, str(link["work_order"]), str(link["number"]))

    def _replay(self, run: _Run, tx: Transaction) -> None:
        """What earlier stretches showed and nothing has stored: later ones are compared with that too."""
        if len(run.differing) <= REPLAYED:
            unheard = Sightings()
            for record in run.differing:
                self._observer.observe(tx, record, unheard)


def _age(record: Record) -> tuple[int, object]:
    return (record.version, record.updated_at)


def _is_busy(facts: Facts) -> bool:
    """Something is on its way to its work orders, or waits for a person: what they say is not the last word."""
    return any(effect.kind in COUNTED for effect in facts.effects)
