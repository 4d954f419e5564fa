"""The daemon and the one-shot cycle: who ticks, who drains, and how both stop.

APScheduler is a clock for intake only; delivery waits on an event that intake sets. Nothing is decided here. Broad excepts
stand in two places, one per lane, so that a defect costs a cycle and not the process.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from types import FrameType

from apscheduler.executors.pool import ThreadPoolExecutor as SchedulerPool
from apscheduler.schedulers.background import BackgroundScheduler

from connectors.errors import Misconfigured, RemoteError
from mappings.model import Kind, System
from state.store import run_lock
from syncd import __version__, exits, logs
from syncd.catch_up import ORDER
from syncd.config import Config
from syncd.delivery import Drained
from syncd.identity import IdentityChanged
from syncd.intake import FEEDS, Pass
from syncd.journals import feed_of
from syncd.sweeping import first_sweep, sweep_up
from syncd.wiring import DAEMON_OWNER, App, build, new_run

SIGNAL_WAIT_S = 0.5
IDLE_WAIT_S = 1.0
"""How long delivery sleeps at most before it looks for effects that became due."""


class Daemon:
    """Runs the lanes of `app` until a signal comes."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._log = app.log
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._asked: SimpleQueue[int] = SimpleQueue()
        """Signals that ask for the stop, 0 for `stop`. A signal may interrupt anything: only this queue may be touched then."""
        self._told: set[System] = set()
        self._exit = exits.OK
        self._troubles: dict[str, str] = {}

    def run(self) -> int:
        """Until SIGTERM or SIGINT; then finishes what is in flight, `drain_timeout` at most."""
        lost = self._app.recover()
        if lost:
            self._log.event("state.recovered", effects=lost, reason="in flight when the last run ended")
        self._install_signals()
        scheduler = self._scheduler()
        delivery = threading.Thread(target=self._deliver, name="delivery", daemon=True)
        delivery.start()
        scheduler.start()
        self._log.event(
            "daemon.started",
            version=__version__,
            config=self._app.config_hash,
            workers=self._app.workers,
            catch_up=True,
        )
        self._wait_until_asked()
        started = time.monotonic()
        scheduler.pause()
        # A page that is being fetched is simply fetched again; it is waited for only as long as the rest may take.
        ending = threading.Thread(target=scheduler.shutdown, name="ending", daemon=True)
        ending.start()
        for thread in (delivery, ending):
            thread.join(max(0.0, started + self._app.drain_timeout_s - time.monotonic()))
        if delivery.is_alive() or ending.is_alive():
            # What is still in flight is durable as in flight; the next start probes it.
            self._log.event("daemon.stopped", outcome="cut short", ms=_ms(started))
            os._exit(self._exit)
        self._app.turns.give_back()
        self._log.event("daemon.stopped", outcome="drained", ms=_ms(started))
        return self._exit

    def stop(self) -> None:
        """Asks every lane to finish what it has in hand."""
        self._asked.put(0)

    def _wait_until_asked(self) -> None:
        number = self._next_asked()
        if number:
            self._log.event("daemon.stopping", signal=signal.Signals(number).name)
        self._stopping.set()
        self._wake.set()
        self._app.catch_up.looked(ORDER[0])  # nobody need wait for it any more

    def _next_asked(self) -> int:
        """Wakes once in a while: a signal that comes in the instant before a wait is handled only when the wait ends."""
        while True:
            with suppress(Empty):
                return self._asked.get(timeout=SIGNAL_WAIT_S)

    def _scheduler(self) -> BackgroundScheduler:
        defaults = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        # A pass that takes longer than its interval is usual, in a catch-up; each skipped tick would be a warning.
        logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
        pool = SchedulerPool(len(FEEDS) + 3)
        scheduler = BackgroundScheduler(executors={"default": pool}, job_defaults=defaults, timezone=UTC)
        for system in FEEDS:
            scheduler.add_job(
                self._take_in,
                "interval",
                seconds=self._app.poll_interval_s[system],
                args=(system,),
                id=f"intake-{system}",
                next_run_time=datetime.now(UTC),
            )
        scheduler.add_job(
            self._take_notes, "interval", seconds=min(self._app.poll_interval_s.values()), id="notes"
        )
        scheduler.add_job(
            self._answer_requests, "interval", seconds=min(self._app.poll_interval_s.values()), id="gate"
        )
        scheduler.add_job(
            self._sweep,
            "interval",
            seconds=self._app.sweep_every_s,
            id="sweep",
            next_run_time=first_sweep(self._app, datetime.now(UTC)),
        )
        return scheduler

    def _take_in(self, system: System) -> None:
        """One tick of a system's feeds."""
        try:
            self._app.catch_up.wait_for_turn(system)
            if self._stopping.is_set():
                return
            changed = take_in(self._app, system, self._stopping.is_set, first=system not in self._told)
            self._app.vitals.keep()
            self._told.add(system)
            self._troubles.pop(system, None)
        except IdentityChanged:
            self._exit = exits.CONFIG
            self.stop()
            return
        except Exception as error:  # noqa: BLE001 - the one broad except of intake: the next tick tries again
            if self._is_news(system, error):
                self._log.event("intake.failed", system=system, error=type(error).__name__, exc_info=error)
            return
        if changed:
            self._wake.set()

    def _take_notes(self) -> None:
        """One tick of the journals."""
        if self._stopping.is_set():
            return
        try:
            changed = take_notes(self._app, self._stopping.is_set)
            self._troubles.pop("notes", None)
        except IdentityChanged:
            return  # the feeds of records say so, and end the process
        except Exception as error:  # noqa: BLE001 - the one broad except of the journals: the next tick tries again
            if self._is_news("notes", error):
                self._log.event("notes.failed", error=type(error).__name__, exc_info=error)
            return
        if changed:
            self._wake.set()

    def _answer_requests(self) -> None:
        """One tick of the closure gate."""
        if self._stopping.is_set():
            return
        try:
            born = answer_requests(self._app) if self._app.turns.take("gate") else 0
            self._app.vitals.keep()
            self._troubles.pop("gate", None)
        except Exception as error:  # noqa: BLE001 - the one broad except of the gate: the next tick asks again
            if self._is_news("gate", error):
                self._log.event("gate.failed", exc_info=error)
            return
        if born:
            self._wake.set()

    def _sweep(self) -> None:
        """One tick of the sweep."""
        try:
            born = sweep_up(self._app, self._stopping.is_set)
            self._troubles.pop("sweep", None)
        except Exception as error:  # noqa: BLE001 - the one broad except of the sweep: the next one is whole
            if self._is_news("sweep", error):
                self._log.event("sweep.failed", error=type(error).__name__, exc_info=error)
            return
        if born:
            self._wake.set()

    def _deliver(self) -> None:
        while not self._stopping.is_set():
            try:
                tell_drained(self._app, self._app.delivery.drain(self._stopping.is_set))
                self._app.vitals.keep()
                self._troubles.pop("delivery", None)
            except Exception as error:  # noqa: BLE001 - the one broad except of delivery: the next drain goes on
                if self._is_news("delivery", error):
                    self._log.event("delivery.failed", error=type(error).__name__, exc_info=error)
            self._wake.wait(IDLE_WAIT_S)
            self._wake.clear()

    def _is_news(self, lane: str, error: Exception) -> bool:
        """Whether this failure of a lane has to be told: once, until the lane works again or fails in another way."""
        what = f"{type(error).__name__}: {error}"
        known = self._troubles.get(lane)
        self._troubles[lane] = what
        return known != what

    def _install_signals(self) -> None:
        seen: list[int] = []

        def asked(number: int, _frame: FrameType | None) -> None:
            if seen:
                os._exit(128 + number)
            seen.append(number)
            self._asked.put(number)

        signal.signal(signal.SIGTERM, asked)
        signal.signal(signal.SIGINT, asked)


