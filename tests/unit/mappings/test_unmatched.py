"""A work order whose rule matches no more is flagged or cancelled, never kept in silence and never doubled."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings.changes import What, default_lifecycles, detect
from mappings.closure import SubjectEvidence, _plan
from mappings.creation import creations, prescribed
from mappings.decisions import decide, redecided
from mappings.effects import EffectKind
from mappings.model import EffectStatus, Kind, System
from mappings.note_effects import nothing
from mappings.ponr import Scope
from mappings.settlement import settled
from mappings.status import status_notes

IN_DOUBT, PENDING, PARKED = EffectStatus.IN_DOUBT, EffectStatus.PENDING, EffectStatus.PARKED


@pytest.fixture
def revised(make):
    """The fiber rule asks for another action than the one that the domain order has now."""

    def revised(**given):
        return make.in_play(
            **{"subject": make.domain_order(version=4, action="add"), "plan": make.plan(action="x"), **given}
        )

    return revised


def _policy(make, **given):
    return make.policy(tables=(make.table(make.rule("fiber", action="change")),), **given)


def _decided(make, facts, policy=None):
    change = make.change("amended", facts.subject, facts.subject)
    return creations((change,), facts, policy or _policy(make))


def _slots(decision):
    return [(p.rule, p.slot, p.unmatched, p.void_since) for p in decision.plan.work_orders]


def test_it_is_flagged_with_its_name_and_status(make, revised):
    decision = _decided(make, revised())
    (note,) = decision.effects
    assert (note.kind, note.system, note.target) == (EffectKind.WRITE_NOTE, System.ORDER_MANAGEMENT, "do1")
    assert "- WO1 (Fiber Installation): Assigned" in note.text
    assert note.key.startswith("unmatched:do1:")
    assert note.key.endswith(":do1:4")
    assert decision.unmatched == ("fiber:1",)
    assert _slots(decision) == [("fiber", 1, True, None)]
    assert 'rule "fiber" does not match any more; its work order 1 stays' in [
        r.text for r in decision.because
    ]


def test_it_is_flagged_once(make, revised):
    facts = revised()
    plan = replace(_decided(make, facts).plan, columns={"action": "y"})
    decision = _decided(make, replace(facts, plan=plan))
    assert (decision.effects, decision.unmatched) == ((), ())


def test_where_the_config_says_so_it_is_cancelled_with_a_reason(make, revised):
    decision = _decided(make, revised(), _policy(make, unmatched="cancel"))
    (cancel,) = decision.effects
    assert (cancel.kind, cancel.target, cancel.unmatched) == (EffectKind.CANCEL_WORK_ORDER, "wo1", "fiber:1")
    assert cancel.key == "cancel:wo1:do1:4"
    assert "no rule prescribes this work order any more" in cancel.text
    assert _slots(decision) == [("fiber", 1, True, 0)]


@pytest.mark.parametrize(
    "given",
    [
        {"elsewhere": {"wo1": ((),)}},
        {"ponr": "true"},
    ],
    ids=["another order needs it", "past the point of no return"],
)
def test_it_is_flagged_all_the_same_where_a_person_must_decide(make, revised, given):
    ponr = given.pop("ponr", "")
    facts = revised(line=make.line(ponr=ponr), **given)
    (note,) = _decided(make, facts, _policy(make, unmatched="cancel", ponr_scope=Scope.LINE)).effects
    assert note.kind is EffectKind.WRITE_NOTE


def test_past_the_point_of_no_return_it_is_cancelled_where_cancels_are_sent(make, revised):
    policy = _policy(make, unmatched="cancel", after_ponr_cancel="send")
    (effect,) = _decided(make, revised(line=make.line(ponr="true")), policy).effects
    assert effect.kind is EffectKind.CANCEL_WORK_ORDER


@pytest.mark.parametrize("status", [None, PENDING, PARKED])
@pytest.mark.parametrize("way", ["flag", "cancel"])
def test_what_was_never_made_is_forgotten(make, revised, status, way):
    behind = make.known("update:x", EffectKind.UPDATE_WORK_ORDER, target=make.known_create(PENDING).target)
    effects = (make.known_create(status), behind) if status else ()
    decision = _decided(
        make, revised(links=(), work_orders=(), effects=effects), _policy(make, unmatched=way)
    )
    assert (decision.effects, decision.plan.work_orders, decision.unmatched) == ((), (), ())
    assert decision.supersede == tuple(effect.key for effect in effects)


@pytest.mark.parametrize("way", ["flag", "cancel"])
def test_what_may_have_been_sent_is_flagged_or_followed_by_its_cancel(make, revised, way):
    facts = revised(links=(), work_orders=(), effects=(make.known_create(IN_DOUBT),))
    decision = _decided(make, facts, _policy(make, unmatched=way))
    (effect,) = decision.effects
    if way == "flag":
        assert "- Fiber Installation: on its way" in effect.text
    else:
        assert (effect.kind, effect.target) == (EffectKind.CANCEL_WORK_ORDER, facts.effects[0].target)
    assert decision.supersede == ()


def test_one_that_has_ended_stays_as_it_is(make, revised):
    decision = _decided(make, revised(work_orders=(make.work_order(state="closed_complete"),)))
    assert (decision.effects, decision.unmatched) == ((), ())
    assert _slots(decision) == [("fiber", 1, True, None)]


def test_an_update_of_one_that_is_cancelled_is_void(make, revised):
    update = make.known("update:wo1", EffectKind.UPDATE_WORK_ORDER)
    decision = _decided(make, revised(effects=(update,)), _policy(make, unmatched="cancel"))
    assert decision.supersede == ("update:wo1",)


def test_a_state_that_begins_anew_flags_what_it_finds(make):
    """Links tell what rules made before this state knew the order."""
    facts = make.in_play(subject=make.domain_order(action="add"), plan=None)
    decision = _decided(make, facts)
    assert decision.unmatched == ("fiber:1",)
    assert _slots(decision) == [("fiber", 1, True, None)]


def test_a_review_answers_for_the_subject_itself(make, revised):
    decision = creations((), revised(), _policy(make))
    assert decision.effects[0].key.endswith(":do1:4")


class TestMatchesAgain:
    @pytest.fixture
    def again(self, make):
        """The rule matched, ceased to, and matches now; `void` says that its work order was being cancelled."""

        def again(work_order="assigned", void=None, **given):
            slot = replace(make.planned(), unmatched=True, void_since=void)
            return make.in_play(
                plan=make.plan(slot, action="add"),
                subject=make.domain_order(action="change"),
                work_orders=(make.work_order(state=work_order),),
                **given,
            )

        return again

    def test_what_was_flagged_is_wanted_as_it_was(self, make, again):
        decision = _decided(make, again())
        assert (decision.effects, _slots(decision)) == ((), [("fiber", 1, False, None)])

    @pytest.mark.parametrize("status", [PENDING, PARKED])
    def test_a_cancel_that_was_not_sent_is_taken_back(self, make, again, status):
        """Its slot is wanted as it was: work that is finished later is not made again."""
        cancel = make.known("cancel:wo1", EffectKind.CANCEL_WORK_ORDER, status)
        decision = _decided(make, again(void=0, effects=(cancel,)))
        assert (decision.effects, decision.supersede) == ((), ("cancel:wo1",))
        assert _slots(decision) == [("fiber", 1, False, None)]

    def test_a_cancel_that_may_have_been_sent_is_waited_for(self, make, again):
        cancel = make.known("cancel:wo1", EffectKind.CANCEL_WORK_ORDER, IN_DOUBT)
        decision = _decided(make, again(void=0, effects=(cancel,)))
        assert (decision.effects, decision.supersede) == ((), ())
        assert _slots(decision) == [("fiber", 1, False, 0)]

    def test_after_a_cancel_the_next_generation_is_made(self, make, again):
        decision = _decided(make, again(work_order="canceled", void=0))
        assert [effect.key for effect in decision.effects] == ["create:do1:fiber:1:2"]
        assert [p.generation for p in decision.plan.work_orders] == [2]

    def test_while_it_does_not_match_nothing_grows(self, make, again):
        facts = replace(again(work_order="canceled", void=0), subject=make.domain_order(action="add"))
        assert decide((make.change("amended", facts.subject),), facts, _policy(make)).effects == ()


@pytest.mark.parametrize(
    ("unmatched", "what", "told"),
    [(True, What.REOPENED, True), (True, What.AMENDED, False), (False, What.REOPENED, False)],
    ids=["open again", "otherwise changed", "prescribed"],
)
def test_one_that_is_opened_again_is_flagged(make, unmatched, what, told):
    """It had ended when its rule was lost, so that there was nothing to tell."""
    plan = make.plan(replace(make.planned(), unmatched=unmatched))
    facts = make.in_play(plan=plan, links=(make.link(), make.link("wo2", slot=2)))
    (record,) = facts.work_orders
    decision = decide((make.change(what, record, record),), facts, make.policy())
    notes = [effect.text for effect in decision.effects if effect.kind is EffectKind.WRITE_NOTE]
    assert ["it is open again" in text for text in notes] == [True] * told


def test_what_the_tables_prescribe_is_named_under_every_id_of_a_rule(make):
    tables = (
        make.table(make.rule("fibre", was=("fiber",), slots=2, action="add")),
        make.table(make.rule("survey"), applies_to=Kind.ORDER_TASK),
    )
    facts = make.facts()
    named = prescribed(facts, make.policy(tables=tables))
    assert named == {"fibre:1", "fibre:2", "fiber:1", "fiber:2"}
    changed = replace(facts, subject=make.domain_order(action="change"))
    assert prescribed(changed, make.policy(tables=tables)) == frozenset()


@pytest.mark.parametrize(
    ("unmatched", "void", "said"), [(True, 0, True), (True, None, False), (False, 0, False)]
)
def test_the_status_note_of_one_that_was_cancelled_so_says_why(make, unmatched, void, said):
    slot = replace(make.planned(), unmatched=unmatched, void_since=void)
    before = make.work_order()
    after = make.later(before, "canceled")
    facts = make.in_play(plan=make.plan(slot), work_orders=(after,))
    (note,) = status_notes(
        detect(before, after, default_lifecycles()[after.kind]), facts, make.policy()
    ).effects
    assert ("because no rule prescribes it any more" in note.text) is said


def test_a_cancel_that_leaves_it_open_says_why_it_was_asked_for(make, revised):
    facts = revised()
    (cancel,) = _decided(make, facts, _policy(make, unmatched="cancel")).effects
    (note,) = settled(cancel, make.work_order(), facts, make.policy()).effects
    assert note.text.startswith("Work order WO1 (Fiber Installation) was asked to cancel, because no rule")


def test_the_gate_misses_no_work_order_for_it(make):
    """Its create was refused: there is no link, and none is wanted."""
    one = SubjectEvidence(make.domain_order(), make.plan(replace(make.planned(), unmatched=True)))
    reasons = list(_plan(one, default_lifecycles()))
    assert reasons == []
    assert list(_plan(replace(one, plan=make.plan()), default_lifecycles()))


def test_work_orders_that_waited_to_be_named_with_it_are_named(make, revised):
    links, rows = (make.adopted("hand1"),), (make.work_order("hand1"),)
    facts = revised(links=links, work_orders=rows, effects=(make.known_create(PENDING),))
    decision = decide((make.change("amended", facts.subject),), facts, _policy(make))
    assert [effect.key.partition(":")[0] for effect in decision.effects] == ["adopted"]


def test_a_cancelled_order_is_not_decided_again(make):
    facts = make.in_play(subject=make.domain_order("canceled"))
    assert redecided(facts, make.policy()) == nothing(facts)
    going = make.facts(plan=make.plan())
    assert [effect.key for effect in redecided(going, make.policy()).effects] == ["create:do1:fiber:1:1"]


def test_one_that_another_life_made_is_flagged_by_a_review(make, revised):
    """The state that knew its rule is gone; this one decided on a version for which no rule matches."""
    facts = replace(revised(), plan=make.plan(action="add"))
    facts = replace(facts, plan=replace(facts.plan, work_orders=()))
    decision = creations((), facts, _policy(make))
    (note,) = decision.effects
    assert note.key.startswith("unmatched:do1:")
    assert _slots(decision) == [("fiber", 1, True, None)]
    assert creations((), replace(facts, plan=decision.plan), _policy(make)).effects == ()


def test_one_that_another_life_made_and_that_is_still_prescribed_joins_the_plan(make, revised):
    facts = replace(revised(), plan=replace(make.plan(action="add"), work_orders=()))
    decision = creations((), facts, make.policy(tables=(make.table(make.rule("fiber", action="add")),)))
    assert decision.effects == ()
    assert _slots(decision) == [("fiber", 1, False, None)]
