"""Decision tables: conditions on facts, and the work orders that a matching rule creates.

`table_file` reads them, `creation` evaluates them, `table_proof` looks for rules that cannot matter. A table never
knows where a fact comes from: it asks for columns by name, and a missing fact reads "".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from mappings.effects import Reason
from mappings.model import Kind, PlannedWorkOrder

DEFAULT_RULE = "default"
"""The rule id of the row that answers when no other did."""

HitPolicy = Literal["first", "all"]


class Operator(StrEnum):
    """How a cell compares. The values are the words of the table file."""

    IS = "is"
    IS_NOT = "is_not"
    ONE_OF = "one_of"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    IS_EMPTY = "is_empty"
    IS_NOT_EMPTY = "is_not_empty"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    BETWEEN = "between"


NUMERIC = frozenset({Operator.GT, Operator.GTE, Operator.LT, Operator.LTE, Operator.BETWEEN})

_WORDS: Mapping[Operator, str] = {
    Operator.IS: "is",
    Operator.IS_NOT: "is not",
    Operator.ONE_OF: "is one of",
    Operator.CONTAINS: "contains",
    Operator.STARTS_WITH: "starts with",
    Operator.ENDS_WITH: "ends with",
    Operator.IS_EMPTY: "is empty",
    Operator.IS_NOT_EMPTY: "is not empty",
    Operator.GT: "is greater than",
    Operator.GTE: "is at least",
    Operator.LT: "is less than",
    Operator.LTE: "is at most",
    Operator.BETWEEN: "is between",
}

_TEXT_TESTS: Mapping[Operator, Callable[[str, tuple[str, ...]], bool]] = {
    Operator.IS: lambda value, operands: value == operands[0],
    Operator.IS_NOT: lambda value, operands: value != operands[0],
    Operator.ONE_OF: lambda value, operands: value in operands,
    Operator.CONTAINS: lambda value, operands: operands[0] in value,
    Operator.STARTS_WITH: lambda value, operands: value.startswith(operands[0]),
    Operator.ENDS_WITH: lambda value, operands: value.endswith(operands[0]),
    Operator.IS_EMPTY: lambda value, _: value == "",
    Operator.IS_NOT_EMPTY: lambda value, _: value != "",
}

_NUMBER_TESTS: Mapping[Operator, Callable[[Decimal, list[Decimal]], bool]] = {
    Operator.GT: lambda value, operands: value > operands[0],
    Operator.GTE: lambda value, operands: value >= operands[0],
    Operator.LT: lambda value, operands: value < operands[0],
    Operator.LTE: lambda value, operands: value <= operands[0],
    Operator.BETWEEN: lambda value, operands: operands[0] <= value <= operands[1],
}

_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?\Z")


def number(text: str) -> Decimal | None:
    """A plain decimal number, or None: no exponents, no "NaN", no thousands separators."""
    return Decimal(text.strip()) if _NUMBER.match(text.strip()) else None


@dataclass(frozen=True, slots=True)
class Cell:
    """One condition on one column. `operands`: none, one, two (between) or many (one_of); numbers as plain decimals."""

    operator: Operator
    operands: tuple[str, ...] = ()

    def matches(self, value: str) -> bool:
        """A comparison of numbers does not match a value that is none."""
        if self.operator not in NUMERIC:
            return _TEXT_TESTS[self.operator](value, self.operands)
        fact = number(value)
        return fact is not None and _NUMBER_TESTS[self.operator](fact, [Decimal(o) for o in self.operands])

    def __str__(self) -> str:
        joiner = " and " if self.operator is Operator.BETWEEN else ", "
        return " ".join(filter(None, (_WORDS[self.operator], joiner.join(f'"{o}"' for o in self.operands))))

    def miss(self, column: str, value: str) -> str:
        """Why this cell did not match: what was asked and what the fact was."""
        fact = f'"{value}"' if value else "empty"
        remark = ", not a number" if self.operator in NUMERIC and number(value) is None else ""
        return f"asks that {column} {self}, but it is {fact}{remark}"


@dataclass(frozen=True, slots=True)
class Creation:
    """One work order that a row creates. `values` are FSM fields, with {column} placeholders."""

    template: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: every cell must match; a column without a cell matches anything. `was` are ids that it had before."""

    id: str
    when: Mapping[str, Cell]
    create: tuple[Creation, ...]
    was: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DecisionTable:
    """Ordered rules for one kind of subject. `columns` are all columns that any cell reads, sorted."""

    name: str
    applies_to: Kind
    hit_policy: HitPolicy
    rules: tuple[Rule, ...]
    default: tuple[Creation, ...] = ()
    columns: tuple[str, ...] = ()
    hash: str = ""

    def current_id(self, rule: str) -> str:
        """The id that a rule has now, given one that it has or had."""
        return next((r.id for r in self.rules if rule in r.was), rule)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a table answers: the work orders, one reason per row, and the facts that were read."""

    work_orders: tuple[PlannedWorkOrder, ...]
    reasons: tuple[Reason, ...]
    columns: Mapping[str, str]


def evaluate(table: DecisionTable, value_of: Callable[[str], str]) -> Outcome:
    """The rows that match, in order: the first one or all of them, else the default row."""
    facts = {column: value_of(column) for column in table.columns}
    work_orders: list[PlannedWorkOrder] = []
    reasons: list[Reason] = []
    winner = ""
    for rule in table.rules:
        reason = _passed_over(rule, winner) if winner else _judged(rule, facts)
        reasons.append(reason)
        if reason.fired:
            work_orders += _planned(rule.id, rule.create)
            winner = rule.id if table.hit_policy == "first" else ""
    if table.default and not any(reason.fired for reason in reasons):
        work_orders += _planned(DEFAULT_RULE, table.default)
        reasons.append(Reason("no rule matched, so the default row answers", DEFAULT_RULE, fired=True))
    return Outcome(tuple(work_orders), tuple(reasons), facts)


def _judged(rule: Rule, facts: Mapping[str, str]) -> Reason:
    misses = [cell.miss(c, facts[c]) for c, cell in rule.when.items() if not cell.matches(facts[c])]
    if misses:
        return Reason(f'rule "{rule.id}" {"; ".join(misses)}', rule.id)
    asked = " and ".join(f"{column} {cell}" for column, cell in rule.when.items()) or "it has no conditions"
    return Reason(f'rule "{rule.id}" matches: {asked}', rule.id, fired=True)


def _passed_over(rule: Rule, winner: str) -> Reason:
    return Reason(f'rule "{rule.id}" is not asked, because "{winner}" matched first', rule.id)


def _planned(rule: str, creations: tuple[Creation, ...]) -> list[PlannedWorkOrder]:
    return [PlannedWorkOrder(rule, n, c.template, values=c.values) for n, c in enumerate(creations, start=1)]
