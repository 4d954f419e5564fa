"""Durations and the places that a value may have."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.config.values import Secret, is_loopback, parse_duration, show_duration


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("500ms", timedelta(milliseconds=500)),
        ("30s", timedelta(seconds=30)),
        ("5m", timedelta(minutes=5)),
        ("2h", timedelta(hours=2)),
        ("90d", timedelta(days=90)),
        ("0s", timedelta(0)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text, duration):
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text", ["", "30", "s", "1.5s", "-3s", "3 s", "3S", "1h30m", "٣s", "9999999999s", "5m\n"]
)
def test_anything_else_is_no_duration(text):
    assert parse_duration(text) is None


@given(st.integers(min_value=0, max_value=999_999_999).map(lambda ms: timedelta(milliseconds=ms)))
def test_a_duration_that_is_shown_reads_as_itself(duration):
    assert parse_duration(show_duration(duration)) == duration


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.10", "::1"])
def test_this_machine_is_recognised(host):
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["example.com", "localhost.example.com", "10.0.0.1", "0.0.0.0", "127.0.0.1.nip.io"]
)
def test_other_machines_are_not_this_one(host):
    assert not is_loopback(host)


def test_a_secret_shows_where_it_comes_from_and_nothing_else():
    secret = Secret("env", "OM_PASSWORD", "geheim")
    assert (str(secret), secret.reveal()) == ("env:OM_PASSWORD", "geheim")
    assert "geheim" not in repr(secret) + f"{secret}"
