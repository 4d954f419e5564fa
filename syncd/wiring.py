"""From a config to a running whole: connectors, store, rules and lanes, each given what it needs.

Called by the command line (`run`, `once`, `state init`). The only place that knows every package; decides nothing.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connectors.ports import FieldService, OrderManagement, RemoteSystem
from mappings.decisions import Policy
from mappings.model import Kind, System
from state.store import Baseline, Identity, StateError, StateMissing, Store, create_or_migrate, runner_says
from syncd.backfill import Backfill
from syncd.budgets import Budgets, limiter_of, terms_of
from syncd.catch_up import CatchUp
from syncd.clock import SteadyClock, SystemClock
from syncd.config import Config
from syncd.connecting import Access, Connections, connect, connected
from syncd.creates import tactic_of
from syncd.cycles import Cycles
from syncd.delivery import Delivery, Wait, wait_for_workers
from syncd.dispatch import Dispatch
from syncd.figures import Figures, Live, PageSizes, figures_of
from syncd.gate import Gate
from syncd.health import Health
from syncd.histories import Histories
from syncd.identity import Identities, check_id
from syncd.intake import FEEDS, Intake
from syncd.journals import Journals, feed_of
from syncd.logs import Log
from syncd.meters import Meters
from syncd.naming import OrderNames
from syncd.observe import Observer
from syncd.policies import policy_of
from syncd.pulse import Pulse
from syncd.redecide import Redecide
from syncd.safety import Limits, Safety
from syncd.sweep import Sweep
from syncd.templates import Templates
from syncd.turns import Turns
from syncd.vitals import Vitals


class NotReady(StateError):
    """The state cannot be used with this config."""


@dataclass(slots=True)
class App:
    """Everything that a daemon or a one-shot cycle runs on. `close` gives it all back."""

    log: Log
    store: Store
    systems: Mapping[System, RemoteSystem]
    health: Health
    intake: Intake
    safety: Safety
    dispatch: Dispatch
    delivery: Delivery
    journals: Journals
    gate: Gate
    turns: Turns
    sweep: Sweep
    templates: Templates
    backfill: Backfill
    redecide: Redecide
    identities: Identities
    catch_up: CatchUp
    vitals: Vitals
    budgets: Budgets
    executor: Executor
    pulse: Pulse
    cycles: Cycles
    observer: Observer
    now: Callable[[], datetime]
    policy: Callable[[], Policy]
    figures: Callable[[], Figures]
    """The numbers in force; a reload may change them."""
    live: Live | None = None
    """Where a reload puts what it read; None where nothing is reloaded."""
    connections: Connections | None = None
    """How the systems are reached, for a reload too."""
    relieved: Callable[[], bool] = field(default_factory=lambda: _never)
    """Whether a verb beside the daemon has outlived it, or another one has started: deadlines may be counted otherwise now,
    and it sends nothing more."""

    def recover(self) -> int:
        """At the start of a daemon: the catch-up begins, and what one that died had in flight is taken over; the run lock
        proves that it is dead. Where several run on one state nothing does, and that waits until its leases end."""
        self.catch_up.begin()
        return 0 if self.store.is_shared else self.store.lose(DAEMON_OWNER, self._settle_s())

    def keep_time(self, clock: SteadyClock) -> timedelta | None:
        """At the start of a process that counts time alone, before it believes a deadline: the last one may have counted
        from another hour. By how much, then."""
        return self.store.keep_time(clock.zero, self._settle_s())

    def _settle_s(self) -> dict[System, float]:
        return {system: remote.settle.total_seconds() for system, remote in self.systems.items()}

    def count(self, meters: Meters) -> None:
        """From now on `meters` hears of every cycle, request and retry."""
        self.pulse.meters = meters

    def close(self) -> None:
        self.budgets.stop()
        self.executor.shutdown(wait=True, cancel_futures=True)
        self.budgets.close()
        self.store.close()
        for remote in self.systems.values():
            remote.close()


DAEMON_OWNER = "run:"
"""Prefix of the owner of a daemon's claims; one-shot verbs have their own, so that a start does not take theirs."""


def new_run() -> str:
    """A name for this process in logs, ledger and claims."""
    return uuid.uuid4().hex[:8]


