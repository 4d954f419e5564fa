"""When the sweep runs, and who may: one sweeper at a time, none while a system is known to be away, a lane waits for a
person, or the state catches up.

Called by `daemon` on its schedule and by `syncd sweep`; the sweep itself is in `sweep`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from connectors.budget import requests_for
from connectors.errors import Misconfigured, RemoteError
from mappings.budget import Purpose
from state.store import StateLocked
from syncd.cycles import Turn
from syncd.sweep_findings import Swept
from syncd.wiring import App, new_run

LANE = "sweep"
LEASE_S = 600.0
"""Longer than any stretch takes; a sweeper that has a tenth of it behind it renews it before the next."""
AFTER_START_S = 60.0
"""The first sweep leaves a start time to catch up by the feeds, which is cheaper."""


def first_sweep(app: App, now: datetime) -> datetime:
    """A restart neither skips a sweep that is due nor brings one early."""
    with app.store.history() as history:
        last = history.last_sweep()
        baseline = history.baseline()
    began = last.finished_at if last is not None else baseline.created_at if baseline is not None else None
    due = (began or now) + timedelta(seconds=app.figures().sweep_every_s)
    soonest = now + timedelta(seconds=min(AFTER_START_S, app.figures().sweep_every_s))
    latest = now + timedelta(seconds=app.figures().sweep_every_s)  # whatever a clock that was set says
    return min(max(due, soonest), latest)


def sweep_up(app: App, stopping: Callable[[], bool]) -> int:
    """One sweep of the daemon, if it may run now; how many effects it came to."""
    if stopping() or app.health.pausing() or app.sweep.paused() or app.catch_up.lasts():
        return 0
    swept = Swept()

    def stops() -> bool:
        app.pulse.beat()  # asked before each step, of which some talk to nobody
        return stopping()

    with app.cycles.turn(LANE) as turn:
        turn.news = True
        try:
            swept = run_alone(app, stops)
            turn.outcome = _outcome(swept)
        except StateLocked:
            turn.news = False  # somebody else sweeps
        except RemoteError as error:
            # Not told to `health`: the feeds look much more often, and an outage of which only the sweep knows would keep
            # it from ever finding out that it is over.
            turn.outcome = type(error).__name__
            if isinstance(error, Misconfigured):
                app.log.event("sweep.failed", error=turn.outcome, detail=str(error))
        _account(turn, swept)
    return swept.born


def run_alone(app: App, stopping: Callable[[], bool], *, plan: bool = False) -> Swept:
    """One sweep while nobody else sweeps. Raises `StateLocked` when somebody does, `IdentityChanged` before it compares a
    stranger, and the connectors' errors."""
    with requests_for(Purpose.BACKGROUND, patient=True):
        return _alone(app, stopping, plan=plan)


def _alone(app: App, stopping: Callable[[], bool], *, plan: bool) -> Swept:
    recognise(app, plan=plan)
    if plan:
        return app.sweep.run(stopping, plan=True)
    owner = f"sweep:{new_run()}"
    renewed = app.now()
    if not app.store.take_lease(LANE, owner, LEASE_S):
        raise StateLocked("another sweep is running; wait for it, or look at it with: syncd status")

    def is_ours() -> bool:
        nonlocal renewed
        now = app.now()
        if timedelta() <= now - renewed < timedelta(seconds=LEASE_S / 10):
            return True
        renewed = now
        return app.store.take_lease(LANE, owner, LEASE_S)

    try:
        return app.sweep.run(lambda: stopping() or not is_ours())
    finally:
        app.store.give_back(LANE, owner)


def recognise(app: App, *, plan: bool) -> None:
    """Raises `IdentityChanged` where a system is not the one that the state knows, and the connectors' errors. A plan stores nothing, not even that a known system answers under another URL."""
    for system in sorted(app.systems):
        if not plan:
            app.identities.recognise(system)
        else:
            app.identities.check(system)


def _outcome(swept: Swept) -> str:
    if swept.stopped is not None:
        return "stopped"
    return "ok" if swept.complete else "cut short"


def _account(turn: Turn, swept: Swept) -> None:
    """What the canonical line of a sweep says: each tells one, there are few."""
    turn.fields.update(
        pages=swept.stretches,
        fetched=swept.read,
        hidden=swept.hidden,
        changed=len(swept.findings),
        effects=dict(Counter(finding.kind for finding in swept.findings if finding.what.name == "INTENDED")),
    )
