"""Scenes that find what whole seeds cannot: a variant of the protocol walks into each, the product does not.

Each plays one story with a variant and says what a person would see go wrong, "" if nothing. Called by `planting`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from connectors.errors import Doubtful
from mappings.decision_table import DecisionTable
from mappings.model import Kind, Record, System
from state.store import NotSent
from syncd import logs
from syncd.daemon import answer_requests, take_in
from syncd.delivery import Drained
from syncd.dispatch import Performed
from tests.simulation import field_service as fs
from tests.simulation import scenes
from tests.simulation.faults import Faults
from tests.simulation.lives import LEASE_S, PAGE, Life, Variant
from tests.simulation.network import LAG_S, SETTLE_S
from tests.simulation.places import Files, Mains
from tests.simulation.power import Disk
from tests.simulation.rules import table, watching
from tests.simulation.stage import STEP_S, Scene, Stage, World, id_of

MEMORY = Path("/dev/shm")
CLOSED = Scene("closed", (scenes.fiber, scenes.state("closed_complete")), ())


@contextmanager
def _folder() -> Iterator[Path]:
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        yield Path(name)


@contextmanager
def _stage(scene: Scene, variant: Variant) -> Iterator[Stage]:
    with _folder() as folder, closing(Stage(scene, Files(folder), variant)) as stage:
        yield stage


@contextmanager
def _life(scene: Scene, variant: Variant) -> Iterator[tuple[World, Life, Stage]]:
    """A daemon in the world of a scene, caught up, its lanes to be driven by hand."""
    with _stage(scene, variant) as stage:
        world = stage.raised()
        with stage.machine(world, stage.place.playing) as machine:
            life = Life(machine, "driven")
            life.recover()
            stage.cycles(world, life, 2)
            try:
                yield world, life, stage
            finally:
                life.group.end()


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """The first record that is not as it was."""
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            return f"{name[:40]}: {before.get(name)} became {after.get(name)}"
    return ""


# -- feeds -------------------------------------------------------------------------------------------------------------


def more_ties_than_a_page(variant: Variant) -> str:
    """A script makes more lines in one second than a page holds."""
    with _life(CLOSED, variant) as (world, life, _):
        for number in range(2 * PAGE):
            world.put(Kind.ORDER_LINE, f"line {number}", "in_progress", order=id_of("order"))
        world.hub.run_until(world.hub.now + 120)
        current = life.app.intake.begin(Kind.ORDER_LINE)
        for _page in range(10):
            if not life.app.intake.take_page(current):
                return ""
        return f"L5: {2 * PAGE} lines of one second are not read after 10 pages of {PAGE}"


# -- deaths of machines ------------------------------------------------------------------------------------------------


def restored(variant: Variant) -> str:
    """A backup from before the orders is put back, when everything has been done."""
    for scene in (one for one in scenes.SCENES if one.name in ("two slots", "status notes", "cancel")):
        with _stage(scene, variant) as stage:
            whole = stage.play()
            if said := differences(whole.view, stage.restored()):
                return f"{scene.name}: {said}"
    return ""


class _LateNote(Faults):
    """The note that follows the create executes when its client has long given up."""

    def __init__(self) -> None:
        super().__init__(0, frozenset())
        self._asked = 0

    def hit(self, name: str, rate: float | None = None) -> bool:
        self._asked += name == "late_execution"
        return name == "late_execution" and self._asked == 2


def power_lost(variant: Variant) -> str:
    """The power fails at each point, while a note is still on its way."""
    scene = next(one for one in scenes.SCENES if one.name == "create")
    with (
        _folder() as folder,
        Disk().mounted() as disk,
        closing(Stage(scene, Mains(folder, disk), variant, _LateNote)) as stage,
    ):
        whole = stage.play()
        sent = whole.trail.index("order_management.write_note before")
        for number in range(sent, len(whole.trail) + 1):
            played = stage.play(die_at=number, like=whole)
            if said := differences(whole.view, played.view):
                return f"after a power loss at {whole.trail[number - 1]}: {said}"
    return ""


# -- late workers ------------------------------------------------------------------------------------------------------

_BY_CORRELATION = Scene("late worker", (), (), creates="correlation")


def late_worker_meanwhile(variant: Variant) -> str:
    """A worker whose lease is over says that its create never ran, while another one's is on its way and its answer is lost."""
    with _late_worker(variant) as (world, second, say):
        create = second.ports[System.FIELD_SERVICE].create_work_order

        def answer_lost(id: str, values: Mapping[str, str]) -> Record:
            second.ports[System.FIELD_SERVICE].create_work_order = create  # type: ignore[method-assign] - only once
            say()
            create(id, values)
            raise Doubtful("the answer is lost", system=System.FIELD_SERVICE)

        second.ports[System.FIELD_SERVICE].create_work_order = answer_lost  # type: ignore[method-assign] - for this send
        second.app.delivery.drain(lambda: False)
        return _doubled(world, second)


