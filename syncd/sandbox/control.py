"""The control API: what people do in the simulated systems, and what a test switches on and asks.

Served on both ports under /sandbox, without credentials, JSON in and out. Never under /api/now: a client under test
cannot reach it by accident.

    GET    /sandbox                              these routes
    POST   /sandbox/orders                       {locations: [names] | n, account?, contact?, priority?, product?, quantity?,
                                                  action?, move_from?: name} -> {order, number, lines}
    POST   /sandbox/orders/ID/approve|reject     the order, its revision or its cancellation, whichever waits
    POST   /sandbox/orders/ID/cancel             {approve: true}
    POST   /sandbox/orders/ID/revise             {changes: {field: value} | {line or order id: {field: value}}, approve: true,
                                                  characteristics?: the same, add_lines?: [names], drop_lines?: [ids]}
    POST   /sandbox/orders/ID/characteristics    {values: {name: value} | {line id: {name: value}}}     outside of a revision
    POST   /sandbox/orders/ID/decompose-further  {specification?, line?}     a domain order that appears late
    POST   /sandbox/orders/ID/reinstate          cancelled, and approved again at a higher version; for a domain order too
    POST   /sandbox/domain-orders/ID/cancel|hold|resume|close|request-closure|reinstate     domain orders and order tasks
    POST   /sandbox/records/TABLE                {values: {...}, user?, system?}     a new record
    POST   /sandbox/records/TABLE/ID             {values: {...}, user?, system?}     an edit, with the rules watching
    DELETE /sandbox/records/TABLE/ID             {user?, system?}
    POST   /sandbox/ponr/TABLE/ID                {value: true}
    POST   /sandbox/work-orders                  {domain_order, template?, short_description?}     made by hand
    POST   /sandbox/work-orders/ID/advance       {to: assigned|accepted|in_progress|closed|closed_incomplete|canceled,
                                                  task?, follow_on?, user?}
    POST   /sandbox/work-orders/ID/cancel        {reason}
    POST   /sandbox/work-orders/ID/point         {domain_order}: named as the one that it was made from
    POST   /sandbox/work-orders/ID/merge         {into}: cancelled, because another one does its work
    POST   /sandbox/work-orders/ID/copy          another one with all that it says, its correlation too
    DELETE /sandbox/work-orders/ID
    POST   /sandbox/history                      {domain_orders: n}
    GET    /sandbox/faults, POST, DELETE         see `faults`: {system?, kind, method?, table?, count?, skip?, ...}
    GET    /sandbox/limits, POST, DELETE         {system?, requests, per_s}: a rate limit rule; how often it was met
    POST   /sandbox/rows                         {system, table, query?}: rows as they stand, whatever faults and access rules say
    GET    /sandbox/report                       everything there is, with notes, per correlation, and what is doubled
    GET    /sandbox/requests, DELETE             counts of requests by system, method and table; of writes
    GET    /sandbox/clock, POST                  {advance_s?, freeze?: bool}
    POST   /sandbox/settings                     {enforcing?, fallout?, qualification?, cancel_in_progress?,
                                                  decomposition_delay_ms?, token_life_s?,
                                                  properties?: {name: value}}
    POST   /sandbox/tokens/expire
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.sandbox.control_orders import ORDER_ROUTES
from syncd.sandbox.control_tools import Body, ControlError, Handler, instance_for, record
from syncd.sandbox.errors import ApiError
from syncd.sandbox.history import write_history
from syncd.sandbox.instance import SYSTEM_USER, Session
from syncd.sandbox.messages import Reply, Request
from syncd.sandbox.report import build_report
from syncd.sandbox.search import Search

if TYPE_CHECKING:
    from syncd.sandbox.world import World


class Control:
    """Serves /sandbox for one world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def serve(self, request: Request) -> Reply:
        """Answers one request; never raises."""
        try:
            return self._serve(request)
        except ControlError as error:
            return Reply(400, {"error": str(error)})
        except ApiError as error:
            return Reply(error.status, {"error": error.message, "detail": error.detail})

    def _serve(self, request: Request) -> Reply:
        path = request.path.removeprefix("/sandbox").rstrip("/")
        for method, pattern, handler in _ROUTES:
            match = pattern.fullmatch(path)
            if match and method == request.method:
                return Reply(200, handler(self._world, match.groups(), Body(request.json())))
        return Reply(404, {"error": f"no such control: {request.method} {request.path}"})


def _help(_: World, __: tuple[str, ...], ___: Body) -> object:
    return {
        "routes": [
            line.strip() for line in (__doc__ or "").splitlines() if "/sandbox" in line and line[:4] == "    "
        ]
    }


def _insert(world: World, ids: tuple[str, ...], body: Body) -> object:
    instance = instance_for(world, ids[0], body)
    values = {name: str(value) for name, value in body.mapping("values").items()}
    return {"sys_id": instance.insert(ids[0], values, body.text("user", SYSTEM_USER)).id}


def _edit(world: World, ids: tuple[str, ...], body: Body) -> object:
    instance = instance_for(world, ids[0], body)
    row = record(instance, *ids)
    changed = instance.update(row, body.mapping("values"), body.text("user", SYSTEM_USER))
    return {"changed": changed, "record": row.values}


def _remove(world: World, ids: tuple[str, ...], body: Body) -> object:
    instance = instance_for(world, ids[0], body)
    instance.delete(record(instance, *ids), body.text("user", SYSTEM_USER))
    return {"deleted": ids[1]}


