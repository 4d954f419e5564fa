"""An edited table is asked again only on a person's word, after everything was counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from mappings.decision_table import Creation, Rule
from mappings.model import Kind
from syncd.redecide import Redecide


@pytest.fixture
def decided(world):
    """Three fiber orders are delivered; then the fiber rule gets a second work order."""
    world.order("Fiber Access", "Fiber Access", "Voice")
    world.settle_down()
    fiber = Rule(
        "fiber", world.policy.tables[0].rules[0].when, (Creation("Fiber Installation"), Creation("Test"))
    )
    _edit(world, fiber)
    return world


def _edit(world, *rules):
    (table,) = world.policy.tables
    world.policy = replace(world.policy, tables=(replace(table, rules=rules, hash="edited"),))


def redecide(world, since=timedelta(days=-1), table="by-specification", **options):
    lane = Redecide(
        world.store,
        world.observer,
        safety=world.safety,
        policy=lambda: world.policy,
        log=world.intake._log,
    )
    return lane.run(table, world.time.now + since, **options)


def test_an_edit_alone_changes_nothing(decided):
    decided.settle_down()
    assert len(decided.work_orders) == 2


def test_what_the_table_prescribes_now_and_is_missing_is_created_once(decided):
    done = redecide(decided)
    assert (done.orders, done.counts) == (3, {"create_work_order": 2})
    decided.settle_down()
    assert len(decided.work_orders) == 4
    assert redecide(decided).counts == {}


def test_a_plan_counts_and_stores_nothing(decided):
    done = redecide(decided, plan=True)
    assert {effect.because for effect in done.intended} == {'rule "fiber" of "by-specification": reviewed'}
    decided.settle_down()
    assert len(decided.work_orders) == 2


@pytest.mark.parametrize(
    "options",
    [{"since": timedelta(days=1)}, {"table": "another"}],
    ids=["later orders only", "another table"],
)
def test_only_the_orders_that_were_asked_for_are_decided(decided, options):
    assert redecide(decided, **options).orders == 0


def test_what_no_rule_prescribes_any_more_is_flagged(decided):
    _edit(decided)
    done = redecide(decided)
    assert done.counts == {"write_note": 2}
    decided.settle_down()
    assert [row.state for row in decided.work_orders] == ["ready", "ready"]
    assert any("no rule prescribes" in note for note in decided.notes_on("DO1"))


@pytest.mark.parametrize("state", ["canceled", "closed_complete", "on_hold"])
def test_orders_that_are_over_or_held_are_left_alone(decided, state):
    decided.om.edit(Kind.DOMAIN_ORDER, decided.id("DO1"), state)
    decided.take_in()
    assert redecide(decided, plan=True).counts == {"create_work_order": 1}


def test_before_a_mass_change_it_stops_and_waits_for_a_person(decided):
    decided.share, decided.floor = 0.0, 0
    decided.start()
    for _ in range(2):
        assert redecide(decided).stopped == {"create_work_order": 1}
    with decided.store.deciding() as tx:
        assert tx.allow_lane("redecide:by-specification", "A. Meier", "the table is right")
    assert redecide(decided).stopped is None
    assert decided.safety.stopped() == {}
