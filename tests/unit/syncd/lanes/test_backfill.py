"""A backfill does for a past period what live would have done, once, whatever kills it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.errors import Unreachable
from mappings.keys import Correlation
from mappings.model import Kind, Origin
from state.store import StateLocked
from syncd.backfill import Backfill, OtherPeriod, Wish
from syncd.backfill_report import counted

DAY = timedelta(days=1)


@pytest.fixture
def old(world):
    """Five fiber orders of the days before the baseline, which live has never looked at."""
    noon = world.time.now
    world.time.now = noon - 10 * DAY
    for _ in range(5):
        world.order("Fiber Access", "Fiber Access", "Fiber Access", "Fiber Access", "Fiber Access")
    world.time.now = noon
    return world


def backfill_of(world):
    return Backfill(
        world.om,
        world.fsm,
        world.store,
        world.observer,
        world.intake,
        safety=world.safety,
        policy=lambda: world.policy,
        log=world.intake._log,
        page_size=2,
    )


def wish(world, name="spring"):
    noon = world.time.now.replace(hour=12, minute=0, second=0)
    return Wish(name, noon - 30 * DAY, noon)


def run(world, name="spring", **options):
    return backfill_of(world).run(wish(world, name), options.pop("stopping", lambda: False), **options)


def settled(world):
    for _ in range(3):
        world.deliver()
        world.time.pass_(1)


def test_live_leaves_what_is_older_than_the_baseline_and_a_backfill_creates_for_it(old):
    old.settle_down(2)
    assert old.work_orders == []
    done = run(old)
    assert (done.complete, done.read, done.counts["create_work_order"]) == (True, 5, 5)
    settled(old)
    assert len(old.work_orders) == 5
    notes = old.notes_on("DO1")
    assert len(notes) == 1
    assert "created" in notes[0].lower()


def test_what_a_backfill_has_decided_is_followed_as_what_is_new(old):
    old.settle_down(2)
    run(old)
    settled(old)
    old.om.edit(Kind.DOMAIN_ORDER, old.id("DO1"), specification="Voice")
    old.settle_down(2)
    assert any("no rule prescribes" in note for note in old.notes_on("DO1"))


def test_a_plan_writes_nothing_and_counts_everything(old):
    done = run(old, plan=True)
    assert (done.complete, done.counts["create_work_order"]) == (True, 5)
    assert {kind for kind, _, _ in done.intended} == {"create_work_order"}
    with old.store.history() as history:
        assert history.backfills() == ()
        assert history.named("DO1") == ()
    assert run(old).counts == done.counts


def test_a_finished_backfill_does_nothing_and_another_name_finds_nothing_to_do(old):
    run(old)
    settled(old)
    assert run(old).was_complete
    again = run(old, "again")
    assert (again.read, dict(again.counts)) == (5, {})
    settled(old)
    assert len(old.work_orders) == 5


def test_a_run_that_was_cut_goes_on_where_it_stood(old):
    pages = []
    first = run(old, stopping=lambda: len(pages) == 1, told=pages.append)
    assert (first.complete, first.read) == (False, 2)
    old.start()
    asked = []
    second = run(old, told=asked.append)
    assert (second.complete, second.read, second.counts["create_work_order"]) == (True, 5, 5)
    assert asked[0].here == 2


def test_a_failing_system_keeps_what_was_done(old):
    old.fsm.fail("find_many", Unreachable("down"))
    with pytest.raises(Unreachable):
        run(old)
    assert run(old).complete
    settled(old)
    assert len(old.work_orders) == 5


def test_a_work_order_that_another_life_made_is_linked_and_not_made_again(old):
    """A work order carries our correlation by a rule that no table has any more: its slot counts as another one."""
    ours = Correlation(old.id("DO1"), "fiber", 1, 1)
    old.fsm.put(Kind.WORK_ORDER, "THERE", "assigned", correlation_id=str(ours))
    done = run(old)
    assert (done.counts["linked"], done.counts["create_work_order"]) == (1, 4)
    settled(old)
    assert len(old.work_orders) == 5
    with old.store.deciding() as tx:
        (link,) = tx.facts_for(Kind.DOMAIN_ORDER, old.id("DO1")).links
    assert (link.origin, link.work_order) == (Origin.CREATED, old.id("THERE"))


def test_a_hand_made_work_order_is_linked_and_its_past_is_not_noted(old):
    noon = old.time.now
    old.time.now = noon - 5 * DAY
    old.fsm.put(Kind.WORK_ORDER, "BY HAND", "assigned", initiated_from=old.id("DO1"))
    old.time.now = noon
    assert run(old).counts["linked"] == 1
    settled(old)
    assert not any("Assigned" in note and "BY HAND" in note for note in old.notes_on("DO1"))


def test_a_create_whose_work_order_the_search_hides_is_looked_for_before_it_is_sent(old):
    old.fsm.keeps_ids = False
    first = run(old)
    settled(old)
    made = len(old.work_orders)
    assert (made, first.counts["create_work_order"]) == (5, 5)


def test_what_is_cancelled_gets_nothing_and_loses_what_it_has(old):
    run(old)
    settled(old)
    for name in ("DO1", "DO2"):
        old.om.change_silently(Kind.DOMAIN_ORDER, old.id(name), "canceled")
    done = run(old, "later")
    assert done.counts["cancel_work_order"] == 2
    settled(old)
    assert sum(one.state == "canceled" for one in old.work_orders) == 2


def test_what_cannot_be_decided_is_counted(old):
    old.om.edit(Kind.DOMAIN_ORDER, old.id("DO1"), "on_hold")
    done = run(old)
    assert (done.counts["undecided"], done.counts["create_work_order"]) == (1, 4)


def test_only_the_period_is_touched(old):
    old.time.pass_(60)
    noon = old.time.now
    done = backfill_of(old).run(Wish("before", noon - 90 * DAY, noon - 20 * DAY), lambda: False)
    assert (done.complete, done.read) == (True, 0)


def test_the_watermarks_stay(old):
    old.settle_down(1)
    before = [old.store.watermark(kind.value) for kind in Kind]
    run(old)
    assert [old.store.watermark(kind.value) for kind in Kind] == before


def test_a_name_belongs_to_one_period(old):
    run(old)
    other = Wish("spring", old.time.now - 3 * DAY, old.time.now)
    with pytest.raises(OtherPeriod, match="spring"):
        backfill_of(old).run(other, lambda: False)


def test_two_at_once_do_everything_once_and_one_gives_up(old):
    late = backfill_of(old)
    told = []

    def meanwhile(progress):
        if not told:
            told.append(progress)
            late.run(wish(old), lambda: False)

    with pytest.raises(StateLocked, match="another process"):
        run(old, told=meanwhile)
    settled(old)
    assert len(old.work_orders) == 5


class TestMassChange:
    @pytest.fixture
    def many(self, world):
        """Six orders of one domain order each; three may be touched without a person's word."""
        noon = world.time.now
        world.time.now = noon - 10 * DAY
        for number in range(6):
            world.om.put(Kind.CUSTOMER_ORDER, f"ORD{number}", "in_progress")
            world.om.put(Kind.ORDER_LINE, f"L{number}", "in_progress", order=world.id(f"ORD{number}"))
            world.om.put(
                Kind.DOMAIN_ORDER,
                f"D{number}",
                "in_progress",
                order=world.id(f"ORD{number}"),
                order_line=world.id(f"L{number}"),
                specification="Fiber Access",
            )
        world.time.now = noon
        world.share, world.floor = 0.0, 3
        world.start()
        return world

    def test_a_mass_change_stops_before_its_page_and_waits_for_a_word(self, many):
        first = run(many)
        assert (first.complete, first.stopped) == (False, {"create_work_order": 6})
        settled(many)
        assert len(many.work_orders) == 2
        waiting = run(many)
        assert (waiting.stopped, waiting.read) == (first.stopped, 2)
        with many.store.deciding() as tx:
            assert tx.allow_lane("backfill:spring", "A. Meier", "as planned")
        assert run(many).complete
        settled(many)
        assert len(many.work_orders) == 6

    def test_a_plan_says_that_it_would_stop(self, many):
        done = run(many, plan=True)
        assert (done.complete, done.stopped) == (True, {"create_work_order": 6})
        with many.store.history() as history:
            assert history.stops() == ()


def test_a_record_that_cannot_be_read_waits_in_quarantine(old):
    old.om.unreadable.add(old.id("DO3"))
    done = run(old)
    assert (done.counts["unreadable"], done.counts["create_work_order"]) == (1, 4)
    assert [one.id for one in old.store.quarantined()] == [old.id("DO3")]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({}, "nothing to do"),
        (
            {"write_note": 2, "create_work_order": 2},
            "2 work orders to create, 0 work orders linked, 0 work orders to change, 0 work orders to cancel,"
            " 2 notes to write",
        ),
        (
            {"linked": 1, "update_work_task": 3, "unreadable": 0},
            "0 work orders to create, 1 work orders linked, 0 work orders to change, 0 work orders to cancel,"
            " 3 update_work_task",
        ),
    ],
    ids=["nothing", "creates", "links and others"],
)
def test_the_figures_are_split_by_what_is_done(counts, expected):
    assert counted(counts) == expected
