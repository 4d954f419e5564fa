"""History: domain orders that were there long before anybody watched, half of them with hand-made work orders.

Called by `server` at start and by the control API. Writes past the rules: nothing here is an event of today.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.sandbox.clock import STAMP_FORMAT
from syncd.sandbox.tables_domain import (
    DOMAIN_ORDER,
    ORDER,
    ORDER_LINE,
    PRODUCT_ORDER,
    RESOURCE_ORDER,
    SERVICE_ORDER,
    SPECIFICATION,
    WORK_ORDER,
    WORK_TASK,
)

if TYPE_CHECKING:
    from syncd.sandbox.instance import Instance
    from syncd.sandbox.world import World

_SHAPE = (
    (PRODUCT_ORDER, "Business Internet"),
    (SERVICE_ORDER, "Fiber Access"),
    (RESOURCE_ORDER, "Managed Router"),
    (RESOURCE_ORDER, "IP Address Block"),
)
_STATES = ("closed_complete", "in_progress", "closed_complete", "canceled", "in_progress")
_WORK_STATES = {
    "in_progress": ("closed_complete", "work_in_progress", "closed_incomplete", "assigned"),
    "closed_complete": ("closed_complete", "closed_incomplete"),
    "canceled": ("canceled",),
}
"""Of work orders, by the state of their domain order: what is closed has no work that is open."""


def write_history(world: World, domain_orders: int) -> dict[str, int]:
    """Creates that many domain orders, with orders and lines above them, and a work order for every second one."""
    om, fsm = world.order_instance, world.field_instance
    made: list[tuple[str, str]] = []
    while len(made) < domain_orders:
        state = _STATES[len(made) // len(_SHAPE) % len(_STATES)]
        ids = _write_line(om, min(len(_SHAPE), domain_orders - len(made)), len(made), state)
        made.extend((id, state) for id in ids)
    hand_made = [_write_work_order(fsm, id, place, state) for place, (id, state) in enumerate(made[::2])]
    return {"domain_orders": len(made), "work_orders": len(hand_made)}


def _write_line(om: Instance, size: int, before: int, state: str) -> list[str]:
    stamps = _stamps(om, 30 + before % 330)
    names = {"order": ORDER, "line": ORDER_LINE}
    over = {"closed_complete": "completed"}.get(state, state)
    shared = stamps | {
        "priority": "3",
        "account": _some(om, "customer_account", before),
        "active": _active(state),
    }
    order = om.put(ORDER, shared | {"state": om.codes[names["order"]].value(over)})
    place = _some(om, "cmn_location", before)
    line = om.put(
        ORDER_LINE,
        shared
        | {"order": order.id, "location": place, "state": om.codes[ORDER_LINE].value(over), "action": "add"},
    )
    made: list[str] = []
    for table, name in _SHAPE[:size]:
        specification = om.store.first(SPECIFICATION, name=name)
        values = {
            "order": order.id,
            "order_line_item": line.id,
            "location": place,
            "parent": made[min(len(made) - 1, 1)] if made else "",
            "specification": specification.id if specification else "",
            "state": om.codes[DOMAIN_ORDER].value(state),
            "action": "add",
        }
        made.append(om.put(table, shared | values).id)
    return made


def _write_work_order(fsm: Instance, domain_order: str, place: int, above: str) -> str:
    state = _WORK_STATES[above][place % len(_WORK_STATES[above])]
    stamps = _stamps(fsm, 20 + place % 300)
    shared = stamps | {
        "location": _some(fsm, "cmn_location", place),
        "account": _some(fsm, "customer_account", place),
    }
    active = {"active": "false" if state.startswith(("closed", "canceled")) else "true", "priority": "3"}
    text = {
        "short_description": "Made by hand",
        "initiated_from": domain_order,
        "state": fsm.codes[WORK_ORDER].value(state),
    }
    order = fsm.put(WORK_ORDER, shared | active | text)
    task = {"parent": order.id, "short_description": "Visit", "state": fsm.codes[WORK_TASK].value(state)}
    fsm.put(WORK_TASK, shared | active | task)
    return order.id


def _stamps(instance: Instance, days: int) -> dict[str, str]:
    created = instance.clock.now() - timedelta(days=days + 10, minutes=instance.random.randrange(600))
    updated = created + timedelta(days=instance.random.randrange(1, 9))
    who = {"sys_created_by": "order.agent", "sys_updated_by": "fulfilment.manager", "sys_mod_count": "4"}
    return who | {
        "sys_created_on": created.strftime(STAMP_FORMAT),
        "sys_updated_on": updated.strftime(STAMP_FORMAT),
    }


def _some(instance: Instance, table: str, place: int) -> str:
    rows = list(instance.store.rows(table))
    return rows[place % len(rows)].id


def _active(state: str) -> str:
    return "true" if state == "in_progress" else "false"
