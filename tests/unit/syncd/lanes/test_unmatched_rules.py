"""A revision takes a domain order out of its rule: the lanes tell it, or cancel, and find their way back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings.model import Kind


@pytest.fixture
def order(world):
    world.order("Fiber Access")
    world.settle_down()
    return world


def specify(world, specification):
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), specification=specification)


def states(world):
    return sorted(row.state for row in world.work_orders)


def test_by_default_a_person_is_told_once(order, events):
    specify(order, "Voice")
    order.settle_down()
    (note,) = [note for note in order.notes_on("DO1") if "no rule prescribes" in note]
    assert order.work_orders[0].number in note
    assert states(order) == ["ready"]
    assert [e["slots"] for e in events if e["event"] == "rule.unmatched"] == [["fiber:1"]]


def test_where_the_config_says_so_it_is_cancelled_and_made_anew_when_the_rule_is_back(order):
    order.policy = replace(order.policy, unmatched="cancel")
    specify(order, "Voice")
    order.settle_down()
    assert states(order) == ["canceled"]
    specify(order, "Fiber Access")
    order.settle_down()
    assert states(order) == ["canceled", "ready"]


def test_a_rule_that_is_back_before_the_cancel_is_sent_keeps_the_work_order(order):
    order.policy = replace(order.policy, unmatched="cancel")
    specify(order, "Voice")
    order.take_in()
    specify(order, "Fiber Access")
    order.deliver()
    order.settle_down()
    assert states(order) == ["ready"]
    assert len(order.work_orders) == 1


def test_a_new_rule_beside_the_old_one_makes_its_own(order):
    specify(order, "Managed Router")
    order.settle_down()
    assert len(order.work_orders) == 3
    assert states(order) == ["ready"] * 3


@pytest.mark.parametrize("way", ["flag", "cancel"])
def test_one_that_people_open_again_is_told_once_and_stays(order, way):
    """Its rule was lost when it had ended, so that nothing was to be told then."""
    order.policy = replace(order.policy, unmatched=way)
    (work_order,) = order.work_orders
    order.fsm.advance(work_order.id, "closed_complete")
    order.settle_down()
    specify(order, "Voice")
    order.settle_down()
    assert not [note for note in order.notes_on("DO1") if "rule prescribes" in note]
    order.fsm.advance(work_order.id, "assigned")
    order.settle_down()
    (note,) = [note for note in order.notes_on("DO1") if "No rule prescribes" in note]
    assert work_order.number in note
    assert states(order) == ["assigned"]
