"""The closure gate's lane: answers requests for closure with evidence that is read now, from both systems.

Called by `daemon` after intake. Reads remote records first, then decides in one transaction on them and on what the state
knows; the release itself goes through the outbox, and `dispatch` looks once more before it sends. After a release the
work orders are looked at again: the window between two systems without a common transaction is detected, not excluded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from connectors.budget import requests_for
from connectors.errors import Busy, Missing, RemoteError, Unreachable, Unreadable
from connectors.ports import FieldService, OrderManagement
from mappings.breach import Breach
from mappings.budget import Purpose
from mappings.closure import Evidence, Hold, Release, SubjectEvidence, is_closed
from mappings.decisions import Policy
from mappings.effects import WRITES_TO_FSM, Effect, EffectKind
from mappings.model import Facts, Kind, Record, System
from mappings.requests import Request, RequestStatus, answered, is_final, judged
from state.store import Done, Outcome, Overtaken, QuarantinedRecord, Store, Transaction, Watermark
from syncd import histories
from syncd.intake import FEEDS
from syncd.logs import Log
from syncd.observe import Observer, Sightings

ABOVE = ("order_line", "order")
REFUSED_RETRY_S = 300.0
"""How long a request rests after OM refused its closure; a change of the request itself asks again at once."""


@dataclass(frozen=True, slots=True)
class WhomToLookAt:
    """The records that a request is about, as far as the state knows them."""

    subjects: tuple[Record, ...]
    """The domain order first, then its order tasks and child domain orders."""
    work_orders: tuple[str, ...]
    """Linked to one of them; sorted."""


@dataclass(frozen=True, slots=True)
class Look:
    """What both systems showed for one request, read by id and by search, before the transaction."""

    subject: Record
    above: Mapping[str, Record]
    """Line and order, by field name."""
    work_orders: Mapping[str, Record]
    found: Mapping[str, tuple[Record, ...]]
    """By subject: the work orders that name it in the field by which people link theirs."""


class Gate:
    """Answers what is asked. Stateless but for what it is given; one caller at a time."""

    def __init__(
        self,
        om: OrderManagement,
        fsm: FieldService,
        store: Store,
        observer: Observer,
        *,
        policy: Callable[[], Policy],
        now: Callable[[], datetime],
        log: Log,
        feeds: Sequence[Kind] = FEEDS[System.ORDER_MANAGEMENT],
        look_between: histories.Look = histories.look_nowhere,
    ) -> None:
        self._look_between = look_between
        self._feeds = feeds
        self._om = om
        self._fsm = fsm
        self._store = store
        self._observer = observer
        self._policy = policy
        self._now = now
        self._log = log

    def answer_all(self) -> tuple[int, list[RemoteError]]:
        """Looks at every open request once: how many effects that came to, and what failed on the way.

        A failure concerns the request that met it; only a system that is away ends the round.
        """
        born = 0
        failures: list[RemoteError] = []
        for request in self._store.requests():
            try:
                with requests_for(Purpose.URGENT):
                    born += self._step(request)
            except (Unreachable, Busy) as error:
                failures.append(error)
                break
            except RemoteError as error:
                failures.append(error)
        return born, failures

    def _step(self, request: Request) -> int:
        if request.status is RequestStatus.RELEASING:
            return 0
        if request.status is RequestStatus.RELEASED:
            return self._look_back(request)
        if _is_too_early(request, self._now()):
            return 0
        return self._answer(request)

    # -- the answer ------------------------------------------------------------------------------------------------

    def _answer(self, request: Request) -> int:
        asked_from = request.search_from or self._fsm.server_time()
        with self._store.deciding() as tx:
            current = _still_asked(tx, request)
            if current is None:
                return 0
            request = replace(current, search_from=asked_from)
            if request != current:
                tx.move_request(request)
            whom = _whom_to_look_at(tx, request)
        unread = "the domain order cannot be read"
        try:
            look = self._look(request, whom)
        except Unreadable as error:  # a person mends the record, or releases it from quarantine
            look, unread = None, f"a record does not parse: {error}"
        sightings = Sightings()
        with self._store.deciding() as tx:
            if look is None:  # hidden for a while, or gone: the sweep finds out, and ends the request then
                current = _still_asked(tx, request)
                if current is not None and current.reasons != (unread,):
                    tx.move_request(replace(current, reasons=(unread,)))
                return 0
            self.answer(tx, request, look, sightings)
        sightings.tell(self._log)
        return len(sightings.born)

    def answer(self, tx: Transaction, request: Request, look: Look, sightings: Sightings) -> None:
        """Judges a request by what was just read, inside the caller's transaction."""
        self._observe(tx, look, sightings)
        self._decide(tx, request, look, sightings)

    def look(self, tx: Transaction, request: Request) -> Callable[[], Look | None]:
        """What has to be read for one request, by what the state knows; to be called behind the transaction."""
        whom = _whom_to_look_at(tx, request)
        return lambda: self._look(request, whom)

    def _look(self, request: Request, whom: WhomToLookAt) -> Look | None:
        try:
            subject = self._om.read(request.subject_kind, request.subject)
        except Missing:
            return None
        above = {}
        for field in ABOVE:
            kind, id = subject.parents().get(field, (None, ""))
            for record in self._om.read_many(kind, [id]) if kind else ():
                above[field] = record
        settings = self._policy().links
        found = {
            one.id: self._fsm.find(Kind.WORK_ORDER, settings.field, _named(one, settings.match))
            for one in whom.subjects
        }
        work_orders = self._fsm.read_many(Kind.WORK_ORDER, whom.work_orders)
        self._look_between(work_orders)
        return Look(subject, above, {record.id: record for record in work_orders}, found)

    def _observe(self, tx: Transaction, look: Look, sightings: Sightings) -> None:
        """What was read by id is a sighting like any other; the feed may have brought something newer meanwhile."""
        hand_made = [record for some in look.found.values() for record in some]
        seen = (*look.above.values(), look.subject, *look.work_orders.values(), *hand_made)
        self._observer.preload(tx, seen)
        for record in seen:
            self._observer.observe(tx, record, sightings)

    def _decide(self, tx: Transaction, request: Request, look: Look, sightings: Sightings) -> None:
        current = _still_asked(tx, request)
        if current is None:
            return  # withdrawn by what was just observed, or asked anew
        policy, was = self._policy(), current
        facts = _all_facts(tx, request)
        evidence = self._evidence(tx, request, look, facts)
        verdict = judged(current, evidence, policy)
        if not is_final(verdict):
            assert isinstance(verdict, Hold)
            if verdict.reasons != current.reasons:
                tx.move_request(replace(current, reasons=verdict.reasons))
            return
        decision, current = answered(current, verdict, evidence, facts[0], policy, now=self._now())
        with tx.unremembered(so=current.unremembered):
            # a person who overrides the gate knows what is open
            sound = facts[0] if not current.overridden_by else None
            self._observer.apply(tx, decision, sightings, facts=sound)
        reasons = verdict.reasons if isinstance(verdict, Hold) else ()
        status = _status_after(verdict, policy)
        if status is not was.status or reasons != was.reasons:
            name = "closure.held" if isinstance(verdict, Hold) else "closure.releasing"
            number = look.subject.number
            sightings.add(name, domain_order=request.subject, number=number, because=list(reasons))
        current = replace(current, status=status, reasons=reasons, retry_after=None)
        if current != was:
            tx.move_request(current)

    def _evidence(self, tx: Transaction, request: Request, look: Look, facts: list[Facts]) -> Evidence:
        subjects = [
            SubjectEvidence(
                record=look.subject if one.subject.id == look.subject.id else one.subject,
                plan=one.plan,
                links=one.links,
                found=look.found.get(one.subject.id, ()),
                waived=one.waived,
                vanished={id: _number(one, id) for id in sorted(one.vanished)},
                historic=one.historic,
            )
            for one in facts
        ]
        watermarks = tx.watermarks()
        known = {one.subject.id for one in facts} | {record.id for record in look.above.values()}
        linked = {link.work_order for one in facts for link in one.links}
        return Evidence(
            subjects=tuple(subjects),
            order=look.above.get("order"),
            line=look.above.get("order_line"),
            work_orders={id: _newest(id, look, facts) for id in sorted(linked & look.work_orders.keys())},
            catching_up=any(one.catching_up for one in facts),
            intake_current=self._intake_current(request, watermarks),
            search_settled=self._search_settled(request, watermarks),
            unsettled=tuple(
                effect for one in facts for effect in one.effects if effect.kind in WRITES_TO_FSM
            ),
            quarantined=tuple(_concerning(tx.quarantined(), known | linked)),
        )

    def _intake_current(self, request: Request, watermarks: Mapping[str, Watermark]) -> bool:
        """Every OM feed was read to its end after the request, so that tasks and children made before it are known."""
        passed = [watermarks.get(kind.value) for kind in self._feeds]
        return all(
            mark is not None and mark.passed_until is not None and mark.passed_until > request.stamp
            for mark in passed
        )

    def _search_settled(self, request: Request, watermarks: Mapping[str, Watermark]) -> bool:
        """A pass over FSM began after the request was seen, plus what a search may lag behind."""
        mark = watermarks.get(Kind.WORK_ORDER.value)
        if mark is None or mark.passed_until is None or request.search_from is None:
            return False
        return mark.passed_until >= request.search_from + self._fsm.search_lag

    # -- after the release -----------------------------------------------------------------------------------------

    def _look_back(self, request: Request) -> int:
        """One more look at the work orders of a released request: what opened in the window is told, loudly."""
        with self._store.deciding() as tx:
            whom = _whom_to_look_at(tx, request)
        work_orders = self._fsm.read_many(Kind.WORK_ORDER, whom.work_orders)
        self._look_between(work_orders)
        closed = self._policy().closed_work
        opened = tuple(record for record in work_orders if not is_closed(record, closed))
        sightings = Sightings()
        with self._store.deciding() as tx:
            for record in work_orders:
                self._observer.observe(tx, record, sightings)
            current = tx.request_of(request.subject)
            if current is not None and current.stamp == request.stamp:  # not one that was asked since
                tx.end_request(request.subject, "released")
            subject = tx.snapshot(request.subject_kind, request.subject)
            if subject is not None and opened and not request.overridden_by:
                self._observer.tell_breach(tx, Breach(subject, by_hand=False, open=opened), sightings)
        sightings.tell(self._log)
        return len(sightings.born)


