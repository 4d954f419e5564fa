"""Decisions: what a change means for one domain order or order task.

The door to the rules. Intake calls `decide` for each subject that a change concerns, `claims` and `follow_up` for
work orders that it finds; `syncd.consequences` calls `settled` and `refused` in the transaction that settles an effect. Each
returns one `Decision`, to be stored whole or not at all. Nothing here acts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mappings.amendment import amendments
from mappings.cancellation import cancellations
from mappings.changes import Change
from mappings.creation import creations, prescribed
from mappings.details import details as in_field
from mappings.effects import Decision
from mappings.generations import taken_back, voided
from mappings.holding import hold_notes
from mappings.links import LinkClaim, LinkSettings, claims
from mappings.model import Facts, Link, Origin, Record
from mappings.note_effects import combined, nothing
from mappings.policy import Policy
from mappings.recreation import recreation
from mappings.relations import relations
from mappings.settlement import follow_up, refused, settled
from mappings.standing import cancelled_by
from mappings.status import seen_again, status_notes
from mappings.unmatched import reopened

__all__ = [
    "LinkClaim",
    "LinkSettings",
    "Policy",
    "claims",
    "decide",
    "details",
    "follow_up",
    "found_again",
    "named",
    "prescribed",
    "recreation",
    "redecided",
    "refused",
    "seen_again",
    "settled",
    "taken_back",
    "unwanted",
]


def named(facts: Facts, policy: Policy) -> Decision:
    """Names the work orders of a subject on it, in a note and where its details are shown."""
    return combined(facts, [follow_up(facts, policy), details((), facts, policy)])


def details(changes: Sequence[Change], facts: Facts, policy: Policy, away: Record | None = None) -> Decision:
    """What a subject shows of its work orders: in a field, and as rows of a relation table. `away` is a work order that
    was pointed elsewhere just now."""
    return combined(facts, [in_field(changes, facts, policy, away), relations(changes, facts, policy)])


def found_again(work_order: Record, link: Link, facts: Facts, policy: Policy) -> Decision:
    """What a link means that is made while the state may be older than the world.

    Another life may have made the work order, noted it, and ended; the order may have been cancelled since.
    """
    parts = [named(facts, policy), seen_again(work_order, facts, policy)]
    return combined(facts, [*parts, unwanted(work_order, link, facts, policy)])


def unwanted(work_order: Record, link: Link, facts: Facts, policy: Policy) -> Decision:
    """The end of a work order that is linked when its subject is cancelled already: a worker that was given up may have sent
    a create that was given up too."""
    source = cancelled_by(facts, policy)
    if source is None or link.origin is not Origin.CREATED:
        return nothing(facts)
    cancelled = cancellations((), source, facts, policy)
    ours = tuple(effect for effect in cancelled.effects if effect.target == work_order.id)
    return replace(cancelled, effects=ours)


def redecided(facts: Facts, policy: Policy) -> Decision:
    """What the tables prescribe now for a subject that was decided before: after an edit of one, on a person's word."""
    if cancelled_by(facts, policy) is not None:
        return nothing(facts)
    return creations((), facts, policy, afresh=True)


def decide(changes: Sequence[Change], facts: Facts, policy: Policy) -> Decision:
    """What is to be done about `changes` of the subject, its line, order or parent, or one of its work orders.

    `facts` already hold the new records. Without changes the subject is reviewed as a whole, as a backfill does:
    what the plan misses is created, what differs is written, what should have been cancelled is.
    """
    parts = [status_notes(changes, facts, policy), details(changes, facts, policy)]
    source = cancelled_by(facts, policy)
    if source is not None:
        cancelled = cancellations(changes, source, facts, policy)
        parts.append(replace(cancelled, plan=voided(facts)))
    else:
        parts.append(hold_notes(changes, facts, policy))
        parts.append(creations(changes, facts, policy))
        parts.append(amendments(changes, facts, policy))
        parts.append(reopened(changes, facts, policy))
    void = {key for part in parts for key in part.supersede}
    if void:  # the note about what was created may have waited for creates that will never be sent
        left = tuple(effect for effect in facts.effects if effect.key not in void)
        parts.append(follow_up(replace(facts, effects=left), policy))
    return combined(facts, parts)