def build(config: Config, log: Log, *, run: str, owner_prefix: str, read_only: bool = False) -> App:
    """Raises `NotReady`, or a `StateError`; sends nothing yet, and with `read_only` never anything but reads."""
    url = config.state.connect_url()
    runner = runner_says(url)
    clock = clock_beside(runner)
    store = Store(url, clock.now, run, config=config.hash)
    log = log.naming(OrderNames(store))
    try:
        baseline = _baseline(store, config, log)
        owner = f"{owner_prefix}{run}"
        app = _assemble(config, log, store, owner, baseline, now=clock.now, read_only=read_only)
        app.relieved = app.delivery.relieved = lambda: runner_says(url) != runner
        if not (runner or read_only):
            _keep_time(app, clock, log)
        return app
    except BaseException:
        store.close()
        raise


def _keep_time(app: App, clock: SteadyClock, log: Log) -> None:
    moved = app.keep_time(clock)
    if moved is not None:
        log.event("state.clock_moved", moved_s=round(moved.total_seconds()))


def clock_beside(runner: str) -> SteadyClock:
    """The clock of the daemon that runs on the state on this machine, by what it says; else one of our own.

    The clock may have been set since the daemon started; deadlines that it stored would then be over for us at once.
    """
    return SteadyClock.beside(datetime.fromisoformat(runner)) if runner else SteadyClock(SystemClock().now)


def _never() -> bool:
    return False


def _baseline(store: Store, config: Config, log: Log) -> Baseline:
    baseline = store.baseline()
    if baseline is None:
        raise NotReady(
            "the state has no baseline: from when on is syncd responsible? "
            "Say so once with `syncd state init --from now` (or --from DATE), then start again"
        )
    for wanted in identities_of(config).values():
        check_id(store, wanted, log)
    return baseline


def _assemble(
    config: Config,
    log: Log,
    store: Store,
    owner: str,
    baseline: Baseline,
    *,
    now: Callable[[], datetime],
    read_only: bool,
) -> App:
    pulse = Pulse(lambda: live.figures().step_limit_s)
    limiters = {s: limiter_of(s, terms_of(config.system(s)), store, log, pulse.beat) for s in System}
    access = {system: Access(config.system(system)) for system in System}
    om, fsm = connect(config, pulse, limiters, access, read_only=read_only)
    live = Live(policy_of(config), figures_of(config))
    executor = ThreadPoolExecutor(config.daemon.workers, thread_name_prefix="worker")
    app = assemble(
        om,
        fsm,
        store,
        live.policy,
        live.figures,
        executor,
        log=log,
        owner=owner,
        baseline=baseline.at,
        named=identities_of(config),
        now=now,
        pulse=pulse,
        budgets=Budgets(limiters),
    )
    app.live = live
    app.connections = Connections(access, app.budgets, app.health, store, log)
    return app


