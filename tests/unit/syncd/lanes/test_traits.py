"""Characteristics come by a feed of their own, and no decision about a new domain order misses them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings.field_map import FieldMap, FieldRule
from mappings.model import TRAIT_KINDS, Kind, System
from syncd.intake import FEEDS
from syncd.sweep_findings import What

ROWS = Kind.CHARACTERISTIC


@pytest.fixture
def described(world):
    """The description of a work order names the speed of its line."""
    rules = (*world.policy.field_map.rules, FieldRule("description", text="{characteristic.speed}"))
    world.policy = replace(world.policy, field_map=FieldMap(rules))
    world.traits = {ROWS: ("order_line", "domain_order")}
    world.start()
    return world


def say(world, value, name="speed"):
    world.om.put(ROWS, f"C-{name}", "", order_line=world.id("ORDL1"), name=name, value=value)


def texts(world):
    return [row.get("description") for row in world.work_orders]


def test_its_feed_is_read_before_that_of_domain_orders(described):
    assert described.intake.feeds(System.ORDER_MANAGEMENT).index(ROWS) == FEEDS[
        System.ORDER_MANAGEMENT
    ].index(Kind.DOMAIN_ORDER)
    assert described.intake.feeds(System.FIELD_SERVICE) == FEEDS[System.FIELD_SERVICE]


def test_a_new_domain_order_is_decided_with_what_describes_it_whatever_the_feeds_have_shown(described):
    described.order("Fiber Access")
    say(described, "100")
    described.take_in(Kind.DOMAIN_ORDER)
    described.deliver()
    assert texts(described) == ["100"]


def test_an_edit_reaches_the_work_order_once_and_is_noted(described):
    described.order("Fiber Access")
    say(described, "100")
    described.settle_down()
    say(described, "1000")
    say(described, "red", name="colour")
    described.settle_down()
    assert texts(described) == ["1000"]
    amended = [note for note in described.notes_on("DO1") if "was updated" in note]
    assert len(amended) == 1
    assert "- description: 100 -> 1000" in amended[0]


def test_rows_that_were_there_before_anybody_asked_change_nothing(world):
    """The feed is switched on in a state that has run without it."""
    world.order("Fiber Access")
    say(world, "100")
    world.settle_down()
    before = list(world.fsm.writes)
    world.policy = replace(
        world.policy, field_map=FieldMap((FieldRule("description", text="{characteristic.speed}"),))
    )
    world.traits = {ROWS: ("order_line", "domain_order")}
    world.start()
    world.take_in(ROWS)
    world.deliver()
    assert world.fsm.writes == before
    say(world, "200")
    world.settle_down()
    assert texts(world) == ["200"]


def test_the_row_of_a_domain_order_concerns_its_tasks_too(described):
    described.order("Fiber Access")
    described.om.put(Kind.ORDER_TASK, "T1", "open", domain_order=described.id("DO1"))
    described.settle_down()
    described.om.put(ROWS, "C1", "", domain_order=described.id("DO1"), name="speed", value="5")
    described.take_in(ROWS)
    with described.store.deciding() as tx:
        assert tx.subjects_of(ROWS, described.id("C1")) == (
            (Kind.DOMAIN_ORDER, described.id("DO1")),
            (Kind.ORDER_TASK, described.id("T1")),
        )
        assert tx.facts_for(Kind.ORDER_TASK, described.id("T1")).value("characteristic.speed") == "5"
        assert tx.subjects_of(ROWS, described.id("nobody")) == ()
    described.deliver()
    assert texts(described) == ["5"]


def test_every_kind_of_such_rows_has_a_place_in_the_state(described):
    described.order("Fiber Access")
    described.traits = dict.fromkeys(TRAIT_KINDS, ("order_line",))
    described.start()
    described.om.put(Kind.LINE_CONTACT, "K1", "", order_line=described.id("ORDL1"), email="a@example.com")
    described.settle_down()
    with described.store.deciding() as tx:
        facts = tx.facts_for(Kind.DOMAIN_ORDER, described.id("DO1"))
    assert facts.value("line_contact.email") == "a@example.com"


def test_a_row_that_committed_later_than_the_overlap_is_found_by_the_sweep(described):
    described.order("Fiber Access")
    say(described, "100")
    described.settle_down()
    described.time.pass_(1000)
    say(described, "red", name="colour")  # the feed is past what committed late
    described.settle_down(1)
    key = ROWS, described.id("C-speed")
    stamp = described.om.records[key].updated_at
    say(described, "1000")
    described.om.records[key] = replace(described.om.records[key], updated_at=stamp)
    described.settle_down(2)
    assert texts(described) == ["100"]
    found = [(one.what, one.detail) for one in described.sweep_up().findings if one.kind == ROWS]
    assert found == [(What.DIFFERENT, "value")]
    described.settle_down(2)
    assert texts(described) == ["1000"]
    assert described.sweep_up().findings == []


def test_the_sweep_leaves_rows_alone_that_no_pass_has_read_yet(world):
    world.order("Fiber Access")
    say(world, "100")
    world.settle_down()
    world.policy = replace(
        world.policy, field_map=FieldMap((FieldRule("description", text="{characteristic.speed}"),))
    )
    world.traits = {ROWS: ("order_line", "domain_order")}
    world.start()
    assert [one for one in world.sweep_up().findings if one.kind == ROWS] == []


def test_rows_of_another_kind_of_owner_are_not_asked_for(described):
    described.traits = {ROWS: ("order_line",)}
    described.start()
    described.order("Fiber Access")
    described.om.put(ROWS, "C1", "", domain_order=described.id("DO1"), name="speed", value="5")
    described.take_in(ROWS)
    assert described.intake.above.describing(Kind.DOMAIN_ORDER, [described.id("DO1")]) == []
