"""What the config says about deciding, as one value.

Built by `syncd.wiring` from the config, passed to every deciding function. Holds no secrets and nothing about the
network: two daemons with equal policies decide equally.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from mappings.changes import Lifecycle, default_lifecycles
from mappings.closure import ClosureSettings
from mappings.decision_table import DecisionTable
from mappings.field_map import FieldMap
from mappings.links import LinkSettings
from mappings.model import Kind, System
from mappings.ponr import Mode, Scope

UNAPPROVED = frozenset(
    {"draft", "new", "submitted", "enrichment_in_progress", "enrichment_on_hold", "rejected"}
)
"""States of a customer order in which nobody has approved it."""

LEAST_NOTE = 500
"""Characters that a note needs at least: the longest marker, and room to say something."""


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """Which fields of a work order task follow which columns of the order, on the first open task or on each."""

    fields: Mapping[str, str] = field(default_factory=dict)
    tasks: Literal["first", "each"] = "first"


@dataclass(frozen=True, slots=True)
class Policy:
    """`om_id` is the immutable id of the OM instance; it goes into every id that we choose."""

    om_id: str
    tables: tuple[DecisionTable, ...] = ()
    """Several of one kind are all asked; `table_proof.clashes` says which may not stand together."""
    lifecycles: Mapping[Kind, Lifecycle] = field(default_factory=default_lifecycles)
    unapproved_order_states: frozenset[str] = UNAPPROVED
    field_map: FieldMap = field(default_factory=FieldMap)
    links: LinkSettings = field(default_factory=LinkSettings)
    ponr_mode: Mode = Mode.STRICT
    ponr_scope: Scope = Scope.ORDER
    after_ponr_cancel: Literal["flag", "send"] = "flag"
    unmatched: Literal["flag", "cancel"] = "flag"
    """What becomes of a work order whose rule matches no more."""
    hold_note: Literal["domain_order", "work_order", "off"] = "domain_order"
    """Where a hold is noted."""
    adopted: Literal["note", "manage"] = "note"
    shared_instance: bool = False
    """OM and FSM are one instance: `initiated_from` can point at the domain order."""
    closure: ClosureSettings = field(default_factory=ClosureSettings)
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    note_limit: int = 4000
    """Characters of one note, its marker among them."""
    mirror_from: frozenset[System] = frozenset()
    """Systems whose typed notes reach the other one."""
    not_mirrored: frozenset[str] = frozenset()
    """Authors whose notes are never mirrored: our own users, and those of other integrations."""
    mirror_wait: timedelta = timedelta(days=30)
    """How long a typed note waits for who is to read it."""
    status_note_fields: tuple[str, ...] = ()
    """Fields of a work order whose changes are noted like those of its state."""
    task_note_fields: tuple[str, ...] = ()
    """Fields of a work order task whose changes are noted; "state" is one of them."""
    note_labels: Mapping[str, str] = field(default_factory=dict)
    """What people call a field in a status note."""
    history_limit: int = 0
    """How many notes the versions between two looks at one record may make; one note tells more. 0: they are not read."""
    details_fields: Mapping[Kind, str] = field(default_factory=dict)
    """The field of a domain order or order task that shows its work orders."""
    details_limit: int = 1000
    """Characters of that field."""
    relation_type: str | None = None
    """How the rows of the relation table that link work orders to their subjects are typed, "" for no type; None: there are none."""

    def __post_init__(self) -> None:
        if self.note_limit < LEAST_NOTE:
            raise ValueError(f"note_limit must be at least {LEAST_NOTE}")

    @property
    def closure_marker(self) -> tuple[str, str] | None:
        return self.closure.marker

    @property
    def closed_work(self) -> frozenset[str]:
        """The states in which a work order does not hold the closure of its domain order."""
        return self.closure.closed_states(self.lifecycles)

    def has_ended(self, work_order_state: str) -> bool:
        """Whether a work order in this canonical state takes no more changes."""
        return work_order_state in self.lifecycles[Kind.WORK_ORDER].ended
