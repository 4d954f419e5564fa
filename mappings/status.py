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
from mappings.note_effects import name, note_on_subject, nothing, why
from mappings.policy import Policy
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


def _note(before: Record, now: Record, fields: Sequence[FieldChange], facts: Facts, policy: Policy) -> Effect:
    """The key is the version that shows the change; the marker carries what is noted too, so that a restored state
    can tell that this content stands already."""
    noted = digest(happened.status(now), *(now.get(field) for field in policy.status_note_fields))
    return note_on_subject(
        facts,
        policy,
        f"status:{facts.subject.id}:{now.id}:{now.version}",
        notes.status(name(facts, now), notes.label(before), fields, _because(now, facts, policy)),
        because=why([Change(What.STATUS_CHANGED, now, before)]),
        mark=f"status:{now.id}:{now.version}:{noted}",
    )


def _because(now: Record, facts: Facts, policy: Policy) -> str:
    """A work order that ended with its order says so."""
    source = cancelled_by(facts, policy)
    if source is None or now.state not in policy.lifecycles[Kind.WORK_ORDER].cancelled:
        return ""
    return notes.because_cancelled(title(source))
