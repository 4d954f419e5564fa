"""A system that is not the one that the state knows gets nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from mappings.model import Kind, System
from state.store import Identity
from syncd.identity import Identities, IdentityChanged


@pytest.fixture
def linked(world):
    """A world with linked work orders, more than people may have deleted, and a new start."""
    world.order("Managed Router", "Fiber Access", "Fiber Access")
    world.settle_down(2)
    world.restart()
    return world


def identities(world, url="http://127.0.0.1", **ids):
    from syncd import logs

    wanted = {system: Identity(system, ids.get(system.value, "x"), url) for system in System}
    return Identities(world.store, world.systems, wanted, logs.get())


@pytest.mark.parametrize("system", System)
def test_the_same_system_is_recognised(linked, system):
    identities(linked).recognise(system)


@pytest.mark.parametrize("system", System)
def test_a_state_without_links_knows_a_system_by_its_id_alone(world, system):
    identities(world).recognise(system)


@pytest.mark.parametrize("system", System)
def test_another_id_is_another_system(linked, system, events):
    with pytest.raises(IdentityChanged, match="syncd state rebind"):
        identities(linked, **{system.value: "other"}).recognise(system)
    assert [e["event"] for e in events] == ["identity.changed"]


@pytest.mark.parametrize("system", System)
def test_a_system_where_none_of_the_records_is_is_another_one(linked, system, events):
    linked.systems[system].records.clear()
    with pytest.raises(IdentityChanged, match="none of"):
        identities(linked).recognise(system)
    assert [e["event"] for e in events] == ["identity.changed"]


def test_so_few_records_that_people_may_have_deleted_them_make_no_stranger(world, events):
    world.order("Fiber Access")
    world.settle_down(2)
    world.fsm.records.clear()
    events.clear()
    identities(world).recognise(System.FIELD_SERVICE)
    assert [(e["event"], e["level"]) for e in events] == [("identity.unproven", "warning")]


def test_two_lanes_that_meet_it_at_once_tell_it_once(world, events, monkeypatch):
    world.order("Fiber Access")
    world.settle_down(2)
    world.fsm.records.clear()
    events.clear()
    ours = identities(world)
    read = world.fsm.read_many

    def read_while_another_lane_asks(*asked):
        monkeypatch.setattr(world.fsm, "read_many", read)
        ours.recognise(System.FIELD_SERVICE)
        return read(*asked)

    monkeypatch.setattr(world.fsm, "read_many", read_while_another_lane_asks)
    ours.recognise(System.FIELD_SERVICE)
    assert [e["event"] for e in events] == ["identity.unproven"]


def test_under_another_url_even_one_that_is_gone_makes_a_stranger(world):
    world.order("Fiber Access")
    world.settle_down(2)
    world.fsm.records.clear()
    ours = identities(world, url="http://127.0.0.2")
    assert ours.wrong(System.FIELD_SERVICE) == "none of 1 records that must be there is"
    with pytest.raises(IdentityChanged):
        ours.recognise(System.FIELD_SERVICE)


def test_a_record_that_was_created_at_another_time_is_another_systems(linked):
    key = next(key for key in linked.fsm.records if key[0] is Kind.WORK_ORDER)
    record = linked.fsm.records[key]
    linked.fsm.records[key] = replace(record, created_at=record.created_at - timedelta(days=1))
    with pytest.raises(IdentityChanged, match="created at another time"):
        identities(linked).recognise(System.FIELD_SERVICE)


def test_one_record_that_vanished_changes_nothing(linked):
    del linked.fsm.records[Kind.WORK_ORDER, linked.work_orders[0].id]
    identities(linked).recognise(System.FIELD_SERVICE)


def test_a_known_system_under_another_url_is_fine_and_stored(linked, events):
    identities(linked, url="http://127.0.0.2").recognise(System.FIELD_SERVICE)
    assert linked.store.identities()[System.FIELD_SERVICE].url == "http://127.0.0.2"
    assert [e["event"] for e in events] == ["identity.moved"]
    identities(linked, url="http://127.0.0.2").recognise(System.FIELD_SERVICE)
    assert len(events) == 1


def test_after_a_rebind_old_links_say_nothing(linked):
    linked.fsm.records.clear()
    linked.time.pass_(10)
    linked.store.bind({System.FIELD_SERVICE: Identity(System.FIELD_SERVICE, "new", "http://127.0.0.3")})
    identities(linked, url="http://127.0.0.3", field_service="new").recognise(System.FIELD_SERVICE)


def test_nothing_is_claimed_for_a_stranger(linked):
    """What goes to field service is looked up in order management first, so that one must be known for both."""
    ours = identities(linked)
    assert ours.strangers() == set(System)
    ours.recognise(System.ORDER_MANAGEMENT)
    assert ours.strangers() == {System.FIELD_SERVICE}
    ours.recognise(System.FIELD_SERVICE)
    assert ours.strangers() == set()