def late_worker_afterwards(variant: Variant) -> str:
    """A worker whose lease is over says that its create never ran, when another one has done it."""
    with _late_worker(variant) as (world, second, say):
        second.app.delivery.drain(lambda: False)
        say()
        return _doubled(world, second)


@contextmanager
def _late_worker(variant: Variant) -> Iterator[tuple[World, Life, Callable[[], None]]]:
    """Two processes: the first has claimed a create and stood still until long after its lease; then it may say so."""
    with _life(_BY_CORRELATION, variant) as (world, first, _):
        scenes.fiber(world)
        take_in(first.app, System.ORDER_MANAGEMENT, lambda: False)
        (claim,) = first.app.delivery._store.claim("run:first", 1, LEASE_S)
        second = Life(first.machine, "second", prefix="once:")
        for system in System:
            second.app.identities.recognise(system)
        try:
            for _ in range(2):
                world.hub.run_until(world.hub.now + 2 * SETTLE_S)
                second.memory.claim(
                    "once:nobody", 0, LEASE_S, dict.fromkeys(System, SETTLE_S)
                )  # leases end here
            never_ran = Performed(claim, NotSent("connection refused", 60.0))
            yield world, second, lambda: first.app.delivery._settle([never_ran], Drained())
        finally:
            second.group.end()


def _doubled(world: World, life: Life) -> str:
    for _ in range(4):
        life.app.delivery.drain(lambda: False)
        world.hub.run_until(world.hub.now + 2 * SETTLE_S)
    made = len(world.fsm.rows(Kind.WORK_ORDER))
    return f"S1: one intention has {made} work orders" if made != 1 else ""


# -- the gate ----------------------------------------------------------------------------------------------------------


def task_not_taken_in(variant: Variant) -> str:
    """An order task is made, then closure is asked for; the daemon has read the request and not the task yet."""
    with _life(CLOSED, variant) as (world, life, _):
        scenes.survey(world)
        scenes.ask(world)
        world.hub.run_until(world.hub.now + 5)
        for kind in (Kind.CUSTOMER_ORDER, Kind.ORDER_LINE, Kind.DOMAIN_ORDER):
            life.app.intake.run_pass(kind)
        answer_requests(life.app)
        world.hub.run_until(world.hub.now + 60)
        take_in(life.app, System.FIELD_SERVICE, lambda: False)
        return _released(world, life, "its order task has no work order yet")


def made_by_hand_just_now(variant: Variant) -> str:
    """A dispatcher has just made a work order, and searches do not find it yet, when closure is asked for."""
    with _life(CLOSED, variant) as (world, life, _):
        take_in(life.app, System.FIELD_SERVICE, lambda: False)
        world.fsm.lag = lambda: LAG_S
        world.by_hand()
        scenes.ask(world)
        world.hub.run_until(world.hub.now + 2)
        take_in(life.app, System.ORDER_MANAGEMENT, lambda: False)
        return _released(world, life, "the work order made by hand is open")


def _released(world: World, life: Life, although: str) -> str:
    answer_requests(life.app)
    life.app.delivery.drain(lambda: False)
    return _although(world, although)


def _although(world: World, what: str) -> str:
    record = _domain_order(world)
    return (
        f"S8: {record.number} is {record.state} although {what}" if record.state == "closed_complete" else ""
    )


def reopened_in_the_window(variant: Variant) -> str:
    """An agent reopens a work order between the last look of a release and its write: that must be told."""
    with logs.captured() as events, _life(CLOSED, variant) as (world, life, stage):
        scenes.ask(world)
        om = life.ports[System.ORDER_MANAGEMENT]
        close = om.update

        def reopened(*args: Any, **kwargs: Any) -> Any:
            world.all_work_orders("work_in_progress")
            return close(*args, **kwargs)

        om.update = reopened  # type: ignore[method-assign] - somebody is quicker
        stage.cycles(world, life, 4)
        told = any(event["event"] == "closure.violated" for event in events)
        closed = _domain_order(world).state == "closed_complete"
        return "S8: it was closed with an open work order, and nobody was told" if closed and not told else ""


