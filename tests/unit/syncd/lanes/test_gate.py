"""The closure gate fails closed: what is open, unknown or on its way holds; a release is looked at before and after."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from connectors.errors import Doubtful, Misconfigured, Missing, Refused
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


def test_a_cancel_that_was_refused_holds_until_a_person_has_seen_it(gated):
    """Even when its work order is closed by now: the work was done although nobody wanted it any more."""
    gated.policy = replace(gated.policy, unmatched="cancel")
    gated.fsm.fail("cancel_work_order", Refused("403", reason="work goes on"))
    gated.om.edit(Kind.DOMAIN_ORDER, gated.id("DO1"), specification="Voice")
    gated.settle_down()
    ask(gated)
    gated.settle_down(4)
    (request,) = gated.store.requests()
    assert any(reason.startswith("cancel work order WO") for reason in request.reasons)
    close_all(gated)
    gated.settle_down(4)
    assert state_of(gated) == "in_progress"
    with gated.store.history() as history:
        (parked,) = history.parked()
    with gated.store.deciding() as tx:
        assert tx.drop(parked.effect.key, "seen")
    gated.settle_down(4)
    assert state_of(gated) == "closed_complete"


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


def test_a_work_order_that_does_not_parse_holds_and_names_itself(gated):
    """A search that cannot read what it found has not found nothing."""
    close_all(gated)
    gated.fsm.put(Kind.WORK_ORDER, "WO9", "draft", initiated_from=gated.id("DO1"))
    gated.settle_down(2)
    gated.fsm.unreadable.add(gated.id("WO9"))
    ask(gated)
    gated.settle_down(5)
    assert state_of(gated) == "in_progress"
    (request,) = gated.store.requests()
    assert "a record does not parse: a work_order" in request.reasons[0]


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


def test_a_refused_close_is_tried_again_also_where_the_clock_was_set_back(gated):
    close_all(gated)
    gated.om.fail("update", Refused("403", reason="not today"))
    ask(gated)
    gated.settle_down(3)
    (request,) = gated.store.requests()
    with gated.store.deciding() as tx:
        tx.move_request(replace(request, retry_after=gated.time() + timedelta(days=3650)))
    gated.settle_down(3)
    assert state_of(gated) == "closed_complete"


def test_a_persons_word_releases_against_the_gate(gated):
    ask(gated)
    gated.settle_down(3)
    (request,) = gated.store.requests()
    with gated.store.deciding() as tx:
        tx.move_request(replace(request, overridden_by="A. Meier", override_reason="returned"))
    gated.settle_down(2)
    assert state_of(gated) == "closed_complete"


def behind_the_listing(world, monkeypatch, act):
    """Lets `act` happen once, when the gate has read which requests there are and has not moved one yet."""
    listing = world.store.requests

    def listed():
        found = listing()
        monkeypatch.undo()
        act()
        return found

    monkeypatch.setattr(world.store, "requests", listed)
    world.gate.answer_all()


def test_an_override_while_the_gate_works_is_not_lost(gated, monkeypatch):
    ask(gated)
    gated.settle_down(3)

    def override():
        (request,) = gated.store.requests()
        with gated.store.deciding() as tx:
            tx.move_request(replace(request, overridden_by="A. Meier", override_reason="returned"))

    behind_the_listing(gated, monkeypatch, override)
    gated.settle_down(2)
    assert state_of(gated) == "closed_complete"


def test_a_request_that_ends_while_the_gate_works_stays_over(gated, monkeypatch):
    ask(gated)
    gated.settle_down(3)

    def withdraw():
        ask(gated, value="")
        gated.take_in()

    behind_the_listing(gated, monkeypatch, withdraw)
    assert gated.store.requests() == ()


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


def doubted(world):
    """All is closed, and nobody knows whether the release arrived."""
    close_all(world)
    world.settle_down(2)
    ask(world)
    world.om.fail("update", Doubtful("no answer in time"))
    while not world.store.summary().in_doubt:
        world.settle_down(1)


def test_a_close_in_doubt_is_not_sent_again_over_work_that_was_linked_since(gated):
    doubted(gated)
    gated.fsm.put(Kind.WORK_ORDER, "WO9", "draft", initiated_from=gated.id("DO1"))
    gated.settle_down(4)
    assert state_of(gated) == "in_progress"
    assert "WO9" in gate_notes(gated, "held")[0]


def test_a_close_in_doubt_that_did_not_arrive_is_answered_anew_and_released(gated):
    doubted(gated)
    gated.settle_down(4)
    assert state_of(gated) == "closed_complete"
    assert len(gate_notes(gated, "released")) == 1
    assert gate_notes(gated, "held") == []


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


def configure(world, **closure):
    world.policy = replace(world.policy, closure=replace(world.policy.closure, **closure))


def test_something_else_that_holds_is_noted_after_the_interval(gated):
    configure(gated, hold_note_interval=timedelta(seconds=250))
    ask(gated)
    gated.settle_down(2)
    gated.fsm.advance(gated.work_orders[0].id, "assigned")
    gated.settle_down(1)
    assert len(gate_notes(gated, "held")) == 1
    gated.settle_down(4)
    (_, second) = gate_notes(gated, "held")
    assert "Assigned" in second
    gated.settle_down(4)
    assert len(gate_notes(gated, "held")) == 2


def test_only_the_states_of_the_config_satisfy_the_gate(gated):
    configure(gated, closed=frozenset({"closed_complete"}))
    gated.fsm.advance(gated.work_orders[0].id, "closed_incomplete")
    ask(gated)
    gated.settle_down(3)
    assert state_of(gated) == "in_progress"
    close_all(gated)
    gated.settle_down(3)
    assert state_of(gated) == "closed_complete"


def test_a_closed_incomplete_that_is_still_active_waits_for_its_follow_on(gated):
    gated.fsm.edit(Kind.WORK_ORDER, gated.work_orders[0].id, "closed_incomplete", active="true")
    ask(gated)
    gated.settle_down(3)
    assert state_of(gated) == "in_progress"
    gated.fsm.edit(Kind.WORK_ORDER, gated.work_orders[0].id, active="false")
    gated.settle_down(3)
    assert state_of(gated) == "closed_complete"


def marker_of(world):
    return world.om.records[Kind.DOMAIN_ORDER, world.id("DO1")].get("closure_request")


def test_a_hold_that_clears_the_marker_ends_the_request(gated):
    configure(gated, on_hold="clear")
    ask(gated)
    gated.settle_down(4)
    assert marker_of(gated) == ""
    assert len(gate_notes(gated, "held")) == 1
    close_all(gated)
    gated.settle_down(3)
    assert state_of(gated) == "in_progress"
    ask(gated)
    gated.settle_down(3)
    assert state_of(gated) == "closed_complete"


def test_a_marker_that_cannot_be_cleared_stays_a_request(gated):
    configure(gated, on_hold="clear")
    gated.om.fail("update", Refused("403", reason="read only"))
    ask(gated)
    gated.settle_down(4)
    assert any("refused to take the request for closure away: read only" in n for n in gated.notes_on("DO1"))
    close_all(gated)
    gated.settle_down(3)
    assert state_of(gated) == "closed_complete"


def test_a_request_made_anew_is_not_cleared_by_the_answer_to_the_old_one(gated):
    configure(gated, on_hold="clear")
    ask(gated)
    for _ in range(3):
        gated.take_in()
        gated.gate.answer_all()
        gated.time.pass_(50)
    ask(gated)
    gated.deliver()
    assert marker_of(gated) == "requested"


def test_a_marker_that_stands_on_after_the_release_asks_nothing_new(gated):
    gated.policy = replace(gated.policy, closure=ClosureSettings(marker=MARKER))
    close_all(gated)
    ask(gated)
    gated.settle_down(4)
    gated.om.edit(Kind.DOMAIN_ORDER, gated.id("DO1"), priority="2")
    gated.settle_down(3)
    assert len(gate_notes(gated, "released")) == 1


def test_a_domain_order_that_cannot_be_read_for_a_while_keeps_its_request(gated):
    close_all(gated)
    ask(gated)
    gated.take_in()
    gated.om.hidden.add(gated.id("DO1"))
    gated.gate.answer_all()
    (request,) = gated.store.requests()
    assert request.reasons == ("the domain order cannot be read",)
    gated.om.hidden.clear()
    gated.settle_down(3)
    assert state_of(gated) == "closed_complete"


def named(events, event):
    return [e["number"] for e in events if e["event"] == event]


def close_by_hand(world):
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), "closed_complete")


def test_a_closure_past_the_gate_is_told_within_a_poll(gated, events):
    close_by_hand(gated)
    gated.settle_down(3)
    assert named(events, "closure.bypassed") == ["DO1"]
    (note,) = gate_notes(gated, "bypassed")
    assert gated.work_orders[0].number in note
    assert state_of(gated) == "closed_complete"


def test_a_closure_past_the_gate_is_undone_where_the_config_says_so(gated, events):
    configure(gated, past_gate="reopen")
    close_by_hand(gated)
    gated.settle_down(3)
    assert state_of(gated) == "in_progress"
    assert len([e for e in events if e["event"] == "closure.reopened"]) == 1


def test_what_was_closed_meanwhile_is_not_undone(gated):
    configure(gated, past_gate="reopen")
    close_by_hand(gated)
    gated.take_in()
    close_all(gated)
    gated.deliver()
    gated.settle_down(2)
    assert state_of(gated) == "closed_complete"


def test_work_that_opens_while_a_reopening_waits_is_opened_for_too(gated):
    """What was open when the closure was seen has ended when it is sent, and something else is open."""
    configure(gated, past_gate="reopen")
    close_by_hand(gated)
    gated.take_in()
    gated.fsm.put(Kind.WORK_ORDER, "WO-HAND", "assigned", initiated_from=gated.id("DO1"))
    gated.take_in()
    for one in gated.work_orders:
        if one.number != "WO-HAND":
            gated.fsm.advance(one.id, "closed_complete")
    gated.settle_down(3)
    assert state_of(gated) == "in_progress"


def test_a_reopening_that_order_management_refuses_is_noted(gated):
    configure(gated, past_gate="reopen")
    gated.om.fail("update", Refused("403", reason="closed is closed"))
    close_by_hand(gated)
    gated.settle_down(3)
    assert any("refused to open this again: closed is closed" in n for n in gated.notes_on("DO1"))


def test_a_reopened_one_that_asked_is_closed_again_by_the_gate(gated):
    configure(gated, past_gate="reopen")
    ask(gated)
    gated.settle_down(2)
    close_by_hand(gated)
    gated.settle_down(4)
    assert state_of(gated) == "in_progress"
    close_all(gated)
    gated.settle_down(4)
    assert state_of(gated) == "closed_complete"


@pytest.mark.parametrize("how", ["reopened", "made by hand"])
def test_work_that_opens_after_the_closure_is_told(gated, events, how):
    close_all(gated)
    ask(gated)
    gated.settle_down(4)
    if how == "reopened":
        gated.fsm.advance(gated.work_orders[0].id, "work_in_progress")
        number = gated.work_orders[0].number
    else:
        number = gated.fsm.put(Kind.WORK_ORDER, "WO-HAND", "assigned", initiated_from=gated.id("DO1")).number
    gated.settle_down(3)
    assert named(events, "closure.violated") == [number]
    (note,) = gate_notes(gated, "violated")
    assert number in note


def test_a_closure_on_a_persons_word_raises_no_alarm(gated, events):
    ask(gated)
    gated.settle_down(3)
    (request,) = gated.store.requests()
    with gated.store.deciding() as tx:
        tx.move_request(replace(request, overridden_by="A. Meier", override_reason="returned"))
    gated.settle_down(4)
    assert state_of(gated) == "closed_complete"
    assert named(events, "closure.bypassed") == named(events, "closure.violated") == []


def test_a_closure_past_the_gate_is_noted_once_over_lives(gated):
    close_by_hand(gated)
    gated.settle_down(2)
    gated.restart()
    gated.settle_down(4)
    assert len(gate_notes(gated, "bypassed")) == 1


def test_one_that_is_opened_again_before_the_gate_has_looked_back_still_asks(gated):
    close_all(gated)
    gated.settle_down(2)
    ask(gated)
    while not any(request.status is RequestStatus.RELEASING for request in gated.store.requests()):
        gated.take_in()
        gated.gate.answer_all()
        gated.time.pass_(50)
    gated.deliver()
    gated.take_in()
    gated.om.edit(Kind.DOMAIN_ORDER, gated.id("DO1"), "in_progress")
    gated.time.pass_(10)
    gated.take_in()
    gated.settle_down(4)
    assert state_of(gated) == "closed_complete"
