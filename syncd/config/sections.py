"""The sections of a config file and their keys: types, bounds, defaults, and what each means.

The one source of the schema, of `config.example.toml` and of `docs/configuration.md`. Built only by
`syncd.config.load`; frozen, so that whoever holds one holds it whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import AfterValidator, Field, StrictBool

from mappings.model import Kind
from syncd.config.note_sections import DetailsSection, NotesSection
from syncd.config.systems import FieldServiceSection, Match, Name, Section, SystemSection, Whole
from syncd.config.values import Duration, SecretRef, StateUrl, between, loopback_address


class StateSection(Section):
    """Where syncd remembers. A SQLite file is enough for one daemon; several share a PostgreSQL database."""

    url: StateUrl = Field(
        default="sqlite:///syncd.db",
        description="sqlite:///FILE, relative to this file, or postgresql://USER@HOST/DATABASE",
    )
    password: SecretRef | None = Field(
        default=None, description="of the database user", examples=[{"credential": "database-password"}]
    )

    retention: Annotated[Duration, between("1d", "3650d")] | None = Field(
        default=timedelta(days=90),
        description="how long bodies and history of orders that ended are kept; what they came to stays for ever",
    )

    def connect_url(self) -> str:
        """The URL with the password in it: for the engine only, never for a log."""
        if self.password is None:
            return self.url
        parts = urlsplit(self.url)
        user, _, host = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{user}:{quote(self.password.reveal(), safe='')}@{host}"))


SAMPLE_TABLES: Mapping[Kind, tuple[str, ...]] = {
    Kind.DOMAIN_ORDER: ("domain_orders",),
    Kind.ORDER_TASK: ("order_tasks",),
}
"""The packaged tables that decide where a config names none."""


class TablesSection(Section):
    """Decision tables: packaged samples by name, or paths of your own, relative to this file; asked in this order."""

    domain_order: tuple[Name, ...] = Field(
        default=SAMPLE_TABLES[Kind.DOMAIN_ORDER], description="which work orders a domain order gets"
    )
    order_task: tuple[Name, ...] = Field(
        default=SAMPLE_TABLES[Kind.ORDER_TASK], description="which work orders an order task gets"
    )


class FieldSource(Section):
    """What one field of a work order says: a fact (`from`) or a text with {column} placeholders."""

    from_: Name | None = Field(
        default=None,
        alias="from",
        description='a column: "priority", "order.number", "line.due"',
        examples=["account"],
    )
    text: Name | None = Field(
        default=None, description="a text with {column} placeholders", examples=["{specification} ({number})"]
    )
    reference: Name | None = Field(
        default=None, description="the field points at such a record of field service", examples=["account"]
    )
    match: Match = Field(
        default="same_id",
        description='how that record is found: by a property, or "same_id" where both systems know it by one id',
    )
    map: Mapping[str, str] = Field(
        default_factory=dict,
        description="values of order management to values of field service",
        examples=[{"1": "2"}],
    )
    default: str = Field(default="", description="what stands where there is no value, or none in the map")


class ScheduleSection(Section):
    """Dates of the order on the tasks of its work orders. A date is written when the order's changes, and where an open task
    has none; a task that was begun is left alone."""

    fields: Mapping[str, Name] = Field(
        default_factory=dict,
        description="field of a work order task = column of the order",
        examples=[{"window_start": "line.expected_start", "window_end": "line.expected_end"}],
    )
    tasks: Literal["first", "each"] = Field(
        default="first", description='of each work order: the "first" open task, or "each"'
    )


class LinksSection(Section):
    """How a work order that a person made in field service names its domain order."""

    field: Name = Field(default="initiated_from", description="logical field of the work order")
    match: Literal["id", "number"] = Field(
        default="id",
        description='what the field holds: the domain order\'s "id" or its "number"; several may stand in it',
    )
    merged: str = Field(
        default="",
        max_length=200,
        description='logical field in which a closed work order names the one that does its work now; "" for none',
        examples=["parent"],
    )


class LifecycleSection(Section):
    """What the states of one kind of record mean, where an instance differs from the usual. Canonical names."""

    trigger: tuple[Name, ...] | None = Field(
        default=None, description="work orders are created in these", examples=[["in_progress", "scheduled"]]
    )
    held: tuple[Name, ...] | None = Field(
        default=None, description="nothing is created or changed in these", examples=[["on_hold"]]
    )
    cancelled: tuple[Name, ...] | None = Field(
        default=None, description="cancelled, or about to be", examples=[["canceled"]]
    )
    closed: tuple[Name, ...] | None = Field(
        default=None, description="nothing more happens in these", examples=[["closed_complete", "canceled"]]
    )


class RulesSection(Section):
    """How syncd decides, beside the decision tables."""

    shared_instance: StrictBool = Field(
        default=False, description="both systems are one instance: ids are valid in both"
    )
    adopted: Literal["note", "manage"] = Field(
        default="note",
        description='work orders made by people: "note" writes their status back, "manage" also changes and cancels them',
    )
    ponr: Literal["strict", "om-enforced"] = Field(
        default="strict",
        description='the first change seen with the point of no return: "strict" refuses it, "om-enforced" still sends it',
    )
    ponr_scope: Literal["order", "line"] = Field(
        default="order",
        description='what one line at the point of no return locks: its whole "order", or the "line" alone',
    )
    after_ponr_cancel: Literal["flag", "send"] = Field(
        default="flag",
        description='a cancellation after the point of no return: "flag" asks a person, "send" sends it',
    )
    unmatched: Literal["flag", "cancel"] = Field(
        default="flag",
        description='a work order whose rule matches no more after a change of the order: "flag" asks a person, "cancel" cancels it',
    )
    lifecycles: Mapping[Kind, LifecycleSection] = Field(
        default_factory=dict, description="what states mean, by kind of record"
    )


class ClosureSection(Section):
    """The closure gate: a domain order that asks to be closed is released when none of its work orders is open.

    An administrator adds the marker in order management: a field of the domain order that a form or a flow sets to a
    value (the packaged profile maps `closure_request` to the column `u_closure_request`). Without `field` there is no gate.
    """

    field: str = Field(
        default="",
        max_length=200,
        description='logical field of the domain order that asks for closure; "" for no gate',
        examples=["closure_request"],
    )
    value: Name = Field(default="requested", description="what that field says when closure is asked for")
    release: Mapping[str, str] = Field(
        default_factory=lambda: {"state": "closed_complete"},
        description="what is written on release: the state, or a field that the fulfilment flow waits for; {} for a note only",
    )
    no_work_orders: Literal["release", "hold"] = Field(
        default="release", description="what happens to a domain order that has no work orders"
    )
    closed: tuple[Name, ...] | None = Field(
        default=None,
        description="states of a work order that hold nothing, where not all in which it has ended are meant; one that is still active holds in any state",
        examples=[["closed_complete", "canceled"]],
    )
    on_hold: Literal["keep", "clear"] = Field(
        default="keep",
        description='the marker of a held request: "keep" waits for the last close, "clear" takes it away, and it has to be asked again',
    )
    cleared: str = Field(
        default="", max_length=200, description='what the marker says when "clear" takes it away'
    )
    hold_note_interval: Annotated[Duration, between("0s", "30d")] = Field(
        default=timedelta(hours=1),
        description="a held request gets another note when something else holds it, and no sooner than this",
    )
    past_gate: Literal["note", "reopen"] = Field(
        default="note",
        description='closed by hand while work is open, or work opened after the closure: "note" tells it, "reopen" also opens the domain order again',
    )
    reopen: Mapping[str, str] = Field(
        default_factory=lambda: {"state": "in_progress"}, description='what "reopen" writes'
    )


class SweepSection(Section):
    """The sweep: a walk over every record in play by its id, which finds what no feed can show."""

    every: Annotated[Duration, between("1m", "7d")] = Field(
        default=timedelta(hours=1), description="pause between the end of one sweep and the next"
    )
    duplicates: Literal["flag", "cancel"] = Field(
        default="flag",
        description='the younger of two work orders made for the same thing: "flag" notes it, "cancel" cancels it',
    )


class SafetySection(Section):
    """The mass-change stop: a pass or sweep that would create, change or cancel work orders for more orders than both
    `share` and `floor` allow writes nothing and waits for `syncd safety allow`."""

    share: Annotated[float, Field(strict=True, ge=0, le=1)] = Field(
        default=0.2, description="part of the known orders that are not ended; 1 for no stop"
    )
    floor: Whole = Field(
        default=50, ge=0, le=1_000_000, description="so many orders may always be written for at once"
    )


class WatchSection(Section):
    """When something counts as stuck and is told, once: the events `order.unsynced`, `feed.stuck`, `retries.storming`,
    `closure.waiting`."""

    polls: Whole = Field(
        default=3,
        ge=2,
        le=1000,
        description="a feed is stuck after so many passes that do not move it while its system answers",
    )
    oldest: Annotated[Duration, between("10s", "30d")] = Field(
        default=timedelta(minutes=30),
        description="an order is unsynced when one of its effects has waited so long and no hold explains it",
    )
    gate: Annotated[Duration, between("10s", "30d")] = Field(
        default=timedelta(minutes=15),
        description="a request for closure waits for too long when the gate could not judge it, or release it, for so long",
    )
    retries: Whole = Field(
        default=100, ge=2, le=1_000_000, description="tries that came to nothing within `window` are a storm"
    )
    window: Annotated[Duration, between("10s", "1d")] = Field(
        default=timedelta(minutes=10), description="over which time tries are counted"
    )


class DaemonSection(Section):
    """The process."""

    workers: Whole = Field(default=4, ge=1, le=32, description="threads that write to the remote systems")
    drain_timeout: Annotated[Duration, between("0s", "10m")] = Field(
        default=timedelta(seconds=20), description="how long a stop waits for what is in flight"
    )
    lease: Annotated[Duration, between("5s", "1h")] = Field(
        default=timedelta(seconds=60),
        description="how long one effect is claimed before another worker may take it over",
    )
    longest_pause: Annotated[Duration, between("1s", "1h")] = Field(
        default=timedelta(seconds=60),
        description="longest wait before a system that failed is asked again, unless it names a longer one itself",
    )


class ListenerSection(Section):
    """A door for machines that watch, on this machine only. Nothing listens unless something is switched on."""

    address: Annotated[str, AfterValidator(loopback_address)] = Field(
        default="127.0.0.1:9464", description="HOST:PORT of this machine; port 0 takes a free one"
    )
    health: StrictBool = Field(
        default=False,
        description="/health: 200 while all is well or heals by itself, 503 when a person is needed",
    )
    metrics: StrictBool = Field(default=False, description="/metrics: for Prometheus")


class LogSection(Section):
    """The log, on stderr."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description='"debug", "info", "warning" or "error"'
    )
    format: Literal["auto", "json", "text"] = Field(
        default="auto", description='"json", "text", or "auto": text on a terminal, json elsewhere'
    )


