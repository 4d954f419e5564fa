"""A test of the tests: each protocol that is known to be bad is planted, and the simulation finds it."""

from __future__ import annotations

import pytest

from tests.simulation.known_bad import KNOWN_BAD, Bad
from tests.simulation.run import Plan, simulate

SEEDS = 20


@pytest.mark.parametrize("bad", [pytest.param(bad, id=bad.name.replace(" ", "-")) for bad in KNOWN_BAD])
def test_a_known_bad_protocol_is_found(bad: Bad) -> None:
    with bad.planted() as variant:
        for seed in range(1, SEEDS + 1):
            result = simulate(Plan(seed, **bad.plan), variant)
            if not result.ok:
                assert result.violations[0].promise[0] in "SL"
                return
    pytest.fail(f"{bad.name} passed {SEEDS} seeds: {bad.because}")
