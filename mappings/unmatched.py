"""Slots of a plan whose rule matches no more, because a fact that it reads has changed.

Called by `creation` with the plan as the tables decide it now, and by `decisions` for one that is opened again. What was never made is forgotten. A work order that stands
is flagged for a person, or cancelled where the config says so; past the point of no return, or while another order needs
it, it is flagged in any case. Nothing is ever kept in silence, and a rule that matches again finds its work order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from mappings import notes, ponr
from mappings.cancellation import overtaken
from mappings.changes import Change, What
from mappings.effects import Decision, Effect, EffectKind, Reason
from mappings.generations import of_slot, order_version
from mappings.keys import digest
from mappings.model import Facts, Plan, PlannedWorkOrder, Record
from mappings.note_effects import cancel_key, cancel_of, note_on_subject, nothing, of_orders, why
from mappings.policy import Policy
from mappings.standing import title, wanted_elsewhere
from mappings.targets import UNSENT, Target, shown, targets, unsettled

Slot = tuple[str, int]


def told(plan: Plan, changes: Sequence[Change], facts: Facts, policy: Policy) -> Decision:
    """What becomes of the slots that `plan` marks as unmatched and the stored one does not, and of those that it frees."""
    before = {_slot(p): p.unmatched for p in facts.plan.work_orders} if facts.plan else {}
    lost = [p for p in plan.work_orders if p.unmatched and not before.get(_slot(p), False)]
    never = {_slot(p) for p in lost if not _exists(p, facts)}
    void = (*_unsent(never, facts), *_taken_back(plan, before, facts))
    here = defaultdict(list)
    for target in targets(facts, policy):
        here[_slot(target.planned)].append(target)
    made = [p for p in lost if _slot(p) not in never]
    ended = {_slot(p) for p in made if here[_slot(p)] and _may_cancel(here[_slot(p)], facts, policy)}
    kept = {_slot(p): here[_slot(p)] for p in made if here[_slot(p)] and _slot(p) not in ended}
    effects = [
        _cancel(p, target, facts, policy, changes)
        for p in made
        if _slot(p) in ended
        for target in here[_slot(p)]
    ]
    void += tuple(overtaken({effect.target for effect in effects}, facts))
    if kept:
        effects.append(_flag(kept, changes, facts, policy))
    slots = tuple(_marked(p, ended, facts) for p in plan.work_orders if _slot(p) not in never)
    reasons = [Reason(_fate(p, never, ended), p.rule) for p in lost]
    return replace(
        nothing(facts, *reasons),
        effects=tuple(effects),
        plan=replace(plan, work_orders=slots),
        supersede=void,
        unmatched=tuple(f"{p.rule}:{p.slot}" for p in lost if _slot(p) in {*ended, *kept}),
    )


def reopened(changes: Sequence[Change], facts: Facts, policy: Policy) -> Decision:
    """Flags a work order that people opened again although no rule prescribes it: it had ended when its rule was lost, or with
    it. It is never cancelled for that: whoever opened it had a reason."""
    opened = {change.record.id: change.record for change in changes if change.what is What.REOPENED}
    if not opened:
        return nothing(facts)
    effects = [
        note_on_subject(
            facts,
            policy,
            f"unmatched:{facts.subject.id}:{target.id}:{opened[target.id].version}",
            notes.unmatched_again(shown(target, facts)),
            because=f"no rule prescribes it any more: {why(changes)}",
        )
        for target in targets(facts, policy)
        if target.id in opened and target.planned.unmatched
    ]
    return replace(nothing(facts), effects=tuple(effects))


def _slot(planned: PlannedWorkOrder) -> Slot:
    return planned.rule, planned.slot


def _exists(planned: PlannedWorkOrder, facts: Facts) -> bool:
    """Whether a work order of the slot stands or stood, or may: its create was sent."""
    head = f"create:{facts.subject.id}:{planned.rule}:{planned.slot}:"
    creates = unsettled(facts, EffectKind.CREATE_WORK_ORDER)
    sent = any(e.key.startswith(head) and e.status not in UNSENT for e in creates)
    return sent or bool(of_slot(planned, facts))


def _unsent(never: set[Slot], facts: Facts) -> tuple[str, ...]:
    """The creates of slots that are not wanted any more, and what waits behind them for the same work order."""
    heads = tuple(f"create:{facts.subject.id}:{rule}:{slot}:" for rule, slot in sorted(never))
    void = {e.target for e in facts.effects if e.key.startswith(heads)} if heads else set()
    return tuple(e.key for e in facts.effects if e.target in void)


def _taken_back(plan: Plan, before: Mapping[Slot, bool], facts: Facts) -> tuple[str, ...]:
    """Cancels, not sent yet, of work orders whose rule matches again."""
    back = [p for p in plan.work_orders if before.get(_slot(p), False) and not p.unmatched]
    ids = {link.work_order for p in back for link in of_slot(p, facts)}
    cancels = unsettled(facts, EffectKind.CANCEL_WORK_ORDER)
    return tuple(e.key for e in cancels if e.target in ids and e.status in UNSENT)


def _may_cancel(here: Sequence[Target], facts: Facts, policy: Policy) -> bool:
    if policy.unmatched == "flag":
        return False
    if policy.after_ponr_cancel == "flag" and ponr.reached_by(facts, policy.ponr_scope) is not None:
        return False
    wanted = wanted_elsewhere(facts, policy)
    return all(target.cancellable and target.id not in wanted for target in here)


def _marked(planned: PlannedWorkOrder, ended: set[Slot], facts: Facts) -> PlannedWorkOrder:
    """A slot that is being cancelled is void: when its rule matches again, the next generation is made."""
    if _slot(planned) not in ended:
        return planned
    return replace(planned, void_since=order_version(facts) - 1)


def _fate(planned: PlannedWorkOrder, never: set[Slot], ended: set[Slot]) -> str:
    fate = (
        "is not made" if _slot(planned) in never else "is cancelled" if _slot(planned) in ended else "stays"
    )
    return f'rule "{planned.rule}" does not match any more; its work order {planned.slot} {fate}'


def _source(changes: Sequence[Change], facts: Facts) -> Record:
    ours = of_orders(changes)
    return ours[0].record if ours else facts.subject


def _cancel(
    planned: PlannedWorkOrder, target: Target, facts: Facts, policy: Policy, changes: Sequence[Change]
) -> Effect:
    source = _source(changes, facts)
    cancel = cancel_of(
        target.id,
        facts,
        policy,
        cancel_key(target.id, source, facts),
        notes.unmatched_reason(title(facts.subject)),
        because=f'rule "{planned.rule}" does not match any more: {why(changes)}',
    )
    return replace(cancel, unmatched=f"{planned.rule}:{planned.slot}")


def _flag(
    kept: Mapping[Slot, Sequence[Target]], changes: Sequence[Change], facts: Facts, policy: Policy
) -> Effect:
    source = _source(changes, facts)
    work_orders = [shown(target, facts) for here in kept.values() for target in here]
    return note_on_subject(
        facts,
        policy,
        f"unmatched:{facts.subject.id}:{digest(*(f'{rule}:{slot}' for rule, slot in kept))}:{source.id}:{source.version}",
        notes.unmatched(title(facts.subject), work_orders),
        because=f"no rule prescribes it any more: {why(changes)}",
    )
