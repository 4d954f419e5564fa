"""One seed: a world, its users, faults and processes, from the first order to the healed end.

`simulate(Plan(seed))` is deterministic: the same plan makes the same run, and `Result.trace` proves it. `shorter` looks
for the shortest plan that still breaks the same promise.
"""

from __future__ import annotations

import gc
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from connectors.ports import BEGINNING
from mappings.model import Kind, System
from mappings.policy import Policy
from syncd import logs
from syncd.backfill import Wish
from tests.postgres import empty_tables
from tests.simulation import field_service as fs
from tests.simulation.engine import Hub
from tests.simulation.enriching import wanting
from tests.simulation.faults import ALL, Faults
from tests.simulation.invariants import Violation, Watch, final
from tests.simulation.lives import Life, Machine, Variant, as_built
from tests.simulation.mirroring import echo, lacks
from tests.simulation.network import LAG_S, Network, Request
from tests.simulation.ports import US
from tests.simulation.rules import policy, rich, told
from tests.simulation.server import Server
from tests.simulation.shelf import give_back, new_state, opened, place
from tests.simulation.troubles import TICK_S, Troubles, begin_state
from tests.simulation.truth import Truth
from tests.simulation.users import ACTS, Users

OM, FSM = System.ORDER_MANAGEMENT, System.FIELD_SERVICE
BASELINE_S = 120.0
ACT_S = 4.5
"""How long it takes from one act of a user to the next, on average."""
CALM_S = 3000.0
"""How long a healed world gets to come to rest at most."""
LOOK_S = 150.0
"""How often it is looked at meanwhile."""
BACKFILLED = 0.35
"""The share of seeds in which somebody runs a backfill of what is older than the baseline."""
BACKFILLS = 3
"""How often it is run: once, twice, and again when it is complete."""
COLLECT_EVERY = 16
"""Seeds between two collections of garbage in a long run."""
QUIET_S = 250.0
"""How long nothing may be sent at the end."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run is made of."""

    seed: int
    orders: int = 20
    lives: int = 3
    active_s: float = 900.0
    faults: frozenset[str] = ALL
    without: frozenset[str] = frozenset()
    """Acts of users that are left out."""
    notes: bool = False
    """People type notes in both systems, and each is mirrored; work orders are shown on their domain orders."""
    rich: bool = False
    """The installation has what only some have: rows that describe lines, windows of tasks, closures that are undone, merges."""
    creates: str = "own_id"
    """How field service makes ids: see `lives.Machine`."""
    daemons: int = 1
    """How many run at once; more than one on PostgreSQL only."""

    def __str__(self) -> str:
        parts = [f"seed {self.seed}"]
        if self.orders != 20 or self.lives != 3 or self.active_s != 900.0:
            parts.append(f"{self.orders} orders, {self.lives} lives, {self.active_s:.0f} s")
        if self.daemons > 1:
            parts.append(f"{self.daemons} daemons")
        if self.faults != ALL:
            parts.append(f"faults: {', '.join(sorted(self.faults)) or 'none'}")
        if self.notes:
            parts.append("notes")
        if self.rich:
            parts.append("rich")
        if self.creates != "own_id":
            parts.append(f"creates by {self.creates}")
        if self.without:
            parts.append(f"acts: {', '.join(sorted(ACTS.keys() - self.without))}")
        return "; ".join(parts)


@dataclass(slots=True)
class Result:
    """How a run ended."""

    plan: Plan
    violations: list[Violation]
    story: list[str]
    trace: str
    fired: dict[str, int]
    acts: dict[str, int]
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return not self.violations

    def told(self, last: int = 60) -> str:
        """The seed, what broke, and how it came to that."""
        lines = [str(self.plan), *map(str, self.violations[:3]), *self.story[-last:]]
        return "\n".join(lines)


def simulate(plan: Plan, variant: Variant = as_built, *, url: str = "") -> Result:
    """Runs one plan on a SQLite file, or on the migrated PostgreSQL database of `url`."""
    with logs.captured() as events:
        return Simulation(plan, place(), variant, events, url).run()


def usual(seed: int) -> Plan:
    """What a seed is in long runs. In every second one notes are mirrored, in two of four the installation is rich."""
    return Plan(seed, notes=seed % 2 == 1, rich=seed % 4 >= 2)


