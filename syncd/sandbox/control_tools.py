"""What the handlers of the control API share: reading a request's body and finding the record that it means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from syncd.sandbox.tables_domain import WORK_ORDER

if TYPE_CHECKING:
    from syncd.sandbox.instance import Instance
    from syncd.sandbox.records import Row
    from syncd.sandbox.world import World


class ControlError(Exception):
    """A request to the control API that makes no sense; its text is the answer."""


class Body:
    """The JSON object of a control request, read by type."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self.values = values

    def text(self, name: str, default: str = "") -> str:
        value = self.values.get(name)
        return default if value is None else str(value)

    def number(self, name: str, default: int) -> int:
        value = self.values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ControlError(f"{name} must be a whole number")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        value = self.values.get(name, default)
        if not isinstance(value, bool):
            raise ControlError(f"{name} must be true or false")
        return value

    def mapping(self, name: str) -> Mapping[str, object]:
        value = self.values.get(name, {})
        if not isinstance(value, dict):
            raise ControlError(f"{name} must be an object")
        return value


Handler = Callable[["World", tuple[str, ...], Body], object]


def instance_for(world: World, table: str, body: Body) -> Instance:
    """The instance that a table lives on; `system` in the body decides where both have it."""
    named = {"om": "order_management", "fsm": "field_service"}.get(body.text("system"), body.text("system"))
    instance = world.instance(named)
    if table in instance.dictionary:
        return instance
    other = world.field_instance if table not in world.order_instance.dictionary else world.order_instance
    if table not in other.dictionary:
        raise ControlError(f"no table {table}")
    return other


def record(instance: Instance, table: str, id: str) -> Row:
    """A record by id or number."""
    row = instance.store.get(table, id)
    if row is None and "number" in instance.dictionary.fields(table):
        row = instance.store.first(table, number=id)
    if row is None:
        raise ControlError(f"no record {id} in {table}")
    return row


def work_order(world: World, id: str) -> Row:
    return record(world.field_instance, WORK_ORDER, id)


def named(instance: Instance, table: str, name: str) -> str:
    """The id of the record with that name, or the id itself when it is one."""
    row = instance.store.first(table, name=name) or instance.store.get(table, name)
    if row is None:
        raise ControlError(f"no {table} named {name}")
    return row.id