def take_in(app: App, system: System, stopping: Callable[[], bool], *, first: bool = False) -> bool:
    """One pass of every feed of a system; True when there may be something to deliver. Tells one canonical line unless all
    is quiet, or an outage goes on that has been told. Raises `IdentityChanged` before it reads a page of a stranger."""
    lane = f"intake of {system}"
    if not app.catch_up.is_turn_of(system):
        return False
    if any(app.health.pause_s(one, lane) > 0 for one in System):
        return False
    started = time.monotonic()
    news = first
    passes: list[Pass] = []
    error: RemoteError | None = None
    catching_up = app.catch_up.lasts()
    try:
        app.identities.recognise(system)
        app.catch_up.ask_time(system)
        for kind in FEEDS[system]:
            if app.turns.take(f"feed:{kind}"):
                passes.append(_run_pass(app, kind, stopping))
        for one in System:
            app.health.worked(one, lane)
    except RemoteError as failed:
        error = failed
        # A page of one system may need a record of the other, and that one may be down.
        news = app.health.failed(System(failed.system or system), lane, failed) or first
    finally:
        app.catch_up.looked(system)
    born = sum(len(p.sightings.born) for p in passes)
    changed = sum(p.sightings.changed for p in passes)
    if news or changed or born:
        app.log.event(
            "cycle.finished",
            lane="intake",
            system=system,
            outcome="ok" if error is None else type(error).__name__,
            ms=_ms(started),
            pages=sum(p.pages for p in passes),
            fetched=sum(p.fetched for p in passes),
            changed=changed,
            hidden=sum(p.hidden for p in passes),
            effects=born,
            watermark_to={p.kind.value: _stamp(p.watermark_to) for p in passes},
            catch_up=catching_up,
        )
    return (catching_up and app.catch_up.finish()) or born > 0


