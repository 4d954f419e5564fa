"""What is said and left undone when a record that stood in one of the systems is there no more.

Called by the sweep, which has looked twice. A work order that vanished is noted on its subject, and neither made again nor
written to; the gate names it until a person lets it go. When a subject vanished, its open work orders are flagged: nobody
has cancelled them.
"""

from __future__ import annotations

from dataclasses import replace

from mappings import notes
from mappings.effects import Decision, EffectKind, Reason
from mappings.model import Facts
from mappings.note_effects import name, note_on_subject, note_on_work_order, nothing
from mappings.policy import Policy
from mappings.standing import title
from mappings.targets import UNSENT


def work_order_vanished(work_order: str, facts: Facts, policy: Policy) -> Decision:
    """One note on the subject, and nothing more for that work order: what waited for it is void."""
    record = facts.work_order(work_order)
    named = str(name(facts, record)) if record is not None else work_order
    note = note_on_subject(
        facts,
        policy,
        f"vanished:{facts.subject.id}:{work_order}",
        notes.vanished(named),
        because=f"work order {named} was not found twice",
    )
    void = tuple(e.key for e in facts.effects if e.target == work_order and e.status in UNSENT)
    reason = Reason(f"work order {named} is gone from field service")
    return replace(nothing(facts, reason), effects=(note,), supersede=void)


def subject_vanished(facts: Facts, policy: Policy) -> Decision:
    """A note on each open work order; creates that were not sent are void."""
    reason = Reason(f"{title(facts.subject)} is gone from order management")
    orphans = [
        record
        for record in facts.work_orders
        if record.id not in facts.vanished and not policy.has_ended(record.state)
    ]
    flags = tuple(
        note_on_work_order(
            facts,
            policy,
            f"orphaned:{facts.subject.id}:{record.id}",
            notes.orphaned(title(facts.subject)),
            work_order=record.id,
            because=reason.text,
        )
        for record in orphans
    )
    void = tuple(
        e.key for e in facts.effects if e.kind == EffectKind.CREATE_WORK_ORDER and e.status in UNSENT
    )
    return replace(nothing(facts, reason), effects=flags, supersede=void)
