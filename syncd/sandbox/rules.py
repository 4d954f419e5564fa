"""Business rules: what runs before and after a record is written, by table, inherited along the hierarchy.

The rules of Order Management and Field Service are registered here by their modules; `instance` runs them around every
write. A rule that runs before may change the new values or abort; one that runs after may write other records.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncd.sandbox.errors import ApiError, aborted

if TYPE_CHECKING:
    from syncd.sandbox.instance import Instance
    from syncd.sandbox.records import Row

INSERT, UPDATE, DELETE = "insert", "update", "delete"
BEFORE, AFTER = "before", "after"


@dataclass(slots=True)
class Change:
    """One write under way. `values` are the new values of the whole record, `old` what it had, `notes` journal input."""

    instance: Instance
    table: str
    operation: str
    row: Row
    values: dict[str, str]
    old: dict[str, str]
    user: str
    notes: dict[str, str] = field(default_factory=dict)
    given: frozenset[str] = frozenset()
    """The fields that the caller sent and that were understood."""

    def new(self, name: str) -> str:
        return self.values.get(name, "")

    def was(self, name: str) -> str:
        return self.old.get(name, "")

    def changed(self, *names: str) -> bool:
        return any(self.new(name) != self.was(name) for name in names)

    def abort(self, rule: str) -> ApiError:
        """The error to raise in order to refuse this write in the name of a rule."""
        return aborted(self.table, rule, hashlib.md5(rule.encode(), usedforsecurity=False).hexdigest())


Action = Callable[[Change], None]


@dataclass(frozen=True, slots=True)
class Rule:
    """One business rule."""

    name: str
    table: str
    when: str
    operations: tuple[str, ...]
    action: Action


class RuleBook:
    """The rules of one instance, in order of registration within a table, parents first."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []

    def add(self, name: str, table: str, when: str, operations: tuple[str, ...], action: Action) -> None:
        self._rules.append(Rule(name, table, when, operations, action))

    def run(self, when: str, change: Change) -> None:
        chain = change.instance.dictionary.chain(change.table)
        for rule in self._rules:
            if rule.when == when and change.operation in rule.operations and rule.table in chain:
                rule.action(change)
