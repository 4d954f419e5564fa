"""The arithmetic of a request budget."""

import pytest

from mappings.budget import Purpose, Terms, lowered, room

HOUR = Terms(requests=1000, per_s=3600, background=0.5)


@pytest.mark.parametrize(
    ("purpose", "used", "background", "expected"),
    [
        pytest.param(Purpose.URGENT, 0, 0, 1000, id="what is urgent may use all"),
        pytest.param(Purpose.URGENT, 990, 0, 10, id="to the last request"),
        pytest.param(Purpose.URGENT, 1001, 0, 0, id="a budget that was made smaller has no room"),
        pytest.param(Purpose.LIVE, 0, 0, 960, id="live leaves the reserve alone"),
        pytest.param(Purpose.LIVE, 960, 0, 0, id="and is exhausted before it"),
        pytest.param(Purpose.BACKGROUND, 0, 0, 500, id="the background has its share"),
        pytest.param(Purpose.BACKGROUND, 500, 500, 0, id="and no more of it"),
        pytest.param(Purpose.BACKGROUND, 900, 100, 60, id="and what live has left"),
    ],
)
def test_room(purpose, used, background, expected):
    assert room(HOUR, purpose, used, background) == expected


def test_a_block_is_a_hundredth_and_at_least_one():
    assert (HOUR.block, Terms(20, 60).block) == (10, 1)


def test_a_permit_counts_for_as_long_as_it_may_have_been_used():
    assert HOUR.window_s == HOUR.per_s + HOUR.valid_s


@pytest.mark.parametrize(
    ("limit", "span_s", "expected"),
    [
        pytest.param(2000, 0, 1000, id="the config is more cautious"),
        pytest.param(400, 0, 400, id="the server is"),
        pytest.param(400, 1800, 400, id="its window may be as long as ours"),
        pytest.param(2000, 86_400, 83, id="its window is a day"),
        pytest.param(1, 86_400, 1, id="never nothing at all"),
    ],
)
def test_what_a_server_grants_lowers_a_budget_and_never_raises_it(limit, span_s, expected):
    assert lowered(HOUR, limit, span_s).requests == expected