DEFAULT_FIELDS: Mapping[str, Mapping[str, object]] = {
    "account": {"from": "account_name", "reference": "account", "match": "name"},
    "consumer": {"from": "order.consumer_name", "reference": "consumer", "match": "name"},
    "contact": {"from": "order.contact_name", "reference": "contact", "match": "name"},
    "location": {"from": "location_name", "reference": "location", "match": "name"},
    "priority": {"from": "priority"},
    "requested_due_by": {"from": "due"},
    "expected_start": {"from": "expected_start"},
    "short_description": {
        "text": "{domain_order.specification} at {location_name} ({number}, {order.number})"
    },
}
"""The field map of a config that has none. Names are looked up, so that it fits one instance as well as two."""


class Settings(Section):
    """A whole config file."""

    state: StateSection
    order_management: SystemSection = Field(
        description="The side of orders, lines, domain orders and order tasks."
    )
    field_service: FieldServiceSection = Field(description="The side of work orders and their tasks.")
    tables: TablesSection
    work_order_fields: Mapping[str, FieldSource]
    schedule: ScheduleSection
    links: LinksSection
    rules: RulesSection
    closure: ClosureSection
    notes: NotesSection
    details: DetailsSection
    sweep: SweepSection
    safety: SafetySection
    watch: WatchSection
    daemon: DaemonSection
    listener: ListenerSection
    log: LogSection


OPTIONAL: Mapping[str, Mapping[str, object]] = {
    "state": {},
    "tables": {},
    "work_order_fields": DEFAULT_FIELDS,
    "schedule": {},
    "links": {},
    "rules": {},
    "closure": {},
    "notes": {},
    "details": {},
    "sweep": {},
    "safety": {},
    "watch": {},
    "daemon": {},
    "listener": {},
    "log": {},
}
"""Sections that a config file may leave out, with what stands in for them."""
