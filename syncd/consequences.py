"""Consequences: what the outcome of an effect means for its order, in the transaction that settles it.

Called by `delivery`. What surely never ran may be overtaken by then; a record that an answer shows is a sighting like any
other; notes follow, and what waited for a work order that will never be is given up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

from mappings import decisions
from mappings.duplicates import duplicates
from mappings.effects import WRITES_TO_FSM, Decision, EffectKind, Reason
from mappings.model import Facts, Kind
from mappings.references import went_without
from mappings.scheduling import passed_on
from mappings.standing import cancelled_by, title
from mappings.targets import UNSENT, is_expected
from state.store import Done, NotSent, Overtaken, Parked, Transaction
from syncd.attempts import detail_of
from syncd.gate import request_settled
from syncd.observe import Observer, Sightings
from syncd.performed import Performed, leads_on, shown


class Consequences:
    """Decides on what is settled; each method is called inside the transaction of the caller."""

    def __init__(
        self, observer: Observer, policy: Callable[[], decisions.Policy], now: Callable[[], datetime]
    ) -> None:
        self._observer = observer
        self._policy = policy
        self._now = now

    def overtaken(self, tx: Transaction, one: Performed) -> Performed:
        """What a decision could not void while it was in doubt ends here: what surely never ran, when its order
        is cancelled by what is stored, or its domain order gone for good, and a change of a work order that was given up
        before it was made."""
        effect, never_ran = one.claim.effect, one.absent or isinstance(one.outcome, NotSent)
        if not never_ran and not one.missing:
            return one
        if (
            never_ran
            and effect.kind in WRITES_TO_FSM
            and tx.has_vanished(effect.subject_kind, effect.subject)
        ):
            return replace(one, outcome=Overtaken("its domain order is gone, and it never arrived"))
        facts = tx.facts_for(effect.subject_kind, effect.subject) if one.absent or one.missing else None
        if facts is None:
            return one
        is_cancel = effect.kind is EffectKind.CANCEL_WORK_ORDER
        source = cancelled_by(facts, self._policy()) if one.absent and not is_cancel else None
        if source is not None:
            return replace(one, outcome=Overtaken(f"{title(source)} is cancelled, and it never arrived"))
        if one.missing and effect.target_kind is Kind.WORK_ORDER and not is_expected(effect.target, facts):
            return replace(one, outcome=Overtaken("its work order was never made"))
        return one

    def follow(self, tx: Transaction, one: Performed, sightings: Sightings) -> None:
        """What an outcome means: the record it showed is a sighting like any other, and notes may follow."""
        effect, outcome = one.claim.effect, one.outcome
        for record in shown(one):
            self._observer.observe(tx, record, sightings)
        if effect.kind in (EffectKind.CLOSE_DOMAIN_ORDER, EffectKind.CLEAR_REQUEST):
            request_settled(tx, effect, outcome, one.refusal, self._now())
        if isinstance(outcome, Done) and effect.kind is EffectKind.CREATE_WORK_ORDER:
            self._created(tx, one, sightings)
        facts = tx.facts_for(effect.subject_kind, effect.subject) if leads_on(one) else None
        if facts is not None:
            for decision in self._decisions(one, facts):
                self._observer.apply(tx, decision, sightings, facts=facts)
        if isinstance(outcome, Done) and outcome.record is not None and effect.references:
            missing = went_without(effect, outcome.record, one.unresolved)
            tx.keep_unresolved(effect, outcome.record.id, missing)

    def _decisions(self, one: Performed, facts: Facts) -> Iterator[Decision]:
        effect, outcome, policy = one.claim.effect, one.outcome, self._policy()
        is_create = effect.kind is EffectKind.CREATE_WORK_ORDER
        if isinstance(outcome, Done):
            yield decisions.settled(effect, outcome.record, facts, policy, one.unresolved)
            made = outcome.record if is_create and one.claim.unremembered else None
            if made is not None and made.version > 0:
                # another life may have made it, and noted a state in which it is no more
                yield decisions.seen_again(made, facts, policy)
        elif one.refusal or isinstance(outcome, Parked):
            yield decisions.refused(effect, one.refusal or detail_of(outcome), facts, policy)
        elif isinstance(outcome, Overtaken):
            if effect.kind is EffectKind.CANCEL_WORK_ORDER:
                yield decisions.taken_back(facts, policy)
            if one.ahead:
                yield passed_on(effect, one.ahead[0], facts)
            if is_create:
                yield _void(effect.target, facts, outcome.reason)
            # the note that names a subject's work orders may have waited for this one
            yield decisions.follow_up(facts, policy)
        elif is_create:
            yield decisions.follow_up(facts, policy)  # one that waits for people is waited for no longer

    def _created(self, tx: Transaction, one: Performed, sightings: Sightings) -> None:
        """Where the server chose the id: what waits for the work order follows it, and what doubles it is cancelled."""
        effect, outcome = one.claim.effect, one.outcome
        assert isinstance(outcome, Done)
        kept = outcome.record
        if kept is None:
            return
        if kept.id != effect.target:
            tx.retarget(effect.subject, effect.target, kept.id)
        if not one.surplus:
            return
        for record in one.surplus:
            self._observer.observe(tx, record, sightings)
        facts = tx.facts_for(effect.subject_kind, effect.subject)
        if facts is not None:
            twins = {kept.id, *(record.id for record in one.surplus)}
            self._observer.apply(tx, duplicates(twins, facts, self._policy(), cancel=True), sightings)
            sightings.add(
                "work_order.doubled",
                domain_order=effect.subject,
                work_order=kept.id,
                number=kept.number,
                rows=len(one.surplus),
            )


def _void(work_order: str, facts: Facts, reason: str) -> Decision:
    """What waited for a work order that will never be."""
    keys = tuple(e.key for e in facts.effects if e.target == work_order and e.status in UNSENT)
    return Decision(facts.subject.kind, facts.subject.id, supersede=keys, because=(Reason(reason),))
