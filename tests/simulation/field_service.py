"""What field service does by itself: templates fill in a new work order, tasks roll up to it, a cancel takes them along.

Called by `ports` for writes of ours and by `users` for those of agents and dispatchers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from connectors.errors import Missing, Refused
from mappings.model import Kind, Record, System
from tests.simulation.server import Key, Server, to

TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "Fiber Installation": ("Install the fiber",),
    "Router Staging": ("Stage the router",),
    "Router Installation": ("Mount the router", "Test the line"),
    "Site Survey": ("Look at the site",),
}
UNKNOWN_PLACE = "nowhere"
CLOSED = frozenset({"closed_complete", "closed_incomplete", "canceled"})
STEPS = ("draft", "assigned", "accepted", "work_in_progress", "closed_complete")
"""Of a task."""
DROPPABLE = frozenset({"priority", "description"})
"""Fields that access rules may keep our user from writing."""


def resolve(entity: str, value: str) -> str | None:
    if value == UNKNOWN_PLACE or (entity == "template" and value not in TEMPLATES):
        return None
    return f"{entity}/{value}"


def shown(fields: Mapping[str, str]) -> dict[str, str]:
    """Fields with the names of what they refer to, as a dot-walked column shows them."""
    named = {
        f"{name}_name": fields[name].partition("/")[2] for name in ("location", "template") if name in fields
    }
    return {**fields, **named}


def from_template(id: str, values: Mapping[str, str]) -> tuple[str, dict[str, str], list[tuple[str, str]]]:
    """State, fields and tasks of a new work order: setting a template on a draft makes it ready at once."""
    fields = shown(values)
    template = fields.get("template_name", "")
    fields.setdefault("short_description", template)
    fields["active"] = "true"
    tasks = [
        (hashlib.sha256(f"{id}/{number}".encode()).hexdigest()[:32], text)
        for number, text in enumerate(TEMPLATES.get(template, ("Work",)))
    ]
    return ("ready_for_dispatch" if template else "draft"), fields, tasks


def tasks_of(server: Server, work_order: str) -> list[Record]:
    tasks = [task for task in server.rows(Kind.WORK_TASK) if task.get("work_order") == work_order]
    return sorted(tasks, key=lambda task: task.id)


def rolled_up(states: list[str]) -> str:
    """The state of a work order with tasks in these states."""
    if all(state == "canceled" for state in states):
        return "canceled"
    if all(state in CLOSED for state in states):
        return "closed_incomplete" if "closed_incomplete" in states else "closed_complete"
    return max((s for s in states if s in STEPS[:-1]), key=STEPS.index, default="assigned")


def active(state: str) -> str:
    return "false" if state in CLOSED else "true"


def move_task(server: Server, task: Record, state: str, author: str, takes: float) -> None:
    """A task moves on, and its work order with it, in one transaction."""
    work_order = task.get("work_order")
    others = [one.state for one in tasks_of(server, work_order) if one.id != task.id]
    up = rolled_up([*others, state])
    if up == "draft":
        up = "ready_for_dispatch"
    server.write(
        {
            (Kind.WORK_TASK, task.id): to(state),
            (Kind.WORK_ORDER, work_order): to(up, active=active(up)),
        },
        author,
        takes=takes,
    )


def set_all(server: Server, work_order: str, state: str, author: str, takes: float = 0.0) -> None:
    """A work order and its tasks go to one state together."""
    edits = {(Kind.WORK_TASK, task.id): to(state) for task in tasks_of(server, work_order)}
    edits[Kind.WORK_ORDER, work_order] = to(state, active=active(state))
    server.write(edits, author, takes=takes)


def cancel(server: Server, work_order: str, reason: str, author: str) -> None:
    found = server.get(Kind.WORK_ORDER, work_order)
    if found is None:
        raise Missing("no such work order", system=System.FIELD_SERVICE, status=404)
    if found.state in CLOSED - {"canceled"}:
        text = "Operation was aborted by Business Rule 'closed work orders stay'"
        raise Refused("cancel", reason=text, system=System.FIELD_SERVICE, status=403)
    set_all(server, work_order, "canceled", author)
    server.note((Kind.WORK_ORDER, work_order), reason, author)


def keys_of(server: Server, work_order: str) -> list[Key]:
    """The rows that a change of a work order touches."""
    tasks = [(Kind.WORK_TASK, task.id) for task in tasks_of(server, work_order)]
    return [(Kind.WORK_ORDER, work_order), *tasks]
