"""What is said when people change which domain orders a work order serves: pointed elsewhere, or merged into another.

Called by `syncd.observe` when the fields of a work order that name its domain orders change. Links are the caller's;
here are the notes, and what becomes void.
"""

from __future__ import annotations

from dataclasses import replace

from mappings import notes
from mappings.effects import Decision, Reason
from mappings.model import Facts, Record
from mappings.note_effects import name, note_on_subject, nothing
from mappings.policy import Policy
from mappings.targets import UNSENT


def pointed_away(work_order: Record, facts: Facts, policy: Policy) -> Decision:
    """For the subject that a work order does not name any more. What was to be written to it for this subject is void."""
    reason = f"work order {work_order.number} was pointed away"
    note = note_on_subject(
        facts,
        policy,
        f"unlinked:{facts.subject.id}:{work_order.id}:{work_order.version}",
        notes.pointed_away(name(facts, work_order)),
        because=reason,
    )
    void = tuple(e.key for e in facts.effects if e.target == work_order.id and e.status in UNSENT)
    return replace(nothing(facts, Reason(reason)), effects=(note,), supersede=void)


def pointed_here(work_order: Record, facts: Facts, policy: Policy) -> Decision:
    """For the subject that a known work order names now. It may have named it before, so the version is in the key."""
    reason = f"work order {work_order.number} was pointed here"
    note = note_on_subject(
        facts,
        policy,
        f"linked:{facts.subject.id}:{work_order.id}:{work_order.version}",
        notes.adopted([name(facts, work_order)]),
        because=reason,
    )
    return replace(nothing(facts, Reason(reason)), effects=(note,), noted=(work_order.id,))


def merged(work_order: Record, into: Record, facts: Facts, policy: Policy) -> Decision:
    """For the subject whose work order was merged: the other one belongs to it from now on."""
    reason = f"work order {work_order.number} was merged into {into.number}"
    note = note_on_subject(
        facts,
        policy,
        f"merged:{facts.subject.id}:{work_order.id}:{into.id}",
        notes.merged(name(facts, work_order), name(facts, into)),
        because=reason,
    )
    return replace(nothing(facts, Reason(reason)), effects=(note,), noted=(into.id,))
