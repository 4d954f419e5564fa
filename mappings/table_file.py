"""Reads a decision table from its TOML text, and names every problem in it at once.

Called by the config loader and by `syncd check`. A table with one problem is no table. Reads no files itself.

    [table]
    name = "Work orders for domain orders"
    applies_to = "domain_order"                     # or "order_task"
    hit_policy = "first"                            # or "all"

    [[rule]]
    id = "install-fiber"
    when = { specification = "Fiber Access", action = ["add", "change"] }
    create = [ { template = "Fiber Installation", values = { priority = "2" } } ]

    [default]
    create = [ { template = "Site Check" } ]
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mappings.decision_table import DEFAULT_RULE, Cell, Creation, DecisionTable, HitPolicy, Rule
from mappings.field_map import placeholders
from mappings.keys import RULE_ID
from mappings.model import SUBJECT_KINDS, Kind
from mappings.table_conditions import read_cells
from mappings.toml_places import Path, Problem, did_you_mean, places, syntax_problem
from mappings.toml_shapes import Findings, plain, shown

RECORD_COLUMNS = frozenset(
    f"{record}{name}"
    for record in ("", "order.", "line.", "domain_order.", "parent.")
    for name in ("id", "number", "state", "state_label")
)
"""Columns that every record has, whatever the profile maps."""

NEVER_SET = frozenset({"template", "correlation_id"})
"""Fields of a work order that no rule sets by value: the first has a key of its own, the second is ours."""


def parse_table(
    text: str, file: str, known_columns: Mapping[Kind, frozenset[str]], known_fields: frozenset[str]
) -> tuple[DecisionTable | None, tuple[Problem, ...]]:
    """The table, or None and every problem, sorted by place.

    `known_columns` are the condition columns that facts of that kind have ("action", "order.priority");
    `known_fields` the work-order fields that a rule may set.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return None, (syntax_problem(file, error, text),)
    findings = Findings(file, places(text))
    table = _Reader(findings, known_columns, known_fields).table(document)
    return (None if findings.problems else table), tuple(sorted(findings.problems))


def content_hash(table: DecisionTable) -> str:
    """Twelve hex digits over what the table says: comments and the order of keys do not count, that of rules does."""

    def creations(them: tuple[Creation, ...]) -> list[Any]:
        return [[creation.template, dict(creation.values)] for creation in them]

    def cells(them: Mapping[str, Cell]) -> dict[str, Any]:
        return {column: [cell.operator, *cell.operands] for column, cell in them.items()}

    rules = [[rule.id, rule.was, cells(rule.when), creations(rule.create)] for rule in table.rules]
    content = [table.name, table.applies_to, table.hit_policy, rules, creations(table.default)]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


