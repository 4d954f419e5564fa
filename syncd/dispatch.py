"""Performing one effect against a remote system, and naming what came of it.

Called by `delivery` on a worker thread with a claim whose intent is already durable. Talks HTTP, never the database; the
answer is an outcome that delivery settles. Every write is classed by what a look at the record shows, not by its status
code alone: design 6.3 for creates, 6.4 for the rest. A write is sent at most once here; sending again is a new claim.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from connectors.errors import (
    Busy,
    Conflict,
    Doubtful,
    Misconfigured,
    Missing,
    Refused,
    RemoteError,
    Unreachable,
)
from connectors.ports import FieldService, OrderManagement, RemoteSystem
from mappings.decisions import Policy
from mappings.effects import Effect, EffectKind
from mappings.model import Kind, Record, System
from state.store import Claim, Done, InDoubt, NotSent, Outcome, Overtaken, Parked
from syncd.health import Health
from syncd.logs import Log

LANE = "delivery"
RETRY_BASE_S = 1.0
RETRY_CAP_S = 60.0
DEFER_S = 30.0
"""How long an effect waits that may not be sent in the present state of its domain order."""


@dataclass(frozen=True, slots=True)
class Performed:
    """What came of one claim. `refusal` is the remote system's own reason when it said no."""

    claim: Claim
    outcome: Outcome
    refusal: str = ""


