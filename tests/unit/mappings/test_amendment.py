"""What changed in an order reaches its work orders once, and never behind the point of no return."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings.amendment import amendments
from mappings.changes import default_lifecycles, detect
from mappings.effects import EffectKind, Reference
from mappings.keys import Correlation
from mappings.model import EffectStatus, Kind, System
from mappings.ponr import Mode, Scope
from mappings.targets import is_expected


def _amended(make, before, after, facts=None, policy=None):
    """What `before` -> `after` of one record means; `facts` hold the new one."""
    changes = detect(before, after, default_lifecycles()[after.kind])
    return amendments(changes, facts or _facts(make, after), policy or make.policy())


def _facts(make, after, **given):
    place = {Kind.ORDER_LINE: "line", Kind.CUSTOMER_ORDER: "order", Kind.DOMAIN_ORDER: "subject"}[after.kind]
    return make.in_play(**{place: after, **given})


def test_the_difference_goes_out_as_one_update_with_its_old_values(make):
    before = make.domain_order(remark="old")
    after = make.later(before, location="Paris", remark="", specification="Fiber Plus")
    (effect,) = _amended(make, before, after).effects
    assert (effect.kind, effect.system, effect.target) == (
        EffectKind.UPDATE_WORK_ORDER,
        System.FIELD_SERVICE,
        "wo1",
    )
    assert effect.key == "update:wo1:do1:2"
    assert effect.values == {"description": "Fiber Plus for ORD1", "remark": ""}
    assert effect.references == {"location": Reference("location", "name", "Paris")}
    assert effect.before == {"description": "Fiber Access for ORD1", "location": "Berlin", "remark": "old"}
    assert effect.because == "description, location, remark: DO1 amended"


def test_a_change_of_the_order_reaches_the_work_order(make):
    before = make.order()
    (effect,) = _amended(make, before, make.later(before, priority="1")).effects
    assert (effect.key, effect.values, effect.before) == (
        "update:wo1:ord1:2",
        {"priority": "1"},
        {"priority": "3"},
    )


def test_an_order_task_follows_its_domain_order(make):
    before = make.domain_order()
    after = make.later(before, specification="Fiber Plus")
    field_map = make.policy().field_map
    text = replace(field_map.rules[2], text="{domain_order.specification}")
    facts = replace(
        make.in_play(subject=make.order_task(), links=(replace(make.link(), domain_order="task1"),)),
        parent=after,
    )
    policy = make.policy(field_map=replace(field_map, rules=(text,)))
    (effect,) = _amended(make, before, after, facts, policy).effects
    assert (effect.subject, effect.values) == ("task1", {"description": "Fiber Plus"})


@pytest.mark.parametrize(
    ("work_order", "expected"),
    [("wo1", True), (Correlation("do1", "fiber", 2, 1).own_id("om-test"), True), ("other", False)],
    ids=["linked", "on its way", "never made"],
)
def test_a_work_order_is_expected_while_it_is_linked_or_on_its_way(make, work_order, expected):
    facts = make.in_play(effects=(make.known_create(EffectStatus.IN_DOUBT, slot=2),))
    assert is_expected(work_order, facts) is expected


def test_a_field_that_no_rule_maps_changes_nothing(make):
    before = make.domain_order()
    assert _amended(make, before, make.later(before, action_reason="x")).effects == ()


def test_the_first_sight_of_a_record_is_no_amendment(make):
    assert _amended(make, None, make.order()).effects == ()


def test_a_change_of_a_work_order_is_no_amendment(make):
    before = make.work_order()
    facts = make.in_play(work_orders=(make.later(before, location="x"),))
    assert _amended(make, before, facts.work_orders[0], facts).effects == ()


@pytest.mark.parametrize(
    ("state", "updated"),
    [("assigned", True), ("unknown", True), ("closed_complete", False), ("canceled", False)],
)
def test_only_open_work_orders_are_changed(make, state, updated):
    before = make.domain_order()
    after = make.later(before, location="Paris")
    facts = _facts(make, after, work_orders=(make.work_order(state=state),))
    assert bool(_amended(make, before, after, facts).effects) is updated


def test_a_work_order_that_nobody_has_seen_yet_counts_as_open(make):
    before = make.domain_order()
    after = make.later(before, location="Paris")
    assert len(_amended(make, before, after, _facts(make, after, work_orders=())).effects) == 1


def test_a_create_on_its_way_is_followed_by_its_update(make):
    before = make.domain_order()
    after = make.later(before, location="Paris")
    create = make.known_create(EffectStatus.IN_FLIGHT)
    facts = _facts(make, after, links=(), work_orders=(), effects=(create,))
    (effect,) = _amended(make, before, after, facts).effects
    assert effect.target == create.target


def test_values_of_the_plan_stay_in_force(make):
    before = make.order()
    after = make.later(before, priority="1")
    facts = _facts(make, after, plan=make.plan(make.planned(priority="2")))
    assert _amended(make, before, after, facts).effects == ()


def test_only_the_work_orders_that_differ_are_updated(make):
    before = make.order()
    after = make.later(before, priority="1")
    plan = make.plan(make.planned(priority="2"), make.planned(slot=2))
    facts = _facts(make, after, plan=plan, links=(make.link(), make.link("wo2", slot=2)))
    assert [effect.target for effect in _amended(make, before, after, facts).effects] == ["wo2"]


def test_a_link_that_the_plan_does_not_know_follows_the_field_map(make):
    before = make.order()
    after = make.later(before, priority="1")
    assert len(_amended(make, before, after, _facts(make, after, plan=None)).effects) == 1


@pytest.mark.parametrize(
    "given",
    [{"subject": "on_hold"}, {"order": "revision_in_progress"}, {"order": "new"}],
    ids=["held", "in revision", "not approved"],
)
def test_nothing_is_changed_while(make, given):
    place, state = next(iter(given.items()))
    held = {"subject": make.domain_order, "order": make.order}[place](state)
    before = make.line(location="a")
    after = make.later(before, location="b")
    field_map = replace(
        make.policy().field_map, rules=(replace(make.policy().field_map.rules[0], source="line.location"),)
    )
    facts = _facts(make, after, **{place: held})
    decision = _amended(make, before, after, facts, make.policy(field_map=field_map))
    assert decision.effects == ()
    assert decision.because[0].text.startswith("no work order is changed: ")


# -- after a hold


def _resumed(make, shown, **fields):
    before = make.domain_order("on_hold", **fields)
    after = make.later(before, "in_progress")
    facts = _facts(make, after, work_orders=(make.work_order(**shown),))
    return _amended(make, before, after, facts).effects


IN_STEP = {
    "priority": "3",
    "location": "loc-id",
    "location_name": "Berlin",
    "description": "Fiber Access for ORD1",
}


def test_after_a_hold_a_work_order_in_step_is_left_alone(make):
    assert _resumed(make, IN_STEP) == ()


def test_after_a_hold_what_differs_goes_out_as_one_update(make):
    (effect,) = _resumed(make, {**IN_STEP, "location_name": "Rome", "priority": "2", "remark": "by template"})
    assert effect.key == "update:wo1:do1:2"
    assert effect.values == {"priority": "3"}
    assert effect.references == {"location": Reference("location", "name", "Berlin")}
    assert effect.before == {"priority": "2", "location": "Rome"}


def test_after_a_hold_what_cannot_be_compared_is_written_again_without_an_old_value(make):
    (effect,) = _resumed(make, {"priority": "3", "location": "loc-id"})
    assert set(effect.references) == {"location"}
    assert effect.values == {"description": "Fiber Access for ORD1"}
    assert effect.before == {}


def test_a_reference_by_id_is_compared_by_id(make):
    by_id = make.policy().field_map.rules[1]
    policy = make.policy(field_map=replace(make.policy().field_map, rules=(replace(by_id, match="id"),)))
    before = make.domain_order("on_hold")
    after = make.later(before, "in_progress")
    for shown, expected in (("Berlin", 0), ("Rome", 1)):
        facts = _facts(make, after, work_orders=(make.work_order(location=shown),))
        assert len(_amended(make, before, after, facts, policy).effects) == expected


def test_a_create_still_on_its_way_after_a_hold_is_brought_up_to_date(make):
    before = make.domain_order("on_hold")
    after = make.later(before, "in_progress")
    facts = _facts(make, after, links=(), work_orders=(), effects=(make.known_create(EffectStatus.PENDING),))
    (effect,) = _amended(make, before, after, facts).effects
    assert effect.before == {}


def test_the_end_of_a_hold_of_its_parent_frees_no_child(make):
    """A domain order does not stand with its parent; its own end of the hold has compared it already."""
    before = make.record(Kind.DOMAIN_ORDER, "do0", "on_hold")
    after = make.later(before, "in_progress")
    facts = make.in_play(parent=after, work_orders=(make.work_order(**IN_STEP, remark="x"),))
    drifted = replace(facts, order=make.order(priority="1"), line=make.line(ponr="true"))
    assert _amended(make, before, after, facts=drifted).effects == ()


# -- the point of no return


def _with_flag(make, old, new, mode=Mode.STRICT, shown=None, **fields):
    """A line whose flag goes from `old` to `new` together with a change of the location."""
    field_map = make.policy().field_map
    rules = (field_map.rules[0], replace(field_map.rules[1], source="line.location"))
    policy = make.policy(field_map=replace(field_map, rules=rules), ponr_mode=mode)
    before = make.line(ponr=old, location="Berlin")
    after = make.later(before, ponr=new, **fields)
    facts = _facts(make, after, work_orders=(make.work_order(**(shown or {})),))
    return _amended(make, before, after, facts, policy)


@pytest.mark.parametrize("old", ["false", "true"], ids=["first snapshot with the flag", "later edit"])
def test_strict_refuses_and_notes_once(make, old):
    decision = _with_flag(make, old, "true", location="Paris")
    (note,) = decision.effects
    assert (note.kind, note.system, note.target) == (EffectKind.WRITE_NOTE, System.ORDER_MANAGEMENT, "do1")
    assert note.key.startswith("refused:do1:ordl1:2:")
    assert "- location: Berlin -> Paris" in note.text
    assert note.text.endswith(note.marker)
    assert decision.because[0].text == "past the point of no return: the change is not sent"


def test_the_key_of_a_refusal_follows_its_content(make):
    keys = {_with_flag(make, "true", "true", location=place).effects[0].key for place in ("Paris", "Rome")}
    assert len(keys) == 2


def test_the_flag_alone_is_no_change(make):
    assert _with_flag(make, "false", "true").effects == ()


def test_om_enforced_still_sends_the_first_snapshot_with_the_flag(make):
    (effect,) = _with_flag(make, "false", "true", Mode.OM_ENFORCED, location="Paris").effects
    assert effect.kind is EffectKind.UPDATE_WORK_ORDER


def test_om_enforced_refuses_what_comes_later(make):
    (effect,) = _with_flag(make, "true", "true", Mode.OM_ENFORCED, location="Paris").effects
    assert effect.kind is EffectKind.WRITE_NOTE


def test_a_cleared_flag_sends_the_current_content_as_one_update(make):
    shown = {"priority": "2", "location_name": "Berlin"}
    (effect,) = _with_flag(make, "true", "false", shown=shown, location="Paris").effects
    assert effect.kind is EffectKind.UPDATE_WORK_ORDER
    assert (effect.values, effect.references["location"].value) == ({"priority": "3"}, "Paris")
    assert effect.before == {"priority": "2", "location": "Berlin"}


def test_a_resumed_order_behind_the_point_refuses_what_surely_differs(make):
    before = make.domain_order("on_hold")
    after = make.later(before, "in_progress")
    for shown, refused in (({"priority": "2"}, True), ({}, False), ({"priority": "3"}, False)):
        facts = _facts(make, after, line=make.line(ponr="true"), work_orders=(make.work_order(**shown),))
        notes = _amended(make, before, after, facts).effects
        assert bool(notes) is refused
        assert all("- priority: 2 -> 3" in note.text and "location" not in note.text for note in notes)


def test_several_work_orders_lead_to_one_refusal(make):
    before = make.domain_order()
    after = make.later(before, location="Paris")
    links = (make.link(), make.link("wo2", slot=2))
    facts = _facts(make, after, line=make.line(ponr="true"), links=links)
    (note,) = _amended(make, before, after, facts).effects
    assert note.text.count("Paris") == 1


# -- a work order that is opened again


def _opened(make, state="closed_complete", *, policy=None, **given):
    """A work order is open again, and shows what it was closed with."""
    before = make.work_order(state=state, **{**IN_STEP, "priority": "2"})
    after = make.later(before, "assigned")
    others = (make.work_order("wo2", **{**IN_STEP, "priority": "1"}),)
    links = (make.link(), make.link("wo2", slot=2))
    facts = make.in_play(work_orders=(after, *others), links=links, **given)
    return _amended(make, before, after, facts, policy or make.policy()).effects


def test_a_work_order_that_is_opened_again_gets_what_changed_while_it_was_closed(make):
    (effect,) = _opened(make)
    assert effect.key == "update:wo1:wo1:2"
    assert (effect.values, effect.before) == ({"priority": "3"}, {"priority": "2"})
    assert effect.because == "priority: WO1 reopened"


def test_a_work_order_that_is_opened_again_behind_the_point_stays_as_it_is(make):
    assert _opened(make, line=make.line(ponr="true")) == ()


def test_an_open_work_order_that_moves_on_is_not_compared(make):
    assert _opened(make, "ready_for_dispatch") == ()


# -- work orders that people made


def test_an_adopted_work_order_gets_a_note_instead(make):
    before = make.domain_order()
    after = make.later(before, location="Paris")
    facts = _facts(make, after, links=(make.adopted(),), work_orders=(make.work_order("hand1"),))
    (note,) = _amended(make, before, after, facts).effects
    assert (note.kind, note.system, note.target) == (EffectKind.WRITE_NOTE, System.FIELD_SERVICE, "hand1")
    assert note.key == "amended:hand1:do1:do1:2"
    assert "- location: Berlin -> Paris" in note.text


def test_an_adopted_work_order_is_not_compared_after_a_hold(make):
    before = make.domain_order("on_hold")
    after = make.later(before, "in_progress")
    facts = _facts(
        make, after, links=(make.adopted(),), work_orders=(make.work_order("hand1", priority="9"),)
    )
    assert _amended(make, before, after, facts).effects == ()


def test_an_adopted_work_order_that_was_handed_over_is_changed(make):
    before = make.domain_order()
    after = make.later(before, location="Paris")
    facts = _facts(make, after, links=(make.adopted(),), work_orders=(make.work_order("hand1"),))
    (effect,) = _amended(make, before, after, facts, make.policy(adopted="manage")).effects
    assert (effect.kind, effect.target) == (EffectKind.UPDATE_WORK_ORDER, "hand1")
    assert "template" not in effect.references


# -- review


def test_a_review_compares_the_whole_content_and_signs_it(make):
    facts = make.in_play(work_orders=(make.work_order(**{**IN_STEP, "priority": "2"}),))
    (effect,) = amendments((), facts, make.policy()).effects
    assert effect.values == {"priority": "3"}
    assert effect.key.startswith("update:wo1:do1:1:")
    other = make.in_play(work_orders=(make.work_order(**{**IN_STEP, "description": "x"}),))
    assert amendments((), other, make.policy()).effects[0].key != effect.key


def _beside(make, old, new, scope=Scope.ORDER, **shown):
    """The flag moves on another line of the order, whose own content does not change."""
    before = replace(make.line(ponr=old), id="ordl2", number="ORDL2")
    after = make.later(before, ponr=new)
    facts = _facts(make, make.domain_order(), other_lines=(after,), work_orders=(make.work_order(**shown),))
    return _amended(make, before, after, facts, make.policy(ponr_scope=scope))


def test_another_line_at_the_point_locks_this_one_and_is_named(make):
    other = replace(make.line(ponr="true"), id="ordl2", number="ORDL2")
    before = make.domain_order()
    after = make.later(before, location="Paris")
    for scope, kind in ((Scope.ORDER, EffectKind.WRITE_NOTE), (Scope.LINE, EffectKind.UPDATE_WORK_ORDER)):
        facts = _facts(make, after, other_lines=(other,))
        (effect,) = _amended(make, before, after, facts, make.policy(ponr_scope=scope)).effects
        assert effect.kind is kind
        assert ("(Order line ORDL2)" in effect.text) is (kind is EffectKind.WRITE_NOTE)


def test_the_flag_of_another_line_alone_is_no_change(make):
    assert _beside(make, "false", "true", priority="2").effects == ()


def test_a_flag_that_is_cleared_on_another_line_sends_the_current_content(make):
    (effect,) = _beside(make, "true", "false", priority="2").effects
    assert effect.values["priority"] == "3"
    assert _beside(make, "true", "false", Scope.LINE, priority="2").effects == ()


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({}, EffectKind.UPDATE_WORK_ORDER),
        ({"elsewhere": {"hand1": ((),)}}, EffectKind.WRITE_NOTE),
        ({"correlation_id": "syncd:1:do2:fiber:1:1"}, EffectKind.WRITE_NOTE),
    ],
    ids=["its own", "named by another order too", "made for another order"],
)
def test_a_work_order_that_serves_another_order_too_is_not_changed_for_this_one(make, given, kind):
    fields = {name: value for name, value in given.items() if isinstance(value, str)}
    before = make.domain_order()
    after = make.later(before, location="Paris")
    facts = make.in_play(
        subject=after,
        links=(make.adopted(),),
        work_orders=(make.work_order("hand1", **fields),),
        elsewhere=given.get("elsewhere", {}),
    )
    (effect,) = _amended(make, before, after, facts, make.policy(adopted="manage")).effects
    assert effect.kind is kind
    if kind is EffectKind.WRITE_NOTE:
        assert "serves another order too" in effect.text
