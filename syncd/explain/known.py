"""Gathers the story of a record that the state knows, all in one reading transaction.

Called by the command line. An order or a line is told with all its domain orders, a work order with those that it is
linked to. Never talks to a remote system.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mappings.decisions import claims
from mappings.model import SUBJECT_KINDS, Facts, Kind, Record
from mappings.notes import label
from mappings.policy import Policy
from mappings.retention import is_reduced
from state.store import History, LedgerEntry, StoredEffect
from syncd.explain import then
from syncd.explain.given_up import given_up
from syncd.explain.moments import moments
from syncd.explain.story import Explanation, Names, Next, Part, Story, instant, standing
from syncd.explain.verdict import belonging, verdict
from syncd.explain.waiting import closure, waiting
from syncd.quarantine import held_record

STALE = timedelta(minutes=5)
"""A feed that has not moved for so long is worth a word."""


def explain(
    history: History,
    name: str,
    policy: Policy,
    now: datetime,
    number_column: Callable[[Kind], str],
    *,
    at: datetime | None = None,
) -> Explanation:
    """Everything about the records that have this number or id; with `at` what was known then.

    `number_column` is where a raw record has its number.
    """
    found = history.named(name) or history.named(name.upper())
    held = [held_record(one, number_column(one.kind)) for one in history.quarantined()]
    unreadable = tuple(one.record for one in held if name in (one.name, one.number))
    if at is not None:
        then_ = tuple(_story_then(_whole(record, history), history, at) for record in found)
        return Explanation(name, then_, at=at)
    stories = tuple(_story(_whole(record, history), history, policy, now) for record in found)
    return Explanation(name, stories, unreadable)


def _whole(record: Record, history: History) -> Record:
    """A task of a work order is told with its work order."""
    above = history.above(record.id) if record.kind is Kind.WORK_TASK else ()
    return above[0] if above else record


@dataclass(frozen=True, slots=True)
class _Gathered:
    """Everything that is kept about the subjects of one record."""

    facts: tuple[Facts, ...]
    effects: tuple[StoredEffect, ...]
    entries: tuple[LedgerEntry, ...]
    names: Names


def _story(record: Record, history: History, policy: Policy, now: datetime) -> Story:
    gathered = _gather(record, history)
    if record.kind is Kind.WORK_ORDER:
        gathered = _only(record, gathered)
    parts = tuple(_part(record, facts, gathered, history, policy) for facts in gathered.facts)
    return Story(
        record,
        about=tuple(_about(record, gathered, history)),
        parts=parts or (_alone(record, policy),),
        moments=moments(gathered.entries, gathered.names),
        next=(
            *_parked(gathered, history),
            *waiting(gathered.effects, gathered.names, now),
            *_closures(gathered, history, now),
            *_stale(record.kind, history, now),
        ),
    )


def _parked(gathered: _Gathered, history: History) -> Iterator[Next]:
    """Orders whose effects wait as a whole, because a promise was broken for them."""
    numbers = {one.subject.id: one.subject.number for one in gathered.facts}
    for halt in history.halts():
        if halt.subject in numbers:
            number = numbers[halt.subject]
            text = f"{number} is parked, nothing of it is sent: a promise is broken ({halt.promise}): {halt.reason}"
            command = f"syncd quarantine retry {number} --by NAME --reason TEXT"
            yield Next("parked", text, commands=(command,))


def _closures(gathered: _Gathered, history: History, now: datetime) -> Iterator[Next]:
    requests = (history.request_of(facts.subject.id) for facts in gathered.facts)
    answers = (closure(one, gathered.names, now) for one in requests if one is not None)
    yield from (one for one in answers if one is not None)


def _story_then(record: Record, history: History, at: datetime) -> Story:
    """The same page as of an instant that has passed."""
    gathered = _gather(record, history)
    if record.kind is Kind.WORK_ORDER:
        gathered = _only(record, gathered)
    subjects = [facts.subject for facts in gathered.facts]
    known = then.known_then(gathered.entries, at)
    told = moments((e for e in gathered.entries if e.at is not None and e.at <= at), gathered.names)
    return Story(
        record,
        about=(f"today it is {label(record)}", *given_up(record, gathered.facts, history)),
        parts=then.parts(subjects, known, gathered.names, at),
        moments=told,
        next=then.waiting(known, gathered.names),
    )


def _part(record: Record, facts: Facts, gathered: _Gathered, history: History, policy: Policy) -> Part:
    quarantined = history.quarantined()
    if record.kind is Kind.WORK_ORDER:
        return belonging(record, facts, quarantined)
    effects = [one for one in gathered.effects if one.effect.subject == facts.subject.id]
    return verdict(facts, policy, effects, quarantined, history.request_of(facts.subject.id))


def _gather(record: Record, history: History) -> _Gathered:
    subjects = history.subjects_of(record.kind, record.id)
    facts = tuple(one for one in (history.facts_for(*subject) for subject in subjects) if one is not None)
    effects = tuple(one for f in facts for one in history.effects_of(f.subject.id))
    names = Names(effects={one.effect.key: one for one in effects})
    names.learn(record)
    for one in facts:
        names.learn(one.subject, one.parent, one.line, one.order, *one.work_orders)
    ids = {record.id, *(id for one in facts for id in _ids(one))}
    own = {one.subject.id for one in facts} | {record.id}
    entries = tuple(e for e in history.entries(sorted(ids)) if e.event == "seen" or e.subject in own)
    return _Gathered(facts, effects, entries, names)


def _ids(facts: Facts) -> Iterator[str]:
    """The records whose history is part of a subject's."""
    for record in (facts.subject, facts.parent, facts.line, facts.order):
        if record is not None:
            yield record.id
    yield from (link.work_order for link in facts.links)


