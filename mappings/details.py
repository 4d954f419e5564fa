"""The work orders of a domain order, shown on it: number, title and state of each, in one field that stays current.

Called by the deciding modules whenever a work order or its subject was seen. A state-style write: what the field should say is
compared with what it says, so our own write coming back decides nothing. The notes say the same as it happens; where the
field cannot be written they are what people have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from mappings import notes
from mappings.changes import Change, What
from mappings.effects import Decision, Effect, EffectKind
from mappings.keys import digest
from mappings.model import Facts, Record, System
from mappings.note_effects import name, nothing
from mappings.policy import Policy
from mappings.targets import UNSENT, unsettled

GONE = "gone from field service"


def details(changes: Sequence[Change], facts: Facts, policy: Policy, away: Record | None = None) -> Decision:
    """The write that makes the field say what is so; nothing where it does, or where a write of the same is on its way.

    A domain order from before the baseline is left alone until something happens to it; none is emptied while the state may
    not know yet what is linked, but for a field that names nothing besides the work order that was pointed `away`.
    """
    field = policy.details_fields.get(facts.subject.kind, "")
    if not field:
        return nothing(facts)
    said, wanted = facts.subject.get(field), shown(facts, policy)
    if facts.historic and not said and all(change.what is What.FIRST_SEEN for change in changes):
        return nothing(facts)
    if facts.catching_up and not wanted and not (away and _names_only(said, away.number)):
        return nothing(facts)
    key = f"details:{facts.subject.id}:{digest(wanted)}"
    open_ones = list(unsettled(facts, EffectKind.SHOW_WORK_ORDERS))
    stale = tuple(one.key for one in open_ones if one.status in UNSENT and not one.key.startswith(f"{key}:"))
    decision = replace(nothing(facts), supersede=stale)
    if said == wanted or any(one.key.startswith(f"{key}:") for one in open_ones):
        return decision
    return replace(decision, effects=(_write(f"{key}:{_occasion(said, facts)}", field, wanted, facts),))


def shown(facts: Facts, policy: Policy) -> str:
    """What the field should say, "" for no work orders."""
    text = "; ".join(_each(facts))
    return notes.plain(text, policy.details_limit) if text else ""


def _names_only(said: str, number: str) -> bool:
    return all(one.startswith((f"{number} (", f"{number}: ")) for one in said.split("; "))


def _each(facts: Facts) -> Iterator[str]:
    for record in sorted(facts.work_orders, key=lambda record: (record.number, record.id)):
        named = name(facts, record)
        yield f"{named}: {GONE if record.id in facts.vanished else named.state}"


def _occasion(said: str, facts: Facts) -> str:
    """Tells one write of a content from the next. A server that cuts what it is given is asked once for each change of a
    work order, not for ever."""
    versions = sorted(f"{record.id} {record.version}" for record in facts.work_orders)
    return digest(said, *versions)


def _write(key: str, field: str, text: str, facts: Facts) -> Effect:
    return Effect(
        key=key,
        kind=EffectKind.SHOW_WORK_ORDERS,
        system=System.ORDER_MANAGEMENT,
        subject_kind=facts.subject.kind,
        subject=facts.subject.id,
        target_kind=facts.subject.kind,
        target=facts.subject.id,
        because=f"{field} does not show its work orders as they are",
        values={field: text},
    )
