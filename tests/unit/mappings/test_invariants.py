"""What no correct decision on sound facts ever breaks, and what is no breach at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings import decisions
from mappings.creation import create
from mappings.effects import Decision, Effect, EffectKind
from mappings.invariants import violations
from mappings.model import Kind, System

NOTHING = Decision(Kind.DOMAIN_ORDER, "do1")


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


def test_several_work_orders_for_one_intention_are_the_business_of_delivery_and_sweep(make, said):
    assert said(make.in_play(links=(make.link("a"), make.link("b")))) == []


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
