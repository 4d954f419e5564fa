"""The stage for crash points: what was there before, what somebody does, and which calls the daemon makes of it.

A scene is played by hand, lane after lane, in a world without faults, so that the same call has the same number in each
playing. `Stage` keeps what was there before as a copy, and plays the rest again and again: to its end, or to the death at
one point and then, after a restart, to the end. The scenes themselves are in `scenes`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import Any

from mappings.decisions import Policy
from mappings.model import Kind, Record, System
from state.store import Baseline, Identity
from syncd.backfill import Wish
from tests.simulation import field_service as fs
from tests.simulation.cuts import Cuts, Left, copied, restore
from tests.simulation.engine import START, Died, Hub
from tests.simulation.faults import Faults
from tests.simulation.lives import Life, Machine, Variant, as_built
from tests.simulation.network import SETTLE_S, Network
from tests.simulation.places import Files, Place
from tests.simulation.rules import policy
from tests.simulation.server import Server, new, to
from tests.simulation.shelf import give_back, opened

STEP_S = 90.0
"""Between two cycles: longer than the search lag, so that the gate may answer."""
RECOVERY = 5
"""Cycles after a restart, with the settle time before each."""
HISTORY = (START - timedelta(days=1), START + timedelta(seconds=100))
PERSON = "person"
_STAMP = re.compile(r":\d{8}T\d{6}(?=\])|(?<=, )\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC(?=[:\n])")
"""When a person did something, which a death before it moves: in the marker of an answer, and in notes that say when."""
_VERSION = re.compile(r"(?<=amended:update:\w{32}:\w{32}):\d+")
"""Of the domain order when a drift was found, in the marker of its note: our own notes raise it."""
Act = Callable[["World"], None]


def id_of(name: str) -> str:
    return name.encode().hex().ljust(32, "0")[:32]


class World:
    """Both servers and the places of a scene, by name."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.om = Server("om", self.hub, skew=3.0)
        self.fsm = Server("fsm", self.hub, skew=-7.0)
        self.policy: Policy = policy()
        self.acts = 0
        """How many acts of the scene people have done."""
        self.url = ""
        """The state that is played on, for a verb of a person."""

    def put(self, kind: Kind, name: str, state: str, /, **fields: str) -> None:
        self.om.write({(kind, id_of(name)): new(state, **fields)}, PERSON)

    def edit(self, kind: Kind, name: str, state: str = "", /, **fields: str) -> None:
        self.om.write({(kind, id_of(name)): to(state, **fields)}, PERSON)

    def order(self, specification: str) -> None:
        self.put(Kind.CUSTOMER_ORDER, "order", "in_progress", contact_name="Ann", ponr="false")
        self.put(
            Kind.ORDER_LINE,
            "line",
            "in_progress",
            order=id_of("order"),
            location_name="North",
            priority="2",
            due="2026-07-01 12:00:00",
            ponr="false",
        )
        self.put(
            Kind.DOMAIN_ORDER,
            "domain order",
            "in_progress",
            order=id_of("order"),
            order_line=id_of("line"),
            specification=specification,
        )

    def all_work_orders(self, state: str) -> None:
        for one in self.work_orders():
            fs.set_all(self.fsm, one.id, state, PERSON)

    def work_orders(self) -> list[Record]:
        return sorted(self.fsm.rows(Kind.WORK_ORDER), key=lambda row: row.id)

    def by_hand(self) -> None:
        """A dispatcher makes a work order for the domain order."""
        self.fsm.write(
            {
                (Kind.WORK_ORDER, id_of("by hand")): new(
                    "draft", initiated_from=id_of("domain order"), short_description="By hand", active="true"
                )
            },
            PERSON,
        )

    def view(self) -> dict[str, Any]:
        """Everything that a person can see; nothing that depends on how often something was tried."""
        related = {
            f"{server.name} relations": sorted((one.parent, one.child) for _, one, _ in server.relations)
            for server in (self.om, self.fsm)
        }
        return related | {
            f"{server.name} {kind} {id}": (
                row.state,
                dict(sorted(row.fields.items())),
                sorted(_timeless(entry.text) for entry in server.entries(id)),
            )
            for server in (self.om, self.fsm)
            for kind in Kind
            for id, row in sorted(server.tables[kind].items())
        }


