"""What a changed order means for its work orders.

Called by `decisions` for subjects that are not cancelled. The difference between two snapshots goes out as one update
per work order; after a hold, when PONR is lifted, or when a closed work order is opened again, the whole content is
compared with the work order instead, because what changed meanwhile was not sent. Nothing is changed while a subject is
held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mappings import notes, ponr, recall
from mappings.changes import Change, FieldChange, What
from mappings.effects import Decision, Effect, EffectKind, Reason
from mappings.field_map import TEMPLATE, Desired, Difference, desired, differences
from mappings.keys import digest
from mappings.model import Facts, Kind, Record, System
from mappings.note_effects import note_on_subject, note_on_work_order, nothing, of_orders, why
from mappings.policy import Policy
from mappings.standing import as_it_was, obstacle, records, title
from mappings.targets import Target, targets

_FREED = frozenset({What.RESUMED, What.APPROVED, What.REOPENED})
"""After these nobody knows what was held back: the whole content is compared."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """One amendment: what OM had, what it has, and the record that made the difference."""

    before: Facts
    now: Facts
    source: Record
    cause: str
    whole: bool
    review: bool
    opened: frozenset[str]
    """Work orders that were opened again: what changed while they were closed was sent to nobody."""


def amendments(changes: Sequence[Change], facts: Facts, policy: Policy) -> Decision:
    """Updates, or the note that they were refused. No changes at all means a review of the whole content."""
    ours = of_orders(changes)
    opened = [c for c in changes if c.record.kind is Kind.WORK_ORDER and c.what is What.REOPENED]
    reached = targets(facts, policy) if ours or opened or not changes else ()
    if not reached:
        return nothing(facts)
    before = as_it_was(facts, ours)
    was, now = _behind(before, policy), _behind(facts, policy)
    stands_with = {record.id for record in records(facts)}
    freed = any(change.what in _FREED and change.record.id in stands_with for change in ours)
    whole = not changes or (was and not now) or freed
    answered = ours or opened
    turn = _Turn(
        before,
        facts,
        source=answered[0].record if answered else facts.subject,
        cause=why(answered),
        whole=whole,
        review=not changes,
        opened=frozenset(change.record.id for change in opened),
    )
    edits = {target.id: _edits(target, turn, policy) for target in reached}
    if not any(edits.values()):
        return nothing(facts)
    hindrance = obstacle(facts, policy)
    if hindrance:
        return nothing(facts, Reason(f"no work order is changed: {hindrance}"))
    known = [
        edit.difference
        for target in reached
        for edit in edits[target.id]
        if edit.compared and not (facts.catching_up and _shows(target.record, edit.difference))
    ]
    if not ours and now:
        return nothing(facts)  # what field service has is what stands; nobody saw the line change
    verdict = ponr.verdict(was, now, policy.ponr_mode, differs=bool(known))
    if verdict is ponr.Verdict.REFUSED:
        return _refused(known, turn, policy)
    if verdict is ponr.Verdict.FROZEN:
        return nothing(facts)
    effects = tuple(_amend(target, edits[target.id], turn, policy) for target in reached if edits[target.id])
    return replace(nothing(facts), effects=effects)


def _behind(facts: Facts, policy: Policy) -> bool:
    return ponr.reached_by(facts, policy.ponr_scope) is not None


@dataclass(frozen=True, slots=True)
class _Edit:
    """One field to write. `compared` is False where the work order could not be asked what it has."""

    difference: Difference
    compared: bool = True


def _edits(target: Target, turn: _Turn, policy: Policy) -> tuple[_Edit, ...]:
    content = desired(turn.now, target.planned, policy.field_map)
    edits = {
        difference.target: _Edit(difference)
        for difference in differences(desired(turn.before, target.planned, policy.field_map), content)
    }
    if (turn.whole or target.id in turn.opened) and target.amendable:
        shown = target.record.fields if target.record is not None else {}
        for edit in _drift(content.filled(), shown):
            name, value = edit.difference.target, edit.difference.new
            if turn.now.unresolved.get((target.id, name)) != value:  # the sweep asks for it again
                edits.setdefault(name, edit)
    return tuple(edits[name] for name in sorted(edits))


def _drift(content: Desired, shown: Mapping[str, str]) -> list[_Edit]:
    """Where the work order says something else. References are compared by the name that it shows, if it shows one.

    What is empty in OM is left alone: the template may have filled it.
    """
    edits = []
    for target, value in content.shown().items():
        reference = content.references.get(target)
        field = target if reference is None or reference.match == "id" else f"{target}_{reference.match}"
        if target != TEMPLATE and shown.get(field) != value:
            difference = Difference(target, shown.get(field, ""), value, reference)
            edits.append(_Edit(difference, compared=field in shown))
    return edits


def _shows(work_order: Record | None, difference: Difference) -> bool:
    """Whether a work order has the new value already: another life has sent what this state believes to be new."""
    reference = difference.reference
    named = reference is not None and reference.match != "id"
    field = f"{difference.target}_{reference.match}" if reference is not None and named else difference.target
    return work_order is not None and work_order.get(field) == difference.new


def _amend(target: Target, edits: Sequence[_Edit], turn: _Turn, policy: Policy) -> Effect:
    """The update of one work order, or the note on one that people keep in step themselves."""
    changed = [edit.difference for edit in edits]
    subject = turn.now.subject
    if not target.amendable:
        return note_on_work_order(
            turn.now,
            policy,
            _key(f"amended:{target.id}:{subject.id}", turn, changed),
            notes.amended_by_hand_only(title(subject), _fields(changed), shared=target.shared),
            work_order=target.id,
            mark=recall.fields_mark(
                _key(f"amended:{target.id}:{subject.id}", turn, changed), _fields(changed)
            ),
            because=f"adopted, so not changed: {turn.cause}",
        )
    return Effect(
        key=_key(f"update:{target.id}", turn, changed),
        kind=EffectKind.UPDATE_WORK_ORDER,
        system=System.FIELD_SERVICE,
        subject_kind=subject.kind,
        subject=subject.id,
        target_kind=Kind.WORK_ORDER,
        target=target.id,
        because=f"{', '.join(difference.target for difference in changed)}: {turn.cause}",
        values={d.target: d.new for d in changed if d.reference is None},
        references={d.target: d.reference for d in changed if d.reference is not None},
        before={edit.difference.target: edit.difference.old for edit in edits if edit.compared},
    )


def _refused(changed: Sequence[Difference], turn: _Turn, policy: Policy) -> Decision:
    """One note for the subject, however many work orders it has."""
    subject = turn.now.subject
    by = ponr.reached_by(turn.now, policy.ponr_scope)
    assert by is not None
    note = note_on_subject(
        turn.now,
        policy,
        f"{_key(f'refused:{subject.id}', turn, changed)}:{_content(changed)}",
        notes.ponr_refused(title(subject), title(by), _fields(changed)),
        mark=recall.fields_mark(_key(f"refused:{subject.id}", turn, changed), _fields(changed)),
        because=f"past the point of no return: {turn.cause}",
    )
    reason = Reason("past the point of no return: the change is not sent")
    return replace(nothing(turn.now, reason), effects=(note,))


def _key(head: str, turn: _Turn, changed: Sequence[Difference]) -> str:
    """One change of one record goes out once. A review answers no change: its content stands for one."""
    key = f"{head}:{turn.source.id}:{turn.source.version}"
    return f"{key}:{_content(changed)}" if turn.review else key


def _content(changed: Sequence[Difference]) -> str:
    return digest(*(part for difference in changed for part in (difference.target, difference.new)))


def _fields(changed: Sequence[Difference]) -> tuple[FieldChange, ...]:
    return tuple(dict.fromkeys(FieldChange(d.target, d.old, d.new) for d in changed))