class _Reader:
    """Turns the parsed document into a table."""

    def __init__(
        self,
        findings: Findings,
        known_columns: Mapping[Kind, frozenset[str]],
        known_fields: frozenset[str],
    ) -> None:
        self.findings = findings
        self.known_columns = known_columns
        self.known_fields = known_fields - NEVER_SET
        self.columns: frozenset[str] = frozenset()
        self.taken: dict[str, Path] = {}
        """The rule ids so far, with their places."""

    def table(self, document: dict[str, Any]) -> DecisionTable:
        self.findings.table(document, (), ("table", "rule", "default"), "the file")
        at: Path = ("table",)
        keys = ("name", "applies_to", "hit_policy")
        head = self.findings.table(document.get("table", {}), at, keys, "[table]") or {}
        name = self.findings.text(head, at, "name", '"Work orders for domain orders"')
        kinds = tuple(str(kind) for kind in SUBJECT_KINDS)
        kind = Kind(self.findings.choice(head.get("applies_to"), (*at, "applies_to"), kinds))
        policies = ("first", "all")
        chosen = self.findings.choice(head.get("hit_policy", "first"), (*at, "hit_policy"), policies)
        policy: HitPolicy = "all" if chosen == "all" else "first"
        self.columns = self.known_columns.get(kind, frozenset()) | RECORD_COLUMNS
        rules = self._rules(document.get("rule", []))
        default = self._default(document["default"]) if "default" in document else ()
        columns = tuple(sorted({column for rule in rules for column in rule.when}))
        table = DecisionTable(name, kind, policy, rules, default, columns)
        return replace(table, hash=content_hash(table))

    def _rules(self, value: Any) -> tuple[Rule, ...]:
        rows = self.findings.listed(value, ("rule",), "rule")
        rules = tuple(self._rule(row, ("rule", n)) for n, row in enumerate(rows))
        for n, rule in enumerate(rules):
            for old in rule.was:
                self._claim(old, ("rule", n, "was"))
        return rules

    def _rule(self, value: Any, path: Path) -> Rule:
        row = self.findings.table(value, path, ("id", "was", "when", "create"), "[[rule]]")
        if row is None:
            return Rule("", {}, ())
        id = self._rule_id(self.findings.text(row, path, "id", '"install-fiber"'), (*path, "id"))
        self._claim(id, (*path, "id"))
        old_ids = self.findings.listed(row.get("was", []), (*path, "was"), "was")
        was = tuple(self._rule_id(old, (*path, "was", n)) for n, old in enumerate(old_ids))
        cells = read_cells(row.get("when", {}), (*path, "when"), self.columns, self.findings)
        return Rule(id, cells, self._creations(row, path), was)

    def _rule_id(self, value: Any, path: Path) -> str:
        """A usable rule id, else "" (the text check has spoken where it is empty)."""
        if value == DEFAULT_RULE:
            self.findings.add(path, f'the rule id "{value}" belongs to the [default] row; choose another')
        elif isinstance(value, str) and RULE_ID.match(value):
            return value
        elif value != "" or path[-1] != "id":
            self.findings.add(path, f"a rule id is 1 to 32 of a-z, 0-9, - and _, not {shown(value)}")
        return ""

    def _claim(self, id: str, path: Path) -> None:
        """One id, one rule: work orders are told apart by it."""
        if id in self.taken:
            line = self.findings.line(self.taken[id])
            self.findings.add(path, f'the rule id "{id}" is taken in line {line}; choose another')
        elif id:
            self.taken[id] = path

    def _default(self, value: Any) -> tuple[Creation, ...]:
        row = self.findings.table(value, ("default",), ("create",), "[default]")
        return () if row is None else self._creations(row, ("default",))

    def _creations(self, row: Mapping[str, Any], path: Path) -> tuple[Creation, ...]:
        example = 'create = [ { template = "Fiber Installation" } ]'
        if "create" not in row:
            self.findings.add(path, f"create is missing; write {example}")
            return ()
        here = (*path, "create")
        listed = self.findings.listed(row["create"], here, "create")
        if row["create"] == []:
            self.findings.add(here, f"create is empty; write {example}, or remove the row")
        return tuple(self._creation(value, (*here, n)) for n, value in enumerate(listed))

    def _creation(self, value: Any, path: Path) -> Creation:
        row = self.findings.table(value, path, ("template", "values"), "create")
        if row is None:
            return Creation("")
        template = self.findings.text(row, path, "template", '"Fiber Installation"')
        values = (
            self.findings.table(row.get("values", {}), (*path, "values"), self.known_fields, "values") or {}
        )
        return Creation(template, {f: self._value(v, (*path, "values", f)) for f, v in values.items()})

    def _value(self, value: Any, path: Path) -> str:
        text = plain(value)
        if text is None:
            self.findings.add(path, f"{path[-1]} must be a text or a number, not {shown(value)}")
            return ""
        for column in placeholders(text):
            if column not in self.columns:
                hint = did_you_mean(column, self.columns)
                self.findings.add(path, f'unknown column "{column}" in a placeholder{hint}')
        return text
