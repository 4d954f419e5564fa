"""Installations that have more: rows that describe lines, windows of tasks, closures that are undone, merged work orders.

Each test of a test plants what must be caught.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings import breach
from tests.simulation import enriching, lives
from tests.simulation.run import Plan, simulate
from tests.simulation.users import ACTS, NOTE_ACTS

CALM = frozenset(
    {"ponr", "ponr_with_edit", "cancel_order", "cancel_line", "cancel_one", "delete", "delete_order_record"}
) | {"finish", "call_off"}
SHORT = {"orders": 8, "active_s": 600.0, "lives": 1, "faults": frozenset(), "without": CALM}
"""Orders that go on, so that what they want can be told at the end."""


@pytest.mark.parametrize("seed", [1, 3])
def test_no_promise_is_broken(seed):
    result = simulate(Plan(seed, rich=True))
    assert result.ok, result.told()
    assert result.acts["describe"] and result.acts["merge"]


def test_no_other_plan_draws_what_only_some_have():
    """So the worlds of all other seeds stay what they are."""
    assert not enriching.ACTS.keys() & (ACTS | NOTE_ACTS).keys()
    assert "rich" not in str(Plan(1))


def said(seed):
    """What breaks in a short world without faults."""
    return " ".join(map(str, simulate(Plan(seed, rich=True, **SHORT)).violations))


@pytest.mark.parametrize("seed", [1, 3])
def test_a_short_world_breaks_nothing_by_itself(seed):
    assert said(seed) == ""


def test_windows_that_stay_empty_would_be_caught(monkeypatch):
    monkeypatch.setattr(
        "syncd.observe.schedule", lambda _changes, facts, _tasks, _policy: breach.nothing(facts)
    )
    assert "its line says" in said(1)


def test_rows_that_nobody_reads_would_be_caught(monkeypatch):
    monkeypatch.setattr(lives, "traits_of", lambda _policy: {})
    assert "says remark=" in said(1)


def test_a_closure_that_stays_past_the_gate_would_be_caught(monkeypatch):
    told = breach.told

    def noted(broken, facts, policy):
        return told(broken, facts, replace(policy, closure=replace(policy.closure, past_gate="note")))

    monkeypatch.setattr(breach, "told", noted)
    assert "was not opened again" in said(3)
