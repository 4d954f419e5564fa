"""The window of a task follows its order, through the real lanes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings.model import Kind
from mappings.policy import ScheduleSettings

MONDAY, TUESDAY = "2026-07-06 08:00:00", "2026-07-07 08:00:00"


@pytest.fixture
def planned(world):
    """A work order whose task was made with it."""
    settings = ScheduleSettings({"window_start": "line.expected_start"})
    world.policy = replace(world.policy, schedule=settings)
    world.order("Fiber Access")
    world.om.edit(Kind.ORDER_LINE, world.id("ORDL1"), expected_start=MONDAY)
    world.settle_down(2)
    world.fsm.put(Kind.WORK_TASK, "WOT1", "pending_dispatch", work_order=world.work_orders[0].id)
    world.settle_down(2)
    return world


def window(world):
    return world.fsm.records[Kind.WORK_TASK, world.id("WOT1")].get("window_start")


def notes(world):
    return [note for note in world.notes_on("DO1") if "[syncd:1:scheduled:" in note]


def test_a_new_task_gets_the_window_of_its_line(planned):
    assert window(planned) == MONDAY
    assert len(notes(planned)) == 1


def test_the_window_follows_the_line(planned):
    planned.om.edit(Kind.ORDER_LINE, planned.id("ORDL1"), expected_start=TUESDAY)
    planned.settle_down(2)
    assert window(planned) == TUESDAY
    assert f"window start: {MONDAY} -> {TUESDAY}" in notes(planned)[-1]


def test_what_a_dispatcher_plans_stays_until_the_order_moves(planned):
    planned.fsm.edit(Kind.WORK_TASK, planned.id("WOT1"), window_start="2026-07-09 10:00:00")
    planned.settle_down(2)
    planned.sweep_up()
    planned.settle_down(2)
    assert window(planned) == "2026-07-09 10:00:00"


def test_behind_the_point_of_no_return_a_moved_date_is_refused_with_a_note(planned):
    planned.om.edit(Kind.ORDER_LINE, planned.id("ORDL1"), ponr="true")
    planned.settle_down(2)
    planned.om.edit(Kind.ORDER_LINE, planned.id("ORDL1"), expected_start=TUESDAY)
    planned.settle_down(2)
    assert window(planned) == MONDAY
    assert any("point of no return" in note and TUESDAY in note for note in planned.notes_on("DO1"))


def test_a_life_that_ends_in_the_middle_schedules_once(planned):
    planned.om.edit(Kind.ORDER_LINE, planned.id("ORDL1"), expected_start=TUESDAY)
    planned.take_in()
    planned.restart()
    planned.settle_down(4)
    assert window(planned) == TUESDAY
    assert len(notes(planned)) == 2