def respecified_before_the_close(variant: Variant) -> str:
    """A release is decided; before it is sent the order becomes one that needs other work orders."""
    with _answered(variant) as (world, life):
        scenes.subject(specification="Managed Router")(world)
        life.app.delivery.drain(lambda: False)
        return _although(world, "its work orders are not made yet")


def reopened_before_the_close(variant: Variant) -> str:
    """A release is decided; before it is sent an agent reopens the work order."""
    with _answered(variant) as (world, life):
        world.all_work_orders("work_in_progress")
        life.app.delivery.drain(lambda: False)
        return _although(world, "its work order is open again")


@contextmanager
def _answered(variant: Variant) -> Iterator[tuple[World, Life]]:
    """All work is done, and the gate has decided on a release that nobody has sent yet."""
    with _life(CLOSED, variant) as (world, life, _):
        scenes.ask(world)
        for _look in range(3):  # the first sees the request, the second waits for its search
            for system in System:
                take_in(life.app, system, lambda: False)
            answer_requests(life.app)
            world.hub.run_until(world.hub.now + STEP_S)
        yield world, life


def _domain_order(world: World) -> Record:
    return world.om.tables[Kind.DOMAIN_ORDER][id_of("domain order")]


# -- rows that no feed shows -------------------------------------------------------------------------------------------


def changed_behind_the_feeds(variant: Variant) -> str:
    """A task moves on, and what describes a line changes, in transactions that commit later than any overlap."""
    before = (scenes.router, scenes.speed("100"), scenes.newer)
    scene = Scene("late", before, (scenes.drifted,), 3, sweeps=True, config=watching)
    with _stage(scene, variant) as stage:
        stage.play()
        task = next(one for one in stage.end.fsm.rows(Kind.WORK_TASK) if one.state == "accepted")
        remarks = {one.get("remark") for one in stage.end.work_orders()}
        said = [entry.text for entry in stage.end.om.entries(id_of("domain order"))]
    if not any(task.number in text for text in said):
        return f"S3: {task.number} is Accepted, and no note says so"
    return "" if remarks == {"speed 1000"} else f"S3: the line says speed 1000, its work orders say {remarks}"


# -- plans and generations ---------------------------------------------------------------------------------------------

_EDITED = """
[table]
name = "domain orders"
applies_to = "domain_order"
hit_policy = "all"

[[rule]]
id = "fiber"
when = { specification = "Fiber Access" }
create = [{ template = "Fiber Installation" }, { template = "Site Survey" }]
"""


def _edited(old: DecisionTable) -> DecisionTable:
    if old.applies_to is not Kind.DOMAIN_ORDER:
        return old
    return table(_EDITED, Kind.DOMAIN_ORDER, frozenset({"specification", "action"}))


def table_edited(variant: Variant) -> str:
    """An admin adds a work order to a rule; then an order that was decided by the old table changes in another field."""

    def edit(world: World) -> None:
        world.policy = replace(world.policy, tables=tuple(map(_edited, world.policy.tables)))

    scene = Scene("table edited", (scenes.fiber,), (edit, scenes.line(priority="1")), cycles=2)
    with _stage(scene, variant) as stage:
        stage.play()
        made = len(stage.end.fsm.rows(Kind.WORK_ORDER))
    return f"S2: an order that was decided before has {made} work orders now" if made != 1 else ""


def recreated_after_a_restore(variant: Variant) -> str:
    """A work order was made anew; an older backup is put back, and a person asks for it once more before it catches up."""
    before = (scenes.fiber, scenes.called_off)
    scene = Scene("recreated", before, (scenes.made_anew, scenes.called_off), cycles=2)
    with _stage(scene, variant) as stage:
        stage.play()
        stage.restored(scenes.made_anew)
        rows = stage.end.fsm.rows(Kind.WORK_ORDER)
        still_open = [one for one in rows if one.state not in fs.CLOSED]
    return "" if still_open else f"a person asked for a work order, and none of {len(rows)} is open"
