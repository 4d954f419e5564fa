"""Looks for what a decision table says in vain: rules that can never matter, and clashes between tables.

Called by `syncd check` and the config loader. It proves little on purpose (a simple subsumption of cells), but what it
says is true; whether a warning is intended is for a person to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from mappings.decision_table import DEFAULT_RULE, Cell, DecisionTable, Operator, Rule


def prove(table: DecisionTable) -> tuple[str, ...]:
    """Warnings about one table, in the order of its rules."""
    return tuple(_warnings(table))


def clashes(tables: Sequence[DecisionTable]) -> tuple[str, ...]:
    """Rule ids that two tables of one kind share. Those are errors: work orders are told apart by rule id."""
    found = []
    for one, other in combinations(tables, 2):
        if one.applies_to is other.applies_to:
            shared = sorted(_ids(one) & _ids(other))
            found += [
                f'the rule id "{id}" is in "{one.name}" and in "{other.name}"; both are asked for each '
                f"{one.applies_to}, so their ids must differ"
                for id in shared
            ]
    return tuple(found)


def _ids(table: DecisionTable) -> set[str]:
    ids = {id for rule in table.rules for id in (rule.id, *rule.was)}
    return ids | {DEFAULT_RULE} if table.default else ids


def _warnings(table: DecisionTable) -> Iterator[str]:
    for earlier, later in combinations(table.rules, 2):
        if table.hit_policy == "first" and _covers(earlier, later):
            yield f'rule "{later.id}" never fires: rule "{earlier.id}" above it matches whatever it matches'
        elif later.when == earlier.when and later.create == earlier.create:
            yield f'rules "{earlier.id}" and "{later.id}" are the same: each creates its own work orders'
    if not table.default:
        yield "no default row: what no rule matches gets no work order"
    elif any(not rule.when for rule in table.rules):
        yield "the default row never answers: a rule without conditions matches everything"


def _covers(general: Rule, special: Rule) -> bool:
    return all(c in special.when and _implies(special.when[c], cell) for c, cell in general.when.items())


def _implies(special: Cell, general: Cell) -> bool:
    """Whether every value that matches `special` matches `general`. May say no where yes were true."""
    if special == general:
        return True
    if special.operator in (Operator.IS, Operator.ONE_OF):
        return all(general.matches(value) for value in special.operands)
    return special.operator is Operator.IS_EMPTY and general.matches("")
