"""Status notes: every change of a work order's state is written once into its domain order.

Called by `decisions`. The first sight of a work order is never a status change, and no order of states is assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mappings import changes as happened
from mappings import notes
from mappings.changes import Change, FieldChange, What
from mappings.effects import Decision, Effect
from mappings.keys import digest
from mappings.model import Facts, Kind, Record
from mappings.note_effects import name, note_on_subject, nothing, planned_for, why
from mappings.policy import Policy
from mappings.recall import SEEN
from mappings.standing import cancelled_by, title


def status_notes(changes: Sequence[Change], facts: Facts, policy: Policy) -> Decision:
    """One note for each linked work order whose state, or another noted field, changed."""
    linked = {link.work_order for link in facts.links}
    effects: dict[str, Effect] = {}
    for change in changes:
        record, before = change.record, change.before
        if record.kind is Kind.WORK_ORDER and before is not None and record.id in linked:
            fields = _noted_changes(before, record, policy)
            if fields or change.what is What.STATUS_CHANGED:
                effects.setdefault(record.id, _note(before, record, fields, facts, policy))
    return replace(nothing(facts), effects=tuple(effects.values()))


def _noted_changes(before: Record, now: Record, policy: Policy) -> list[FieldChange]:
    return [
        FieldChange(field, before.get(field), now.get(field))
        for field in policy.status_note_fields
        if before.get(field) != now.get(field)
    ]


def content(work_order: Record, policy: Policy) -> str:
    """What a marker says of the noted fields, so that a restored state can tell that this content stands already."""
    return digest(
        happened.status(work_order), *(work_order.get(field) for field in policy.status_note_fields)
    )


def seen_again(work_order: Record, facts: Facts, policy: Policy) -> Decision:
    """For a linked work order that this state sees for the first time while it may be older than the world.

    The note is written only where notes on the subject name this work order and the newest of them says something else.
    """
    note = note_on_subject(
        facts,
        policy,
        f"{SEEN}:{facts.subject.id}:{work_order.id}:{work_order.version}",
        notes.status(
            name(facts, work_order), notes.label(work_order), (), _because(work_order, facts, policy)
        ),
        because="seen again by a state that may be older than the world",
        mark=_mark(work_order, policy),
    )
    return replace(nothing(facts), effects=(note,))


def _mark(work_order: Record, policy: Policy) -> str:
    return f"status:{work_order.id}:{work_order.version}:{content(work_order, policy)}"


def _note(before: Record, now: Record, fields: Sequence[FieldChange], facts: Facts, policy: Policy) -> Effect:
    """The key is the version that shows the change; the marker carries what is noted too."""
    return note_on_subject(
        facts,
        policy,
        f"status:{facts.subject.id}:{now.id}:{now.version}",
        notes.status(name(facts, now), notes.label(before), fields, _because(now, facts, policy)),
        because=why([Change(What.STATUS_CHANGED, now, before)]),
        mark=_mark(now, policy),
    )


def _because(now: Record, facts: Facts, policy: Policy) -> str:
    """A work order that ended with its order says so."""
    if now.state not in policy.lifecycles[Kind.WORK_ORDER].cancelled:
        return ""
    source = cancelled_by(facts, policy)
    if source is None:
        planned = planned_for(facts, now.id)
        return notes.UNMATCHED if planned.unmatched and planned.void_since is not None else ""
    return notes.because_cancelled(title(source))
