"""The closure gate fails closed: what is open, unknown or on its way holds; a release is looked at before and after."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.errors import Misconfigured, Missing, Refused
from mappings.closure import ClosureSettings
from mappings.model import Kind
from mappings.requests import RequestStatus

MARKER = ("closure_request", "requested")


@pytest.fixture
def gated(world):
    """A world whose gate is on, with one domain order and its work order."""
    closure = ClosureSettings(marker=MARKER, release={"state": "closed_complete"})
    world.policy = replace(world.policy, closure=closure)
    world.order("Fiber Access")
    world.settle_down(2)
    return world


def ask(world, name="DO1", value="requested"):
    state = world.om.records[Kind.DOMAIN_ORDER, world.id(name)].state
    world.om.put(Kind.DOMAIN_ORDER, name, state, closure_request=value)


def state_of(world, name="DO1"):
    return world.om.records[Kind.DOMAIN_ORDER, world.id(name)].state


def close_all(world):
    for work_order in world.work_orders:
        world.fsm.advance(work_order.id, "closed_complete")


def gate_notes(world, word):
    return [note for note in world.notes_on("DO1") if f"[syncd:1:{word}:" in note]


def test_an_open_work_order_holds_with_one_note_that_names_it(gated):
    ask(gated)
    gated.settle_down(5)
    (note,) = gate_notes(gated, "held")
    assert gated.work_orders[0].number in note
    assert "Ready for Dispatch" in note
    assert state_of(gated) == "in_progress"
    assert [r.status for r in gated.store.requests()] == [RequestStatus.HELD]


def test_the_last_close_releases_the_held_request(gated):
    ask(gated)
    gated.settle_down(3)
    close_all(gated)
    gated.settle_down(3)
    assert state_of(gated) == "closed_complete"
    assert len(gate_notes(gated, "released")) == 1
    assert gated.store.requests() == ()


def test_a_request_that_comes_when_all_are_closed_is_released_without_a_hold(gated):
    close_all(gated)
    gated.settle_down(2)
    ask(gated)
    gated.settle_down(3)
    assert state_of(gated) == "closed_complete"
    assert gate_notes(gated, "held") == []


def test_a_withdrawn_request_is_not_released(gated):
    ask(gated)
    gated.settle_down(2)
    ask(gated, value="")
    close_all(gated)
    gated.settle_down(3)
    assert state_of(gated) == "in_progress"
    assert gated.store.requests() == ()


def test_a_request_made_again_gets_a_hold_note_of_its_own(gated):
    ask(gated)
    gated.settle_down(2)
    ask(gated, value="")
    gated.settle_down(2)
    ask(gated)
    gated.settle_down(2)
    assert len(gate_notes(gated, "held")) == 2


def test_a_planned_work_order_that_does_not_exist_yet_holds(gated):
    """Its create is parked, so that nothing is open in field service and yet something is missing."""
    gated.fsm.fail("create_work_order", Refused("403", reason="not today"))
    gated.om.put(
        Kind.DOMAIN_ORDER,
        "DO2",
        "in_progress",
        order_line=gated.id("ORDL1"),
        order=gated.id("ORD1"),
        specification="Fiber Access",
        closure_request="requested",
    )
    close_all(gated)
    gated.settle_down(4)
    assert state_of(gated, "DO2") == "in_progress"
    (request,) = gated.store.requests()
    assert any("create work order (parked)" in reason for reason in request.reasons)


def test_an_order_that_is_on_hold_is_not_closed(gated):
    close_all(gated)
    gated.om.put(Kind.DOMAIN_ORDER, "DO1", "on_hold", closure_request="requested")
    gated.settle_down(4)
    assert state_of(gated) == "on_hold"


def test_a_hand_made_work_order_that_no_feed_has_brought_holds(gated):
    """Found by the search that the answer makes."""
    close_all(gated)
    gated.settle_down(2)
    ask(gated)
    gated.take_in()
    gated.gate.answer_all()
    gated.time.pass_(10)
    gated.fsm.put(Kind.WORK_ORDER, "WO-HAND", "assigned", initiated_from=gated.id("DO1"))
    gated.take_in(Kind.WORK_TASK)
    gated.settle_down(3)
    assert state_of(gated) == "in_progress"
    assert "WO-HAND" in gate_notes(gated, "held")[0]


def test_nothing_is_released_before_field_service_was_read_after_the_request(gated):
    close_all(gated)
    gated.settle_down(2)
    ask(gated)
    gated.take_in(Kind.DOMAIN_ORDER)
    gated.gate.answer_all()
    gated.deliver()
    assert state_of(gated) == "in_progress"
    (request,) = gated.store.requests()
    assert request.status is RequestStatus.WAITING
    assert gate_notes(gated, "held") == []


def test_a_work_order_reopened_between_answer_and_send_stops_the_release(gated):
    close_all(gated)
    gated.settle_down(2)
    ask(gated)
    gated.take_in()
    gated.gate.answer_all()
    gated.time.pass_(100)
    gated.take_in()
    gated.gate.answer_all()
    gated.fsm.advance(gated.work_orders[0].id, "work_in_progress")
    gated.deliver()
    assert state_of(gated) == "in_progress"
    gated.settle_down(3)
    assert state_of(gated) == "in_progress"
    assert len(gate_notes(gated, "held")) == 1


def test_a_work_order_reopened_in_the_window_after_the_release_is_told_loudly(gated, events):
    close_all(gated)
    gated.settle_down(2)
    ask(gated)
    for _ in range(4):
        gated.take_in()
        gated.gate.answer_all()
        if any(request.status is RequestStatus.RELEASING for request in gated.store.requests()):
            break
        gated.time.pass_(50)
    gated.deliver()
    assert state_of(gated) == "closed_complete"
    gated.fsm.advance(gated.work_orders[0].id, "work_in_progress")
    gated.settle_down(2)
    assert [e["number"] for e in events if e["event"] == "closure.violated"] == [gated.work_orders[0].number]


def test_a_close_that_order_management_refuses_goes_back_to_held_with_its_reason(gated):
    close_all(gated)
    gated.om.fail("update", Refused("403", reason="aborted by Business Rule 'Parts are out'"))
    ask(gated)
    gated.settle_down(3)
    assert state_of(gated) == "in_progress"
    (request,) = gated.store.requests()
    assert request.status is RequestStatus.HELD
    assert "Parts are out" in request.reasons[0]
    assert any("Parts are out" in note for note in gated.notes_on("DO1"))
    gated.settle_down(6)
    assert state_of(gated) == "closed_complete"


def test_a_persons_word_releases_against_the_gate(gated):
    ask(gated)
    gated.settle_down(3)
    (request,) = gated.store.requests()
    with gated.store.deciding() as tx:
        tx.move_request(replace(request, overridden_by="A. Meier", override_reason="returned"))
    gated.settle_down(2)
    assert state_of(gated) == "closed_complete"


def test_a_release_by_note_only_leaves_the_state_alone(gated):
    gated.policy = replace(gated.policy, closure=ClosureSettings(marker=MARKER))
    close_all(gated)
    ask(gated)
    gated.settle_down(4)
    assert state_of(gated) == "in_progress"
    assert len(gate_notes(gated, "released")) == 1


def test_a_life_that_ends_while_releasing_still_releases_once(gated):
    close_all(gated)
    gated.settle_down(2)
    ask(gated)
    for _ in range(3):
        gated.take_in()
        gated.gate.answer_all()
        gated.time.pass_(50)
    gated.store.claim("run:1", 4, 60)
    gated.start()
    gated.store.lose("run:", {})
    gated.settle_down(4)
    assert state_of(gated) == "closed_complete"
    assert len(gate_notes(gated, "released")) == 1


def test_a_close_whose_domain_order_cannot_be_written_goes_back_to_held(gated):
    """Parked, its key would be taken for ever and the request would never be answered again."""
    close_all(gated)
    gated.om.fail("update", Missing("hidden for a moment"))
    ask(gated)
    gated.settle_down(3)
    (request,) = gated.store.requests()
    assert request.status is RequestStatus.HELD
    gated.settle_down(6)
    assert state_of(gated) == "closed_complete"


def test_one_request_that_fails_does_not_starve_the_next(gated):
    gated.om.put(
        Kind.DOMAIN_ORDER,
        "DO2",
        "in_progress",
        order_line=gated.id("ORDL1"),
        order=gated.id("ORD1"),
        specification="IP Address Block",
    )
    gated.settle_down(2)
    ask(gated)
    gated.time.pass_(5)
    ask(gated, "DO2")
    gated.take_in()
    read = gated.om.read

    def forbidden(kind, id):
        if id == gated.id("DO1"):
            raise Misconfigured("403", status=403)
        return read(kind, id)

    gated.om.read = forbidden
    gated.settle_down(3)
    assert state_of(gated, "DO2") == "closed_complete"
