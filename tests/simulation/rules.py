"""The policy of the simulated installation: decision tables, field map, gate. Real rules, read from real table files."""

from __future__ import annotations

from dataclasses import replace

from mappings.changes import default_lifecycles
from mappings.closure import ClosureSettings
from mappings.decision_table import DecisionTable
from mappings.decisions import LinkSettings, Policy
from mappings.field_map import FieldMap, FieldRule
from mappings.model import TRAIT_KINDS, Kind, System
from mappings.policy import ScheduleSettings
from mappings.ponr import Mode
from mappings.table_file import parse_table

OM_ID = "om-sim"
ASKED = "requested"
MARKER = "closure_request"
RELEASED = "closed_complete"
NOTE_LIMIT = 700

_DOMAIN_ORDERS = """
[table]
name = "domain orders"
applies_to = "domain_order"
hit_policy = "all"

[[rule]]
id = "fiber"
when = { specification = "Fiber Access" }
create = [{ template = "Fiber Installation" }]

[[rule]]
id = "router"
when = { specification = "Managed Router" }
create = [{ template = "Router Staging" }, { template = "Router Installation" }]
"""

_BY_KIND = """
[[rule]]
id = "fast"
when = { specification = "Fiber Access", "characteristic.kind" = "fast" }
create = [{ template = "Router Staging" }]
"""

_CEASE = """
[[rule]]
id = "cease"
when = { action = "remove" }
create = [{ template = "Site Survey" }]
"""

_ORDER_TASKS = """
[table]
name = "order tasks"
applies_to = "order_task"
hit_policy = "first"

[[rule]]
id = "survey"
when = { request_type = "site_survey" }
create = [{ template = "Site Survey" }]
"""

PLAN: dict[tuple[Kind, str], tuple[tuple[str, int], ...]] = {
    (Kind.DOMAIN_ORDER, "Fiber Access"): (("fiber", 1),),
    (Kind.DOMAIN_ORDER, "Managed Router"): (("router", 1), ("router", 2)),
    (Kind.ORDER_TASK, "site_survey"): (("survey", 1),),
}
"""What the tables above say, said once more by hand: (kind, condition) -> (rule, slot)."""

CONDITION = {Kind.DOMAIN_ORDER: "specification", Kind.ORDER_TASK: "request_type"}

FAST = ("fast", 1)
"""The slot that is prescribed beside those of fiber where a row of the line says so: see `described`."""

CARRIED = {
    "location": ("line", "location_name"),
    "priority": ("line", "priority"),
    "requested_due_by": ("line", "due"),
    "description": ("order", "contact_name"),
}
"""Field of a work order -> record above the subject and its field: the field map, said once more by hand."""


def table(text: str, kind: Kind, columns: frozenset[str]) -> DecisionTable:
    parsed, problems = parse_table(text, "table.toml", {kind: columns}, frozenset({"priority"}))
    assert parsed is not None, problems
    return parsed


SHOWN = "shown"
"""The field of a domain order that shows its work orders."""


def told(policy: Policy) -> Policy:
    """The same installation with notes mirrored both ways and work orders shown on their domain orders."""
    return replace(
        policy,
        mirror_from=frozenset(System),
        not_mirrored=frozenset({"syncd"}),
        details_fields={Kind.DOMAIN_ORDER: SHOWN},
    )


def described(policy: Policy) -> Policy:
    """The same installation with rows that describe lines and domain orders, in a rule and in a text."""
    columns = frozenset({"specification", "action", "characteristic.kind"})
    rules = (*policy.field_map.rules, FieldRule("remark", text="speed {characteristic.speed}"))
    by_kind = table(_DOMAIN_ORDERS + _BY_KIND, Kind.DOMAIN_ORDER, columns)
    return replace(policy, tables=(by_kind, policy.tables[1]), field_map=FieldMap(rules))


def moving(policy: Policy) -> Policy:
    """The same installation with work of its own where something ends."""
    columns = frozenset({"specification", "action"})
    tables = (table(_DOMAIN_ORDERS + _CEASE, Kind.DOMAIN_ORDER, columns), policy.tables[1])
    return replace(policy, tables=tables)


def dated(policy: Policy) -> Policy:
    """The same installation with the window of each task taken from the line."""
    return replace(policy, schedule=ScheduleSettings({"window_end": "line.due"}, tasks="each"))


def undoing(policy: Policy) -> Policy:
    """The same installation where a hold takes its marker away, and what passed the gate is opened again."""
    return replace(policy, closure=replace(policy.closure, on_hold="clear", past_gate="reopen"))


def merging(policy: Policy) -> Policy:
    """The same installation where a work order that ended may name the one that does its work."""
    return replace(
        policy,
        links=replace(policy.links, merged="merged_into"),
        closure=replace(policy.closure, merged="merged_into"),
    )


def watching(policy: Policy) -> Policy:
    """The same installation where what happens to tasks is noted, with rows that describe lines."""
    return replace(described(policy), task_note_fields=("state",))


def strict_tables(policy: Policy) -> Policy:
    """The same installation where a work order ends with its rule."""
    return replace(policy, unmatched="cancel")


def trusting(policy: Policy) -> Policy:
    """The same installation where order management itself refuses edits past the point of no return."""
    return replace(policy, ponr_mode=Mode.OM_ENFORCED)


def traits_of(policy: Policy) -> dict[Kind, tuple[str, ...]]:
    """The rows that it reads: those of which a rule asks, as the config does by its profile."""
    asked = {column.partition(".")[0] for one in policy.tables for column in one.columns}
    return {kind: ("order_line", "domain_order") for kind in TRAIT_KINDS if kind in asked}


def rich(policy: Policy) -> Policy:
    """The same installation with all of that which only some have: described, dated, undoing and merging."""
    return merging(undoing(dated(described(policy))))


def policy() -> Policy:
    rules = (
        FieldRule("location", source="line.location_name", reference="location", match="name"),
        FieldRule("priority", source="line.priority"),
        FieldRule("requested_due_by", source="line.due"),
        FieldRule("description", source="order.contact_name"),
    )
    return Policy(
        om_id=OM_ID,
        tables=(
            table(_DOMAIN_ORDERS, Kind.DOMAIN_ORDER, frozenset({"specification", "action"})),
            table(_ORDER_TASKS, Kind.ORDER_TASK, frozenset({"request_type"})),
        ),
        lifecycles=default_lifecycles(),
        field_map=FieldMap(rules),
        links=LinkSettings("initiated_from", "id"),
        closure=ClosureSettings(marker=(MARKER, ASKED), release={"state": RELEASED}),
        note_limit=NOTE_LIMIT,
    )
