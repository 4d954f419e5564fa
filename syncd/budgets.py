"""The request budgets of a config, kept in the state: what the connectors ask before each request leaves.

Made by `wiring`, asked by `delivery` for what it may begin. A block of permits is a short transaction of its own, on the
thread that is about to send, never inside another one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from connectors.budget import Grant, Keeper, Limiter
from mappings.budget import Purpose, Terms, lowered
from mappings.effects import EffectKind
from mappings.model import System
from state.store import Claim, StateError, Store
from syncd.config import SystemSection
from syncd.logs import Log

STATE_BUSY_S = 1.0
"""When a permit is asked for again where the state could not be asked."""


def terms_of(section: SystemSection) -> Terms | None:
    """The budget of a system, None where it has none."""
    budget = section.budget
    if budget is None:
        return None
    return Terms(budget.requests, budget.per.total_seconds(), budget.background)


def limiter_of(
    system: System, terms: Terms | None, store: Store, log: Log, beat: Callable[[], None]
) -> Limiter:
    """What says when a request to a system may leave. `beat` is called now and then while somebody waits."""

    def exhausted(purpose: Purpose, seconds: float) -> None:
        log.event("budget.exhausted", system=system, purpose=purpose, retry_in_s=round(seconds, 1))

    return Limiter(system.value, keeper_of(system, terms, store, log), exhausted=exhausted, waiting=beat)


def keeper_of(system: System, terms: Terms | None, store: Store, log: Log) -> Keeper | None:
    """Who keeps the budget of a system; None where it has none."""
    return None if terms is None else _keeper(system, _Pace(system, terms, log), store)


class _Pace:
    """The budget in force: that of the config, or what the server grants where that is less. Told once for each such limit."""

    def __init__(self, system: System, terms: Terms, log: Log) -> None:
        self._system = system
        self._written = terms
        self._log = log
        self._lock = threading.Lock()
        self._limit = 0
        self._span_s = 0.0
        self.terms = terms

    def limited(self, limit: int, span_s: float) -> None:
        """The server's window is at least as long as its end was ever away; another limit is another rule."""
        with self._lock:  # every thread that sends hears replies
            new = limit != self._limit
            if not new and span_s <= self._span_s:
                return
            self._limit, self._span_s = limit, span_s if new else max(span_s, self._span_s)
            self.terms = terms = lowered(self._written, limit, self._span_s)
        if new and terms is not self._written:
            self._log.event(
                "budget.lowered",
                system=self._system,
                limit=limit,
                budget=self._written.requests,
                per_s=self._written.per_s,
            )


def _keeper(system: System, pace: _Pace, store: Store) -> Keeper:
    def lease(purpose: Purpose, wanted: int) -> Grant:
        terms = pace.terms
        try:
            got = store.lease_requests(system, purpose, min(wanted, terms.block), terms)
        except StateError:
            return Grant(0, 0, 0.0, STATE_BUSY_S)
        return Grant(got.id, got.count, got.valid_s, got.retry_s)

    def give_back(id: int, unused: int) -> None:
        try:
            store.give_back_requests(id, unused)
        except StateError:
            return  # they count for a window, and that is all

    return Keeper(lease, give_back, pace.terms.block, pace.limited)


def purpose_of(claim: Claim) -> Purpose:
    """What the requests of a claim count as."""
    if claim.background:
        return Purpose.BACKGROUND
    urgent = claim.effect.kind in (EffectKind.CREATE_WORK_ORDER, EffectKind.CLOSE_DOMAIN_ORDER)
    return Purpose.URGENT if urgent else Purpose.LIVE


class Budgets:
    """The limiters of both systems, as the lanes see them."""

    def __init__(self, limiters: Mapping[System, Limiter] | None = None) -> None:
        self._limiters = dict(limiters or {})

    def out_of(self, purpose: Purpose) -> frozenset[System]:
        """The systems to which nothing of this purpose may be sent now, as far as is known."""
        return frozenset(s for s, limiter in self._limiters.items() if limiter.wait_s(purpose) > 0)

    def keep(self, system: System, keeper: Keeper | None) -> None:
        """Another budget of a system from now on, or none."""
        self._limiters[system].keep(keeper)

    def stop(self) -> None:
        """Nobody waits for a permit any more."""
        for limiter in self._limiters.values():
            limiter.stop()

    def close(self) -> None:
        """Gives back what is in hand; the state must still be open."""
        for limiter in self._limiters.values():
            limiter.close()
