"""A process counts its own time: setting the machine's clock moves nothing that it waits for."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from state.store import run_lock, runner_says
from syncd.clock import SteadyClock
from syncd.wiring import clock_beside

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_a_steady_clock_goes_on_from_the_hour_of_its_start():
    wall, passed = [NOON], [500.0]
    clock = SteadyClock(lambda: wall[0], lambda: passed[0])

    wall[0] += timedelta(days=3650)
    passed[0] += 90
    assert clock.now() == NOON + timedelta(seconds=90)


def test_a_verb_beside_a_daemon_counts_as_the_daemon_does(tmp_path):
    """However the machine's clock was set in between: else every deadline of the daemon would be over at once."""
    url = f"sqlite:///{tmp_path / 'syncd.db'}"
    daemon = SteadyClock(lambda: NOON)
    with run_lock(url, says=daemon.zero.isoformat()):
        assert abs(clock_beside(runner_says(url)).now() - daemon.now()) < timedelta(seconds=60)


def test_a_verb_that_runs_alone_has_the_machines_clock(tmp_path):
    url = f"sqlite:///{tmp_path / 'syncd.db'}"
    assert runner_says(url) == ""
    with run_lock(url, says=SteadyClock(lambda: NOON).zero.isoformat()):
        pass
    assert runner_says(url) == ""
    assert abs(clock_beside(runner_says(url)).now().timestamp() - time.time()) < 60


def test_who_only_asks_keeps_nobody_from_running(tmp_path):
    url = f"sqlite:///{tmp_path / 'syncd.db'}"
    with run_lock(url, says="now"):
        assert runner_says(url) == runner_says(url) == "now"
    with run_lock(url, says="later"):
        assert runner_says(url) == "later"
