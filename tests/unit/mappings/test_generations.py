"""A cancelled and revised order gets its work orders anew; nothing else does, unless a person says so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings.changes import What
from mappings.decisions import decide, recreation, taken_back
from mappings.effects import EffectKind
from mappings.generations import order_version
from mappings.keys import Correlation
from mappings.model import EffectStatus, KnownEffect

CANCEL = KnownEffect("cancel:wo1", EffectKind.CANCEL_WORK_ORDER, EffectStatus.PENDING, "wo1")


def order_at(make, version):
    """A customer order at a version of its own, which is not the count of its changes."""
    order = make.order()
    return replace(order, fields={**order.fields, "version": version})


@pytest.fixture
def cancelled(make):
    """A domain order that was planned, made, and is cancelled now; its order is at version 2."""
    facts = make.in_play(subject=make.domain_order("canceled"), order=order_at(make, "2"))
    return replace(facts, plan=replace(facts.plan, columns={}))


@pytest.fixture
def back(make, cancelled):
    """The same one after the order was revised: version 3, and its work order was cancelled."""

    def back(version="3", work_order="canceled", void_since=2, **given):
        plan = replace(
            cancelled.plan,
            work_orders=tuple(replace(p, void_since=void_since) for p in cancelled.plan.work_orders),
        )
        values = {
            "subject": make.domain_order(),
            "order": order_at(make, version),
            "work_orders": (make.work_order(state=work_order),),
            "plan": plan,
        }
        return replace(cancelled, **values | given)

    return back


def decided(make, facts):
    return decide((make.change(What.APPROVED, facts.subject),), facts, make.policy())


def made(decision):
    return [e.key for e in decision.effects if e.kind is EffectKind.CREATE_WORK_ORDER]


def marks(decision):
    return (
        None if decision.plan is None else [(p.generation, p.void_since) for p in decision.plan.work_orders]
    )


def test_a_cancellation_is_remembered_in_the_plan_with_the_version_of_the_order(make, cancelled):
    decision = decide((make.change(What.CANCELLED, cancelled.subject),), cancelled, make.policy())
    assert marks(decision) == [(1, 2)]


def test_the_first_version_at_which_it_was_seen_cancelled_stays(make, back):
    facts = back(version="9", subject=make.domain_order("canceled"))
    assert decide((), facts, make.policy()).plan is None


def test_what_was_never_decided_has_nothing_to_remember(make):
    facts = make.facts(make.domain_order("canceled"))
    assert decide((), facts, make.policy()).plan is None


def test_a_revised_order_that_is_back_gets_the_next_generation(make, back):
    decision = decided(make, back())
    assert made(decision) == [Correlation("do1", "fiber", 1, 2).key]
    assert marks(decision) == [(2, None)]
    assert any("generation 2" in reason.text and reason.fired for reason in decision.because)


def test_a_generation_is_one_more_than_the_highest_that_is_known(make, back):
    links = (make.link(), replace(make.link("wo5"), generation=5))
    work_orders = (make.work_order(state="canceled"), make.work_order("wo5", state="closed_complete"))
    decision = decided(make, back(links=links, work_orders=work_orders))
    assert made(decision) == [Correlation("do1", "fiber", 1, 6).key]


@pytest.mark.parametrize(
    ("given", "after"),
    [
        pytest.param({"version": "2"}, None, id="no revision: a person decides"),
        pytest.param({"work_orders": ()}, None, id="a work order that nobody has seen may stand"),
        pytest.param({"work_order": "assigned", "effects": (CANCEL,)}, None, id="its cancel is on its way"),
        pytest.param({"work_order": "assigned"}, [(1, None)], id="the cancellation was taken back in time"),
    ],
)
def test_nothing_is_made_again(make, back, given, after):
    facts = back(**given)
    if given.get("work_orders") == ():
        facts = replace(facts, effects=(CANCEL,))
    decision = decided(make, facts)
    assert made(decision) == []
    assert marks(decision) == after


def test_what_was_never_made_is_made_under_its_first_generation(make, back):
    decision = decided(make, back(links=(), work_orders=()))
    assert made(decision) == [Correlation("do1", "fiber", 1, 1).key]
    assert marks(decision) == [(1, None)]


def test_slots_are_looked_at_one_by_one(make, back):
    facts = back()
    second = make.planned(slot=2)
    facts = replace(
        facts,
        plan=replace(facts.plan, work_orders=(*facts.plan.work_orders, second)),
        links=(*facts.links, make.link("wo2", slot=2)),
        work_orders=(*facts.work_orders, make.work_order("wo2")),
    )
    decision = decided(make, facts)
    assert made(decision) == [Correlation("do1", "fiber", 1, 2).key]
    assert marks(decision) == [(2, None), (1, None)]


def test_while_the_order_is_held_nothing_grows(make, back):
    decision = decided(make, back(subject=make.domain_order("on_hold")))
    assert (made(decision), decision.plan) == ([], None)


def test_a_work_order_that_a_person_cancelled_is_never_made_again(make, back):
    facts = back(void_since=None, version="9")
    for changes in ((), (make.change(What.APPROVED, facts.subject),)):
        assert made(decide(changes, facts, make.policy())) == []


def test_where_orders_have_no_version_their_changes_count(make):
    facts = make.facts()
    assert order_version(replace(facts, order=None)) == facts.subject.version
    assert order_version(replace(facts, order=order_at(make, "x"))) == facts.order.version


REFUSED = replace(CANCEL, status=EffectStatus.PARKED)


class TestACancelThatWasRefused:
    """Work goes on in field service, and the order is approved again."""

    def test_the_work_order_is_wanted_as_it_is_and_the_cancel_is_void(self, make, back):
        decision = decided(make, back(work_order="assigned", effects=(REFUSED,)))
        assert (made(decision), marks(decision), decision.supersede) == ([], [(1, None)], ("cancel:wo1",))

    def test_work_that_is_finished_then_is_not_made_again(self, make, back):
        facts = back(work_order="assigned", effects=(REFUSED,))
        kept = replace(facts, plan=decided(make, facts).plan or facts.plan, effects=())
        finished = replace(kept, work_orders=(make.work_order(state="closed_complete"),))
        assert made(decided(make, finished)) == []

    def test_one_that_ended_before_the_order_was_back_is_made_again(self, make, back):
        decision = decided(make, back(work_order="closed_complete", effects=(REFUSED,)))
        assert (marks(decision), decision.supersede) == ([(2, None)], ())


class TestACancelThatWasNotSent:
    def test_the_slot_is_wanted_as_it_was(self, make, back):
        assert marks(taken_back(back(work_order="assigned"), make.policy())) == [(1, None)]

    def test_a_work_order_that_ended_meanwhile_is_left_to_the_next_decision(self, make, back):
        decision = taken_back(back(), make.policy())
        assert (marks(decision), decision.effects) == ([(1, 2)], ())

    @pytest.mark.parametrize(
        "given", [{"void_since": None}, {"plan": None}], ids=["nothing was cancelled", "nothing was planned"]
    )
    def test_there_is_nothing_to_take_back(self, make, back, given):
        assert taken_back(back(**given), make.policy()).plan is None

    def test_an_order_that_is_cancelled_again_stays_so(self, make, back):
        facts = back(subject=make.domain_order("canceled"))
        assert taken_back(facts, make.policy()).plan is None


class TestByHand:
    def recreated(self, make, facts, known=0, rule="fiber", slot=1):
        return recreation(rule, slot, known, facts, make.policy(), cause="A. Meier: lost")

    def test_a_person_gets_the_next_generation(self, make, back):
        decision = self.recreated(make, back(void_since=None, version="1"))
        assert made(decision) == [Correlation("do1", "fiber", 1, 2).key]
        assert marks(decision) == [(2, None)]
        assert decision.effects[0].because == 'rule "fiber" of "table": A. Meier: lost'

    def test_what_field_service_has_counts_too(self, make, back):
        assert made(self.recreated(make, back(), known=4)) == [Correlation("do1", "fiber", 1, 5).key]

    def test_a_vanished_work_order_may_be_made_again(self, make, back):
        facts = back(work_order="assigned", vanished=frozenset({"wo1"}))
        assert made(self.recreated(make, facts)) == [Correlation("do1", "fiber", 1, 2).key]

    def test_only_the_named_slot_changes(self, make, back):
        facts = back(void_since=None)
        slots = (*facts.plan.work_orders, make.planned(slot=2))
        decision = self.recreated(make, replace(facts, plan=replace(facts.plan, work_orders=slots)))
        assert marks(decision) == [(2, None), (1, None)]

    @pytest.mark.parametrize(
        ("given", "asked", "why"),
        [
            ({"work_order": "assigned"}, {}, "has not ended"),
            ({"work_orders": ()}, {}, "has not ended"),
            ({}, {"slot": 7}, 'plans fiber/1, not slot 7 of rule "fiber"'),
            ({"plan": None}, {}, "plans nothing"),
        ],
    )
    def test_a_person_is_told_why_not(self, make, back, given, asked, why):
        decision = self.recreated(make, back(**given), **asked)
        assert (decision.effects, decision.plan) == ((), None)
        assert why in decision.because[0].text

    def test_a_create_that_waits_is_not_made_twice(self, make, back):
        waiting = make.known_create(EffectStatus.PARKED)
        other = replace(waiting, key="create:do1:fiber:2:1")
        decision = self.recreated(make, back(effects=(CANCEL, other, waiting)))
        assert decision.effects == ()
        assert "its create is parked" in decision.because[0].text

    def test_a_cancelled_order_gets_nothing(self, make, cancelled):
        assert self.recreated(make, cancelled).effects == ()
