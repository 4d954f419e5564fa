"""Rate limit rules: so many requests in each window of a fixed length, then 429 until the next one.

Set by the control API, asked by `http` for every request of a system. Remembers when requests came, so that a test can say
how many there were in the busiest stretch of a window's length, wherever it began.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

LONGEST_MEMORY = 200_000


@dataclass(slots=True)
class Rule:
    """One rule of a system."""

    requests: int
    per_s: float
    came: list[float] = field(default_factory=list)
    refused: int = 0

    def window_ends(self, now: float) -> float:
        return (math.floor(now / self.per_s) + 1) * self.per_s

    def in_window(self, now: float) -> int:
        begin = self.window_ends(now) - self.per_s
        return sum(1 for at in reversed(self.came[-self.requests - 1 :]) if at >= begin)

    def busiest(self) -> int:
        """The most requests in any stretch of the window's length."""
        most, first = 0, 0
        for last, at in enumerate(self.came):
            while self.came[first] <= at - self.per_s:
                first += 1
            most = max(most, last - first + 1)
        return most


class Rates:
    """The rules of both systems."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._rules: dict[str, Rule] = {}

    def set(self, system: str, requests: int, per_s: float) -> None:
        """A rule from now on, in place of an earlier one."""
        self._rules[system] = Rule(requests, per_s)

    def clear(self) -> None:
        self._rules.clear()

    def take(self, system: str) -> tuple[bool, Mapping[str, str]]:
        """Whether a request may be served, and the headers of its answer."""
        rule = self._rules.get(system)
        if rule is None:
            return True, {}
        now = self._now()
        ends = rule.window_ends(now)
        headers = {
            "X-RateLimit-Limit": str(rule.requests),
            "X-RateLimit-Rule": "sandbox",
            "X-RateLimit-Reset": str(math.ceil(ends)),
        }
        if rule.in_window(now) >= rule.requests:
            rule.refused += 1
            return False, headers | {"Retry-After": str(max(1, math.ceil(ends - now)))}
        if len(rule.came) < LONGEST_MEMORY:
            rule.came.append(now)
        return True, headers

    def report(self) -> dict[str, dict[str, float]]:
        return {
            system: {
                "requests": rule.requests,
                "per_s": rule.per_s,
                "served": len(rule.came),
                "busiest": rule.busiest(),
                "refused": rule.refused,
            }
            for system, rule in sorted(self._rules.items())
        }
