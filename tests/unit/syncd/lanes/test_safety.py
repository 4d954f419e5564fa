"""A mass change stops before its first write, is counted whole, and goes on when a person says so."""

from __future__ import annotations

import pytest

from mappings.model import Kind
from syncd.sweep_findings import What

FLOOR = 5


@pytest.fixture
def many(world):
    """Ten orders with one domain order each, decided and delivered; the floor is lower than that."""
    orders(world, range(10))
    world.settle_down(2)
    assert len(world.work_orders) == 10
    world.time.pass_(1000)
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO9"), remark="the feed has passed the others")
    world.settle_down(1)
    world.floor = FLOOR
    world.start()
    return world


def orders(world, numbers, state="in_progress"):
    for n in numbers:
        world.om.put(Kind.CUSTOMER_ORDER, f"ORD{n}", "in_progress")
        world.om.put(
            Kind.DOMAIN_ORDER, f"DO{n}", state, order=world.id(f"ORD{n}"), specification="Fiber Access"
        )


def cancel(world, numbers):
    for n in numbers:
        world.om.edit(Kind.DOMAIN_ORDER, world.id(f"DO{n}"), "canceled")


def cancelled(world):
    return [w.state for w in world.work_orders].count("canceled")


def stops(world):
    with world.store.history() as history:
        return {stop.lane: dict(stop.counts) for stop in history.stops() if stop.allowed_at is None}


def allow(world, lane):
    with world.store.deciding() as tx:
        assert tx.allow_lane(lane, "A. Meier", "it is so")


def test_a_pass_that_cancels_too_much_stops_with_the_whole_count(many, events):
    """Pages hold three rows; the fourth page shows that it is too much, and the rest is counted all the same."""
    mark = many.store.watermark("domain_order")
    cancel(many, range(9))
    many.settle_down(3)
    assert stops(many) == {"domain_order": {"cancel_work_order": 9}}
    assert cancelled(many) <= FLOOR
    assert many.store.watermark("domain_order").passed_until == mark.passed_until
    (told,) = [e for e in events if e["event"] == "mass_change.stopped"]
    assert told["effects"] == {"cancel_work_order": 9}
    assert told["level"] == "error"
    assert "syncd safety allow domain_order" in told["next"]


def test_a_stop_outlives_the_daemon_and_is_told_once(many, events):
    cancel(many, range(9))
    many.settle_down(2)
    many.start()
    many.settle_down(2)
    assert cancelled(many) <= FLOOR
    assert len([e for e in events if e["event"] == "mass_change.stopped"]) == 1


def test_other_feeds_go_on(many):
    cancel(many, range(9))
    many.settle_down(2)
    many.fsm.advance(many.work_orders[9].id, "assigned")
    many.settle_down(2)
    assert any("Assigned" in note for n in range(10) for note in many.notes_on(f"DO{n}"))


def test_an_allowed_pass_does_what_was_counted_once(many):
    cancel(many, range(9))
    many.settle_down(2)
    allow(many, "domain_order")
    many.settle_down(3)
    assert cancelled(many) == 9
    with many.store.history() as history:
        assert history.stops() == ()


def test_what_goes_far_beyond_what_was_allowed_stops_again(many):
    orders(many, range(10, 30))
    many.floor = 100
    many.start()
    many.settle_down(2)
    many.time.pass_(1000)
    many.floor = FLOOR
    many.start()
    cancel(many, range(8))
    many.settle_down(2)
    assert stops(many)["domain_order"] == {"cancel_work_order": 8}
    cancel(many, range(8, 30))
    allow(many, "domain_order")
    many.settle_down(2)
    assert stops(many)["domain_order"]["cancel_work_order"] > 8 + FLOOR


def test_a_burst_below_the_floor_passes_whatever_its_share(many):
    cancel(many, range(FLOOR))
    many.settle_down(2)
    assert cancelled(many) == FLOOR


def test_one_order_with_many_lines_is_one_order(many):
    many.order(*["Fiber Access"] * 20)
    many.settle_down(3)
    assert stops(many) == {}
    assert len(many.work_orders) == 21


def test_a_small_share_of_many_orders_passes(many):
    many.share = 0.95
    many.start()
    cancel(many, range(9))
    many.settle_down(3)
    assert cancelled(many) == 9


def test_a_first_start_with_an_old_date_waits_for_a_person(world):
    world.floor = FLOOR
    world.start()
    orders(world, range(8))
    world.settle_down(2)
    assert stops(world) == {"domain_order": {"create_work_order": 8}}
    assert len(world.work_orders) <= FLOOR
    allow(world, "domain_order")
    world.settle_down(3)
    assert len(world.work_orders) == 8


def test_a_sweep_that_would_change_too_much_stops_before_it(many, events):
    for n in range(9):
        many.om.change_silently(Kind.DOMAIN_ORDER, many.id(f"DO{n}"), "canceled")
    swept = many.sweep_up()
    many.settle_down(1)
    assert swept.stopped == {"cancel_work_order": 9}
    assert stops(many) == {"sweep": {"cancel_work_order": 9}}
    assert cancelled(many) <= FLOOR
    assert many.sweep.paused()
    allow(many, "sweep")
    assert not many.sweep.paused()
    assert many.sweep_up().stopped is None
    many.settle_down(2)
    assert cancelled(many) == 9


def test_a_sweep_does_not_do_what_a_feed_was_kept_from(many):
    cancel(many, range(9))
    many.settle_down(2)
    assert many.sweep.paused()


def test_many_that_vanish_at_once_are_a_mass_change_too(many):
    """Somebody took access away, or a table was emptied."""
    for work_order in many.work_orders[:9]:
        many.fsm.delete(Kind.WORK_ORDER, work_order.id)
    assert [f.what for f in many.sweep_up().findings] == [What.MISSING] * 9
    swept = many.sweep_up()
    many.settle_down(1)
    assert swept.stopped == {"vanished": 9}
    assert sum("is gone" in note for n in range(10) for note in many.notes_on(f"DO{n}")) <= FLOOR
