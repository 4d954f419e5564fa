"""One small order to decide about: builders of its records, its facts, its changes and a policy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mappings.changes import Change, What
from mappings.decision_table import Cell, Creation, DecisionTable, Operator, Rule
from mappings.decisions import Policy
from mappings.effects import EffectKind
from mappings.field_map import FieldMap, FieldRule
from mappings.keys import Correlation
from mappings.model import (
    EffectStatus,
    Facts,
    Kind,
    KnownEffect,
    Link,
    Origin,
    Plan,
    PlannedWorkOrder,
    Record,
)

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
OM_ID = "om-test"


@dataclass(frozen=True)
class Make:
    """Builders. Everything has a default that makes it an approved order in progress."""

    def record(
        self, kind: Kind, id: str, state: str = "in_progress", version: int = 1, **fields: str
    ) -> Record:
        return Record(
            kind,
            id,
            number=id.upper(),
            version=version,
            created_at=NOON,
            updated_at=NOON + timedelta(seconds=version),
            state=state,
            state_label=state.replace("_", " ").capitalize(),
            fields=fields,
        )

    def order(self, state: str = "in_progress", **fields: Any) -> Record:
        return self.record(Kind.CUSTOMER_ORDER, "ord1", state, **{"priority": "3", **fields})

    def line(self, state: str = "in_progress", **fields: Any) -> Record:
        return self.record(Kind.ORDER_LINE, "ordl1", state, **{"order": "ord1", **fields})

    def domain_order(self, state: str = "in_progress", **fields: Any) -> Record:
        given = {"order_line": "ordl1", "order": "ord1", "specification": "Fiber Access", "action": "add"}
        return self.record(Kind.DOMAIN_ORDER, "do1", state, **{**given, "location": "Berlin", **fields})

    def order_task(self, state: str = "open", **fields: Any) -> Record:
        given = {"domain_order": "do1", "request_type": "site_survey"}
        return self.record(Kind.ORDER_TASK, "task1", state, **{**given, **fields})

    def work_order(self, id: str = "wo1", state: str = "assigned", **fields: Any) -> Record:
        return self.record(Kind.WORK_ORDER, id, state, **fields)

    def facts(self, subject: Record | None = None, **given: Any) -> Facts:
        subject = subject or self.domain_order()
        parent = self.domain_order() if subject.kind is Kind.ORDER_TASK else None
        return Facts(subject, **{"line": self.line(), "order": self.order(), "parent": parent, **given})

    def planned(
        self, rule: str = "fiber", slot: int = 1, template: str = "Fiber Installation", **values: str
    ):
        return PlannedWorkOrder(rule, slot, template, values=values)

    def plan(self, *planned: PlannedWorkOrder, **columns: str) -> Plan:
        return Plan("do1", "table", "hash", planned or (self.planned(),), columns)

    def link(self, work_order: str = "wo1", rule: str = "fiber", slot: int = 1, **given: Any) -> Link:
        return Link("do1", work_order, Origin.CREATED, rule, slot, 1, **given)

    def adopted(self, work_order: str = "hand1", **given: Any) -> Link:
        return Link("do1", work_order, Origin.ADOPTED, **given)

    def in_play(self, **given: Any) -> Facts:
        """The usual middle of the story: decided, with one open work order."""
        found = {"plan": self.plan(), "links": (self.link(),), "work_orders": (self.work_order(),), **given}
        return self.facts(found.pop("subject", None), **found)

    def known(
        self, key: str, kind: EffectKind, status: EffectStatus = EffectStatus.PENDING, target: str = "wo1"
    ) -> KnownEffect:
        return KnownEffect(key, kind.value, status, target)

    def known_create(self, status: EffectStatus, slot: int = 1) -> KnownEffect:
        ours = Correlation("do1", "fiber", slot, 1)
        return self.known(ours.key, EffectKind.CREATE_WORK_ORDER, status, ours.own_id(OM_ID))

    def change(self, what: What, record: Record, before: Record | None = None) -> Change:
        return Change(what, record, before)

    def table(self, *rules: Rule, **given: Any) -> DecisionTable:
        rules = rules or (self.rule(),)
        columns = tuple(sorted({column for rule in rules for column in rule.when}))
        return DecisionTable(
            **{
                "name": "table",
                "applies_to": Kind.DOMAIN_ORDER,
                "hit_policy": "first",
                "rules": rules,
                "columns": columns,
                "hash": "hash",
                **given,
            }
        )

    def rule(self, id: str = "fiber", was: tuple[str, ...] = (), slots: int = 1, **when: str) -> Rule:
        cells = {column.replace("__", "."): Cell(Operator.IS, (value,)) for column, value in when.items()}
        templates = ("Fiber Installation", "Fiber Test", "Fiber Removal")
        return Rule(id, cells, tuple(Creation(template) for template in templates[:slots]), was)

    def policy(self, **given: Any) -> Policy:
        field_map = FieldMap(
            (
                FieldRule("priority", source="order.priority"),
                FieldRule("location", source="location", reference="location", match="name"),
                FieldRule("description", text="{specification} for {order.number}"),
                FieldRule("remark", source="remark"),
            )
        )
        return Policy(**{"om_id": OM_ID, "tables": (self.table(),), "field_map": field_map, **given})

    def later(self, record: Record, state: str = "", **fields: str) -> Record:
        """The next version of a record."""
        state = state or record.state
        return replace(
            record,
            version=record.version + 1,
            updated_at=record.updated_at + timedelta(seconds=1),
            state=state,
            state_label=state.replace("_", " ").capitalize(),
            fields={**record.fields, **fields},
        )


@pytest.fixture(scope="session")
def make() -> Make:
    return Make()
