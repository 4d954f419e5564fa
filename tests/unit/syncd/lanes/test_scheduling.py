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


def test_a_window_that_a_hold_keeps_back_does_not_keep_back_the_cancel(planned):
    """The domain order is still on hold when its line is cancelled."""
    planned.om.edit(Kind.ORDER_LINE, planned.id("ORDL1"), expected_start=TUESDAY)
    planned.take_in()
    planned.om.edit(Kind.DOMAIN_ORDER, planned.id("DO1"), "on_hold")
    planned.settle_down(2)
    planned.om.edit(Kind.ORDER_LINE, planned.id("ORDL1"), "canceled")
    planned.settle_down(3)
    assert planned.work_orders[0].state == "canceled"
    assert window(planned) == MONDAY


@pytest.fixture
def pair(world):
    """A work order with two tasks of one second, WOT1 and WOT2, that the feed shows one by one, the second one first."""
    settings = ScheduleSettings({"window_start": "line.expected_start"})
    world.policy = replace(world.policy, schedule=settings)
    world.order("Fiber Access")
    world.om.edit(Kind.ORDER_LINE, world.id("ORDL1"), expected_start=MONDAY)
    world.settle_down(2)

    def come(**fields):
        for name, number in (("A", "WOT2"), ("B", "WOT1")):
            work_order = world.work_orders[0].id
            made = world.fsm.put(Kind.WORK_TASK, name, "pending_dispatch", work_order=work_order, **fields)
            world.fsm.records[Kind.WORK_TASK, made.id] = replace(made, number=number)

    world.come = come
    return world


def windows(world):
    tasks = sorted(
        (r for (kind, _), r in world.fsm.records.items() if kind is Kind.WORK_TASK), key=lambda r: r.number
    )
    return [task.get("window_start") for task in tasks]


def first_page(world):
    """The feed of tasks is read up to its first row, which is the second task."""
    world.fsm.page_limit = 1
    world.intake.take_page(world.intake.begin(Kind.WORK_TASK))


def test_of_two_new_tasks_on_one_page_the_first_one_gets_the_window(pair):
    pair.come()
    pair.settle_down(2)
    assert windows(pair) == [MONDAY, ""]
    assert len(notes(pair)) == 1


def test_so_it_does_where_a_search_does_not_show_new_rows_yet(pair):
    pair.come()
    pair.fsm.index_lag_s = 1000.0
    pair.settle_down(2)
    assert windows(pair) == [MONDAY, ""]


@pytest.mark.parametrize("life", ["goes on", "ends"])
def test_so_it_does_where_the_feed_has_shown_only_the_second_one(pair, life):
    pair.come()
    first_page(pair)
    if life == "ends":
        pair.restart()
    pair.deliver()
    pair.settle_down(4)
    assert windows(pair) == [MONDAY, ""]
    assert len(notes(pair)) == 1


def test_the_first_one_follows_a_line_that_moved_while_only_the_second_one_was_known(pair):
    pair.come(window_start=MONDAY)
    first_page(pair)
    pair.om.edit(Kind.ORDER_LINE, pair.id("ORDL1"), expected_start=TUESDAY)
    pair.take_in(Kind.ORDER_LINE)
    pair.deliver()
    assert windows(pair) == [TUESDAY, MONDAY]
    pair.settle_down(2)
    assert windows(pair) == [TUESDAY, MONDAY]
    assert len(notes(pair)) == 1


def test_a_task_that_a_dispatcher_adds_gets_none_and_each_gets_one_where_the_config_says_so(pair):
    pair.come()
    pair.settle_down(2)
    pair.fsm.put(Kind.WORK_TASK, "WOT3", "pending_dispatch", work_order=pair.work_orders[0].id)
    pair.settle_down(2)
    assert windows(pair) == [MONDAY, "", ""]
    pair.policy = replace(pair.policy, schedule=replace(pair.policy.schedule, tasks="each"))
    pair.sweep_up()
    pair.settle_down(2)
    assert windows(pair) == [MONDAY, MONDAY, MONDAY]


def test_a_task_that_was_begun_before_the_write_is_left_alone(planned):
    planned.om.edit(Kind.ORDER_LINE, planned.id("ORDL1"), expected_start=TUESDAY)
    planned.take_in()
    planned.fsm.edit(Kind.WORK_TASK, planned.id("WOT1"), "work_in_progress")
    planned.settle_down(2)
    assert window(planned) == MONDAY
    assert len(notes(planned)) == 1
