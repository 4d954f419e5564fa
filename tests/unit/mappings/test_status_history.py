"""What a work order was between two looks, where its history was read: a note for each of its states."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate

import pytest

from mappings.changes import What, default_lifecycles, detect
from mappings.decisions import decide
from mappings.model import Kind
from mappings.status import noted_fields

LIFECYCLE = default_lifecycles()[Kind.WORK_ORDER]
WAY = ("accepted", "work_in_progress", "closed_complete")


def versions(make, before, *states, **fields):
    """A record and each of its later versions."""
    return list(accumulate(states, lambda record, state: make.later(record, state, **fields), initial=before))


def noted(make, before, *later, policy=None, facts=None):
    *past, after = later
    facts = facts or make.in_play(work_orders=(after,))
    changes = detect(before, after, LIFECYCLE, None, tuple(past))
    return decide(changes, facts, policy or make.policy(history_limit=20)).effects


def test_each_state_in_between_is_a_note_of_its_own_and_says_when(make):
    before, *later = versions(make, make.work_order(state="assigned", version=6), *WAY)
    notes = noted(make, before, *later)
    assert [note.key for note in notes] == ["status:do1:wo1:7", "status:do1:wo1:8", "status:do1:wo1:9"]
    heads = [note.text.split("\n")[0].removeprefix("Work order WO1 (Fiber Installation): ") for note in notes]
    when = [f", {one.updated_at:%Y-%m-%d %H:%M:%S} UTC" for one in later]
    assert heads == [
        f"Assigned -> Accepted{when[0]}",
        f"Accepted -> Work in progress{when[1]}",
        "Work in progress -> Closed complete",
    ]


def test_a_note_about_what_is_history_carries_that_in_its_marker(make):
    before, *later = versions(make, make.work_order(), *WAY)
    assert [note.marker.endswith(":passed]") for note in noted(make, before, *later)] == [True, True, False]


def test_the_last_state_is_noted_by_what_the_history_shows_last(make):
    """A history that lags or skips a version tells less; nothing is left out at the end."""
    before, first, second, last = versions(make, make.work_order(), *WAY)
    assert [note.key[-1] for note in noted(make, before, second, last)] == ["3", "4"]
    assert "Accepted -> Closed complete\n" in noted(make, before, first, last)[-1].text


def test_a_state_that_came_and_went_is_noted_too(make):
    before, *later = versions(make, make.work_order(), "accepted", "assigned")
    changes = detect(before, later[-1], LIFECYCLE, None, tuple(later[:-1]))
    assert [change.what for change in changes] == [What.PASSED_THROUGH]
    assert [note.key for note in noted(make, before, *later)] == ["status:do1:wo1:2", "status:do1:wo1:3"]


def test_a_version_that_changed_nothing_noted_makes_no_note(make):
    before = make.work_order()
    noise = make.later(before, description="x")
    assert len(noted(make, before, noise, make.later(noise, "accepted"))) == 1


def test_more_than_the_limit_make_one_note_that_lists_them(make):
    before, *later = versions(make, make.work_order(), *WAY)
    (note,) = noted(make, before, *later, policy=make.policy(history_limit=2))
    lines = note.text.split("\n")
    assert note.key == "status:do1:wo1:4"
    assert lines[0] == "Work order WO1 (Fiber Installation) changed 3 times:"
    assert lines[1] == f"- {later[0].updated_at:%Y-%m-%d %H:%M:%S} UTC: state: Assigned -> Accepted"
    assert not note.marker.endswith(":passed]")


def test_fields_in_between_are_noted_where_the_config_names_them(make):
    policy = make.policy(status_note_fields=("assigned_to",), history_limit=20)
    before = make.work_order(assigned_to="")
    ann = make.later(before, assigned_to="ann")
    notes = noted(make, before, ann, make.later(ann, assigned_to="bob"), policy=policy)
    assert [
        "- assigned to: (empty) -> ann" in notes[0].text,
        "- assigned to: ann -> bob" in notes[1].text,
    ] == [
        True,
        True,
    ]


@pytest.mark.parametrize("limit", [1, 20], ids=["too many", "few"])
def test_a_task_tells_its_way_too(make, limit):
    policy = make.policy(task_note_fields=("state",), history_limit=limit)
    task = make.record(Kind.WORK_TASK, "t1", "draft", work_order="wo1", short_description="Visit")
    before, *later = versions(make, task, "accepted", "closed_complete")
    notes = noted(make, before, *later, policy=policy, facts=make.in_play(work_orders=(make.work_order(),)))
    if limit == 1:
        assert notes[0].text.startswith(
            "Work order WO1 (Fiber Installation), task T1 (Visit) changed 2 times:\n"
        )
    else:
        assert f"task T1 (Visit), {later[0].updated_at:%Y-%m-%d}" in notes[0].text
        assert "task T1 (Visit):\n- state: Accepted -> Closed complete" in notes[1].text


def test_without_a_history_it_is_one_note_as_ever(make):
    before = make.work_order(version=6)
    (note,) = noted(make, before, replace(make.later(before, "closed_complete"), version=9))
    assert note.key == "status:do1:wo1:9"


def test_only_what_is_noted_is_asked_of_a_history(make):
    policy = make.policy(status_note_fields=("assigned_to", "state"), task_note_fields=("sub_state",))
    assert noted_fields(Kind.WORK_ORDER, policy) == ("state", "assigned_to")
    assert noted_fields(Kind.WORK_TASK, policy) == ("sub_state",)
