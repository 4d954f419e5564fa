"""One cycle of every lane: its exit code says how it went, and whose fault it was."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from connectors.errors import Misconfigured, Unreachable
from mappings.model import Kind, System
from syncd import exits, logs
from syncd.cycles import Cycles
from syncd.lanes import once_with, take_in, take_notes
from syncd.pulse import Pulse
from syncd.turns import Turns


@pytest.fixture
def app(world):
    """What a cycle needs of an `App`, on the fakes."""
    return SimpleNamespace(
        log=logs.get(),
        store=world.store,
        health=world.health,
        intake=world.intake,
        delivery=world.delivery,
        gate=world.gate,
        journals=world.journals,
        identities=world.identities,
        catch_up=world.catch_up,
        turns=Turns(world.store, "once:1", 60, logs.get(), shared=False),
        pulse=Pulse(),
        cycles=Cycles(logs.get(), world.store, Pulse()),
        relieved=lambda: False,
    )


def test_a_cycle_that_works_ends_with_zero_and_has_delivered(world, app):
    world.order("Fiber Access")
    assert once_with(app) == exits.OK
    assert len(world.work_orders) == 1
    assert len(world.notes_on("DO1")) == 1


def test_a_cycle_whose_daemon_was_relieved_by_another_sends_nothing(world, app):
    """The two may count time otherwise: what one still waits for would be over for the other."""
    app.relieved = lambda: True
    world.order("Fiber Access")
    once_with(app)
    assert world.store.summary().effects == {("create_work_order", "pending"): 1}
    assert world.work_orders == []


def test_a_second_cycle_changes_nothing(world, app):
    world.order("Fiber Access")
    once_with(app)
    writes = [*world.om.writes, *world.fsm.writes]
    assert once_with(app) == exits.OK
    assert [*world.om.writes, *world.fsm.writes] == writes


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(Unreachable("away"), exits.UNAVAILABLE, id="unreachable"),
        pytest.param(Misconfigured("401", status=401), exits.REFUSED, id="credentials"),
        pytest.param(Misconfigured("403", status=403), exits.REFUSED, id="access rules"),
        pytest.param(Misconfigured("no such table", status=404), exits.CONFIG, id="profile"),
    ],
)
def test_a_system_that_fails_decides_the_exit_code(world, app, error, code):
    world.fsm.fail("changes_since", error)
    assert once_with(app) == code


def test_a_record_in_quarantine_is_an_exit_code(world, app):
    world.order("Fiber Access", "Fiber Access")
    world.om.unreadable = {world.id("DO2")}
    assert once_with(app) == exits.QUARANTINE
    assert len(world.work_orders) == 1


def test_one_system_is_delivered_to_while_the_other_one_cannot_be_polled(world, app):
    world.order("Fiber Access")
    world.fsm.fail("changes_since", Unreachable("away"))
    assert once_with(app) == exits.UNAVAILABLE
    assert len(world.work_orders) == 1


def test_an_outage_is_told_of_the_system_that_is_down(world, app, events):
    """A work order made by hand names a domain order that nobody has seen, and order management does not answer."""
    world.fsm.put(Kind.WORK_ORDER, "WO-HAND", "assigned", initiated_from=world.id("DO1"))
    away = Unreachable("away", system=System.ORDER_MANAGEMENT)

    def read_many(kind, ids):
        raise away

    read, world.om.read_many = world.om.read_many, read_many
    take_in(app, System.FIELD_SERVICE, lambda: False)
    assert set(world.health.down()) == {System.ORDER_MANAGEMENT}
    world.om.read_many = read
    world.time.pass_(2)
    take_in(app, System.FIELD_SERVICE, lambda: False)
    assert world.health.down() == {}
    told = [(e["event"], e["system"]) for e in events if e["event"].startswith("remote.")]
    assert told == [
        ("remote.unavailable", System.ORDER_MANAGEMENT),
        ("remote.recovered", System.ORDER_MANAGEMENT),
    ]


def test_a_lane_that_pauses_does_not_ask(world, app):
    world.fsm.fail("changes_since", Unreachable("away"))
    take_in(app, System.FIELD_SERVICE, lambda: False)
    world.fsm.fail("changes_since", Unreachable("asked in its pause"))
    take_in(app, System.FIELD_SERVICE, lambda: False)
    assert len(world.fsm.faults["changes_since"]) == 1


def test_a_journal_that_cannot_be_read_stops_nothing_else(world, app):
    """It pauses by itself; the feeds of records go on."""
    world.policy = replace(world.policy, mirror_from=frozenset(System))
    world.om.fail("journal_since", Misconfigured("access rules", status=403))
    world.order("Fiber Access")
    assert once_with(app) == exits.REFUSED
    assert len(world.work_orders) == 1
    assert world.store.watermark("notes:field_service").passed_until is not None
    assert world.health.pause_s(System.ORDER_MANAGEMENT, "notes") > 0
    assert world.health.pause_s(System.ORDER_MANAGEMENT, "intake of order_management") == 0


def test_a_typed_note_is_told_to_delivery(world, app):
    world.policy = replace(world.policy, mirror_from=frozenset(System))
    world.order("Fiber Access")
    once_with(app)
    assert not take_notes(app, lambda: False)
    world.om.type(Kind.DOMAIN_ORDER, world.id("DO1"), "ring twice")
    assert take_notes(app, lambda: False)
    assert not take_notes(app, lambda: False)


def test_a_stop_between_two_pages_keeps_what_was_read(world, app):
    """The next start goes on behind it."""
    for number in range(1, 8):
        world.om.put(Kind.CUSTOMER_ORDER, f"ORD{number}", "in_progress")
        world.time.pass_(1)
    world.time.pass_(5)
    pages = iter([False, True])
    take_in(app, System.ORDER_MANAGEMENT, lambda: next(pages, True))
    seen = world.store.known(Kind.CUSTOMER_ORDER, [world.id(f"ORD{n}") for n in range(1, 8)])
    assert len(seen) == 3
    assert world.store.watermark("customer_order").passed_until is None
