"""The dates of an order on the tasks of its work orders: the customer's window follows the order side.

Called by `syncd.observe` and by the sweep, with the tasks as last seen, where the config names fields. What dispatchers and
agents plan is theirs: a date is written when the order's changes, and where a task has none. A task that was begun is
left alone. Which task is the first is asked again just before the send (`ahead_of`, by `syncd.recheck`), because those of one
work order may become known one after the other; delivery then passes on what a later one was to get.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from mappings import notes, ponr, recall
from mappings.changes import Change, FieldChange, What
from mappings.effects import Decision, Effect, EffectKind, Reason
from mappings.keys import digest
from mappings.model import Facts, Kind, Record, System
from mappings.note_effects import note_on_subject, nothing, of_orders, why
from mappings.policy import Policy
from mappings.standing import as_it_was, cancelled_by, obstacle, title
from mappings.targets import targets

BEGUN = "work_in_progress"
_FREED = frozenset({What.RESUMED, What.APPROVED, What.REOPENED, What.PONR_CLEARED})
"""After these nobody knows what was held back: every date is compared."""


def schedule(changes: Sequence[Change], facts: Facts, tasks: Sequence[Record], policy: Policy) -> Decision:
    """The dates to write to each task, or the note that they were refused. No changes at all means a review."""
    if not policy.schedule.fields or cancelled_by(facts, policy) is not None or obstacle(facts, policy):
        return nothing(facts)
    ours = of_orders(changes)
    before = as_it_was(facts, ours)
    was, now = (ponr.reached_by(one, policy.ponr_scope) for one in (before, facts))
    found = {
        task.id: (task, _differences(task, ours, before, facts, policy))
        for task in _open(tasks, facts, policy)
    }
    moved = [change for _, edits in found.values() for change, is_moved in edits if is_moved]
    verdict = ponr.verdict(was is not None, now is not None, policy.ponr_mode, differs=bool(moved))
    if now is not None and verdict is not ponr.Verdict.CARRIED:
        refused = _refused(tuple(dict.fromkeys(moved)), now, ours, facts, policy) if moved else None
        return refused or nothing(facts)
    effects = (
        _written(task, [change for change, _ in edits], ours, facts)
        for task, edits in found.values()
        if edits
    )
    return replace(nothing(facts), effects=tuple(effects))


def in_turn(records: Sequence[Record]) -> Sequence[Record]:
    """A page as it came; tasks of one second by their numbers, so that the first of a work order is seen first."""
    if any(record.kind is not Kind.WORK_TASK for record in records):
        return records
    return sorted(records, key=lambda task: (task.updated_at, *_place(task)))


def ahead_of(task: Record, tasks: Sequence[Record], policy: Policy) -> tuple[Record, ...]:
    """The open tasks of its work order that come before `task` and get the dates instead, the first one first; none where
    each gets them."""
    if policy.schedule.tasks != "first":
        return ()
    return tuple(t for t in _unbegun(task.get("work_order"), tasks, policy) if _place(t) < _place(task))


def passed_on(effect: Effect, task: Record, facts: Facts) -> Decision:
    """What a later task was to get, for the one that comes first: where both showed the same date, the order's has moved.

    A date that it lacks it gets when it is seen, and one that differs was planned by somebody.
    """
    shown = {name: task.get(name) for name in effect.values}
    same = {name: old for name, old in shown.items() if old and old == effect.before.get(name)}
    if not same:
        return nothing(facts)
    cause = effect.key.split(":", 2)[2]
    mine = replace(
        effect,
        key=f"schedule:{task.id}:{cause}",
        target=task.id,
        values={name: effect.values[name] for name in same},
        before=same,
    )
    return replace(nothing(facts, Reason(f"{task.number} comes first: {effect.because}")), effects=(mine,))


def _open(tasks: Sequence[Record], facts: Facts, policy: Policy) -> Iterator[Record]:
    """The tasks that may still be scheduled, of work orders that are ours to change: the first of each, or all."""
    for target in targets(facts, policy):
        mine = _unbegun(target.id, tasks, policy)
        if target.amendable:
            yield from mine[:1] if policy.schedule.tasks == "first" else mine


def _unbegun(work_order: str, tasks: Sequence[Record], policy: Policy) -> list[Record]:
    ended = policy.lifecycles[Kind.WORK_TASK].ended | {BEGUN}
    mine = [t for t in tasks if t.get("work_order") == work_order and t.state not in ended]
    return sorted(mine, key=_place)


def _place(task: Record) -> tuple[datetime, str, str]:
    return (task.created_at, task.number, task.id)


def _differences(
    task: Record, ours: Sequence[Change], before: Facts, facts: Facts, policy: Policy
) -> list[tuple[FieldChange, bool]]:
    """What to write to one task, each with whether the order's date moved."""
    whole = any(change.what in _FREED for change in ours)
    found = []
    for name, column in sorted(policy.schedule.fields.items()):
        value, shown = facts.value(column), task.get(name)
        moved = before.value(column) != value
        if value != shown and (moved or (value and (whole or not shown))):
            found.append((FieldChange(name, shown, value), moved))
    return found


def _written(task: Record, edits: Sequence[FieldChange], ours: Sequence[Change], facts: Facts) -> Effect:
    content = digest(*(part for edit in edits for part in (edit.name, edit.new)))
    cause = f"{ours[0].record.id}:{ours[0].record.version}" if ours else content
    return Effect(
        key=f"schedule:{task.id}:{cause}",
        kind=EffectKind.UPDATE_WORK_TASK,
        system=System.FIELD_SERVICE,
        subject_kind=facts.subject.kind,
        subject=facts.subject.id,
        target_kind=Kind.WORK_TASK,
        target=task.id,
        because=f"{', '.join(edit.name for edit in edits)}: {why(ours)}",
        values={edit.name: edit.new for edit in edits},
        before={edit.name: edit.old for edit in edits},
    )


def _refused(
    moved: Sequence[FieldChange], by: Record, ours: Sequence[Change], facts: Facts, policy: Policy
) -> Decision:
    """`by` is the line or order that has reached the point."""
    source = ours[0].record
    key = f"refused:{facts.subject.id}:{source.id}:{source.version}:schedule"
    note = note_on_subject(
        facts,
        policy,
        key,
        notes.ponr_refused(title(facts.subject), title(by), moved),
        mark=recall.fields_mark(key, moved),
        because=f"past the point of no return: {why(ours)}",
    )
    reason = Reason("past the point of no return: the dates are not sent")
    return replace(nothing(facts, reason), effects=(note,))
