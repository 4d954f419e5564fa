"""Status notes: every change of a work order's state is written once into its domain order.

Called by `decisions`. The first sight of a work order is never a status change, and no order of states is assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from types import MappingProxyType

from mappings import changes as happened
from mappings import notes
from mappings.changes import Change, FieldChange, What
from mappings.effects import Decision, Effect
from mappings.keys import digest
from mappings.model import Facts, Kind, Record
from mappings.note_effects import name, note_on_subject, nothing, planned_for, why
from mappings.notes import Named
from mappings.policy import Policy
from mappings.recall import PASSED, SEEN
from mappings.standing import cancelled_by, title


def status_notes(changes: Sequence[Change], facts: Facts, policy: Policy) -> Decision:
    """One note for each linked work order, and each task of one, whose state or another noted field changed.

    Where its history was read, one for each version in which they did; one for all where those are too many.
    """
    linked = {link.work_order for link in facts.links}
    changed = {change.record.id: change for change in changes if change.before is not None}
    effects: list[Effect] = []
    for change in changed.values():
        record = change.record
        owner = record.id if record.kind is Kind.WORK_ORDER else record.get("work_order")
        if record.kind in _TOLD and owner in linked:
            effects += _notes(change, facts, policy)
    return replace(nothing(facts), effects=tuple(effects)) if effects else nothing(facts)


def noted_fields(kind: Kind, policy: Policy) -> tuple[str, ...]:
    """The fields of a work order, or of a task, whose changes are noted, "state" among them."""
    if kind is Kind.WORK_ORDER:
        return tuple(dict.fromkeys(("state", *policy.status_note_fields)))
    return policy.task_note_fields


def _notes(change: Change, facts: Facts, policy: Policy) -> list[Effect]:
    moves = _moves(change, policy)
    if change.past and len(moves) > policy.history_limit:
        return [_summary(change.record, moves, facts, policy)]
    return [_note(move, facts, policy, passed=move.now is not change.record) for move in moves]


@dataclass(frozen=True, slots=True)
class _Move:
    """From one version of a record to a later one, with what is noted of it."""

    before: Record
    now: Record
    fields: tuple[FieldChange, ...]


def _moves(change: Change, policy: Policy) -> list[_Move]:
    assert change.before is not None
    fields = policy.status_note_fields if change.record.kind is Kind.WORK_ORDER else policy.task_note_fields
    steps = pairwise((change.before, *change.past, change.record))
    moves = [_Move(before, now, tuple(_noted_changes(before, now, fields, policy))) for before, now in steps]
    return [move for move in moves if move.fields or _moved(move)]


def _moved(move: _Move) -> bool:
    """Whether the state of a work order changed; that of a task is one of its fields."""
    return move.now.kind is Kind.WORK_ORDER and happened.status(move.before) != happened.status(move.now)


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
    Where the change to this version is noted as well, that is the same note: whichever is decided first.
    """
    note = note_on_subject(
        facts,
        policy,
        _key(work_order, facts),
        notes.status(
            name(facts, work_order), notes.label(work_order), (), _because(work_order, facts, policy)
        ),
        because="seen again by a state that may be older than the world",
        mark=f"{_mark(work_order, policy)}:{SEEN}",
    )
    return replace(nothing(facts), effects=(note,))


def _key(record: Record, facts: Facts) -> str:
    return f"status:{facts.subject.id}:{record.id}:{record.version}"


def _mark(record: Record, policy: Policy) -> str:
    return f"status:{record.id}:{record.version}:{_TOLD[record.kind](record, policy)}"


def _note(move: _Move, facts: Facts, policy: Policy, *, passed: bool) -> Effect:
    """The key is the version that shows the change; the marker carries what is noted too.

    A version that is history already says when it was, and its marker that it is: newer notes tell that it was told.
    """
    now = move.now
    mark = _mark(now, policy)
    return note_on_subject(
        facts,
        policy,
        _key(now, facts),
        _text(move, facts, policy, notes.then(now.updated_at) if passed else ""),
        because=why([Change(What.STATUS_CHANGED if _moved(move) else What.AMENDED, now)]),
        mark=f"{mark}:{PASSED}" if passed else mark,
    )


def _text(move: _Move, facts: Facts, policy: Policy, when: str) -> str:
    """A task is noted with its work order, under a name of its own: the two change apart from each other."""
    now = move.now
    if now.kind is Kind.WORK_TASK:
        return notes.task_changed(*_names(now, facts), move.fields, when)
    because = _because(now, facts, policy)
    return notes.status(name(facts, now), notes.label(move.before), move.fields, f"{because}{when}")


def _summary(now: Record, moves: Sequence[_Move], facts: Facts, policy: Policy) -> Effect:
    """One note for everything that happened to a record between two looks, named by the version that ends it."""
    title = f"Work order {name(facts, now)}"
    if now.kind is Kind.WORK_TASK:
        whole, task = _names(now, facts)
        title = f"Work order {whole}, task {task}"
    return note_on_subject(
        facts,
        policy,
        _key(now, facts),
        notes.many_steps(title, [(move.now.updated_at, _all_of(move)) for move in moves]),
        because=why([Change(What.STATUS_CHANGED, now)]),
        mark=_mark(now, policy),
    )


def _all_of(move: _Move) -> list[FieldChange]:
    state = FieldChange("state", notes.label(move.before), notes.label(move.now))
    return [*([state] if _moved(move) else []), *move.fields]


def _names(task: Record, facts: Facts) -> tuple[str, Named]:
    work_order = facts.work_order(task.get("work_order"))
    whole = str(name(facts, work_order)) if work_order is not None else task.get("work_order")
    return whole, notes.named(task, task.get("short_description"))


def _task_content(task: Record, policy: Policy) -> str:
    return digest(*(_said(task, field) for field in policy.task_note_fields))


def _because(now: Record, facts: Facts, policy: Policy) -> str:
    """A work order that ended with its order says so."""
    if now.state not in policy.lifecycles[Kind.WORK_ORDER].cancelled:
        return ""
    source = cancelled_by(facts, policy)
    if source is None:
        planned = planned_for(facts, now.id)
        return notes.UNMATCHED if planned.unmatched and planned.void_since is not None else ""
    return notes.because_cancelled(title(source))


_TOLD: Mapping[Kind, Callable[[Record, Policy], str]] = MappingProxyType(
    {Kind.WORK_ORDER: content, Kind.WORK_TASK: _task_content}
)
"""What changes are noted of, and what a marker says of the noted content."""
