"""Whether a request may leave now: permits of a budget, and what the server itself asks for.

Asked by `http` before each request, by the lanes before they begin something. One for each system and process; every thread
of it heeds a 429 that any of them was given. Permits come in blocks from whoever keeps the budget, through a function given
at the start; nothing here knows a database.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from connectors.errors import Exhausted
from mappings.budget import Purpose

SHORT_S = 2.0
"""A wait that a thread bears by itself; a longer one is its lane's."""
SLICE_S = 10.0
"""How often a waiting thread shows that it is alive."""
LONGEST_WAIT_S = 86_400.0
COUNT_DIGITS = 11
GRANULES_S = 2.0
"""What the rounding of two instants of a server may add between them."""
QUIET_S = 600.0
"""A budget that was exhausted within this time is not told again."""
_PURPOSE: ContextVar[tuple[Purpose, bool]] = ContextVar("purpose", default=(Purpose.LIVE, False))


@contextmanager
def requests_for(purpose: Purpose, *, patient: bool = False) -> Iterator[None]:
    """What the requests of this thread are for, inside the block. A `patient` one waits however long it takes."""
    token = _PURPOSE.set((purpose, patient))
    try:
        yield
    finally:
        _PURPOSE.reset(token)


@dataclass(frozen=True, slots=True)
class Grant:
    """A block of `count` permits that may be used for `valid_s`; with none, when to ask again."""

    id: int
    count: int
    valid_s: float
    retry_s: float


@dataclass(frozen=True, slots=True)
class Keeper:
    """Who keeps a budget: `lease` gives a block of up to so many permits, `give_back` takes what is left of one."""

    lease: Callable[[Purpose, int], Grant]
    give_back: Callable[[int, int], None]
    block: int
    limited: Callable[[int, float], None] = lambda _limit, _span_s: None
    """Hears what the server itself grants: so many requests, in a window that goes on for so long at least."""


@dataclass(slots=True)
class _Hand:
    """The permits in hand for one purpose. `wanted` doubles while they are used up in time."""

    id: int = 0
    left: int = 0
    until: float = 0.0
    wanted: int = 1
    denied_until: float = 0.0
    told_at: float | None = None


class Limiter:
    """Says when. Without a keeper only the server's own word counts."""

    def __init__(
        self,
        system: str,
        keeper: Keeper | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        exhausted: Callable[[Purpose, float], None] = lambda _purpose, _s: None,
        waiting: Callable[[], None] = lambda: None,
    ) -> None:
        """`exhausted` is told once when a budget has run out: for what, and for how long. `waiting` is called again and again
        by a thread that waits: it is alive."""
        self.system = system
        self._keeper = keeper
        self._monotonic = monotonic
        self._exhausted = exhausted
        self._waiting = waiting
        self._lock = threading.Lock()
        self._hands = {purpose: _Hand() for purpose in Purpose}
        self._blocked_until = 0.0
        self._stopping = threading.Event()

    def take(self) -> None:
        """Returns when a request may leave. Raises `Exhausted` where that would take too long for this thread."""
        purpose, patient = _PURPOSE.get()
        while (wait := self._wait_s(purpose)) > 0:
            if self._stopping.is_set() or not (patient or wait <= SHORT_S):
                raise Exhausted(
                    f"the request budget has no room for {wait:.0f} s", retry_after=wait, system=self.system
                )
            self._stopping.wait(min(wait, SLICE_S))
            self._waiting()

    def wait_s(self, purpose: Purpose) -> float:
        """How long requests of this purpose have to wait as far as is known, 0 when they may be tried."""
        with self._lock:
            until = max(self._blocked_until, self._hands[purpose].denied_until)
            return max(0.0, until - self._monotonic())

    def saw(self, status: int, headers: Mapping[str, str], date: datetime | None) -> None:
        """A reply: one that turned us away, or was the last of its window, stops every thread for as long as it says."""
        keeper = self._keeper
        if keeper is not None:
            limit = _count(headers, "x-ratelimit-limit")
            if limit:
                keeper.limited(limit, max(0.0, (_reset_s(headers, date) or 0.0) - GRANULES_S))
        last = _count(headers, "x-ratelimit-remaining") == 0
        wait = asked_wait_s(headers, date) if status == 429 or last else None
        if wait is not None:
            with self._lock:
                self._blocked_until = max(self._blocked_until, self._monotonic() + wait)

    def keep(self, keeper: Keeper | None) -> None:
        """Another budget from now on, or none; what is in hand of the old one goes back."""
        with self._lock:
            for hand in self._hands.values():
                self._drop(hand)
                hand.denied_until = 0.0
            self._keeper = keeper

    def stop(self) -> None:
        """Nobody waits any more."""
        self._stopping.set()

    def close(self) -> None:
        """Gives back what is in hand."""
        self.stop()
        with self._lock:
            for hand in self._hands.values():
                self._drop(hand)

    def _wait_s(self, purpose: Purpose) -> float:
        """0 with a permit taken, or how long there will be none."""
        with self._lock:
            now = self._monotonic()
            if now < self._blocked_until:
                return self._blocked_until - now
            if self._keeper is None:
                return 0.0
            hand = self._hands[purpose]
            if hand.left > 0 and now < hand.until:
                hand.left -= 1
                return 0.0
            if now < hand.denied_until:
                return hand.denied_until - now
            return self._lease(self._keeper, purpose, hand, now)

    def _lease(self, keeper: Keeper, purpose: Purpose, hand: _Hand, now: float) -> float:
        used_up = hand.id != 0 and hand.left == 0
        self._drop(hand)
        hand.wanted = min(keeper.block, hand.wanted * 2) if used_up else 1
        grant = keeper.lease(purpose, hand.wanted)
        if grant.count > 0:
            hand.id, hand.left, hand.until = grant.id, grant.count - 1, now + grant.valid_s
            return 0.0
        hand.denied_until = now + grant.retry_s
        if hand.told_at is None or now - hand.told_at > QUIET_S:
            self._exhausted(purpose, grant.retry_s)
        hand.told_at = now
        return grant.retry_s

    def _drop(self, hand: _Hand) -> None:
        if self._keeper is not None and hand.left > 0:
            self._keeper.give_back(hand.id, hand.left)
        hand.id, hand.left = 0, 0


def asked_wait_s(headers: Mapping[str, str], date: datetime | None) -> float | None:
    """Seconds that a server asks for: `Retry-After` as seconds or date, else the reset of its rate limit. Dates are
    compared with the server's own clock."""
    after = headers.get("retry-after", "").strip()
    if after.isascii() and after.isdecimal():
        return min(float(after[:12]), LONGEST_WAIT_S)
    until = _http_date(after)
    if until is None or date is None:
        return _reset_s(headers, date)
    return _seconds(until, date)


def _reset_s(headers: Mapping[str, str], date: datetime | None) -> float | None:
    """How long until the window of a server's rate limit ends."""
    reset = _count(headers, "x-ratelimit-reset")
    if reset is None or date is None:
        return None
    return _seconds(datetime.fromtimestamp(reset, UTC), date)


def _seconds(until: datetime, date: datetime) -> float:
    return min(max(0.0, (until - date).total_seconds()), LONGEST_WAIT_S)


def _count(headers: Mapping[str, str], name: str) -> int | None:
    """A number of requests that a header states."""
    text = headers.get(name, "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= COUNT_DIGITS else None


def _http_date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
