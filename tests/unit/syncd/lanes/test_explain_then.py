"""What was known at an instant that has passed: everything until then, nothing of what came later."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.errors import Doubtful, Refused, Unreachable
from syncd.explain import as_text, explain


@pytest.fixture
def at(world):
    """The page of DO1 as of an instant."""

    def told(instant):
        with world.store.history() as history:
            return explain(history, "DO1", world.policy, world.time.now, lambda _: "number", at=instant)

    return told


def lines(found):
    return [line for story in found.stories for part in story.parts for line in part.lines]


def waits(found):
    return [(one.status, one.text) for story in found.stories for one in story.next]


CREATE = 'create work order "Fiber Installation" (rule fiber, slot 1)'


def test_before_the_first_sight_nothing_was_known(world, at):
    world.time.pass_(60)
    world.order("Fiber Access")
    world.settle_down(2)
    found = at(world.time.now - timedelta(hours=1))
    assert lines(found) == ["it had not been seen yet"]
    assert found.stories[0].moments == ()
    assert waits(found) == []


def test_between_the_decision_and_the_send_the_effect_waited(world, at):
    world.order("Fiber Access")
    world.take_in()
    decided = world.time.now
    world.time.pass_(30)
    world.deliver()
    found = at(decided)
    assert lines(found)[1:] == ["no work order was linked to it"]
    assert waits(found) == [("pending", f"{CREATE}: was not sent yet")]
    assert [m.word for m in found.stories[0].moments] == ["seen", "seen", "seen", "decided"]


def test_a_work_order_has_the_state_in_which_it_was_seen(world, at):
    world.order("Fiber Access")
    world.settle_down(2)
    (work_order,) = world.work_orders
    ready = world.time.now - timedelta(seconds=1)
    world.fsm.advance(work_order.id, "assigned")
    world.settle_down(2)
    (line,) = [line for line in lines(at(ready)) if work_order.number in line]
    assert "Ready for Dispatch" in line
    (line,) = [line for line in lines(at(world.time.now)) if work_order.number in line]
    assert "Assigned" in line


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (Unreachable("connection refused"), "pending", "had not been sent, and was to be tried again"),
        (Doubtful("timeout"), "in doubt", "may have been done"),
        (Refused("403", reason="no work in Berlin"), "parked", "was refused, and waited for a person"),
    ],
)
def test_what_had_not_come_to_rest_is_told_by_its_last_answer(world, at, error, status, said):
    world.order("Fiber Access")
    world.take_in()
    world.fsm.fail("create_work_order", error)
    world.deliver()
    failed = world.time.now
    world.settle_down(3)
    ((found, text),) = [w for w in waits(at(failed)) if CREATE in w[1]]
    assert found == status
    assert said in text


def test_what_was_under_way_is_told_so(world, at, monkeypatch):
    world.order("Fiber Access")
    world.take_in()
    began = world.time.now
    create = world.fsm.create_work_order

    def slow(id, values):
        world.time.pass_(8)
        return create(id, values)

    monkeypatch.setattr(world.fsm, "create_work_order", slow)
    world.deliver()
    assert waits(at(began + timedelta(seconds=3))) == [("in flight", f"{CREATE}: was being sent")]


def test_the_text_says_of_when_it_tells_and_how_it_is_today(world, at):
    world.order("Fiber Access")
    world.settle_down(2)
    text = as_text(at(world.time.now))
    assert text.startswith("Domain order DO1\n  today it is In Progress\n\nAt 2026-06-01 12:03:20Z\n")
