"""The scenes of the crash points: every kind of effect, every verb that a person has, and every lane.

Played by `stage`, enumerated by `test_crash_points` and `deaths`.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from mappings.model import Kind
from syncd import logs
from syncd.recreate import Wish, recreate
from tests.simulation import field_service as fs
from tests.simulation.faults import Faults
from tests.simulation.network import Network
from tests.simulation.ports import Port
from tests.simulation.rules import (
    ASKED,
    MARKER,
    dated,
    described,
    merging,
    moving,
    strict_tables,
    told,
    trusting,
    undoing,
    watching,
)
from tests.simulation.server import new, to
from tests.simulation.shelf import give_back, opened
from tests.simulation.stage import PERSON, Act, Scene, World, id_of

LINE = (Kind.ORDER_LINE, id_of("line"))


def fiber(world: World) -> None:
    world.order("Fiber Access")


def router(world: World) -> None:
    world.order("Managed Router")


def state(state: str) -> Act:
    return lambda world: world.all_work_orders(state)


def ask(world: World) -> None:
    world.edit(Kind.DOMAIN_ORDER, "domain order", **{MARKER: ASKED})


def other_line(world: World) -> None:
    """A second line of the order is past the point of no return."""
    world.put(Kind.ORDER_LINE, "other line", "in_progress", order=id_of("order"), ponr="true")


def freed(world: World) -> None:
    """That flag is taken away again."""
    world.edit(Kind.ORDER_LINE, "other line", ponr="false")


def revision(world: World) -> None:
    """Everything is held, and the line says what is wished for."""
    world.edit(Kind.ORDER_LINE, "line", "revision_in_progress", priority="1", location_name="South")
    world.edit(Kind.CUSTOMER_ORDER, "order", "revision_in_progress", version="2")
    world.edit(Kind.DOMAIN_ORDER, "domain order", "on_hold")


def rejection(world: World) -> None:
    """The old data are back."""
    world.edit(Kind.ORDER_LINE, "line", "in_progress", priority="2", location_name="North")
    world.edit(Kind.CUSTOMER_ORDER, "order", "in_progress")
    world.edit(Kind.DOMAIN_ORDER, "domain order", "in_progress")


def other_place(world: World) -> None:
    """A revision drops the line and brings another, with a domain order of its own."""
    world.edit(Kind.ORDER_LINE, "line", "canceled")
    world.edit(Kind.DOMAIN_ORDER, "domain order", "canceled")
    world.put(Kind.ORDER_LINE, "new line", "in_progress", order=id_of("order"), location_name="South")
    owners = {"order": id_of("order"), "order_line": id_of("new line")}
    world.put(Kind.DOMAIN_ORDER, "new one", "in_progress", specification="Fiber Access", **owners)


def subject(state: str = "", **fields: str) -> Act:
    return lambda world: world.edit(Kind.DOMAIN_ORDER, "domain order", state, **fields)


def withdraw(world: World) -> None:
    world.edit(Kind.DOMAIN_ORDER, "domain order", **{MARKER: ""})


def line(**fields: str) -> Act:
    return lambda world: world.edit(Kind.ORDER_LINE, "line", **fields)


def cancelled(world: World) -> None:
    world.edit(Kind.DOMAIN_ORDER, "domain order", "canceled")


def revived(world: World) -> None:
    """Back in a state in which work orders are created, in a later version of its order."""
    world.edit(Kind.CUSTOMER_ORDER, "order", version="9")
    world.edit(Kind.DOMAIN_ORDER, "domain order", "in_progress")


def by_hand(world: World) -> None:
    world.by_hand()


def survey(world: World) -> None:
    """An order task that has a work order of its own."""
    world.put(Kind.ORDER_TASK, "task", "open", domain_order=id_of("domain order"), request_type="site_survey")


def garbled(world: World) -> None:
    """The line changes, and does not parse any more."""
    world.om.garbled.add(LINE)
    line(priority="1")(world)


def corrected(world: World) -> None:
    world.om.garbled.discard(LINE)
    world.om.touch(LINE, PERSON)


def called_off(world: World) -> None:
    """A dispatcher cancels what a rule made."""
    for one in world.work_orders():
        fs.set_all(world.fsm, one.id, "canceled", PERSON)


def made_anew(world: World) -> None:
    """`syncd recreate`, in a person's name."""
    store = opened(world.url, world.hub.instant)
    quiet = Faults(0, frozenset())
    fsm = Port(
        "field_service",
        Network(world.hub, world.fsm, Kind.WORK_ORDER.system, quiet, Random(0)),
        lambda _: None,
    )
    wish = Wish(id_of("domain order"), "fiber", 1, "A. Meier", "it is needed")
    try:
        recreate(store, fsm, world.policy, wish, logs.get(), dry_run=False)  # type: ignore[arg-type] - as a port is
    finally:
        give_back(store)


