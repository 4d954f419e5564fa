"""The rows that relate work orders to their domain order: one for each link, intended once, never taken away."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings.changes import Change, What
from mappings.decisions import decide, named, refused
from mappings.effects import EffectKind
from mappings.model import EffectStatus, Kind, KnownEffect, System
from mappings.relations import relations, row_id


@pytest.fixture
def policy(make):
    return make.policy(relation_type="Contains::Task of")


def rows(facts, policy, changes=()):
    return relations(changes, facts, policy).effects


def test_each_link_is_a_row_named_by_its_ends(make, policy):
    facts = make.in_play(
        links=(make.link("wo1"), make.adopted("hand1")),
        work_orders=(make.work_order("wo1"), make.work_order("hand1")),
    )
    first, second = rows(facts, policy)
    assert (first.key, second.key) == ("relate:do1:wo1", "relate:do1:hand1")
    assert (first.kind, first.system, first.target_kind) == (
        EffectKind.RELATE,
        System.ORDER_MANAGEMENT,
        Kind.WORK_ORDER,
    )
    assert first.values == {
        "row": row_id(policy.om_id, "do1", "wo1"),
        "parent": "do1",
        "child": "wo1",
        "type": "Contains::Task of",
    }


def test_the_id_of_a_row_follows_from_its_link():
    ids = {row_id("om", "do1", "wo1"), row_id("om", "do1", "wo2"), row_id("om2", "do1", "wo1")}
    assert len(ids) == 3
    assert all(len(id) == 32 for id in ids)


def test_there_are_none_unless_the_config_says_so(make):
    assert rows(make.in_play(), make.policy()) == ()


def test_a_work_order_that_is_gone_gets_none(make, policy):
    assert rows(make.in_play(vanished=frozenset({"wo1"})), policy) == ()


def test_history_is_left_alone_until_something_happens_to_it(make, policy):
    facts = make.in_play(historic=True)
    assert rows(facts, policy) == rows(facts, policy, [Change(What.FIRST_SEEN, facts.subject)]) == ()
    assert len(rows(facts, policy, [Change(What.STATUS_CHANGED, facts.subject)])) == 1


@pytest.mark.parametrize("status", [EffectStatus.PENDING, EffectStatus.IN_DOUBT])
def test_a_row_that_was_not_sent_goes_with_its_link(make, policy, status):
    facts = make.in_play(links=(), work_orders=())
    known = KnownEffect("relate:do1:wo9", EffectKind.RELATE, status, "wo9")
    decision = relations((), replace(facts, effects=(known,)), policy)
    assert decision.supersede == (("relate:do1:wo9",) if status is EffectStatus.PENDING else ())


def test_a_review_and_a_new_link_ask_for_rows(make, policy):
    facts = make.in_play()
    for decision in (decide((), facts, policy), named(facts, policy)):
        assert "relate:do1:wo1" in [effect.key for effect in decision.effects]


def test_a_row_that_cannot_be_written_is_not_noted(make, policy):
    facts = make.in_play()
    (row,) = rows(facts, policy)
    assert refused(row, "no right", facts, policy).effects == ()
