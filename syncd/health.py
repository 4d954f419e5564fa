"""How the two systems are doing: one event when one fails, one when it is back, silence and a pause in between.

Fed by every lane, asked by the lanes before they go on, by `status` and by the one-shot cycle. Thread-safe; keeps no
history.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from connectors.errors import Busy, Exhausted, FilterIgnored, Misconfigured, RemoteError
from mappings.model import System
from syncd.logs import Log

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
_FORBIDDEN = 403
_BEGAN: ContextVar[float | None] = ContextVar("began", default=None)


@dataclass(slots=True)
class _Outage:
    since: float
    error: RemoteError
    until: float
    """When the lane may try again."""
    failures: int = 0
    pauses: int = 0
    told: bool = False


@dataclass(frozen=True, slots=True)
class Ailing:
    """An outage as one lane sees it; instants are those of the monotonic clock."""

    system: System
    lane: str
    since: float
    until: float
    failures: int
    error: RemoteError


class Health:
    """`monotonic` gives seconds. Kept per system and lane, told per system: one lane may work while another cannot.

    A lane that failed pauses: `FIRST_PAUSE_S`, doubled each time up to `longest_pause_s`; as long as the system asks for
    where it does; the longest where a person has to change something.
    """

    def __init__(
        self,
        log: Log,
        monotonic: Callable[[], float],
        *,
        longest_pause_s: Callable[[], float] = lambda: LONGEST_PAUSE_S,
    ) -> None:
        self._log = log
        self._monotonic = monotonic
        self._longest_pause_s = longest_pause_s
        self._lock = threading.Lock()
        self._outages: dict[tuple[System, str], _Outage] = {}
        self._back: dict[System, tuple[float, type[RemoteError]]] = {}
        """When a system was back, and from what."""

    @contextmanager
    def step(self) -> Iterator[None]:
        """A step that begins now: what fails in it after the system was back from just that is no outage of its own."""
        token = _BEGAN.set(self._monotonic())
        try:
            yield
        finally:
            _BEGAN.reset(token)

    def failed(self, system: System, lane: str, error: RemoteError) -> bool:
        """A step of `lane` against `system` failed. Told once per outage, and again when its kind changes: then True."""
        began = _BEGAN.get()
        with self._lock:
            now = self._monotonic()
            ours = [o for (s, _), o in self._outages.items() if s is system and o.told]
            known = any(type(o.error) is type(error) for o in ours)
            known = known or isinstance(error, Exhausted)  # told by who keeps the budget
            back_at, from_what = self._back.get(system, (now, None))
            late = began is not None and began < back_at and type(error) is from_what
            outage = self._outages.setdefault((system, lane), _Outage(now, error, now))
            outage.told = outage.told or known or not late
            outage.error = error
            outage.failures += 1
            if now >= outage.until:  # several workers that fail together are one failure
                outage.until = now + self._pause_after(error, outage.pauses)
                outage.pauses += 1
            retry_in_s = round(outage.until - now, 1)
        news = not (known or late)
        if news:
            self._log.event(
                _name(error),
                system=system,
                error=type(error).__name__,
                detail=str(error),
                retry_in_s=retry_in_s,
                **_next(error),
            )
        return news

    def worked(self, system: System, lane: str) -> None:
        """A step of `lane` against `system` succeeded. The recovery is told when no lane fails any more; until then the
        others may try at once, unless the system asked them to wait. What succeeds during a pause began before it and
        ends nothing."""
        with self._lock:
            now = self._monotonic()
            if (system, lane) in self._outages and now < self._outages[system, lane].until:
                return
            outage = self._outages.pop((system, lane), None)
            rest = [o for (s, _), o in self._outages.items() if s is system]
            if outage is not None:
                for other in rest:
                    other.until = other.until if isinstance(other.error, Busy) else now
                    other.since = min(other.since, outage.since)
                    other.failures += outage.failures
                    other.told = other.told or outage.told
                if not rest:
                    self._back[system] = now, type(outage.error)
        if outage is not None and not rest and outage.told and not isinstance(outage.error, Exhausted):
            length = round(now - outage.since, 1)
            self._log.event("remote.recovered", system=system, outage_s=length, failures=outage.failures)

    def hurry(self) -> None:
        """A person has changed how the systems are reached: what waits for that is tried at once."""
        with self._lock:
            for outage in self._outages.values():
                if isinstance(outage.error, Misconfigured):
                    outage.until = self._monotonic()

    def pause_s(self, system: System, lane: str) -> float:
        """How long `lane` must wait before it tries `system` again; 0 when it may go on."""
        with self._lock:
            outage = self._outages.get((system, lane))
            return max(0.0, outage.until - self._monotonic()) if outage else 0.0

    def pausing(self) -> bool:
        """Whether a lane waits before it tries again. One that had nothing to do since its last failure does not."""
        with self._lock:
            now = self._monotonic()
            return any(now < outage.until for outage in self._outages.values())

    def down(self) -> dict[System, RemoteError]:
        """The systems against which a lane's last step failed, and how."""
        with self._lock:
            return {system: outage.error for (system, _), outage in sorted(self._outages.items())}

    def outages(self) -> tuple[Ailing, ...]:
        """What keeps which lane from which system now."""
        with self._lock:
            return tuple(
                Ailing(system, lane, o.since, o.until, o.failures, o.error)
                for (system, lane), o in sorted(self._outages.items())
            )

    def _pause_after(self, error: RemoteError, pauses: int) -> float:
        # A 403 may concern one record only; anything else of this kind waits for a person.
        if isinstance(error, Misconfigured) and error.status != _FORBIDDEN:
            return self._longest_pause_s()
        pause = min(self._longest_pause_s(), FIRST_PAUSE_S * 2.0 ** min(pauses, 20))
        if isinstance(error, Busy) and error.retry_after is not None:
            return max(pause, error.retry_after)
        return pause


def _next(error: RemoteError) -> dict[str, Any]:
    """What a person does about it, where one is needed."""
    if not isinstance(error, Misconfigured):
        return {}
    return {"next": "put right what the detail names; syncd check --remote says whether it is"}


def _name(error: RemoteError) -> str:
    if isinstance(error, FilterIgnored):
        return "feed.filter_ignored"
    return "remote.misconfigured" if isinstance(error, Misconfigured) else "remote.unavailable"
