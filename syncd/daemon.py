"""The daemon: who ticks, who drains, who answers signals and the service manager, and how all of it stops.

APScheduler is a clock for the lanes only; delivery waits on an event that they set. Nothing is decided here. Broad excepts
stand in six places, one per lane, so that a defect costs a cycle and not the process. The watchdog is pinged by the
loop that delivers, and only while no lane has been at one step for too long.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial

from apscheduler.executors.pool import ThreadPoolExecutor as SchedulerPool
from apscheduler.schedulers.background import BackgroundScheduler

from mappings.model import System
from state.store import run_lock, upgrade
from syncd import __version__, exits, logs, retention
from syncd.catch_up import ORDER
from syncd.clock import SteadyClock, SystemClock
from syncd.condition import as_fields, as_line, condition
from syncd.config import Config
from syncd.endpoints import opened
from syncd.figures import Figures
from syncd.identity import IdentityChanged
from syncd.intake import FEEDS
from syncd.lanes import answer_requests, deliver, once_with, take_in, take_notes
from syncd.notify import Notify
from syncd.reload import Reload
from syncd.signals import Signals
from syncd.stuck import watch_over
from syncd.sweeping import first_sweep, sweep_up
from syncd.wiring import DAEMON_OWNER, App, build, new_run

SIGNAL_WAIT_S = 0.5
IDLE_WAIT_S = 1.0
"""How long delivery sleeps at most before it looks for effects that became due."""
STATUS_EVERY_S = 10.0


class Daemon:
    """Runs the lanes of `app` until a signal comes. `reload` puts a changed config in force, `look` tells what is stuck."""

    def __init__(
        self,
        app: App,
        *,
        signals: Signals | None = None,
        notify: Notify | None = None,
        reload: Callable[[], bool] = lambda: False,
        look: Callable[[], None] = lambda: None,
    ) -> None:
        self._app = app
        self._log = app.log
        self._signals = signals or Signals()
        self._notify = notify or Notify()
        self._reload = reload
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._told: set[System] = set()
        self._exit = exits.OK
        self._troubles: dict[str, str] = {}
        self._hung: set[str] = set()
        self._look = look
        self._rejected = False
        self._status_at = 0.0
        self._prune_at = 0.0

    def run(self) -> int:
        """Until SIGTERM or SIGINT; then finishes what is in flight, `drain_timeout` at most."""
        lost = self._app.recover()
        if lost:
            self._log.event("state.recovered", effects=lost, reason="in flight when the last run ended")
        self._signals.install()
        self._signals.lanes_run()
        scheduler = self._scheduler()
        delivery = threading.Thread(target=self._deliver, name="delivery", daemon=True)
        delivery.start()
        scheduler.start()
        figures = self._app.figures()
        self._log.event(
            "daemon.started",
            version=__version__,
            config=figures.config_hash,
            workers=figures.workers,
            catch_up=True,
        )
        self._notify.ready(self._status())
        self._serve(scheduler)
        started = time.monotonic()
        scheduler.pause()
        # A page that is being fetched is simply fetched again; it is waited for only as long as the rest may take.
        ending = threading.Thread(target=scheduler.shutdown, name="ending", daemon=True)
        ending.start()
        drain_timeout_s = self._app.figures().drain_timeout_s
        for thread in (delivery, ending):
            thread.join(max(0.0, started + drain_timeout_s - time.monotonic()))
        if delivery.is_alive() or ending.is_alive():
            # What is still in flight is durable as in flight; the next start probes it.
            self._log.event("daemon.stopped", outcome="cut short", ms=_ms(started))
            os._exit(self._exit)
        self._app.turns.give_back()
        self._log.event("daemon.stopped", outcome="drained", ms=_ms(started))
        return self._exit

    def stop(self) -> None:
        """Asks every lane to finish what it has in hand."""
        self._signals.put(0)

    # -- signals and the service manager ---------------------------------------------------------------------------

    def _serve(self, scheduler: BackgroundScheduler) -> None:
        """Answers signals until one asks for the stop."""
        while (number := self._signals.next(SIGNAL_WAIT_S)) not in (0, signal.SIGTERM, signal.SIGINT):
            if number == signal.SIGHUP:
                self._take_config(scheduler)
            elif number == signal.SIGUSR1:
                figures = self._app.figures()
                told = self._log.bind(**as_fields(condition(self._app)))
                told.event("daemon.reported", config=figures.config_hash)
            self._look_after()
        name = signal.Signals(number).name if number else ""
        if name:
            self._log.event("daemon.stopping", signal=name)
        self._notify.stopping(f"finishing what is in flight{f', after {name}' if name else ''}")
        self._stopping.set()
        self._wake.set()
        self._app.budgets.stop()
        self._app.catch_up.looked(ORDER[0])  # nobody need wait for it any more

    def _take_config(self, scheduler: BackgroundScheduler) -> None:
        """The lanes keep running; what they do next, they do by the new config, or all by the old one."""
        before = self._app.figures()
        self._notify.reloading()
        self._rejected = not self._reload()
        self._app.pulse.meters.reloaded(taken=not self._rejected)
        if not self._rejected:
            _reschedule(scheduler, before, self._app.figures())
        self._notify.ready(self._status())

    def _look_after(self) -> None:
        """Keeps the status current, and says which lane hangs."""
        for lane, seconds in self._app.pulse.hung().items():
            if lane not in self._hung:
                self._hung.add(lane)
                self._log.event("lane.hung", lane=lane, oldest_s=round(seconds, 1))
        now = time.monotonic()
        if now - self._status_at >= STATUS_EVERY_S:
            self._status_at = now
            self._notify.status(self._status())

    def _status(self) -> str:
        """The line for `systemctl status`; a rejected config is named until a right one comes."""
        note = "config rejected, the old one stays; " if self._rejected else ""
        return note + as_line(condition(self._app))

    def _turned(self) -> None:
        """A turn of the loop that delivers. While a lane hangs no ping is sent: the service manager ends the process."""
        self._app.pulse.beat()
        if not self._app.pulse.hung():
            self._notify.ping()

    # -- the lanes -------------------------------------------------------------------------------------------------

    def _scheduler(self) -> BackgroundScheduler:
        figures = self._app.figures()
        defaults = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        # A pass that takes longer than its interval is usual, in a catch-up; each skipped tick would be a warning.
        logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
        pool = SchedulerPool(len(FEEDS) + 4)
        scheduler = BackgroundScheduler(executors={"default": pool}, job_defaults=defaults, timezone=UTC)
        now = datetime.now(UTC)
        first = {f"intake-{system}": now for system in FEEDS} | {"sweep": first_sweep(self._app, now)}
        acts: dict[str, Callable[[], None]] = {
            **{f"intake-{system}": partial(self._take_in, system) for system in FEEDS},
            "notes": self._take_notes,
            "gate": self._answer_requests,
            "sweep": self._sweep,
            "watch": self._watch,
            "prune": self._prune,
        }
        for name, seconds in _intervals(figures).items():
            at = {"next_run_time": first[name]} if name in first else {}
            scheduler.add_job(acts[name], "interval", seconds=seconds, id=name, **at)
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
            if system is System.FIELD_SERVICE:
                self._app.templates.look()
            self._troubles.pop(f"intake of {system}", None)
        except IdentityChanged:
            self._exit = exits.CONFIG
            self.stop()
            return
        except Exception as error:  # noqa: BLE001 - the one broad except of intake: the next tick tries again
            if self._is_news(f"intake of {system}", error):
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

    def _watch(self) -> None:
        """One look at what does not move although it should."""
        try:
            self._look()
            self._troubles.pop("watch", None)
        except Exception as error:  # noqa: BLE001 - the one broad except of the watch: the next look is whole
            if self._is_news("watch", error):
                self._log.event("watch.failed", error=type(error).__name__, exc_info=error)

    def _prune(self) -> None:
        """One tick of the retention, which is done once a day."""
        keep_s = self._app.figures().retention_s
        if keep_s is None or time.monotonic() < self._prune_at or self._app.catch_up.lasts():
            return
        try:
            assert self._app.live is not None, "build makes it"
            policy, span = self._app.live.policy(), timedelta(seconds=keep_s)
            done = retention.prune(self._app.store, policy, span, datetime.now(UTC), self._stopping.is_set)
            retention.tell(self._log, done)
            self._prune_at = time.monotonic() + retention.EVERY_S
            self._troubles.pop("prune", None)
        except Exception as error:  # noqa: BLE001 - the one broad except of the retention: the next tick goes on
            if self._is_news("prune", error):
                self._log.event("prune.failed", error=type(error).__name__, exc_info=error)

    def _deliver(self) -> None:
        with self._app.pulse.busy("delivery"):
            while not self._stopping.is_set():
                self._turned()
                try:
                    deliver(self._app, self._stopping.is_set, self._turned)
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


def _intervals(figures: Figures) -> dict[str, float]:
    """Seconds between two ticks of each lane that the clock drives."""
    intake = {f"intake-{system}": figures.poll_interval_s[system] for system in FEEDS}
    shortest = min(figures.poll_interval_s.values())
    rest = {"notes": shortest, "gate": shortest, "watch": shortest, "sweep": figures.sweep_every_s}
    rest["prune"] = retention.LOOK_EVERY_S
    return {**intake, **rest}


def _reschedule(scheduler: BackgroundScheduler, before: Figures, now: Figures) -> None:
    """Lanes with another interval tick by it from now on; the others keep their rhythm."""
    old = _intervals(before)
    for name, seconds in _intervals(now).items():
        if old[name] != seconds:
            scheduler.reschedule_job(name, trigger="interval", seconds=seconds)


def run(config: Config, signals: Signals | None = None) -> int:
    """`syncd run`: the daemon, until a signal."""
    faulthandler.enable()  # what the watchdog ends says where every thread stood
    name = new_run()
    notify = Notify.from_environment(os.environ, os.getpid())

    def act(app: App) -> int:
        assert app.live is not None, "build makes it"
        assert app.connections is not None, "and these"
        reload = Reload(
            config,
            app.live,
            app.store,
            log=app.log,
            environ=os.environ,
            run=name,
            connections=app.connections.prepare,
        )
        look = watch_over(app).look
        listener = opened(app, config.settings.listener)
        try:
            return Daemon(app, signals=signals, notify=notify, reload=reload, look=look).run()
        finally:
            if listener is not None:
                listener.close()

    try:
        return _with_app(config, DAEMON_OWNER, name, act, alone=True)
    finally:
        notify.close()


def once(config: Config) -> int:
    """`syncd once`: one cycle of every lane, beside a running daemon too."""
    return _with_app(config, "once:", new_run(), once_with, alone=False)


def _with_app(config: Config, owner_prefix: str, name: str, act: Callable[[App], int], *, alone: bool) -> int:
    """Opens the log, the state and the connectors around `act`. Raises `StateError` when the state cannot be used.

    `alone`: one at a time on a SQLite file; several may run on PostgreSQL.
    """
    logs.configure(level=config.log.level, format=config.log.format, run=name)
    says = SteadyClock(SystemClock().now).zero.isoformat()
    with run_lock(config.state.connect_url(), shared=True, says=says) if alone else nullcontext():
        if alone:
            _upgrade(config)
        app = build(config, logs.get(), run=name, owner_prefix=owner_prefix)
        try:
            return act(app)
        finally:
            app.close()


def _upgrade(config: Config) -> None:
    """An older state is brought to this version's form, after a copy of it was kept."""
    done = upgrade(config.state.connect_url(), datetime.now(UTC))
    if done is not None:
        logs.get().event("state.migrated", expected=done.now, found=done.found, file=done.kept)


def _ms(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
