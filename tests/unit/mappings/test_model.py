"""The nouns answer what rules ask of them."""

from __future__ import annotations

import pytest

from mappings.model import Kind, System, record_value


@pytest.mark.parametrize("kind", Kind, ids=str)
def test_a_kind_belongs_to_the_system_whose_feed_carries_it(kind):
    in_field_service = kind in (Kind.WORK_ORDER, Kind.WORK_TASK)
    assert kind.system is (System.FIELD_SERVICE if in_field_service else System.ORDER_MANAGEMENT)


def test_a_missing_field_reads_empty_and_only_true_is_true(make):
    record = make.order(ponr="true", held="false")
    assert (record.get("nothing"), record.is_true("ponr"), record.is_true("held")) == ("", True, False)


def test_parents_are_the_ids_that_are_there(make):
    record = make.domain_order(order="", parent="do0")
    assert record.parents() == {
        "order_line": (Kind.ORDER_LINE, "ordl1"),
        "parent": (Kind.DOMAIN_ORDER, "do0"),
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", "do1"),
        ("number", "DO1"),
        ("state", "in_progress"),
        ("state_label", "In progress"),
        ("action", "add"),
    ],
)
def test_attributes_and_fields_are_read_by_name(make, name, value):
    assert record_value(make.domain_order(), name) == value


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("action", "add"),
        ("order.priority", "3"),
        ("line.number", "ORDL1"),
        ("domain_order.action", "add"),
        ("parent.action", ""),
        ("nowhere.action", ""),
    ],
)
def test_a_domain_order_reads_its_facts_by_column(make, column, value):
    assert make.facts().value(column) == value


@pytest.mark.parametrize("column", ["domain_order.action", "parent.action"])
def test_an_order_task_reads_its_domain_order(make, column):
    assert make.facts(make.order_task()).value(column) == "add"


def test_a_linked_work_order_is_found_by_id(make):
    facts = make.in_play()
    assert facts.work_order("wo1") is facts.work_orders[0]
    assert facts.work_order("wo2") is None
