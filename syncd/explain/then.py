"""What was known of a record at an instant that has passed: `syncd explain --at TIME`.

Called by `known`. The state keeps only the latest of everything, so this is read from the ledger: what had been seen,
linked, intended and answered by then. What happened later is left out, as nobody knew it yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mappings.effects import EffectKind
from mappings.model import Record
from mappings.retention import is_reduced
from state.store import LedgerEntry
from syncd.explain.given_up import NOT_KEPT
from syncd.explain.story import Names, Next, Part, called, instant

_FATES: Mapping[str, tuple[str, str]] = {
    "": ("pending", "was not sent yet"),
    "under way": ("in flight", "was being sent"),
    "notsent": ("pending", "had not been sent, and was to be tried again"),
    "indoubt": ("in doubt", "may have been done; it was to be looked for before anything was sent again"),
    "parked": ("parked", "was refused, and waited for a person"),
}
"""By the last word of the ledger: the status of an effect that was not at rest, and what that meant."""


@dataclass(slots=True)
class _Known:
    """What the ledger had said by an instant."""

    labels: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    """By record: when it had been seen last, and its state."""
    work_orders: dict[str, list[str]] = field(default_factory=dict)
    """By subject, in the order in which they were linked."""
    open: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    """By key of an effect that was not at rest: its subject, the last word about it, and why."""


def known_then(entries: Sequence[LedgerEntry], at: datetime) -> _Known:
    """What the entries had said by then, oldest first."""
    known = _Known()
    for entry in entries:
        if entry.at is None:
            continue
        if entry.at > at:
            _under_way(known, entry, at)
        elif entry.event == "seen":
            label = str(entry.data.get("label") or entry.data.get("state") or "")
            known.labels[entry.subject] = (entry.at, label)
        elif entry.event == "decided":
            known.open |= dict.fromkeys(_keys(entry, "effects"), (entry.subject, "", ""))
            for key in _keys(entry, "superseded"):
                known.open.pop(key, None)
        elif entry.event == "work_order.linked":
            _linked(known, entry)
        elif entry.effect_key:
            _moved(known, entry)
    return known


def parts(subjects: Sequence[Record], known: _Known, names: Names, at: datetime) -> tuple[Part, ...]:
    """What was true of each subject, as far as it was known."""
    return tuple(Part(called(one), tuple(_lines(one, known, names))) for one in subjects) or (
        Part(f"At {instant(at)}", ("no domain order of it was known",)),
    )


def waiting(known: _Known, names: Names) -> tuple[Next, ...]:
    """The effects that were not at rest."""
    found = []
    for key, (_, word, why) in known.open.items():
        status, meaning = _FATES[word]
        found.append(Next(status, f"{names.intent(key)}: {meaning}" + (f" ({why})" if why else ""), key=key))
    return tuple(found)


def _lines(subject: Record, known: _Known, names: Names) -> Iterator[str]:
    seen = known.labels.get(subject.id)
    if seen is None:
        yield NOT_KEPT if is_reduced(subject) else "it had not been seen yet"
        return
    yield f"it was {seen[1]}, as seen {instant(seen[0])}"
    work_orders = known.work_orders.get(subject.id, [])
    for id in work_orders:
        at = known.labels.get(id)
        state = f": {at[1]}, as seen {instant(at[0])}" if at else ""
        yield f"work order {names.number(id)} was linked to it{state}"
    if not work_orders:
        yield "no work order was linked to it"


def _linked(known: _Known, entry: LedgerEntry) -> None:
    linked = known.work_orders.setdefault(entry.subject, [])
    if entry.work_order not in linked:
        linked.append(entry.work_order)


def _moved(known: _Known, entry: LedgerEntry) -> None:
    """The last word about an effect."""
    if entry.event in _FATES:
        known.open[entry.effect_key] = (entry.subject, entry.event, str(entry.data.get("detail") or ""))
        return
    if "attempt" in entry.data or entry.event == "quarantine.dropped":
        known.open.pop(entry.effect_key, None)
    if entry.event == "done" and entry.data.get("kind") == EffectKind.CREATE_WORK_ORDER:
        _linked(known, entry)


def _under_way(known: _Known, entry: LedgerEntry, at: datetime) -> None:
    """An attempt that had begun, and was answered only later."""
    took = entry.data.get("ms")
    if entry.at is not None and isinstance(took, int) and entry.effect_key in known.open:
        began = entry.at - timedelta(milliseconds=took)
        if began <= at:
            known.open[entry.effect_key] = (entry.subject, "under way", "")


def _keys(entry: LedgerEntry, name: str) -> list[str]:
    listed = entry.data.get(name)
    return [str(key) for key in listed] if isinstance(listed, list) else []
