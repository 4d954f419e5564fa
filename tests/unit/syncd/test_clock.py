"""A process counts its own time: setting the machine's clock moves nothing that it waits for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from syncd.clock import SteadyClock

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_a_steady_clock_goes_on_from_the_hour_of_its_start():
    wall, passed = [NOON], [500.0]
    clock = SteadyClock(lambda: wall[0], lambda: passed[0])

    wall[0] += timedelta(days=3650)
    passed[0] += 90
    assert clock.now() == NOON + timedelta(seconds=90)
