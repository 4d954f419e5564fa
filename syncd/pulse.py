"""What the lanes are doing right now: their traffic, and whether a step of one has been going on for too long.

A lane works inside `busy`, on whichever thread; each request that ends there, and each `beat`, is a sign of life. The
watchdog asks `hung`, cycles ask `traffic`. Thread-safe; decides nothing, and keeps no history.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from connectors.http import RequestSeen
from syncd.meters import Meters


@dataclass(slots=True)
class Traffic:
    """What a lane has exchanged since the start of the process."""

    requests: int = 0
    received: int = 0
    """Bytes of decoded answers."""
    retries: int = 0
    """Reads that were tried again."""
    seconds: float = 0.0
    """Spent on exchanges, summed over threads."""

    def since(self, before: Traffic) -> Traffic:
        return Traffic(
            self.requests - before.requests,
            self.received - before.received,
            self.retries - before.retries,
            self.seconds - before.seconds,
        )


@dataclass(slots=True)
class _Work:
    lane: str
    seen_at: float
    around: _Work | None = None
    """What this is a part of: a sign of life here is one there."""


_WORK: ContextVar[_Work | None] = ContextVar("work", default=None)
"""What this thread is busy with."""


class Pulse:
    """The signs of life of one process. `limit_s`: how long a step may take."""

    def __init__(
        self,
        limit_s: Callable[[], float] = lambda: 150.0,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._limit_s = limit_s
        self._monotonic = monotonic
        self._sleep = sleep
        self.meters = Meters()
        """Who counts; replaced before the lanes run."""
        self._lock = threading.Lock()
        self._busy: dict[int, _Work] = {}
        self._traffic: dict[str, Traffic] = {}

    @contextmanager
    def busy(self, lane: str) -> Iterator[None]:
        """While the block runs this thread works for `lane`, and is expected to show signs of life."""
        work = _Work(lane, self._monotonic(), _WORK.get())
        with self._lock:
            self._busy[id(work)] = work
        token = _WORK.set(work)
        try:
            yield
        finally:
            _WORK.reset(token)
            with self._lock:
                del self._busy[id(work)]

    def beat(self) -> None:
        """This thread has come a step further."""
        now, work = self._monotonic(), _WORK.get()
        while work is not None:
            work.seen_at, work = now, work.around

    def seen(self, request: RequestSeen) -> None:
        """A request of this thread has ended, well or not."""
        self.beat()
        self.meters.request(request)
        with self._lock:
            traffic = self._mine()
            traffic.requests += 1
            traffic.received += request.received
            traffic.seconds += request.seconds

    def pause(self, seconds: float) -> None:
        """A read of this thread is tried again after so long."""
        self.meters.retry(seconds)
        with self._lock:
            self._mine().retries += 1
        self._sleep(seconds)
        self.beat()

    def traffic(self, lane: str) -> Traffic:
        """What the threads of a lane have exchanged so far."""
        with self._lock:
            return replace(self._traffic.get(lane, Traffic()))

    def hung(self) -> dict[str, float]:
        """The lanes of which a step has taken longer than the limit, and how long."""
        now, limit = self._monotonic(), self._limit_s()
        found: dict[str, float] = {}
        with self._lock:
            for work in self._busy.values():
                if now - work.seen_at > limit:
                    found[work.lane] = max(found.get(work.lane, 0.0), now - work.seen_at)
        return found

    def _mine(self) -> Traffic:
        work = _WORK.get()
        return self._traffic.setdefault(work.lane if work is not None else "", Traffic())
