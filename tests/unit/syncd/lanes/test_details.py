"""The field that shows a domain order's work orders, on real lanes: current at last, whatever fails, and never in a loop."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.errors import Doubtful, Missing, Refused
from mappings.model import Kind

DO = Kind.DOMAIN_ORDER
FIELD = "shown"


@pytest.fixture
def showing(world):
    world.policy = replace(world.policy, details_fields={DO: FIELD})
    world.order("Fiber Access")
    world.settle_down(3)
    return world


def shown(world):
    return world.om.records[DO, world.id("DO1")].get(FIELD)


def writes(world):
    return world.om.writes.count("update")


def test_the_field_follows_its_work_orders_and_is_written_once_for_each_state(showing):
    (work_order,) = showing.work_orders
    assert shown(showing) == f"{work_order.number} (Fiber Installation): Ready for Dispatch"
    showing.fsm.advance(work_order.id, "assigned")
    showing.settle_down(4)
    assert shown(showing).endswith(": Assigned")
    assert writes(showing) == 2


def test_a_sweep_tries_again_what_was_refused(showing):
    (work_order,) = showing.work_orders
    showing.om.fail("update", Refused("no", reason="not today"))
    showing.fsm.advance(work_order.id, "assigned")
    showing.settle_down(3)
    assert shown(showing).endswith(": Ready for Dispatch")
    showing.sweep_up()
    showing.settle_down(2)
    assert shown(showing).endswith(": Assigned")


def test_what_happens_between_two_deliveries_is_one_write(showing):
    (work_order,) = showing.work_orders
    for state in ("assigned", "in_progress", "draft"):
        showing.fsm.advance(work_order.id, state)
        showing.look()
    showing.settle_down(3)
    assert shown(showing).endswith(": Draft")
    assert writes(showing) == 2


def test_a_state_that_came_back_before_it_was_sent_is_not_written(showing):
    (work_order,) = showing.work_orders
    for state in ("assigned", "ready"):
        showing.fsm.advance(work_order.id, state)
        showing.look()
    showing.settle_down(3)
    assert writes(showing) == 1


def test_what_a_person_writes_into_it_is_replaced(showing):
    showing.om.edit(DO, showing.id("DO1"), shown="mine")
    showing.settle_down(3)
    assert shown(showing).startswith("WO")


def test_what_a_person_writes_over_ours_before_it_is_settled_is_replaced(showing):
    """A feed shows it while the answer to our own write, which is older, is on its way."""
    update = showing.om.update

    def overwritten(kind, id, values):
        answered = update(kind, id, values)
        showing.om.update = update
        showing.om.edit(DO, id, shown="mine")
        showing.look()
        return answered

    showing.om.update = overwritten
    showing.fsm.advance(showing.work_orders[0].id, "assigned")
    showing.settle_down(4)
    assert shown(showing).endswith(": Assigned")
    assert writes(showing) == 3


@pytest.mark.parametrize("committed", [False, True], ids=["lost", "committed"])
def test_a_doubtful_write_ends_in_what_is_so(showing, committed):
    (work_order,) = showing.work_orders
    showing.om.fail("update", Doubtful("reset"), committed=committed)
    showing.fsm.advance(work_order.id, "assigned")
    showing.settle_down(8)
    assert shown(showing).endswith(": Assigned")


@pytest.mark.parametrize(
    "error", [Refused("no", reason="closed"), Missing("gone")], ids=["refused", "missing"]
)
def test_a_field_that_cannot_be_written_holds_up_no_note(showing, error):
    (work_order,) = showing.work_orders
    showing.om.fail("update", error, times=50)
    before = writes(showing)
    showing.fsm.advance(work_order.id, "assigned")
    showing.settle_down(6)
    assert any("-> Assigned" in note for note in showing.notes_on("DO1"))
    assert showing.store.summary().parked == ()
    assert writes(showing) - before <= 4


def test_a_server_that_cuts_the_text_is_not_written_to_for_ever(showing, events):
    whole = showing.om.update

    def cutting(kind, id, values):
        return whole(kind, id, {name: value[:10] for name, value in values.items()})

    showing.om.update = cutting
    (work_order,) = showing.work_orders
    before = writes(showing)
    showing.fsm.advance(work_order.id, "assigned")
    showing.settle_down(8)
    assert writes(showing) - before <= 4
    assert "field.dropped" in {event["event"] for event in events}


def test_a_restart_writes_nothing_that_is_shown_already(showing):
    before = writes(showing)
    showing.restart()
    showing.settle_down(6)
    assert writes(showing) == before
