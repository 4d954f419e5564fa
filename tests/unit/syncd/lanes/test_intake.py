"""Intake loses nothing, whatever the feed looks like, and decides each change once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.errors import Unreachable
from mappings.model import Kind


def test_an_approved_domain_order_is_planned_once(world):
    """Reading the same rows again, as every pass does, intends nothing new."""
    world.order("Fiber Access", "Managed Router")
    first = world.take_in()
    again = world.take_in()
    assert sum(len(p.sightings.born) for p in first) == 3
    assert sum(len(p.sightings.born) for p in again) == 0


def test_a_page_smaller_than_a_burst_in_one_second_loses_none(world):
    """Twenty domain orders share one stamp; pages hold three rows."""
    world.order(*["Fiber Access"] * 20)
    world.settle_down()
    assert len(world.work_orders) == 20


def test_a_row_that_commits_late_with_an_older_stamp_is_still_seen(world):
    """Its stamp lies behind the watermark, and within the overlap."""
    world.order("Fiber Access")
    world.settle_down(1)
    started = world.time.now
    world.time.pass_(30)
    world.om.put(Kind.CUSTOMER_ORDER, "ORD1", "in_progress", account="other")
    world.take_in()
    world.time.now = started
    world.om.put(
        Kind.DOMAIN_ORDER, "LATE", "in_progress", order=world.id("ORD1"), specification="Fiber Access"
    )
    world.time.pass_(40)
    world.settle_down(2)
    assert len(world.work_orders) == 2


def test_the_watermark_stays_one_granule_behind_the_first_question(world):
    world.order("Fiber Access")
    world.take_in()
    mark = world.store.watermark("domain_order")
    assert mark.stamp == world.time.now - timedelta(seconds=1)
    assert mark.passed_until == world.time.now


def test_rows_hidden_by_access_rules_do_not_end_a_pass(world, events):
    """A page that shows nothing is stepped over, because the server says that more follows."""
    world.order(*["Fiber Access"] * 9)
    world.om.hidden = {world.id(f"DO{n}") for n in range(1, 7)}
    world.settle_down(2)
    assert len(world.work_orders) == 3
    assert any(e["event"] == "rows.hidden" for e in events)


def test_an_unreadable_record_goes_to_quarantine_and_its_page_goes_on(world, events):
    world.order("Fiber Access", "Fiber Access", "Fiber Access")
    world.om.unreadable = {world.id("DO2")}
    world.settle_down(2)
    assert len(world.work_orders) == 2
    assert [q.id for q in world.store.quarantined()] == [world.id("DO2")]
    (told,) = [e for e in events if e["event"] == "record.quarantined"]
    assert (told["reason"], told["next"]) == ("garbled", "syncd quarantine list says what to do")


def test_a_record_leaves_quarantine_when_it_can_be_read(world):
    world.order("Fiber Access")
    world.om.unreadable = {world.id("DO1")}
    world.settle_down(1)
    world.om.unreadable = set()
    world.om.put(Kind.DOMAIN_ORDER, "DO1", "in_progress")
    world.settle_down(2)
    assert world.store.quarantined() == ()
    assert len(world.work_orders) == 1


def test_a_domain_order_finds_its_line_and_order_when_no_feed_brings_them(world):
    """Both are older than everything that the feeds will ever show again."""
    world.order("Fiber Access")
    world.take_in(Kind.DOMAIN_ORDER)
    with world.store.deciding() as tx:
        facts = tx.facts_for(Kind.DOMAIN_ORDER, world.id("DO1"))
    assert facts.line.number == "ORDL1"
    assert facts.order.number == "ORD1"


def test_an_outage_in_the_middle_of_a_pass_keeps_what_was_committed(world):
    world.order(*["Fiber Access"] * 7)
    world.take_in(Kind.CUSTOMER_ORDER, Kind.ORDER_LINE)
    current = world.intake.begin(Kind.DOMAIN_ORDER)
    assert world.intake.take_page(current)
    world.om.fail("changes_since", Unreachable("away"))
    with pytest.raises(Unreachable):
        world.intake.take_page(current)
    world.settle_down(2)
    assert len(world.work_orders) == 7


def test_a_draft_domain_order_gets_nothing_until_it_is_in_progress(world):
    world.order("Fiber Access", state="draft")
    world.settle_down(1)
    assert world.work_orders == []
    world.om.put(Kind.DOMAIN_ORDER, "DO1", "in_progress")
    world.settle_down(2)
    assert len(world.work_orders) == 1


def test_a_domain_order_older_than_the_baseline_gets_nothing(world):
    world.time.pass_(-3600)
    world.order("Fiber Access")
    world.time.pass_(3600)
    world.settle_down(2)
    assert world.work_orders == []
    assert world.om.writes == []


def test_links_of_before_the_baseline_are_no_news(world, events):
    """A new install meets systems full of history: a line for each of them would drown all others."""
    world.time.pass_(-3600)
    world.order("Fiber Access")
    world.fsm.put(Kind.WORK_ORDER, "WO-OLD", "assigned", initiated_from=world.id("DO1"))
    world.time.pass_(3600)
    world.fsm.put(Kind.WORK_ORDER, "WO-NEW", "assigned", initiated_from=world.id("DO1"))
    world.settle_down(2)
    linked = [
        (e["number"], e["level"]) for e in events if e["event"] in ("work_order.linked", "work_order.known")
    ]
    assert sorted(linked) == [("WO-NEW", "info"), ("WO-OLD", "debug")]
    with world.store.deciding() as tx:
        assert len(tx.links_of(world.id("DO1"))) == 2


def test_a_hand_made_work_order_is_linked_and_noted(world):
    """It names its domain order in the field that the config says."""
    world.order("IP Address Block")
    world.settle_down(1)
    world.fsm.put(Kind.WORK_ORDER, "WO-HAND", "assigned", initiated_from=world.id("DO1"))
    world.settle_down(2)
    assert len(world.notes_on("DO1")) == 1
    assert "WO-HAND" in world.notes_on("DO1")[0]
