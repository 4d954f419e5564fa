"""Delivery doubles nothing, whatever the answers say: every fault of a write, before and after its commit."""

from __future__ import annotations

import pytest

from connectors.errors import Busy, Conflict, Doubtful, Exhausted, Misconfigured, Refused, Unreachable
from mappings.model import Kind, System

FAULTS = [
    pytest.param(Unreachable("refused"), False, id="surely not sent"),
    pytest.param(Busy("429", retry_after=5), False, id="busy"),
    pytest.param(Doubtful("timeout"), False, id="lost on the way there"),
    pytest.param(Doubtful("reset"), True, id="lost on the way back"),
    pytest.param(Misconfigured("401"), False, id="credentials refused"),
    pytest.param(Conflict("duplicate key"), True, id="conflict after the commit"),
    pytest.param(Refused("500", reason="said no after all"), True, id="refused after the commit"),
]


def test_an_exhausted_budget_pauses_nothing_that_is_urgent(world):
    """One note waits for a permit; the system is not taken for one that is away."""
    world.order("Fiber Access")
    world.take_in()
    world.om.fail("write_note", Exhausted("no room", retry_after=300, system="order_management"))
    assert world.deliver().deferred == 1
    assert world.health.pause_s(System.ORDER_MANAGEMENT, "delivery") == 0
    world.time.pass_(200)
    assert world.deliver().by_kind == {}
    world.time.pass_(101)
    assert world.deliver().by_kind == {"write_note": 1}


@pytest.mark.parametrize(("error", "committed"), FAULTS)
def test_a_create_stands_once_whatever_the_first_answer_was(world, error, committed):
    world.order("Fiber Access")
    world.fsm.fail("create_work_order", error, committed=committed)
    world.settle_down()
    assert len(world.work_orders) == 1
    assert len(world.notes_on("DO1")) == 1
    assert world.store.summary().in_doubt == 0


@pytest.mark.parametrize(("error", "committed"), [FAULTS[0], FAULTS[1], FAULTS[2], FAULTS[3]])
def test_a_note_stands_once_whatever_the_first_answer_was(world, error, committed):
    world.order("Fiber Access")
    world.om.fail("write_note", error, committed=committed)
    world.settle_down()
    assert len(world.notes_on("DO1")) == 1


def test_a_note_in_doubt_waits_for_the_settle_time_before_it_is_looked_for(world):
    world.order("Fiber Access")
    world.om.fail("write_note", Doubtful("timeout"), committed=True)
    world.take_in()
    world.deliver()
    world.time.pass_(80)
    assert world.deliver().by_kind == {}
    world.time.pass_(20)
    assert world.deliver().by_kind == {"write_note": 1}
    assert world.om.writes.count("write_note") == 1


def test_a_refused_create_is_parked_and_told_on_the_domain_order(world, events):
    world.order("Fiber Access")
    world.fsm.fail("create_work_order", Refused("403", reason="aborted by Business Rule 'No work here'"))
    world.settle_down()
    assert world.work_orders == []
    assert len(world.store.summary().parked) == 1
    assert "No work here" in world.notes_on("DO1")[0]
    (parked,) = [e for e in events if e["event"] == "effect.parked"]
    assert parked["kind"] == "create_work_order"
    assert parked["next"].endswith(f"syncd quarantine retry {parked['key']}")


def test_a_template_that_field_service_does_not_know_parks_the_create(world):
    world.order("Fiber Access")
    world.fsm.resolve = lambda entity, match, value: None if entity == "template" else "x"
    world.settle_down(2)
    assert world.work_orders == []
    assert "Fiber Installation" in world.store.summary().parked[0].reason


def test_a_location_that_field_service_does_not_know_is_left_out(world, events):
    world.order("Fiber Access")
    world.om.put(Kind.DOMAIN_ORDER, "DO1", "in_progress", location="nowhere")
    world.settle_down(2)
    assert [w.get("location") for w in world.work_orders] == [""]
    assert any(e["event"] == "reference.unresolved" and e["entity"] == "location" for e in events)


def test_a_domain_order_held_between_decision_and_send_gets_no_work_order(world):
    """The feed has not brought the hold yet; the read just before the send shows it."""
    world.order("Fiber Access")
    world.take_in()
    world.om.put(Kind.DOMAIN_ORDER, "DO1", "on_hold")
    world.deliver()
    assert world.work_orders == []
    world.om.put(Kind.DOMAIN_ORDER, "DO1", "in_progress")
    world.settle_down(2)
    assert len(world.work_orders) == 1


def test_a_life_that_ends_between_claim_and_settle_leaves_one_work_order(world):
    """The POST ran, the process died before it could say so; the next life probes the id."""
    world.order("Managed Router")
    world.take_in()
    (claim, *_) = world.store.claim("run:1", 2, 60)
    world.fsm.create_work_order(claim.effect.target, dict(claim.effect.values))
    world.start()
    world.store.lose("run:", {})
    world.settle_down()
    assert len(world.work_orders) == 2
    assert len(world.notes_on("DO1")) == 1


def test_a_worker_that_settles_too_late_writes_nothing(world, events):
    """Its lease ran out and another life took the effect over."""
    world.order("Fiber Access")
    world.take_in()
    world.store.claim("run:other", 1, 60)
    world.time.pass_(200)
    world.settle_down()
    assert len(world.work_orders) == 1


def test_a_create_whose_lease_ran_out_before_its_send_is_not_sent(world, monkeypatch):
    """Another life may have made it since, and people may have deleted it: it must not come back."""
    world.order("Fiber Access")
    world.settle_down(2)  # proves that the ids of creates are ours
    world.order("Fiber Access", "Fiber Access")
    world.take_in()
    look = world.om.read_many

    def slowly(*args):
        world.time.pass_(61)
        return look(*args)

    with monkeypatch.context() as slow:
        slow.setattr(world.om, "read_many", slowly)
        world.deliver()
    assert len(world.work_orders) == 1
    world.settle_down()
    assert len(world.work_orders) == 2


def test_every_status_that_a_poll_saw_is_noted_once_and_in_order(world):
    world.order("Fiber Access")
    world.settle_down(2)
    (work_order,) = world.work_orders
    for state in ("assigned", "accepted", "work_in_progress", "closed_complete"):
        world.fsm.advance(work_order.id, state)
        world.settle_down(2)
    status = [n for n in world.notes_on("DO1") if "[syncd:1:status:" in n]
    assert [n.split("->")[1].split("\n")[0].split("[")[0].strip(" .") for n in status] == [
        "Assigned",
        "accepted",
        "work_in_progress",
        "closed_complete",
    ]


def test_two_slots_of_one_rule_are_named_in_one_note(world):
    world.order("Managed Router")
    world.settle_down()
    (note,) = world.notes_on("DO1")
    assert all(w.number in note for w in world.work_orders)
    assert len(world.work_orders) == 2


def test_a_content_that_stands_already_is_not_noted_as_ours(world):
    """An earlier update brought it, or a person: the line's edit and its copy on the domain order are one content."""
    world.order("Fiber Access")
    world.settle_down()
    world.om.put(Kind.DOMAIN_ORDER, "DO1", "in_progress", priority="1")
    world.take_in()
    (work_order,) = world.work_orders
    world.fsm.update(Kind.WORK_ORDER, work_order.id, {"priority": "1"})
    world.settle_down()
    assert [n for n in world.notes_on("DO1") if "amended" in n] == []
    assert world.store.summary().in_doubt == 0
