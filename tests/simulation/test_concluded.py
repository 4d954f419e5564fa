"""Of whatever is at rest only the digests of its keys are kept, at once and again and again, while everything fails.

In production that waits until an order has been over for months; here records are still read again, edited and reopened. A test
of the test plants a table of digests that nobody asks.
"""

from __future__ import annotations

import pytest
from sqlalchemy import text

from state import concluded
from state.store import StateError
from tests.simulation.run import Plan, simulate

AT_REST = text(
    "SELECT DISTINCT subject FROM outbox WHERE subject NOT IN (SELECT subject FROM outbox WHERE status IN"
    " ('pending', 'in_flight', 'in_doubt', 'parked'))"
)
SEEDS = (1, 3, 5, 7)


def forgetful(moved):
    """Lanes after whose every drain the outbox keeps nothing but what waits."""

    def variant(app):
        drain = app.delivery.drain

        def drained(*args, **bounds):
            found = drain(*args, **bounds)
            try:
                with app.store._store._database.deciding() as connection:
                    moved.append(concluded.conclude(connection, list(connection.scalars(AT_REST))))
            except StateError:
                pass  # locked, or full: next time
            return found

        app.delivery.drain = drained

    return variant


@pytest.mark.parametrize("seed", SEEDS)
def test_digests_answer_for_what_was_done(seed):
    moved = []
    result = simulate(Plan(seed, notes=True), forgetful(moved))
    assert result.ok, result.told()
    assert sum(moved) > 50


def test_digests_that_nobody_asks_would_be_caught(monkeypatch):
    monkeypatch.setattr(concluded, "stored", lambda connection, effects: {})
    results = (simulate(Plan(seed, notes=True), forgetful([])) for seed in SEEDS)
    assert any(one.promise == "S10" for result in results for one in result.violations)
