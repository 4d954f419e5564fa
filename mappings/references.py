"""References that cross from OM to FSM: what was not found there, and what follows when it is there later.

`settlement` asks what a write went without; the sweep asks what to do about one that is found at last. A work order is
made without what field service does not know, because a customer waits for it; it is filled in when it can be.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from mappings import ponr
from mappings.effects import Decision, Effect, EffectKind, Reason, Reference
from mappings.field_map import desired
from mappings.keys import digest
from mappings.model import Facts, Kind, Record, System
from mappings.note_effects import nothing
from mappings.policy import Policy
from mappings.standing import cancelled_by, obstacle
from mappings.targets import targets


@dataclass(frozen=True, slots=True)
class Unresolved:
    """One field of one work order that stands without the record that it should point at."""

    subject_kind: Kind
    subject: str
    work_order: str
    target: str
    reference: Reference
    since: datetime | None = None


def went_without(
    effect: Effect, work_order: Record, unresolved: Collection[str] = ()
) -> dict[str, Reference]:
    """The references of a write that its record does not have. `unresolved` are those that were looked up in vain; after
    a crash nobody knows, and an empty field tells."""
    return {
        target: reference
        for target, reference in sorted(effect.references.items())
        if target in unresolved or (target in work_order.fields and not work_order.get(target))
    }


def is_wanted(one: Unresolved, facts: Facts, policy: Policy) -> bool:
    """Whether the order still says so, and the work order may still change."""
    return any(
        target.id == one.work_order
        and target.amendable
        and desired(facts, target.planned, policy.field_map).references.get(one.target) == one.reference
        for target in targets(facts, policy)
    )


def appeared(one: Unresolved, facts: Facts, policy: Policy) -> Decision:
    """The update that fills in what field service knows by now; nothing while the order may not be changed."""
    against = (
        obstacle(facts, policy) or cancelled_by(facts, policy) or ponr.reached_by(facts, policy.ponr_scope)
    )
    if against or not is_wanted(one, facts, policy):
        return nothing(facts)
    work_order = facts.work_order(one.work_order)
    effect = Effect(
        key=f"update:{one.work_order}:{one.target}:{digest(one.reference.match, one.reference.value)}",
        kind=EffectKind.UPDATE_WORK_ORDER,
        system=System.FIELD_SERVICE,
        subject_kind=facts.subject.kind,
        subject=facts.subject.id,
        target_kind=Kind.WORK_ORDER,
        target=one.work_order,
        because=f"{one.target}: field service knows it now",
        references={one.target: one.reference},
        before={one.target: work_order.get(f"{one.target}_name") if work_order is not None else ""},
    )
    reason = Reason(f"{one.reference.entity} {one.reference.value} is known to field service now")
    return replace(nothing(facts, reason), effects=(effect,))
