"""Rows that relate work orders to their domain orders, through the real lanes: made once, whoever chooses their ids."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.errors import Conflict, Doubtful, Misconfigured, Refused, Unreachable
from mappings.closure import ClosureSettings
from mappings.model import Kind
from state.store import Overtaken
from syncd.performed import Performed
from syncd.relations import Relations

TYPE = "Contains::Task of"


@pytest.fixture
def related(world):
    world.policy = replace(world.policy, relation_type=TYPE)
    world.order("Fiber Access")
    return world


def pairs(world):
    return [(one.parent, one.child, one.type) for one in world.om.relations]


def expected(world):
    return [(world.id("DO1"), one.id, TYPE) for one in world.work_orders]


def test_each_work_order_becomes_one_row(related):
    related.settle_down()
    assert pairs(related) == expected(related) != []
    related.fsm.put(Kind.WORK_ORDER, "by hand", "draft", initiated_from=related.id("DO1"))
    related.settle_down()
    assert sorted(pairs(related)) == sorted(expected(related))
    assert len(pairs(related)) == 2


def test_a_row_that_a_person_made_is_left_as_it_is(related):
    related.om.fail("related", Doubtful("slow"))
    related.settle_down(rounds=1)
    work_order = related.work_orders[0].id
    related.om.relate_by_hand(related.id("DO1"), work_order, TYPE)
    related.settle_down()
    assert len(related.om.relations) == 1
    assert "relate" not in related.om.writes


@pytest.mark.parametrize("error", [Doubtful("reset"), Conflict("taken")], ids=["answer lost", "id taken"])
def test_a_row_whose_answer_was_lost_is_made_once(related, error):
    related.om.fail("relate", error, committed=True)
    related.settle_down()
    assert pairs(related) == expected(related)
    assert related.om.writes.count("relate") == 1


def test_a_row_that_never_arrived_is_made_after_a_look(related):
    related.om.fail("relate", Doubtful("reset"))
    related.settle_down()
    assert pairs(related) == expected(related)
    assert related.om.writes.count("relate") == 2


@pytest.mark.parametrize("method", ["related", "relate"])
def test_a_refusal_is_told_once_and_stops_no_note(related, events, method):
    related.om.fail(method, Refused("no", reason="no such table"), times=50)
    related.settle_down()
    related.fsm.advance(related.work_orders[0].id, "assigned")
    related.settle_down()
    assert [one["event"] for one in events].count("relation.refused") == 1
    assert any("-> Assigned" in note for note in related.notes_on("DO1"))
    assert [one["event"] for one in events if one["event"] == "effect.parked"] == []


def test_a_refusal_that_comes_while_one_is_told_is_not_told_too():
    """The effects of one table are performed side by side."""
    told = []

    class Meanwhile:
        """A log in which the answer of another thread comes between."""

        def event(self, name, **fields):
            told.append((name, fields["reason"]))
            if len(told) == 1:
                relations.told(Performed(None, Overtaken("second"), refusal="second"))

    relations = Relations(None, Meanwhile())
    relations.told(Performed(None, Overtaken("first"), refusal="first"))
    assert told == [("relation.refused", "first")]


def test_it_is_tried_again_when_something_changes(related):
    related.om.fail("relate", Refused("no", reason="no right"))
    related.settle_down()
    related.fsm.advance(related.work_orders[0].id, "assigned")
    related.settle_down()
    assert pairs(related) == expected(related)


def test_credentials_that_fail_are_not_a_refusal(related):
    """The whole system is left alone then, and nothing is given up."""
    related.om.fail("related", Misconfigured("401", status=401))
    related.settle_down()
    assert pairs(related) == expected(related)


def test_a_row_on_its_way_does_not_hold_the_gate(related):
    """It is not made yet, and the domain order closes all the same."""
    asked = ("closure_request", "requested")
    settings = ClosureSettings(marker=asked, release={"state": "closed_complete"})
    related.policy = replace(related.policy, closure=settings)
    related.om.fail("related", Unreachable("slow"), times=3)
    related.take_in()
    related.deliver()
    related.fsm.advance(related.work_orders[0].id, "closed_complete")
    related.om.edit(Kind.DOMAIN_ORDER, related.id("DO1"), closure_request="requested")
    related.take_in()
    assert related.om.relations == []
    related.settle_down()
    assert related.om.records[Kind.DOMAIN_ORDER, related.id("DO1")].state == "closed_complete"
