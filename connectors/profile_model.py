"""A profile: how one product names its tables, columns, states and references, and how its clock and commits behave.

Loaded from TOML by `profile`, read by the adapters, and by the config check, which proves offline that decision
tables name fields that exist. Knows nothing of HTTP; no table or column name stands anywhere else in the code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType

from mappings.model import PARENT_FIELDS, TRAIT_KINDS, Kind, System

APIS = frozenset({"servicenow"})
"""What `api` in a profile may be; `registry` has a class for each."""

CREATES = ("own_id", "correlation")

JOURNAL_KINDS: Mapping[System, tuple[Kind, ...]] = MappingProxyType(
    {
        System.ORDER_MANAGEMENT: (
            Kind.CUSTOMER_ORDER,
            Kind.ORDER_LINE,
            Kind.DOMAIN_ORDER,
            Kind.ORDER_TASK,
        ),
        System.FIELD_SERVICE: (Kind.WORK_ORDER,),
    }
)
"""Kinds whose typed notes may be read. Not work order tasks: instances copy their notes to the work order, and each would
come twice."""

HISTORY_KINDS: Mapping[System, tuple[Kind, ...]] = MappingProxyType(
    {System.ORDER_MANAGEMENT: (), System.FIELD_SERVICE: (Kind.WORK_ORDER, Kind.WORK_TASK)}
)
"""Kinds whose history may be read: those whose every state is noted."""

ATTRIBUTES = frozenset({"id", "number", "state", "state_label"})
"""What every record has beside its logical fields."""

REQUIRED_FIELDS: Mapping[Kind, frozenset[str]] = MappingProxyType(
    {
        kind: frozenset({"order_line"} if kind in TRAIT_KINDS else parents)
        | ({"correlation_id"} if kind is Kind.WORK_ORDER else frozenset())
        for kind, parents in PARENT_FIELDS.items()
    }
)
"""Fields that syncd itself reads. What decision tables and field maps read is checked against the profile there."""


@dataclass(frozen=True, slots=True)
class KindProfile:
    """One kind of record. `fields` maps logical names to columns, which may be dot-walked ("location.name").

    Rows that only describe another record have neither number nor state: "".

    `states` maps canonical states to the labels that mean them; `state_values` stored choices to canonical states,
    where a label cannot tell. `where` narrows the feed: column to the stored values that count.
    """

    kind: Kind
    table: str
    number: str
    state: str
    fields: Mapping[str, str]
    states: Mapping[str, tuple[str, ...]]
    state_values: Mapping[str, str]
    where: Mapping[str, tuple[str, ...]]

    def column(self, name: str) -> str | None:
        """The column of a logical field, of "number" or of "state"; None when the profile has none."""
        if name == "number":
            return self.number
        return self.state if name == "state" else self.fields.get(name)

    def columns(self) -> tuple[str, ...]:
        """Every column that the profile names for this kind, each once, sorted."""
        return tuple(sorted({self.number, self.state, *self.fields.values(), *self.where} - {""}))


@dataclass(frozen=True, slots=True)
class ReferenceProfile:
    """A table that records are looked up in: `match` maps a property ("name", "number") to its column."""

    table: str
    match: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RelationProfile:
    """A table whose rows relate two records. `type` is "" where rows have none; `type_table` "" where types are texts."""

    table: str
    parent: str
    child: str
    type: str = ""
    type_table: str = ""
    type_name: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """One system as one product presents it.

    `granule` is the resolution of its stamps, `overlap` its longest transaction, `settle` its longest execution plus
    index lag, `search_lag` how late a search may see a committed row.
    """

    name: str
    api: str
    system: System
    kinds: Mapping[Kind, KindProfile]
    references: Mapping[str, ReferenceProfile]
    note_field: str
    granule: timedelta
    overlap: timedelta
    settle: timedelta
    search_lag: timedelta
    journal: Mapping[Kind, tuple[str, ...]] = field(default_factory=dict)
    """Kinds whose typed notes can be read, each with the names under which the journal keeps them: tables and child tables."""
    relation: RelationProfile | None = None
    """Where work orders are related to their domain orders."""
    history: frozenset[Kind] = frozenset()
    """Kinds whose records have a readable history."""
    creates: str = "own_id"
    """How a create is recognised: by an id that we choose, or, where the server chooses ids, by its correlation."""

    def logical_fields(self, kind: Kind) -> frozenset[str]:
        """What a decision table or a field map may name of a record of this kind."""
        spec = self.kinds.get(kind)
        return ATTRIBUTES | frozenset(spec.fields) if spec else frozenset()

    def states(self, kind: Kind) -> frozenset[str]:
        """The canonical states of this kind."""
        spec = self.kinds.get(kind)
        return frozenset(spec.states) | frozenset(spec.state_values.values()) if spec else frozenset()
