"""What crosses from one system to the other and is not found there is left out, remembered, and filled in later."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings.effects import Effect, EffectKind, Reference
from mappings.field_map import UNMAPPED, FieldRule
from mappings.model import Kind, System
from mappings.references import Unresolved, appeared, is_wanted, went_without
from mappings.settlement import settled

BERLIN = Reference("location", "name", "Berlin")
LACKING = Unresolved(Kind.DOMAIN_ORDER, "do1", "wo1", "location", BERLIN)


def update(**given):
    return Effect(
        key="update:wo1:do1:2",
        kind=EffectKind.UPDATE_WORK_ORDER,
        system=System.FIELD_SERVICE,
        subject_kind=Kind.DOMAIN_ORDER,
        subject="do1",
        target_kind=Kind.WORK_ORDER,
        target="wo1",
        because="",
        **given,
    )


@pytest.mark.parametrize(
    ("shown", "unresolved", "without"),
    [
        ({"location": "old"}, ("location",), True),
        ({"location": ""}, (), True),
        ({"location": "new"}, (), False),
        ({}, (), False),
    ],
    ids=["looked up in vain", "empty", "there", "not shown"],
)
def test_a_write_goes_without(make, shown, unresolved, without):
    found = went_without(update(references={"location": BERLIN}), make.work_order(**shown), unresolved)
    assert found == ({"location": BERLIN} if without else {})


def test_what_was_not_found_is_not_called_amended(make):
    effect = update(
        references={"location": BERLIN}, values={"priority": "1"}, before={"location": "A", "priority": "3"}
    )
    record = make.work_order(location="old")
    amended, missing = settled(effect, record, make.in_play(), make.policy(), ("location",)).effects
    assert "priority: 3 -> 1" in amended.text
    assert "location" not in amended.text
    assert "without what field service does not know:\n- location: Berlin" in missing.text


def test_a_write_that_carried_nothing_amended_nothing(make):
    effect = update(references={"location": BERLIN}, before={"location": "A"})
    (note,) = settled(effect, make.work_order(), make.in_play(), make.policy(), ("location",)).effects
    assert note.key.startswith("missing:")


@pytest.mark.parametrize(("known", "notes"), [("Berlin", 0), ("Paris", 1)])
def test_what_is_known_to_be_missing_is_noted_once(make, known, notes):
    effect = update(references={"location": BERLIN}, before={"location": "A"})
    facts = make.in_play(unresolved={("wo1", "location"): known})
    assert len(settled(effect, make.work_order(), facts, make.policy(), ("location",)).effects) == notes


def test_what_appears_is_filled_in_by_one_update(make):
    (effect,) = appeared(LACKING, make.in_play(), make.policy()).effects
    assert effect.kind is EffectKind.UPDATE_WORK_ORDER
    assert (effect.target, effect.references, effect.before) == (
        "wo1",
        {"location": BERLIN},
        {"location": ""},
    )
    assert effect.key.startswith("update:wo1:location:")


@pytest.mark.parametrize(
    "given",
    [
        {"subject": ("on_hold", {})},
        {"subject": ("canceled", {})},
        {"subject": ("in_progress", {"location": "Paris"})},
        {"line": {"ponr": "true"}},
        {"work_orders": "closed_complete"},
        {"links": ()},
    ],
    ids=["held", "cancelled", "somewhere else now", "no return", "ended", "not linked any more"],
)
def test_nothing_is_filled_in_while(make, given):
    facts = make.in_play()
    if "subject" in given:
        state, fields = given["subject"]
        facts = replace(facts, subject=make.domain_order(state, **fields))
    if "line" in given:
        facts = replace(facts, line=make.line(**given["line"]))
    if "work_orders" in given:
        facts = replace(facts, work_orders=(make.work_order(state=given["work_orders"]),))
    if "links" in given:
        facts = replace(facts, links=())
    assert appeared(LACKING, facts, make.policy()).effects == ()


def test_a_work_order_that_was_never_seen_shows_nothing_before(make):
    (effect,) = appeared(LACKING, make.in_play(work_orders=()), make.policy()).effects
    assert effect.before == {"location": ""}


def test_what_people_keep_in_step_is_not_waited_for(make):
    facts = make.in_play(links=(make.adopted("wo1"),))
    assert not is_wanted(LACKING, facts, make.policy())


@pytest.mark.parametrize(
    ("value", "default", "expected"),
    [
        ("a", "", Reference("site", "name", "A")),
        ("b", "", Reference("site", UNMAPPED, "b")),
        ("b", "X", Reference("site", "name", "X")),
        ("", "", Reference("site", "name", "")),
    ],
    ids=["in the map", "not in it", "not in it, with a default", "nothing to look up"],
)
def test_a_value_that_the_map_lacks_is_one_that_nobody_finds(make, value, default, expected):
    rule = FieldRule(
        "location", source="place", reference="site", match="name", translate={"a": "A"}, default=default
    )
    assert rule.look_up(make.facts(make.domain_order(place=value))) == expected


def test_a_map_may_translate_a_text_too(make):
    rule = FieldRule("location", text="{place}", reference="site", translate={"a": "A"})
    assert rule.look_up(make.facts(make.domain_order(place="a"))).value == "A"


def test_a_review_leaves_to_the_sweep_what_is_known_to_be_missing(make):
    from mappings.decisions import decide

    shown = {"priority": "3", "location_name": "", "location": "", "description": "Fiber Access for ORD1"}
    facts = make.in_play(work_orders=(make.work_order(**shown),))
    assert [e.references for e in decide((), facts, make.policy()).effects] == [{"location": BERLIN}]
    known = replace(facts, unresolved={("wo1", "location"): "Berlin"})
    assert decide((), known, make.policy()).effects == ()
