"""A cancelled order ends its work orders, but for those that others need, people made, or PONR protects."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings.cancellation import cancellations
from mappings.changes import What
from mappings.decisions import decide
from mappings.effects import EffectKind
from mappings.model import EffectStatus, Kind, System

S = EffectStatus


def _cancelled(make, facts=None, policy=None, what=What.CANCELLED):
    facts = facts or _facts(make)
    return decide((make.change(what, facts.subject),), facts, policy or make.policy())


def _facts(make, **given):
    return make.in_play(**{"subject": make.domain_order("canceled", version=4), **given})


def test_a_cancelled_domain_order_cancels_its_work_order_with_a_reason(make):
    decision = _cancelled(make)
    (effect,) = decision.effects
    assert (effect.kind, effect.system, effect.target) == (
        EffectKind.CANCEL_WORK_ORDER,
        System.FIELD_SERVICE,
        "wo1",
    )
    assert effect.key == "cancel:wo1:do1:4"
    assert effect.text == f"Domain order DO1 was cancelled in order management.\n{effect.marker}"
    assert effect.because == "Domain order DO1 is cancelled: DO1 cancelled"
    assert [reason.text for reason in decision.because] == ["Domain order DO1 is cancelled"]


@pytest.mark.parametrize(
    ("given", "key"),
    [
        (lambda m: {"line": m.line("canceled", version=7)}, "cancel:wo1:ordl1:7"),
        (lambda m: {"order": m.order("cancellation_in_progress", version=8)}, "cancel:wo1:ord1:8"),
    ],
    ids=["line", "order"],
)
def test_the_cancellation_of_what_it_belongs_to_counts(make, given, key):
    facts = make.in_play(**given(make))
    source = facts.line if facts.line.state == "canceled" else facts.order
    (effect,) = decide((make.change(What.CANCELLED, source),), facts, make.policy()).effects
    assert effect.key == key


def test_an_order_task_ends_with_its_domain_order(make):
    link = replace(make.link(), domain_order="task1")
    facts = replace(
        make.in_play(subject=make.order_task(), links=(link,)), parent=make.domain_order("canceled")
    )
    (effect,) = decide((make.change(What.CANCELLED, facts.parent),), facts, make.policy()).effects
    assert (effect.subject, effect.target) == ("task1", "wo1")


def test_a_cancelled_parent_domain_order_leaves_its_children_to_om(make):
    facts = replace(make.in_play(), parent=make.domain_order("canceled"))
    assert decide((make.change(What.CANCELLED, facts.parent),), facts, make.policy()).effects == ()


@pytest.mark.parametrize(
    ("status", "void", "cancelled"),
    [
        (S.PENDING, True, False),
        (S.PARKED, True, False),
        (S.IN_FLIGHT, False, True),
        (S.IN_DOUBT, False, True),
    ],
)
def test_a_create_on_its_way_is_void_or_followed_by_a_cancel(make, status, void, cancelled):
    create = make.known_create(status)
    decision = _cancelled(make, _facts(make, links=(), work_orders=(), effects=(create,)))
    assert decision.supersede == ((create.key,) if void else ())
    assert [effect.target for effect in decision.effects] == ([create.target] if cancelled else [])


def test_what_waits_for_a_void_create_is_void_with_it(make):
    """Its cancel was decided while the create was on its way; then the create turned out not to have been sent."""
    create = make.known_create(S.PENDING)
    cancel = make.known("cancel:it", EffectKind.CANCEL_WORK_ORDER, S.PENDING, target=create.target)
    other = make.known("cancel:wo9", EffectKind.CANCEL_WORK_ORDER, S.PENDING, target="wo9")
    decision = _cancelled(make, _facts(make, links=(), work_orders=(), effects=(create, cancel, other)))
    assert (decision.supersede, decision.effects) == ((create.key, cancel.key), ())


def test_when_the_last_create_is_void_the_others_are_named(make):
    """The note about what was created had waited for it."""
    create = make.known_create(S.PENDING, slot=2)
    facts = _facts(make, plan=make.plan(make.planned(), make.planned(slot=2)), effects=(create,))
    decision = _cancelled(make, facts)
    assert [effect.kind for effect in decision.effects] == [
        EffectKind.CANCEL_WORK_ORDER,
        EffectKind.WRITE_NOTE,
    ]
    assert decision.noted == ("wo1",)


@pytest.mark.parametrize(
    ("status", "void"), [(S.PENDING, True), (S.PARKED, True), (S.IN_FLIGHT, False), (S.IN_DOUBT, False)]
)
def test_an_unsent_update_is_void(make, status, void):
    update = make.known("update:wo1:do1:2", EffectKind.UPDATE_WORK_ORDER, status)
    other = make.known("update:wo9:do1:2", EffectKind.UPDATE_WORK_ORDER, S.PENDING, target="wo9")
    decision = _cancelled(make, _facts(make, effects=(update, other)))
    assert decision.supersede == ((update.key,) if void else ())


@pytest.mark.parametrize("what", [What.AMENDED, What.HELD, What.STATUS_CHANGED, What.CLOSED])
def test_a_cancel_that_a_person_dropped_is_not_repeated_by_other_changes(make, what):
    create = make.known_create(S.PENDING)
    decision = _cancelled(make, _facts(make, effects=(create,)), what=what)
    assert decision.supersede == (create.key,)
    assert all(effect.kind is not EffectKind.CANCEL_WORK_ORDER for effect in decision.effects)


@pytest.mark.parametrize("what", [What.FIRST_SEEN, What.CANCELLED, What.PONR_CLEARED])
def test_a_cancel_goes_out_on(make, what):
    assert len(_cancelled(make, what=what).effects) == 1


def test_a_change_of_the_work_order_cancels_nothing(make):
    facts = _facts(make)
    decision = decide((make.change(What.FIRST_SEEN, facts.work_orders[0]),), facts, make.policy())
    assert decision.effects == ()


def test_a_work_order_that_is_being_cancelled_is_not_cancelled_again(make):
    asked = make.known("cancel:wo1:ord1:3", EffectKind.CANCEL_WORK_ORDER, S.PARKED)
    assert _cancelled(make, _facts(make, effects=(asked,))).effects == ()


def test_a_work_order_that_ended_is_left_alone(make):
    assert (
        _cancelled(make, _facts(make, work_orders=(make.work_order(state="closed_incomplete"),))).effects
        == ()
    )


def test_a_work_order_that_another_order_needs_stays_and_says_so(make):
    (note,) = _cancelled(make, _facts(make, elsewhere={"wo1": ((make.domain_order(),),)})).effects
    assert (note.kind, note.system, note.target) == (EffectKind.WRITE_NOTE, System.FIELD_SERVICE, "wo1")
    assert note.key == "kept:wo1:do1:do1:4"
    assert "This work order stays: another order needs it." in note.text


OURS = {"correlation_id": "syncd:1:do2:fiber:1:1"}


@pytest.mark.parametrize(
    ("fields", "adopted", "kind"),
    [
        ({}, "note", EffectKind.WRITE_NOTE),
        ({}, "manage", EffectKind.CANCEL_WORK_ORDER),
        (OURS, "note", EffectKind.CANCEL_WORK_ORDER),
    ],
    ids=["by hand", "handed over", "made for another order that ended before"],
)
def test_a_work_order_that_is_linked_by_hand(make, fields, adopted, kind):
    facts = _facts(make, links=(make.adopted(),), work_orders=(make.work_order("hand1", **fields),))
    (effect,) = _cancelled(make, facts, make.policy(adopted=adopted)).effects
    assert (effect.kind, effect.target) == (kind, "hand1")


def test_an_adopted_work_order_that_nobody_has_seen_stays(make):
    (effect,) = _cancelled(make, _facts(make, links=(make.adopted(),), work_orders=())).effects
    assert effect.kind is EffectKind.WRITE_NOTE


@pytest.mark.parametrize("place", ["line", "order"])
def test_behind_the_point_of_no_return_a_person_decides(make, place):
    flagged = {"line": make.line, "order": make.order}[place](ponr="true")
    (note,) = _cancelled(make, _facts(make, **{place: flagged})).effects
    assert (note.kind, note.system, note.target) == (EffectKind.WRITE_NOTE, System.ORDER_MANAGEMENT, "do1")
    assert note.key == "flagged:do1:do1:4"
    assert "A person must decide" in note.text


def test_behind_the_point_of_no_return_cancels_go_out_where_the_config_says_so(make):
    facts = _facts(make, line=make.line(ponr="true"))
    (effect,) = _cancelled(make, facts, make.policy(after_ponr_cancel="send")).effects
    assert effect.kind is EffectKind.CANCEL_WORK_ORDER


def test_behind_the_point_of_no_return_nothing_is_flagged_where_nothing_is_open(make):
    facts = _facts(make, line=make.line(ponr="true"), links=(), work_orders=())
    assert _cancelled(make, facts).effects == ()


@pytest.mark.parametrize(
    ("line", "notes"), [("in_progress", 1), ("canceled", 0)], ids=["the first", "its line was first"]
)
@pytest.mark.parametrize("ponr", ["true", ""], ids=["behind the point", "made by hand"])
def test_what_stays_is_told_with_the_first_cancellation_only(make, line, notes, ponr):
    """Order, line and domain order are cancelled one after the other."""
    facts = _facts(
        make,
        line=make.line(line, ponr=ponr),
        links=(make.adopted(),),
        work_orders=(make.work_order("hand1"),),
    )
    cancelled = make.change(What.CANCELLED, facts.subject, make.domain_order())
    decision = decide((cancelled,), facts, make.policy())
    assert len(decision.effects) == notes


def test_what_stays_is_told_again_where_the_point_of_no_return_is_taken_back(make):
    facts = _facts(make, links=(make.adopted(),), work_orders=(make.work_order("hand1"),))
    cleared = make.change(What.PONR_CLEARED, facts.line, make.line(ponr="true"))
    (note,) = decide((cleared,), facts, make.policy()).effects
    assert "This work order stays" in note.text


def test_a_cancelled_order_creates_and_amends_nothing(make):
    facts = make.facts(make.domain_order("canceled"))
    decision = _cancelled(make, facts)
    assert (decision.effects, decision.plan) == ((), None)


def test_a_review_cancels_what_should_have_been(make):
    facts = _facts(make)
    (effect,) = cancellations((), facts.subject, facts, make.policy()).effects
    assert effect.because.endswith("reviewed")


@pytest.mark.parametrize(
    ("states", "goes"),
    [
        (("in_progress", "in_progress"), False),
        (("canceled", "in_progress"), True),
        (("in_progress", "canceled"), True),
    ],
    ids=["stands", "cancelled itself", "cancelled with its order"],
)
def test_a_work_order_of_several_goes_when_every_one_of_them_is_cancelled(make, states, goes):
    other = (
        make.record(Kind.DOMAIN_ORDER, "do2", states[0]),
        make.record(Kind.CUSTOMER_ORDER, "ord2", states[1]),
    )
    (effect,) = _cancelled(make, _facts(make, elsewhere={"wo1": (other,)})).effects
    assert (effect.kind is EffectKind.CANCEL_WORK_ORDER) is goes


def test_a_work_order_that_is_reopened_after_its_order_was_cancelled_is_cancelled_too(make):
    """It was closed when the order was cancelled, as far as anybody knew; a cancel sent before keeps its key."""
    facts = _facts(make)
    (reopened,) = facts.work_orders
    decision = decide((make.change(What.REOPENED, reopened),), facts, make.policy())
    assert [(e.kind, e.key) for e in decision.effects] == [(EffectKind.CANCEL_WORK_ORDER, "cancel:wo1:do1:4")]


def test_another_change_of_its_work_order_cancels_nothing_again(make):
    facts = _facts(make)
    (seen,) = facts.work_orders
    decision = decide((make.change(What.STATUS_CHANGED, seen, seen),), facts, make.policy())
    assert EffectKind.CANCEL_WORK_ORDER not in {effect.kind for effect in decision.effects}