def request_settled(tx: Transaction, effect: Effect, outcome: Outcome, refusal: str, now: datetime) -> None:
    """What became of a release, or of a marker that was to be cleared, moves its request on. Called by `consequences`."""
    request = tx.request_of(effect.subject)
    if request is not None and effect.kind is EffectKind.CLEAR_REQUEST and refusal:
        tx.move_request(replace(request, retry_after=now + timedelta(seconds=REFUSED_RETRY_S)))
    if request is None or request.status is not RequestStatus.RELEASING:
        return
    if isinstance(outcome, Done):
        tx.move_request(replace(request, status=RequestStatus.RELEASED))
    elif refusal:
        again = now + timedelta(seconds=REFUSED_RETRY_S)
        reasons = (f"order management refused the closure: {refusal}",)
        tx.move_request(replace(request, status=RequestStatus.HELD, reasons=reasons, retry_after=again))
    elif isinstance(outcome, Overtaken):
        tx.move_request(replace(request, status=RequestStatus.WAITING))


def _is_too_early(request: Request, now: datetime) -> bool:
    """Whether what was refused is not tried again yet. Where more is left than any retry waits, the clock has been set back."""
    if request.retry_after is None:
        return False
    return timedelta() < request.retry_after - now <= timedelta(seconds=REFUSED_RETRY_S)


