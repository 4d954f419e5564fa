"""Effects that carry a text, notes and cancels, and the joining of several decisions into one.

Called by the deciding modules, so that every text is made safe and marked in the same place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mappings.changes import Change
from mappings.effects import Decision, Effect, EffectKind, Reason
from mappings.keys import marker
from mappings.model import Facts, Kind, PlannedWorkOrder, Record, System
from mappings.notes import Named, named, plain
from mappings.policy import Policy


def note_on_subject(
    facts: Facts, policy: Policy, key: str, text: str, *, because: str, mark: str = "", rest: str = ""
) -> Effect:
    """A note on the domain order (or order task) in OM. `mark` is what its marker carries, if not the key; `rest` says
    where the whole of a text stands that may have to be cut."""
    sign = marker(mark or key)
    return Effect(
        key=key,
        kind=EffectKind.WRITE_NOTE,
        system=System.ORDER_MANAGEMENT,
        subject_kind=facts.subject.kind,
        subject=facts.subject.id,
        target_kind=facts.subject.kind,
        target=facts.subject.id,
        because=because,
        text=plain(text, policy.note_limit, sign, rest),
        marker=sign,
    )


def note_on_work_order(
    facts: Facts,
    policy: Policy,
    key: str,
    text: str,
    *,
    work_order: str,
    because: str,
    mark: str = "",
    rest: str = "",
) -> Effect:
    """A note on a work order in FSM. `mark` and `rest` as for the subject's."""
    sign = marker(mark or key)
    return Effect(
        key=key,
        kind=EffectKind.WRITE_NOTE,
        system=System.FIELD_SERVICE,
        subject_kind=facts.subject.kind,
        subject=facts.subject.id,
        target_kind=Kind.WORK_ORDER,
        target=work_order,
        because=because,
        text=plain(text, policy.note_limit, sign, rest),
        marker=sign,
    )


def cancel_of(
    work_order: str, facts: Facts, policy: Policy, key: str, reason: str, *, because: str
) -> Effect:
    """The cancel of a work order, with the reason that FSM demands."""
    note = note_on_work_order(facts, policy, key, reason, work_order=work_order, because=because)
    return replace(note, kind=EffectKind.CANCEL_WORK_ORDER)


def cancel_key(work_order: str, source: Record, facts: Facts) -> str:
    """A version that cancels does so once; where the work order serves several subjects, once for each of them."""
    key = f"cancel:{work_order}:{source.id}:{source.version}"
    return f"{key}:{facts.subject.id}" if work_order in facts.elsewhere else key


def planned_for(facts: Facts, work_order: str) -> PlannedWorkOrder:
    """What the plan says about a linked work order; nothing but its rule and slot where the plan does not know it."""
    link = next((link for link in facts.links if link.work_order == work_order), None)
    if link is None:
        return PlannedWorkOrder("", 0, "")
    slots = facts.plan.work_orders if facts.plan else ()
    known = (planned for planned in slots if (planned.rule, planned.slot) == (link.rule, link.slot))
    return next(known, PlannedWorkOrder(link.rule, link.slot, "", link.generation))


def name(facts: Facts, work_order: Record) -> Named:
    """A work order as notes on this subject name it: by its template, else by what it says of itself."""
    template = planned_for(facts, work_order.id).template
    return named(
        work_order, template or work_order.get("template_name") or work_order.get("short_description")
    )


def why(changes: Sequence[Change]) -> str:
    """The change that a decision answers, in a few words."""
    if not changes:
        return "reviewed"
    return f"{changes[0].record.number or changes[0].record.id} {changes[0].what.replace('_', ' ')}"


def of_orders(changes: Sequence[Change]) -> list[Change]:
    """The changes that OM made; what happens to work orders only ever leads to notes."""
    return [change for change in changes if change.record.kind.system is System.ORDER_MANAGEMENT]


def nothing(facts: Facts, *because: Reason) -> Decision:
    return Decision(facts.subject.kind, facts.subject.id, because=because)


def combined(facts: Facts, decisions: Sequence[Decision]) -> Decision:
    """One decision out of several about the same subject. No key twice, and none that is intended already."""
    taken = {effect.key for effect in facts.effects}
    effects: dict[str, Effect] = {}
    for decision in decisions:
        for effect in decision.effects:
            if effect.key not in taken:
                effects.setdefault(effect.key, effect)
    return Decision(
        facts.subject.kind,
        facts.subject.id,
        effects=tuple(effects.values()),
        plan=next((decision.plan for decision in decisions if decision.plan is not None), None),
        supersede=tuple(dict.fromkeys(key for decision in decisions for key in decision.supersede)),
        noted=tuple(dict.fromkeys(id for decision in decisions for id in decision.noted)),
        because=tuple(dict.fromkeys(reason for decision in decisions for reason in decision.because)),
        unmatched=tuple(dict.fromkeys(slot for decision in decisions for slot in decision.unmatched)),
    )
