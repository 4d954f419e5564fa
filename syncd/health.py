"""How the two systems are doing: one event when one fails, one when it is back, silence in between.

Fed by every lane, asked by `status` and the daemon's canonical lines. Thread-safe; keeps no history.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from connectors.errors import Misconfigured, RemoteError
from mappings.model import System
from syncd.logs import Log


@dataclass(slots=True)
class _Outage:
    since: float
    error: RemoteError
    failures: int = 1


class Health:
    """`monotonic` gives seconds; outages are told with their length."""

    def __init__(self, log: Log, monotonic: Callable[[], float]) -> None:
        self._log = log
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._outages: dict[System, _Outage] = {}

    def failed(self, system: System, error: RemoteError) -> None:
        """A step against `system` failed. Told once per outage, and again when its kind changes."""
        with self._lock:
            outage = self._outages.get(system)
            if outage is not None and type(outage.error) is type(error):
                outage.failures += 1
                outage.error = error
                return
            self._outages[system] = _Outage(outage.since if outage else self._monotonic(), error)
        name = "remote.misconfigured" if isinstance(error, Misconfigured) else "remote.unavailable"
        self._log.event(name, system=system, error=type(error).__name__, detail=str(error))

    def worked(self, system: System) -> None:
        """A step against `system` succeeded."""
        with self._lock:
            outage = self._outages.pop(system, None)
        if outage is not None:
            self._log.event(
                "remote.recovered",
                system=system,
                outage_s=round(self._monotonic() - outage.since, 1),
                failures=outage.failures,
            )

    def down(self) -> dict[System, RemoteError]:
        """The systems whose last step failed, and how."""
        with self._lock:
            return {system: outage.error for system, outage in sorted(self._outages.items())}
