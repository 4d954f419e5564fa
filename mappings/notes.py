"""The wording of every work note, and what makes a text safe to write and possible to find again.

Called by the deciding modules; delivery asks `markers` of what it reads. Notes are plain text: what came from another
system cannot format, hide or pretend anything in them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import unescape

from mappings.changes import FieldChange
from mappings.model import Record

_MARKER = re.compile(r"\[syncd:1:([^\[\]\s]+)\]")
_CODE = re.compile(r"\[(/?\s*code[^\[\]]*)\]", re.IGNORECASE)
_FAKE = re.compile(r"\[(?=\s*syncd\s*:)", re.IGNORECASE)
_CLOSING_ANGLE = re.compile(r"(?<!-)>")
_TAG = re.compile(r"</?[a-z][^<>]*>", re.IGNORECASE)
_LINE_END = re.compile(r"<\s*(?:br\s*/?|/\s*(?:p|div|li|tr|h[1-6]))\s*>", re.IGNORECASE)
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")


def plain(text: str, limit: int, marker: str = "", rest: str = "") -> str:
    """`text` as it may stand in a note, `limit` characters at most, `marker` whole and last.

    Control, format and surrogate characters go, line ends stay; `[code]`, angle brackets (but for the head of an
    arrow) and markers that are not this one lose their meaning. A text that is cut says so, and where the `rest` is.
    """
    tail = f"\n{marker}" if marker else ""
    hint = f" ... (shortened; the rest is on {_harmless(rest)})" if rest else " ... (shortened)"
    room = limit - len(tail)
    if room < len(hint):
        raise ValueError(f"a note of {limit} characters has no room for its text")
    body = _harmless(text).strip()
    return (body if len(body) <= room else body[: room - len(hint)] + hint) + tail


def typed(text: str) -> str:
    """What a person typed, without markup: HTML that stands between `[code]` marks is taken out, entities are read once."""
    parts = re.split(r"\[/?\s*code[^\[\]]*\]", text, flags=re.IGNORECASE)
    shown = [_without_tags(part) if number % 2 else part for number, part in enumerate(parts)]
    return _BLANK_LINES.sub("\n\n", unescape("".join(shown))).strip()


def _without_tags(text: str) -> str:
    return _TAG.sub("", _LINE_END.sub("\n", text))


def _harmless(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    if not text.replace("\n", "").isprintable():  # a text that is has none of the unwanted
        text = "".join(c for c in text if c == "\n" or unicodedata.category(c) not in _UNWANTED)
    text = _FAKE.sub("(", _CODE.sub(r"(\1)", text))
    return _CLOSING_ANGLE.sub("›", text.replace("<", "‹"))


_UNWANTED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def markers(text: str) -> tuple[str, ...]:
    """The keys of the markers in a text that syncd wrote, in order."""
    return tuple(_MARKER.findall(text))


def is_ours(text: str) -> bool:
    """Whether syncd wrote this note: it ends in a marker."""
    found = list(_MARKER.finditer(text))
    return bool(found) and not text[found[-1].end() :].strip()


@dataclass(frozen=True, slots=True)
class Named:
    """A work order as a note names it. `title` is its template, or what else tells a person which one it is."""

    number: str
    title: str
    state: str

    def __str__(self) -> str:
        return f"{self.number} ({self.title})" if self.title else self.number


def named(work_order: Record, title: str) -> Named:
    return Named(work_order.number or work_order.id, title, label(work_order))


def label(record: Record) -> str:
    """What people of that instance read as the state."""
    return record.state_label or record.state


def created(work_orders: Sequence[Named]) -> str:
    return _listed("Work order created", "Work orders created", work_orders)


def adopted(work_orders: Sequence[Named]) -> str:
    return _listed("Work order made in field service", "Work orders made in field service", work_orders)


def pointed_away(work_order: Named) -> str:
    """For a domain order that a work order made by hand does not name any more."""
    return (
        f"Work order {work_order} does not belong here any more: it was pointed elsewhere in field service."
    )


def merged(work_order: Named, into: Named) -> str:
    """For a domain order whose work order was closed because another one does its work."""
    return f"Work order {work_order} was merged into {into}: {into.state}. A closure waits for that one."


def _listed(one: str, many: str, work_orders: Sequence[Named]) -> str:
    if len(work_orders) == 1:
        return f"{one}: {work_orders[0]}: {work_orders[0].state}"
    return "\n".join([f"{many}:", *(f"- {work_order}: {work_order.state}" for work_order in work_orders)])


def status(work_order: Named, old: str, fields: Iterable[FieldChange] = (), why: str = "") -> str:
    """`old` is the state before; the other noted fields follow with their old and new values."""
    moved = f"{old} -> {work_order.state}" if old != work_order.state else work_order.state
    return "\n".join([f"Work order {work_order}: {moved}{why}", *map(_changed, fields)])


def task_changed(work_order: str, task: Named, fields: Iterable[FieldChange], when: str = "") -> str:
    """What changed on a task of a work order."""
    return "\n".join([f"Work order {work_order}, task {task}{when}:", *map(_changed, fields)])


def then(at: datetime) -> str:
    """What a note adds that is written later than what it tells. `at` is by the clock of that server."""
    return f", {at:%Y-%m-%d %H:%M:%S} UTC"


def many_steps(record: str, steps: Sequence[tuple[datetime, Sequence[FieldChange]]]) -> str:
    """What happened to a record between two looks, when that is too much for a note of each step."""
    head = f"{record} changed {len(steps)} times:"
    told = ("; ".join(_changed(one).removeprefix("- ") for one in fields) for _, fields in steps)
    return "\n".join(
        [head, *(f"- {at:%Y-%m-%d %H:%M:%S} UTC: {text}" for (at, _), text in zip(steps, told, strict=True))]
    )


def amended(work_order: Named, fields: Iterable[FieldChange], again: Sequence[str] = ()) -> str:
    """`again` are targets that were written although nobody knows whether they differed."""
    head = f"Work order {work_order} was updated, status {work_order.state}:"
    rest = [f"- written again: {', '.join(map(_readable, again))}"] if again else []
    return "\n".join([head, *map(_changed, fields), *rest])


def scheduled(task: Named, fields: Iterable[FieldChange]) -> str:
    """For a task of a work order that got its dates from the order."""
    return "\n".join([f"Work order task {task} was scheduled, status {task.state}:", *map(_changed, fields)])


def amended_by_hand_only(source: str, fields: Iterable[FieldChange], *, shared: bool = False) -> str:
    """For an adopted work order, which people keep in step themselves; `shared` serves another order too."""
    why = "serves another order too" if shared else "was made by hand"
    head = f"{source} changed in order management; this work order {why} and is not changed by syncd:"
    return "\n".join([head, *map(_changed, fields)])


def ponr_refused(source: str, by: str, fields: Iterable[FieldChange]) -> str:
    """`by` is the line or order that has reached it."""
    head = (
        f"{source} is past the point of no return ({by}): this change was not sent to its work orders. "
        "Please check:"
    )
    return "\n".join([head, *map(_changed, fields)])


PONR_MEANWHILE = "the point of no return was reached before the change could be sent"


def not_sent(what: str, why: str, fields: Iterable[FieldChange]) -> str:
    """For a write that syncd itself held back in the step that sends: field service was not asked."""
    return "\n".join([f"syncd did not {what}: {why}. Please check:", *map(_changed, fields)])


def ponr_cancelled(source: str, by: str) -> str:
    return (
        f"{source} was cancelled past the point of no return ({by}): its work orders were not cancelled. "
        "A person must decide about them."
    )


def cancel_reason(source: str) -> str:
    """The mandatory reason of a cancel, in FSM."""
    return f"{source} was cancelled in order management."


def because_cancelled(source: str) -> str:
    """What a status note adds when a work order was cancelled with its order."""
    return f", because {source} was cancelled"


UNMATCHED = ", because no rule prescribes it any more"
"""What a status note adds when a work order was cancelled with the rule that made it."""


def cancel_sent(work_order: Named, cause: str) -> str:
    """For a cancel that field service accepted without ending the work order."""
    return f"Work order {work_order} was asked to cancel{cause}: still {work_order.state}"


def unmatched(source: str, work_orders: Iterable[str]) -> str:
    head = (
        f"{source} has changed, and no rule prescribes these work orders any more. They stay; "
        "a person must decide about them:"
    )
    return "\n".join([head, *(f"- {work_order}" for work_order in work_orders)])


def unmatched_again(work_order: str) -> str:
    """For one that is open again and that no rule prescribes."""
    return f"No rule prescribes this work order any more, and it is open again. A person must decide about it:\n- {work_order}"


def unmatched_reason(source: str) -> str:
    """The mandatory reason of a cancel, in FSM."""
    return f"{source} changed in order management: no rule prescribes this work order any more."


def on_hold(source: str, work_orders: Sequence[str] = ()) -> str:
    """`source` says what is held; on a work order itself the list is left out."""
    head = f"{source}: nothing is created or changed until it goes on."
    lines = (
        [f"{head} Work orders meanwhile:", *(f"- {one}" for one in work_orders)] if work_orders else [head]
    )
    return "\n".join(lines)


def not_cancelled(source: str, why: str) -> str:
    """On a work order in FSM that stays although an order behind it ended."""
    return f"{source} was cancelled in order management. This work order stays: {why}"


def refused(what: str, reason: str) -> str:
    return f"Field service refused to {what}: {reason}"


def close_refused(reason: str) -> str:
    return f"Closure is held: order management refused the close: {reason}"


def not_found(work_order: Named, missing: Iterable[tuple[str, str]]) -> str:
    """References without a record in FSM, by target and looked-up value."""
    head = f"Work order {work_order} was written without what field service does not know:"
    return "\n".join([head, *(f"- {_readable(target)}: {value}" for target, value in missing)])


def mirrored(source: str, author: str, at: datetime, text: str) -> str:
    """What a person typed on the other side. `at` is by the clock of that server, in UTC."""
    head = f"{source}, note of {author or 'somebody'}, {at:%Y-%m-%d %H:%M:%S} UTC:"
    return f"{head}\n{typed(text)}"


def vanished(work_order: str) -> str:
    return (
        f"Work order {work_order} is gone from field service: it was looked for twice and not found. "
        "It is not made again, and a closure waits until a person lets it go."
    )


def orphaned(source: str) -> str:
    """For an open work order whose domain order is gone."""
    return (
        f"{source} is gone from order management: it was looked for twice and not found. "
        "This work order was not cancelled; a person must decide about it."
    )


def duplicate(kept: str, source: str) -> str:
    """For the younger of two work orders that were made for the same thing."""
    return f"This work order was made twice for {source}: work order {kept} is the older one and stays."


def held(reasons: Iterable[str]) -> str:
    return "\n".join(["Closure is held:", *(f"- {reason}" for reason in reasons)])


_DECIDE = "A person must decide about it"
_REOPENED = "By configuration it is opened again as long as that is so"


def closed_past_gate(work_orders: Sequence[Named], *, reopened: bool = False) -> str:
    """For a domain order that was closed by hand while work is open."""
    return "\n".join(
        [
            f"Closed while work is open in field service. {_REOPENED if reopened else _DECIDE}:",
            *(f"- {work_order}: {work_order.state}" for work_order in work_orders),
        ]
    )


def opened_after_closure(work_order: Named, *, reopened: bool = False) -> str:
    """For a domain order that is closed already."""
    what = f"Work order {work_order} is open again, or new, after the closure: {work_order.state}."
    return f"{what} {_REOPENED if reopened else _DECIDE}."


def reopen_refused(reason: str) -> str:
    return f"Order management refused to open this again: {reason}"


def clear_refused(reason: str) -> str:
    return f"Order management refused to take the request for closure away: {reason}"


def released(work_orders: Sequence[Named]) -> str:
    if not work_orders:
        return "Closure released: no work order is open."
    return _listed("Closure released", "Closure released", work_orders)


def overridden(by: str, reason: str, held_by: Sequence[str]) -> str:
    """For a release on a person's word; `held_by` is what the gate still says."""
    what = ["What held it:", *(f"- {one}" for one in held_by)] if held_by else []
    return "\n".join([f"Closure released on the word of {by}: {reason}", *what])


def _changed(field: FieldChange) -> str:
    return f"- {_readable(field.name)}: {field.old or '(empty)'} -> {field.new or '(empty)'}"


def _readable(name: str) -> str:
    return name.replace("_", " ")
