"""The control API's routes for orders, domain orders and work orders: what agents, managers and technicians do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.sandbox import revisions
from syncd.sandbox.control_tools import Body, ControlError, Handler, named, record, work_order
from syncd.sandbox.field_service import DISPATCHER, FIELD_AGENT
from syncd.sandbox.order_management import AGENT, MANAGER, PRODUCT, Placement, Revision
from syncd.sandbox.seed import CUSTOMERS, LOCATIONS
from syncd.sandbox.tables_domain import (
    DOMAIN_ORDER,
    ORDER,
    ORDER_LINE,
    ORDER_TASK,
    WORK_ORDER,
    WORK_TEMPLATE,
)

if TYPE_CHECKING:
    from syncd.sandbox.records import Row
    from syncd.sandbox.world import World


def _place(world: World, _: tuple[str, ...], body: Body) -> object:
    om = world.order_instance
    account = named(om, "customer_account", body.text("account", CUSTOMERS[0][0]))
    row = om.store.get("customer_account", account)
    contact = body.text("contact")
    placement = Placement(
        locations=[named(om, "cmn_location", name) for name in _locations(body)],
        account=account,
        contact=named(om, "customer_contact", contact)
        if contact
        else (row["primary_contact"] if row else ""),
        priority=body.text("priority", "3"),
        product=body.text("product", PRODUCT),
        action=body.text("action", "add"),
        quantity=body.text("quantity", "1"),
        moved_from=named(om, "cmn_location", body.text("move_from")) if body.text("move_from") else "",
    )
    order = world.orders.place(placement, body.text("user", AGENT))
    return _summary(world, order)


def _locations(body: Body) -> list[str]:
    wanted = body.values.get("locations", 1)
    if isinstance(wanted, int):
        return [LOCATIONS[place % len(LOCATIONS)][0] for place in range(wanted)]
    if not isinstance(wanted, list):
        raise ControlError("locations must be a number or a list of names")
    return [str(name) for name in wanted]


def _summary(world: World, order: Row) -> dict[str, object]:
    lines = [line.id for line in world.orders.lines(order)]
    return {
        "order": order.id,
        "number": order["number"],
        "lines": lines,
        "state": world.orders.state_of(order),
    }


def _order(world: World, id: str) -> Row:
    return record(world.order_instance, ORDER, id)


def _approve(world: World, ids: tuple[str, ...], body: Body) -> object:
    order = _order(world, ids[0])
    world.orders.approve(order, body.text("user", MANAGER))
    return _summary(world, order)


def _reject(world: World, ids: tuple[str, ...], body: Body) -> object:
    order = _order(world, ids[0])
    world.orders.reject(order, body.text("user", MANAGER))
    return _summary(world, order)


def _cancel(world: World, ids: tuple[str, ...], body: Body) -> object:
    order = _order(world, ids[0])
    world.orders.request_cancel(order, body.text("user", AGENT))
    return _approved(world, order, body)


def _revise(world: World, ids: tuple[str, ...], body: Body) -> object:
    order = _order(world, ids[0])
    om = world.order_instance
    revision = Revision(
        values=_changes(world, order, body, "changes"),
        add=[named(om, "cmn_location", name) for name in _texts(body, "add_lines")],
        drop=_texts(body, "drop_lines"),
        characteristics=_changes(world, order, body, "characteristics"),
    )
    world.orders.revise(order, revision, body.text("user", AGENT))
    return _approved(world, order, body)


def _texts(body: Body, name: str) -> list[str]:
    given = body.values.get(name, [])
    if not isinstance(given, list):
        raise ControlError(f"{name} must be a list")
    return [str(one) for one in given]


def _characterise(world: World, ids: tuple[str, ...], body: Body) -> object:
    """Characteristics of a line, or of every line of an order, outside of a revision."""
    order = _order(world, ids[0])
    for id, values in _changes(world, order, body, "values").items():
        line = record(world.order_instance, ORDER_LINE, id)
        revisions.characterise(world.orders, line, values, body.text("user", AGENT))
    return _summary(world, order)


def _further(world: World, ids: tuple[str, ...], body: Body) -> object:
    order = _order(world, ids[0])
    given = body.text("line")
    line = record(world.order_instance, ORDER_LINE, given) if given else world.orders.lines(order)[0]
    return _state(world, revisions.further(world.orders, line, body.text("specification", "Managed Router")))


def _reinstate_order(world: World, ids: tuple[str, ...], body: Body) -> object:
    order = _order(world, ids[0])
    lines = world.orders.lines(order)
    below = [row for line in lines for row in world.orders.domain_orders(line)]
    tasks = [task for row in below for task in world.orders.order_tasks(row)]
    revisions.reinstate(world.orders, [*below, *tasks, *lines, order], order, body.text("user", MANAGER))
    return _summary(world, order)


def _reinstate(world: World, ids: tuple[str, ...], body: Body) -> object:
    row = _subject(world, ids[0])
    order = record(world.order_instance, ORDER, row["order"])
    revisions.reinstate(world.orders, [row], order, body.text("user", MANAGER))
    return _state(world, row)


def _changes(world: World, order: Row, body: Body, name: str) -> dict[str, dict[str, str]]:
    """Values by record id; plain values are meant for every line."""
    given = body.mapping(name)
    changes: dict[str, dict[str, str]] = {}
    for key, value in given.items():
        if isinstance(value, dict):
            changes[key] = {str(field): str(new) for field, new in value.items()}
            continue
        for line in world.orders.lines(order):
            changes.setdefault(line.id, {})[key] = str(value)
    return changes


def _approved(world: World, order: Row, body: Body) -> dict[str, object]:
    waiting = world.orders.state_of(order) in {"revision_in_progress", "assessing_cancellation"}
    if waiting and body.flag("approve", default=True):
        world.orders.approve(order)
    return _summary(world, order)


def _subject(world: World, id: str) -> Row:
    om = world.order_instance
    row = (
        om.store.get("task", id)
        or om.store.first(DOMAIN_ORDER, number=id)
        or om.store.first(ORDER_TASK, number=id)
    )
    if row is None:
        raise ControlError(f"no domain order or order task {id}")
    return row


def _cancel_subject(world: World, ids: tuple[str, ...], body: Body) -> object:
    row = _subject(world, ids[0])
    world.orders.move(row, "canceled", body.text("user", MANAGER))
    return _state(world, row)


def _hold(world: World, ids: tuple[str, ...], body: Body) -> object:
    row = _subject(world, ids[0])
    world.orders.hold(row, body.text("user", MANAGER))
    return _state(world, row)


def _resume(world: World, ids: tuple[str, ...], body: Body) -> object:
    row = _subject(world, ids[0])
    world.orders.resume(row, body.text("user", MANAGER))
    return _state(world, row)


def _close(world: World, ids: tuple[str, ...], body: Body) -> object:
    row = _subject(world, ids[0])
    world.orders.move(row, "closed_complete", body.text("user", MANAGER))
    return _state(world, row)


def _request_closure(world: World, ids: tuple[str, ...], body: Body) -> object:
    row = _subject(world, ids[0])
    world.order_instance.update(row, {"u_closure_request": "requested"}, body.text("user", MANAGER))
    return _state(world, row)


def _state(world: World, row: Row) -> dict[str, object]:
    return {"sys_id": row.id, "number": row["number"], "state": world.orders.state_of(row)}


def _make_work_order(world: World, _: tuple[str, ...], body: Body) -> object:
    """A work order that a dispatcher makes by hand for a domain order."""
    subject, fsm = _subject(world, body.text("domain_order")), world.field_instance
    values = {
        "initiated_from": subject.id,
        "short_description": body.text("short_description", f"Extra visit for {subject['number']}"),
        "priority": subject["priority"],
    }
    for name, table in (("location", "cmn_location"), ("account", "customer_account")):
        there = world.order_instance.store.get(table, subject[name])
        here = fsm.store.first(table, name=there["name"]) if there else None
        values[name] = here.id if here else ""
    if template := body.text("template"):
        values["template"] = named(fsm, WORK_TEMPLATE, template)
    order = fsm.insert(WORK_ORDER, values, body.text("user", DISPATCHER))
    return _work_state(world, order)


def _advance(world: World, ids: tuple[str, ...], body: Body) -> object:
    order = work_order(world, ids[0])
    follow_on = body.flag("follow_on", default=False)
    user = body.text("user", FIELD_AGENT)
    world.work.advance(order, body.text("to"), user, follow_on=follow_on, task=body.text("task"))
    return _work_state(world, order)


def _cancel_work(world: World, ids: tuple[str, ...], body: Body) -> object:
    order = work_order(world, ids[0])
    world.work.cancel(order, body.text("reason"), body.text("user", DISPATCHER))
    return _work_state(world, order)


def _point_work(world: World, ids: tuple[str, ...], body: Body) -> object:
    """A dispatcher names another domain order as the one that a work order was made from."""
    order, name = work_order(world, ids[0]), body.text("domain_order")
    world.work.point(order, _subject(world, name).id if name else "", body.text("user", DISPATCHER))
    return _work_state(world, order)


def _merge_work(world: World, ids: tuple[str, ...], body: Body) -> object:
    order, into = work_order(world, ids[0]), work_order(world, body.text("into"))
    world.work.merge(order, into, body.text("user", DISPATCHER))
    return _work_state(world, order)


def _copy_work(world: World, ids: tuple[str, ...], body: Body) -> object:
    order = world.work.copy(work_order(world, ids[0]), body.text("user", DISPATCHER))
    return _work_state(world, order)


def _delete_work(world: World, ids: tuple[str, ...], body: Body) -> object:
    """An administrator deletes a work order with its tasks."""
    order = work_order(world, ids[0])
    state = _work_state(world, order)
    world.field_instance.delete(order, body.text("user", DISPATCHER))
    return state


def _work_state(world: World, order: Row) -> dict[str, object]:
    tasks = [
        {"sys_id": t.id, "number": t["number"], "state": world.work.state(t)}
        for t in world.work.tasks(order.id)
    ]
    return {"sys_id": order.id, "number": order["number"], "state": world.work.state(order), "tasks": tasks}


ORDER_ROUTES: dict[tuple[str, str], Handler] = {
    ("POST", "/orders"): _place,
    ("POST", r"/orders/(\w+)/approve"): _approve,
    ("POST", r"/orders/(\w+)/reject"): _reject,
    ("POST", r"/orders/(\w+)/cancel"): _cancel,
    ("POST", r"/orders/(\w+)/revise"): _revise,
    ("POST", r"/orders/(\w+)/characteristics"): _characterise,
    ("POST", r"/orders/(\w+)/decompose-further"): _further,
    ("POST", r"/orders/(\w+)/reinstate"): _reinstate_order,
    ("POST", r"/domain-orders/(\w+)/cancel"): _cancel_subject,
    ("POST", r"/domain-orders/(\w+)/reinstate"): _reinstate,
    ("POST", r"/domain-orders/(\w+)/hold"): _hold,
    ("POST", r"/domain-orders/(\w+)/resume"): _resume,
    ("POST", r"/domain-orders/(\w+)/close"): _close,
    ("POST", r"/domain-orders/(\w+)/request-closure"): _request_closure,
    ("POST", "/work-orders"): _make_work_order,
    ("POST", r"/work-orders/(\w+)/advance"): _advance,
    ("POST", r"/work-orders/(\w+)/cancel"): _cancel_work,
    ("POST", r"/work-orders/(\w+)/point"): _point_work,
    ("POST", r"/work-orders/(\w+)/merge"): _merge_work,
    ("POST", r"/work-orders/(\w+)/copy"): _copy_work,
    ("DELETE", r"/work-orders/(\w+)"): _delete_work,
}
