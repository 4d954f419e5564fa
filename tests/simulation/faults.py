"""What may go wrong, switched on seed by seed, and how often it did.

The ports and the state ask `hit` at the places where a fault of that name can strike. Each fault has its own stream of
random numbers: switching one off does not move the others, so that a story can be made shorter.
"""

from __future__ import annotations

from random import Random

RATES: dict[str, float] = {
    # writes
    "refused": 0.03,
    "reset_before_commit": 0.03,
    "reset_after_commit": 0.03,
    "late_execution": 0.03,
    "accepted": 0.01,
    "busy": 0.02,
    "busy_without_time": 0.01,
    "failed_before_commit": 0.02,
    "failed_after_commit": 0.02,
    "error_in_success": 0.02,
    "redirected": 0.005,
    "truncated_after_commit": 0.015,
    "html_after_commit": 0.015,
    "business_rule": 0.015,
    "field_dropped": 0.02,
    # reads
    "read_refused": 0.01,
    "read_broken": 0.006,
    "read_html": 0.004,
    "read_busy": 0.003,
    "read_busy_without_time": 0.003,
    "read_redirected": 0.001,
    "token_expired": 0.0015,
    # feeds
    "slow_page": 0.04,
    "changed_while_reading": 0.04,
    "rows_repeated": 0.03,
    "filter_ignored": 0.004,
    "page_emptied": 0.0,
    # worlds
    "late_commit": 0.25,
    "burst": 0.02,
    "index_lag": 0.3,
    "rows_hidden": 0.02,
    "row_garbled": 0.01,
    "outage": 0.006,
    "deleted": 0.0,
    "gate_window": 0.25,
    # processes
    "killed": 0.0,
    "paused_reading": 0.0015,
    "paused_sending": 0.012,
    "paused_past_lease": 0.0,
    "second_process": 0.01,
    "clock_hour_forward": 0.001,
    "clock_hour_back": 0.001,
    "clock_decade_forward": 0.001,
    "clock_decade_back": 0.001,
    # the state
    "state_locked": 0.002,
    "disk_full": 0.002,
    "commit_unknown": 0.002,
    "state_restored": 0.002,
    "state_lost": 0.001,
}
"""How likely each is where it can strike. What has no rate of its own is counted where it comes about: an empty page out of
hidden rows, a death at a point that the run has chosen, a pause that is longer than a lease, an act of a user."""

LATER: frozenset[str] = frozenset()
"""Faults that nothing protects from yet: they are asked for by name."""

ALL = frozenset(RATES) - LATER


class Faults:
    """The faults of one run. `on` names those that are switched on; `healed` ends them all."""

    def __init__(self, seed: int, on: frozenset[str]) -> None:
        self.on = on
        self.healed = False
        self.fired: dict[str, int] = {}
        self._streams = {name: Random(f"{seed}/{name}") for name in sorted(RATES)}
        # a seed has moods: some faults come often, some hardly
        mood = Random(f"{seed}/mood")
        self._rates = {name: RATES[name] * mood.choice((0.3, 1, 1, 2)) for name in sorted(RATES)}

    def hit(self, name: str, rate: float | None = None) -> bool:
        """Whether the fault strikes now. Counts it."""
        drawn = self._streams[name].random()
        if self.healed or name not in self.on or drawn >= (self._rates[name] if rate is None else rate):
            return False
        self.count(name)
        return True

    def count(self, name: str) -> None:
        self.fired[name] = self.fired.get(name, 0) + 1

    def random(self, name: str) -> Random:
        """The stream of a fault, for its size."""
        return self._streams[name]
