"""One work order of a plan made anew because a person says so.

Called by `syncd recreate`. Nothing else makes a work order again that ended while its order stood.
"""

from __future__ import annotations

from dataclasses import replace

from mappings.creation import create, hindrance
from mappings.effects import Decision, EffectKind, Reason
from mappings.generations import next_generation, of_slot
from mappings.model import Facts, PlannedWorkOrder
from mappings.note_effects import nothing
from mappings.policy import Policy
from mappings.standing import title


def recreation(rule: str, slot: int, known: int, facts: Facts, policy: Policy, *, cause: str) -> Decision:
    """The next generation of a slot, or no effect and the reason. `known` is the highest that FSM has, 0 for none."""
    planned = next((p for p in _slots(facts) if (p.rule, p.slot) == (rule, slot)), None)
    if planned is None:
        slots = ", ".join(f"{p.rule}/{p.slot}" for p in _slots(facts)) or "nothing"
        return nothing(
            facts, Reason(f'{title(facts.subject)} plans {slots}, not slot {slot} of rule "{rule}"')
        )
    against = hindrance(facts, policy) or _standing(planned, facts, policy)
    if against:
        return nothing(facts, Reason(against, rule))
    generation = max(next_generation(planned, facts), known + 1)
    anew = replace(planned, generation=generation, void_since=None)
    assert facts.plan is not None
    slots_now = tuple(anew if one is planned else one for one in facts.plan.work_orders)
    plan = replace(facts.plan, work_orders=slots_now)
    reason = Reason(f"generation {generation}: {cause}", rule, fired=True)
    return replace(nothing(facts, reason), effects=(create(anew, plan, facts, policy, cause),), plan=plan)


def _slots(facts: Facts) -> tuple[PlannedWorkOrder, ...]:
    return facts.plan.work_orders if facts.plan else ()


def _standing(planned: PlannedWorkOrder, facts: Facts, policy: Policy) -> str:
    """What stands for the slot already, or may, "" when nothing does."""
    for link in of_slot(planned, facts):
        record = facts.work_order(link.work_order)
        gone = link.work_order in facts.vanished
        if not gone and (record is None or not policy.has_ended(record.state)):
            return f"work order {record.number if record else link.work_order} of this slot has not ended"
    prefix = f"create:{facts.subject.id}:{planned.rule}:{planned.slot}:"
    for effect in facts.effects:
        if effect.kind == EffectKind.CREATE_WORK_ORDER and effect.key.startswith(prefix):
            return f"its create is {effect.status.replace('_', ' ')}: {effect.key}"
    return ""
