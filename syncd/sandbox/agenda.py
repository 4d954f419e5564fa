"""What the simulated systems do later by themselves, in the time of the sandbox clock.

Order Management puts decomposition here; `http` runs what is due before each request and a ticker of the server in
between.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime, timedelta

from syncd.sandbox.clock import SandboxClock


class Agenda:
    """Actions by the instant they are due."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._entries: list[tuple[datetime, int, Callable[[], None]]] = []
        self._count = 0

    def after(self, delay: timedelta, action: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._entries, (self._clock.now() + delay, self._count, action))

    def run_due(self) -> None:
        while self._entries and self._entries[0][0] <= self._clock.now():
            heapq.heappop(self._entries)[2]()

    def __len__(self) -> int:
        return len(self._entries)
