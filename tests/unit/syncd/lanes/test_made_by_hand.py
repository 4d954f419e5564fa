"""Work orders that people make, point elsewhere, share and merge: found, linked, noted, counted, left alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings.closure import ClosureSettings
from mappings.links import LinkSettings
from mappings.model import Kind

LINKS = LinkSettings("initiated_from", "id", merged="parent")


@pytest.fixture
def office(world):
    """Two domain orders of which only the first gets a work order by rule, and a gate."""
    closure = ClosureSettings(
        marker=("closure_request", "requested"), release={"state": "closed_complete"}, merged="parent"
    )
    world.policy = replace(world.policy, links=LINKS, closure=closure)
    world.start()
    world.order("Fiber Access", "IP Address Block")
    world.settle_down(2)
    return world


def by_hand(office, *names, number="WO-HAND", state="assigned", **fields):
    """A dispatcher makes, or changes, a work order that names these domain orders."""
    named = ",".join(office.id(name) for name in names)
    return office.fsm.put(Kind.WORK_ORDER, number, state, initiated_from=named, **fields)


def notes(office, name, word):
    return [note for note in office.notes_on(name) if f"[syncd:1:{word}:" in note]


def links(office, name):
    with office.store.deciding() as tx:
        return {link.work_order for link in tx.facts_for(Kind.DOMAIN_ORDER, office.id(name)).links}


def ask(office, name):
    office.om.edit(Kind.DOMAIN_ORDER, office.id(name), closure_request="requested")


def state_of(office, name):
    return office.om.records[Kind.DOMAIN_ORDER, office.id(name)].state


def test_one_that_names_several_is_linked_to_each(office):
    made = by_hand(office, "DO1", "DO2")
    office.settle_down(2)
    for name in ("DO1", "DO2"):
        assert made.id in links(office, name)
        assert len(notes(office, name, "adopted")) == 1


def test_one_that_a_rule_made_may_serve_another_order_too(office):
    (ours,) = office.work_orders
    office.fsm.edit(Kind.WORK_ORDER, ours.id, initiated_from=office.id("DO2"))
    office.settle_down(2)
    assert links(office, "DO1") == links(office, "DO2") == {ours.id}
    assert len(notes(office, "DO2", "linked")) == 1


def test_a_cancelled_order_leaves_the_work_order_to_the_other_one(office):
    (ours,) = office.work_orders
    office.fsm.edit(Kind.WORK_ORDER, ours.id, initiated_from=office.id("DO2"))
    office.settle_down(2)
    office.om.edit(Kind.DOMAIN_ORDER, office.id("DO1"), "canceled")
    office.settle_down(2)
    assert office.work_orders[0].state == "ready"
    office.om.edit(Kind.DOMAIN_ORDER, office.id("DO2"), "canceled")
    office.settle_down(2)
    assert office.work_orders[0].state == "canceled"


@pytest.mark.parametrize(("kind", "name"), [(Kind.CUSTOMER_ORDER, "ORD1"), (Kind.ORDER_LINE, "ORDL1")])
def test_one_that_serves_two_is_cancelled_once_with_what_both_stand_with(office, events, kind, name):
    (ours,) = office.work_orders
    office.fsm.edit(Kind.WORK_ORDER, ours.id, initiated_from=office.id("DO2"))
    office.settle_down(2)
    office.om.edit(kind, office.id(name), "canceled")
    office.settle_down(2)
    assert office.work_orders[0].state == "canceled"
    assert office.fsm.writes.count("cancel_work_order") == 1
    assert [one for one in events if one["event"] == "invariant.violated"] == []


def test_a_cancel_that_another_order_overtakes_is_not_sent(office):
    (ours,) = office.work_orders
    office.om.edit(Kind.DOMAIN_ORDER, office.id("DO1"), "canceled")
    office.take_in()
    office.fsm.edit(Kind.WORK_ORDER, ours.id, initiated_from=office.id("DO2"))
    office.settle_down(2)
    assert office.work_orders[0].state == "ready"


def test_both_hold_their_closure_for_it(office):
    by_hand(office, "DO1", "DO2")
    office.fsm.advance(office.work_orders[0].id, "closed_complete")
    for name in ("DO1", "DO2"):
        ask(office, name)
    office.settle_down(3)
    assert all("WO-HAND" in notes(office, name, "held")[0] for name in ("DO1", "DO2"))
    by_hand(office, "DO1", "DO2", state="closed_complete")
    office.settle_down(3)
    assert {state_of(office, name) for name in ("DO1", "DO2")} == {"closed_complete"}


def test_one_that_is_pointed_elsewhere_leaves_and_is_told_on_both(office, events):
    made = by_hand(office, "DO1")
    office.settle_down(2)
    by_hand(office, "DO2")
    office.settle_down(2)
    assert made.id not in links(office, "DO1")
    assert links(office, "DO2") == {made.id}
    assert len(notes(office, "DO1", "unlinked")) == len(notes(office, "DO2", "linked")) == 1
    assert [e["number"] for e in events if e["event"] == "work_order.unlinked"] == ["WO-HAND"]


def test_one_that_is_pointed_back_is_told_again(office):
    for name in ("DO1", "DO2", "DO1"):
        made = by_hand(office, name)
        office.settle_down(2)
    assert made.id in links(office, "DO1")
    assert len(notes(office, "DO1", "linked")) == 1


def test_one_that_was_pointed_elsewhere_holds_no_closure_any_more(office):
    office.fsm.advance(office.work_orders[0].id, "closed_complete")
    by_hand(office, "DO1")
    ask(office, "DO1")
    office.settle_down(3)
    by_hand(office, "DO2")
    office.settle_down(3)
    assert state_of(office, "DO1") == "closed_complete"


def test_what_a_rule_made_stays_linked_whatever_the_field_says(office):
    (ours,) = office.work_orders
    for value in (office.id("DO1"), ""):
        office.fsm.edit(Kind.WORK_ORDER, ours.id, initiated_from=value)
        office.settle_down(2)
    assert links(office, "DO1") == {ours.id}


def test_a_closure_waits_for_the_work_order_that_another_was_merged_into(office):
    going_on = office.fsm.put(Kind.WORK_ORDER, "WO-BIG", "assigned")
    office.fsm.edit(Kind.WORK_ORDER, office.work_orders[0].id, "canceled", parent=going_on.id)
    ask(office, "DO1")
    office.settle_down(3)
    assert "WO-BIG" in notes(office, "DO1", "merged")[0]
    assert state_of(office, "DO1") == "in_progress"
    office.fsm.advance(going_on.id, "closed_complete")
    office.settle_down(3)
    assert state_of(office, "DO1") == "closed_complete"


def test_one_that_goes_on_and_cannot_be_read_holds(office):
    office.fsm.edit(
        Kind.WORK_ORDER, office.work_orders[0].id, "closed_complete", parent=office.id("WO-SECRET")
    )
    ask(office, "DO1")
    office.settle_down(3)
    assert "could not be read" in notes(office, "DO1", "held")[0]


@pytest.mark.parametrize(("adopted", "priority"), [("note", "4"), ("manage", "1")])
def test_its_fields_follow_the_order_only_where_the_config_says_so(office, adopted, priority):
    office.policy = replace(office.policy, adopted=adopted)
    made = by_hand(office, "DO2", priority="4", location="")
    office.settle_down(2)
    office.om.edit(Kind.DOMAIN_ORDER, office.id("DO2"), priority="1")
    office.settle_down(2)
    assert office.fsm.records[Kind.WORK_ORDER, made.id].get("priority") == priority


@pytest.mark.parametrize(("adopted", "state"), [("note", "assigned"), ("manage", "canceled")])
def test_it_is_cancelled_only_where_the_config_says_so(office, adopted, state):
    office.policy = replace(office.policy, adopted=adopted)
    made = by_hand(office, "DO2")
    office.settle_down(2)
    office.om.edit(Kind.DOMAIN_ORDER, office.id("DO2"), "canceled")
    office.settle_down(2)
    assert office.fsm.records[Kind.WORK_ORDER, made.id].state == state


def test_a_life_that_ends_between_two_hands_tells_each_once(office):
    by_hand(office, "DO1")
    office.settle_down(2)
    by_hand(office, "DO2")
    office.take_in()
    office.restart()
    office.settle_down(4)
    assert len(notes(office, "DO1", "unlinked")) == len(notes(office, "DO2", "linked")) == 1


@pytest.mark.parametrize("match", ["id", "number"])
def test_one_that_closed_before_its_order_could_be_read_is_linked_by_the_sweep(office, match):
    office.policy = replace(office.policy, links=replace(LINKS, match=match))
    named = "DO9" if match == "number" else office.id("DO9")
    made = office.fsm.put(Kind.WORK_ORDER, "WO-EARLY", "closed_complete", initiated_from=named)
    office.settle_down(2)
    office.time.pass_(3600)
    by_hand(office, "DO1", number="WO-LATER")  # the feed goes on behind it
    office.settle_down(2)
    office.om.put(Kind.DOMAIN_ORDER, "DO9", "in_progress", order_line=office.id("ORDL1"))
    office.settle_down(2)
    assert links(office, "DO9") == set()
    office.sweep.run(lambda: False)
    office.settle_down(2)
    assert links(office, "DO9") == {made.id}
    (note,) = notes(office, "DO9", "adopted")
    assert "WO-EARLY" in note
    office.sweep.run(lambda: False)
    assert len(notes(office, "DO9", "adopted")) == 1
