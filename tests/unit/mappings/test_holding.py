"""A hold is told once, where work orders are open, and holds back nothing that stands already."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings.changes import default_lifecycles, detect
from mappings.decisions import decide
from mappings.holding import hold_notes
from mappings.model import EffectStatus, Kind, System

PLACES = {Kind.ORDER_LINE: "line", Kind.CUSTOMER_ORDER: "order", Kind.DOMAIN_ORDER: "subject"}


def _held(make, before, state="on_hold", policy=None, **given):
    after = make.later(before, state)
    changes = detect(before, after, default_lifecycles()[after.kind])
    facts = make.in_play(**{PLACES[after.kind]: after, "links": (make.link(noted=True),), **given})
    return hold_notes(changes, facts, policy or make.policy())


def test_the_domain_order_is_told_with_the_status_of_its_work_orders(make):
    (note,) = _held(make, make.domain_order()).effects
    assert (note.system, note.target, note.key) == (System.ORDER_MANAGEMENT, "do1", "onhold:do1:do1:2")
    assert note.text.startswith("Domain order DO1 is held (On hold): nothing is created or changed")
    assert "- WO1 (Fiber Installation): Assigned" in note.text


@pytest.mark.parametrize(("where", "targets"), [("work_order", ["wo1", "wo2"]), ("off", [])])
def test_the_config_says_who_is_told(make, where, targets):
    links, rows = (
        (make.link("wo1", noted=True), make.link("wo2", slot=2, noted=True)),
        (make.work_order("wo1"), make.work_order("wo2")),
    )
    notes = _held(
        make, make.domain_order(), policy=make.policy(hold_note=where), links=links, work_orders=rows
    ).effects
    assert [note.target for note in notes] == targets
    assert all("meanwhile" not in note.text and note.system is System.FIELD_SERVICE for note in notes)


def test_a_hold_of_the_order_is_told_and_named(make):
    (note,) = _held(make, make.order(), "revision_in_progress").effects
    assert note.text.startswith("Order ORD1 is held (Revision in progress)")


def test_an_order_a_line_and_a_domain_order_that_are_held_one_after_the_other_are_one_hold(make):
    held = {"order": make.order("revision_in_progress")}
    assert _held(make, make.line(), "revision_in_progress", **held).effects == ()
    assert _held(make, make.domain_order(), **held).effects == ()


@pytest.mark.parametrize(
    "given",
    [{"links": (), "work_orders": ()}, {"work_orders": "closed_complete"}],
    ids=["no work order", "no open one"],
)
def test_where_nothing_is_open_nothing_is_told(make, given):
    if isinstance(given["work_orders"], str):
        given = {"work_orders": (make.work_order(state=given["work_orders"]),)}
    assert _held(make, make.domain_order(), **given).effects == ()


def test_other_changes_of_a_held_order_are_not_told(make):
    before = make.domain_order("on_hold")
    after = make.later(before, action="change")
    changes = detect(before, after, default_lifecycles()[after.kind])
    assert hold_notes(changes, make.in_play(subject=after), make.policy()).effects == ()


def test_a_work_order_whose_sibling_waits_for_the_end_of_the_hold_is_named_now(make):
    waiting = make.known_create(EffectStatus.PENDING, slot=2)
    plan = make.plan(make.planned(), make.planned(slot=2))
    before = make.domain_order()
    after = make.later(before, "on_hold")
    changes = detect(before, after, default_lifecycles()[after.kind])
    facts = make.in_play(subject=after, plan=plan, effects=(waiting,))
    keys = [effect.key.partition(":")[0] for effect in decide(changes, facts, make.policy()).effects]
    assert keys == ["created", "onhold"]
    going = replace(facts, subject=before)
    assert decide(changes, going, make.policy()).effects == ()
