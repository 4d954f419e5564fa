"""How the two systems are doing: one event when one fails, one when it is back, silence in between.

Fed by every lane, asked by `status` and the daemon's canonical lines. Thread-safe; keeps no history.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from connectors.errors import FilterIgnored, Misconfigured, RemoteError
from mappings.model import System
from syncd.logs import Log


@dataclass(slots=True)
class _Outage:
    since: float
    error: RemoteError
    failures: int = 1


class Health:
    """`monotonic` gives seconds. Kept per system and lane, told per system: one lane may work while another cannot."""

    def __init__(self, log: Log, monotonic: Callable[[], float]) -> None:
        self._log = log
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._outages: dict[tuple[System, str], _Outage] = {}

    def failed(self, system: System, lane: str, error: RemoteError) -> None:
        """A step of `lane` against `system` failed. Told once per outage, and again when its kind changes."""
        with self._lock:
            known = any(type(o.error) is type(error) for (s, _), o in self._outages.items() if s is system)
            outage = self._outages.setdefault((system, lane), _Outage(self._monotonic(), error, 0))
            outage.error = error
            outage.failures += 1
        if not known:
            self._log.event(_name(error), system=system, error=type(error).__name__, detail=str(error))

    def worked(self, system: System, lane: str) -> None:
        """A step of `lane` against `system` succeeded. The recovery is told when no lane fails any more."""
        with self._lock:
            outage = self._outages.pop((system, lane), None)
            rest = any(s is system for s, _ in self._outages)
        if outage is not None and not rest:
            length = round(self._monotonic() - outage.since, 1)
            self._log.event("remote.recovered", system=system, outage_s=length, failures=outage.failures)

    def down(self) -> dict[System, RemoteError]:
        """The systems against which a lane's last step failed, and how."""
        with self._lock:
            return {system: outage.error for (system, _), outage in sorted(self._outages.items())}


def _name(error: RemoteError) -> str:
    if isinstance(error, FilterIgnored):
        return "feed.filter_ignored"
    return "remote.misconfigured" if isinstance(error, Misconfigured) else "remote.unavailable"
