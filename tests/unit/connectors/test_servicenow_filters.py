"""Filters that are asked of the server and checked on our side."""

from __future__ import annotations

import pytest

from connectors.servicenow.filters import Filter, QueryIgnored


def test_one_value_is_an_equality_and_several_are_a_list():
    assert Filter({"a": ("1",), "b": ("x", "y")}).query() == "a=1^bINx,y"
    assert Filter().query() == ""


@pytest.mark.parametrize("values", [(), ("",), ("a^b",), ("a,b", "c"), ("javascript:x",)])
def test_a_value_that_would_change_the_query_is_refused(values):
    with pytest.raises(ValueError, match="may not enter"):
        Filter({"a": values})


def test_a_comma_is_harmless_in_an_equality():
    assert Filter({"a": ("x,y",)}).query() == "a=x,y"


@pytest.mark.parametrize(
    ("found", "kept"), [("Berlin", True), ("berlin", False), ("Berlin ", False), ({"value": "Berlin"}, True)]
)
def test_what_only_collation_takes_for_equal_is_left_out(found, kept):
    assert Filter({"a": ("Berlin",)}).keeps({"a": found}) is kept


@pytest.mark.parametrize(
    "row", [{"a": "Hamburg"}, {"a": ""}, {}, {"a": []}], ids=["other", "empty", "absent", "odd"]
)
def test_a_row_that_was_not_asked_for_shows_that_the_query_was_ignored(row):
    with pytest.raises(QueryIgnored):
        Filter({"a": ("Berlin",)}).keeps(row)
