"""Reads the conditions of a decision table: the `when` of a rule.

Called by `table_file`. A condition that cannot be read is a problem, never an empty cell: a cell that is skipped
silently makes its rule match too much.

    when = { action = "add", specification = ["Fiber", "Copper"], "order.priority" = { lte = 2 } }
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any

from mappings.decision_table import NUMERIC, Cell, Operator, number
from mappings.toml_places import Path, did_you_mean
from mappings.toml_shapes import Findings, plain, shown

_OPERATORS = tuple(str(operator) for operator in Operator)
_SEVERAL = (Operator.ONE_OF, Operator.BETWEEN)
_PARTS = (Operator.CONTAINS, Operator.STARTS_WITH, Operator.ENDS_WITH)


def read_cells(value: Any, path: Path, columns: AbstractSet[str], findings: Findings) -> dict[str, Cell]:
    """The cells by column; `columns` are those that facts have."""
    if not isinstance(value, dict):
        findings.add(path, f'when must be a table such as {{ action = "add" }}, not {shown(value)}')
        return {}
    cells = {}
    for column, condition in value.items():
        here = (*path, column)
        if column not in columns:
            findings.add(here, _unknown(column, condition, columns))
        elif (cell := _cell(condition, here, findings)) is not None:
            cells[column] = cell
    return cells


def _unknown(column: str, condition: Any, columns: AbstractSet[str]) -> str:
    if isinstance(condition, dict):
        for name in condition:
            if f"{column}.{name}" in columns:
                return f'a column with a dot is written in quotes: "{column}.{name}" = ...'
    return f'unknown column "{column}"{did_you_mean(column, columns)}'


def _cell(condition: Any, path: Path, findings: Findings) -> Cell | None:
    """A bare value means "is", a list "one_of", a table names its operator."""
    if isinstance(condition, list):
        return _compared(Operator.ONE_OF, condition, path, findings)
    if not isinstance(condition, dict):
        return _compared(Operator.IS, condition, path, findings)
    if len(condition) != 1:
        findings.add(path, f"a condition has one operator, such as {{ lte = 2 }}, not {len(condition)}")
        return None
    name, operand = next(iter(condition.items()))
    if name not in _OPERATORS:
        hint = did_you_mean(name, _OPERATORS) or f"; write one of {', '.join(_OPERATORS)}"
        findings.add((*path, name), f'unknown operator "{name}"{hint}')
        return None
    return _compared(Operator(name), operand, (*path, name), findings)


def _compared(operator: Operator, operand: Any, path: Path, findings: Findings) -> Cell | None:
    if operator in (Operator.IS_EMPTY, Operator.IS_NOT_EMPTY):
        if operand is not True:
            findings.add(path, f"write {operator} = true, not {shown(operand)}")
        return Cell(operator)
    if operator in _SEVERAL and not isinstance(operand, list):
        findings.add(path, f"{operator} must be a list in [ ], not {shown(operand)}")
        return None
    given = operand if operator in _SEVERAL else [operand]
    operands = [plain(value) for value in given]
    for n, text in enumerate(operands):
        if text is None:
            at = (*path, n) if operator in _SEVERAL else path
            findings.add(at, f"a condition compares with a text or a number, not {shown(given[n])}")
    cell = Cell(operator, tuple(text for text in operands if text is not None))
    if len(cell.operands) == len(given) and (problem := _mistake(cell)):
        findings.add(path, problem)
    return cell


def _mistake(cell: Cell) -> str:
    """What makes a cell useless although its parts can be read, "" if nothing does."""
    if cell.operator is Operator.ONE_OF and not cell.operands:
        return 'one_of needs at least one value, such as ["add", "change"]'
    if cell.operator in _PARTS and cell.operands == ("",):
        return f'{cell.operator} = "" matches everything; leave the column out'
    if cell.operator in NUMERIC:
        return _number_mistake(cell)
    return ""


def _number_mistake(cell: Cell) -> str:
    between = cell.operator is Operator.BETWEEN
    numbers = [n for n in map(number, cell.operands) if n is not None]
    if len(numbers) < len(cell.operands) or (between and len(numbers) != 2):
        example = "[1, 3], two numbers" if between else "2, a number"
        return f"write {cell.operator} = {example}, not {', '.join(map(shown, cell.operands)) or 'nothing'}"
    if between and numbers[0] > numbers[1]:
        return f"nothing is between {cell.operands[0]} and {cell.operands[1]}; write the smaller number first"
    return ""
