"""A damaged state: the order concerned is parked and told of once, the rest goes on, and a person lets it go on."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from mappings.effects import Decision, Effect, EffectKind
from mappings.model import Kind, System
from syncd.explain import known
from syncd.quarantine import Person, called, everything, let_go_on, next_step
from syncd.quarantine_report import list_as_json, list_as_text, show_as_json, show_as_text
from syncd.report import as_json, look
from syncd.report_text import as_line, as_text

SOMEBODY = Person("A. Meier", "looked at, and harmless")


@pytest.fixture
def damage(world):
    """Writes into the state behind the daemon's back."""

    def written(statement, *values):
        with closing(sqlite3.connect(world.url.removeprefix("sqlite:///"))) as database:
            assert database.execute(statement, values).rowcount >= 1
            database.commit()

    return written


@pytest.fixture
def damaged(world, damage):
    """Two orders that are in step; then the plan of the first names its only slot twice."""
    world.order("Fiber Access", "Fiber Access")
    world.settle_down(3)
    damage(
        "UPDATE plans SET work_orders = '[' || trim(work_orders, '[]') || ',' || trim(work_orders, '[]') || ']'"
        " WHERE domain_order = ?",
        world.id("DO1"),
    )
    return world


def amend(world, *names):
    for name in names:
        world.om.edit(Kind.DOMAIN_ORDER, world.id(name), location="there")
    world.settle_down(3)


def said(world, location):
    """The work orders, by number of their domain order, that carry a location."""
    found = {
        w.get("correlation_id").split(":")[2]
        for w in world.work_orders
        if w.get("location") == f"location/{location}"
    }
    return sorted(name for name in ("DO1", "DO2") if world.id(name) in found)


def violated(events):
    return [one for one in events if one["event"] == "invariant.violated"]


def held(world):
    with world.store.history() as history:
        return everything(history, dict.fromkeys(Kind, "number"))


def test_it_is_parked_with_one_loud_event_and_the_others_go_on(damaged, events):
    amend(damaged, "DO1", "DO2")
    assert said(damaged, "there") == ["DO2"]
    (event,) = violated(events)
    assert (event["level"], event["number"], event["promise"]) == ("error", "DO1", "S1")
    assert "slot 1 of rule fiber more than once" in event["reason"]
    assert "syncd quarantine retry DO1" in event["next"]


def test_it_is_told_once_however_often_it_is_met(damaged, events):
    amend(damaged, "DO1")
    damaged.restart()
    damaged.om.edit(Kind.DOMAIN_ORDER, damaged.id("DO1"), location="elsewhere")
    damaged.settle_down(3)
    assert len(violated(events)) == 1
    assert said(damaged, "elsewhere") == []


def test_a_person_lets_it_go_on_and_nothing_was_lost(damaged, events):
    amend(damaged, "DO1")
    (order,) = called("DO1", held(damaged))
    assert let_go_on(damaged.store, order, SOMEBODY)
    assert not let_go_on(damaged.store, order, SOMEBODY)
    damaged.settle_down(3)
    assert said(damaged, "there") == ["DO1"]
    assert held(damaged) == ()
    amend(damaged, "DO1")  # the same finding is known, and parks nothing
    assert len(violated(events)) == 1


def test_what_else_is_found_later_parks_it_again(damaged, damage, events):
    amend(damaged, "DO1")
    (order,) = held(damaged)
    let_go_on(damaged.store, order, SOMEBODY)
    damage(
        "UPDATE plans SET work_orders = replace(work_orders, 'fiber', 'router') WHERE domain_order = ?",
        damaged.id("DO1"),
    )
    amend(damaged, "DO1")
    damaged.om.edit(Kind.DOMAIN_ORDER, damaged.id("DO1"), location="elsewhere")
    damaged.settle_down(2)
    assert [one["promise"] for one in violated(events)] == ["S1", "S1"]


def test_quarantine_status_and_explain_show_it(damaged):
    amend(damaged, "DO1")
    shown = held(damaged)
    assert "domain order DO1 is parked: a promise is broken (S1)" in list_as_text(shown)
    assert list_as_json(shown)["orders"][0]["number"] == "DO1"
    (order,) = shown
    assert "syncd quarantine retry DO1 --by NAME --reason TEXT" in next_step(order)
    assert "nothing of it is sent" in show_as_text(order)
    assert show_as_json(order)["order"]["promise"] == "S1"
    status = look(damaged.store, damaged.time())
    assert as_json(status)["parked_orders"][0]["subject"] == damaged.id("DO1")
    assert "1 orders are parked" in as_text(status)
    assert "parked orders 1" in as_line(status)
    with damaged.store.history() as history:
        (story,) = known.explain(history, "DO1", damaged.policy, damaged.time(), lambda _: "number").stories
    assert story.next[0].status == "parked"
    assert any("was parked: a promise is broken (S1)" in moment.text for moment in story.moments)


def test_an_effect_whose_key_another_one_has_parks_its_order(world, events):
    """The key is taken: what was intended cannot be stored, and must not be lost in silence."""
    world.order("Fiber Access")
    key = f"create:{world.id('DO1')}:fiber:1:1"
    other = Effect(
        key,
        EffectKind.WRITE_NOTE,
        System.ORDER_MANAGEMENT,
        Kind.DOMAIN_ORDER,
        "x",
        Kind.DOMAIN_ORDER,
        "x",
        "",
    )
    with world.store.deciding() as tx:
        tx.apply(Decision(Kind.DOMAIN_ORDER, "x", (other,)))
    world.take_in()
    (event,) = violated(events)
    assert event["reason"] == f"another effect has the key {key}"


def test_a_watermark_that_went_back_is_told(world, events, damage):
    world.order("Fiber Access")
    world.settle_down(2)
    damage("UPDATE watermarks SET stamp = '2026-06-01T00:00:00.000000Z' WHERE feed = 'domain_order'")
    world.take_in()
    world.take_in()
    (event,) = violated(events)
    assert (event["feed"], event["promise"]) == ("domain_order", "S5")
