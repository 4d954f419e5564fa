"""What only this process knows of how its lanes do, written to the state for who looks from outside: `syncd status`.

Called by `daemon` after each turn of a lane. Writes only when something began, moved or ended: an idle daemon, and one whose
systems are well, writes nothing here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from mappings.model import System
from state.store import Outage, Store
from syncd.health import Ailing, Health

DETAIL_LIMIT = 300
"""Characters of a failure's text that are kept."""


class Vitals:
    """Of one daemon; any of its threads may ask it to write."""

    def __init__(
        self, store: Store, health: Health, now: Callable[[], datetime], monotonic: Callable[[], float]
    ) -> None:
        self._store = store
        self._health = health
        self._now = now
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: list[tuple[System, str, float, str]] | None = None
        """What was written last; None at a start, so that what an earlier life left is cleared."""

    def keep(self) -> None:
        """Writes what keeps lanes from their systems, if that has changed. Raises `StateError`."""
        with self._lock:
            ailing = self._health.outages()
            current = [(a.system, a.lane, a.until, type(a.error).__name__) for a in ailing]
            if current == self._kept:
                return
            self._store.keep_outages([self._outage(one) for one in ailing])
            self._kept = current

    def _outage(self, one: Ailing) -> Outage:
        """With instants of the wall clock."""
        now, passed = self._now(), self._monotonic()
        return Outage(
            lane=one.lane,
            system=one.system,
            since=now - timedelta(seconds=passed - one.since),
            until=now + timedelta(seconds=one.until - passed),
            failures=one.failures,
            error=type(one.error).__name__,
            detail=str(one.error)[:DETAIL_LIMIT],
        )
