"""The signals of the daemon, put in a queue: a handler may interrupt anything, so nothing else happens inside one.

Installed by `syncd run` before the config is read, asked by `daemon`. TERM and INT ask for the stop; a second one ends the
process at once, and so does the first while nothing is in flight yet. HUP asks for a reload, USR1 for the status.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from queue import Empty, SimpleQueue
from types import FrameType

from syncd import exits

STOPS = (signal.SIGTERM, signal.SIGINT)
WISHES = (signal.SIGHUP, signal.SIGUSR1)


class Signals:
    """What was asked of this process, oldest first."""

    def __init__(self) -> None:
        self._asked: SimpleQueue[int] = SimpleQueue()
        self._works = False
        self._stopping = False

    def install(self) -> None:
        """From now on nothing ends the process by surprise, and a stop ends it in order because nothing has begun."""
        for number in (*STOPS, *WISHES):
            signal.signal(number, self._came)

    def lanes_run(self) -> None:
        """From now on a stop is for the daemon to carry out."""
        self._works = True

    def put(self, number: int) -> None:
        """As if a signal came; 0 for a stop that the daemon itself wants."""
        self._asked.put(number)

    def next(self, timeout_s: float) -> int | None:
        """The next one; None when none came. A signal that comes in the instant before a wait is handled only when the wait
        ends, so wait briefly and often."""
        with suppress(Empty):
            return self._asked.get(timeout=timeout_s)
        return None

    def _came(self, number: int, _frame: FrameType | None) -> None:
        if number in STOPS:
            if not self._works:
                os._exit(exits.OK)
            if self._stopping:
                os._exit(128 + number)
            self._stopping = True
        self._asked.put(number)
