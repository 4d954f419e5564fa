"""How many requests may still be sent to a system, and for what: the arithmetic of a request budget.

Called by the state, which counts, and by the connectors, which ask. Any stretch of the window's length holds at most the
budget, wherever the server's own window begins: permits count for a whole window from the moment in which they may still
be used.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

RESERVE = 25
"""One in so many requests is kept for what is urgent."""
BLOCKS = 100
"""A block of permits is at most one in so many of the budget: what a process that died has in hand is lost for a window."""
VALID = 50
"""Permits are used within one in so many of the window, or given back."""


class Purpose(StrEnum):
    """What a request is for."""

    URGENT = "urgent"
    """Creates and answers of the closure gate."""
    LIVE = "live"
    """Feeds, and what else is delivered."""
    BACKGROUND = "background"
    """The sweep, a backfill, and what a backfill intends."""


@dataclass(frozen=True, slots=True)
class Terms:
    """A budget: so many requests in any stretch of `per_s` seconds, of them for the background a share."""

    requests: int
    per_s: float
    background: float = 0.5

    @property
    def valid_s(self) -> float:
        """How long a permit may be used."""
        return self.per_s / VALID

    @property
    def window_s(self) -> float:
        """How long a permit counts from the moment in which it was given."""
        return self.per_s + self.valid_s

    @property
    def block(self) -> int:
        return max(1, self.requests // BLOCKS)


def lowered(terms: Terms, limit: int, span_s: float) -> Terms:
    """The budget against a server that grants `limit` requests in a window of its own, which is at least `span_s` long; never
    more than what a person has written down."""
    allowed = int(limit * terms.per_s / max(terms.per_s, span_s))
    return terms if allowed >= terms.requests else replace(terms, requests=max(1, allowed))


def room(terms: Terms, purpose: Purpose, used: int, used_background: int) -> int:
    """How many permits may be given now. `used` are all that count now, `used_background` those among them."""
    if purpose is Purpose.URGENT:
        return max(0, terms.requests - used)
    free = terms.requests - terms.requests // RESERVE - used
    if purpose is Purpose.BACKGROUND:
        free = min(free, int(terms.requests * terms.background) - used_background)
    return max(0, free)
