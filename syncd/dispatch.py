"""Performing one effect against a remote system, and naming what came of it.

Called by `delivery` on a worker thread with a claim whose intent is already durable. Talks HTTP, never the database; the
answer is an outcome that delivery settles. Every write is classed by what a look at the record shows, not by its status
code alone: design 6.3 for creates, 6.4 for the rest. A write is sent at most once here; sending again is a new claim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import replace

from connectors.budget import requests_for
from connectors.errors import (
    Busy,
    Conflict,
    Doubtful,
    Exhausted,
    Misconfigured,
    Missing,
    Refused,
    RemoteError,
    Unreachable,
    Unreadable,
)
from connectors.ports import FieldService, Note, OrderManagement, RemoteSystem
from mappings import recall
from mappings.decisions import Policy
from mappings.effects import Effect, EffectKind
from mappings.model import Kind, Record, System
from mappings.scheduling import BEGUN
from state.store import Claim, Done, InDoubt, NotSent, Outcome, Overtaken, Parked
from syncd.budgets import purpose_of
from syncd.creates import Creates, Sighting, Tactic
from syncd.health import Health
from syncd.logs import Log
from syncd.performed import (
    DEFER_S,
    RETRY_CAP_S,
    Performed,
    answer_not_parked,
    at_fault,
    backoff,
    created,
    says,
    systems_of,
    too_late,
    unless_send,
)
from syncd.recheck import Recheck, Verdict
from syncd.relations import Relations
from syncd.resolving import Resolver

LANE = "delivery"
OURS = "[syncd:1:"
"""What every note of ours contains."""
VANISHED = "it stood once, as a note says, and is gone; it is not made again"
NOT_ARRIVED = "it was sent and did not arrive; the request is answered anew"
HIDDEN = "a work order with its correlation is hidden from our user: check its access rules"
_MAY_SEND: ContextVar[Callable[[], bool]] = ContextVar("may_send")
"""Of the claim that this worker performs."""


class Dispatch:
    """Performs claims. Stateless but for what it is given; safe on any number of threads."""

    def __init__(
        self,
        om: OrderManagement,
        fsm: FieldService,
        policy: Callable[[], Policy],
        health: Health,
        log: Log,
        *,
        tactic: Tactic = Tactic.UNPROVEN,
    ) -> None:
        self._om = om
        self._fsm = fsm
        self._policy = policy
        self._health = health
        self._log = log
        self._recheck = Recheck(om, fsm, policy)
        self._resolver = Resolver(fsm, log)
        self._relations = Relations(om, log)
        self._creates = Creates(fsm, policy, log, tactic)
        self._steps: Mapping[EffectKind, Callable[[Claim], Performed]] = {
            EffectKind.CREATE_WORK_ORDER: self._create,
            EffectKind.UPDATE_WORK_ORDER: self._update,
            EffectKind.CANCEL_WORK_ORDER: self._cancel,
            EffectKind.UPDATE_WORK_TASK: self._update,
            EffectKind.WRITE_NOTE: self._note,
            EffectKind.SHOW_WORK_ORDERS: self._show,
            EffectKind.RELATE: self._relate,
            EffectKind.CLOSE_DOMAIN_ORDER: self._close,
            EffectKind.CLEAR_REQUEST: self._clear,
            EffectKind.REOPEN_DOMAIN_ORDER: self._reopen,
        }

    def perform(self, claim: Claim, may_send: Callable[[], bool] = lambda: True) -> Performed:
        """Does what the claim intends, once, and says how it ended. Raises nothing of the network.

        `may_send` is asked just before a write: False once the claim's lease is over, because then somebody else may
        look for the write and believe that it never was; or have made a work order that people have deleted since.
        """
        effect = claim.effect
        _MAY_SEND.set(may_send)
        with self._health.step():
            try:
                with requests_for(purpose_of(claim)):
                    performed = self._steps[effect.kind](claim)
            except RemoteError as error:
                return answer_not_parked(self._failed(claim, error))
        if performed.healthy:
            for system in systems_of(effect):
                self._health.worked(system, LANE)
        return answer_not_parked(performed)

    def paused(self) -> frozenset[System]:
        """The systems that nothing is to be sent to now. What goes to field service is looked up in order management
        just before the send, so a pause of that one is a pause of both."""
        pauses = {system for system in System if self._health.pause_s(system, LANE) > 0}
        return frozenset(System) if System.ORDER_MANAGEMENT in pauses else frozenset(pauses)

    # -- creates ---------------------------------------------------------------------------------------------------

    def _create(self, claim: Claim) -> Performed:
        effect = claim.effect
        earlier = self._earlier(claim) if claim.probing else None
        if earlier is not None:
            return earlier
        overtaken = unless_send(claim, self._recheck.create(effect))
        if overtaken is not None:
            return self._waits(overtaken)
        values, unresolved, absent = self._resolver.resolved(effect)
        if absent:
            return Performed(claim, Parked(absent), refusal=absent)
        if not _MAY_SEND.get()():
            return too_late(claim)
        try:
            record = self._fsm.create_work_order(effect.target, values)
        except (Unreachable, Busy):
            raise
        except RemoteError as error:
            return self._create_answered(claim, error)
        self._creates.learn(effect, record)
        self._resolver.report_dropped(effect, record, values)
        return Performed(claim, created(effect, record), unresolved=unresolved)

    def _earlier(self, claim: Claim) -> Performed | None:
        """What an earlier send of a create came to; None when it may be sent again."""
        effect = claim.effect
        found = self._creates.look(effect)
        if found is not None:
            return self._adopted(claim, found)
        if claim.unremembered and recall.names(effect.target, self._standing(effect)):
            return Performed(claim, Parked(VANISHED), refusal=VANISHED)
        if not self._creates.is_believed(claim):
            wait = self._creates.believed_after_s()
            return Performed(claim, InDoubt("not found, and a search is not believed yet", wait))
        if self._creates.is_hidden(effect):
            return Performed(claim, Parked(HIDDEN), refusal=HIDDEN)
        return None

    def _create_answered(self, claim: Claim, error: RemoteError) -> Performed:
        """Any answer but a clean 201: what a look shows decides, not the code."""
        effect = claim.effect
        try:
            found = self._creates.look(effect)
        except RemoteError as blind:
            return self._failed(claim, blind, sent=True)
        if found is not None:
            return self._adopted(claim, found)
        if isinstance(error, Refused):
            return Performed(claim, Parked(str(error)), refusal=error.reason)
        wait = max(backoff(claim.attempt), self._creates.believed_after_s())
        if isinstance(error, Conflict) and (
            claim.probing or self._creates.tactic is not Tactic.BY_CORRELATION
        ):
            reason = f"{error}; the record that holds the id is hidden from our user: check its access rules"
            return Performed(claim, Parked(reason), refusal=reason)
        if isinstance(error, Misconfigured):
            return self._failed(claim, error, sent=True)
        # Not there, and nobody said no: an id of ours may be sent again at once, a late commit cannot make a second one.
        return Performed(claim, InDoubt(str(error), wait), healthy=False)

    def _adopted(self, claim: Claim, found: Sighting) -> Performed:
        return Performed(claim, self._adopt(claim.effect, found.record), surplus=found.surplus)

    def _adopt(self, effect: Effect, found: Record) -> Outcome:
        """A record answers our create: it is done, whatever becomes of a lost correlation that is put back."""
        wanted = {"correlation_id": effect.values.get("correlation_id", "")}
        if not wanted["correlation_id"] or says(found, wanted):
            return created(effect, found)
        try:
            found = self._fsm.update(Kind.WORK_ORDER, found.id, wanted)
        except (Unreachable, Busy, Doubtful) as error:
            return InDoubt(f"it stands; its correlation could not be restored: {error}", RETRY_CAP_S)
        except RemoteError:
            pass  # told below: nothing that we can do will change it
        self._resolver.report_dropped(effect, found, wanted)
        return created(effect, found)

    def _waits(self, performed: Performed) -> Performed:
        """A write that is not sent now. One in doubt was looked for: the next look comes when this one is settled."""
        if not isinstance(performed.outcome, InDoubt):
            return performed
        wait = max(DEFER_S, self._fsm.settle.total_seconds(), self._creates.believed_after_s())
        return replace(performed, outcome=replace(performed.outcome, probe_in_s=wait), absent=True)

    # -- state-style writes ----------------------------------------------------------------------------------------

    def _update(self, claim: Claim) -> Performed:
        effect = claim.effect
        values, unresolved, absent = self._resolver.resolved(effect)
        if absent:
            return Performed(claim, Parked(absent), refusal=absent)
        current = self._fsm.read(effect.target_kind, effect.target)
        if current.state in self._terminal(effect.target_kind):
            return Performed(claim, Overtaken(f"{current.number} is {current.state_label}"))
        if unresolved and not values:
            nothing = Done(record=current, detail="field service knows nothing of it")
            return Performed(claim, nothing, unresolved=unresolved)
        if says(current, values):
            # Only what this effect may have sent is its doing, and noted; an earlier one may have carried the same content.
            said = Done(record=current, detail="already so") if claim.probing else Overtaken("already so")
            return Performed(claim, said)
        if claim.unremembered and recall.carried(effect, self._standing(effect), claim.remembered):
            return Performed(claim, Done(record=current, detail="carried before, as a note says"))
        overtaken = unless_send(claim, self._recheck.update(effect))
        if overtaken is not None:
            return self._waits(overtaken)
        left_alone = self._left_alone(claim, current)
        if left_alone is not None:
            return left_alone
        performed = self._written(claim, lambda: self._fsm.update(effect.target_kind, effect.target, values))
        if isinstance(performed.outcome, Done) and performed.outcome.record is not None:
            self._resolver.report_dropped(effect, performed.outcome.record, values)
        return replace(performed, unresolved=unresolved)

    def _left_alone(self, claim: Claim, current: Record) -> Performed | None:
        """A task that was begun meanwhile, and one that is not the first that may be scheduled, get no dates."""
        if claim.effect.kind is not EffectKind.UPDATE_WORK_TASK:
            return None
        if current.state == BEGUN:
            return Performed(claim, Overtaken(f"{current.number} was begun"))
        ahead = self._recheck.ahead(current)
        if ahead:
            reason = f"{ahead[0].number} comes before {current.number}"
            return Performed(claim, Overtaken(reason), ahead=ahead)
        return None

    def _cancel(self, claim: Claim) -> Performed:
        effect = claim.effect
        current = self._fsm.read(effect.target_kind, effect.target)
        if current.state in self._terminal(effect.target_kind):
            return Performed(claim, Done(record=current, detail=f"already {current.state_label}"))
        if claim.unremembered:
            standing = _texts(self._fsm.notes(effect.target_kind, effect.target, OURS))
            if recall.cancel_asked(effect, standing, claim.remembered):
                return Performed(claim, Done(record=current, detail="asked before, as a note says"))
        overtaken = unless_send(claim, self._recheck.cancel(effect, current))
        if overtaken is not None:
            return self._waits(overtaken)
        return self._written(claim, lambda: self._fsm.cancel_work_order(effect.target, effect.text))

    def _show(self, claim: Claim) -> Performed:
        """The field of a domain order that shows its work orders. Whether the server kept all of it is told, and compared
        when its answer is seen."""
        effect = claim.effect
        current = self._om.read(effect.target_kind, effect.target)
        if says(current, effect.values):
            return Performed(claim, Done(record=current, detail="already so"))
        performed = self._written(
            claim, lambda: self._om.update(effect.target_kind, effect.target, effect.values)
        )
        if isinstance(performed.outcome, Done) and performed.outcome.record is not None:
            self._resolver.report_dropped(effect, performed.outcome.record, effect.values)
        return performed

    def _relate(self, claim: Claim) -> Performed:
        """A row that relates a work order to its subject."""
        standing = self._relations.look(claim)
        if standing is not None:
            return standing
        return self._relations.told(self._written(claim, lambda: self._relations.make(claim.effect)))

    def _close(self, claim: Claim) -> Performed:
        """A release of a domain order. One that was sent and did not arrive is not sent again: what it rests on was read
        before the doubt, and a work order may have been linked since. The gate looks anew."""
        effect = claim.effect
        current = self._om.read(effect.target_kind, effect.target)
        if says(current, effect.values):
            return Performed(claim, Done(record=current, detail="already so"))
        if claim.sent_since_born:
            return Performed(claim, Overtaken(NOT_ARRIVED))
        overtaken = unless_send(claim, self._recheck.close(effect))
        if overtaken is not None:
            return overtaken
        return self._written(claim, lambda: self._om.update(effect.target_kind, effect.target, effect.values))

    def _clear(self, claim: Claim) -> Performed:
        """The marker of a held request is taken away."""
        return self._written_to_om(claim, self._recheck.clear)

    def _reopen(self, claim: Claim) -> Performed:
        """A domain order that was closed while work is open."""
        return self._written_to_om(claim, self._recheck.reopen)

    def _written_to_om(self, claim: Claim, look: Callable[[Effect, Record], Verdict]) -> Performed:
        effect = claim.effect
        current = self._om.read(effect.target_kind, effect.target)
        if says(current, effect.values):
            return Performed(claim, Done(record=current, detail="already so"))
        overtaken = unless_send(claim, look(effect, current))
        if overtaken is not None:
            return overtaken
        return self._written(claim, lambda: self._om.update(effect.target_kind, effect.target, effect.values))

    def _terminal(self, kind: Kind) -> frozenset[str]:
        return self._policy().lifecycles[kind].ended

    def _note(self, claim: Claim) -> Performed:
        effect = claim.effect
        remote = self._remote(effect.system)
        text = effect.text
        if claim.unremembered:
            standing = _texts(remote.notes(effect.target_kind, effect.target, OURS))
            text = recall.remaining(effect, standing, claim.remembered)
            if not text:
                return Performed(claim, Done(detail="it stands already"))
        elif claim.probing and remote.notes(effect.target_kind, effect.target, effect.marker):
            return Performed(claim, Done(detail="found by its marker"))

        def write() -> None:
            remote.write_note(effect.target_kind, effect.target, text)

        return self._written(claim, write)

    def _standing(self, effect: Effect) -> tuple[str, ...]:
        """Our notes on the subject of an effect, oldest first."""
        return _texts(self._om.notes(effect.subject_kind, effect.subject, OURS))

    def _written(self, claim: Claim, write: Callable[[], Record | None]) -> Performed:
        """One write whose failure is classed by its name; doubt waits for the settle time of the system."""
        if not _MAY_SEND.get()():
            return too_late(claim)
        try:
            record = write()
        except (Unreachable, Busy, Missing):
            raise
        except Refused as error:
            return Performed(claim, Parked(str(error)), refusal=error.reason)
        except RemoteError as error:
            # A conflict may be the echo of our own first try: look again before anything else is sent.
            if isinstance(error, Misconfigured):
                self._health.failed(at_fault(claim.effect, error), LANE, error)
            settle = self._remote(claim.effect.system).settle.total_seconds()
            return Performed(claim, InDoubt(str(error), settle), healthy=False)
        return Performed(claim, Done(record=record))

    # -- what failures mean ----------------------------------------------------------------------------------------

    def _failed(self, claim: Claim, error: RemoteError, *, sent: bool = False) -> Performed:
        """What came of a step that never got to its write, or whose look at the result failed (`sent`).

        How long a system that failed is left alone is the business of `health`; here one effect waits for its turn.
        """
        if isinstance(error, Missing):
            return Performed(claim, Parked(str(error)), missing=True)
        if isinstance(error, Refused):
            return Performed(claim, Parked(str(error)), refusal=error.reason)
        wait = backoff(claim.attempt)
        if isinstance(error, Exhausted):
            # nothing is wrong with the system, and what is urgent may still go on
            wait = max(wait, error.retry_after or 0.0)
        elif not isinstance(error, Unreadable):
            # one record that does not parse says nothing about the system
            self._health.failed(at_fault(claim.effect, error), LANE, error)
        outcome = InDoubt(str(error), wait) if sent or claim.probing else NotSent(str(error), wait)
        return Performed(claim, outcome, healthy=False)

    def _remote(self, system: System) -> RemoteSystem:
        return self._om if system is System.ORDER_MANAGEMENT else self._fsm


def _texts(notes: Iterable[Note]) -> tuple[str, ...]:
    return tuple(note.text for note in notes)
