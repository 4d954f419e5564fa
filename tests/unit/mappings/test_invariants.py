"""What no correct decision on sound facts ever breaks, and what is no breach at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings import decisions
from mappings.creation import create
from mappings.effects import Decision, Effect, EffectKind
from mappings.invariants import violations
from mappings.keys import Correlation
from mappings.model import EffectStatus, Kind, System

NOTHING = Decision(Kind.DOMAIN_ORDER, "do1")
OWN_ID = Correlation("do1", "fiber", 1, 1).own_id("om-test")


@pytest.fixture
def said(make):
    """The promises that a decision on facts breaks."""

    def found(facts, decision=NOTHING):
        return [one.promise for one in violations(facts, decision, make.policy())]

    return found


def close() -> Decision:
    effect = Effect(
        "close:do1", EffectKind.CLOSE_DOMAIN_ORDER, System.ORDER_MANAGEMENT, Kind.DOMAIN_ORDER, "do1",
        Kind.DOMAIN_ORDER, "do1", "asked",
    )  # fmt: skip
    return replace(NOTHING, effects=(effect,))


def test_a_sound_order_breaks_nothing(make, said):
    assert said(make.in_play()) == []
    assert said(make.facts(), decisions.decide((), make.facts(), make.policy())) == []


def test_a_plan_with_two_works_for_one_slot(make, said):
    twice = make.plan(make.planned(), make.planned())
    assert said(make.in_play(plan=twice)) == ["S1"]
    assert said(make.facts(), replace(NOTHING, plan=twice)) == ["S1"]


def test_two_open_work_orders_for_one_intention(make, said):
    both = {"links": (make.link("a"), make.link("b")), "work_orders": (make.work_order("a"),)}
    assert said(make.in_play(**both)) == ["S1"]


def test_a_copy_beside_the_one_with_our_id_is_the_business_of_the_sweep(make, said):
    assert said(make.in_play(links=(make.link(OWN_ID), make.link("copy")))) == []


def test_a_second_one_that_has_ended_vanished_or_is_being_cancelled_breaks_nothing(make, said):
    both = {"links": (make.link("a"), make.link("b"))}
    ended = (make.work_order("a"), make.work_order("b", "canceled"))
    cancel = make.known("cancel:b", EffectKind.CANCEL_WORK_ORDER, EffectStatus.PENDING, "b")
    assert said(make.in_play(**both, work_orders=ended)) == []
    assert said(make.in_play(**both, vanished=frozenset({"b"}))) == []
    assert said(make.in_play(**both, effects=(cancel,))) == []


def test_people_may_link_as_many_as_they_like(make, said):
    assert said(make.in_play(links=(make.adopted("a"), make.adopted("b")))) == []


def test_a_create_for_no_slot_of_the_plan(make, said):
    facts = make.facts(plan=make.plan(make.planned("router")))
    effect = create(make.planned(), make.plan(), facts, make.policy(), "because")
    assert said(facts, replace(NOTHING, effects=(effect,))) == ["S2"]
    assert said(replace(facts, plan=None), replace(NOTHING, effects=(effect,))) == ["S2"]


def test_a_create_for_a_slot_that_has_its_work_order(make, said):
    facts = make.in_play()
    effect = create(make.planned(), make.plan(), facts, make.policy(), "because")
    assert said(facts, replace(NOTHING, effects=(effect,))) == ["S1"]


def test_a_release_while_a_work_order_was_last_seen_open(make, said):
    assert said(make.in_play(), close()) == ["S8"]
    assert said(make.in_play(work_orders=(make.work_order(state="closed_complete"),)), close()) == []
    assert said(make.in_play(vanished=frozenset({"wo1"})), close()) == []
