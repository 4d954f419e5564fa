"""What only the daemon's memory knows is written down when it changes, and not otherwise."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.errors import Misconfigured, Refused, Unreachable
from mappings.model import Kind, System
from syncd.report import as_json, look, outages, waits_for
from syncd.report_text import as_text
from syncd.vitals import Vitals

FSM = System.FIELD_SERVICE


@pytest.fixture
def vitals(world):
    made = Vitals(world.store, world.health, world.time, world.time.monotonic)
    made.keep()
    return made


@pytest.fixture
def writes(world, monkeypatch):
    """How often the state was written to."""
    seen = []
    keep = world.store.keep_outages
    monkeypatch.setattr(world.store, "keep_outages", lambda found: (seen.append(1), keep(found)))
    return seen


def stored(world):
    return outages(look(world.store, world.time.now))


def test_an_outage_is_kept_with_its_pause_and_gone_when_it_ends(world, vitals):
    world.health.failed(FSM, "delivery", Unreachable("POST /x: no connection"))
    vitals.keep()
    (one,) = stored(world)
    assert (one.lane, one.system, one.error, one.detail) == (
        "delivery",
        "field_service",
        "Unreachable",
        "POST /x: no connection",
    )
    assert (one.since, one.until) == (world.time.now, world.time.now + timedelta(seconds=1))
    world.time.pass_(5)
    world.health.worked(FSM, "delivery")
    vitals.keep()
    assert stored(world) == []


def test_nothing_is_written_while_nothing_changes(world, vitals, writes):
    for _ in range(5):
        vitals.keep()
    assert writes == []
    world.health.failed(FSM, "delivery", Unreachable("no connection"))
    for _ in range(5):
        vitals.keep()
    assert writes == [1]


def test_a_pause_that_moves_is_written_again(world, vitals, writes):
    for _ in range(3):
        world.health.failed(FSM, "delivery", Misconfigured("no"))
        vitals.keep()
        world.time.pass_(120)
    assert len(writes) == 3
    assert stored(world)[0].failures == 3


def test_what_an_earlier_life_left_is_cleared_at_the_start(world, vitals):
    world.health.failed(FSM, "delivery", Unreachable("no connection"))
    vitals.keep()
    world.start()
    Vitals(world.store, world.health, world.time, world.time.monotonic).keep()
    assert stored(world) == []


def test_delivery_says_when_it_last_wrote_to_a_system(world, vitals):
    world.order("Fiber Access")
    world.settle_down(2)
    lanes = {lane.system: lane.worked_at for lane in look(world.store, world.time.now).lanes}
    assert lanes.keys() == {"order_management", "field_service"}
    world.health.failed(FSM, "delivery", Unreachable("no connection"))
    vitals.keep()
    after = {lane.system: lane for lane in look(world.store, world.time.now).lanes}
    assert after["field_service"].worked_at == lanes["field_service"]
    assert after["field_service"].outage is not None


def test_a_feed_that_was_never_read_is_told_with_what_keeps_it(world, vitals):
    world.health.failed(FSM, "intake of field_service", Unreachable("no connection"))
    vitals.keep()
    found = look(world.store, world.time.now)
    feeds = {feed.feed: waits_for(feed, found) for feed in found.summary.feeds}
    assert feeds["work_order"].startswith("field service: Unreachable since")
    assert "never" in as_text(found)


def test_what_waits_for_a_person_goes_by_the_number_that_people_know(world):
    world.order("Fiber Access")
    world.fsm.fail("create_work_order", Refused("no", reason="no such template"))
    world.settle_down()
    found = look(world.store, world.time.now)
    (parked,) = found.summary.parked
    number = world.om.records[Kind.DOMAIN_ORDER, parked.subject].number
    assert f"  {number} {parked.key}: " in as_text(found)
    assert as_json(found)["parked"][0]["number"] == number
