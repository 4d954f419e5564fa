"""Dates of the order reach the tasks that may still be scheduled, and nothing that people planned is lost for nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings.changes import Change, What, default_lifecycles, detect
from mappings.effects import EffectKind
from mappings.model import Kind
from mappings.policy import ScheduleSettings
from mappings.ponr import Mode
from mappings.scheduling import ahead_of, in_turn, passed_on, schedule
from mappings.settlement import refused, settled

SETTINGS = ScheduleSettings({"window_start": "line.expected_start", "window_end": "line.expected_end"})
MONDAY, TUESDAY = "2026-07-06 08:00:00", "2026-07-07 08:00:00"


def task(make, id="wot1", state="pending_dispatch", work_order="wo1", **fields):
    return make.record(Kind.WORK_TASK, id, state, work_order=work_order, **fields)


def line(make, start=MONDAY, **fields):
    return make.line(expected_start=start, **fields)


def decided(make, tasks, changes=(), facts=None, settings=SETTINGS, **policy):
    facts = facts or make.in_play(line=line(make))
    return schedule(changes, facts, tasks, make.policy(schedule=settings, **policy))


def moved(make, **now):
    """The line's start moves from Monday to Tuesday: facts and changes."""
    before = line(make)
    after = make.later(before, expected_start=TUESDAY, **now)
    return make.in_play(line=after), detect(before, after, default_lifecycles()[Kind.ORDER_LINE])


def test_a_task_without_dates_gets_those_of_the_order(make):
    (effect,) = decided(make, [task(make)]).effects
    assert effect.kind is EffectKind.UPDATE_WORK_TASK
    assert (effect.target_kind, effect.target) == (Kind.WORK_TASK, "wot1")
    assert (effect.values, effect.before) == ({"window_start": MONDAY}, {"window_start": ""})


def test_dates_that_people_planned_stay_while_the_order_does_not_move(make):
    assert decided(make, [task(make, window_start=TUESDAY)]).effects == ()


def test_a_date_that_moves_is_written_over_what_was_planned(make):
    facts, changes = moved(make)
    (effect,) = decided(make, [task(make, window_start=MONDAY)], changes, facts).effects
    assert effect.values == {"window_start": TUESDAY}
    assert effect.key == "schedule:wot1:ordl1:2"


def test_a_date_that_is_taken_away_is_taken_away(make):
    before = line(make)
    after = make.later(before, expected_start="")
    changes = detect(before, after, default_lifecycles()[Kind.ORDER_LINE])
    (effect,) = decided(make, [task(make, window_start=MONDAY)], changes, make.in_play(line=after)).effects
    assert effect.values == {"window_start": ""}


def test_after_a_hold_every_date_is_compared(make):
    facts = make.in_play(line=line(make, TUESDAY))
    changes = (Change(What.RESUMED, facts.subject, make.domain_order("on_hold")),)
    (effect,) = decided(make, [task(make, window_start=MONDAY)], changes, facts).effects
    assert effect.values == {"window_start": TUESDAY}


@pytest.mark.parametrize(("which", "targets"), [("first", ["wot1"]), ("each", ["wot1", "wot2"])])
def test_the_first_open_task_or_each(make, which, targets):
    tasks = [
        task(make, "wot2"),
        task(make),
        task(make, "wot0", "closed_complete"),
        task(make, "wot9", work_order="x"),
    ]
    effects = decided(make, tasks, settings=replace(SETTINGS, tasks=which)).effects
    assert [effect.target for effect in effects] == targets


@pytest.mark.parametrize("state", ["work_in_progress", "closed_incomplete", "canceled"])
def test_a_task_that_was_begun_or_ended_is_left_alone(make, state):
    assert decided(make, [task(make, state=state)]).effects == ()


@pytest.mark.parametrize(
    "given",
    [
        {"subject": "on_hold"},
        {"subject": "canceled"},
        {"links": "adopted"},
        {"settings": "none"},
        {"line": "ponr"},
    ],
    ids=["held", "cancelled", "made by hand", "not configured", "no return"],
)
def test_nothing_is_scheduled_while(make, given):
    facts = make.in_play(line=line(make))
    settings = ScheduleSettings() if "settings" in given else SETTINGS
    if "subject" in given:
        facts = replace(facts, subject=make.domain_order(given["subject"]))
    if "links" in given:
        facts = replace(facts, links=(make.adopted("wo1"),))
    if "line" in given:
        facts = replace(facts, line=line(make, ponr="true"))
    assert decided(make, [task(make)], facts=facts, settings=settings).effects == ()


def test_past_the_point_of_no_return_a_moved_date_is_refused_once(make):
    facts, changes = moved(make, ponr="true")
    tasks = [task(make, window_start=MONDAY), task(make, "wot2", window_start=MONDAY)]
    (note,) = decided(make, tasks, changes, facts, replace(SETTINGS, tasks="each")).effects
    assert note.kind is EffectKind.WRITE_NOTE
    assert note.key == "refused:do1:ordl1:2:schedule"
    assert note.text.count("window start") == 1


def test_where_order_management_enforces_it_the_first_move_is_sent(make):
    facts, changes = moved(make, ponr="true")
    (effect,) = decided(
        make, [task(make, window_start=MONDAY)], changes, facts, ponr_mode=Mode.OM_ENFORCED
    ).effects
    assert effect.kind is EffectKind.UPDATE_WORK_TASK


def test_what_was_scheduled_is_noted_and_so_is_a_refusal(make):
    (effect,) = decided(make, [task(make)]).effects
    facts = make.in_play(links=(make.link(noted=True),))
    (note,) = settled(effect, task(make, window_start=MONDAY), facts, make.policy()).effects
    assert f"WOT1 was scheduled, status Pending dispatch:\n- window start: (empty) -> {MONDAY}" in note.text
    (note,) = refused(effect, "Closed", facts, make.policy()).effects
    assert "refused to schedule a work order task: Closed" in note.text


def test_tasks_of_one_second_are_seen_by_their_numbers_and_other_records_as_they_came(make):
    early, late = task(make, "wot1"), task(make, "wot2")
    assert in_turn([late, early]) == [early, late]
    assert in_turn([line(make), late, early]) == [line(make), late, early]


@pytest.mark.parametrize(
    ("which", "state", "ahead"),
    [("first", "accepted", ["wot1"]), ("first", "work_in_progress", []), ("each", "accepted", [])],
)
def test_the_open_tasks_before_one_come_first(make, which, state, ahead):
    tasks = [
        task(make, "wot3"),
        task(make, "wot2"),
        task(make, state=state),
        task(make, "wot0", work_order="x"),
    ]
    policy = make.policy(schedule=replace(SETTINGS, tasks=which))
    assert [one.id for one in ahead_of(tasks[1], tasks, policy)] == ahead


@pytest.mark.parametrize(
    ("shown", "values"),
    [({"window_start": MONDAY}, [{"window_start": TUESDAY}]), ({"window_start": "planned"}, []), ({}, [])],
    ids=["the same date", "another one", "none"],
)
def test_what_a_later_task_was_to_get_goes_to_the_first_that_showed_the_same(make, shown, values):
    facts, changes = moved(make)
    (effect,) = decided(make, [task(make, "wot2", window_start=MONDAY)], changes, facts).effects
    effects = passed_on(effect, task(make, **shown), facts).effects
    assert [one.values for one in effects] == values
    assert all((one.key, one.target) == ("schedule:wot1:ordl1:2", "wot1") for one in effects)
