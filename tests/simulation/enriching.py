"""What only some installations have, at random: rows that describe lines, windows of tasks, closures that are undone, merges.

`ACTS` are drawn beside those of `users` where a plan is `rich`; `wanting` is asked of the healed world by `run`. Nothing here is
drawn in any other plan, so that its worlds stay what they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mappings.keys import parse_correlation
from mappings.model import Kind, Record
from tests.simulation import field_service as fs
from tests.simulation.server import Edit, Key, new, to
from tests.simulation.truth import TRIGGER, Truth

if TYPE_CHECKING:
    from tests.simulation.users import Users

ACTS = {"describe": 8, "merge": 2}
"""How often each is drawn."""
UNBEGUN = frozenset({"draft", "assigned", "accepted"})


def describe(users: Users) -> bool:
    """A row that describes a line is made, or says something else."""
    line = users._pick(Kind.ORDER_LINE, lambda r: r.state in ("new", "in_progress"))
    if line is None:
        return False
    name = users.random.choice(("speed", "kind"))
    value = users._value("speed") if name == "speed" else users.random.choice(("fast", "slow"))
    row = (Kind.CHARACTERISTIC, hashlib.sha256(f"{line.id}/{name}".encode()).hexdigest()[:32])
    edit = new("open", order_line=line.id, name=name, value=value)
    if users.om.get(*row) is not None:
        edit = to(value=value)
    return users._write(users.om, f"{line.number} is said to be {name}={value}", {row: edit})


def merge(users: Users) -> bool:
    """A dispatcher ends a work order because another one does its work."""
    found = users._open_work_order(lambda r: parse_correlation(r.get("correlation_id")) is not None)
    into = users._open_work_order(lambda r: found is not None and r.id != found.id)
    if found is None or into is None:
        return False
    edits: dict[Key, Edit] = {
        (Kind.WORK_TASK, task.id): to("canceled") for task in fs.tasks_of(users.fsm, found.id)
    }
    edits[Kind.WORK_ORDER, found.id] = to("canceled", active="false", merged_into=into.id)
    return users._write(users.fsm, f"{found.number} merged into {into.number}", edits)


def wanting(truth: Truth) -> Iterator[str]:
    """What the healed world lacks of it. What rows say in a text is looked at like any content."""
    if not truth.rich:
        return
    for work_order in truth.work_orders():
        subject = truth.subject_of(work_order)
        if subject is None or work_order.state in fs.CLOSED:
            continue
        yield from _windows(truth, subject, work_order)
        recent = not truth.is_historic(subject) and not truth.is_old(work_order)
        if recent and subject.kind is Kind.DOMAIN_ORDER and subject.state == "closed_complete":
            yield f"L1 {subject.number} is closed, {work_order.number} is open, and it was not opened again"


def _windows(truth: Truth, subject: Record, work_order: Record) -> Iterator[str]:
    line = truth.line(subject)
    if (
        parse_correlation(work_order.get("correlation_id")) is None
        or line is None
        or truth.is_cancelled(subject)
        or truth.waits(subject)
        or truth.is_unapproved(subject)
        or truth.is_behind_ponr(subject)
        or subject.state not in TRIGGER[subject.kind]
        or truth.was_ended(work_order.id)
        or truth.forgot_at  # nobody knows whether a dispatcher planned what the task has
    ):
        return
    for task in fs.tasks_of(truth.fsm, work_order.id):
        if task.state in UNBEGUN and task.get("window_end") != line.get("due"):
            yield (
                f"L1 {task.number} of {work_order.number} ends at {task.get('window_end')!r}, "
                f"its line says {line.get('due')!r}"
            )


BY_NAME = {"describe": describe, "merge": merge}
