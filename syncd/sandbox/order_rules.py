"""The business rules of Order Management: closure gate, point of no return, cascades and roll-up.

Registered by `order_management`; they watch every write, whoever makes it. In naive mode the two that refuse let
everything pass, so that a client can be tried as gatekeeper and as bystander.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.sandbox.instance import SYSTEM_USER
from syncd.sandbox.rules import AFTER, BEFORE, INSERT, UPDATE, Change
from syncd.sandbox.tables_domain import DOMAIN_ORDER, FALLOUT, ORDER, ORDER_LINE, ORDER_TASK

if TYPE_CHECKING:
    from syncd.sandbox.order_management import OrderManagement
    from syncd.sandbox.records import Row

TERMINAL = frozenset({"closed_complete", "completed", "canceled", "resolved", "rejected"})
_CLOSED = frozenset({"closed_complete", "resolved"})
_LOCKED_FIELDS = (
    "location", "contact", "account", "consumer", "quantity", "product_specification", "service_specification", "action",
    "expected_start_date", "expected_end_date", "committed_due_date", "priority",
)  # fmt: skip


def is_terminal(state: str) -> bool:
    return state in TERMINAL - {"rejected"}


def register(orders: OrderManagement) -> None:
    """Hangs the rules into the instance."""
    rules, book = OrderRules(orders), orders.instance.rules
    for table in (DOMAIN_ORDER, ORDER_TASK):
        book.add("Closure Requires Closed Work Orders", table, BEFORE, (UPDATE,), rules.gate)
    for table in (ORDER, ORDER_LINE):
        book.add("Point Of No Return", table, BEFORE, (UPDATE,), rules.lock)
    for table in (ORDER, ORDER_LINE, DOMAIN_ORDER, ORDER_TASK):
        book.add("Set Active", table, BEFORE, (INSERT, UPDATE), rules.activity)
    book.add("Cancel Child Domain Orders", DOMAIN_ORDER, AFTER, (UPDATE,), rules.cascade)
    book.add("Fallout On Manual Closure", DOMAIN_ORDER, AFTER, (UPDATE,), rules.fall_out)
    book.add("Fulfilment Flow Waits For Field Work", DOMAIN_ORDER, AFTER, (UPDATE,), rules.field_work_done)
    book.add("Update Order Line Item State", DOMAIN_ORDER, AFTER, (UPDATE,), rules.roll_up)


class OrderRules:
    """The rules themselves, each watching one kind of write."""

    def __init__(self, orders: OrderManagement) -> None:
        self._orders = orders

    def gate(self, change: Change) -> None:
        if not self._orders.enforcing or not change.changed("state"):
            return
        if _state(self._orders, change) in _CLOSED and _open_work(self._orders, change):
            raise change.abort("Closure Requires Closed Work Orders")

    def lock(self, change: Change) -> None:
        if self._orders.enforcing and change.was("ponr") == "true" and change.changed(*_LOCKED_FIELDS):
            raise change.abort("Point Of No Return")

    def activity(self, change: Change) -> None:
        done = is_terminal(_state(self._orders, change))
        change.values["active"] = "false" if done else "true"
        if done and not change.new("closed_at"):
            change.values["closed_at"] = change.instance.clock.stamp()

    def cascade(self, change: Change) -> None:
        if change.changed("state") and _state(self._orders, change) == "canceled":
            _cancel_below(self._orders, change.row)

    def fall_out(self, change: Change) -> None:
        """Where closing is the flow's, somebody else who closes leaves a failure record behind."""
        by_hand = change.user != SYSTEM_USER and _state(self._orders, change) in _CLOSED
        if self._orders.fallout and by_hand and change.changed("state"):
            reason = f"{change.row['number']} was closed by hand while its flow was running"
            self._orders.instance.insert(FALLOUT, {"source": change.row.id, "reason": reason})

    def field_work_done(self, change: Change) -> None:
        """The flow goes on, and closes the domain order, when somebody says that the field work is done."""
        if change.changed("u_field_work") and change.new("u_field_work") == "done":
            self._orders.move(change.row, "closed_complete")

    def roll_up(self, change: Change) -> None:
        if change.changed("state") and is_terminal(_state(self._orders, change)):
            _roll_up_line(self._orders, change.row)


def _state(orders: OrderManagement, change: Change) -> str:
    table = next(
        name for name in change.instance.dictionary.chain(change.table) if name in orders.instance.codes
    )
    return orders.instance.codes[table].name(change.new("state"))


def _open_work(orders: OrderManagement, change: Change) -> bool:
    ids = [change.row.id, *(task.id for task in orders.order_tasks(change.row))]
    return any(orders.open_work_orders(id) for id in ids)


def _cancel_below(orders: OrderManagement, domain_order: Row) -> None:
    children = orders.instance.store.find(DOMAIN_ORDER, parent=domain_order.id)
    for row in (*children, *orders.order_tasks(domain_order)):
        if not is_terminal(orders.state_of(row)):
            orders.move(row, "canceled", SYSTEM_USER)


def _roll_up_line(orders: OrderManagement, domain_order: Row) -> None:
    line = orders.instance.store.get(ORDER_LINE, domain_order["order_line_item"])
    if line is None or not _finish(orders, line, orders.domain_orders(line)):
        return
    order = orders.instance.store.get(ORDER, line["order"])
    if order is not None:
        _finish(orders, order, orders.lines(order))


def _finish(orders: OrderManagement, above: Row, below: list[Row]) -> bool:
    """Completes a record when everything below it is over; cancels it when nothing below was completed."""
    states = {orders.state_of(row) for row in below}
    if is_terminal(orders.state_of(above)) or not states or not all(is_terminal(state) for state in states):
        return False
    orders.move(above, "canceled" if states == {"canceled"} else "completed", SYSTEM_USER)
    return True
