"""One change, one decision: the same facts decide the same, and nothing is intended twice."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from mappings import decisions
from mappings.changes import What, default_lifecycles, detect
from mappings.decisions import decide
from mappings.effects import EffectKind, Reason
from mappings.model import EffectStatus, Kind, System
from mappings.note_effects import combined, nothing, why

PROPERTY = settings(max_examples=250, deadline=None, derandomize=True)

STATES = {
    "order": ["in_progress", "new", "on_hold", "canceled", "unknown"],
    "line": ["in_progress", "on_hold", "canceled"],
    "subject": ["draft", "in_progress", "on_hold", "closed_complete", "canceled"],
    "work_order": ["assigned", "accepted", "closed_complete", "canceled", "unknown"],
}
_FIELDS = st.dictionaries(
    st.sampled_from(["location", "priority", "ponr", "action", "remark"]),
    st.sampled_from(["", "true", "add", "x"]),
)


@st.composite
def _situations(draw, make):
    """A record that changed, facts that hold the new one, and some history of effects and links."""
    records = {
        "order": make.order(draw(st.sampled_from(STATES["order"])), **draw(_FIELDS)),
        "line": make.line(draw(st.sampled_from(STATES["line"])), **draw(_FIELDS)),
        "subject": make.domain_order(draw(st.sampled_from(STATES["subject"])), **draw(_FIELDS)),
        "work_order": make.work_order(state=draw(st.sampled_from(STATES["work_order"])), **draw(_FIELDS)),
    }
    place = draw(st.sampled_from(sorted(records)))
    before = records[place]
    after = make.later(before, draw(st.sampled_from(STATES[place])), **draw(_FIELDS))
    records[place] = after
    links = draw(st.sampled_from([(), (make.link(),), (make.adopted("wo1"),), (make.link(), make.adopted())]))
    effects = draw(
        st.lists(
            st.builds(
                make.known_create,
                st.sampled_from([s for s in EffectStatus if s.value not in ("done", "superseded")]),
            ),
            max_size=1,
        )
    )
    facts = make.facts(
        records["subject"],
        order=records["order"],
        line=records["line"],
        plan=draw(
            st.sampled_from([None, make.plan(action="add"), make.plan(make.planned(), make.planned(slot=2))])
        ),
        links=links,
        work_orders=(records["work_order"],) if links else (),
        effects=tuple(effects),
        historic=draw(st.booleans()),
        elsewhere=draw(st.sampled_from([{}, {"wo1": ((make.record(Kind.DOMAIN_ORDER, "do2"),),)}])),
    )
    seen = draw(st.booleans())
    changes = detect(before if seen else None, after, default_lifecycles()[after.kind])
    return draw(st.sampled_from([changes, ()])), facts


@PROPERTY
@given(st.data())
def test_a_decision(make, data):
    """is deterministic, about its subject, complete in its keys, and safe in what it creates, changes and cancels."""
    changes, facts = data.draw(_situations(make))
    policy = make.policy(tables=(make.table(make.rule(slots=2, action="add")),))
    decision = decide(changes, facts, policy)
    assert decide(changes, facts, policy) == decision

    keys = [effect.key for effect in decision.effects]
    assert len(set(keys)) == len(keys)
    assert not set(keys) & {effect.key for effect in facts.effects}
    assert not set(keys) & set(decision.supersede)
    again = tuple(make.known(e.key, e.kind, EffectStatus.PENDING, e.target) for e in decision.effects)
    repeated = decide(changes, replace(facts, effects=(*facts.effects, *again)), policy)
    assert not {e.key for e in repeated.effects} & set(keys)

    subject, order = facts.subject, facts.order
    over = {"canceled", "on_hold"}
    held = subject.state in over or facts.line.state in over or order.state not in ("in_progress",)
    ponr = facts.line.is_true("ponr") or order.is_true("ponr")
    for effect in decision.effects:
        assert (effect.subject_kind, effect.subject) == (Kind.DOMAIN_ORDER, "do1")
        assert effect.system is (
            System.FIELD_SERVICE if effect.target_kind is Kind.WORK_ORDER else System.ORDER_MANAGEMENT
        )
        record = facts.work_order(effect.target)
        if effect.kind is EffectKind.CREATE_WORK_ORDER:
            assert not held and not facts.historic and subject.state == "in_progress"
            assert all((k.rule, k.slot) != (effect.link.rule, effect.link.slot) for k in facts.links)
        if effect.kind is EffectKind.UPDATE_WORK_ORDER:
            assert not held and not ponr
            assert record is None or not policy.has_ended(record.state)
            assert any(
                k.work_order == effect.target and k.origin.value == "created" for k in facts.links
            ) or effects_of(facts, effect)
        if effect.kind is EffectKind.CANCEL_WORK_ORDER:
            assert "canceled" in (subject.state, facts.line.state, order.state)
            assert not ponr and effect.target not in facts.elsewhere
            assert record is None or not policy.has_ended(record.state)
        if effect.kind is EffectKind.WRITE_NOTE:
            assert effect.text.endswith(effect.marker) and len(effect.text) <= policy.note_limit


def effects_of(facts, effect):
    return any(known.target == effect.target for known in facts.effects)


def test_creation_and_amendment_meet_in_one_decision(make):
    before = make.domain_order(action="change")
    after = make.later(before, action="add", location="Paris")
    facts = make.in_play(subject=after, plan=make.plan(action="change"))
    table = make.table(make.rule(), make.rule("extra", action="add"), hit_policy="all")
    changes = detect(before, after, default_lifecycles()[Kind.DOMAIN_ORDER])
    decision = decide(changes, facts, make.policy(tables=(table,)))
    assert [effect.kind for effect in decision.effects] == [
        EffectKind.CREATE_WORK_ORDER,
        EffectKind.UPDATE_WORK_ORDER,
    ]
    assert decision.plan is not None


def test_combining_keeps_the_first_of_everything_and_no_key_twice(make):
    facts = make.in_play()
    (effect,) = decide(
        (make.change(What.FIRST_SEEN, make.domain_order()),), make.facts(), make.policy()
    ).effects
    one = replace(
        nothing(facts, Reason("a")), effects=(effect,), supersede=("k",), noted=("w",), plan=make.plan()
    )
    two = replace(nothing(facts, Reason("a"), Reason("b")), effects=(effect,), supersede=("k", "l"))
    both = combined(facts, [nothing(facts), one, two])
    assert both == replace(one, supersede=("k", "l"), because=(Reason("a"), Reason("b")))


def test_the_cause_is_named_in_a_few_words(make):
    assert why(()) == "reviewed"
    assert why((make.change(What.PONR_REACHED, replace(make.line(), number="")),)) == "ordl1 ponr reached"


def test_the_door_offers_what_the_lanes_call():
    assert all(hasattr(decisions, name) for name in decisions.__all__)