@dataclass(frozen=True, slots=True)
class Scene:
    """`before` was done and delivered when the curtain rises; then each of `acts` is followed by `cycles` cycles."""

    name: str
    before: tuple[Act, ...]
    acts: tuple[Act, ...]
    cycles: int = 1
    sweeps: bool = False
    """Each cycle has a sweep in it."""
    creates: str = "own_id"
    config: Callable[[Policy], Policy] = lambda usual: usual
    """What the installation has that others have not."""
    history: tuple[Act, ...] = ()
    """What was there before the baseline; then a backfill of it runs beside each cycle, until it is complete."""


@dataclass(slots=True)
class Played:
    """How one playing ended."""

    view: Mapping[str, Any]
    trail: list[str]
    views: Sequence[Mapping[str, Any]] = ()
    """What there was to see before the acts, and when each was over."""
    died_at: tuple[str, ...] = ()
    parked: int = 0
    problems: list[str] = field(default_factory=list)


class Stage:
    """One scene, ready to be played at a place."""

    def __init__(
        self,
        scene: Scene,
        place: Place,
        variant: Variant = as_built,
        faults: Callable[[], Faults] = lambda: Faults(0, frozenset()),
    ) -> None:
        self.scene = scene
        self._faults = faults
        self.place = place
        self._variant = variant
        self.end = world = World()
        """As the last playing has left it."""
        world.policy = scene.config(world.policy)
        self._make_state(world)
        with self.machine(world, place.ready) as machine:
            life = Life(machine, "before")
            life.recover()
            for act in self.scene.before:
                act(world)
                machine.policy = world.policy
                self.cycles(world, life, 2)
            self.cycles(world, life, 2)
            life.group.end()
        self._before = Left(0, world.hub.now, {}, copied(world.om), copied(world.fsm), world.policy)

    def _make_state(self, world: World) -> None:
        self.place.begin()
        for act in self.scene.history:
            act(world)
        world.hub.run_until(100.0)
        store = opened(self.place.ready, world.hub.instant)
        identities = {system: Identity(system, system.value, "http://127.0.0.1") for system in System}
        store.initialise(Baseline(world.om.stamp(), world.hub.instant()), identities, {})
        give_back(store)

    def close(self) -> None:
        self.place.close()

    def play(
        self,
        die_at: int | None = None,
        again: int | None = None,
        like: Played | None = None,
        cuts: Cuts | None = None,
    ) -> Played:
        """Plays to the end; with `die_at` over a death at that point, with `again` over another one in the recovery.

        A recovery is over as soon as the world looks as it did in `like`, and nothing waits any more. `cuts` looks at the
        points of the recovery, or of the whole playing where nobody dies.
        """
        world = self.raised()
        trail: list[str] = []
        deaths: list[str] = []
        views = [world.view()]
        with self.machine(world, self.place.playing) as machine:
            life = Life(machine, "first", die_at=die_at)
            life.passing = trail.append if cuts is None or die_at else self._looking(world, machine, cuts)
            try:
                life.recover()
                for _ in self.scene.acts:
                    self._act(world, machine)
                    self.cycles(world, life, self.scene.cycles)
                    views.append(world.view())
                life.passing = life.die_at = None
            except Died:
                self._bury(life, deaths)
                life = self._recovered(world, machine, again, deaths, like, cuts)
                self._rest_of_it(world, machine, life)
            return self._ended(world, machine, life, like, Played({}, trail, views, tuple(deaths)))

    def recover(self, left: Left, like: Played, again: int | None = None, cuts: Cuts | None = None) -> Played:
        """Goes on from what a death has left. `again` and `cuts` as in `play`."""
        assert isinstance(self.place, Files)
        self.place.put(left.files)
        world = self._world(left)
        deaths: list[str] = []
        with self.machine(world, self.place.playing) as machine:
            life = self._recovered(world, machine, again, deaths, like, cuts)
            self._rest_of_it(world, machine, life)
            return self._ended(world, machine, life, like, Played({}, [], (), tuple(deaths)))

    def _rest_of_it(self, world: World, machine: Machine, life: Life) -> None:
        """What people do after a recovery."""
        while world.acts < len(self.scene.acts):
            self._act(world, machine)
            self.cycles(world, life, self.scene.cycles)

    def _ended(
        self, world: World, machine: Machine, life: Life, like: Played | None, played: Played
    ) -> Played:
        self.cycles(world, life, RECOVERY, SETTLE_S + 5, like.view if like else None)
        life.group.end()
        self._machine, self.end = machine, world
        return self._judged(world, played)

    def _looking(self, world: World, machine: Machine, cuts: Cuts) -> Callable[[str], None]:
        ways = tuple(machine.networks.values())
        return lambda point: cuts.passed(point, world.acts, world.om, world.fsm, world.policy, ways)

    def restored(self, act: Act = lambda _: None) -> Mapping[str, Any]:
        """After a playing: the state of before is put in place, somebody may act, and a new life catches up. What there is
        to see then."""
        world, machine = self.end, self._machine
        self.place.raised()
        store = opened(self.place.playing, world.hub.instant)
        store.begin_catch_up(world.hub.instant() + timedelta(seconds=SETTLE_S))
        give_back(store)
        act(world)
        life = Life(machine, "restored")
        life.recover()
        self.cycles(world, life, RECOVERY, SETTLE_S + 5)
        life.group.end()
        return world.view()

    def _act(self, world: World, machine: Machine) -> None:
        world.acts += 1
        self.scene.acts[world.acts - 1](world)
        machine.policy = world.policy

    def _bury(self, life: Life, deaths: list[str]) -> None:
        deaths.append(life.died_at)
        life.group.end()
        self.place.died()

    def _recovered(
        self,
        world: World,
        machine: Machine,
        again: int | None,
        deaths: list[str],
        like: Played | None,
        cuts: Cuts | None,
    ) -> Life:
        """A restart, and another one where the first dies too."""
        until = like.views[world.acts] if like and world.acts < len(self.scene.acts) else like and like.view
        for die_at in (again, None):
            world.hub.run_until(world.hub.now + 1)
            life = Life(machine, f"life{len(deaths) + 1}", die_at=die_at)
            life.passing = self._looking(world, machine, cuts) if cuts else None
            try:
                life.recover()
                self.cycles(world, life, RECOVERY, SETTLE_S + 5, until)
                life.die_at = life.passing = None  # it has come to rest before that point
                return life
            except Died:
                self._bury(life, deaths)
        raise AssertionError("the last life never dies")

    def cycles(
        self,
        world: World,
        life: Life,
        count: int,
        pause: float = STEP_S,
        until: Mapping[str, Any] | None = None,
    ) -> None:
        for _ in range(count):
            if until is not None and life.is_at_rest() and world.view() == until:
                return
            if self.scene.history and life.name != "before":
                life.backfill(Wish("history", *HISTORY))
            life.cycle(sweep=self.scene.sweeps)
            world.hub.run_until(world.hub.now + pause)

    def raised(self) -> World:
        """The world as it was before the curtain rose, and so the state."""
        self.place.raised()
        return self._world(self._before)

    def _world(self, left: Left) -> World:
        world = World()
        world.hub.now, world.policy, world.acts = left.now, left.policy, left.acts
        restore(world.om, left.om)
        restore(world.fsm, left.fsm)
        return world

    @contextmanager
    def machine(self, world: World, url: str) -> Iterator[Machine]:
        faults = self._faults()
        servers = {System.ORDER_MANAGEMENT: world.om, System.FIELD_SERVICE: world.fsm}
        store = opened(url, world.hub.instant)
        baseline = store.baseline()
        give_back(store)
        assert baseline is not None
        world.url = url
        yield Machine(
            hub=world.hub,
            networks={
                system: Network(world.hub, server, system, faults, Random(server.name))
                for system, server in servers.items()
            },
            faults=faults,
            url=url,
            baseline=baseline.at,
            policy=world.policy,
            tell=lambda _who, _what: None,
            defect=_raise,
            variant=self._variant,
            dying=self.place.dying,
            creates=self.scene.creates,
        )

    def _judged(self, world: World, played: Played) -> Played:
        """What there is to see at the end, and what is wrong with it."""
        store = opened(self.place.playing, world.hub.instant)
        summary = store.summary()
        with store.history() as history:
            halts = history.halts()
        give_back(store)
        waiting = sum(
            count
            for (_, status), count in summary.effects.items()
            if status in ("pending", "in_flight", "in_doubt")
        )
        problems = [f"{waiting} effects still wait"] if waiting else []
        problems += [f"{one.promise}: {one.reason}" for one in halts]
        return replace(played, view=world.view(), parked=len(summary.parked), problems=problems)


def _timeless(text: str) -> str:
    return _VERSION.sub("", _STAMP.sub("", text))


def _raise(where: str, error: BaseException) -> None:
    raise AssertionError(where) from error
