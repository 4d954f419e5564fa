"""A night without work: the lanes turn thousands of times, and the log says so in a handful of lines."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import pytest

from connectors.errors import Unreachable
from mappings.model import System
from syncd import lanes, logs
from syncd.cycles import Cycles
from syncd.lanes import answer_requests, deliver, take_in
from syncd.pulse import Pulse
from syncd.turns import Turns

HOURS = 4
EVERY_S = 60


@pytest.fixture
def app(world):
    """What the lanes need of an `App`, on the fakes and their clock, after an order was carried out."""
    pulse = Pulse(monotonic=world.time.monotonic)
    made = SimpleNamespace(
        log=logs.get(),
        store=world.store,
        health=world.health,
        intake=world.intake,
        delivery=world.delivery,
        gate=world.gate,
        identities=world.identities,
        catch_up=world.catch_up,
        turns=Turns(world.store, "run:1", 60, logs.get(), shared=False),
        pulse=pulse,
        cycles=Cycles(logs.get(), world.store, pulse, world.time.monotonic),
    )
    world.order("Fiber Access")
    turn(made)
    turn(made)
    return made


def turn(app):
    for system in System:
        take_in(app, system, lambda: False)
    answer_requests(app)
    deliver(app, lambda: False)


def night(world, app, hours=HOURS):
    for _ in range(hours * 3600 // EVERY_S):
        world.time.pass_(EVERY_S)
        turn(app)


def test_an_idle_night_is_a_line_an_hour_for_each_lane(world, app, events):
    night(world, app)
    assert {line["event"] for line in events} <= {"cycle.finished", "watermark.advanced"}
    told = [line for line in events if line["level"] != "debug"]
    lanes = Counter((line["lane"], line.get("system")) for line in told)
    assert set(lanes) == {("intake", s) for s in System} | {("delivery", None)}
    assert all(HOURS - 1 <= count <= HOURS + 1 for count in lanes.values())


def test_a_night_with_a_system_away_is_hardly_more(world, app, events):
    world.fsm.fail("changes_since", Unreachable("away"), times=100_000)
    night(world, app)
    world.fsm.faults.clear()
    night(world, app, hours=1)
    told = Counter(line["event"] for line in events if line["level"] != "debug")
    assert (told["remote.unavailable"], told["remote.recovered"]) == (1, 1)
    assert sum(told.values()) < 4 * (HOURS + 1)
    (recovered,) = [line for line in events if line["event"] == "remote.recovered"]
    assert recovered["outage_s"] > HOURS * 3600 - 100
    assert recovered["failures"] > 100


@pytest.mark.parametrize(
    ("bound", "value"), [("TOLD_EVERY", 4), ("TOLD_EVERY_S", 0.0)], ids=["so many effects", "so long"]
)
def test_a_drain_that_goes_on_is_told_in_between(world, app, events, monkeypatch, bound, value):
    """A backlog of hours is no silence of hours; what the workers have in hand goes over into the next line."""
    world.time.pass_(EVERY_S)
    world.order(*["Fiber Access"] * 7)  # one of which is known
    world.time.pass_(EVERY_S)
    for system in System:
        take_in(app, system, lambda: False)
    monkeypatch.setattr(lanes, bound, value)
    events.clear()
    deliver(app, lambda: False)
    lines = [line for line in events if line["event"] == "cycle.finished" and line["lane"] == "delivery"]
    assert len(lines) >= 3
    done = Counter()
    for line in lines:
        done.update(line["effects"])
    assert done == {"create_work_order": 6, "write_note": 6}
    assert len(world.work_orders) == 7