def one_seed(seed: int) -> Result:
    """A run as long runs want it: without the story of what went well."""
    gc.disable()  # collecting costs a sixth of the time; a run leaves little behind
    result = simulate(usual(seed))
    if seed % COLLECT_EVERY == 0:
        gc.collect()
    if result.ok:
        result.story = []
    return result


class Simulation:
    """One run. `hub`, servers, networks and users are made from the seed alone."""

    def __init__(
        self, plan: Plan, folder: Path, variant: Variant, events: list[dict[str, Any]], url: str = ""
    ) -> None:
        self.plan = plan
        self.events = events
        self.hub = Hub()
        self.faults = Faults(plan.seed, plan.faults)
        self.random = Random(f"{plan.seed}/run")
        self.story: list[str] = []
        self._trace = hashlib.sha256()
        self.om = Server("om", self.hub, skew=3.0)
        self.fsm = Server("fsm", self.hub, skew=-7.0)
        self.truth = Truth(self.om, self.fsm)
        self.networks = {
            OM: Network(self.hub, self.om, OM, self.faults, Random(f"{plan.seed}/om")),
            FSM: Network(self.hub, self.fsm, FSM, self.faults, Random(f"{plan.seed}/fsm")),
        }
        self.users = Users(
            self.hub,
            self.om,
            self.fsm,
            self.faults,
            Random(f"{plan.seed}/users"),
            lambda text: self.tell("users", text),
            orders=plan.orders,
            without=plan.without,
            notes=plan.notes,
            rich=plan.rich,
        )
        self.truth.notes = plan.notes
        self.truth.rich = plan.rich
        if url:
            empty_tables(url)
        self.machine = self._machine(url or new_state(folder / "syncd.db"), variant)
        self.watch = Watch(self.truth, self.machine.url, lambda: self.hub.now)
        self._listen()
        self.lives: list[Life] = []
        self.daemons: dict[int, Life] = {}
        self.troubles = Troubles(self, folder, self._start_daemon)

    def _machine(self, url: str, variant: Variant) -> Machine:
        return Machine(
            hub=self.hub,
            networks=self.networks,
            faults=self.faults,
            url=url,
            baseline=self.om.stamp(),
            policy=self._policy(),
            tell=self.tell,
            defect=self._defect,
            variant=variant,
            creates=self.plan.creates,
            shared=url.startswith("postgresql"),
        )

    def _policy(self) -> Policy:
        usual = rich(policy()) if self.plan.rich else policy()
        return told(usual) if self.plan.notes else usual

    def _listen(self) -> None:
        watch = self.watch
        for server in (self.om, self.fsm):
            server.committed.append(watch.executed)
            server.committed.append(self._record_commit)
            server.noted.append(watch.noted)
            server.noted.append(self._look_for_echo)
            server.noted.append(lambda key, text, who: self.tell(who, f"note on {key[1][:6]}: {text!r}"))
            server.lag = self._lag
        for network in self.networks.values():
            network.sending.append(watch.sending)
            network.sending.append(
                lambda net, request: self.tell(net.server.name, f"{request.method} {_short(request.what)}")
            )
        self.networks[OM].sending.append(lambda _, request: self._of_living(watch.closing, request))
        self.networks[OM].sending.append(lambda _, request: self._in_the_window(request))
        self.networks[FSM].sending.append(lambda _, request: self._of_living(watch.amending, request))
        self.machine.committed.append(watch.committed)
        self.machine.stepped.append(watch.stepped)

    # -- telling ---------------------------------------------------------------------------------------------------

    def tell(self, who: str, what: str) -> None:
        line = f"{self.hub.now:9.2f} {who:>6} {what}"
        self._trace.update(line.encode())
        self.story.append(line)

    def _look_for_echo(self, key: Any, text: str, author: str) -> None:
        wrong = echo(self.truth, key, text) if author == US else ""
        if wrong:
            self.watch.broken("S10", wrong)

    def _record_commit(self, key: Any, before: Any, after: Any, author: str) -> None:
        self._trace.update(repr((self.hub.now, key, after, author)).encode())
        if author == "syncd":
            self.tell(
                "syncd",
                f"{(after or before).number} is {after.state if after else 'gone'} {dict(after.fields) if after else ''}",
            )

    def _defect(self, where: str, error: BaseException) -> None:
        self.watch.broken("S13", f"{where} fails with {type(error).__name__}: {error}")

    def _of_living(self, check: Callable[[Life, Request], None], request: Request) -> None:
        """The life that sends: the one of whose tasks this is."""
        for life in self.lives:
            if life.group.alive and life.group.has_current():
                check(life, request)

    def _in_the_window(self, request: Request) -> None:
        """Between the last look of the gate and its close."""
        is_close = request.method == "update" and request.keys[0][0] is Kind.DOMAIN_ORDER
        if is_close and self.faults.hit("gate_window"):
            self.users.act_in_the_window(request.keys[0][1], self.faults.random("gate_window"))

    def _lag(self) -> float:
        return self.faults.random("index_lag").uniform(1, LAG_S) if self.faults.hit("index_lag") else 0.5

    # -- the run ---------------------------------------------------------------------------------------------------

    def run(self) -> Result:
        began = time.perf_counter()
        try:
            self._act_out()
            self._heal()
        finally:
            for life in self.lives:
                life.group.end()
            self.watch.close()
        requests = sum(network.requests for network in self.networks.values())
        seconds = time.perf_counter() - began
        points = sum(life.points for life in self.lives)
        return Result(
            plan=self.plan,
            violations=self.watch.found,
            story=self.story,
            trace=self._trace.hexdigest(),
            fired=dict(sorted(self.faults.fired.items())),
            acts=dict(sorted(self.users.done.items())),
            figures={
                "requests": requests,
                "seconds": seconds,
                "points": points,
                "lives": len(self.lives),
                "daemon_lives": sum(life.name.startswith("run") for life in self.lives),
                "orders": self.users.placed,
                "events": len(self.events),
            },
        )

    def _stopped(self) -> bool:
        return bool(self.watch.found)

    def _go(self, seconds: float) -> None:
        self.hub.run_until(self.hub.now + seconds, self._stopped)

    def _act_out(self) -> None:
        self._begin_history()
        end = self.hub.now + self.plan.active_s
        for slot in range(self.plan.daemons):
            self._start_daemon(slot)
        if "second_process" in self.plan.faults:
            self._backfill_some_day()
        self._next_act(end)
        self.troubles.tick()
        self._second_processes()
        self._go(self.plan.active_s)

    def _begin_history(self) -> None:
        """Two orders that are older than the baseline; then the state is made."""
        for _ in range(2):
            self.users.act_now("place")
        for server in (self.om, self.fsm):
            server.lag = lambda: 0.0
        for order in list(self.om.tables[Kind.CUSTOMER_ORDER].values()):
            self.users.approve_now(order.id)
        self._go(BASELINE_S)
        for server in (self.om, self.fsm):
            server.lag = self._lag
        self.machine.baseline = self.truth.baseline = self.om.stamp()
        begin_state(self)

    def _next_act(self, end: float) -> None:
        self.users.act()
        delay = self.random.expovariate(1 / ACT_S)
        if self.hub.now + delay < end:
            self.hub.after(delay, lambda: self._next_act(end))

    def _start_daemon(self, slot: int = 0) -> None:
        """A life of the daemon, and another when it has died, until there were as many as planned."""
        if slot in self.daemons and self.daemons[slot].group.alive:
            return  # started by hand meanwhile, and one at a time may run on a file
        if self.hub.now < self.troubles.rest_until:
            return  # it will be started then
        number = len(self.lives) + 1
        # drawn whether or not it is used: a plan with fewer lives begins like one with more
        die_at = self.random.randint(20, 1500)
        left = self.plan.lives - sum(life.name.startswith("run") for life in self.lives)
        if left <= 1 or self.faults.healed:
            die_at = 0
        life = Life(self.machine, f"run{number}", die_at=die_at or None)
        self.tell(life.name, "starts")
        self.lives.append(life)
        self.daemons[slot] = life
        life.run()

    def _second_processes(self) -> None:
        """One-shot verbs beside the daemon, once in a while."""
        if self.faults.healed:
            return
        if self.faults.hit("second_process") and self.hub.now >= self.troubles.rest_until:
            self._beside()
        self.hub.after(TICK_S, self._second_processes)

    def _backfill_some_day(self) -> None:
        random = Random(f"{self.plan.seed}/backfill")
        if random.random() >= BACKFILLED:
            return
        wish = Wish("history", BEGINNING.stamp, self.machine.baseline)
        at = random.uniform(0.1, 0.7) * self.plan.active_s
        for number in range(BACKFILLS):
            die_at = random.randint(1, 60) if random.random() < 0.6 else None
            self.hub.after(
                at + number * random.uniform(0, 60), lambda die_at=die_at: self._backfill(wish, die_at)
            )

    def _backfill(self, wish: Wish, die_at: int | None) -> None:
        if self._stopped() or self.faults.healed or self.hub.now < self.troubles.rest_until:
            return
        self.truth.backfilled = True
        life = Life(self.machine, f"backfill{len(self.lives) + 1}", prefix="backfill:", die_at=die_at)
        self.tell(life.name, "starts")
        self.lives.append(life)
        life.backfill_beside(wish)

    def _beside(self) -> None:
        """A one-shot verb beside the daemon."""
        life = Life(self.machine, f"once{len(self.lives) + 1}", prefix="once:")
        self.tell(life.name, "starts")
        self.lives.append(life)
        life.once()

    # -- the end ---------------------------------------------------------------------------------------------------

    def _heal(self) -> None:
        """Nothing fails any more, an operator releases what is parked, agents finish their work; then all must be well."""
        if self._stopped():
            return
        self.tell("world", "is healed")
        self.faults.healed = True
        for network in self.networks.values():
            network.down_until = network.expired_until = 0.0
        for server in (self.om, self.fsm):
            for key in sorted(server.garbled):
                self.users.corrected(server, key)
        self._go(max(0.0, self.troubles.rest_until - self.hub.now))
        for slot in range(self.plan.daemons):
            self._start_daemon(slot)
            self.daemons[slot].die_at = None
        while sum(life.name.startswith("run") for life in self.lives) < self.plan.lives:
            self.daemons[0].kill()
            self._start_daemon()
        self._go(120)
        self._operator()
        self._settle_down()
        for work_order in sorted(self.truth.work_orders(), key=lambda one: one.id):
            if work_order.state not in fs.CLOSED:
                fs.set_all(self.fsm, work_order.id, "closed_complete", "person")
        self._go(120)
        self._operator()
        self._settle_down()
        sent = self._written()
        self._go(QUIET_S)
        if self._written() != sent and not self._stopped():
            self.watch.broken("L1", "something is still written in a world at rest")

    def _settle_down(self) -> None:
        """Until nothing is missing and nothing was written for a while; what is missing at last is a broken promise."""
        end = self.hub.now + CALM_S
        while not self._stopped() and self.hub.now < end:
            before = self._written()
            self._go(LOOK_S)
            if before == self._written() and not self._lacking():
                break
            self._operator()  # what a process that stood still parks after its first look
        self._demand()

    def _written(self) -> int:
        return sum(len(one.journal.get(id, ())) for one in (self.om, self.fsm) for id in one.journal) + sum(
            len(past) for one in (self.om, self.fsm) for past in one.past.values()
        )

    def _operator(self) -> None:
        """A person lets go on whatever is parked."""
        store = opened(self.machine.url, self.machine.clock_beside().now)
        with store.history() as history:
            parked = [one.effect.key for one in history.parked()]
        with store.deciding() as tx:
            for key in parked:
                tx.retry(key)
        give_back(store)

    def _lacking(self) -> list[str]:
        """What the world lacks as it is."""
        return [
            *final(self.truth, self.fsm.unwritable, self.watch.seen()),
            *lacks(self.truth),
            *wanting(self.truth),
        ]

    def _demand(self) -> None:
        if self._stopped():
            return
        self.watch.compare()
        for event in self.events:
            if event["event"] == "invariant.violated":
                self.watch.broken(event["promise"].split(",")[0], f"told by the daemon: {event['reason']}")
        for text in self._lacking():
            promise, _, rest = text.partition(" ")
            self.watch.broken(promise, rest)


def _short(what: tuple[str, ...]) -> str:
    return " ".join(part[:90].replace("\n", " | ") for part in what)
