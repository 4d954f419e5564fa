"""A policy refuses what would make every note fail, and answers what modules ask of it."""

from __future__ import annotations

import pytest

from mappings.closure import ClosureSettings
from mappings.decisions import Policy
from mappings.policy import LEAST_NOTE


def test_a_limit_without_room_for_a_note_is_refused():
    with pytest.raises(ValueError, match="at least"):
        Policy("om", note_limit=LEAST_NOTE - 1)
    assert Policy("om", note_limit=LEAST_NOTE).note_limit == LEAST_NOTE


def test_without_settings_nothing_asks_for_closure():
    assert Policy("om").closure_marker is None
    assert Policy("om", closure=ClosureSettings(("state", "resolved"))).closure_marker == (
        "state",
        "resolved",
    )


@pytest.mark.parametrize(
    ("state", "ended"), [("canceled", True), ("closed_incomplete", True), ("unknown", False)]
)
def test_an_unknown_state_is_open(state, ended):
    assert Policy("om").has_ended(state) is ended
