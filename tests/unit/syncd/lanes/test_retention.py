"""Bodies and history of old orders are given up, and what is read again afterwards decides nothing."""

from __future__ import annotations

import shutil
from datetime import timedelta

import pytest

from mappings.model import Kind
from mappings.retention import is_reduced
from state.store import Store
from syncd.backfill import Backfill, Wish
from syncd.explain import as_text, explain
from syncd.retention import prune
from tests.bench.retention import STATED_KIB, growth, sizes

DAY = 86_400
KEEP = timedelta(days=90)


@pytest.fixture
def ended(world):
    """An order that is over, with its work orders, a hundred days ago; another one is in the middle of its life."""
    world.order("Fiber Access", "Managed Router")
    world.settle_down(3)
    for one in world.work_orders:
        world.fsm.advance(one.id, "closed_complete")
    for name in ("DO1", "DO2"):
        world.om.edit(Kind.DOMAIN_ORDER, world.id(name), "closed_complete")
    world.om.edit(Kind.ORDER_LINE, world.id("ORDL1"), "completed")
    world.om.edit(Kind.CUSTOMER_ORDER, world.id("ORD1"), "completed")
    world.settle_down(3)
    world.time.pass_(100 * DAY)
    return world


def pruned(world):
    return prune(world.store, world.policy, KEEP, world.time.now)


def stored(world, kind, name):
    with world.store.history() as history:
        return history.record(kind, world.id(name))


def quiet(world):
    """Everything is shown again by every road; returns what that came to."""
    writes = list(world.om.writes), list(world.fsm.writes)
    for kind in Kind:  # a feed that is read from its beginning again
        position = world.intake.begin(kind)
        position.position = type(position.position)(
            type(position.position.after)(world.time.now - 400 * timedelta(1))
        )
        while world.intake.take_page(position):
            pass
    findings = world.sweep_up().findings
    backfill = Backfill(
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
    wish = Wish("again", world.time.now - timedelta(days=400), world.time.now)
    counts = dict(backfill.run(wish, lambda: False).counts)
    world.deliver()
    return findings, counts, (world.om.writes, world.fsm.writes) != writes


def test_what_ended_long_ago_loses_its_body_and_its_history(ended):
    done = pruned(ended)
    assert (done.orders, done.records) == (1, 1 + 1 + 2 + 3)
    assert done.effects > 0
    assert done.entries > 0
    order = stored(ended, Kind.DOMAIN_ORDER, "DO1")
    assert is_reduced(order)
    assert (order.number, order.state) == ("DO1", "closed_complete")
    assert ended.store.ledger_of(ended.id("DO1")) == ()
    assert pruned(ended).orders == 0


def test_links_plans_and_keys_stay(ended):
    with ended.store.deciding() as tx:
        before = tx.facts_for(Kind.DOMAIN_ORDER, ended.id("DO2"))
    markers = ended.store.remembered(ended.id("DO2"))[0].markers
    pruned(ended)
    with ended.store.deciding() as tx:
        after = tx.facts_for(Kind.DOMAIN_ORDER, ended.id("DO2"))
    assert (after.links, after.plan) == (before.links, before.plan)
    after = ended.store.remembered(ended.id("DO2"))[0]
    assert markers != frozenset()
    assert after.markers == frozenset()
    assert all(marker in after for marker in markers)


def test_read_again_by_every_road_it_decides_nothing(ended):
    pruned(ended)
    assert quiet(ended) == ([], {}, False)
    assert is_reduced(stored(ended, Kind.DOMAIN_ORDER, "DO1"))
    assert is_reduced(stored(ended, Kind.CUSTOMER_ORDER, "ORD1"))


def test_nor_after_a_restored_copy_of_the_pruned_state(ended, tmp_path):
    pruned(ended)
    ended.store.close()
    copy = tmp_path / "copy.db"
    shutil.copy(tmp_path / "syncd.db", copy)
    ended.url = f"sqlite:///{copy}"
    ended.store = Store(ended.url, ended.time)
    ended.restart()
    before = len(ended.work_orders), len(ended.notes_on("DO1")), len(ended.notes_on("DO2"))
    ended.settle_down(4)
    assert quiet(ended)[2] is False
    assert (len(ended.work_orders), len(ended.notes_on("DO1")), len(ended.notes_on("DO2"))) == before


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param(Kind.CUSTOMER_ORDER, "ORD1", id="the order is open"),
        pytest.param(Kind.ORDER_LINE, "ORDL1", id="a line is open"),
        pytest.param(Kind.DOMAIN_ORDER, "DO2", id="a domain order is open"),
    ],
)
def test_an_order_goes_as_a_whole_or_not_at_all(ended, kind, name):
    ended.om.change_silently(kind, ended.id(name), "in_progress")
    ended.sweep_up()
    assert pruned(ended).orders == 0