def drifted(world: World) -> None:
    """Somebody changes a work order, a task, a line and what describes it behind the back of their feeds: no stamp, no version."""
    one = world.work_orders()[0].id
    for server, kind, id, state, fields in (
        (world.fsm, Kind.WORK_ORDER, one, "", {"priority": "5"}),
        (world.fsm, Kind.WORK_TASK, fs.tasks_of(world.fsm, one)[0].id, "accepted", {}),
        (world.om, Kind.ORDER_LINE, id_of("line"), "", {"due": "2026-08-01 12:00:00"}),
        (world.om, Kind.CHARACTERISTIC, id_of("speed"), "", {"value": "1000"}),
    ):
        row = server.tables[kind][id]
        shown = state.replace("_", " ").title() or row.state_label
        changed = replace(row, state=state or row.state, state_label=shown, fields={**row.fields, **fields})
        server.tables[kind][id] = changed


def speed(value: str) -> Act:
    """A row that describes the line."""
    return lambda world: _describe(world, "speed", value)


def fast(world: World) -> None:
    """A rule matches now, by another row."""
    _describe(world, "kind", "fast")


def _describe(world: World, name: str, value: str) -> None:
    row = (Kind.CHARACTERISTIC, id_of(name))
    if world.om.get(*row) is None:
        world.put(row[0], name, "open", order_line=id_of("line"), name=name, value=value)
    else:
        world.edit(row[0], name, value=value)


def newer(world: World) -> None:
    """Rows that take the feeds far past those that were there before: a task of a second work order, another description."""
    survey(world)
    _describe(world, "colour", "red")


def merged(world: World) -> None:
    """A dispatcher ends a work order because the one that was made by hand does its work."""
    ours = next(one for one in world.work_orders() if one.get("correlation_id"))
    fs.set_all(world.fsm, ours.id, "canceled", PERSON)
    edit = to(merged_into=id_of("by hand"))
    world.fsm.write({(Kind.WORK_ORDER, ours.id): edit}, PERSON)


def neighbour(world: World) -> None:
    """A second domain order of the line; its work order is made by hand."""
    owners = {"order": id_of("order"), "order_line": id_of("line")}
    world.put(Kind.DOMAIN_ORDER, "neighbour", "in_progress", specification="Voice", **owners)
    made = new("draft", initiated_from=id_of("neighbour"), short_description="By hand", active="true")
    world.fsm.write({(Kind.WORK_ORDER, id_of("by hand")): made}, PERSON)


def pointed(*names: str) -> Act:
    """The domain orders that the work order made by hand is for."""
    edit = to(initiated_from=", ".join(map(id_of, names)))
    return lambda world: world.fsm.write({(Kind.WORK_ORDER, id_of("by hand")): edit}, PERSON)


def copied(world: World) -> None:
    """A dispatcher copies a work order with all its fields."""
    fields = dict(world.work_orders()[0].fields)
    world.fsm.write({(Kind.WORK_ORDER, id_of("copy")): new("assigned", **fields)}, PERSON)


def closed_by_hand(world: World) -> None:
    """The domain order, while its work is open."""
    world.edit(Kind.DOMAIN_ORDER, "domain order", "closed_complete")


def moved(place: str, location: str, what: str, action: str) -> Act:
    """One end of a move: what stands at the old place ends, the same is provided at the new one."""
    owners = {"order": id_of("order"), "order_line": id_of(f"{place} line")}

    def act(world: World) -> None:
        fields = {"order": id_of("order"), "location_name": location}
        world.put(Kind.ORDER_LINE, f"{place} line", "in_progress", **fields)
        world.put(
            Kind.DOMAIN_ORDER, f"{place} one", "in_progress", specification=what, action=action, **owners
        )

    return act


ceased = moved("old", "North", "Access Line", "remove")
provided = moved("new", "South", "Fiber Access", "add")


def more(world: World) -> None:
    """A revision asks for one more of it."""
    owners = {"order": id_of("order"), "order_line": id_of("line")}
    world.edit(Kind.ORDER_LINE, "line", quantity="2")
    world.put(Kind.DOMAIN_ORDER, "second", "in_progress", specification="Fiber Access", **owners)


def fewer(world: World) -> None:
    """Another one takes it back."""
    world.edit(Kind.ORDER_LINE, "line", quantity="1")
    world.edit(Kind.DOMAIN_ORDER, "second", "canceled")


def telling(world: World) -> None:
    """The config mirrors notes and shows work orders."""
    world.policy = told(world.policy)


def typed(world: World) -> None:
    """A person types on the domain order, another on one of its work orders."""
    world.om.note((Kind.DOMAIN_ORDER, id_of("domain order")), "ring twice", PERSON)
    world.fsm.note((Kind.WORK_ORDER, world.work_orders()[0].id), "the key is at the desk", PERSON)