def _still_asked(tx: Transaction, request: Request) -> Request | None:
    """A request as it stands now: since it was read, a person may have overridden it, and a feed may have ended it."""
    current = tx.request_of(request.subject)
    if current is None or current.stamp != request.stamp or current.status is RequestStatus.OVER:
        return None
    return current


def _family(tx: Transaction, request: Request) -> list[tuple[Kind, str]]:
    """The domain order first, then its order tasks and child domain orders."""
    subjects = tx.subjects_of(request.subject_kind, request.subject)
    return [(request.subject_kind, request.subject), *(one for one in subjects if one[1] != request.subject)]


def _whom_to_look_at(tx: Transaction, request: Request) -> WhomToLookAt:
    subjects = [tx.snapshot(kind, id) for kind, id in _family(tx, request)]
    known = tuple(one for one in subjects if one is not None)
    linked = {link.work_order for one in known for link in tx.links_of(one.id)}
    return WhomToLookAt(known, tuple(sorted(linked)))


def _all_facts(tx: Transaction, request: Request) -> list[Facts]:
    facts = [tx.facts_for(kind, id) for kind, id in _family(tx, request)]
    return [one for one in facts if one is not None]


def _newest(work_order: str, look: Look, facts: list[Facts]) -> Record:
    """As just read, unless a feed has brought a newer version since."""
    known = [record for one in facts if (record := one.work_order(work_order)) is not None]
    return max((look.work_orders[work_order], *known), key=lambda record: record.version)


def _number(facts: Facts, work_order: str) -> str:
    record = facts.work_order(work_order)
    return record.number if record is not None and record.number else work_order


def _named(subject: Record, match: str) -> str:
    return subject.id if match == "id" else subject.number


def _concerning(quarantined: Iterable[QuarantinedRecord], ids: set[str]) -> Iterable[str]:
    """Records in quarantine that are one of these, or whose raw text names one of them."""
    for one in quarantined:
        if one.id in ids or any(id in one.body for id in ids):
            yield f"{one.kind.replace('_', ' ')} {one.id}".strip()


def _status_after(verdict: Release | Hold, policy: Policy) -> RequestStatus:
    if isinstance(verdict, Hold):
        return RequestStatus.HELD
    return RequestStatus.RELEASING if policy.closure.release else RequestStatus.RELEASED
