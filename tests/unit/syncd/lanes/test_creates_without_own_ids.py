"""A create stays one in effect where the server chooses ids, whatever its answers say; read from the server, not the daemon."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.errors import Busy, Conflict, Doubtful, Misconfigured, Refused, Unreachable
from mappings.keys import parse_correlation
from mappings.model import Kind
from syncd.creates import Tactic

LAG_S = 95
"""Settle and search lag of the fake together."""


@pytest.fixture
def choosy(world):
    """A world whose server chooses the ids of work orders."""
    world.fsm.keeps_ids = False
    return world


@pytest.fixture
def in_doubt(choosy):
    """Its work order stands, the answer was lost, and the index does not show it yet."""
    choosy.fsm.index_lag_s = 60
    choosy.order("Fiber Access")
    choosy.fsm.fail("create_work_order", Doubtful("timeout"), committed=True)
    choosy.take_in(Kind.CUSTOMER_ORDER, Kind.ORDER_LINE, Kind.DOMAIN_ORDER)
    choosy.deliver()
    assert choosy.store.summary().in_doubt == 1
    return choosy


def slots(world):
    """What each open work order answers."""
    return sorted(
        (ours.rule, ours.slot)
        for record in world.work_orders
        if record.state != "canceled" and (ours := parse_correlation(record.get("correlation_id")))
    )


def tactic(world):
    return world.dispatch._creates.tactic


def test_a_work_order_under_another_id_is_linked_and_told_of_once(choosy, events):
    choosy.order("Managed Router")
    choosy.settle_down()
    assert slots(choosy) == [("router", 1), ("router", 2)]
    assert [e["capability"] for e in events if e["event"] == "capability.absent"] == ["client-chosen id"]
    assert len(choosy.notes_on("DO1")) == 1
    with choosy.store.deciding() as tx:
        facts = tx.facts_for(Kind.DOMAIN_ORDER, choosy.id("DO1"))
    assert {link.work_order for link in facts.links} == {record.id for record in choosy.work_orders}


def test_what_was_learnt_is_remembered_by_the_next_life(choosy):
    choosy.order("Fiber Access")
    assert choosy.store.own_ids_kept() is None
    choosy.settle_down()
    assert choosy.store.own_ids_kept() is False


def test_an_id_that_was_kept_is_remembered_too(world):
    world.order("Fiber Access")
    world.settle_down()
    assert world.store.own_ids_kept() is True
    assert tactic(world) is Tactic.OWN_ID


@pytest.mark.parametrize("committed", [True, False], ids=["it ran", "it did not run"])
@pytest.mark.parametrize(
    "error", [Doubtful("timeout"), Misconfigured("403"), Conflict("409")], ids=["doubtful", "403", "409"]
)
def test_no_answer_doubles_or_loses_a_work_order(choosy, error, committed):
    choosy.dispatch._creates.tactic = Tactic.BY_CORRELATION
    choosy.order("Fiber Access")
    choosy.fsm.fail("create_work_order", error, committed=committed)
    choosy.settle_down()
    assert slots(choosy) == [("fiber", 1)]


def test_before_anything_is_proven_a_lost_answer_waits_for_a_search_too(choosy):
    """The very first create of a new installation."""
    choosy.order("Fiber Access")
    choosy.fsm.fail("create_work_order", Doubtful("timeout"), committed=True)
    choosy.settle_down()
    assert slots(choosy) == [("fiber", 1)]
    assert choosy.fsm.writes.count("create_work_order") == 1


def test_an_index_that_lags_is_waited_for(choosy):
    """At once a search shows nothing; a second send would double it."""
    choosy.fsm.index_lag_s = 60
    choosy.order("Fiber Access")
    choosy.fsm.fail("create_work_order", Doubtful("timeout"), committed=True)
    for _ in range(30):
        choosy.take_in(Kind.DOMAIN_ORDER)
        choosy.deliver()
        choosy.time.pass_(10)
    assert slots(choosy) == [("fiber", 1)]
    assert choosy.fsm.writes.count("create_work_order") == 1


def test_a_send_that_came_to_nothing_is_repeated_when_a_search_is_believed(choosy):
    choosy.order("Fiber Access")
    choosy.fsm.fail("create_work_order", Doubtful("timeout"))
    choosy.take_in()
    choosy.deliver()
    choosy.time.pass_(LAG_S - 1)
    choosy.deliver()
    assert slots(choosy) == []
    choosy.time.pass_(LAG_S)
    choosy.deliver()
    assert slots(choosy) == [("fiber", 1)]


@pytest.mark.parametrize("error", [Unreachable("no connection"), Busy("429", retry_after=1)])
def test_what_surely_never_ran_waits_for_no_search(choosy, error):
    choosy.order("Fiber Access")
    choosy.fsm.fail("create_work_order", error)
    choosy.take_in()
    choosy.deliver()
    choosy.time.pass_(5)
    choosy.deliver()
    assert slots(choosy) == [("fiber", 1)]


def test_a_kill_after_the_send_finds_it_by_its_correlation(choosy):
    choosy.order("Fiber Access")
    choosy.take_in()
    (claim,) = choosy.store.claim("run:1", 1, 60)
    choosy.dispatch.perform(claim)
    choosy.start()
    choosy.store.lose("run:", {})
    choosy.settle_down()
    assert slots(choosy) == [("fiber", 1)]


def test_of_several_the_oldest_stays_and_the_others_are_cancelled_and_counted(in_doubt, events):
    (first,) = in_doubt.work_orders
    in_doubt.time.pass_(5)
    for name in ("copy1", "copy2"):
        in_doubt.fsm.put(Kind.WORK_ORDER, name, "ready", **first.fields)
    in_doubt.time.pass_(LAG_S)
    in_doubt.deliver()
    in_doubt.settle_down()
    states = {record.id: record.state for record in in_doubt.work_orders}
    assert states == {
        first.id: "ready",
        in_doubt.id("copy1"): "canceled",
        in_doubt.id("copy2"): "canceled",
    }
    assert [(e["work_order"], e["rows"]) for e in events if e["event"] == "work_order.doubled"] == [
        (first.id, 2)
    ]


def test_one_that_somebody_has_cancelled_already_is_not_the_one_that_stays(in_doubt):
    (first,) = in_doubt.work_orders
    in_doubt.time.pass_(5)
    copy = in_doubt.fsm.put(Kind.WORK_ORDER, "copy", "ready", **first.fields)
    in_doubt.fsm.edit(Kind.WORK_ORDER, first.id, "canceled")
    in_doubt.time.pass_(LAG_S)
    in_doubt.deliver()
    assert in_doubt.fsm.read(Kind.WORK_ORDER, copy.id).state == "ready"


def test_a_cancellation_that_overtakes_a_create_in_doubt_reaches_the_work_order(in_doubt):
    """The cancel was decided under the id that we chose; it goes to the one that the server made."""
    in_doubt.om.edit(Kind.DOMAIN_ORDER, in_doubt.id("DO1"), "canceled")
    in_doubt.take_in(Kind.DOMAIN_ORDER)
    in_doubt.settle_down()
    assert [record.state for record in in_doubt.work_orders] == ["canceled"]
    assert in_doubt.store.summary().parked == ()


def test_an_amendment_that_waits_for_a_create_follows_it_to_the_id_that_the_server_chose(in_doubt):
    in_doubt.om.edit(Kind.DOMAIN_ORDER, in_doubt.id("DO1"), priority="1")
    in_doubt.settle_down()
    assert [record.get("priority") for record in in_doubt.work_orders] == ["1"]
    assert in_doubt.store.summary().parked == ()


def test_a_work_order_that_is_hidden_from_us_is_not_made_again(in_doubt):
    in_doubt.fsm.hidden = {record.id for record in in_doubt.work_orders}
    in_doubt.settle_down()
    assert len(in_doubt.work_orders) == 1
    (parked,) = in_doubt.store.summary().parked
    assert "access rules" in parked.reason


class TestAUniqueKey:
    """The server has no id for us, but refuses a second work order with the same correlation."""

    @pytest.fixture
    def unique(self, choosy):
        choosy.fsm.unique_correlation = True
        return choosy

    def test_a_conflict_that_a_search_explains_is_adopted(self, unique):
        unique.order("Fiber Access")
        unique.take_in()
        (claim,) = unique.store.claim("run:1", 1, 60)
        unique.dispatch.perform(claim)
        again = replace(claim, first_sent_at=None, last_sent_at=None)
        performed = unique.dispatch.perform(again)
        assert performed.outcome.record.id == unique.work_orders[0].id
        assert len(unique.work_orders) == 1

    def test_a_conflict_that_no_search_explains_waits_for_a_person(self, unique):
        unique.order("Fiber Access")
        unique.fsm.fail("create_work_order", Conflict("409"), times=2)
        unique.dispatch._creates.tactic = Tactic.BY_CORRELATION
        unique.settle_down()
        assert len(unique.store.summary().parked) == 1

    def test_a_refusal_is_a_refusal(self, unique):
        unique.order("Fiber Access")
        unique.fsm.fail("create_work_order", Refused("403", reason="by rule"))
        unique.settle_down()
        assert len(unique.store.summary().parked) == 1


def test_an_own_id_that_is_proven_is_sent_again_at_once(world):
    world.order("Fiber Access", "Fiber Access")
    world.fsm.fail("create_work_order", Doubtful("timeout"), committed=True)
    world.take_in()
    world.deliver()
    assert tactic(world) is Tactic.OWN_ID
    world.fsm.fail("create_work_order", Doubtful("timeout"))
    world.order("Fiber Access", "Fiber Access", "Fiber Access")
    world.take_in()
    world.deliver()
    world.time.pass_(2)
    world.deliver()
    assert len(slots(world)) == 3
