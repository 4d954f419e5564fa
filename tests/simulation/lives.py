"""One life of one process: the real lanes as `wiring` assembles them, on simulated systems and a real state.

The turns of the lanes are those of `syncd.daemon`. A life ends at a point of its own choosing, or when somebody ends it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connectors.errors import RemoteError
from mappings.decisions import Policy
from mappings.model import System
from state.store import StateError
from syncd import logs
from syncd.backfill import Wish
from syncd.catch_up import ORDER
from syncd.clock import SteadyClock
from syncd.figures import Figures
from syncd.intake import FEEDS
from syncd.lanes import answer_requests, deliver, once_with, take_in, take_notes
from syncd.sweeping import first_sweep, sweep_up
from syncd.wiring import App, assemble
from tests.simulation.engine import START, Died, Group, Hub, Workers
from tests.simulation.faults import Faults
from tests.simulation.memory import Memory
from tests.simulation.network import PAUSE_S, Network
from tests.simulation.ports import Port
from tests.simulation.rules import traits_of
from tests.simulation.shelf import give_back, opened

POLL_S = {System.ORDER_MANAGEMENT: 40.0, System.FIELD_SERVICE: 45.0}
GATE_S = 40.0
NOTES_S = 35.0
SWEEP_S = 240.0
IDLE_S = 90.0
CALM = 2.5
"""How many times slower the lanes tick in a healed world: fewer polls that find nothing."""
LOOK_AGAIN_S = 10.0
"""As in delivery, but coarser: each look at the outbox costs, and virtual time does not."""
SOON_S = 4.0
"""How soon delivery looks again at what cannot be claimed although it is due."""
WORKERS = 3
LEASE_S = 60.0
PAGE = 7

Variant = Callable[[App], None]


def as_built(_app: App) -> None:
    """The product as it is."""


@dataclass(slots=True)
class Machine:
    """What all processes share: systems, the state's place, the clock of the machine, and who is told what happens."""

    hub: Hub
    networks: dict[System, Network]
    faults: Faults
    url: str
    baseline: datetime
    policy: Policy
    tell: Callable[[str, str], None]
    defect: Callable[[str, BaseException], None]
    variant: Variant = as_built
    dying: Callable[[], None] = lambda: None
    """Told at the instant at which a life ends at a point, before anything of it is tidied up."""
    creates: str = "own_id"
    """"correlation": field service chooses the ids of new work orders itself, and its profile says so."""
    clock_off: float = 0.0
    """How far the machine's clock is from the truth, in seconds."""
    committed: list[Callable[[Life, str], None]] = field(default_factory=list)
    stepped: list[Callable[[Life, str, Any], None]] = field(default_factory=list)

    shared: bool = False
    """Whether several daemons may run on the state: it is on PostgreSQL."""
    running: Life | None = None
    """The daemon that took the run lock last."""

    def clock(self) -> datetime:
        """As the machine's clock stands now."""
        return START + timedelta(seconds=self.hub.now + self.clock_off)

    def clock_beside(self) -> SteadyClock:
        """As in `wiring`: that of the daemon that runs, else one of its own. That of the database where several share one."""
        if self.shared:
            return SteadyClock(self.hub.instant, self._monotonic)
        runner = self.runner()
        if runner is not None:
            return SteadyClock.beside(runner.clock.zero, self._monotonic)
        return SteadyClock(self.clock, self._monotonic)

    def runner(self) -> Life | None:
        """The daemon that holds the run lock."""
        return self.running if self.running is not None and self.running.group.alive else None

    def _monotonic(self) -> float:
        return self.hub.now


