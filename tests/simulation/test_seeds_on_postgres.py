"""The same seeds on a real PostgreSQL, with two and three daemons on one state at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from state.store import create_or_migrate
from tests.postgres import drop_database, make_database, postgres, url_of
from tests.simulation.run import Plan, simulate

__all__ = ["postgres"]

PLANS = [Plan(seed, lives=2 * daemons, daemons=daemons) for daemons in (2, 3) for seed in range(1, 5)]


@pytest.fixture(scope="module")
def database(postgres: str) -> Iterator[str]:
    """A migrated database; each run empties it first."""
    name = make_database(postgres)
    create_or_migrate(url_of(postgres, name))
    yield url_of(postgres, name)
    drop_database(postgres, name)


@pytest.mark.postgres
@pytest.mark.parametrize("plan", [pytest.param(plan, id=str(plan)) for plan in PLANS])
def test_no_promise_is_broken_by_several_daemons(plan: Plan, database: str) -> None:
    result = simulate(plan, url=database)
    assert result.ok, result.told()
    assert result.figures["orders"] >= 20
    assert result.figures["daemon_lives"] >= 3
