"""A plan says what the next cycle would write, and leaves both systems and the state as they are."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace

import pytest

from connectors.errors import Doubtful, Misconfigured, Refused, Unreachable
from mappings.closure import ClosureSettings
from mappings.model import Kind, System
from syncd.plan import Rehearsal, rehearse
from syncd.plan_report import as_json, as_text
from syncd.safety import Limits


@pytest.fixture
def plan(world):
    """A plan of the world as it stands."""

    def made():
        rehearsal = Rehearsal(
            world.systems,
            world.store,
            world.intake,
            world.journals,
            world.gate,
            safety=world.safety,
            dispatch=world.dispatch,
            executor=world.inline,
            page_size={System.ORDER_MANAGEMENT: 3, System.FIELD_SERVICE: 3},
        )
        world.om.read_only = world.fsm.read_only = True
        try:
            return rehearse(rehearsal, lambda _: "")
        finally:
            world.om.read_only = world.fsm.read_only = False

    return made


def steps(planned):
    return [(step.subject, step.kind, step.verdict.name) for step in planned.steps]


def dump(world):
    """Everything in the state."""
    with sqlite3.connect(world.url.removeprefix("sqlite:///")) as connection:
        return "\n".join(connection.iterdump())


def test_new_orders_are_creates_and_nothing_is_done(world, plan):
    world.order("Fiber Access", "Managed Router")
    before = dump(world)
    planned = plan()
    assert steps(planned) == [
        ("DO1", "create_work_order", "SEND"),
        ("DO2", "create_work_order", "SEND"),
        ("DO2", "create_work_order", "SEND"),
    ]
    assert planned.different
    assert dump(world) == before
    assert world.om.writes == world.fsm.writes == []


def test_a_plan_says_what_the_cycle_then_does(world, plan):
    world.order("Fiber Access", "Managed Router")
    keys = {step.key for step in plan().steps}
    world.take_in()
    with world.store.history() as history:
        intended = {e.effect.key for name in ("DO1", "DO2") for e in history.effects_of(world.id(name))}
    assert keys == intended


def test_a_world_in_step_has_an_empty_plan(world, plan):
    world.order("Fiber Access")
    world.settle_down(3)
    planned = plan()
    assert planned.steps == []
    assert not planned.different
    assert as_text(planned).splitlines()[-1] == "0 effects; nothing was written (a plan)"


def test_an_amendment_is_told_field_by_field(world, plan):
    world.order("Fiber Access")
    world.settle_down(3)
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), priority="1")
    (step,) = plan().steps
    assert (step.kind, step.verdict.name) == ("update_work_order", "SEND")
    assert [(c.name, c.old, c.new) for c in step.changes] == [("priority", "", "1")]
    world.settle_down(3)
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), priority="2")
    assert '        priority: "1" -> "2"' in as_text(plan()).splitlines()


def test_a_cancellation_is_told_with_its_reason(world, plan):
    world.order("Fiber Access")
    world.settle_down(3)
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), "canceled")
    (step,) = [step for step in plan().steps if step.kind == "cancel_work_order"]
    assert step.verdict.name == "SEND"
    assert step.target == world.work_orders[0].number
    assert step.text


def test_a_status_change_is_a_note(world, plan):
    world.order("Fiber Access")
    world.settle_down(3)
    world.fsm.advance(world.work_orders[0].id, "assigned")
    (step,) = plan().steps
    assert (step.kind, step.subject) == ("write_note", "DO1")
    assert "Ready for Dispatch -> Assigned" in step.text
    assert "[syncd:" not in step.text


def test_a_note_that_a_person_typed_is_mirrored_in_the_plan_too(world, plan):
    world.policy = replace(world.policy, mirror_from=frozenset(System), not_mirrored=frozenset({"syncd"}))
    assert plan().steps == []
    world.hear()
    world.order("Fiber Access")
    world.settle_down(3)
    world.hear()
    world.om.type(Kind.DOMAIN_ORDER, world.id("DO1"), "the dog bites")
    before = dump(world)
    (step,) = plan().steps
    assert (step.kind, step.verdict.name) == ("write_note", "SEND")
    assert "the dog bites" in step.text
    assert dump(world) == before


def test_an_order_that_is_parked_for_a_broken_promise_waits_for_a_person(world, plan):
    world.order("Fiber Access")
    world.take_in()
    with world.store.deciding() as tx:
        tx.halt(Kind.DOMAIN_ORDER, world.id("DO1"), "S1", "two work orders for one slot")
    (step,) = plan().steps
    assert (step.verdict.name, step.why) == ("PERSON", "two work orders for one slot")


def test_a_closure_that_may_pass_is_in_the_plan(world, plan):
    marker = ClosureSettings(marker=("close_me", "true"), release={"state": "closed_complete"})
    world.policy = replace(world.policy, closure=marker)
    world.order("Fiber Access")
    world.settle_down(3)
    world.fsm.advance(world.work_orders[0].id, "closed_complete")
    world.settle_down(2)
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), close_me="true")
    world.look()
    world.gate.answer_all()
    world.time.pass_(100)
    world.look()
    (step,) = plan().steps
    assert (step.kind, step.verdict.name) == ("close_domain_order", "SEND")
    assert [(c.name, c.old, c.new) for c in step.changes] == [("state", "in_progress", "closed_complete")]


def test_what_came_between_decision_and_send_is_seen(world, plan):
    world.order("Fiber Access")
    world.take_in()
    world.om.edit(Kind.ORDER_LINE, world.id("ORDL1"), "on_hold")
    (step,) = [step for step in plan().steps if step.kind == "create_work_order"]
    assert step.verdict.name == "WAIT"
    assert "ORDL1 is now on_hold" in step.why


def test_a_write_that_stands_already_is_told_so(world, plan):
    world.order("Fiber Access")
    world.take_in()
    world.fsm.fail("create_work_order", Doubtful("timeout"), committed=True)
    world.fsm.fail("read", Unreachable("no connection"), times=9)
    world.deliver()
    world.fsm.faults.clear()
    assert ("DO1", "create_work_order", "STANDS") in steps(plan())


def test_a_parked_effect_waits_for_a_person(world, plan):
    world.order("Fiber Access")
    world.take_in()
    world.fsm.fail("create_work_order", Refused("403", reason="no work in Berlin"))
    world.deliver()
    (step,) = [step for step in plan().steps if step.kind == "create_work_order"]
    assert step.verdict.name == "PERSON"
    assert "no work in Berlin" in step.why


def test_a_template_that_is_not_there_would_be_refused(world, plan):
    world.order("Fiber Access")
    world.fsm.resolve = lambda entity, match, value: None
    (step,) = plan().steps
    assert step.verdict.name == "REFUSED"
    assert 'no template with name "Fiber Installation" in field service' in step.why


def test_a_mass_change_is_left_out_and_said(world, plan):
    world.safety = type(world.safety)(world.store, lambda: world.policy, None, limits=lambda: Limits(0.0, 0))
    world.order("Fiber Access", "Managed Router")
    planned = plan()
    assert planned.steps == []
    assert planned.different
    assert "domain_order would stop before a mass change (create work order for 1 orders)" in as_text(planned)


def test_a_stranger_is_not_planned_for(world, plan):
    rehearsal = object()
    with pytest.raises(Misconfigured, match="not the instance that the state knows: none of 3"):
        rehearse(rehearsal, lambda system: "none of 3 records" if system is System.FIELD_SERVICE else "")


def test_the_text_is_grouped_by_order_and_json_has_all_of_it(world, plan):
    world.order("Fiber Access")
    planned = plan()
    lines = as_text(planned).splitlines()
    assert lines[:3] == ["Order ORD1", "  DO1", "    + create work order"]
    assert '        template: "Fiber Installation"' in lines
    assert lines[-1] == "1 effects: 1 would be sent; nothing was written (a plan)"
    found = json.loads(json.dumps(as_json(planned)))
    assert found["different"] is True
    assert found["steps"][0]["verdict"] == "send"
    assert {"field": "template", "old": "", "new": "Fiber Installation"} in found["steps"][0]["changes"]
