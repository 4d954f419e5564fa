"""What follows when an effect has come to its end: the notes that say so, and what was overtaken meanwhile.

Called by `syncd.consequences` in the transaction that settles an effect, after the record that the write returned was
stored, and by intake when a link was found. Sends nothing and reads nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from mappings import notes, recall
from mappings.cancellation import cancellations
from mappings.changes import FieldChange
from mappings.details import details
from mappings.effects import WRITES_TO_FSM, Decision, Effect, EffectKind, Reason
from mappings.generations import taken_back
from mappings.keys import digest
from mappings.model import Facts, Origin, Record, System
from mappings.note_effects import combined, name, note_on_subject, nothing, planned_for
from mappings.policy import Policy
from mappings.references import went_without
from mappings.relations import relations
from mappings.standing import cancelled_by, is_paused, title
from mappings.status import content
from mappings.targets import OUTSTANDING, unsettled

_TOLD_BY_NOTES = frozenset({EffectKind.WRITE_NOTE, EffectKind.SHOW_WORK_ORDERS, EffectKind.RELATE})
"""What cannot be written is not written about."""
FOLLOWED = WRITES_TO_FSM | {EffectKind.CLOSE_DOMAIN_ORDER, EffectKind.SHOW_WORK_ORDERS}
"""What something follows from once it is done."""
_REFUSALS: Mapping[EffectKind, Callable[[str], str]] = {
    EffectKind.CLOSE_DOMAIN_ORDER: notes.close_refused,
    EffectKind.CLEAR_REQUEST: notes.clear_refused,
    EffectKind.REOPEN_DOMAIN_ORDER: notes.reopen_refused,
}
"""What order management refuses is said in other words than what field service does."""


def settled(
    effect: Effect, record: Record | None, facts: Facts, policy: Policy, unresolved: Collection[str] = ()
) -> Decision:
    """The follow-ups of an effect that is done. `record` is what the write returned or the probe found, `unresolved` the
    references that were looked up in vain."""
    known = _with(effect, record, facts)
    decisions = [replace(nothing(known), effects=tuple(_notes(effect, record, known, policy, unresolved)))]
    if effect.kind is EffectKind.CREATE_WORK_ORDER:
        decisions += [follow_up(known, policy), details((), known, policy), relations((), known, policy)]
        source = cancelled_by(known, policy)
        if source is not None:
            decisions.append(cancellations((), source, known, policy))
    if effect.kind is EffectKind.SHOW_WORK_ORDERS:
        # what was seen while it was on its way waited for it, and somebody may have written over it
        decisions.append(details((), known, policy))
    return combined(known, decisions)


def refused(effect: Effect, reason: str, facts: Facts, policy: Policy) -> Decision:
    """The follow-ups of an effect that was parked, or held back in the step that sends. A note that cannot be written is
    not written about, nor is what shows the work orders: their notes say the same."""
    because = Reason(f"{effect.key} was refused: {reason}")
    if effect.kind in _TOLD_BY_NOTES:
        return nothing(facts, because)
    key = f"refusal:{effect.key}:{digest(reason)}"
    text = _refusal(effect, reason, facts)
    note = note_on_subject(facts, policy, key, text, because=f"{effect.key} was refused")
    left = _without(effect, facts)
    rest = [follow_up(left, policy)]
    void = tuple(_void_with(effect, facts, policy))
    if _came_too_late(effect, facts, policy):
        void = (*void, effect.key)
        rest.append(taken_back(left, policy))
    return combined(facts, [replace(nothing(facts, because), effects=(note,), supersede=void), *rest])


def _came_too_late(effect: Effect, facts: Facts, policy: Policy) -> bool:
    """Whether a cancel was refused that nobody wants any more: its order stands again, or its rule matches again."""
    if effect.kind is not EffectKind.CANCEL_WORK_ORDER or effect.instead_of:
        return False
    return cancelled_by(facts, policy) is None and not planned_for(facts, effect.target).unmatched


def _refusal(effect: Effect, reason: str, facts: Facts) -> str:
    if reason == notes.PONR_MEANWHILE:
        return notes.not_sent(_attempt(effect, facts), reason, _wished_for(effect))
    wording = _REFUSALS.get(effect.kind)
    return wording(reason) if wording else notes.refused(_attempt(effect, facts), reason)


def _wished_for(effect: Effect) -> Sequence[FieldChange]:
    """What an update was to write. Nobody may have seen what stands there."""
    new = {**effect.values, **{target: one.value for target, one in effect.references.items()}}
    return [
        FieldChange(target, effect.before.get(target, "(not known)"), value)
        for target, value in sorted(new.items())
    ]


def _void_with(effect: Effect, facts: Facts, policy: Policy) -> Iterator[str]:
    """A refused create of a cancelled subject is not wanted any more, nor the cancel that waits behind it."""
    if effect.kind is not EffectKind.CREATE_WORK_ORDER or cancelled_by(facts, policy) is None:
        return
    yield effect.key
    for cancel in unsettled(facts, EffectKind.CANCEL_WORK_ORDER):
        if cancel.target == effect.target:
            yield cancel.key


def follow_up(facts: Facts, policy: Policy) -> Decision:
    """One note for the work orders that no note names yet, as soon as no create of this subject is on its way, or it waits
    for people."""
    creates = unsettled(facts, EffectKind.CREATE_WORK_ORDER)
    if any(create.status in OUTSTANDING for create in creates) and not is_paused(facts, policy):
        return nothing(facts)
    decisions = []
    for origin in Origin:
        unnoted = {link.work_order for link in facts.links if link.origin is origin and not link.noted}
        seen = [record for record in facts.work_orders if record.id in unnoted]
        if seen:
            decisions.append(_naming(origin, sorted(seen, key=lambda r: (r.number, r.id)), facts, policy))
    return combined(facts, decisions)


def _naming(origin: Origin, work_orders: list[Record], facts: Facts, policy: Policy) -> Decision:
    ids = sorted(record.id for record in work_orders)
    wording = notes.created if origin is Origin.CREATED else notes.adopted
    note = note_on_subject(
        facts,
        policy,
        f"{origin}:{facts.subject.id}:{digest(*ids)}",
        wording([name(facts, record) for record in work_orders]),
        because=f"{origin}: {', '.join(record.number for record in work_orders)}",
        mark=recall.naming_mark(origin, facts.subject.id, [(r.id, content(r, policy)) for r in work_orders]),
    )
    return replace(nothing(facts), effects=(note,), noted=tuple(ids))


def _with(effect: Effect, record: Record | None, facts: Facts) -> Facts:
    """The facts as they are once the effect is done, whether or not the caller's already say so."""
    facts = _without(effect, facts)
    if record is not None and record.kind is effect.target_kind:
        seen = facts.work_order(record.id)
        if seen is not None and seen.version > record.version:
            record = seen  # a feed was faster than the reply: people have moved it on already
        others = [other for other in facts.work_orders if other.id != record.id]
        link = effect.link
        links = facts.links
        if link is not None and all(one.work_order != record.id for one in links):
            links = (*links, replace(link, work_order=record.id))
        if any(one.work_order == record.id for one in links):
            facts = replace(facts, links=links, work_orders=(*others, record))
    return facts


