"""What is told when an order is put on hold: nothing is created or changed until it goes on.

Called by `decisions`. A revision holds an order, its lines and its domain orders one after the other; what counts is the
moment in which a subject was free and is not any more, so that one hold is one note.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mappings import notes
from mappings.changes import Change, What
from mappings.effects import Decision, Effect
from mappings.model import Facts, Record
from mappings.note_effects import combined, note_on_subject, note_on_work_order, nothing, of_orders
from mappings.policy import Policy
from mappings.settlement import follow_up
from mappings.standing import as_it_was, held_by, title
from mappings.targets import Target, shown, targets


def hold_notes(changes: Sequence[Change], facts: Facts, policy: Policy) -> Decision:
    """One note where work orders are open. What was created is named now: other creates wait for the end of the hold."""
    ours = of_orders(changes)
    by = held_by(facts, policy)
    if by is None or not any(change.what is What.HELD for change in ours):
        return nothing(facts)
    parts = [follow_up(facts, policy)]
    open_ = targets(facts, policy)
    if open_ and held_by(as_it_was(facts, ours), policy) is None:
        parts.append(replace(nothing(facts), effects=_notes(by, open_, facts, policy)))
    return combined(facts, parts)


def _notes(by: Record, here: Sequence[Target], facts: Facts, policy: Policy) -> tuple[Effect, ...]:
    source = f"{title(by)} is held ({notes.label(by)})"
    because = f"{title(by)} held"
    if policy.hold_note == "work_order":
        return tuple(
            note_on_work_order(
                facts,
                policy,
                f"onhold:{target.id}:{facts.subject.id}:{by.id}:{by.version}",
                notes.on_hold(source),
                work_order=target.id,
                because=because,
            )
            for target in here
        )
    if policy.hold_note == "off":
        return ()
    key = f"onhold:{facts.subject.id}:{by.id}:{by.version}"
    text = notes.on_hold(source, [shown(target, facts) for target in here])
    return (note_on_subject(facts, policy, key, text, because=because),)
