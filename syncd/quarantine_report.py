"""`syncd quarantine list` and `show` as text and as JSON. Takes what `quarantine` gathered; reads nothing itself.

Raw bodies appear in `show` only, escaped: they are a remote system's text, and a terminal must not act on them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from syncd.log_lines import printable
from syncd.quarantine import Held, HeldEffect, HeldOrder, HeldRecord, next_step


def list_as_json(held: Sequence[Held]) -> dict[str, object]:
    return {
        "orders": [_order(one) for one in held if isinstance(one, HeldOrder)],
        "records": [_record(one) for one in held if isinstance(one, HeldRecord)],
        "effects": [_effect(one) for one in held if isinstance(one, HeldEffect)],
    }


def list_as_text(held: Sequence[Held]) -> str:
    """Two lines for each, and the next step."""
    if not held:
        return "nothing is in quarantine"
    return "\n\n".join("\n".join(printable(line) for line in _brief(one)) for one in held)


def show_as_json(one: Held) -> dict[str, object]:
    """Everything that is kept, the raw body too."""
    if isinstance(one, HeldRecord):
        return {"record": _record(one) | {"body": one.record.body}}
    if isinstance(one, HeldOrder):
        return {"order": _order(one)}
    effect = one.effect.effect
    return {
        "effect": _effect(one)
        | {
            "target_kind": effect.target_kind.value,
            "values": dict(effect.values),
            "references": {
                name: {"entity": r.entity, "match": r.match, "value": r.value}
                for name, r in effect.references.items()
            },
            "text": effect.text,
            "marker": effect.marker,
        }
    }


def show_as_text(one: Held) -> str:
    more: Iterator[str] = iter(())
    if isinstance(one, HeldRecord):
        more = _body(one)
    elif isinstance(one, HeldEffect):
        more = _intent(one)
    lines = [*_brief(one), *more]
    return "\n".join(printable(line) for line in lines)


def _brief(one: Held) -> Iterator[str]:
    if isinstance(one, HeldRecord):
        record = one.record
        named = f"{one.number} ({one.name})" if one.number else one.name
        yield f"{record.kind} {named} could not be read"
        yield f"  why: {record.field + ': ' if record.field else ''}{record.reason}"
        times = "once" if record.times == 1 else f"{record.times} times"
        seen = f"first seen {_text(record.first_seen_at)}, last {_text(record.last_seen_at)}, {times}"
        yield f"  {seen}; changed at {_text(record.stamp)} by its server" if record.stamp else f"  {seen}"
    elif isinstance(one, HeldOrder):
        halt = one.halt
        kind = halt.subject_kind.replace("_", " ")
        yield f"{kind} {one.number or halt.subject} is parked: a promise is broken ({halt.promise})"
        yield f"  why: {halt.reason}"
        yield f"  since {_text(halt.since)}; nothing of it is sent"
    else:
        effect, stored = one.effect.effect, one.effect
        yield f"{effect.kind} for {one.number or effect.subject} waits for a person ({one.name})"
        yield f"  why: {stored.reason}"
        tries = "once" if stored.attempts == 1 else f"{stored.attempts} times"
        yield f"  decided {_text(stored.born_at)}, tried {tries}, parked {_text(stored.moved_at)}"
    yield f"  next: {next_step(one)}"


def _body(one: HeldRecord) -> Iterator[str]:
    """The raw record, one field a line where it is JSON."""
    yield ""
    if not one.record.body:
        yield "no raw record was kept"
        return
    yield "the raw record, as it came:"
    try:
        text = json.dumps(json.loads(one.record.body), indent=2, ensure_ascii=True)
    except (ValueError, RecursionError):
        text = one.record.body
    yield from text.split("\n")


def _intent(one: HeldEffect) -> Iterator[str]:
    effect = one.effect.effect
    yield f"  because: {effect.because}"
    yield f"  target: {effect.target_kind} {effect.target} in {effect.system}"
    yield from (f"  {name} = {value}" for name, value in sorted(effect.values.items()))
    for name, reference in sorted(effect.references.items()):
        yield f'  {name} = the {reference.entity} whose {reference.match} is "{reference.value}"'
    if effect.text:
        yield "  text:"
        yield from (f"    {line}" for line in effect.text.split("\n"))


def _order(one: HeldOrder) -> dict[str, object]:
    halt = one.halt
    return {
        "subject": halt.subject,
        "kind": halt.subject_kind.value,
        "number": one.number,
        "promise": halt.promise,
        "reason": halt.reason,
        "since": _text(halt.since),
        "next": next_step(one),
    }


def _record(one: HeldRecord) -> dict[str, object]:
    record = one.record
    return {
        "name": one.name,
        "kind": record.kind.value,
        "system": record.system.value,
        "id": record.id,
        "number": one.number,
        "field": record.field,
        "reason": record.reason,
        "stamp": _text(record.stamp),
        "first_seen_at": _text(record.first_seen_at),
        "last_seen_at": _text(record.last_seen_at),
        "times": record.times,
        "next": next_step(one),
    }


def _effect(one: HeldEffect) -> dict[str, object]:
    stored, effect = one.effect, one.effect.effect
    return {
        "key": effect.key,
        "kind": effect.kind.value,
        "system": effect.system.value,
        "subject": effect.subject,
        "number": one.number,
        "target": effect.target,
        "because": effect.because,
        "reason": stored.reason,
        "attempts": stored.attempts,
        "decided_at": _text(stored.born_at),
        "first_sent_at": _text(stored.first_sent_at),
        "parked_at": _text(stored.moved_at),
        "next": next_step(one),
    }


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds").replace("+00:00", "Z")