def _only(work_order: Record, gathered: _Gathered) -> _Gathered:
    """What concerns one work order among everything about its domain orders."""
    effects = tuple(one for one in gathered.effects if _concerns(one, work_order.id))
    keys = {one.effect.key for one in effects}

    def mine(entry: LedgerEntry) -> bool:
        lists = (entry.data.get("effects"), entry.data.get("superseded"))
        intended = {str(key) for list_ in lists if isinstance(list_, list) for key in list_}
        return work_order.id in (entry.subject, entry.work_order) or bool(
            keys & {entry.effect_key, *intended}
        )

    entries = tuple(entry for entry in gathered.entries if mine(entry))
    return _Gathered(gathered.facts, effects, entries, gathered.names)


def _concerns(one: StoredEffect, work_order: str) -> bool:
    effect = one.effect
    linked = effect.link.work_order if effect.link else ""
    return work_order in (effect.target, linked) or work_order in effect.key


def _about(record: Record, gathered: _Gathered, history: History) -> Iterator[str]:
    """What it stands under, and since when it is known."""
    facts = gathered.facts[0] if record.kind in SUBJECT_KINDS and gathered.facts else None
    above = (
        [r for r in (facts.parent, facts.line, facts.order) if r is not None]
        if facts and not is_reduced(record)
        else history.above(record.id)
    )
    if above:
        yield "; ".join(standing(one) for one in above)
    yield (
        f"id {record.id}, version {record.version}, created {instant(record.created_at)},"
        f" changed {instant(record.updated_at)} by its server"
    )
    yield from given_up(record, gathered.facts, history)


def _alone(record: Record, policy: Policy) -> Part:
    """A record that has no domain order or order task."""
    return Part(standing(record), tuple(_why_alone(record, policy)))


def _why_alone(record: Record, policy: Policy) -> Iterable[str]:
    if record.kind is not Kind.WORK_ORDER:
        return [
            "no domain order of it has been seen yet: order management makes them when the order is approved"
        ]
    if is_reduced(record):
        return ["it is linked to no domain order; what it named itself is not kept"]
    named = claims(record, policy.links)
    if not named:
        field = policy.links.field
        return [
            f'it is linked to no domain order: "{field}" is empty, and it carries no correlation of syncd'
        ]
    return [
        f'it names the domain order with the {c.match} "{c.value}", which has not been seen' for c in named
    ]


def _stale(kind: Kind, history: History, now: datetime) -> Sequence[Next]:
    """A word about a feed that nobody reads: what is told above may be old."""
    mark = history.watermark(kind.value)
    if mark is None or mark.passed_until is None:
        return (
            Next(
                "not polled", f"the {kind} feed has not been read to its end yet", commands=("syncd status",)
            ),
        )
    if now - mark.updated_at > STALE:
        text = f"the {kind} feed was last read {instant(mark.updated_at)}: does syncd run?"
        return (Next("not polled", text, commands=("syncd status",)),)
    return ()