def relating(world: World) -> None:
    """The config makes each work order a row of the relation table."""
    world.policy = replace(world.policy, relation_type="Contains::Task of")


def retracing(world: World) -> None:
    """The config notes every state, with what the history of field service tells."""
    world.policy = replace(world.policy, history_limit=20)


def hurried(world: World) -> None:
    """Three states of each work order between two polls."""
    for one in world.work_orders():
        for state_ in ("assigned", "work_in_progress", "closed_complete"):
            fs.set_all(world.fsm, one.id, state_, PERSON)


def voice(world: World) -> None:
    """A domain order that no rule prescribes a work order for."""
    world.order("Voice")


def typed_early(world: World) -> None:
    """A person types on a domain order that has no work order yet."""
    world.om.note((Kind.DOMAIN_ORDER, id_of("domain order")), "ring twice", PERSON)


def deleted(world: World) -> None:
    """A dispatcher deletes one of the work orders."""
    gone = world.work_orders()[0].id
    world.fsm.write(dict.fromkeys(fs.keys_of(world.fsm, gone), lambda _: None), PERSON)


LATER = "2026-09-01 12:00:00"


def back(world: World) -> None:
    """Its specification is as it was, in a later version of its order."""
    world.edit(Kind.CUSTOMER_ORDER, "order", version="9")
    world.edit(Kind.DOMAIN_ORDER, "domain order", specification="Managed Router")


SCENES = (
    Scene("create", (), (fiber,)),
    Scene("two slots", (), (router,)),
    Scene("create by correlation", (), (fiber,), cycles=2, creates="correlation"),
    Scene("status notes", (router,), (state("assigned"), state("closed_complete"))),
    Scene("every state", (retracing, router), (hurried,), cycles=2),
    Scene("amendment", (router,), (line(location_name="South", priority="1"),)),
    Scene(
        "opened again", (router, state("closed_complete"), line(priority="1")), (state("work_in_progress"),)
    ),
    Scene("refused amendment", (fiber,), (line(ponr="true", priority="1"),)),
    Scene("on hold", (router,), (subject("on_hold"),)),
    Scene("no rule any more", (router,), (subject(specification="Voice"),)),
    Scene("refused beside another line", (fiber, other_line), (line(priority="1"),)),
    Scene("freed beside another line", (fiber, other_line, line(priority="1")), (freed,)),
    Scene("revision and rejection", (router,), (revision, rejection)),
    Scene("another line instead", (router,), (other_place,)),
    Scene("cancel", (router,), (cancelled,)),
    Scene("cancel after a person's", (fiber, called_off), (cancelled,)),
    Scene("generations", (fiber, cancelled), (revived,), cycles=2),
    Scene("recreate", (fiber, called_off), (made_anew,), cycles=2),
    Scene("hold", (fiber,), (ask,), cycles=3),
    Scene("hold and withdraw", (fiber,), (ask, withdraw), cycles=3),
    Scene("release", (fiber, state("closed_complete")), (ask,), cycles=3),
    Scene("hold, then release", (fiber,), (ask, state("closed_complete")), cycles=3),
    Scene("order task", (fiber,), (survey, ask), cycles=2),
    Scene("adoption", (fiber,), (by_hand,)),
    Scene("mirrored notes", (telling, fiber), (typed,), cycles=2),
    Scene("typed too early", (telling, voice), (typed_early, by_hand), cycles=2),
    Scene("details", (telling, router), (state("assigned"), state("closed_complete")), cycles=2),
    Scene("relations", (relating, fiber), (by_hand, survey), cycles=2),
    Scene("quarantine", (fiber,), (garbled, corrected), cycles=2),
    Scene("sweep", (fiber, speed("100"), newer), (drifted,), cycles=2, sweeps=True, config=watching),
    Scene("copied", (fiber,), (copied,), cycles=2, sweeps=True),
    Scene("vanished", (router,), (deleted,), cycles=2, sweeps=True),
    Scene("characteristics", (fiber, speed("100")), (speed("1000"), fast), config=described),
    Scene(
        "merged and pointed",
        (fiber, neighbour),
        (merged, pointed("neighbour", "domain order"), pointed("domain order")),
        config=merging,
    ),
    Scene("windows", (router,), (line(due=LATER), line(due="", ponr="true")), config=dated),
    Scene("undone", (fiber,), (ask, closed_by_hand), cycles=3, config=undoing),
    Scene("rule lost and back", (router,), (subject(specification="Voice"), back), config=strict_tables),
    Scene("trusted", (fiber,), (line(ponr="true", priority="1"), line(priority="3")), config=trusting),
    Scene("move and quantity", (fiber,), (ceased, provided, more, fewer), config=moving),
    Scene("backfill", (), (line(priority="1"),), history=(router, by_hand)),
)
