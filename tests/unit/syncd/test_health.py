"""Health tells an outage once, its end once, and how long a lane pauses in between."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.errors import Busy, Misconfigured, Unreachable
from mappings.model import System
from syncd import logs
from syncd.health import Health

OM, FSM = System.ORDER_MANAGEMENT, System.FIELD_SERVICE


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def health(time: Time) -> Health:
    return Health(logs.get(), time, longest_pause_s=lambda: 60)


@pytest.fixture
def events() -> Iterator[list[dict[str, Any]]]:
    with logs.captured() as seen:
        yield seen


def names(events: list[dict[str, Any]]) -> list[str]:
    return [event["event"] for event in events]


def test_an_outage_is_told_once_and_its_end_with_its_length(health, time, events):
    for _ in range(5):
        health.failed(FSM, "intake", Unreachable("no connection"))
        time.now += 2
    time.now += 10
    health.worked(FSM, "intake")
    health.worked(FSM, "intake")
    assert names(events) == ["remote.unavailable", "remote.recovered"]
    assert (events[1]["outage_s"], events[1]["failures"]) == (20.0, 5)


def test_an_outage_that_changes_its_kind_is_told_again(health, events):
    assert health.failed(FSM, "intake", Unreachable("no connection")) is True
    assert health.failed(FSM, "intake", Unreachable("no connection")) is False
    assert health.failed(FSM, "intake", Misconfigured("401")) is True
    assert names(events) == ["remote.unavailable", "remote.misconfigured"]
    assert ["next" in event for event in events] == [False, True], "only a person ends the second"


def test_two_lanes_are_one_outage_from_the_first_failure_to_the_last(health, time, events):
    health.failed(FSM, "intake", Unreachable("down"))
    time.now += 5
    health.failed(FSM, "delivery", Unreachable("down"))
    health.worked(FSM, "intake")
    assert names(events) == ["remote.unavailable"]
    time.now += 5
    health.worked(FSM, "delivery")
    assert events[-1] == {**events[-1], "event": "remote.recovered", "outage_s": 10.0, "failures": 2}


def test_systems_are_told_apart(health, time, events):
    health.failed(FSM, "intake", Unreachable("down"))
    health.failed(OM, "intake", Unreachable("down"))
    time.now += 1
    health.worked(OM, "intake")
    assert [(e["event"], e["system"]) for e in events[1:]] == [
        ("remote.unavailable", OM),
        ("remote.recovered", OM),
    ]
    assert set(health.down()) == {FSM}


def test_pauses_double_up_to_the_longest(health, time):
    pauses = []
    for _ in range(9):
        health.failed(FSM, "intake", Unreachable("down"))
        pauses.append(health.pause_s(FSM, "intake"))
        time.now += pauses[-1]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_workers_that_fail_together_pause_once(health):
    for _ in range(4):
        health.failed(FSM, "delivery", Unreachable("down"))
    assert health.pause_s(FSM, "delivery") == 1


def test_a_step_that_succeeds_during_a_pause_began_before_it_and_ends_nothing(health, time, events):
    health.failed(FSM, "delivery", Busy("429", retry_after=7))
    time.now += 1
    health.worked(FSM, "delivery")
    assert health.pause_s(FSM, "delivery") == 6
    assert names(events) == ["remote.unavailable"]


def test_what_began_before_the_system_was_back_is_no_outage_of_its_own(health, time, events):
    """A worker waits for an answer still when the feeds are read again."""
    with health.step():
        time.now += 1
        health.failed(FSM, "intake", Unreachable("no answer in time"))
        time.now += 1
        health.worked(FSM, "intake")
        time.now += 5
        assert health.failed(FSM, "delivery", Unreachable("no answer in time")) is False
    assert names(events) == ["remote.unavailable", "remote.recovered"]
    assert health.pause_s(FSM, "delivery") == 1
    time.now += 1
    health.worked(FSM, "delivery")
    assert names(events) == ["remote.unavailable", "remote.recovered"]


@pytest.mark.parametrize("lane", ["delivery", "intake"])
def test_what_fails_after_it_is_told(health, time, events, lane):
    with health.step():
        health.failed(FSM, "intake", Unreachable("no answer in time"))
        time.now += 1
        health.worked(FSM, "intake")
        health.failed(FSM, "delivery", Unreachable("no answer in time"))
    with health.step():
        time.now += 1
        assert health.failed(FSM, lane, Unreachable("no answer in time")) is True
    time.now += 60
    health.worked(FSM, "delivery")
    health.worked(FSM, "intake")
    assert names(events) == ["remote.unavailable", "remote.recovered"] * 2


def test_what_began_before_the_system_was_back_and_fails_in_another_way_is_told(health, time, events):
    with health.step():
        health.failed(FSM, "intake", Unreachable("no connection"))
        time.now += 1
        health.worked(FSM, "intake")
        assert health.failed(FSM, "delivery", Misconfigured("401", status=401)) is True
    assert names(events) == ["remote.unavailable", "remote.recovered", "remote.misconfigured"]


def test_a_lane_that_works_has_no_pause(health, time):
    health.failed(FSM, "delivery", Unreachable("down"))
    assert health.pause_s(FSM, "intake") == 0
    time.now += 1
    health.worked(FSM, "delivery")
    assert health.pause_s(FSM, "delivery") == 0


@pytest.mark.parametrize(
    ("error", "pause"),
    [
        pytest.param(Busy("429", retry_after=7), 7, id="as long as the system asks for"),
        pytest.param(Busy("429", retry_after=300), 300, id="however long"),
        pytest.param(Busy("429"), 1, id="it did not say"),
        pytest.param(Misconfigured("401", status=401), 60, id="a person must act"),
        pytest.param(Misconfigured("403", status=403), 1, id="access to one record"),
    ],
)
def test_the_kind_of_failure_decides_the_pause(health, error, pause):
    health.failed(FSM, "delivery", error)
    assert health.pause_s(FSM, "delivery") == pause


def test_a_lane_that_recovers_lets_the_others_try_at_once(health, time):
    health.failed(FSM, "intake", Unreachable("down"))
    time.now += 1
    health.failed(FSM, "delivery", Misconfigured("401"))
    health.worked(FSM, "intake")
    assert health.pause_s(FSM, "delivery") == 0


def test_a_lane_that_was_asked_to_wait_waits_whatever_the_others_do(health, time):
    health.failed(FSM, "delivery", Busy("429", retry_after=30))
    health.failed(FSM, "intake", Unreachable("down"))
    time.now += 1
    health.worked(FSM, "intake")
    assert health.pause_s(FSM, "delivery") == 29


def test_a_lane_with_nothing_to_do_since_its_failure_pauses_no_longer(health, time):
    health.failed(FSM, "delivery", Unreachable("no connection"))
    assert health.pausing()
    time.now += 60
    assert not health.pausing()
    assert FSM in health.down()
