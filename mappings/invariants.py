"""The promises that can be checked before a decision is committed: what no correct decision on sound facts ever breaks.

Called by `syncd.observe` with the facts that a decision was taken on. One that is broken means that the state is damaged or that a rule
has a defect; whose order it is waits for a person, and everything else goes on. Cheap: looks at nothing but its arguments.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mappings.closure import is_closed
from mappings.effects import Decision, EffectKind
from mappings.model import Facts, Kind, Plan
from mappings.policy import Policy


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken promise: its name in docs/reliability.md, and what is wrong."""

    promise: str
    text: str


def violations(facts: Facts, decision: Decision, policy: Policy) -> tuple[Violation, ...]:
    """What is wrong with the facts of a subject, or with a decision on it.

    Several work orders for one intention are no such thing: people copy them, and a server that chooses ids may have made two.
    Delivery and the sweep find, tell and cancel them.
    """
    plan = decision.plan or facts.plan
    return (
        *_planned_twice(facts.plan),
        *(_planned_twice(decision.plan) if decision.plan != facts.plan else ()),
        *_unplanned(facts, decision, plan),
        *_released_early(facts, decision, policy),
    )


def _planned_twice(plan: Plan | None) -> Iterator[Violation]:
    """One slot of a rule is one work order."""
    slots = [(planned.rule, planned.slot) for planned in plan.work_orders] if plan is not None else []
    for rule, slot in sorted({one for one in slots if slots.count(one) > 1}):
        yield Violation("S1", f"its plan has slot {slot} of rule {rule} more than once")


def _unplanned(facts: Facts, decision: Decision, plan: Plan | None) -> Iterator[Violation]:
    """A create answers a slot of the plan that nothing answers yet."""
    planned = {(p.rule, p.slot, p.generation) for p in plan.work_orders} if plan is not None else set()
    linked = {(link.rule, link.slot, link.generation) for link in facts.links}
    for effect in decision.effects:
        if effect.link is None:
            continue
        slot = (effect.link.rule, effect.link.slot, effect.link.generation)
        if slot not in planned:
            yield Violation("S2", f"{effect.key} is for no slot of its plan")
        if slot in linked:
            yield Violation("S1", f"{effect.key} would make a work order that stands already")


def _released_early(facts: Facts, decision: Decision, policy: Policy) -> Iterator[Violation]:
    """Nothing is released while a linked work order was last seen open."""
    if not any(effect.kind is EffectKind.CLOSE_DOMAIN_ORDER for effect in decision.effects):
        return
    closed = policy.lifecycles[Kind.WORK_ORDER].closed
    for record in facts.work_orders:
        if record.id not in facts.vanished and not is_closed(record, closed):
            yield Violation(
                "S8", f"it would be released while {record.number} is {record.state_label or record.state}"
            )
