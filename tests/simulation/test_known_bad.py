"""A test of the tests: each protocol that is known to be bad is planted, and the simulation finds it."""

from __future__ import annotations

import pytest

from tests.simulation.known_bad import KNOWN_BAD
from tests.simulation.lives import as_built
from tests.simulation.planting import Bad, Found, look_for, middle

each = pytest.mark.parametrize("bad", [pytest.param(bad, id=bad.name.replace(" ", "-")) for bad in KNOWN_BAD])


@pytest.fixture(scope="module")
def found() -> list[Found]:
    return []


@each
def test_a_known_bad_protocol_is_found(bad: Bad, found: list[Found]) -> None:
    one = look_for(bad)
    found.append(one)
    assert one.tries, f"{bad.name} was not found: {bad.because}"


def test_half_of_them_are_found_within_twenty_seeds(found: list[Found]) -> None:
    if len(found) < len(KNOWN_BAD):
        pytest.skip("needs every variant")
    assert middle(found) <= 20


@pytest.mark.parametrize(
    "bad", [pytest.param(bad, id=bad.name.replace(" ", "-")) for bad in KNOWN_BAD if bad.trap is not None]
)
def test_the_product_walks_into_no_trap(bad: Bad) -> None:
    assert bad.trap is not None
    assert bad.trap(as_built) == ""
