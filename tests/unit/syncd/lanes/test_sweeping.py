"""When the sweep runs, and who may."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from types import SimpleNamespace

import pytest

from connectors.errors import Misconfigured, Unreachable
from mappings.model import Kind, System
from state.store import StateLocked
from syncd import logs
from syncd.cycles import Cycles
from syncd.identity import Identities, IdentityChanged
from syncd.pulse import Pulse
from syncd.sweeping import LANE, first_sweep, run_alone, sweep_up


@pytest.fixture
def app(world):
    """What the daemon hands to its sweep."""
    world.order("Fiber Access")
    world.settle_down(2)
    return SimpleNamespace(
        systems=world.systems,
        identities=world.identities,
        catch_up=world.catch_up,
        store=world.store,
        now=world.time,
        sweep=world.sweep,
        health=world.health,
        log=logs.get(),
        figures=lambda: SimpleNamespace(sweep_every_s=3600.0),
        pulse=Pulse(),
        cycles=Cycles(logs.get(), world.store, Pulse()),
    )


def never():
    return False


def cycles(events):
    return [event for event in events if event["event"] == "cycle.finished"]


def test_a_sweep_tells_one_line(app, events):
    assert sweep_up(app, never) == 0
    (told,) = cycles(events)
    assert (told["lane"], told["outcome"], told["fetched"]) == ("sweep", "ok", 4)


def test_what_it_finds_is_counted(world, app):
    world.om.change_silently(Kind.DOMAIN_ORDER, world.id("DO1"), "canceled")
    assert sweep_up(app, never) == 1


def test_it_does_not_run_while_a_system_is_known_to_be_away(app, events):
    app.health.failed(System.FIELD_SERVICE, "intake", Unreachable("away"))
    sweep_up(app, never)
    assert cycles(events) == []


def test_it_does_not_run_while_a_feed_waits_for_a_person(world, app, events):
    with world.store.deciding() as tx:
        tx.stop_lane("domain_order", {"create_work_order": 90}, 100)
    sweep_up(app, never)
    assert cycles(events) == []


def test_a_daemon_that_stops_begins_none(app, events):
    sweep_up(app, lambda: True)
    assert cycles(events) == []


def test_an_outage_in_the_middle_is_told_and_the_next_one_runs(world, app, events):
    world.fsm.fail("walk", Unreachable("away"))
    sweep_up(app, never)
    sweep_up(app, never)
    assert [line["outcome"] for line in cycles(events)] == ["Unreachable", "ok"]


def test_what_a_person_must_change_is_told_loudly(world, app, events):
    world.fsm.fail("walk", Misconfigured("no right to read wm_order"))
    sweep_up(app, never)
    (told,) = [event for event in events if event["event"] == "sweep.failed"]
    assert told["level"] == "error"


def test_it_does_not_run_while_the_state_catches_up(app, events):
    app.catch_up.begin()
    sweep_up(app, never)
    assert cycles(events) == []


@pytest.mark.parametrize("plan", [True, False], ids=["plan", "sweep"])
def test_a_stranger_is_compared_with_nothing(world, app, plan):
    """Another instance answers under the same URL: everything would look deleted."""
    world.order("Fiber Access", "Managed Router")
    world.settle_down(2)
    app.identities = Identities(world.store, world.systems, world.store.identities(), logs.get())
    world.fsm.records.clear()
    with pytest.raises(IdentityChanged):
        run_alone(app, never, plan=plan)


def test_only_one_sweeps_at_a_time(world, app):
    assert world.store.take_lease(LANE, "another", 60)
    with pytest.raises(StateLocked):
        run_alone(app, never)
    assert run_alone(app, never, plan=True).complete
    assert sweep_up(app, never) == 0


def test_a_sweeper_that_lost_its_turn_stops(world, app):
    looks = []

    def slow():
        looks.append(1)
        if len(looks) == 2:  # paused for longer than its lease, and another one began
            world.time.pass_(3600)
            assert world.store.take_lease(LANE, "another", 3600)
        return False

    assert not run_alone(app, slow).complete


def test_a_sweeper_renews_its_turn_as_time_goes_by(world, app, monkeypatch):
    taken, asked = [], []
    original = world.store.take_lease

    def take(*args):
        taken.append(world.time.now)
        return original(*args)

    def slow():
        asked.append(1)
        world.time.pass_(30)
        return False

    monkeypatch.setattr(world.store, "take_lease", take)
    assert run_alone(app, slow).complete
    gaps = [(after - before).total_seconds() for before, after in pairwise(taken)]
    assert set(gaps) == {60.0}
    assert len(gaps) == len(asked) // 2


@pytest.mark.parametrize(
    ("finished_ago_s", "due_in_s"),
    [(None, 3600), (600, 3000), (7200, 60), (-999_999, 3600)],
    ids=["never swept", "not yet due", "overdue", "the clock was set back"],
)
def test_a_restart_neither_skips_a_sweep_nor_brings_one_early(world, app, finished_ago_s, due_in_s):
    now = world.time.now = world.time.now.replace(microsecond=0)
    if finished_ago_s is None:
        now = world.store.baseline().created_at
    else:
        world.time.now = now - timedelta(seconds=finished_ago_s)
        world.sweep_up()
        world.time.now = now
    assert first_sweep(app, now) - now == timedelta(seconds=due_in_s)
