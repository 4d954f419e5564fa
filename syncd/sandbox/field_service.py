"""Field Service: work orders, their tasks, templates, and the state flows between them.

The rules registered here watch every write; the methods are what people do through the control API. How tasks move their
order is in `work_rollup`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.sandbox import work_rollup
from syncd.sandbox.errors import ApiError, data_policy
from syncd.sandbox.instance import SYSTEM_USER
from syncd.sandbox.rules import AFTER, BEFORE, DELETE, INSERT, UPDATE, Change
from syncd.sandbox.tables_domain import TASK_TEMPLATE, WORK_ORDER, WORK_TASK, WORK_TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.sandbox.instance import Instance
    from syncd.sandbox.records import Row

FIELD_AGENT, DISPATCHER = "field.agent", "field.dispatcher"
CLOSED = frozenset({"closed_complete", "closed_incomplete", "canceled"})
_WAITING = frozenset({"draft", "awaiting_qualification", "qualified", "ready_for_dispatch"})
_CLOSABLE = ("canceled",)

ORDER_FLOW: Mapping[str, tuple[str, ...]] = {
    "draft": ("awaiting_qualification", "ready_for_dispatch", *_CLOSABLE),
    "awaiting_qualification": ("qualified", "draft", *_CLOSABLE),
    "qualified": ("assigned", "awaiting_qualification", *_CLOSABLE),
    "ready_for_dispatch": ("assigned", *_CLOSABLE),
    "assigned": ("accepted", *_CLOSABLE),
    "accepted": ("work_in_progress", *_CLOSABLE),
    "work_in_progress": _CLOSABLE,
    "closed_complete": (),
    "closed_incomplete": (),
    "canceled": (),
}
"""The transitions of a work order that a client may ask for. Closing is not among them: it is rolled up from tasks."""

TASK_FLOW: Mapping[str, tuple[str, ...]] = {
    "draft": ("pending_dispatch", "assigned", "canceled"),
    "pending_dispatch": ("scheduled", "assigned", "draft", "canceled"),
    "scheduled": ("assigned", "pending_dispatch", "canceled"),
    "assigned": ("accepted", "pending_dispatch", "canceled"),
    "accepted": ("work_in_progress", "assigned", "canceled"),
    "work_in_progress": ("closed_complete", "closed_incomplete", "accepted", "canceled"),
    "closed_complete": (),
    "closed_incomplete": (),
    "canceled": (),
}
_PATH = ("assigned", "accepted", "work_in_progress")


class FieldService:
    """The work orders of one instance."""

    def __init__(self, instance: Instance, *, qualification: bool = False) -> None:
        self.instance = instance
        self.qualification = qualification
        self.cancellable_in_progress = True
        """Some instances let nobody cancel a work order that somebody is working on."""
        book = instance.rules
        book.add("Work Order State Flow", WORK_ORDER, BEFORE, (INSERT, UPDATE), self._guard_order)
        book.add("Set Company And Caller", WORK_ORDER, BEFORE, (INSERT, UPDATE), _set_company)
        book.add("Populate Work Order from Template", WORK_ORDER, BEFORE, (INSERT, UPDATE), self._populate)
        book.add("Assign Work Order", WORK_ORDER, BEFORE, (INSERT, UPDATE), self._assign_order)
        book.add("Work Order Activity", WORK_ORDER, BEFORE, (INSERT, UPDATE), self._activity)
        book.add("Create Work Order Tasks", WORK_ORDER, AFTER, (INSERT, UPDATE), self._create_tasks)
        book.add("Cancel Work Order Tasks", WORK_ORDER, AFTER, (UPDATE,), self._cancel_tasks)
        book.add("Delete Work Order Tasks", WORK_ORDER, AFTER, (DELETE,), self._delete_tasks)
        book.add("Work Order Task State Flow", WORK_TASK, BEFORE, (INSERT, UPDATE), self._guard_task)
        book.add("Work Order Task Activity", WORK_TASK, BEFORE, (INSERT, UPDATE), self._activity)
        book.add("Roll Up Changes", WORK_TASK, AFTER, (INSERT, UPDATE, DELETE), self._roll_up)

    # --- vocabulary --------------------------------------------------------------------------------------------

    def state(self, row: Row) -> str:
        return self.instance.codes[row.table].name(row["state"])

    def code(self, table: str, state: str) -> str:
        return self.instance.codes[table].value(state)

    def tasks(self, order_id: str) -> list[Row]:
        return self.instance.store.find(WORK_TASK, parent=order_id)

    def open_for(self, subject: str) -> list[str]:
        """Numbers of the open work orders of a domain order or order task."""
        return [w["number"] for w in self.work_orders_of(subject) if self.state(w) not in CLOSED]

    def work_orders_of(self, subject: str) -> list[Row]:
        """The work orders that were made from a record, or carry its id in their correlation."""
        return [
            row
            for row in self.instance.store.rows(WORK_ORDER)
            if row["initiated_from"] == subject or subject in row["correlation_id"].split(":")
        ]

    # --- what people do ----------------------------------------------------------------------------------------

    def advance(
        self, order: Row, to: str, user: str = FIELD_AGENT, *, follow_on: bool = False, task: str = ""
    ) -> None:
        """Moves the open tasks of a work order along to `to`, one listed transition after the other."""
        to = {"in_progress": "work_in_progress", "closed": "closed_complete"}.get(to, to)
        if to not in {*_PATH, *CLOSED}:
            raise ApiError(400, "Unknown step", f"a task cannot be moved to {to}")
        if not self.tasks(order.id):
            self._first_task(order)
        for row in self.tasks(order.id):
            if self.state(row) not in CLOSED and task in {"", row.id, row["number"]}:
                self._advance_task(row, to, user, follow_on=follow_on)

    def cancel(self, order: Row, reason: str, user: str = DISPATCHER) -> None:
        self.instance.update(order, {"state": self.code(WORK_ORDER, "canceled"), "work_notes": reason}, user)

    def point(self, order: Row, subject: str, user: str = DISPATCHER) -> None:
        """Names another domain order or order task, "" for none, as the one that a work order was made from."""
        self.instance.update(order, {"initiated_from": subject}, user)

    def merge(self, order: Row, into: Row, user: str = DISPATCHER) -> None:
        """Ends a work order because another one does its work, and names that one."""
        self.instance.update(order, {"parent": into.id}, user)
        self.cancel(order, f"merged into {into['number']}", user)

    def copy(self, order: Row, user: str = DISPATCHER) -> Row:
        """A work order with what another one says, its correlation too."""
        names = (
            "short_description", "description", "priority", "location", "account", "initiated_from",
            "correlation_id", "correlation_display",
        )  # fmt: skip
        return self.instance.insert(WORK_ORDER, {name: order[name] for name in names}, user)

    def _advance_task(self, task: Row, to: str, user: str, *, follow_on: bool) -> None:
        steps = (
            [*_PATH, to]
            if to.startswith("closed")
            else list(_PATH[: _PATH.index(to) + 1])
            if to in _PATH
            else [to]
        )
        if self.state(task) in steps:
            steps = steps[steps.index(self.state(task)) + 1 :]
        if follow_on:
            copied = {
                name: task[name]
                for name in ("parent", "short_description", "location", "account", "priority")
            }
            self.instance.insert(WORK_TASK, {**copied, "u_follow_on_of": task.id}, user)
        for step in steps:
            self.instance.update(task, self._step(step, user), user)

    def _step(self, step: str, user: str) -> dict[str, str]:
        values = {"state": self.code(WORK_TASK, step)}
        now = self.instance.clock.stamp()
        if step == "assigned":
            agent = self.instance.store.first("sys_user", user_name=user)
            values["assigned_to"] = agent.id if agent else ""
        elif step == "work_in_progress":
            values["work_start"] = now
        elif step.startswith("closed"):
            values["work_end"] = now
        return values

    # --- rules of the work order -------------------------------------------------------------------------------

    def _guard_order(self, change: Change) -> None:
        if change.operation == INSERT:
            change.values["state"] = self.code(WORK_ORDER, "draft")
            return
        if not change.changed("state") or change.user == SYSTEM_USER:
            return
        codes = self.instance.codes[WORK_ORDER]
        target = codes.name(change.new("state"))
        before = codes.name(change.was("state"))
        if target not in ORDER_FLOW.get(before, ()):
            raise change.abort("Work Order State Flow")
        if target == "canceled" and before == "work_in_progress" and not self.cancellable_in_progress:
            raise change.abort("Work In Progress Cannot Be Canceled")
        if target == "canceled" and not change.notes.get("work_notes"):
            raise data_policy("The following fields are mandatory: Work notes")

    def _populate(self, change: Change) -> None:
        codes = self.instance.codes[WORK_ORDER]
        if (
            not change.new("template")
            or not change.changed("template")
            or codes.name(change.new("state")) != "draft"
        ):
            return
        template = self.instance.store.get(WORK_TEMPLATE, change.new("template"))
        if template is None:
            return
        for name in ("short_description", "description", "priority", "billable", "qualification_group"):
            if template[name] and name not in change.given:
                change.values[name] = template[name]
        change.values["state"] = codes.value(
            "awaiting_qualification" if self.qualification else "ready_for_dispatch"
        )

    def _assign_order(self, change: Change) -> None:
        codes = self.instance.codes[WORK_ORDER]
        assigned = any(
            change.changed(name) and change.new(name) for name in ("assigned_to", "assignment_group")
        )
        if assigned and codes.name(change.new("state")) in _WAITING:
            change.values["state"] = codes.value("assigned")

    def _activity(self, change: Change) -> None:
        closed = self.instance.codes[change.table].name(change.new("state")) in CLOSED
        change.values["active"] = "false" if closed else "true"
        if closed and not change.new("closed_at"):
            change.values["closed_at"] = self.instance.clock.stamp()

    def _create_tasks(self, change: Change) -> None:
        if change.changed("template") and change.new("template") and not self.tasks(change.row.id):
            for template in self.instance.store.find(TASK_TEMPLATE):
                if template["work_order_model"] == change.new("template"):
                    self._task_from(change.row, template)
        qualified = self.instance.codes[WORK_ORDER].name(change.new("state")) == "qualified"
        if qualified and change.changed("state"):
            self._first_task(change.row)
            for task in self.tasks(change.row.id):
                if self.state(task) == "draft":
                    self.instance.update(task, {"state": self.code(WORK_TASK, "pending_dispatch")})

    def _task_from(self, order: Row, template: Row) -> None:
        ready = self.state(order) not in {"draft", "awaiting_qualification"}
        values = {
            "parent": order.id,
            "template": template.id,
            "short_description": template["short_description"],
            "order": template["order"],
            "state": self.code(WORK_TASK, "pending_dispatch" if ready else "draft"),
        }
        self.instance.insert(WORK_TASK, values | {n: order[n] for n in ("location", "account", "priority")})

    def _first_task(self, order: Row) -> None:
        """An order that is qualified without tasks gets one."""
        if self.tasks(order.id):
            return
        values = {"parent": order.id, "state": self.code(WORK_TASK, "pending_dispatch")}
        names = ("short_description", "location", "account", "priority")
        self.instance.insert(WORK_TASK, values | {n: order[n] for n in names})

    def _cancel_tasks(self, change: Change) -> None:
        if (
            change.changed("state")
            and self.instance.codes[WORK_ORDER].name(change.new("state")) == "canceled"
        ):
            for task in self.tasks(change.row.id):
                if self.state(task) not in CLOSED:
                    self.instance.update(task, {"state": self.code(WORK_TASK, "canceled")})

    def _delete_tasks(self, change: Change) -> None:
        for task in self.tasks(change.row.id):
            self.instance.delete(task, change.user)

    # --- rules of the task -------------------------------------------------------------------------------------

    def _guard_task(self, change: Change) -> None:
        codes = self.instance.codes[WORK_TASK]
        if change.operation == INSERT:
            if change.user != SYSTEM_USER:
                change.values["state"] = codes.value("draft")
        elif change.changed("state") and change.user != SYSTEM_USER:
            if codes.name(change.new("state")) not in TASK_FLOW.get(codes.name(change.was("state")), ()):
                raise change.abort("Work Order Task State Flow")
            return
        state = codes.name(change.new("state"))
        if (
            change.changed("assigned_to")
            and change.new("assigned_to")
            and state in {"draft", "pending_dispatch"}
        ):
            change.values["state"] = codes.value("assigned")
        if change.changed("work_start") and change.new("work_start") and state in {"assigned", "accepted"}:
            change.values["state"] = codes.value("work_in_progress")

    def _roll_up(self, change: Change) -> None:
        order = self.instance.store.get(WORK_ORDER, change.new("parent") or change.was("parent"))
        if order is None or (change.operation == UPDATE and not change.changed("state")):
            return
        tasks = [
            work_rollup.TaskState(t.id, self.state(t), t["u_follow_on_of"]) for t in self.tasks(order.id)
        ]
        target = work_rollup.rolled_up(self.state(order), tasks)
        if target is not None and target != self.state(order):
            self.instance.update(order, {"state": self.code(WORK_ORDER, target)})


def _set_company(change: Change) -> None:
    """Writing the account also sets the company, writing the contact also sets the caller."""
    for source, target in (("account", "company"), ("contact", "caller")):
        if change.changed(source) and target not in change.given:
            change.values[target] = change.new(source)
