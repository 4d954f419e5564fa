"""A subject gets the work orders of its tables once, and keeps its plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings.changes import What
from mappings.creation import creations
from mappings.decision_table import Creation
from mappings.decisions import decide
from mappings.effects import EffectKind, Reference
from mappings.keys import Correlation, parse_correlation
from mappings.model import EffectStatus, Kind, Link, Origin, Plan, System


def _seen(make, facts):
    return (make.change(What.FIRST_SEEN, facts.subject),)


def _created(make, facts, policy=None):
    return creations(_seen(make, facts), facts, policy or make.policy())


def _slots(decision):
    return [(effect.link.rule, effect.link.slot) for effect in decision.effects]


def test_an_approved_domain_order_gets_its_work_order_and_its_plan(make):
    facts = make.facts()
    decision = _created(make, facts, make.policy(tables=(make.table(make.rule(action="add")),)))
    (effect,) = decision.effects
    ours = Correlation("do1", "fiber", 1, 1)
    assert (effect.kind, effect.system) == (EffectKind.CREATE_WORK_ORDER, System.FIELD_SERVICE)
    assert (effect.key, effect.target) == (ours.key, ours.own_id("om-test"))
    assert (effect.subject_kind, effect.subject, effect.target_kind) == (
        Kind.DOMAIN_ORDER,
        "do1",
        Kind.WORK_ORDER,
    )
    assert effect.values == {
        "priority": "3",
        "description": "Fiber Access for ORD1",
        "correlation_id": str(ours),
    }
    assert effect.references == {
        "location": Reference("location", "name", "Berlin"),
        "template": Reference("template", "name", "Fiber Installation", required=True),
    }
    assert effect.link == Link("do1", effect.target, Origin.CREATED, "fiber", 1, 1)
    assert effect.because == 'rule "fiber" of "table": DO1 first seen'
    assert decision.plan == Plan("do1", "table", "hash", (make.planned(),), {"action": "add"})
    assert decision.because[0].fired


def test_in_one_instance_the_work_order_points_at_its_source(make):
    (effect,) = _created(make, make.facts(), make.policy(shared_instance=True)).effects
    assert effect.values["initiated_from"] == "do1"


def test_no_match_is_a_plan_too_and_says_why(make):
    policy = make.policy(tables=(make.table(make.rule(action="change")),))
    decision = _created(make, make.facts(), policy)
    assert (decision.effects, decision.plan.work_orders) == ((), ())
    assert [reason.fired for reason in decision.because] == [False]


def test_without_a_table_for_its_kind_the_plan_is_empty(make):
    decision = _created(make, make.facts(make.order_task()))
    assert (decision.effects, decision.plan.work_orders) == ((), ())
    assert decision.because[0].text == "no decision table applies to order_task"


def test_every_table_of_the_kind_is_asked(make):
    policy = make.policy(
        tables=(
            make.table(make.rule("a", slots=2, action="add"), name="one", hash="1"),
            make.table(make.rule("b", order__priority="3"), name="two", hash="2"),
            make.table(make.rule("c"), applies_to=Kind.ORDER_TASK),
        )
    )
    decision = _created(make, make.facts(), policy)
    assert _slots(decision) == [("a", 1), ("a", 2), ("b", 1)]
    assert (decision.plan.table, decision.plan.table_hash) == ("one, two", "1, 2")
    assert decision.plan.columns == {"action": "add", "order.priority": "3"}


@pytest.mark.parametrize(
    "what", [What.FIRST_SEEN, What.APPROVED, What.AMENDED, What.STATUS_CHANGED, What.PONR_REACHED]
)
def test_creation_is_decided_from_facts_whatever_the_event(make, what):
    facts = make.facts(line=make.line(ponr="true"))
    decision = creations((make.change(what, facts.order),), facts, make.policy())
    assert len(decision.effects) == 1


BLOCKED = {
    "older than the baseline": (
        lambda m: m.facts(historic=True),
        "Domain order DO1 is older than the baseline",
    ),
    "draft": (
        lambda m: m.facts(m.domain_order("draft")),
        "Domain order DO1 is Draft, which is no state to create in",
    ),
    "closed": (
        lambda m: m.facts(m.domain_order("closed_complete")),
        "Domain order DO1 is Closed complete, which is no state to create in",
    ),
    "on hold": (lambda m: m.facts(m.domain_order("on_hold")), "Domain order DO1 is held (On hold)"),
    "line held": (lambda m: m.facts(line=m.line("on_hold")), "Order line ORDL1 is held (On hold)"),
    "order in revision": (
        lambda m: m.facts(order=m.order("revision_in_progress")),
        "Order ORD1 is held (Revision in progress)",
    ),
    "order not approved": (lambda m: m.facts(order=m.order("new")), "Order ORD1 is not approved (New)"),
    "order rejected": (lambda m: m.facts(order=m.order("rejected")), "Order ORD1 is not approved (Rejected)"),
    "order state unknown": (
        lambda m: m.facts(order=m.order("unknown")),
        "Order ORD1 is not approved (Unknown)",
    ),
    "order unseen": (
        lambda m: m.facts(order=None),
        "the order of Domain order DO1 has not been seen yet",
    ),
    "line unseen": (
        lambda m: m.facts(line=None),
        "the order line of Domain order DO1 has not been seen yet",
    ),
    "task's domain order unseen": (
        lambda m: replace(m.facts(m.order_task()), parent=None),
        "the domain order of Order task TASK1 has not been seen yet",
    ),
    "task's domain order held": (
        lambda m: replace(m.facts(m.order_task()), parent=m.domain_order("on_hold")),
        "Domain order DO1 is held (On hold)",
    ),
}


@pytest.mark.parametrize("case", BLOCKED)
def test_nothing_is_created_and_nothing_pinned_while(make, case):
    build, reason = BLOCKED[case]
    decision = _created(make, build(make))
    assert (decision.effects, decision.plan) == ((), None)
    assert [r.text for r in decision.because] == [f"no work orders are created: {reason}"]


def test_a_domain_order_without_an_order_of_its_own_is_decided_by_itself(make):
    facts = make.facts(make.domain_order(order="", order_line=""), order=None, line=None)
    assert len(_created(make, facts).effects) == 1


def test_a_record_without_a_number_is_named_by_its_id(make):
    facts = make.facts(replace(make.domain_order("draft"), number=""))
    assert "Domain order do1 is Draft" in _created(make, facts).because[0].text


def test_a_parent_domain_order_that_nobody_saw_does_not_block(make):
    facts = make.facts(make.domain_order(parent="somewhere"))
    assert len(_created(make, facts).effects) == 1


def test_an_order_task_gets_its_own_work_order(make):
    table = make.table(make.rule("survey", domain_order__action="add"), applies_to=Kind.ORDER_TASK)
    decision = _created(make, make.facts(make.order_task()), make.policy(tables=(table,)))
    assert parse_correlation(decision.effects[0].values["correlation_id"]).domain_order == "task1"


# -- the plan is pinned


def test_a_table_edit_alone_changes_nothing(make):
    facts = make.in_play(plan=make.plan(action="add"))
    policy = make.policy(tables=(make.table(make.rule("other", action="add")),))
    decision = _created(make, facts, policy)
    assert (decision.effects, decision.plan, decision.because) == ((), None, ())


def test_a_changed_column_decides_again_and_creates_what_is_missing(make):
    facts = make.in_play(plan=make.plan(action="change"))
    table = make.table(make.rule("fiber"), make.rule("extra", action="add"), hit_policy="all")
    decision = _created(make, facts, make.policy(tables=(table,)))
    assert _slots(decision) == [("extra", 1)]
    assert [(p.rule, p.slot) for p in decision.plan.work_orders] == [("fiber", 1), ("extra", 1)]
    assert decision.plan.columns == {"action": "add"}


def test_a_decision_that_a_person_dropped_is_not_taken_again(make):
    facts = make.facts(plan=make.plan(action="change"))
    decision = _created(make, facts, make.policy(tables=(make.table(make.rule(action="add")),)))
    assert decision.effects == ()
    assert decision.plan is not None


def test_a_renamed_rule_keeps_the_old_slot(make):
    facts = make.in_play(plan=make.plan(action="change"))
    table = make.table(make.rule("fibre", was=("fiber",), slots=2, action="add"))
    decision = _created(make, facts, make.policy(tables=(table,)))
    assert _slots(decision) == [("fibre", 2)]
    assert [(p.rule, p.slot) for p in decision.plan.work_orders] == [("fiber", 1), ("fibre", 2)]


def test_a_fresh_state_recognises_work_orders_by_their_links(make):
    """The newest generation answers the slot, under the id that the rule had then."""
    older = make.link("wo0")
    newer = replace(make.link("wo1"), generation=2)
    facts = make.facts(links=(newer, older, make.adopted()))
    table = make.table(make.rule("fibre", was=("fiber",), slots=2))
    decision = _created(make, facts, make.policy(tables=(table,)))
    assert _slots(decision) == [("fibre", 2)]
    assert decision.plan.work_orders[0] == replace(make.planned(), generation=2)


def test_a_decision_waits_for_the_end_of_a_hold_and_is_taken_then(make):
    facts = make.in_play(subject=make.domain_order("on_hold"), plan=make.plan(action="change"))
    rules = (make.rule("fiber"), make.rule("extra", action="add"))
    policy = make.policy(tables=(make.table(*rules, hit_policy="all"),))
    assert _created(make, facts, policy).plan is None
    resumed = replace(facts, subject=make.domain_order())
    assert _slots(_created(make, resumed, policy)) == [("extra", 1)]


@pytest.mark.parametrize("changes", ["reopened", "review"])
def test_what_was_never_made_is_created_when_the_order_is_wanted_again(make, changes):
    facts = make.facts(plan=make.plan())
    found = () if changes == "review" else (make.change(What.REOPENED, facts.subject),)
    assert _slots(creations(found, facts, make.policy())) == [("fiber", 1)]


def test_a_reopened_work_order_creates_nothing(make):
    facts = make.facts(plan=make.plan())
    assert creations((make.change(What.REOPENED, make.work_order()),), facts, make.policy()).effects == ()


@pytest.mark.parametrize(("state", "flagged"), [("canceled", True), ("assigned", False)])
def test_an_ended_work_order_of_a_reopened_order_is_for_a_person_to_decide(make, state, flagged):
    facts = make.in_play(work_orders=(make.work_order(state=state),))
    decision = creations((make.change(What.REOPENED, facts.order),), facts, make.policy())
    assert decision.effects == ()
    said = "Domain order DO1 is wanted again, but WO1 is Canceled: recreate it by hand if it is needed"
    assert [r.text for r in decision.because] == ([said] if flagged else [])


def test_what_is_on_its_way_is_not_intended_twice(make):
    facts = make.facts(effects=(make.known_create(EffectStatus.IN_DOUBT),))
    decision = decide(_seen(make, facts), facts, make.policy())
    assert decision.effects == ()
    assert decision.plan is not None


def test_the_default_row_creates_under_its_reserved_id(make):
    table = make.table(make.rule(action="x"), default=(Creation("Check"),))
    assert _slots(_created(make, make.facts(), make.policy(tables=(table,)))) == [("default", 1)]


@pytest.mark.parametrize("id", ["a:b", "x" * 90], ids=["colon", "too long"])
def test_an_id_that_fits_no_correlation_is_an_error_not_a_wrong_work_order(make, id):
    facts = make.facts(replace(make.domain_order(), id=id))
    with pytest.raises(ValueError, match="does not fit"):
        _created(make, facts)
