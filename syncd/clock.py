"""Time of this machine, handed to the lanes through the door so that tests can pass their own.

Used for durations, leases and the hour in a log line; never for watermarks, which are made of server stamps only.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
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
