"""What differs between two reads of a record has a name."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.changes import (
    FieldChange,
    Lifecycle,
    What,
    content_hash,
    default_lifecycles,
    detect,
    same,
    status,
)
from mappings.model import UNKNOWN_STATE, Kind

PROPERTY = settings(max_examples=150, deadline=None, derandomize=True)
LIFECYCLES = default_lifecycles()
MARKER = ("closure_request", "true")


def _whats(before, after, marker=None):
    return [change.what for change in detect(before, after, LIFECYCLES[after.kind], marker)]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("draft", "in_progress", [What.APPROVED]),
        ("qualified", "in_progress", []),
        ("in_progress", "draft", []),
        ("in_progress", "on_hold", [What.HELD]),
        ("on_hold", "in_progress", [What.RESUMED, What.APPROVED]),
        ("on_hold", "draft", [What.RESUMED]),
        ("on_hold", "canceled", [What.CANCELLED]),
        ("on_hold", "closed_complete", [What.CLOSED]),
        ("in_progress", "cancellation_in_progress", [What.CANCELLED]),
        ("cancellation_in_progress", "canceled", []),
        ("closed_complete", "canceled", [What.CANCELLED]),
        ("canceled", "in_progress", [What.REOPENED, What.APPROVED]),
        ("closed_complete", "on_hold", [What.REOPENED, What.HELD]),
        ("canceled", "closed_complete", []),
        ("in_progress", "closed_complete", [What.CLOSED]),
        ("in_progress", "never_heard_of", []),
    ],
)
def test_a_move_of_a_domain_order_means(make, old, new, expected):
    before = make.domain_order(old)
    assert _whats(before, make.later(before, new)) == [What.STATUS_CHANGED, *expected]


@PROPERTY
@given(st.sampled_from(Kind), st.data())
def test_any_state_after_any_other_is_a_change(make, kind, data):
    states = st.sampled_from(sorted(LIFECYCLES[kind].ended | LIFECYCLES[kind].trigger | {"draft", "on_hold"}))
    before = make.record(kind, "r", data.draw(states))
    after = make.later(before, data.draw(states))
    found = detect(before, after, LIFECYCLES[kind])
    assert (found == ()) == (before.state == after.state)
    if found:
        assert found[0].what is What.STATUS_CHANGED
        assert found[0].fields == (FieldChange("state", before.state, after.state),)
        assert all((change.record, change.before) == (after, before) for change in found)


def test_the_first_sight_of_a_work_order_is_never_a_status_change(make):
    assert _whats(None, make.work_order(state="closed_complete", closure_request="true"), MARKER) == [
        What.FIRST_SEEN
    ]


def test_a_closure_request_that_stands_at_first_sight_counts(make):
    assert _whats(None, make.domain_order(closure_request="true"), MARKER) == [
        What.FIRST_SEEN,
        What.CLOSURE_REQUESTED,
    ]
    assert _whats(None, make.domain_order(), MARKER) == [What.FIRST_SEEN]


@pytest.mark.parametrize(
    ("old", "new", "state", "expected"),
    [
        ("", "true", "in_progress", [What.CLOSURE_REQUESTED]),
        ("true", "", "in_progress", [What.CLOSURE_WITHDRAWN]),
        ("true", "true", "in_progress", []),
        ("", "", "in_progress", []),
        ("true", "", "closed_complete", [What.STATUS_CHANGED, What.CLOSED]),
    ],
    ids=["asked", "withdrawn", "still asked", "never asked", "granted"],
)
def test_the_closure_marker_is_no_amendment(make, old, new, state, expected):
    before = make.domain_order(closure_request=old)
    assert _whats(before, make.later(before, state, closure_request=new), MARKER) == expected


def test_a_state_can_be_the_closure_marker(make):
    before = make.order_task()
    after = make.later(before, "resolved")
    assert _whats(before, after, ("state", "resolved")) == [What.STATUS_CHANGED, What.CLOSURE_REQUESTED]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("false", "true", What.PONR_REACHED),
        ("true", "false", What.PONR_CLEARED),
        ("true", "", What.PONR_CLEARED),
    ],
)
def test_the_flag_of_no_return_has_its_own_words(make, old, new, expected):
    before = make.line(ponr=old)
    (change,) = detect(before, make.later(before, ponr=new), LIFECYCLES[Kind.ORDER_LINE])
    assert (change.what, change.fields) == (expected, (FieldChange("ponr", old, new),))


def test_an_unset_flag_and_a_missing_one_are_alike(make):
    before = make.line()
    assert _whats(before, make.later(before, ponr="false")) == []


def test_changed_fields_are_amendments_with_old_and_new(make):
    before = make.order(priority="3", gone="x", same="y")
    after = replace(before, fields={"priority": "1", "came": "z", "same": "y", "empty": ""})
    (change,) = detect(before, after, LIFECYCLES[Kind.CUSTOMER_ORDER])
    assert change.what is What.AMENDED
    assert change.fields == (
        FieldChange("came", "", "z"),
        FieldChange("gone", "x", ""),
        FieldChange("priority", "3", "1"),
    )


def test_an_echo_of_our_own_write_is_no_change(make):
    """A note bumps version and stamp and leaves the content alone."""
    before = make.domain_order()
    after = make.later(before)
    assert _whats(before, after) == []
    assert content_hash(before) == content_hash(after)
    assert not same(before, after)


def test_the_same_version_read_again_is_the_same(make):
    assert same(make.domain_order(), make.domain_order())


@pytest.mark.parametrize(
    "other",
    [{"id": "x"}, {"version": 9}, {"updated_at": None}, {"state": "draft"}, {"fields": {}}],
    ids=lambda other: next(iter(other)),
)
def test_a_read_that_differs_is_not_the_same(make, other):
    record = make.domain_order()
    if "updated_at" in other:
        other = {"updated_at": record.updated_at + timedelta(seconds=1)}
    assert not same(record, replace(record, **other))


@pytest.mark.parametrize(
    ("other", "equal"),
    [
        ({"fields": {"b": "2", "a": "1", "empty": ""}}, True),
        ({"state_label": "Anders"}, True),
        ({"number": "X"}, True),
        ({"fields": {"a": "1"}}, False),
        ({"state": "draft"}, False),
    ],
    ids=["order and empties", "label", "number", "field", "state"],
)
def test_the_content_is_state_and_fields(make, other, equal):
    record = make.record(Kind.DOMAIN_ORDER, "r", a="1", b="2")
    assert (content_hash(replace(record, **other)) == content_hash(record)) is equal
    assert same(record, replace(record, **other)) is equal


def test_two_unknown_states_differ_by_their_labels(make):
    before = replace(make.work_order(state=UNKNOWN_STATE), state_label="Parked")
    after = replace(before, state_label="Waiting")
    assert status(before) != status(after)
    assert _whats(before, after) == [What.STATUS_CHANGED]
    assert content_hash(before) != content_hash(after)
    assert not same(before, after)


def test_every_kind_has_a_lifecycle_and_work_orders_trigger_nothing():
    assert set(LIFECYCLES) == set(Kind)
    for lifecycle in LIFECYCLES.values():
        assert not lifecycle.trigger & (lifecycle.held | lifecycle.ended)
        assert not lifecycle.held & lifecycle.ended
        assert UNKNOWN_STATE not in lifecycle.trigger | lifecycle.ended
    assert LIFECYCLES[Kind.WORK_ORDER].trigger == frozenset()
    assert LIFECYCLES[Kind.WORK_ORDER].ended == {"closed_complete", "closed_incomplete", "canceled"}
    assert Lifecycle().ended == frozenset()
