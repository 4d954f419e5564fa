"""Which generation a slot of a plan is in: what a cancelled and revived order makes anew.

Called by `creation` and `decisions`. A slot remembers in the plan at which version of its order it was seen cancelled. When
the order is back at a higher version and every work order of the slot has ended, the next generation is made. A work order
that a person cancelled in FSM is never made again: its slot remembers no cancellation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mappings.effects import Decision, EffectKind, Reason
from mappings.keys import Correlation
from mappings.model import EffectStatus, Facts, Link, Plan, PlannedWorkOrder
from mappings.note_effects import nothing
from mappings.policy import Policy
from mappings.standing import cancelled_by


def correlation(planned: PlannedWorkOrder, subject: str) -> Correlation:
    return Correlation(subject, planned.rule, planned.slot, planned.generation)


def order_version(facts: Facts) -> int:
    """The version that a revision raises; where the order has none, the count of its changes."""
    record = facts.order or facts.subject
    said = record.get("version")
    return int(said) if said.isascii() and said.isdecimal() else record.version


def voided(facts: Facts) -> Plan | None:
    """The plan of a subject that is cancelled now, its slots marked; None where they are, or there is none."""
    plan = facts.plan
    if plan is None or all(planned.void_since is not None for planned in plan.work_orders):
        return None
    now = order_version(facts)
    marked = tuple(p if p.void_since is not None else replace(p, void_since=now) for p in plan.work_orders)
    return replace(plan, work_orders=marked)


def has_void(plan: Plan | None) -> bool:
    """Whether a slot of the plan was seen cancelled and has not been looked at since the order came back."""
    slots = plan.work_orders if plan else ()
    return any(planned.void_since is not None and not planned.unmatched for planned in slots)


def revived(plan: Plan, facts: Facts, policy: Policy) -> tuple[Plan, tuple[Reason, ...]]:
    """The plan of a subject that is not cancelled any more, each void slot as it stands now."""
    slots, reasons = [], []
    for planned in plan.work_orders:
        idle = planned.void_since is None or planned.unmatched
        now = planned if idle else _revived(planned, facts, policy)
        slots.append(now)
        if now.generation != planned.generation:
            text = f'generation {now.generation} of rule "{planned.rule}", slot {planned.slot}: cancelled before, and back'
            reasons.append(Reason(text, planned.rule, fired=True))
    return replace(plan, work_orders=tuple(slots)), tuple(reasons)


def taken_back(facts: Facts, policy: Policy) -> Decision:
    """A cancel was not sent, or was refused, and its order stands again: the slots that it was for are wanted as they were.

    Said at once: later the work order may have ended for another reason, and nobody could tell.
    """
    plan = facts.plan
    if plan is None or not has_void(plan) or cancelled_by(facts, policy) is not None:
        return nothing(facts)
    now, _ = revived(plan, facts, policy)
    pairs = zip(plan.work_orders, now.work_orders, strict=True)
    kept = tuple(old if new.generation != old.generation else new for old, new in pairs)
    return replace(nothing(facts), plan=replace(plan, work_orders=kept))


def refused_in_vain(before: Plan, now: Plan, facts: Facts) -> tuple[str, ...]:
    """The refused cancels of work orders that are wanted again as they are. What comes next for them must not wait behind
    one, and no person need take it up."""
    pairs = zip(before.work_orders, now.work_orders, strict=True)
    kept = [new for old, new in pairs if old != new and old.generation == new.generation]
    ids = {link.work_order for planned in kept for link in of_slot(planned, facts)}
    cancels = (effect for effect in facts.effects if effect.kind == EffectKind.CANCEL_WORK_ORDER)
    return tuple(one.key for one in cancels if one.target in ids and one.status is EffectStatus.PARKED)


def of_slot(planned: PlannedWorkOrder, facts: Facts) -> tuple[Link, ...]:
    """The links of all generations of a slot, the oldest generation first."""
    found = (link for link in facts.links if (link.rule, link.slot) == (planned.rule, planned.slot))
    return tuple(sorted(found, key=lambda link: link.generation))


def next_generation(planned: PlannedWorkOrder, facts: Facts) -> int:
    """One more than the highest that is known of."""
    return 1 + max((planned.generation, *(link.generation for link in of_slot(planned, facts))))


def _revived(planned: PlannedWorkOrder, facts: Facts, policy: Policy) -> PlannedWorkOrder:
    assert planned.void_since is not None
    links = of_slot(planned, facts)
    still_open = [link.work_order for link in links if not _has_ended(link, facts, policy)]
    if not links or (still_open and not set(still_open) & set(_being_cancelled(facts))):
        return replace(planned, void_since=None)  # it was never made, or the cancellation never reached it
    if still_open or order_version(facts) <= planned.void_since:
        return planned
    return replace(planned, void_since=None, generation=next_generation(planned, facts))


def _has_ended(link: Link, facts: Facts, policy: Policy) -> bool:
    record = facts.work_order(link.work_order)
    return record is not None and policy.has_ended(record.state)


def _being_cancelled(facts: Facts) -> Iterator[str]:
    """One whose cancel was refused goes on: nothing more is sent without a person."""
    for effect in facts.effects:
        if effect.kind == EffectKind.CANCEL_WORK_ORDER and effect.status is not EffectStatus.PARKED:
            yield effect.target