def assemble(  # noqa: PLR0917 - what every lane stands on, in the order in which it is built
    om: OrderManagement,
    fsm: FieldService,
    store: Store,
    policy: Callable[[], Policy],
    figures: Callable[[], Figures],
    executor: Executor,
    *,
    log: Log,
    owner: str,
    baseline: datetime,
    named: Mapping[System, Identity] | None = None,
    budgets: Budgets | None = None,
    now: Callable[[], datetime],
    monotonic: Callable[[], float] = time.monotonic,
    wait: Wait = wait_for_workers,
    pulse: Pulse | None = None,
) -> App:
    """The lanes on whatever systems, store, workers and clock they are given. Starts and sends nothing.

    `named` are the instances that the config names; without it they are those that the state knows.
    """
    systems: dict[System, RemoteSystem] = {System.ORDER_MANAGEMENT: om, System.FIELD_SERVICE: fsm}
    at_start = figures()
    pulse = pulse or Pulse(lambda: figures().step_limit_s, monotonic)
    health = Health(log, monotonic, longest_pause_s=lambda: figures().longest_pause_s)
    histories = Histories(fsm, store, policy, log, monotonic)
    observer = Observer(policy, baseline, histories.between)
    safety = Safety(store, policy, log, limits=lambda: Limits(figures().safety_share, figures().safety_floor))
    intake = Intake(
        systems,
        store,
        observer,
        log,
        page_size=PageSizes(figures),
        links=lambda: policy().links,
        safety=safety,
        monotonic=monotonic,
        traits=at_start.traits,
        look_between=histories.look,
    )
    journals = Journals(
        systems, store, observer, policy, log, page_size=PageSizes(figures), baseline=baseline
    )
    identities = Identities(store, systems, named or store.identities(), log)
    om_feeds = intake.feeds(System.ORDER_MANAGEMENT)
    dispatch = Dispatch(om, fsm, policy, health, log, tactic=tactic_of(at_start.creates, store))
    return App(
        log=log,
        store=store,
        systems=systems,
        health=health,
        intake=intake,
        safety=safety,
        dispatch=dispatch,
        delivery=Delivery(
            store,
            dispatch,
            observer,
            policy,
            log,
            executor=executor,
            now=now,
            owner=owner,
            slots=at_start.workers,
            lease_s=at_start.lease_s,
            settle_s={system: remote.settle.total_seconds() for system, remote in systems.items()},
            monotonic=monotonic,
            wait=wait,
            strangers=identities.strangers,
            pulse=pulse,
            budgets=budgets,
            look_between=histories.look,
        ),
        journals=journals,
        gate=Gate(
            om,
            fsm,
            store,
            observer,
            policy=policy,
            now=now,
            log=log,
            feeds=om_feeds,
            look_between=histories.look,
        ),
        turns=Turns(
            store,
            owner,
            at_start.lease_s,
            log,
            shared=store.is_shared and owner.startswith(DAEMON_OWNER),
        ),
        identities=identities,
        catch_up=CatchUp(store, systems, observer, log, monotonic=monotonic, journals=journals),
        vitals=Vitals(store, health, now, monotonic),
        sweep=Sweep(
            systems,
            store,
            observer,
            intake,
            safety=safety,
            policy=policy,
            log=log,
            page_size=PageSizes(figures),
            cancel_duplicates=lambda: figures().cancel_duplicates,
        ),
        templates=Templates(fsm, policy, log),
        backfill=Backfill(
            om,
            fsm,
            store,
            observer,
            intake,
            safety=safety,
            policy=policy,
            log=log,
            page_size=at_start.page_size[System.ORDER_MANAGEMENT],
        ),
        budgets=budgets or Budgets(),
        redecide=Redecide(store, observer, safety=safety, policy=policy, log=log),
        executor=executor,
        pulse=pulse,
        cycles=Cycles(log, store, pulse, monotonic),
        observer=observer,
        now=now,
        policy=policy,
        figures=figures,
    )


def identities_of(config: Config) -> dict[System, Identity]:
    """Which instances the config names."""
    return {
        system: Identity(system, config.system(system).id, config.system(system).url) for system in System
    }


def initialise(config: Config, from_: datetime | None, history: timedelta | None, log: Log) -> Baseline:
    """Creates the state and stores from when on syncd is responsible: `from_`, or now by OM's clock.

    Feeds begin `history` before that (None: at their beginning), so that old records are known and old work orders
    linked before anything happens to them. An older state is left as it is: bringing it to this version's form needs a copy.
    """
    store = _opened_or_new(config.state.connect_url())
    try:
        store.check_not_begun()
        with connected(config, store, log) as (om, fsm):
            now = om.server_time()
            fsm.server_time()
        at = from_ or now
        baseline = Baseline(at, SystemClock().now())
        begin = {} if history is None else {kind.value: at - history for kind in _kinds()}
        # On a fresh state with the baseline of a lost one, notes typed since then are looked for and written once.
        begin |= {feed_of(system): at for system in config.notes.mirror_from}
        store.initialise(baseline, identities_of(config), begin)
    finally:
        store.close()
    return baseline


def _opened_or_new(url: str) -> Store:
    """The state that is there, else a new one."""
    now = SystemClock().now
    try:
        return Store(url, now)
    except StateMissing:
        create_or_migrate(url)
        return Store(url, now)


def _kinds() -> list[Kind]:
    return [kind for kinds in FEEDS.values() for kind in kinds]
