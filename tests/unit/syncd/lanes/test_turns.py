"""Which of several daemons polls a feed: one, for as long as it renews, and the next one at once when it stops in order."""

from __future__ import annotations

import pytest

from syncd import logs
from syncd.turns import Turns


@pytest.fixture
def daemons(world):
    """Two daemons that share a state."""
    return [Turns(world.store, f"run:{n}", 60, logs.get(), shared=True) for n in (1, 2)]


def told(events):
    return [(e["event"], e["lease"]) for e in events if e["event"].startswith("lease.")]


def test_one_daemon_has_the_turn_for_as_long_as_it_renews_it(world, daemons, events):
    first, second = daemons
    for _ in range(5):
        assert first.take("feed:work_order")
        assert not second.take("feed:work_order")
        world.time.pass_(59)
    assert told(events) == [("lease.taken", "feed:work_order")]


def test_turns_are_taken_one_by_one(daemons):
    first, second = daemons
    assert first.take("feed:work_order")
    assert second.take("gate")


def test_a_daemon_that_dies_is_followed_when_its_lease_ends_and_learns_of_it_if_it_lives(
    world, daemons, events
):
    first, second = daemons
    first.take("gate")
    world.time.pass_(60)
    assert second.take("gate")
    assert not first.take("gate")
    assert told(events) == [("lease.taken", "gate"), ("lease.taken", "gate"), ("lease.lost", "gate")]


def test_a_daemon_that_stops_in_order_is_followed_at_once(daemons):
    first, second = daemons
    first.take("gate")
    first.give_back()
    assert second.take("gate")


def test_where_nobody_else_can_run_it_is_always_our_turn(world, daemons):
    alone = Turns(world.store, "once:1", 60, logs.get(), shared=False)
    daemons[0].take("gate")
    assert alone.take("gate")
