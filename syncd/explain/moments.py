"""The ledger's lines as a story in causal order: seen, decided, sent, answered.

Called by `known` with what concerns one record. Says what is written there, in words: each attempt with its requests, their
ids and answers. A try that failed again and again is told once, with how often.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mappings.changes import What
from mappings.keys import request_name
from mappings.model import Kind
from state.store import LedgerEntry
from syncd.explain.story import Moment, Names, Word, instant

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_QUIET = frozenset({What.STATUS_CHANGED.value, What.AMENDED.value, What.FIRST_SEEN.value})
"""Changes that states and fields tell already."""


def moments(entries: Iterable[LedgerEntry], names: Names) -> tuple[Moment, ...]:
    """Everything that the entries say, oldest first."""
    return tuple(moment for entry in _folded(entries) for moment in _told(entry, names))


def _folded(entries: Iterable[LedgerEntry]) -> Iterator[LedgerEntry]:
    """The entries, with tries of one effect that failed one after the other told once: the last, and since which.

    Delivery keeps fewer and fewer of them as they go on; the number of the attempt tells how many there were.
    """
    kept: dict[int, LedgerEntry] = {}
    failing: dict[str, int] = {}
    for place, entry in enumerate(entries):
        kept[place] = entry
        before = failing.pop(entry.effect_key, None)
        if entry.event == "notsent":
            failing[entry.effect_key] = place
            if before is not None:
                first = kept.pop(before)
                begun = {"from": first.data.get("attempt"), "since": _at(first)} | dict(first.data)
                kept[place] = replace(entry, data={**begun, **entry.data})
    yield from kept.values()


def _told(entry: LedgerEntry, names: Names) -> Iterator[Moment]:
    tell = _TELLERS.get(entry.event)
    if tell is not None:
        yield from tell(entry, names)
    elif entry.effect_key and "attempt" in entry.data:
        yield from _answered(entry, names)
    else:
        details = tuple(f"{name}: {_plain(value)}" for name, value in entry.data.items() if value)
        yield Moment(_at(entry), "happened", entry.event.replace("_", " "), details, entry.effect_key)


def _seen(entry: LedgerEntry, names: Names) -> Iterator[Moment]:
    data = entry.data
    named = f"{_kind(data)} {data.get('number') or names.number(entry.subject)}"
    label = str(data.get("label") or data.get("state") or "")
    changes = _texts(data.get("changes"))
    if What.FIRST_SEEN.value in changes:
        text = f"{named} for the first time: {label}"
    elif What.STATUS_CHANGED.value in changes:
        was = str(data.get("was") or "")
        text = f"{named}: {was + ' -> ' if was else ''}{label}"
    else:
        text = f"{named} changed ({label})"
    fields = _texts(data.get("fields"))
    words = [change.replace("_", " ") for change in changes if change not in _QUIET]
    details = [", ".join(words)] if words else []
    details += [f"changed fields: {', '.join(fields)}"] if fields else []
    yield Moment(_at(entry), "seen", text, tuple(details))


def _decided(entry: LedgerEntry, names: Names) -> Iterator[Moment]:
    verdict = _verdict(entry)
    if verdict:
        because = tuple(_texts(entry.data.get("because")))
        text = f"closure of {names.number(entry.subject)} {verdict}"
        yield Moment(_at(entry), "gate", text, because, config=entry.config)
        return
    born, void = _texts(entry.data.get("effects")), _texts(entry.data.get("superseded"))
    details = [*_texts(entry.data.get("because"))]
    details += [f"=> {names.intent(key)}" for key in born]
    details += [f"=> not any more: {names.intent(key)}" for key in void]
    count = f"{len(born)} effect{'' if len(born) == 1 else 's'}" if born else "nothing to send"
    text = f"for {names.number(entry.subject)}: {count}"
    yield Moment(_at(entry), "decided", text, tuple(details), config=entry.config)


def _verdict(entry: LedgerEntry) -> str:
    """What the closure gate said, where this is an answer of it: its keys begin as no others do."""
    kinds = {key.partition(":")[0] for key in _texts(entry.data.get("effects"))}
    if "held" in kinds:
        return "is held, and a note says what is open"
    return "may pass" if kinds & {"close", "released"} else ""


def _linked(entry: LedgerEntry, names: Names) -> Iterator[Moment]:
    how = "made by hand" if entry.data.get("origin") == "adopted" else "created by syncd"
    number = str(entry.data.get("number") or names.number(entry.work_order))
    yield Moment(_at(entry), "linked", f"work order {number} to {names.number(entry.subject)} ({how})")


def _person(entry: LedgerEntry, names: Names) -> Iterator[Moment]:
    did = entry.event.partition(".")[2]
    what = names.intent(entry.effect_key) if entry.effect_key else names.number(entry.subject)
    by, reason = str(entry.data.get("by") or "somebody"), str(entry.data.get("reason") or "")
    text = f"{by} {did} {what}" + (f": {reason}" if reason else "")
    yield Moment(_at(entry), "person", text, key=entry.effect_key)


def _violated(entry: LedgerEntry, names: Names) -> Iterator[Moment]:
    promise, reason = entry.data.get("promise"), entry.data.get("reason")
    text = f"{names.number(entry.subject)} was parked: a promise is broken ({promise}): {reason}"
    yield Moment(_at(entry), "happened", text)


def _answered(entry: LedgerEntry, names: Names) -> Iterator[Moment]:
    """One claim that came to its end: when it was sent, and what came of it."""
    detail, number = str(entry.data.get("detail") or ""), str(entry.data.get("number") or "")
    what = names.intent(entry.effect_key)
    looked = entry.event == "done" and bool(detail)  # a look, or a comparison, made the write needless
    sent = entry.event in {"done", "indoubt"} and not looked
    attempt = f"attempt {entry.data.get('attempt')}"
    at, since = _sent_at(entry, names), entry.data.get("since")
    if isinstance(since, datetime):
        attempt = f"attempts {entry.data.get('from')} to {entry.data.get('attempt')} since {instant(since)}"
    word: Word = "sent" if sent else "tried"
    yield Moment(at, word, f"{what}, {attempt}", tuple(_requests(entry)), entry.effect_key)
    said = ", ".join(part for part in (number, detail) if part)
    text = _OUTCOMES.get(entry.event, entry.event) + (f": {said}" if said else "")
    yield Moment(_at(entry), "answered", text, key=entry.effect_key, outcome=entry.event)


def _requests(entry: LedgerEntry) -> Iterator[str]:
    """What was asked of the two systems, and what each answered; reads that were answered alike as one line."""
    listed, attempt = entry.data.get("requests"), entry.data.get("attempt")
    name = request_name(entry.effect_key, attempt if isinstance(attempt, int) else 0)
    number = 0
    for method, status, ms, *more in listed if isinstance(listed, list) else ():
        times = more[0] if more else 1
        first, number = number + 1, number + times
        ids = f"request {name}.{number}" if times == 1 else f"requests {name}.{first} to {number}"
        count = f"{times} x " if times > 1 else ""
        yield f"{count}{method} -> {status or 'no answer'} in {ms} ms ({ids})"


def _sent_at(entry: LedgerEntry, names: Names) -> datetime:
    """When this attempt began; an entry of an older syncd does not say how long it took, perhaps the outbox does."""
    took = entry.data.get("ms")
    if isinstance(took, int):
        return _at(entry) - timedelta(milliseconds=took)
    stored = names.effects.get(entry.effect_key)
    if stored is not None and stored.last_sent_at and stored.attempts == entry.data.get("attempt"):
        return min(stored.last_sent_at, _at(entry))
    return _at(entry)


_OUTCOMES: Mapping[str, str] = {
    "done": "done",
    "notsent": "not sent, tried again later",
    "indoubt": "doubtful, it may have been done: looked for before anything is sent again",
    "parked": "refused, waits for a person",
    "overtaken": "not needed any more",
}

_TELLERS: Mapping[str, Callable[[LedgerEntry, Names], Iterator[Moment]]] = {
    "seen": _seen,
    "decided": _decided,
    "work_order.linked": _linked,
    "quarantine.retried": _person,
    "quarantine.dropped": _person,
    "closure.overridden": _person,
    "invariant.violated": _violated,
}


def _at(entry: LedgerEntry) -> datetime:
    return entry.at or _BEGINNING


def _kind(data: Mapping[str, object]) -> str:
    kind = str(data.get("kind") or "")
    return "Order" if kind == Kind.CUSTOMER_ORDER else kind.replace("_", " ").capitalize()


def _texts(value: object) -> Sequence[str]:
    return [str(one) for one in value] if isinstance(value, list | tuple) else []


def _plain(value: object) -> str:
    return ", ".join(_texts(value)) if isinstance(value, list | tuple) else str(value)