def take_notes(app: App, stopping: Callable[[], bool]) -> bool:
    """One pass over each journal whose notes are mirrored, once the records are known; True when there may be something to
    deliver."""
    wanted = app.journals.wanted()
    if not wanted or not app.catch_up.knows_records():
        return False
    born = 0
    for system in wanted:
        if app.health.pause_s(system, "notes") > 0 or not app.turns.take(feed_of(system)):
            continue
        try:
            app.identities.recognise(system)
            born += _hear(app, system, stopping)
            app.health.worked(system, "notes")
        except RemoteError as error:
            app.health.failed(System(error.system or system), "notes", error)
    return (app.catch_up.lasts() and app.catch_up.finish()) or born > 0


def _hear(app: App, system: System, stopping: Callable[[], bool]) -> int:
    started = time.monotonic()
    current = app.journals.begin(system)
    while not stopping() and app.journals.take_page(current) and app.turns.take(feed_of(system)):
        pass
    if current.born:
        app.log.event(
            "cycle.finished",
            lane="notes",
            system=system,
            outcome="ok",
            ms=_ms(started),
            pages=current.pages,
            fetched=current.fetched,
            hidden=current.hidden,
            effects=current.born,
        )
    return current.born


def answer_requests(app: App) -> int:
    """Looks once at every open request for closure; how many effects that came to."""
    if any(app.health.pause_s(system, "gate") > 0 for system in System):
        return 0
    born, failures = app.gate.answer_all()
    failed = {System(error.system): error for error in failures if error.system}
    for system in System:
        if system in failed:
            app.health.failed(system, "gate", failed[system])
        else:
            app.health.worked(system, "gate")
    return born


def _run_pass(app: App, kind: Kind, stopping: Callable[[], bool]) -> Pass:
    current = app.intake.begin(kind)
    while not stopping() and app.intake.take_page(current) and app.turns.take(f"feed:{kind}"):
        pass
    return current


def tell_drained(app: App, drained: Drained) -> None:
    """The canonical line of a drain that did something."""
    if drained.by_kind or drained.doubtful or drained.parked:
        app.log.event(
            "cycle.finished",
            lane="delivery",
            outcome="ok",
            effects=drained.by_kind,
            doubtful=drained.doubtful,
            parked=drained.parked,
            deferred=drained.deferred,
        )


def once_with(app: App) -> int:
    """One cycle of every lane in this thread."""
    for system in ORDER if app.catch_up.lasts() else FEEDS:
        take_in(app, system, lambda: False, first=True)
    take_notes(app, lambda: False)
    answer_requests(app)
    tell_drained(app, app.delivery.drain(lambda: False))
    for error in app.health.down().values():
        if not isinstance(error, Misconfigured):
            return exits.UNAVAILABLE
        return exits.REFUSED if error.status in (401, 403) else exits.CONFIG
    return exits.QUARANTINE if app.store.quarantined() else exits.OK


def run(config: Config) -> int:
    """`syncd run`: the daemon, until a signal."""
    return _with_app(config, DAEMON_OWNER, lambda app: Daemon(app).run(), alone=True)


def once(config: Config) -> int:
    """`syncd once`: one cycle of every lane, beside a running daemon too."""
    return _with_app(config, "once:", once_with, alone=False)


def _with_app(config: Config, owner_prefix: str, act: Callable[[App], int], *, alone: bool) -> int:
    """Opens the log, the state and the connectors around `act`. Raises `StateError` when the state cannot be used.

    `alone`: one at a time on a SQLite file; several may run on PostgreSQL.
    """
    name = new_run()
    logs.configure(level=config.log.level, format=config.log.format, run=name)
    with run_lock(config.state.connect_url(), shared=True) if alone else nullcontext():
        app = build(config, logs.get(), run=name, owner_prefix=owner_prefix)
        try:
            return act(app)
        finally:
            app.close()


def _ms(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _stamp(instant: datetime | None) -> str:
    return instant.isoformat() if instant else ""
