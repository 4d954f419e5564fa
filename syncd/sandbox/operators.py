"""What each operator of an encoded query means for a field of a given type.

Called by `search`. `predicate` answers None for a combination that the platform does not know; such a term is dropped
there. Text is compared without regard to case, as the platform's database does.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from syncd.sandbox.clock import parse_stamp
from syncd.sandbox.dictionary import BOOLEAN, DATE, DATETIME, DECIMAL, INTEGER, Field, words
from syncd.sandbox.moments import UNITS, Moment, evaluate, relative
from syncd.sandbox.records import Row

Getter = Callable[[Row], str]
Predicate = Callable[[Row], bool]
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_FIELD_COMPARISONS = {
    "GT_FIELD": ">",
    "LT_FIELD": "<",
    "GT_OR_EQUALS_FIELD": ">=",
    "LT_OR_EQUALS_FIELD": "<=",
}
_RELATIVE = {"RELATIVEGT": ">", "RELATIVELT": "<", "RELATIVEGE": ">=", "RELATIVELE": "<="}
_TEMPORAL = {DATETIME, DATE}
_NUMERIC = {INTEGER, DECIMAL}


@dataclass(frozen=True, slots=True)
class Operand:
    """The left side of a term: the field, how to read its stored value and what people see of it."""

    field: Field
    raw: Getter
    shown: Getter
    other: Callable[[str], Getter | None]
    """Reads another field of the same record by name."""


def sort_key(field: Field, value: str) -> tuple[int, float, str]:
    """Orders stored values of a field: empty first, numbers as numbers, text without case."""
    if value == "":
        return (0, 0.0, "")
    if field.type in _NUMERIC and (number := _number(value)) is not None:
        return (1, number, "")
    if field.type in _TEMPORAL or len(value) == 32:
        return (1, 0.0, value)
    return (1, 0.0, value.casefold())


def predicate(operand: Operand, name: str, value: str, moment: Moment) -> Predicate | None:
    """The test that `operand name value` stands for, None when there is no such thing."""
    if name in _EMPTINESS:
        return _emptiness(operand, name)
    if name in COMPARISONS:
        return _comparison(operand, name, value, moment)
    if name in {"IN", "NOT IN"}:
        return _membership(operand, value, moment, negate=name == "NOT IN")
    if name in _TEXT:
        return _text(operand, name, value)
    if name in {"SAMEAS", "NSAMEAS"} or name in _FIELD_COMPARISONS:
        return _against_field(operand, name, value)
    if name == "BETWEEN":
        return _between(operand, value, moment)
    if name == "DYNAMIC" and operand.field.is_reference:
        return lambda row: operand.raw(row) == moment.user_id
    return _temporal(operand, name, value, moment) if operand.field.type in _TEMPORAL else None


_EMPTINESS = {"ISEMPTY", "ISNOTEMPTY", "EMPTYSTRING", "ANYTHING"}


def _emptiness(operand: Operand, name: str) -> Predicate:
    raw = operand.raw
    if name == "ANYTHING":
        return lambda _: True
    if name == "ISNOTEMPTY":
        return lambda row: raw(row) != ""
    return lambda row: raw(row) == ""


def _comparison(operand: Operand, name: str, value: str, moment: Moment) -> Predicate | None:
    evaluated = evaluate(value, moment)
    if evaluated is None:
        return None
    wanted = "" if evaluated == "NULL" else evaluated
    if operand.field.type == BOOLEAN:
        wanted = {"1": "true", "0": "false"}.get(wanted, wanted)
    if name in {"=", "!="}:
        return _equality(operand, wanted, negate=name == "!=")
    if operand.field.type in _TEMPORAL and parse_stamp(wanted) is None:
        return None
    limit, compare, field, raw = (
        sort_key(operand.field, wanted),
        COMPARISONS[name],
        operand.field,
        operand.raw,
    )
    if field.type in _TEMPORAL:
        return lambda row: (v := raw(row)) != "" and compare(v, wanted)
    return lambda row: (v := raw(row)) != "" and compare(sort_key(field, v), limit)


def _equality(operand: Operand, wanted: str, *, negate: bool) -> Predicate:
    raw, field = operand.raw, operand.field
    if wanted != "" and (field.type in _NUMERIC or (field.choice and field.type != BOOLEAN)):
        key = sort_key(field, wanted)
        return lambda row: (sort_key(field, raw(row)) == key) is not negate
    folded = wanted.casefold()
    return lambda row: ((v := raw(row)) == wanted or v.casefold() == folded) is not negate


def _membership(operand: Operand, value: str, moment: Moment, *, negate: bool) -> Predicate | None:
    evaluated = evaluate(value, moment)
    if evaluated is None:
        return None
    wanted = {word.casefold() for word in words(evaluated)}
    raw = operand.raw
    return lambda row: (raw(row).casefold() in wanted) is not negate


_TEXT: dict[str, Callable[[str, str], bool]] = {
    "LIKE": lambda text, part: part in text,
    "NOT LIKE": lambda text, part: part not in text,
    "STARTSWITH": lambda text, part: text.startswith(part),
    "ENDSWITH": lambda text, part: text.endswith(part),
}


def _text(operand: Operand, name: str, value: str) -> Predicate:
    test, part = _TEXT[name], value.casefold()
    read = operand.shown if operand.field.is_reference else operand.raw
    return lambda row: test(read(row).casefold(), part)


def _against_field(operand: Operand, name: str, value: str) -> Predicate | None:
    other = operand.other(value)
    if other is None:
        return None
    raw, field = operand.raw, operand.field
    if name in {"SAMEAS", "NSAMEAS"}:
        return lambda row: (raw(row) == other(row)) is (name == "SAMEAS")
    compare = COMPARISONS[_FIELD_COMPARISONS[name]]
    return lambda row: (
        bool(raw(row) and other(row)) and compare(sort_key(field, raw(row)), sort_key(field, other(row)))
    )


def _between(operand: Operand, value: str, moment: Moment) -> Predicate | None:
    ends = [evaluate(end, moment) for end in value.split("@")]
    if len(ends) != 2 or ends[0] is None or ends[1] is None:
        return None
    field, raw = operand.field, operand.raw
    low, high = sort_key(field, ends[0]), sort_key(field, ends[1])
    return lambda row: raw(row) != "" and low <= sort_key(field, raw(row)) <= high


def _temporal(operand: Operand, name: str, value: str, moment: Moment) -> Predicate | None:
    raw = operand.raw
    if name in {"ON", "NOTON"}:
        return _on(operand, value, moment, negate=name == "NOTON")
    if name in _RELATIVE:
        at = relative(value, moment)
        if at is None:
            return None
        limit, compare = moment.stamp(at), COMPARISONS[_RELATIVE[name]]
        return lambda row: raw(row) != "" and compare(raw(row), limit)
    if name in {"MORETHAN", "LESSTHAN"}:
        return _apart(operand, name, value)
    return None


def _on(operand: Operand, value: str, moment: Moment, *, negate: bool) -> Predicate | None:
    parts = value.split("@")
    ends = (
        [evaluate(p, moment) for p in parts[1:3]]
        if len(parts) >= 3
        else [f"{value} 00:00:00", f"{value} 23:59:59"]
    )
    low, high = (parse_stamp(end) if end else None for end in ends)
    if low is None or high is None:
        return None
    first, last, raw = moment.stamp(low), moment.stamp(high), operand.raw
    return lambda row: raw(row) != "" and (first <= raw(row) <= last) is not negate


def _apart(operand: Operand, name: str, value: str) -> Predicate | None:
    """`@unit@before|after@n` against another field: `aMORETHANb@hour@before@3`."""
    parts = value.split("@")
    other = operand.other(parts[0])
    if len(parts) != 4 or other is None or parts[1] not in UNITS or not parts[3].isdigit():
        return None
    span, sign = UNITS[parts[1]] * int(parts[3]), -1 if parts[2] == "before" else 1
    compare = operator.gt if name == "MORETHAN" else operator.lt

    def test(row: Row) -> bool:
        own, their = parse_stamp(operand.raw(row)), parse_stamp(other(row))
        if own is None or their is None:
            return False
        distance = (own - their) * sign
        return distance > timedelta() and compare(distance, span)

    return test


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
