"""Characteristics, contacts of a line and related items are facts like any column, and their edits are amendments."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings.amendment import amendments
from mappings.changes import default_lifecycles, detect
from mappings.creation import creations
from mappings.effects import EffectKind
from mappings.field_map import FieldMap, FieldRule
from mappings.model import Kind


def row(make, id, kind=Kind.CHARACTERISTIC, **fields):
    return replace(make.record(kind, id, state=""), number="", fields=fields)


def speed(make, value, id="c1", **owner):
    return row(make, id, **{"order_line": "ordl1", "name": "speed", "value": value, **owner})


def described(make, policy=None, **given):
    rules = (FieldRule("description", text="speed {characteristic.speed}"),)
    return make.in_play(**given), policy or make.policy(field_map=FieldMap(rules))


def test_a_characteristic_is_a_column_by_its_name(make):
    rows = (speed(make, "100"), row(make, "c2", order_line="ordl1", name="colour", value="red"))
    facts = make.facts(traits=rows)
    assert [facts.value(f"characteristic.{name}") for name in ("speed", "colour", "size")] == [
        "100",
        "red",
        "",
    ]


def test_what_a_domain_order_says_goes_before_what_its_line_says(make):
    own = speed(make, "1000", "c2", domain_order="do1")
    facts = make.facts(traits=(speed(make, "100"), own))
    assert facts.value("characteristic.speed") == "1000"
    assert (
        make.facts(traits=(speed(make, "100"), replace(own, fields={**own.fields, "value": ""}))).value(
            "characteristic.speed"
        )
        == "100"
    )


def test_several_values_of_one_name_are_joined_once_each(make):
    rows = [
        row(make, f"r{n}", Kind.RELATED_ITEM, order_line="ordl1", name="site", value=v)
        for n, v in enumerate("aba")
    ]
    assert make.facts(traits=tuple(rows)).value("related_item.site") == "a, b"


def test_rows_without_a_name_are_columns_by_their_fields(make):
    contact = row(make, "k1", Kind.LINE_CONTACT, order_line="ordl1", email="ann@example.com")
    assert make.facts(traits=(contact,)).value("line_contact.email") == "ann@example.com"
    assert make.facts(traits=(contact,)).value("characteristic.email") == ""


@pytest.mark.parametrize("old", ["100", None], ids=["an edit", "a new row"])
def test_its_change_goes_out_with_old_and_new_value(make, old):
    before, after = (speed(make, old) if old else None), make.later(speed(make, "1000"))
    facts, policy = described(make, traits=(after,))
    changes = detect(before, after, default_lifecycles()[Kind.CHARACTERISTIC])
    (update,) = amendments(changes, facts, policy).effects
    assert (update.kind, update.values) == (EffectKind.UPDATE_WORK_ORDER, {"description": "speed 1000"})
    assert update.before == {"description": f"speed {old or ''}"}


def test_a_characteristic_that_no_field_follows_sends_nothing(make):
    before = row(make, "c2", order_line="ordl1", name="colour", value="red")
    after = make.later(before, value="blue")
    facts, policy = described(make, traits=(after,))
    assert amendments(detect(before, after, default_lifecycles()[after.kind]), facts, policy).effects == ()


def test_a_rule_that_reads_it_decides_again(make):
    table = make.table(make.rule("fast", characteristic__speed="1000"))
    facts = make.facts(plan=make.plan(**{"characteristic.speed": "100"}), traits=(speed(make, "1000"),))
    change = make.change("amended", facts.traits[0], speed(make, "100"))
    decision = creations((change,), facts, make.policy(tables=(table,)))
    assert [effect.key for effect in decision.effects] == ["create:do1:fast:1:1"]
