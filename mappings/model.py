"""The nouns that every package shares: records of the two systems, links, plans, and the facts of one decision.

Connectors build records at their edge, the state keeps them, rules read them. Nothing here knows a table name, a stored
choice value or a database column; `state` and field names are logical names from a profile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

UNKNOWN_STATE = "unknown"
"""The state of a record whose stored choice no profile resolves. Every rule treats it as open."""

_EMPTY: Mapping[str, str] = MappingProxyType({})
"""Given by a factory, because a mappingproxy counts as mutable before Python 3.12."""


class System(StrEnum):
    """The two sides. The values are the section names of the config."""

    ORDER_MANAGEMENT = "order_management"
    FIELD_SERVICE = "field_service"


class Kind(StrEnum):
    """What a record is; one feed per kind. The values are the feed names."""

    CUSTOMER_ORDER = "customer_order"
    ORDER_LINE = "order_line"
    DOMAIN_ORDER = "domain_order"
    ORDER_TASK = "order_task"
    CHARACTERISTIC = "characteristic"
    LINE_CONTACT = "line_contact"
    RELATED_ITEM = "related_item"
    WORK_ORDER = "work_order"
    WORK_TASK = "work_task"

    @property
    def system(self) -> System:
        """The side whose feed carries records of this kind."""
        if self in (Kind.WORK_ORDER, Kind.WORK_TASK):
            return System.FIELD_SERVICE
        return System.ORDER_MANAGEMENT


SUBJECT_KINDS = (Kind.DOMAIN_ORDER, Kind.ORDER_TASK)
"""What is decided on. An order task is treated like a domain order throughout ("subject" means either)."""

TRAIT_KINDS = (Kind.CHARACTERISTIC, Kind.LINE_CONTACT, Kind.RELATED_ITEM)
"""Rows of their own that describe a line or a domain order, with a feed where the profile has their table. Facts show them as
columns: "characteristic.<name>" where rows have a `name` and a `value`, else "line_contact.<field>"."""

_OWNERS: Mapping[str, Kind] = MappingProxyType(
    {"order_line": Kind.ORDER_LINE, "domain_order": Kind.DOMAIN_ORDER}
)

PARENT_FIELDS: Mapping[Kind, Mapping[str, Kind]] = MappingProxyType(
    {
        Kind.CUSTOMER_ORDER: MappingProxyType({}),
        Kind.ORDER_LINE: MappingProxyType({"order": Kind.CUSTOMER_ORDER}),
        Kind.DOMAIN_ORDER: MappingProxyType(
            {"order_line": Kind.ORDER_LINE, "order": Kind.CUSTOMER_ORDER, "parent": Kind.DOMAIN_ORDER}
        ),
        Kind.ORDER_TASK: MappingProxyType({"domain_order": Kind.DOMAIN_ORDER}),
        Kind.CHARACTERISTIC: _OWNERS,
        Kind.LINE_CONTACT: _OWNERS,
        Kind.RELATED_ITEM: _OWNERS,
        Kind.WORK_ORDER: MappingProxyType({}),
        Kind.WORK_TASK: MappingProxyType({"work_order": Kind.WORK_ORDER}),
    }
)
"""Logical fields that hold the id of a record above this one. Profiles must map them; the state indexes them."""


@dataclass(frozen=True, slots=True)
class Record:
    """One remote record as last read. Equal content means nothing to decide.

    `version` is the server's modification count, `updated_at` its own stamp (UTC, granularity of the server).
    `state` is canonical ("work_in_progress"), `state_label` what people of that instance read ("Work in Progress").
    `fields` maps logical names to raw strings: "" for missing, "true"/"false" for booleans, ids for references,
    "YYYY-MM-DD HH:MM:SS" UTC for instants.
    """

    kind: Kind
    id: str
    number: str
    version: int
    created_at: datetime
    updated_at: datetime
    state: str
    state_label: str
    fields: Mapping[str, str] = field(default_factory=lambda: _EMPTY)

    def get(self, name: str) -> str:
        """A logical field, "" where the record has none."""
        return self.fields.get(name, "")

    def is_true(self, name: str) -> bool:
        return self.get(name) == "true"

    def parents(self) -> dict[str, tuple[Kind, str]]:
        """The ids of the records above this one, by logical field name; empty references are left out."""
        return {
            name: (kind, self.fields[name])
            for name, kind in PARENT_FIELDS[self.kind].items()
            if self.fields.get(name)
        }


class Origin(StrEnum):
    """Who made a linked work order: a rule of ours, or a person in FSM (then adopted)."""

    CREATED = "created"
    ADOPTED = "adopted"


@dataclass(frozen=True, slots=True)
class Link:
    """Domain order (or order task) <-> work order, n:m.

    `rule`, `slot` and `generation` are those of the correlation for a created one; "", 0, 0 for an adopted one.
    `noted` says that a note naming this work order stands, or is in the outbox, on the domain order.
    """

    domain_order: str
    work_order: str
    origin: Origin
    rule: str = ""
    slot: int = 0
    generation: int = 0
    noted: bool = False


@dataclass(frozen=True, slots=True)
class PlannedWorkOrder:
    """One work order that the plan prescribes: slot n of a rule, in one generation."""

    rule: str
    slot: int
    template: str
    generation: int = 1
    values: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    """Extra FSM fields that the rule sets, placeholders not yet filled in."""
    void_since: int | None = None
    """The version of the order at which this slot was seen cancelled; None while it is wanted."""
    unmatched: bool = False
    """Its rule does not match any more: nothing is made for it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The stored outcome of the decision tables for one domain order. Pinned: a table edit does not change it.

    `columns` are the condition columns that were read, with the values they had; the domain order is decided again
    only when one of them changes. An empty `work_orders` is a decision too: nothing matched.
    """

    domain_order: str
    table: str
    table_hash: str
    work_orders: tuple[PlannedWorkOrder, ...] = ()
    columns: Mapping[str, str] = field(default_factory=lambda: _EMPTY)


class EffectStatus(StrEnum):
    """Where an effect stands in the outbox. `mappings.effects.MOVES` has the transitions."""

    PENDING = "pending"
    IN_FLIGHT = "in_flight"
    IN_DOUBT = "in_doubt"
    DONE = "done"
    SUPERSEDED = "superseded"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class KnownEffect:
    """What a rule may know of an effect that was decided before."""

    key: str
    kind: str
    status: EffectStatus
    target: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that a decision about one domain order (or order task) may look at.

    `line` and `order` are those of the domain order, for an order task those of its domain order, which then is
    `parent`. `work_orders` are the last seen snapshots of the linked ones. `effects` are those of this subject that
    are not done or superseded. `historic` means created before the baseline and not decided by a backfill
    since: known, noted, but never given creates.
    `elsewhere` are the linked work orders that other subjects are linked to as well: for each of those, it and the records
    that it stands with.
    `vanished` are the linked work orders that are gone from FSM, `waived` the slots (rule and number) of the plan that a
    person decided to do without. `other_lines` are the further lines of the order, `traits`
    the rows that describe the domain order or its line.
    """

    subject: Record
    line: Record | None = None
    order: Record | None = None
    other_lines: tuple[Record, ...] = ()
    traits: tuple[Record, ...] = ()
    parent: Record | None = None
    plan: Plan | None = None
    links: tuple[Link, ...] = ()
    work_orders: tuple[Record, ...] = ()
    effects: tuple[KnownEffect, ...] = ()
    historic: bool = False
    catching_up: bool = False
    """The state may be older than the world: what it does not remember may have been done."""
    elsewhere: Mapping[str, tuple[tuple[Record, ...], ...]] = field(default_factory=dict)
    vanished: frozenset[str] = frozenset()
    waived: frozenset[tuple[str, int]] = frozenset()
    unresolved: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """What fields (work order, field) of the linked ones should point at and field service did not know."""

    def value(self, column: str) -> str:
        """A fact by its column name: a field of the subject, or "line.x", "order.x", "domain_order.x", "parent.x".

        `number`, `state`, `id` name the record's own attributes. "domain_order.x" is the subject itself for a domain
        order and the parent for an order task, so that one field map serves both. A record that is not there reads "".
        """
        head, dot, rest = column.partition(".")
        if dot and head in TRAIT_KINDS:
            return self._trait(head, rest)
        record = self._record(head) if dot else self.subject
        if record is None:
            return ""
        return record_value(record, rest if dot else column)

    def _trait(self, kind: str, name: str) -> str:
        """What rows say of a domain order, else of its line; several values of one name are joined."""
        rows = [row for row in self.traits if row.kind == kind]
        for own in (True, False):
            here = [row for row in rows if bool(row.get("domain_order")) is own]
            here = [row for row in here if row.get("name") in ("", name)]
            values = [row.get("value" if row.get("name") else name) for row in here]
            found = ", ".join(dict.fromkeys(value for value in values if value))
            if found:
                return found
        return ""

    def _record(self, head: str) -> Record | None:
        if head == "domain_order" and self.subject.kind is Kind.DOMAIN_ORDER:
            return self.subject
        return {
            "line": self.line,
            "order": self.order,
            "parent": self.parent,
            "domain_order": self.parent,
        }.get(head)

    def work_order(self, id: str) -> Record | None:
        return next((w for w in self.work_orders if w.id == id), None)


def record_value(record: Record, name: str) -> str:
    """An attribute or a logical field of a record, by name."""
    if name == "id":
        return record.id
    if name == "number":
        return record.number
    if name == "state":
        return record.state
    if name == "state_label":
        return record.state_label
    return record.get(name)
