"""The work orders of a subject that a change of its order can reach: the linked ones, and those on their way.

Called by `amendment` and `cancellation`. A create that has not settled counts, under the id that we chose for it:
what follows it in the queue will find it there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mappings import notes
from mappings.effects import EffectKind
from mappings.generations import correlation
from mappings.keys import parse_correlation
from mappings.model import EffectStatus, Facts, KnownEffect, Link, Origin, PlannedWorkOrder, Record
from mappings.note_effects import name, planned_for
from mappings.policy import Policy

UNSENT = (EffectStatus.PENDING, EffectStatus.PARKED)
"""States in which an effect surely is not on the wire."""
OUTSTANDING = (EffectStatus.PENDING, EffectStatus.IN_FLIGHT, EffectStatus.IN_DOUBT)
"""States of an effect that will come to something without a person."""


@dataclass(frozen=True, slots=True)
class Target:
    """One work order that has not ended. `record` is None until it was seen."""

    id: str
    planned: PlannedWorkOrder
    amendable: bool
    """Its fields are ours to write: our rule made it for this subject, or people handed it over."""
    cancellable: bool
    """Ours to cancel: syncd made it, for whichever subject."""
    shared: bool = False
    """It serves another subject too, whose rule made it or which people named beside this one."""
    record: Record | None = None


def targets(facts: Facts, policy: Policy) -> tuple[Target, ...]:
    """Every work order of the subject that can still change; one that vanished cannot."""
    return (*_linked(facts, policy), *_coming(facts))


def _linked(facts: Facts, policy: Policy) -> Iterator[Target]:
    for link in facts.links:
        if link.work_order in facts.vanished:
            continue
        record = facts.work_order(link.work_order)
        if record is None or not policy.has_ended(record.state):
            handed_over = policy.adopted == "manage"
            created = link.origin is Origin.CREATED
            shared = not created and (link.work_order in facts.elsewhere or _made_by_us(link, record))
            yield Target(
                link.work_order,
                planned_for(facts, link.work_order),
                amendable=created or (handed_over and not shared),
                cancellable=handed_over or _made_by_us(link, record),
                shared=shared,
                record=record,
            )


def _made_by_us(link: Link, record: Record | None) -> bool:
    if link.origin is Origin.CREATED:
        return True
    return record is not None and parse_correlation(record.get("correlation_id")) is not None


def _coming(facts: Facts) -> Iterator[Target]:
    linked = {link.work_order for link in facts.links}
    creates = {effect.key: effect for effect in unsettled(facts, EffectKind.CREATE_WORK_ORDER)}
    for planned in facts.plan.work_orders if facts.plan else ():
        create = creates.get(correlation(planned, facts.subject.id).key)
        if create is not None and create.target not in linked:
            yield Target(create.target, planned, amendable=True, cancellable=True)


def is_expected(work_order: str, facts: Facts) -> bool:
    """Whether a work order was made for the subject, or is on its way."""
    return any(link.work_order == work_order for link in facts.links) or any(
        effect.target == work_order for effect in unsettled(facts, EffectKind.CREATE_WORK_ORDER)
    )


def unsettled(facts: Facts, kind: EffectKind) -> Iterator[KnownEffect]:
    """The effects of one kind; facts hold only those that are neither done nor superseded."""
    return (effect for effect in facts.effects if effect.kind == kind)


def shown(target: Target, facts: Facts) -> str:
    """A work order with its status, as a line of a note; one that nobody has seen yet by its template."""
    if target.record is None:
        return f"{target.planned.template or target.id}: on its way"
    return f"{name(facts, target.record)}: {notes.label(target.record)}"
