"""How tasks move their work order: the seven rules, as a table."""

from __future__ import annotations

import pytest

from syncd.sandbox.work_rollup import TaskState, rolled_up

DONE, FAILED, GONE = "closed_complete", "closed_incomplete", "canceled"
WORKING, DRAFT = "work_in_progress", "draft"


def tasks(*states: str) -> list[TaskState]:
    return [TaskState(f"t{n}", state) for n, state in enumerate(states)]


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([GONE], GONE),
        ([GONE, GONE], GONE),
        ([DONE], DONE),
        ([DONE, GONE], DONE),
        ([FAILED], FAILED),
        ([FAILED, DONE], FAILED),
        ([FAILED, DONE, GONE], FAILED),
        (["assigned"], "assigned"),
        (["pending_dispatch", "assigned"], "assigned"),
        (["assigned", "accepted"], "accepted"),
        (["accepted", WORKING], WORKING),
        ([DONE, "pending_dispatch"], WORKING),
        (["pending_dispatch"], None),
        ([DRAFT], None),
        ([], None),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else str(value),
)
def test_the_order_follows_its_tasks(states, expected):
    assert rolled_up("ready_for_dispatch", tasks(*states)) == expected


@pytest.mark.parametrize(
    ("others", "follow_on", "expected"),
    [
        ([], DRAFT, "awaiting_qualification"),
        ([DONE], DRAFT, WORKING),
        ([], DONE, DONE),
        ([DONE], DONE, DONE),
        ([], FAILED, FAILED),
        ([], GONE, FAILED),
    ],
    ids=["single draft", "several draft", "single done", "several done", "failed again", "given up"],
)
def test_a_follow_on_of_an_incomplete_task(others, follow_on, expected):
    row = [TaskState("first", FAILED), TaskState("next", follow_on, "first"), *tasks(*others)]
    assert rolled_up("work_in_progress", row) == expected


def test_an_order_is_not_taken_back_by_a_task_that_lags():
    assert rolled_up("accepted", tasks("assigned")) is None


def test_a_cancelled_order_stays_cancelled():
    assert rolled_up(GONE, tasks(DONE)) is None
