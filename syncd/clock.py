"""Time of this machine, handed to the lanes through the door so that tests can pass their own.

Used for durations, leases and the hour in a log line; never for watermarks, which are made of server stamps only.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What a lane may ask about time."""

    def now(self) -> datetime:
        """The present instant in UTC; it may jump when the machine's clock is set."""

    def monotonic(self) -> float:
        """Seconds since some instant; never runs backwards, so durations and deadlines come from here."""

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Waits until `stop` is set or `seconds` have passed, and says whether `stop` is set."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        return stop.wait(seconds)


class SteadyClock:
    """The hour as it was at the start of the process, and what has passed since.

    A clock that is set forward would otherwise end every wait at once: a look at a write in doubt would be believed while
    that write may still be executed, and a lease would end in the hands of its worker.
    """

    def __init__(
        self, start: Callable[[], datetime], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._monotonic = monotonic
        self.zero = start() - timedelta(seconds=monotonic())
        """The hour at which this machine's count of seconds began. Processes that share it agree about every deadline."""

    @classmethod
    def beside(cls, zero: datetime, monotonic: Callable[[], float] = time.monotonic) -> SteadyClock:
        """The clock of another process on this machine, whatever the hour has been set to since it started."""
        return cls(lambda: zero + timedelta(seconds=monotonic()), monotonic)

    def now(self) -> datetime:
        return self.zero + timedelta(seconds=self._monotonic())