class Life:
    """`die_at` is the number of the point at which it ends, counted from 1; `points` are those it has passed."""

    def __init__(
        self, machine: Machine, name: str, *, prefix: str = "run:", die_at: int | None = None
    ) -> None:
        self.machine = machine
        self.name = name
        self.die_at = die_at
        self.points = 0
        self.died_at = ""
        self.stopping = False
        self._sends = 0
        self._woken = False
        self._waiting: list[Callable[[], None]] = []
        self.passing: Callable[[str], None] | None = None
        """Told each point that is passed, where somebody wants to know them."""
        self.group = Group(machine.hub, self._gone)
        self.clock = machine.clock_beside()
        self._store = opened(machine.url, self.clock.now)
        self.memory = Memory(self._store, machine.faults, self.point, self._told)
        self.memory.listeners.append(self._stepped)
        self.workers = Workers(machine.hub, self.group)
        self.ports = {
            system: Port(system.value, network, self.point, self._before_sending)
            for system, network in machine.networks.items()
        }
        self.ports[System.FIELD_SERVICE].keeps_ids = machine.creates == "own_id"
        self.app = self._assembled(prefix)
        if machine.runner() is None:
            self.app.keep_time(self.clock)
        machine.variant(self.app)

    def _assembled(self, prefix: str) -> App:
        machine = self.machine
        figures = Figures(
            page_size=dict.fromkeys(System, PAGE),
            poll_interval_s=POLL_S,
            workers=WORKERS,
            lease_s=LEASE_S,
            drain_timeout_s=20,
            longest_pause_s=60,
            sweep_every_s=SWEEP_S,
            creates=machine.creates,
            traits=traits_of(machine.policy),
        )
        return assemble(
            self.ports[System.ORDER_MANAGEMENT],  # type: ignore[arg-type] - a port speaks both protocols
            self.ports[System.FIELD_SERVICE],  # type: ignore[arg-type] - as above
            self.memory,  # type: ignore[arg-type] - stands for a store
            lambda: machine.policy,
            lambda: figures,
            self.workers,
            log=logs.get(),
            owner=f"{prefix}{self.name}",
            baseline=machine.baseline,
            now=self.clock.now,
            monotonic=lambda: machine.hub.now,
            wait=lambda workers, seconds: self.workers.wait(workers, max(seconds, LOOK_AGAIN_S)),
        )

    # -- dying -----------------------------------------------------------------------------------------------------

    def point(self, name: str) -> None:
        """A place where the process may end."""
        if not self.group.alive:
            raise Died
        self.points += 1
        if self.passing is not None:
            self.passing(name)
        if self.points == self.die_at:
            self.died_at = name
            self.machine.tell(self.name, f"killed at point {self.points}: {name}")
            self.machine.dying()
            raise Died
        if self._sends == 0 and _is_read(name) and self.machine.faults.hit("paused_reading"):
            seconds = self.machine.faults.random("paused_reading").uniform(60, 500)
            self.machine.tell(self.name, f"stands still for {seconds:.0f} s: {name}")
            self.group.frozen_until = self.machine.hub.now + seconds

    def _before_sending(self) -> None:
        """The process may stand still between its last check and its request, but not longer than the settle time bears."""
        faults = self.machine.faults
        if faults.hit("paused_sending"):
            self._sends += 1
            seconds = faults.random("paused_sending").uniform(5, PAUSE_S)
            if seconds > LEASE_S:
                faults.count("paused_past_lease")
            self.machine.hub.sleep(seconds)
            self._sends -= 1
            if not self.group.alive:
                raise Died

    def kill(self) -> None:
        if self.group.alive:
            self.machine.tell(self.name, "killed")
            self.group.end()

    def _gone(self) -> None:
        give_back(self._store)

    # -- what is told ----------------------------------------------------------------------------------------------

    def _told(self, name: str) -> None:
        for tell in self.machine.committed:
            tell(self, name)

    def _stepped(self, step: str, what: Any) -> None:
        for tell in self.machine.stepped:
            tell(self, step, what)

    # -- the lanes of a daemon -------------------------------------------------------------------------------------

    def run(self) -> None:
        """`syncd run`: recovers, then every lane in a task of its own."""
        self.machine.running = self
        self.group.spawn(self._main)

    def _main(self) -> None:
        self._safely("recover", self.app.recover)
        for system in FEEDS:
            self.group.spawn(lambda system=system: self._every(POLL_S[system], lambda: self._intake(system)))
        if self.app.journals.wanted():
            self.group.spawn(lambda: self._every(NOTES_S, self._notes))
        self.group.spawn(lambda: self._every(GATE_S, self._gate))
        self.group.spawn(self._sweep)
        self.group.spawn(self._deliver)

    def _intake(self, system: System) -> None:
        while not self.app.catch_up.is_turn_of(system):
            self.machine.hub.sleep(2.0)
        if take_in(self.app, system, lambda: self.stopping):
            self._wake()

    def _notes(self) -> None:
        if take_notes(self.app, lambda: self.stopping):
            self._wake()

    def _gate(self) -> None:
        if self.app.turns.take("gate") and answer_requests(self.app):
            self._wake()

    def _sweep(self) -> None:
        first = first_sweep(self.app, self.clock.now()) - self.clock.now()
        self.machine.hub.sleep(max(0.0, first.total_seconds()))
        self._every(SWEEP_S, self._sweep_once, calm=1)

    def _sweep_once(self) -> None:
        if sweep_up(self.app, lambda: self.stopping):
            self._wake()

    def _wake(self) -> None:
        self._woken = True
        waiting, self._waiting = self._waiting, []
        for wake in waiting:
            wake()

    def _every(self, seconds: float, turn: Callable[[], object], *, calm: float = CALM) -> None:
        while not self.stopping:
            self._safely("lane", turn)
            self.machine.hub.sleep(seconds * (calm if self.machine.faults.healed else 1))

    def _deliver(self) -> None:
        while not self.stopping:
            self._safely("delivery", lambda: deliver(self.app, lambda: False))
            self.machine.hub.wait(lambda: self._woken, self._idle(), self._waiting.append)
            self._woken = False

    def _idle(self) -> float:
        """Until the next effect is due, or something new may be there."""
        due = self._store.next_due()
        if due is None:
            return IDLE_S
        return min(IDLE_S, max(SOON_S, (due - self.clock.now()).total_seconds()))

    def _safely(self, lane: str, turn: Callable[[], object]) -> None:
        """As the broad excepts of the daemon; but anything except a failing state is a defect."""
        try:
            turn()
        except StateError as error:
            self.machine.tell(self.name, f"{lane}: {error}")
        except Exception as error:  # noqa: BLE001 - told as a defect, never swallowed
            self.machine.defect(f"{self.name} {lane}", error)

    # -- by hand, lane after lane ----------------------------------------------------------------------------------

    def recover(self) -> None:
        self.app.recover()

    def cycle(self, *, sweep: bool = False) -> None:
        """One turn of each lane, in the order in which a start takes them. Raises `Died` where the life ends."""
        for system in ORDER:
            take_in(self.app, system, lambda: False)
        take_notes(self.app, lambda: False)
        answer_requests(self.app)
        if sweep:
            sweep_up(self.app, lambda: False)
        self.app.delivery.drain(lambda: False)

    def is_at_rest(self) -> bool:
        """Whether nothing waits: no effect, no catch-up."""
        return self._store.next_due() is None and not self._store.catching_up()

    # -- a one-shot verb beside it ---------------------------------------------------------------------------------

    def once(self) -> None:
        """`syncd once`."""
        runner = self.machine.runner()
        self.app.relieved = self.app.delivery.relieved = lambda: self.machine.runner() is not runner

        def turn() -> None:
            self._safely("once", lambda: once_with(self.app))
            self.group.end()

        self.group.spawn(turn)

    def backfill(self, wish: Wish) -> None:
        """`syncd backfill`, by hand. Raises `Died` where the life ends."""
        self.app.backfill.run(wish, lambda: False)

    def backfill_beside(self, wish: Wish) -> None:
        """`syncd backfill`, as a process of its own."""

        def turn() -> None:
            self._safely("backfill", lambda: self._cut_short(wish))
            self.group.end()

        self.group.spawn(turn)

    def _cut_short(self, wish: Wish) -> None:
        """A run that a failing system ends; somebody runs it again."""
        try:
            self.backfill(wish)
        except RemoteError as error:
            self.machine.tell(self.name, f"ends: {error}")


def _is_read(name: str) -> bool:
    return name.endswith("before") and any(
        word in name for word in ("changes_since", ".read", "find", ".notes", "server_time")
    )
