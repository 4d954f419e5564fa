"""What people change in a running order beyond the values of its records: lines, quantities, places, characteristics.

Called by `order_management` and the control API. What an approval makes of it is here too: units that are missing are
decomposed, surplus ones cancelled, a move becomes a set of domain orders that cease and a set that provide.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from syncd.sandbox import order_rules
from syncd.sandbox.decomposition import decompose, decompose_late
from syncd.sandbox.instance import SYSTEM_USER
from syncd.sandbox.tables_domain import CHARACTERISTIC, DOMAIN_ORDER, ORDER_LINE, SPECIFICATION

if TYPE_CHECKING:
    from syncd.sandbox.order_management import OrderManagement
    from syncd.sandbox.records import Row

_OF_A_LINE = ("account", "contact", "priority", "product_specification", "action", "expected_start_date")


def add_line(orders: OrderManagement, order: Row, location: str, user: str) -> Row:
    """A further line like the first one, at another place; decomposed when the revision is approved."""
    first = orders.lines(order)[0]
    values = {name: first[name] for name in _OF_A_LINE} | {"order": order.id, "location": location}
    line = orders.instance.insert(ORDER_LINE, {**values, "quantity": "1"}, user)
    orders.move(line, "revision_in_progress", user)
    return line


def characterise(orders: OrderManagement, line: Row, values: Mapping[str, str], user: str) -> dict[str, Row]:
    """Writes characteristics of a line, each a row of its own that remembers its value before."""
    rows = {}
    for name, value in values.items():
        row = orders.instance.store.first(CHARACTERISTIC, order_line_item=line.id, characteristics=name)
        if row is None:
            given = {
                "order_line_item": line.id,
                "characteristics": name,
                "characteristic_option_value": value,
            }
            row = orders.instance.insert(CHARACTERISTIC, given, user)
        else:
            old = row["characteristic_option_value"]
            given = {"characteristic_option_value": value, "previous_characteristic_option_value": old}
            orders.instance.update(row, given, user)
        rows[name] = row
    return rows


def fulfil(orders: OrderManagement, order: Row, line: Row) -> None:
    """Brings the domain orders of a line in step with it."""
    if order_rules.is_terminal(orders.state_of(line)):
        return
    for domain_order in orders.domain_orders(line):
        if not order_rules.is_terminal(orders.state_of(domain_order)):
            orders.take_over(domain_order, line)
    units = [row for row in _tops(orders, line) if not order_rules.is_terminal(orders.state_of(row))]
    wanted = int(line["quantity"] or "1") * (2 if line["u_moved_from"] else 1)
    for surplus in units[wanted:]:
        orders.move(surplus, "canceled")
    if len(units) >= wanted or (orders.domain_orders(line) and not units):
        return
    if line["u_moved_from"]:
        decompose(orders, order, line, action="change", location=line["u_moved_from"])
        decompose(orders, order, line, action="add")
    else:
        decompose(orders, order, line, units=wanted - len(units))


def end_line(orders: OrderManagement, line: Row) -> None:
    """A line that a revision dropped, with its domain orders."""
    for top in _tops(orders, line):
        if not order_rules.is_terminal(orders.state_of(top)):
            orders.move(top, "canceled")
    if not order_rules.is_terminal(orders.state_of(line)):
        orders.move(line, "canceled")


def further(orders: OrderManagement, line: Row, specification: str) -> Row:
    """Staggered decomposition: a domain order that appears when its characteristics are known, however late."""
    tops = _tops(orders, line)
    found = orders.instance.store.first(SPECIFICATION, name=specification)
    return decompose_late(orders, line, found.id if found else "", parent=tops[0].id if tops else "")


def reinstate(orders: OrderManagement, rows: list[Row], order: Row, user: str) -> None:
    """What was cancelled is approved again: the order at a higher version, and everything named as it was before."""
    orders.instance.update(order, {"version": str(int(order["version"] or "1") + 1)}, user)
    for row in rows:
        if orders.state_of(row) == "canceled":
            orders.move(row, "in_progress", user, closed_at="")
    for row in rows:
        for child in orders.instance.store.find(DOMAIN_ORDER, parent=row.id):
            if orders.state_of(child) == "canceled":
                orders.move(child, "in_progress", SYSTEM_USER, closed_at="")


def _tops(orders: OrderManagement, line: Row) -> list[Row]:
    """The domain orders of a line that stand under no other: one for each unit."""
    return [row for row in orders.domain_orders(line) if not row["parent"]]
