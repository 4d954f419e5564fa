"""One line at the point of no return locks its whole order, at the decision and in the step that sends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings.model import Kind
from mappings.notes import PONR_MEANWHILE
from mappings.ponr import Scope


@pytest.fixture
def order(world):
    """A second line beside that of DO1; what DO1 needs is delivered."""
    world.om.put(Kind.ORDER_LINE, "ORDL2", "in_progress", order=world.id("ORD1"))
    world.order("Fiber Access")
    world.settle_down()
    return world


def flag(world, value):
    world.om.edit(Kind.ORDER_LINE, world.id("ORDL2"), ponr=value)


def move(world, place):
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), location=place)


def places(world):
    return {row.get("location") for row in world.work_orders}


def test_a_change_beside_a_line_at_the_point_is_refused_until_the_flag_goes(order):
    flag(order, "true")
    order.settle_down()
    move(order, "there")
    order.settle_down()
    (refusal,) = [note for note in order.notes_on("DO1") if "(Order line ORDL2)" in note]
    assert ("- location: here -> there" in refusal, places(order)) == (True, {"location/here"})
    flag(order, "false")
    order.settle_down()
    assert places(order) == {"location/there"}


@pytest.mark.parametrize(("scope", "sent"), [(Scope.ORDER, False), (Scope.LINE, True)])
def test_a_flag_that_comes_between_decision_and_send_is_honoured(order, scope, sent):
    order.policy = replace(order.policy, ponr_scope=scope)
    move(order, "there")
    order.take_in()
    flag(order, "true")
    order.deliver()
    assert places(order) == {"location/there" if sent else "location/here"}
    order.settle_down()
    assert any(PONR_MEANWHILE in note for note in order.notes_on("DO1")) is not sent


def test_a_line_beside_that_does_not_parse_may_be_past_the_point_and_is_waited_for(order):
    move(order, "there")
    order.take_in()
    order.om.unreadable.add(order.id("ORDL2"))
    order.settle_down()
    assert places(order) == {"location/here"}
    order.om.unreadable.clear()
    order.settle_down()
    assert places(order) == {"location/there"}


@pytest.mark.parametrize("name", ["ORD1", "ORDL1"])
def test_a_hold_of_the_order_that_comes_between_decision_and_send_is_waited_for(order, name):
    kind = Kind.CUSTOMER_ORDER if name == "ORD1" else Kind.ORDER_LINE
    move(order, "there")
    order.take_in()
    order.om.edit(kind, order.id(name), "on_hold")
    order.deliver()
    assert places(order) == {"location/here"}
    order.om.edit(kind, order.id(name), "in_progress")
    order.settle_down()
    assert places(order) == {"location/there"}


def test_an_order_that_loses_its_approval_before_the_create_is_waited_for(world):
    world.order("Fiber Access")
    world.take_in()
    world.om.edit(Kind.CUSTOMER_ORDER, world.id("ORD1"), "rejected")
    world.deliver()
    assert world.work_orders == []
    world.om.edit(Kind.CUSTOMER_ORDER, world.id("ORD1"), "in_progress")
    world.settle_down()
    assert len(world.work_orders) == 1