def test_an_open_work_order_keeps_its_order(ended):
    ended.fsm.change_silently(Kind.WORK_ORDER, ended.work_orders[0].id, "assigned")
    ended.sweep_up()
    assert pruned(ended).orders == 0


def test_what_was_changed_lately_or_waits_for_a_person_stays(ended):
    ended.om.edit(Kind.DOMAIN_ORDER, ended.id("DO1"), remark="x")
    ended.take_in()
    assert pruned(ended).orders == 0
    ended.time.pass_(100 * DAY)
    with ended.store.deciding() as tx:
        tx.quarantine(Kind.DOMAIN_ORDER.system, Kind.DOMAIN_ORDER, ended.id("DO2"), None, "", "bad", "{}")
    assert pruned(ended).orders == 0


def test_an_order_that_comes_back_is_decided_with_its_whole_content(ended):
    """Its line and order are read again by id: what a plan asks of them was given up."""
    pruned(ended)
    ended.om.edit(Kind.CUSTOMER_ORDER, ended.id("ORD1"), "in_progress")
    ended.om.edit(Kind.ORDER_LINE, ended.id("ORDL1"), "in_progress")
    ended.om.edit(Kind.DOMAIN_ORDER, ended.id("DO1"), "in_progress", specification="Managed Router")
    ended.settle_down(3)
    assert not is_reduced(stored(ended, Kind.CUSTOMER_ORDER, "ORD1"))
    assert stored(ended, Kind.CUSTOMER_ORDER, "ORD1").get("account") == "acme"
    made = [
        one for one in ended.work_orders if one.get("correlation_id").startswith(f"syncd:1:{ended.id('DO1')}")
    ]
    assert len(made) == 3, "the fiber that ended stays, the two of the router are new"


def test_a_work_order_that_a_person_reopens_is_noted(ended):
    pruned(ended)
    ended.fsm.advance(ended.work_orders[0].id, "assigned")
    ended.settle_down(2)
    assert any("Assigned" in note for name in ("DO1", "DO2") for note in ended.notes_on(name))


def test_the_file_grows_only_by_what_is_kept(tmp_path):
    """Months in which as many orders leave as come; `make soak` does this for years."""
    found, _ = sizes(timedelta(days=60), months=9, orders=6)
    assert growth(found, orders=6) <= STATED_KIB + 1, "small files grow in coarse steps"


def told(world, name, *, days_ago=None):
    now = world.time.now
    at = None if days_ago is None else now - timedelta(days=days_ago)
    with world.store.history() as history:
        return as_text(explain(history, name, world.policy, now, lambda _: "number", at=at))


def effects_of(world, *names):
    with world.store.history() as history:
        return sum(len(history.effects_of(world.id(name))) for name in names)


class TestTheStoryOfAnOrderThatWasGivenUp:
    """A page that is emptier than it was says so."""

    def test_before_nothing_is_said(self, ended):
        assert "retention" not in told(ended, "ORD1") + told(ended, "DO1", days_ago=99)

    def test_the_order_says_what_is_left_and_of_how_much(self, ended):
        before = effects_of(ended, "DO1", "DO2")
        pruned(ended)
        page = told(ended, "ORD1")
        assert "its details were given up by the retention" in page
        assert f"digests of {before - 1} effects are left (2 create_work_order done, " in page, (
            "one create stays"
        )

    def test_a_domain_order_still_says_what_it_belongs_to(self, ended):
        pruned(ended)
        assert "Order line ORDL1: completed; Order ORD1: completed" in told(ended, "DO1")

    def test_a_task_is_still_told_with_its_work_order(self, ended):
        above = ended.work_orders[0]
        task = ended.fsm.put(Kind.WORK_TASK, "WOT1", "closed_complete", work_order=above.id)
        ended.settle_down(2)
        ended.time.pass_(100 * DAY)
        pruned(ended)
        assert is_reduced(stored(ended, Kind.WORK_TASK, "WOT1"))
        for name in (above.number, task.id):
            page = told(ended, name)
            assert page.startswith(f"Work order {above.number}")
            assert " effects for DO" in page

    def test_of_an_instant_nothing_is_claimed(self, ended):
        pruned(ended)
        page = told(ended, "DO1", days_ago=99)
        assert "the retention has given up what was known of it then" in page
        assert "had not been seen" not in page
