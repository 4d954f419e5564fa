"""A run of the backfill from its outside: whether it may run, how fast, and how it is told in the log.

Called by `syncd backfill`; the backfill itself is in `backfill`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from connectors.budget import requests_for
from connectors.errors import Exhausted, RemoteError
from mappings.budget import Purpose
from syncd.backfill import Wish
from syncd.backfill_report import Backfilled, Progress
from syncd.logs import Log
from syncd.sweeping import recognise
from syncd.wiring import App

TOLD_EVERY_S = 10.0
"""How often a log hears how far it is."""


class Pace:
    """At most `rate` records a second, over the whole run. `wait` sleeps, and ends early when the run is to stop."""

    def __init__(
        self,
        rate: float | None,
        wait: Callable[[float], object],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = rate
        self._wait = wait
        self._monotonic = monotonic
        self._began = monotonic()

    def __call__(self, read: int) -> None:
        """After a page: `read` records were read in this run."""
        if self._rate is not None:
            self._wait(max(0.0, self._began + read / self._rate - self._monotonic()))


class LogLines:
    """A line now and then: how far, how fast, how long it still takes."""

    def __init__(self, log: Log, lane: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._log = log.bind(lane=lane)
        self._monotonic = monotonic
        self._began = self._last = monotonic()

    def __call__(self, progress: Progress) -> None:
        now = self._monotonic()
        if now - self._last < TOLD_EVERY_S:
            return
        self._last = now
        rate = progress.here / max(now - self._began, 0.001)
        self._log.event(
            "backfill.advanced",
            fetched=progress.read,
            left=progress.left,
            effects=dict(progress.counts),
            rate=round(rate, 1),
            left_s=round(progress.left / rate) if rate else None,
        )


def run(
    app: App,
    wish: Wish,
    stopping: Callable[[], bool],
    *,
    plan: bool,
    pace: Pace,
    told: Callable[[Progress], None],
) -> Backfilled:
    """One run. Raises `IdentityChanged` before it reads from a stranger, and what `Backfill.run` raises."""
    with requests_for(Purpose.BACKGROUND, patient=True):
        return _run(app, wish, stopping, plan=plan, pace=pace, told=told)


def _run(
    app: App,
    wish: Wish,
    stopping: Callable[[], bool],
    *,
    plan: bool,
    pace: Pace,
    told: Callable[[Progress], None],
) -> Backfilled:
    recognise(app, plan=plan)
    started = time.monotonic()

    def after_page(progress: Progress) -> None:
        told(progress)
        pace(progress.here)

    try:
        done = app.backfill.run(wish, stopping, plan=plan, told=after_page)
    except RemoteError as error:
        if isinstance(error, Exhausted) and stopping():  # it waited for a permit
            return Backfilled()
        _tell(app, wish, Backfilled(), started, type(error).__name__, plan=plan)
        raise
    _tell(app, wish, done, started, _outcome(done), plan=plan)
    return done


def _outcome(done: Backfilled) -> str:
    if done.stopped is not None:
        return "stopped"
    return "ok" if done.complete else "cut short"


def _tell(app: App, wish: Wish, done: Backfilled, started: float, outcome: str, *, plan: bool) -> None:
    """The canonical line of a run."""
    if plan:
        return
    app.log.event(
        "cycle.finished",
        lane=wish.lane,
        outcome=outcome,
        ms=round((time.monotonic() - started) * 1000),
        fetched=done.read,
        hidden=done.hidden,
        effects=dict(sorted(done.counts.items())),
    )
