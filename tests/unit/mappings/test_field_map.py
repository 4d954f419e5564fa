"""A work order says what the facts say, and what changed in them is found again."""

from __future__ import annotations

import pytest

from mappings.effects import Reference
from mappings.field_map import (
    Desired,
    Difference,
    FieldMap,
    FieldRule,
    desired,
    differences,
    fill,
    placeholders,
)
from mappings.model import PlannedWorkOrder

PLAIN = PlannedWorkOrder("fiber", 1, "Fiber Installation")
TEMPLATE = Reference("template", "name", "Fiber Installation", required=True)


@pytest.mark.parametrize(
    ("text", "columns"),
    [("no column", ()), ("{a} and {order.b}", ("a", "order.b")), ("{}", ("",)), ("{ {a}", ("a",))],
)
def test_placeholders_are_the_columns_in_braces(text, columns):
    assert placeholders(text) == columns


def test_a_text_is_filled_with_facts_and_what_is_not_there_reads_empty(make):
    assert (
        fill("{number} at {location}, {order.priority}{line.nothing}!", make.facts()) == "DO1 at Berlin, 3!"
    )


def test_braces_in_a_fact_are_no_placeholder(make):
    assert fill("{remark}", make.facts(make.domain_order(remark="{location}"))) == "{location}"


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        (FieldRule("t", source="order.priority"), "3"),
        (FieldRule("t", text="{action}!"), "add!"),
        (FieldRule("t", source="order.priority", translate={"3": "moderate"}), "moderate"),
        (FieldRule("t", source="order.priority", translate={"1": "high"}), ""),
        (FieldRule("t", source="order.priority", translate={"1": "high"}, default="low"), "low"),
        (FieldRule("t", source="nothing", default="x"), "x"),
        (FieldRule("t"), ""),
    ],
    ids=["source", "text", "translated", "untranslated", "untranslated with default", "default", "nothing"],
)
def test_a_field_rule_yields(make, rule, value):
    assert rule.value(make.facts()) == value


def test_the_content_is_values_references_and_the_template(make):
    content = desired(make.facts(), PLAIN, make.policy().field_map)
    assert content.values == {"priority": "3", "description": "Fiber Access for ORD1", "remark": ""}
    assert content.references == {"location": Reference("location", "name", "Berlin"), "template": TEMPLATE}


def test_values_of_the_rule_win_and_keep_the_look_up_of_a_reference(make):
    planned = make.planned(priority="1", location="{order.priority}. street", extra="for {action}")
    content = desired(make.facts(), planned, make.policy().field_map)
    assert content.values["priority"] == "1"
    assert content.values["extra"] == "for add"
    assert content.references["location"] == Reference("location", "name", "3. street")


def test_a_work_order_without_a_template_gets_none(make):
    assert desired(make.facts(), PlannedWorkOrder("", 0, ""), FieldMap()) == Desired({}, {})


def test_what_is_empty_is_left_out_at_creation(make):
    content = desired(make.facts(make.domain_order(location="")), PLAIN, make.policy().field_map).filled()
    assert "remark" not in content.values
    assert set(content.references) == {"template"}


def test_differences_name_old_and_new(make):
    field_map = make.policy().field_map
    before = desired(make.facts(make.domain_order(remark="old")), PLAIN, field_map)
    after = desired(
        make.facts(make.domain_order(location="Paris"), order=make.order(priority="1")), PLAIN, field_map
    )
    assert differences(before, after) == (
        Difference("location", "Berlin", "Paris", Reference("location", "name", "Paris")),
        Difference("priority", "3", "1"),
        Difference("remark", "old", ""),
    )


def test_a_reference_that_became_empty_is_cleared_by_value(make):
    field_map = make.policy().field_map
    before = desired(make.facts(), PLAIN, field_map)
    after = desired(make.facts(make.domain_order(location="")), PLAIN, field_map)
    assert differences(before, after) == (Difference("location", "Berlin", "", None),)


def test_equal_contents_do_not_differ_and_the_template_never_does(make):
    field_map = make.policy().field_map
    before = desired(make.facts(), PLAIN, field_map)
    after = desired(make.facts(), PlannedWorkOrder("fiber", 1, "Other"), field_map)
    assert differences(before, before) == differences(before, after) == ()
