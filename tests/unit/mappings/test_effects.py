"""The table of effect states keeps the promises that its theory makes."""

from __future__ import annotations

from mappings.effects import MOVES, Reference
from mappings.model import EffectStatus

S = EffectStatus


def test_done_is_final():
    assert all(state is not S.DONE for state, _ in MOVES)


def test_every_state_can_be_reached_and_every_other_left():
    assert set(MOVES.values()) == set(S)
    assert {state for state, _ in MOVES} == set(S) - {S.DONE}


def test_doubt_is_left_by_a_probe_only():
    assert {move for state, move in MOVES if state is S.IN_DOUBT} == {"claimed"}


def test_what_was_perhaps_sent_is_never_pending_again_without_proof():
    assert {move for (_, move), to in MOVES.items() if to is S.PENDING} == {"not_sent", "wanted_again"}


def test_a_reference_may_stay_unresolved_unless_it_says_otherwise():
    assert not Reference("location", "name", "Berlin").required
