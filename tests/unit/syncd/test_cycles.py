"""Turns with news are told one by one, quiet ones together: a night without work is a handful of lines."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from connectors.http import RequestSeen
from state.store import Backlog, StateLocked
from syncd import logs
from syncd.cycles import Cycles
from syncd.pulse import Pulse

HOUR_S = 3600


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def pulse(time):
    return Pulse(monotonic=time)


@pytest.fixture
def cycles(time, pulse):
    store = SimpleNamespace(backlog=lambda: Backlog(3, 0, 1, 2, 12.34))
    return Cycles(logs.get(run="r1"), store, pulse, time)


@pytest.fixture
def told():
    with logs.captured() as events:
        yield events


def quiet_turns(cycles, time, pulse, seconds, every=10):
    for _ in range(seconds // every):
        with cycles.turn("intake", system="order_management") as turn:
            pulse.seen(RequestSeen("order_management", "GET", "/x", 200, 0.1, 50))
            turn.whole = True
            turn.fields["fetched"] = 2
        time.now += every


def test_a_turn_with_news_is_a_line_with_everything(cycles, time, pulse, told):
    with cycles.turn("intake", system="order_management") as turn:
        turn.news, turn.whole = True, True
        pulse.seen(RequestSeen("order_management", "GET", "/x", 200, 0.25, 50))
        time.now += 0.5
        turn.spent.decide_s, turn.spent.commit_s = 0.1, 0.05
    (line,) = told
    assert line == {
        "event": "cycle.finished",
        "level": "info",
        "run": "r1",
        "cycle": "intake-1",
        "lane": "intake",
        "system": "order_management",
        "outcome": "ok",
        "ms": 500,
        "fetch_ms": 250,
        "decide_ms": 100,
        "commit_ms": 50,
        "requests": 1,
        "retries": 0,
        "bytes": 50,
        "quiet": 0,
        "lag_s": 0.5,
        "backlog": 4,
        "oldest_s": 12.3,
    }


def test_eight_idle_hours_are_a_line_an_hour(cycles, time, pulse, told):
    quiet_turns(cycles, time, pulse, 8 * HOUR_S + 100)
    assert [line["quiet"] for line in told] == [360] + [359] * 7
    assert told[-1]["requests"] == 360
    assert told[-1]["fetched"] == 720


def test_lanes_are_quiet_each_by_itself(cycles, time, pulse, told):
    quiet_turns(cycles, time, pulse, 1000)
    with cycles.turn("intake", system="field_service") as turn:
        turn.news = True
    assert [(line["system"], line["quiet"]) for line in told] == [("field_service", 0)]


def test_an_outage_is_a_line_when_it_begins_and_one_when_it_is_over(cycles, time, told):
    for outcome in ("ok", *["Unreachable"] * 20, "ok", "ok"):
        with cycles.turn("intake", system="order_management") as turn:
            turn.outcome = outcome
            turn.whole = outcome == "ok"
        time.now += 60
    assert [(line["outcome"], line["quiet"], line["lag_s"]) for line in told] == [
        ("Unreachable", 1, 60.0),
        ("ok", 19, 0.0),
    ]


def test_a_defect_is_told_once_with_its_kind_and_goes_on(cycles, told):
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), cycles.turn("delivery"):
            _ = 1 / 0
    assert [line["outcome"] for line in told] == ["ZeroDivisionError"]


def test_what_is_told_inside_a_turn_carries_its_cycle(cycles, told):
    with cycles.turn("delivery"):
        logs.get().event("note.written", number="DO1")
    logs.get().event("daemon.stopping")
    assert [line.get("cycle") for line in told] == ["delivery-1", None]


def test_a_state_that_does_not_answer_costs_its_fields_only(time, pulse, told):
    def busy():
        raise StateLocked("busy")

    with Cycles(logs.get(), SimpleNamespace(backlog=busy), pulse, time).turn("delivery") as turn:
        turn.news = True
    (line,) = told
    assert "backlog" not in line