def _without(effect: Effect, facts: Facts) -> Facts:
    return replace(facts, effects=tuple(known for known in facts.effects if known.key != effect.key))


def _notes(
    effect: Effect, record: Record | None, facts: Facts, policy: Policy, unresolved: Collection[str]
) -> Iterator[Effect]:
    """The notes that one settled effect leads to on its subject."""
    work_order = record or facts.work_order(effect.target)
    for prefix, text in _texts(effect, work_order, facts, policy, unresolved):
        key = f"{prefix}:{effect.key}"
        mark = recall.fields_mark(key, _carried(effect, unresolved)) if prefix == "amended" else ""
        yield note_on_subject(facts, policy, key, text, because=f"{effect.key} is done", mark=mark)


def _texts(
    effect: Effect, work_order: Record | None, facts: Facts, policy: Policy, unresolved: Collection[str]
) -> Iterator[tuple[str, str]]:
    if effect.kind is EffectKind.CLOSE_DOMAIN_ORDER:
        yield "released", effect.text or notes.released([name(facts, record) for record in facts.work_orders])
    if work_order is None or effect.system is not System.FIELD_SERVICE:
        return
    named = name(facts, work_order)
    if effect.kind is EffectKind.UPDATE_WORK_ORDER and effect.before:
        written = (effect.values.keys() | effect.references.keys()) - set(unresolved)
        carried, again = _carried(effect, unresolved), sorted(written - effect.before.keys())
        if carried or again:
            yield "amended", notes.amended(named, carried, again)
    if effect.kind is EffectKind.UPDATE_WORK_TASK:
        yield "scheduled", notes.scheduled(named, recall.changed(effect))
    if effect.kind is EffectKind.CANCEL_WORK_ORDER and not policy.has_ended(work_order.state):
        source = cancelled_by(facts, policy) or facts.subject
        cause = notes.UNMATCHED if effect.unmatched else notes.because_cancelled(title(source))
        yield "cancelled", notes.cancel_sent(named, cause)
    missing = [
        (target, reference.value)
        for target, reference in went_without(effect, work_order, unresolved).items()
        if facts.unresolved.get((work_order.id, target)) != reference.value
    ]
    if missing:
        yield "missing", notes.not_found(named, missing)


def _carried(effect: Effect, unresolved: Collection[str]) -> Sequence[FieldChange]:
    """The changed fields of an update that were sent."""
    return [change for change in recall.changed(effect) if change.name not in unresolved]


def _attempt(effect: Effect, facts: Facts) -> str:
    """What was refused, in words."""
    if effect.kind is EffectKind.CREATE_WORK_ORDER:
        template = effect.references.get("template")
        return f"create a work order ({template.value})" if template else "create a work order"
    if effect.kind is EffectKind.UPDATE_WORK_TASK:
        return "schedule a work order task"
    work_order = facts.work_order(effect.target)
    number = str(name(facts, work_order)) if work_order else effect.target
    verb = "cancel" if effect.kind is EffectKind.CANCEL_WORK_ORDER else "update"
    return f"{verb} work order {number}"
