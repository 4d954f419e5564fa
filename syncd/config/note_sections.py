"""The sections of a config file about notes, and about what else people see of work orders on their domain orders."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, StrictBool

from mappings.model import System
from syncd.config.systems import Name, Section, Whole
from syncd.config.values import Duration, between


class NotesSection(Section):
    """Work notes that syncd writes to domain orders and order tasks."""

    mirror_from: tuple[System, ...] = Field(
        default=(),
        description="whose typed notes reach the other system: order_management (notes on domain orders and order tasks reach"
        " their work orders), field_service (notes on work orders reach their domain orders)",
        examples=[["order_management"]],
    )
    wait: Annotated[Duration, between("0s", "3650d")] = Field(
        default=timedelta(days=30),
        description="how long a typed note waits for the work order, or the domain order, that is to show it; 0s: not at all",
    )
    ignore_authors: tuple[Name, ...] = Field(
        default=(),
        description="users whose notes are never mirrored, such as those of other integrations; our own never are",
        examples=[["other.integration"]],
    )
    work_order_fields: tuple[Name, ...] = Field(
        default=(),
        description="fields of a work order whose changes are noted on its domain order, beside those of its state",
        examples=[["assigned_to_name", "expected_start", "estimated_end"]],
    )
    task_fields: tuple[Name, ...] = Field(
        default=(),
        description='fields of work order tasks whose changes are noted; "state" is one of them',
        examples=[["state", "sub_state", "assigned_to_name", "window_start", "window_end"]],
    )
    labels: Mapping[str, Name] = Field(
        default_factory=dict,
        description="what people call these fields",
        examples=[{"assigned_to_name": "technician"}],
    )
    history: StrictBool = Field(
        default=False,
        description="every state in between is noted where a work order changed several times between two polls; needs"
        " the history of field service (on ServiceNow the right to read sys_audit). false: one note for all of them",
    )
    history_limit: Whole = Field(
        default=20,
        ge=1,
        le=1000,
        description="more changes than this of one work order, or of one of its tasks, between two polls make one note",
    )
    limit: Whole = Field(
        default=4000, ge=500, le=60_000, description="characters of one note, marker included"
    )
    on_hold: Literal["domain_order", "work_order", "off"] = Field(
        default="domain_order",
        description='where one note says that an order is held, and nothing changes meanwhile: "domain_order", "work_order" or "off"',
    )


class DetailsSection(Section):
    """The work orders of a domain order, shown on it: in a field that stays current, or as rows of a relation table.

    An administrator adds a string field, names it in the profile, and shows it where people look. What people write into it
    is replaced. Without either the notes are all there is.
    """

    field: str = Field(
        default="",
        max_length=200,
        description='logical field of the domain order; "" for none',
        examples=["work_orders"],
    )
    task_field: str = Field(
        default="",
        max_length=200,
        description='logical field of the order task; "" for none',
        examples=["work_orders"],
    )
    limit: Whole = Field(default=1000, ge=40, le=60_000, description="characters that the field holds")
    relations: StrictBool = Field(
        default=False,
        description="each work order becomes a row of the relation table that the profile names ([relation]; on ServiceNow"
        " task_rel_task); both systems must be one instance",
    )
    relation_type: str = Field(
        default="Contains::Task of",
        max_length=200,
        description='the type of these rows, by its name; "" for none',
    )
