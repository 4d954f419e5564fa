"""Keys, ids and correlations stand for exactly one intention."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.keys import (
    CORRELATION_LIMIT,
    RULE_ID,
    Correlation,
    digest,
    marker,
    parse_correlation,
    request_name,
)
from mappings.notes import markers

PROPERTY = settings(max_examples=200, deadline=None, derandomize=True)

CORRELATIONS = st.builds(
    Correlation,
    st.from_regex(r"[0-9a-f]{1,32}", fullmatch=True),
    st.from_regex(r"[a-z0-9_-]{1,32}", fullmatch=True),
    st.integers(1, 9999),
    st.integers(1, 9999),
)


@PROPERTY
@given(CORRELATIONS)
def test_a_correlation_survives_its_text(correlation):
    assert parse_correlation(str(correlation)) == correlation
    assert len(str(correlation)) <= CORRELATION_LIMIT


@PROPERTY
@given(CORRELATIONS, CORRELATIONS, st.sampled_from(["om-a", "om-b"]), st.sampled_from(["om-a", "om-b"]))
def test_keys_and_own_ids_are_injective(one, other, om, other_om):
    assert (one.key == other.key) == (one == other)
    assert (one.own_id(om) == other.own_id(other_om)) == ((one, om) == (other, other_om))


def test_an_own_id_is_what_it_always_was():
    """A change of this value would create every work order again."""
    own_id = Correlation("0f" * 16, "install-fiber", 1, 1).own_id("om-prod")
    assert len(own_id) == 32
    assert own_id == "07d66125e730ab3f0dc5cd38675e7ba8"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "WO0001",
        "syncd:2:do1:fiber:1:1",
        "syncd:1:do1:Fiber:1:1",
        "syncd:1:do1:fiber:0:1",
        "syncd:1:do1:fiber:1:1:1",
        "syncd:1:do 1:fiber:1:1",
        "syncd:1:do1:fiber:1:1\n",
        " syncd:1:do1:fiber:1:1",
    ],
)
def test_what_others_write_is_no_correlation(text):
    assert parse_correlation(text) is None


@pytest.mark.parametrize(
    ("id", "good"), [("a", True), ("a" * 33, False), ("A", False), ("a:b", False), ("a\n", False)]
)
def test_a_rule_id_is_short_and_plain(id, good):
    assert bool(RULE_ID.match(id)) is good


def test_a_digest_tells_parts_apart():
    assert digest("a", "b") != digest("ab")
    assert len(digest("a")) == 8


def test_the_requests_of_two_attempts_have_different_names():
    assert request_name("created:do1", 2) == f"syncd-{digest('created:do1')}.2"


@PROPERTY
@given(CORRELATIONS)
def test_a_marker_gives_its_key_back(correlation):
    assert markers(f"text {marker(correlation.key)}") == (correlation.key,)
