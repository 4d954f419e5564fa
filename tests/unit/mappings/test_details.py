"""The field that shows the work orders of a domain order: always as they are, written when it is not so, never in a loop."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings.changes import What
from mappings.decisions import decide, named, refused, settled
from mappings.details import details
from mappings.effects import EffectKind
from mappings.model import EffectStatus, Kind, System

SHOW = EffectKind.SHOW_WORK_ORDERS
SAID = "WO1 (Fiber Installation): Assigned"


@pytest.fixture
def policy(make):
    return make.policy(details_fields={Kind.DOMAIN_ORDER: "shown"})


def in_play(make, said="", **given):
    return make.in_play(subject=make.domain_order(shown=said), **given)


def write(make, policy, facts, changes=()):
    (effect,) = details(changes, facts, policy).effects
    return effect


def test_the_field_names_every_work_order_with_its_state(make, policy):
    facts = in_play(
        make,
        links=(make.link("wo1"), make.adopted("hand1"), make.link("wo3", slot=2)),
        work_orders=(
            make.work_order("wo3", "closed_complete", template_name="Test"),
            make.work_order("wo1"),
            make.work_order("hand1", "draft", short_description="By hand"),
        ),
        vanished=frozenset({"wo3"}),
    )
    effect = write(make, policy, facts)
    assert effect.values == {
        "shown": "HAND1 (By hand): Draft; WO1 (Fiber Installation): Assigned; WO3 (Test): gone from field service"
    }
    assert (effect.system, effect.target_kind, effect.target) == (
        System.ORDER_MANAGEMENT,
        Kind.DOMAIN_ORDER,
        "do1",
    )


def test_what_is_shown_already_is_not_written(make, policy):
    assert details((), in_play(make, SAID), policy).effects == ()


def test_nothing_is_shown_where_no_field_is_named(make, policy):
    assert details((), in_play(make), make.policy()).effects == ()
    task = make.facts(make.order_task(), links=(make.link(),), work_orders=(make.work_order(),))
    assert details((), task, policy).effects == ()


def test_without_work_orders_the_field_is_emptied_and_an_empty_one_left(make, policy):
    assert details((), make.facts(make.domain_order(shown="")), policy).effects == ()
    assert write(make, policy, make.facts(make.domain_order(shown=SAID))).values == {"shown": ""}


def test_text_from_field_service_cannot_format_and_is_cut(make, policy):
    evil = make.work_order(short_description="[code]<b>" + "x" * 200)
    facts = in_play(make, plan=None, links=(make.adopted("wo1"),), work_orders=(evil,))
    text = write(make, replace(policy, details_limit=60), facts).values["shown"]
    assert len(text) == 60 and text.endswith(" ... (shortened)")
    assert "<" not in text and "[code]" not in text


def test_a_write_on_its_way_is_not_repeated_and_an_older_one_overtaken(make, policy):
    first = write(make, policy, in_play(make))
    pending = in_play(make, effects=(make.known(first.key, SHOW, target="do1"),))
    assert details((), pending, policy).effects == ()
    moved = replace(pending, work_orders=(make.later(make.work_order(), "accepted"),))
    decision = details((), moved, policy)
    assert decision.supersede == (first.key,)
    assert decision.effects[0].values == {"shown": "WO1 (Fiber Installation): Accepted"}


@pytest.mark.parametrize("status", [EffectStatus.IN_FLIGHT, EffectStatus.IN_DOUBT])
def test_what_may_be_on_the_wire_is_never_overtaken(make, policy, status):
    first = write(make, policy, in_play(make))
    sent = in_play(
        make,
        effects=(make.known(first.key, SHOW, status, "do1"),),
        work_orders=(make.later(make.work_order(), "accepted"),),
    )
    assert details((), sent, policy).supersede == ()


def test_a_write_that_is_not_needed_any_more_is_overtaken(make, policy):
    stale = make.known("details:do1:0:0", SHOW, target="do1")
    decision = details((), in_play(make, SAID, effects=(stale,)), policy)
    assert (decision.supersede, decision.effects) == (("details:do1:0:0",), ())


def test_a_content_that_comes_back_is_written_again(make, policy):
    first = write(make, policy, in_play(make))
    there_and_back = in_play(make, "x", work_orders=(replace(make.work_order(), version=3),))
    assert write(make, policy, there_and_back).key != first.key


def test_a_server_that_cuts_the_text_is_not_asked_for_ever(make, policy):
    """The same answer to the same wish makes the same key, which is done."""
    cut = in_play(make, "WO1 (Fi")
    assert write(make, policy, cut).key == write(make, policy, cut).key


def test_an_old_domain_order_is_left_alone_until_something_happens_to_it(make, policy):
    old = in_play(make, historic=True)
    seen = make.change(What.FIRST_SEEN, old.subject)
    assert details([seen], old, policy).effects == ()
    moved = make.later(make.work_order(), "accepted")
    change = make.change(What.STATUS_CHANGED, moved, make.work_order())
    assert len(details([change], replace(old, work_orders=(moved,)), policy).effects) == 1
    assert len(details([seen], in_play(make, "shown before", historic=True), policy).effects) == 1


def test_nothing_is_emptied_by_a_state_that_may_not_know_its_links_yet(make, policy):
    facts = make.facts(make.domain_order(shown=SAID), catching_up=True)
    assert details((), facts, policy).effects == ()
    assert len(details((), in_play(make, "x", catching_up=True), policy).effects) == 1


def test_a_field_that_names_only_what_was_pointed_away_is_emptied_at_once(make, policy):
    facts = make.facts(make.domain_order(shown=SAID), catching_up=True)
    (effect,) = details((), facts, policy, make.work_order()).effects
    assert effect.values == {"shown": ""}
    both = replace(facts, subject=make.domain_order(shown=f"{SAID}; WO2 (Test): Draft"))
    assert details((), both, policy, make.work_order()).effects == ()


def kinds(decision):
    return [effect.kind for effect in decision.effects]


def test_it_follows_every_sighting_link_and_settled_create(make, policy):
    facts = in_play(make)
    moved = make.later(make.work_order(), "accepted")
    change = make.change(What.STATUS_CHANGED, moved, make.work_order())
    assert SHOW in kinds(decide([change], replace(facts, work_orders=(moved,)), policy))
    assert SHOW in kinds(named(facts, policy))
    create = replace(write(make, policy, facts), kind=EffectKind.CREATE_WORK_ORDER, key="create:x")
    assert SHOW in kinds(settled(create, make.work_order(), facts, policy))


def test_its_own_end_is_followed_by_nothing(make, policy):
    facts = in_play(make, SAID)
    effect = write(make, policy, in_play(make))
    assert settled(effect, facts.subject, facts, policy).effects == ()
    assert refused(effect, "closed records stay as they are", facts, policy).effects == ()


def test_what_somebody_wrote_over_it_before_its_end_is_replaced(make, policy):
    """The reply is older than what is known by then."""
    effect = write(make, policy, in_play(make))
    known = make.known(effect.key, SHOW, EffectStatus.IN_FLIGHT, "do1")
    over = in_play(make, "mine", effects=(known,))
    assert details((), over, policy).effects == ()
    (again,) = settled(effect, in_play(make, SAID).subject, over, policy).effects
    assert (again.values, again.key != effect.key) == ({"shown": SAID}, True)