class Dispatch:
    """Performs claims. Stateless but for what it is given; safe on any number of threads."""

    def __init__(
        self,
        om: OrderManagement,
        fsm: FieldService,
        policy: Callable[[], Policy],
        health: Health,
        log: Log,
    ) -> None:
        self._om = om
        self._fsm = fsm
        self._policy = policy
        self._health = health
        self._log = log
        self._steps: Mapping[EffectKind, Callable[[Claim], Performed]] = {
            EffectKind.CREATE_WORK_ORDER: self._create,
            EffectKind.UPDATE_WORK_ORDER: self._update,
            EffectKind.CANCEL_WORK_ORDER: self._cancel,
            EffectKind.WRITE_NOTE: self._note,
        }

    def perform(self, claim: Claim) -> Performed:
        """Does what the claim intends, once, and says how it ended. Raises nothing of the network."""
        effect = claim.effect
        step = self._steps.get(effect.kind)
        if step is None:
            return Performed(claim, Parked(f"this version cannot perform {effect.kind}"))
        try:
            performed = step(claim)
        except RemoteError as error:
            return Performed(claim, self._failed(claim, error))
        self._health.worked(effect.system, LANE)
        return performed

    # -- creates ---------------------------------------------------------------------------------------------------

    def _create(self, claim: Claim) -> Performed:
        effect = claim.effect
        if claim.probing:
            found = self._look(effect.target)
            if found is not None:
                return Performed(claim, self._adopt(effect, found))
        hindrance = self._hindrance(effect)
        if hindrance:
            again = InDoubt(hindrance, DEFER_S) if claim.probing else NotSent(hindrance, DEFER_S)
            return Performed(claim, again)
        values, absent = self._resolved(effect)
        if absent:
            return Performed(claim, Parked(absent), refusal=absent)
        try:
            record = self._fsm.create_work_order(effect.target, values)
        except (Unreachable, Busy) as error:
            return Performed(claim, self._failed(claim, error))
        except RemoteError as error:
            return self._create_answered(claim, error)
        if record.id != effect.target:
            self._log.event("capability.absent", system=effect.system, capability="client-chosen id")
        self._report_dropped(effect, record, values)
        return Performed(claim, _created(effect, record))

    def _create_answered(self, claim: Claim, error: RemoteError) -> Performed:
        """Any answer but a clean 201: what the id shows decides, not the code."""
        effect = claim.effect
        try:
            found = self._look(effect.target)
        except RemoteError as blind:
            return Performed(claim, self._failed(claim, blind, sent=True))
        if found is not None:
            return Performed(claim, self._adopt(effect, found))
        if isinstance(error, Refused):
            return Performed(claim, Parked(str(error)), refusal=error.reason)
        if isinstance(error, Conflict):
            reason = f"{error}; the record that holds the id is hidden from our user: check its access rules"
            return Performed(claim, Parked(reason), refusal=reason)
        if isinstance(error, Misconfigured):
            self._health.failed(effect.system, LANE, error)
            return Performed(claim, InDoubt(str(error), RETRY_CAP_S))
        # Not there, and nobody said no: the same id may be sent again at once, a late commit cannot make a second one.
        return Performed(claim, InDoubt(str(error), _backoff(claim.attempt)))

    def _adopt(self, effect: Effect, found: Record) -> Outcome:
        """A record stands under our id: the create is done; a lost correlation is put back."""
        wanted = effect.values.get("correlation_id", "")
        if wanted and found.get("correlation_id") != wanted:
            found = self._fsm.update(Kind.WORK_ORDER, found.id, {"correlation_id": wanted})
        return _created(effect, found)

    def _look(self, id: str) -> Record | None:
        try:
            return self._fsm.read(Kind.WORK_ORDER, id)
        except Missing:
            return None

    def _hindrance(self, effect: Effect) -> str:
        """Why a create may not go out now, "" when it may: the domain order is read again just before the send.

        A change that this read shows is on its way through the feed too; whatever it means is decided there.
        """
        try:
            subject = self._om.read(effect.subject_kind, effect.subject)
        except Missing:
            return "its domain order cannot be read any more"
        lifecycle = self._policy().lifecycles[subject.kind]
        if subject.state not in lifecycle.trigger:
            return f"{subject.number} is now {subject.state_label or subject.state}"
        return ""

    def _resolved(self, effect: Effect) -> tuple[dict[str, str], str]:
        """The values to send with their references looked up in FSM, or why that is impossible."""
        values = dict(effect.values)
        for field, reference in sorted(effect.references.items()):
            id = self._fsm.resolve(reference.entity, reference.match, reference.value)
            if id is not None:
                values[field] = id
            elif reference.required:
                return (
                    {},
                    f'no {reference.entity} with {reference.match} "{reference.value}" in field service',
                )
            else:
                self._log.event(
                    "reference.unresolved",
                    field=field,
                    entity=reference.entity,
                    match=reference.match,
                    subject=effect.subject,
                )
        return values, ""

    def _report_dropped(self, effect: Effect, record: Record, sent: Mapping[str, str]) -> None:
        dropped = sorted(
            name for name, value in sent.items() if name in record.fields and record.get(name) != value
        )
        if dropped:
            self._log.event("field.dropped", work_order=record.id, fields=dropped, key=effect.key)

    # -- state-style writes ----------------------------------------------------------------------------------------

    def _update(self, claim: Claim) -> Performed:
        effect = claim.effect
        values, absent = self._resolved(effect)
        if absent:
            return Performed(claim, Parked(absent), refusal=absent)
        current = self._fsm.read(effect.target_kind, effect.target)
        if current.state in self._terminal():
            return Performed(claim, Overtaken(f"{current.number} is {current.state_label}"))
        if all(current.get(name) == value for name, value in values.items()):
            return Performed(claim, Done(record=current, detail="already so"))
        return self._written(claim, lambda: self._fsm.update(effect.target_kind, effect.target, values))

    def _cancel(self, claim: Claim) -> Performed:
        effect = claim.effect
        current = self._fsm.read(effect.target_kind, effect.target)
        if current.state in self._terminal():
            return Performed(claim, Done(record=current, detail=f"already {current.state_label}"))
        return self._written(claim, lambda: self._fsm.cancel_work_order(effect.target, effect.text))

    def _terminal(self) -> frozenset[str]:
        lifecycle = self._policy().lifecycles[Kind.WORK_ORDER]
        return lifecycle.closed | lifecycle.cancelled

    def _note(self, claim: Claim) -> Performed:
        effect = claim.effect
        remote = self._remote(effect.system)
        if claim.probing and remote.notes(effect.target_kind, effect.target, effect.marker):
            return Performed(claim, Done(detail="found by its marker"))

        def write() -> None:
            remote.write_note(effect.target_kind, effect.target, effect.text)

        return self._written(claim, write)

    def _written(self, claim: Claim, write: Callable[[], Record | None]) -> Performed:
        """One write whose failure is classed by its name; doubt waits for the settle time of the system."""
        try:
            record = write()
        except Refused as error:
            return Performed(claim, Parked(str(error)), refusal=error.reason)
        except Doubtful as error:
            settle = self._remote(claim.effect.system).settle.total_seconds()
            return Performed(claim, InDoubt(str(error), settle))
        return Performed(claim, Done(record=record))

    # -- what failures mean ----------------------------------------------------------------------------------------

    def _failed(self, claim: Claim, error: RemoteError, *, sent: bool = False) -> Outcome:
        """The outcome of a step that never got to its write, or whose look at the result failed (`sent`)."""
        wait = _backoff(claim.attempt)
        if isinstance(error, Busy) and error.retry_after is not None:
            wait = max(wait, error.retry_after)
        if isinstance(error, Missing):
            return Parked(str(error))
        if isinstance(error, Misconfigured):
            wait = RETRY_CAP_S
        self._health.failed(_at_fault(claim.effect, error), LANE, error)
        if sent or claim.probing:
            return InDoubt(str(error), wait)
        return NotSent(str(error), wait)

    def _remote(self, system: System) -> RemoteSystem:
        return self._om if system is System.ORDER_MANAGEMENT else self._fsm


def _created(effect: Effect, record: Record) -> Done:
    link = effect.link
    if link is not None and record.id != link.work_order:
        link = replace(link, work_order=record.id)
    return Done(record=record, link=link)


def _at_fault(effect: Effect, error: RemoteError) -> System:
    """The system that failed: a create reads its domain order in OM before it writes to FSM."""
    return System(error.system) if error.system else effect.system


def _backoff(attempt: int) -> float:
    """Seconds before the next try; `attempt` counts from 1."""
    return min(RETRY_CAP_S, RETRY_BASE_S * 2.0 ** min(attempt - 1, 10))
