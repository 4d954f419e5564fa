"""Small scenes for crash points: what is there before, what somebody does, and which calls the daemon makes of it.

A scene is played by hand, lane after lane, in a world without faults, so that the same call has the same number in each
playing. `Stage` keeps what was there before as a copy, and plays the rest again and again: to its end, or to the death at
one point and then, after a restart, to the end.
"""

from __future__ import annotations

import copy
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from mappings.model import Kind, System
from state.store import Baseline, Identity
from syncd.backfill import Wish
from tests.simulation import field_service as fs
from tests.simulation.engine import START, Died, Hub
from tests.simulation.faults import Faults
from tests.simulation.lives import Life, Machine
from tests.simulation.network import SETTLE_S, Network
from tests.simulation.rules import ASKED, MARKER, policy
from tests.simulation.server import Server, new, to
from tests.simulation.shelf import give_back, new_state, opened, put_away

STEP_S = 90.0
"""Between two cycles: longer than the search lag, so that the gate may answer."""
RECOVERY = 5
"""Cycles after a restart, with the settle time before each."""
HISTORY = (START - timedelta(days=1), START + timedelta(seconds=100))
PERSON = "person"
_STAMP = re.compile(r":\d{8}T\d{6}(?=\])")
"""Of a request, in the marker of its answer: when a person asked, which a death before it moves."""
Act = Callable[["World"], None]


def id_of(name: str) -> str:
    return name.encode().hex().ljust(32, "0")[:32]