def _ponr(world: World, ids: tuple[str, ...], body: Body) -> object:
    instance = instance_for(world, ids[0], body)
    row = record(instance, *ids)
    instance.update(row, {"ponr": body.flag("value", default=True)})
    return {"sys_id": row.id, "ponr": row["ponr"]}


def _history(world: World, _: tuple[str, ...], body: Body) -> object:
    return write_history(world, body.number("domain_orders", 500))


def _add_fault(world: World, _: tuple[str, ...], body: Body) -> object:
    try:
        fault = world.faults.add(body.values)
    except ValueError as error:
        raise ControlError(str(error)) from None
    return {"id": fault.id, "kind": fault.kind}


def _set_limit(world: World, _: tuple[str, ...], body: Body) -> object:
    for system, name in (("order_management", "om"), ("field_service", "fsm")):
        if body.text("system") in ("", "both", name):
            world.rates.set(system, body.number("requests", 100), body.number("per_s", 3600))
    return world.rates.report()


def _limits(world: World, _: tuple[str, ...], __: Body) -> object:
    return world.rates.report()


def _clear_limits(world: World, _: tuple[str, ...], __: Body) -> object:
    world.rates.clear()
    return {}


def _list_faults(world: World, _: tuple[str, ...], __: Body) -> object:
    return {
        "faults": [{"id": f.id, "kind": f.kind, "system": f.system, "count": f.count} for f in world.faults]
    }


def _clear_faults(world: World, ids: tuple[str, ...], _: Body) -> object:
    world.faults.clear(int(ids[0]) if ids else None)
    return _list_faults(world, (), Body({}))


def _rows(world: World, _: tuple[str, ...], body: Body) -> object:
    table = body.text("table")
    instance = instance_for(world, table, body)
    query = body.text("query")
    search = Search(instance, Session(instance, SYSTEM_USER), table, query)
    in_order_of_birth = (row for row in instance.store.rows(table) if search.matches(row))
    found = search.rows() if "ORDERBY" in query else list(in_order_of_birth)
    names = {row.table: tuple(instance.dictionary.fields(row.table)) for row in found}
    return {"rows": [{name: row[name] for name in names[row.table]} for row in found]}


def _report(world: World, _: tuple[str, ...], __: Body) -> object:
    return build_report(world)


def _requests(world: World, _: tuple[str, ...], __: Body) -> object:
    return world.traffic.report()


def _clear_requests(world: World, _: tuple[str, ...], __: Body) -> object:
    world.traffic.clear()
    return world.traffic.report()


def _clock(world: World, _: tuple[str, ...], body: Body) -> object:
    if "freeze" in body.values:
        freeze: Mapping[bool, Callable[[], None]] = {True: world.clock.freeze, False: world.clock.resume}
        freeze[body.flag("freeze", default=False)]()
    world.clock.advance(float(body.text("advance_s", "0")))
    world.agenda.run_due()
    return {"now": world.clock.stamp()}


def _settings(world: World, _: tuple[str, ...], body: Body) -> object:
    orders, work = world.orders, world.work
    orders.enforcing = body.flag("enforcing", default=orders.enforcing)
    orders.fallout = body.flag("fallout", default=orders.fallout)
    work.qualification = body.flag("qualification", default=work.qualification)
    work.cancellable_in_progress = body.flag("cancel_in_progress", default=work.cancellable_in_progress)
    delay = body.number("decomposition_delay_ms", int(orders.delay / timedelta(milliseconds=1)))
    orders.delay = timedelta(milliseconds=delay)
    for instance in {id(i): i for i in (world.order_instance, world.field_instance)}.values():
        if life := body.number("token_life_s", 0):
            for client in instance.store.rows("oauth_entity"):
                instance.update(client, {"access_token_lifespan": str(life)})
        for name, value in body.mapping("properties").items():
            row = instance.store.first("sys_properties", name=name)
            if row is None:
                instance.put("sys_properties", {"name": name, "value": str(value)})
            else:
                instance.update(row, {"value": str(value)})
    return {
        "enforcing": orders.enforcing,
        "qualification": work.qualification,
        "cancel_in_progress": work.cancellable_in_progress,
        "decomposition_delay_ms": delay,
    }


def _expire(world: World, _: tuple[str, ...], __: Body) -> object:
    for authority in world.authorities:
        authority.expire_all()
    return {"expired": True}


_TABLE = {
    ("GET", ""): _help,
    ("POST", r"/records/(\w+)"): _insert,
    ("POST", r"/records/(\w+)/(\w+)"): _edit,
    ("DELETE", r"/records/(\w+)/(\w+)"): _remove,
    ("POST", r"/ponr/(\w+)/(\w+)"): _ponr,
    ("POST", "/history"): _history,
    ("POST", "/faults"): _add_fault,
    ("GET", "/faults"): _list_faults,
    ("DELETE", r"/faults"): _clear_faults,
    ("DELETE", r"/faults/(\d+)"): _clear_faults,
    ("POST", "/limits"): _set_limit,
    ("GET", "/limits"): _limits,
    ("DELETE", "/limits"): _clear_limits,
    ("POST", "/rows"): _rows,
    ("GET", "/report"): _report,
    ("GET", "/requests"): _requests,
    ("DELETE", "/requests"): _clear_requests,
    ("GET", "/clock"): _clock,
    ("POST", "/clock"): _clock,
    ("POST", "/settings"): _settings,
    ("POST", "/tokens/expire"): _expire,
    **ORDER_ROUTES,
}
_ROUTES: list[tuple[str, re.Pattern[str], Handler]] = [
    (method, re.compile(pattern), handler) for (method, pattern), handler in _TABLE.items()
]
