"""Decomposition: what an approved order line becomes.

Called by `order_management` after approval. The catalogue is a small tree of specifications; a product that is not in it
becomes a product order and nothing below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncd.sandbox.tables_domain import (
    ORDER_TASK,
    PRODUCT_ORDER,
    RESOURCE_ORDER,
    SERVICE_ORDER,
    SPECIFICATION,
)

if TYPE_CHECKING:
    from syncd.sandbox.order_management import OrderManagement
    from syncd.sandbox.records import Row


@dataclass(frozen=True, slots=True)
class Part:
    """One node of the tree: a domain order of `table`, with children and the request types of its order tasks."""

    table: str
    specification: str
    children: tuple[Part, ...] = ()
    tasks: tuple[tuple[str, str], ...] = ()


CATALOGUE = {
    "Business Internet": Part(
        PRODUCT_ORDER,
        "Business Internet",
        (
            Part(
                SERVICE_ORDER,
                "Fiber Access",
                (Part(RESOURCE_ORDER, "Managed Router"), Part(RESOURCE_ORDER, "IP Address Block")),
                (("survey", "site_survey"),),
            ),
        ),
    )
}


def decompose(
    orders: OrderManagement, order: Row, line: Row, *, units: int = 1, action: str = "", location: str = ""
) -> None:
    """Creates the domain orders of a line, once per unit. A move gives their action and place."""
    product = orders.instance.store.get(SPECIFICATION, line["product_specification"])
    name = product["name"] if product else ""
    part = CATALOGUE.get(name, Part(PRODUCT_ORDER, name))
    shared = {"order": order.id, "action": action or line["action"] or "add"}
    if location:
        shared["location"] = location
    for _ in range(units):
        _create(orders, part, order["number"], line, shared)


def decompose_late(orders: OrderManagement, line: Row, specification: str, *, parent: str) -> Row:
    """One resource order beside those that are there already."""
    found = orders.instance.store.get(SPECIFICATION, specification)
    shared = {"order": line["order"], "action": line["action"] or "add", "parent": parent}
    part = Part(RESOURCE_ORDER, found["name"] if found else "")
    return _create(orders, part, line["number"], line, shared)


def _create(orders: OrderManagement, part: Part, number: str, line: Row, shared: dict[str, str]) -> Row:
    instance = orders.instance
    specification = instance.store.first(SPECIFICATION, name=part.specification)
    values = {
        **orders.decomposed_values(line),
        "order_line_item": line.id,
        "specification": specification.id if specification else "",
        "short_description": f"{part.specification} for {number}",
        **shared,
    }
    codes = instance.codes
    table = next(name for name in instance.dictionary.chain(part.table) if name in codes)
    values["state"] = codes[table].value("in_progress")
    row = instance.insert(part.table, values)
    for task_type, request_type in part.tasks:
        _create_task(orders, row, task_type, request_type)
    for child in part.children:
        _create(orders, child, number, line, {**shared, "parent": row.id})
    return row


def _create_task(orders: OrderManagement, domain_order: Row, task_type: str, request_type: str) -> None:
    task = {name: domain_order[name] for name in ("location", "account", "contact", "priority")}
    described = {
        "order": domain_order.id,
        "task_type": task_type,
        "request_type": request_type,
        "state": orders.code(ORDER_TASK, "open"),
        "short_description": f"{request_type.replace('_', ' ').capitalize()} for {domain_order['number']}",
    }
    orders.instance.insert(ORDER_TASK, {**task, **described})
