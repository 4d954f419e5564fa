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
    """One note for each linked work order, and each task of one, whose state or another noted field changed."""
    linked = {link.work_order for link in facts.links}
    effects: dict[str, Effect] = {}
    for change in changes:
        record, before = change.record, change.before
        if before is None:
            continue
        if record.kind is Kind.WORK_ORDER and record.id in linked:
            fields = _noted_changes(before, record, policy.status_note_fields, policy)
            if fields or change.what is What.STATUS_CHANGED:
                effects.setdefault(record.id, _note(before, record, fields, facts, policy))
        if record.kind is Kind.WORK_TASK and record.get("work_order") in linked:
            fields = _noted_changes(before, record, policy.task_note_fields, policy)
            if fields:
                effects.setdefault(record.id, _task_note(record, fields, facts, policy))
    return replace(nothing(facts), effects=tuple(effects.values()))


def _noted_changes(before: Record, now: Record, fields: Sequence[str], policy: Policy) -> list[FieldChange]:
    """What changed, under the names that people know."""
    return [
        FieldChange(_called(field, policy), _said(before, field), _said(now, field))
        for field in fields
        if _said(before, field) != _said(now, field)
    ]


def _called(field: str, policy: Policy) -> str:
    return policy.note_labels.get(field) or field.removesuffix("_name")


def _said(record: Record, field: str) -> str:
    return notes.label(record) if field == "state" else record.get(field)


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


def _task_note(task: Record, fields: Sequence[FieldChange], facts: Facts, policy: Policy) -> Effect:
    """A task is noted with its work order, under a name of its own: the two change apart from each other."""
    work_order = facts.work_order(task.get("work_order"))
    whole = str(name(facts, work_order)) if work_order is not None else task.get("work_order")
    noted = digest(*(_said(task, field) for field in policy.task_note_fields))
    return note_on_subject(
        facts,
        policy,
        f"status:{facts.subject.id}:{task.id}:{task.version}",
        notes.task_changed(whole, notes.named(task, task.get("short_description")), fields),
        because=why([Change(What.AMENDED, task)]),
        mark=f"status:{task.id}:{task.version}:{noted}",
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
