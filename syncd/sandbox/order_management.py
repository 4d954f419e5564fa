"""Order Management: the life of an order, from placement over approval to completion or cancellation.

Acted on by the control API in a person's name, and by clients through the Table API, where the rules registered here
watch every write. What approval makes of an order is in `decomposition`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.sandbox import order_rules, revisions
from syncd.sandbox.errors import ApiError
from syncd.sandbox.instance import SYSTEM_USER
from syncd.sandbox.rules import Change
from syncd.sandbox.tables_domain import (
    DOMAIN_ORDER,
    INFLIGHT_CHANGE,
    ORDER,
    ORDER_LINE,
    ORDER_TASK,
    SPECIFICATION,
)

if TYPE_CHECKING:
    from syncd.sandbox.agenda import Agenda
    from syncd.sandbox.instance import Instance
    from syncd.sandbox.records import Row

PRODUCT = "Business Internet"
AGENT, MANAGER = "order.agent", "fulfilment.manager"


@dataclass(frozen=True, slots=True)
class Placement:
    """What an agent orders: one line per location."""

    locations: Sequence[str]
    account: str
    contact: str = ""
    priority: str = "3"
    product: str = PRODUCT
    action: str = "add"
    quantity: str = "1"
    moved_from: str = ""
    """For a move: the place where the product ceases."""


@dataclass(frozen=True, slots=True)
class Revision:
    """What an agent changes in a running order: values by the id of the order or a line, lines at new places, lines that
    are dropped, and characteristics by line."""

    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    add: Sequence[str] = ()
    drop: Sequence[str] = ()
    characteristics: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


class OrderManagement:
    """The orders of one instance."""

    def __init__(
        self,
        instance: Instance,
        agenda: Agenda,
        delay: timedelta,
        open_work_orders: Callable[[str], list[str]],
    ) -> None:
        self.instance = instance
        self.delay = delay
        self.open_work_orders = open_work_orders
        self.enforcing = True
        self.fallout = False
        self._agenda = agenda
        self._before_hold: dict[str, str] = {}
        self._before_revision: dict[str, list[tuple[Row, dict[str, str]]]] = {}
        self._added: dict[str, list[Row]] = {}
        self._dropped: dict[str, set[str]] = {}
        order_rules.register(self)
        instance.rules.add("Start Order Decomposition", ORDER, "after", ("update",), self._watch_acknowledged)

    # --- vocabulary --------------------------------------------------------------------------------------------

    def code(self, table: str, state: str) -> str:
        return self.instance.codes[table].value(state)

    def state_of(self, row: Row) -> str:
        """The canonical state of an order, line, domain order or order task."""
        table = next(
            name for name in self.instance.dictionary.chain(row.table) if name in self.instance.codes
        )
        return self.instance.codes[table].name(row["state"])

    def move(self, row: Row, state: str, user: str = SYSTEM_USER, **more: str) -> None:
        table = next(
            name for name in self.instance.dictionary.chain(row.table) if name in self.instance.codes
        )
        self.instance.update(row, {"state": self.code(table, state), **more}, user)

    def lines(self, order: Row) -> list[Row]:
        return self.instance.store.find(ORDER_LINE, order=order.id)

    def domain_orders(self, line: Row) -> list[Row]:
        return self.instance.store.find(DOMAIN_ORDER, order_line_item=line.id)

    def order_tasks(self, domain_order: Row) -> list[Row]:
        return self.instance.store.find(ORDER_TASK, order=domain_order.id)

    # --- what people do ----------------------------------------------------------------------------------------

    def place(self, placement: Placement, user: str = AGENT) -> Row:
        """Captures an order and submits it: draft, then new."""
        specification = self.instance.store.first(SPECIFICATION, name=placement.product)
        shared = {"account": placement.account, "contact": placement.contact, "priority": placement.priority}
        order = self.instance.insert(ORDER, {**shared, "order_date": self.instance.clock.stamp()}, user)
        for location in placement.locations:
            line = {
                **shared,
                "order": order.id,
                "location": location,
                "product_specification": specification.id if specification else "",
                "action": placement.action,
                "quantity": placement.quantity,
                "u_moved_from": placement.moved_from,
            }
            self.instance.insert(ORDER_LINE, line, user)
        self._move_all([*self.lines(order), order], "new", user)
        return order

    def approve(self, order: Row, user: str = MANAGER) -> None:
        """Approves what waits for approval: the order, its revision, or its cancellation."""
        state = self.state_of(order)
        if state in {"new", "revision_in_progress"}:
            self._before_revision.pop(order.id, None)
            self._added.pop(order.id, None)
            self._move_all([*self.lines(order), order], "acknowledged", user)
        elif state == "assessing_cancellation":
            self._cancel_approved(order, user)
        else:
            raise _refused(f"an order in state {state} cannot be approved")

    def reject(self, order: Row, user: str = MANAGER) -> None:
        """Rejects the order, or its revision (the old data return), or its cancellation."""
        state = self.state_of(order)
        if state == "new":
            self._move_all([*self.lines(order), order], "rejected", user)
        elif state in {"revision_in_progress", "assessing_cancellation"}:
            for row, values in self._before_revision.pop(order.id, []):
                self.instance.update(row, values, user)
            self._dropped.pop(order.id, None)
            for line in self._added.pop(order.id, []):
                self.move(line, "canceled", user)
            self._move_all([*self.lines(order), order], "in_progress", user)
            self._release(order)
        else:
            raise _refused(f"an order in state {state} cannot be rejected")

    def revise(self, order: Row, revision: Revision, user: str = AGENT) -> None:
        """Starts an in-flight revision; what it changes stands at once and is taken back when it is rejected."""
        self._open_revision(order, "update")
        rows = {row.id: row for row in (order, *self.lines(order))}
        values = {id: dict(given) for id, given in revision.values.items()}
        for id in revision.drop:
            values.setdefault(id, {})["revision_operation"] = "cancel"
        unknown = (values.keys() | revision.characteristics.keys()) - rows.keys()
        if unknown:
            raise _refused(f"no line {', '.join(sorted(unknown))} in this order")
        before = self._before_revision[order.id] = []
        for id, given in values.items():
            row = rows[id]
            before.append((row, {name: row[name] for name in given}))
            self.instance.update(row, given, user)
            if row is not order:
                self._ledger(row, ", ".join(given), user)
        for id, named in revision.characteristics.items():
            for row in revisions.characterise(self, rows[id], named, user).values():
                old = row["previous_characteristic_option_value"]
                before.append((row, {"characteristic_option_value": old}))
            self._ledger(rows[id], "Characteristic", user)
        self._dropped[order.id] = {*revision.drop}
        self._added[order.id] = [revisions.add_line(self, order, place, user) for place in revision.add]
        touched = {*values, *revision.characteristics} - {*revision.drop}
        self._start("revision_in_progress", "update", order, [rows[id] for id in sorted(touched)], user)

    def _ledger(self, line: Row, change_type: str, user: str) -> None:
        row = {"order_line_item": line.id, "line_version": line["version"], "change_type": change_type[:40]}
        self.instance.insert(INFLIGHT_CHANGE, row, user)

    def request_cancel(self, order: Row, user: str = AGENT) -> None:
        """Asks for the cancellation of a running order; one that has not started is cancelled at once."""
        if self.state_of(order) in {"draft", "new", "rejected", "acknowledged"}:
            self._move_all([*self.lines(order), order], "canceled", user)
            return
        self._open_revision(order, "cancel")
        self._start("assessing_cancellation", "cancel", order, self.lines(order), user)

    def hold(self, domain_order: Row, user: str = MANAGER) -> None:
        self._before_hold[domain_order.id] = self.state_of(domain_order)
        self.move(domain_order, "on_hold", user)

    def resume(self, domain_order: Row, user: str = MANAGER) -> None:
        self.move(domain_order, self._before_hold.pop(domain_order.id, "in_progress"), user)

    # --- inside ------------------------------------------------------------------------------------------------

    def _open_revision(self, order: Row, operation: str) -> None:
        if self.state_of(order) != "in_progress":
            raise _refused(f"only an order in progress can be revised or canceled ({operation})")
        if any(row["ponr"] == "true" for row in (order, *self.lines(order))):
            raise _refused("the point of no return is reached")

    def _start(self, state: str, operation: str, order: Row, lines: Sequence[Row], user: str) -> None:
        running = (row for row in (*lines, order) if not order_rules.is_terminal(self.state_of(row)))
        for row in {row.id: row for row in running}.values():
            version = {"version": str(int(row["version"] or "1") + 1), "revision_operation": operation}
            self.move(row, state, user, **version)
        for row in self._fulfilment(order):
            self._before_hold[row.id] = self.state_of(row)
            self.move(row, "on_hold")

    def _fulfilment(self, order: Row) -> list[Row]:
        """The domain orders and order tasks of an order that are not terminal."""
        found = [d for line in self.lines(order) for d in self.domain_orders(line)]
        found += [task for d in found for task in self.order_tasks(d)]
        return [row for row in found if not order_rules.is_terminal(self.state_of(row))]

    def _release(self, order: Row, *, via: str = "") -> None:
        for row in self._fulfilment(order):
            if self.state_of(row) == "on_hold":
                if via:
                    self.move(row, via)
                self.move(row, self._before_hold.pop(row.id, "in_progress"))

    def _cancel_approved(self, order: Row, user: str) -> None:
        self._move_all([*self.lines(order), order], "cancellation_in_progress", user)
        for row in self._fulfilment(order):
            self.move(row, "canceled", user)
        for row in (*self.lines(order), order):
            if self.state_of(row) != "canceled":
                self.move(row, "canceled", user)

    def _watch_acknowledged(self, change: Change) -> None:
        acknowledged = self.code(ORDER, "acknowledged")
        if change.new("state") == acknowledged != change.was("state"):
            self._agenda.after(self.delay, lambda: self._fulfil(change.row))

    def _fulfil(self, order: Row) -> None:
        """What follows an approval: decomposition of what is new, and the end of a revision for what is there."""
        if self.state_of(order) != "acknowledged":
            return
        dropped = self._dropped.pop(order.id, set())
        for line in self.lines(order):
            if line.id in dropped:
                revisions.end_line(self, line)
            else:
                revisions.fulfil(self, order, line)
        self._release(order, via="scheduled")
        self._move_all([*self.lines(order), order], "in_progress", SYSTEM_USER)

    def take_over(self, domain_order: Row, line: Row) -> None:
        """A domain order follows its line; where it ceases because of a move, its place stays."""
        values = self.decomposed_values(line)
        if line["u_moved_from"] and domain_order["action"] == "change":
            values.pop("location", None)
        self.instance.update(domain_order, values)

    @staticmethod
    def decomposed_values(line: Row) -> dict[str, str]:
        """What a domain order takes over from its line."""
        names = (
            "location",
            "account",
            "contact",
            "priority",
            "expected_start_date",
            "committed_due_date",
            "version",
        )
        return {name: line[name] for name in names if line[name]}

    def _move_all(self, rows: Sequence[Row], state: str, user: str) -> None:
        for row in rows:
            if not order_rules.is_terminal(self.state_of(row)):
                self.move(row, state, user)


def _refused(text: str) -> ApiError:
    return ApiError(409, "Refused", text)
