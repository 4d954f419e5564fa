"""Mirrored notes: what people type in one system reaches the record on the other side, once, with its author and time.

Called by `syncd.journals` for each entry that the journal of a system shows. A note of ours never goes further: it ends in
its marker, on whichever side and in whichever life it was written. Nothing here reads a journal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from mappings import notes
from mappings.effects import Decision, Effect
from mappings.generations import correlation
from mappings.keys import Correlation, parse_correlation
from mappings.links import claims
from mappings.model import SUBJECT_KINDS, Facts, Kind, Link, Origin, Record, System
from mappings.note_effects import name, note_on_subject, note_on_work_order, nothing
from mappings.policy import Policy
from mappings.standing import title
from mappings.targets import targets


@dataclass(frozen=True, slots=True)
class TypedNote:
    """One entry of a journal. `record` is the id of the record of `kind` that it stands on."""

    id: str
    kind: Kind
    record: str
    text: str
    author: str
    created_at: datetime

    @property
    def system(self) -> System:
        return self.kind.system


def goes_further(note: TypedNote, policy: Policy) -> bool:
    """Whether people of the other side are to read it: typed by a person, in a system whose notes are mirrored."""
    if note.system not in policy.mirror_from or note.author in policy.not_mirrored:
        return False
    return not notes.is_ours(note.text) and bool(notes.typed(note.text).strip())


def may_be_read_later(note: TypedNote, record: Record | None, policy: Policy) -> bool:
    """Whether somebody may still come to read a note that reaches nobody now. `record` is what it stands on, None when
    that was not seen yet or does not parse. One that is closed waits as well: a state that was put back may not know its
    work order again yet."""
    if record is None:
        return True
    if note.kind is Kind.WORK_ORDER:
        return bool(claims(record, policy.links))
    return note.kind in SUBJECT_KINDS


def mirrored(note: TypedNote, facts: Facts, policy: Policy) -> Decision:
    """The notes that one entry means for a subject that its record concerns."""
    if note.kind is Kind.WORK_ORDER:
        return replace(nothing(facts), effects=tuple(_to_subject(note, facts, policy)))
    return replace(nothing(facts), effects=tuple(_to_work_orders(note, facts, policy)))


def _to_subject(note: TypedNote, facts: Facts, policy: Policy) -> Iterator[Effect]:
    work_order = facts.work_order(note.record)
    if work_order is not None:
        number = work_order.number or work_order.id
        yield note_on_subject(
            facts,
            policy,
            _key(note, facts.subject.id),
            notes.mirrored(f"Work order {name(facts, work_order)}", note.author, note.created_at, note.text),
            because=f"typed by {note.author} on {number}",
            mark=_mark(note),
            rest=number,
        )


def _to_work_orders(note: TypedNote, facts: Facts, policy: Policy) -> Iterator[Effect]:
    source = _source(note, facts)
    for work_order, answers in _reached(facts, policy).items():
        yield note_on_work_order(
            facts,
            policy,
            _key(note, answers),
            notes.mirrored(source, note.author, note.created_at, note.text),
            work_order=work_order,
            because=f"typed by {note.author} on {source}",
            mark=_mark(note),
            rest=source,
        )


def _reached(facts: Facts, policy: Policy) -> dict[str, str]:
    """Every linked work order, whatever its state, and those that are on their way: their notes wait behind them.

    Each with what it answers, which stays when the server gives it another id than the one that we chose.
    """
    found = {
        link.work_order: _answered(link, facts)
        for link in facts.links
        if link.work_order not in facts.vanished
    }
    for target in targets(facts, policy):
        if target.id not in found:
            found[target.id] = _of(correlation(target.planned, facts.subject.id))
    return found


def _answered(link: Link, facts: Facts) -> str:
    if link.origin is Origin.CREATED:
        return _of(Correlation(facts.subject.id, link.rule, link.slot, link.generation))
    record = facts.work_order(link.work_order)
    ours = parse_correlation(record.get("correlation_id")) if record is not None else None
    return _of(ours) if ours is not None else link.work_order


def _of(ours: Correlation) -> str:
    return f"{ours.domain_order}:{ours.rule}:{ours.slot}:{ours.generation}"


def _source(note: TypedNote, facts: Facts) -> str:
    """The record in OM that a note stands on, as a dispatcher reads it."""
    above = (facts.subject, facts.parent, facts.line, facts.order)
    found = (title(record) for record in above if record is not None and record.id == note.record)
    return next(found, f"Record {note.record}")


def _key(note: TypedNote, target: str) -> str:
    return f"mirrored:{note.id}:{target}"


def _mark(note: TypedNote) -> str:
    """Without the record: a look for it is a look at that record, and one entry is written once on each."""
    return f"mirrored:{note.id}"