class World:
    """Both servers and the places of a scene, by name."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.om = Server("om", self.hub, skew=3.0)
        self.fsm = Server("fsm", self.hub, skew=-7.0)

    def put(self, kind: Kind, name: str, state: str, **fields: str) -> None:
        self.om.write({(kind, id_of(name)): new(state, **fields)}, PERSON)

    def edit(self, kind: Kind, name: str, state: str = "", **fields: str) -> None:
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
        for one in sorted(self.fsm.rows(Kind.WORK_ORDER), key=lambda row: row.id):
            fs.set_all(self.fsm, one.id, state, PERSON)

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
        return {
            f"{server.name} {kind} {id}": (
                row.state,
                dict(sorted(row.fields.items())),
                sorted(_STAMP.sub("", entry.text) for entry in server.entries(id)),
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
    history: tuple[Act, ...] = ()
    """What was there before the baseline; then a backfill of it runs beside each cycle, until it is complete."""


def _fiber(world: World) -> None:
    world.order("Fiber Access")


def _router(world: World) -> None:
    world.order("Managed Router")


def _state(state: str) -> Act:
    return lambda world: world.all_work_orders(state)


def _hand(world: World) -> None:
    world.by_hand()


def _other_line(world: World) -> None:
    """A second line of the order is past the point of no return."""
    world.put(Kind.ORDER_LINE, "other line", "in_progress", order=id_of("order"), ponr="true")


def _ask(world: World) -> None:
    world.edit(Kind.DOMAIN_ORDER, "domain order", **{MARKER: ASKED})


SCENES = (
    Scene("create", (), (_fiber,)),
    Scene("two slots", (), (_router,)),
    Scene("status notes", (_router,), (_state("assigned"), _state("closed_complete"))),
    Scene(
        "amendment",
        (_router,),
        (lambda w: w.edit(Kind.ORDER_LINE, "line", location_name="South", priority="1"),),
    ),
    Scene(
        "refused amendment",
        (_fiber,),
        (lambda w: w.edit(Kind.ORDER_LINE, "line", ponr="true", priority="1"),),
    ),
    Scene("on hold", (_router,), (lambda w: w.edit(Kind.DOMAIN_ORDER, "domain order", "on_hold"),)),
    Scene(
        "no rule any more",
        (_router,),
        (lambda w: w.edit(Kind.DOMAIN_ORDER, "domain order", specification="Voice"),),
    ),
    Scene(
        "refused beside another line",
        (_fiber, _other_line),
        (lambda w: w.edit(Kind.ORDER_LINE, "line", priority="1"),),
    ),
    Scene("cancel", (_router,), (lambda w: w.edit(Kind.DOMAIN_ORDER, "domain order", "canceled"),)),
    Scene("hold", (_fiber,), (_ask,), cycles=3),
    Scene("release", (_fiber, _state("closed_complete")), (_ask,), cycles=3),
    Scene("adoption", (_fiber,), (lambda w: w.by_hand(),)),
    Scene(
        "backfill", (), (lambda w: w.edit(Kind.ORDER_LINE, "line", priority="1"),), history=(_router, _hand)
    ),
)


@dataclass(slots=True)
class Played:
    """How one playing ended."""

    view: Mapping[str, Any]
    trail: list[str]
    died_at: tuple[str, ...] = ()
    parked: int = 0
    problems: list[str] = field(default_factory=list)


class Stage:
    """One scene, ready to be played. `folder` holds the state as it was before the curtain rises."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        self.scene = scene
        self._folder = folder
        self._ready = folder / "before.db"
        world = World()
        self._make_state(world)
        with self._machine(world, self._ready) as machine:
            life = Life(machine, "before")
            life.recover()
            for act in self.scene.before:
                act(world)
                self._cycles(world, life, 2)
            self._cycles(world, life, 2)
            life.group.end()
        self._before = (world.hub.now, _copied(world.om), _copied(world.fsm))

    def _make_state(self, world: World) -> None:
        url = new_state(self._ready)
        for act in self.scene.history:
            act(world)
        world.hub.run_until(100.0)
        store = opened(url, world.hub.instant)
        identities = {system: Identity(system, system.value, "http://127.0.0.1") for system in System}
        store.initialise(Baseline(world.om.stamp(), world.hub.instant()), identities, {})
        give_back(store)

    def close(self) -> None:
        for name in ("before.db", "playing.db"):
            put_away(f"sqlite:///{self._folder / name}")

    def play(
        self, die_at: int | None = None, again: int | None = None, until: Mapping[str, Any] | None = None
    ) -> Played:
        """Plays to the end; with `die_at` over a death at that point, with `again` over another one in the recovery.

        A view given as `until` is the end as soon as it is reached and nothing waits any more.
        """
        world, place = self._raised()
        trail: list[str] = []
        deaths: list[str] = []
        with self._machine(world, place) as machine:
            life = Life(machine, "first", die_at=die_at)
            life.trail = trail
            step = -1
            try:
                life.recover()
                for step in range(len(self.scene.acts)):
                    self.scene.acts[step](world)
                    self._cycles(world, life, self.scene.cycles)
                life.trail = life.die_at = None
            except Died:
                deaths.append(life.died_at)
                life.group.end()
                rest = self.scene.acts[step + 1 :]
                life = self._recovered(world, machine, again, deaths, None if rest else until)
                for act in rest:
                    act(world)
                    self._cycles(world, life, self.scene.cycles)
            self._cycles(world, life, RECOVERY, SETTLE_S + 5, until)
            life.group.end()
            return self._played(world, place, trail, deaths)

    def _recovered(
        self,
        world: World,
        machine: Machine,
        again: int | None,
        deaths: list[str],
        until: Mapping[str, Any] | None,
    ) -> Life:
        """A restart, and another one where the first dies too."""
        for die_at in (again, None):
            world.hub.run_until(world.hub.now + 1)
            life = Life(machine, f"life{len(deaths) + 1}", die_at=die_at)
            try:
                life.recover()
                self._cycles(world, life, RECOVERY, SETTLE_S + 5, until)
                return life
            except Died:
                deaths.append(life.died_at)
                life.group.end()
        raise AssertionError("the last life never dies")

    def _cycles(
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
            life.cycle()
            world.hub.run_until(world.hub.now + pause)

    def _raised(self) -> tuple[World, Path]:
        """The world and the state as they were before the curtain rose."""
        place = self._folder / "playing.db"
        for suffix in ("", "-wal", "-shm"):
            self._folder.joinpath(f"playing.db{suffix}").unlink(missing_ok=True)
        shutil.copy(self._ready, place)
        world = World()
        world.hub.now, om, fsm = self._before
        _restore(world.om, om)
        _restore(world.fsm, fsm)
        return world, place

    @contextmanager
    def _machine(self, world: World, place: Path) -> Iterator[Machine]:
        faults = Faults(0, frozenset())
        servers = {System.ORDER_MANAGEMENT: world.om, System.FIELD_SERVICE: world.fsm}
        url = f"sqlite:///{place}"
        store = opened(url, world.hub.instant)
        baseline = store.baseline()
        give_back(store)
        assert baseline is not None
        yield Machine(
            hub=world.hub,
            networks={
                system: Network(world.hub, server, system, faults, Random(server.name))
                for system, server in servers.items()
            },
            faults=faults,
            url=url,
            baseline=baseline.at,
            policy=policy(),
            tell=lambda _who, _what: None,
            defect=_raise,
        )

    def _played(self, world: World, place: Path, trail: list[str], deaths: list[str]) -> Played:
        store = opened(f"sqlite:///{place}", world.hub.instant)
        summary = store.summary()
        give_back(store)
        waiting = sum(
            count
            for (_, status), count in summary.effects.items()
            if status in ("pending", "in_flight", "in_doubt")
        )
        problems = [f"{waiting} effects still wait"] if waiting else []
        return Played(world.view(), trail, tuple(deaths), len(summary.parked), problems)


def _raise(where: str, error: BaseException) -> None:
    raise AssertionError(where) from error


_KEPT = ("tables", "past", "journal", "hidden", "garbled", "shown_at", "unwritable", "_numbers")


def _copied(server: Server) -> dict[str, Any]:
    """Records and entries never change, only what holds them."""
    return {name: _shallow(getattr(server, name)) for name in _KEPT}


def _restore(server: Server, kept: Mapping[str, Any]) -> None:
    for name, value in kept.items():
        setattr(server, name, _shallow(value))


def _shallow(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: copy.copy(one) if isinstance(one, (dict, list)) else one for key, one in value.items()}
    return copy.copy(value)
