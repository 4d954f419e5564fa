"""Pages of a feed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connectors.errors import Misconfigured, Unreachable
from connectors.http import Reply
from connectors.paging import (
    BadPage,
    asked_at,
    check_places,
    feed_query,
    follows,
    has_next,
    hidden_rows,
    is_behind,
    next_position,
    shrinking,
    sure_until,
)
from connectors.ports import Cursor, Position

T = datetime(2026, 6, 1, 10, 0, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
NOW = T + timedelta(hours=1)


def reply(*, duration: float = 0.0, date: datetime | None = T, **headers: str) -> Reply:
    return Reply(200, {name.replace("_", "-"): value for name, value in headers.items()}, b"", duration, date)


def query(where: str, id: str) -> str:
    return feed_query(where, Cursor(T, id), stamp="T", stamp_column="u", id_column="i")


def test_a_keyset_place_repeats_the_base_filter_in_both_groups():
    assert query("a=1", "x") == "a=1^u>T^NQa=1^u=T^i>x^ORDERBYu^ORDERBYi"


def test_a_place_before_a_second_includes_all_of_it():
    assert query("", "") == "u>=T^ORDERBYu^ORDERBYi"


@pytest.mark.parametrize(
    ("place", "after", "behind"),
    [
        (Cursor(T, "b"), Cursor(T, "a"), True),
        (Cursor(T, "a"), Cursor(T, "a"), False),
        (Cursor(T - SECOND, "z"), Cursor(T, "a"), False),
        (Cursor(T + SECOND, "a"), Cursor(T, "b"), True),
        (Cursor(T, "a"), Cursor(T), True),
        (Cursor(T - SECOND, "a"), Cursor(T), False),
    ],
)
def test_a_row_is_checked_against_the_place_that_was_asked(place, after, behind):
    assert is_behind(place, after) is behind


@pytest.mark.parametrize(
    ("duration", "expected"),
    [(0.0, T), (0.001, T - SECOND), (1.0, T - SECOND), (1.2, T - 2 * SECOND), (-5.0, T)],
)
def test_asked_at_is_the_date_minus_the_duration_rounded_down(duration, expected):
    assert asked_at(reply(duration=duration), system="s") == expected


def test_a_server_without_a_clock_is_misconfigured():
    with pytest.raises(Misconfigured, match="Date"):
        asked_at(reply(date=None), system="s")


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ('<https://x/?a=1,2;3>;rel="next"', True),
        ('<https://x>;rel="first",<https://x>; rel=next', True),
        ('<https://x>;title="n";rel="last next"', True),
        ('<https://x/?rel="next">;rel="first",<https://x>;rel="prev"', False),
        ("", False),
        ("nonsense rel=next", False),
    ],
)
def test_a_link_is_a_yes_or_a_no(link, expected):
    assert has_next(link) is expected


@pytest.mark.parametrize(
    ("headers", "shown", "expected"),
    [
        ({"link": '<x>;rel="next"'}, 0, True),
        ({"link": '<x>;rel="first"', "x_total_count": "900"}, 10, False),
        ({"x_total_count": "21"}, 0, True),
        ({"x_total_count": "20"}, 10, False),
        ({}, 10, True),
        ({}, 9, False),
        ({"x_total_count": "lots"}, 9, False),
    ],
    ids=["link", "last link", "total says more", "total says end", "full page", "short page", "no number"],
)
def test_the_end_is_what_the_server_says_not_an_empty_page(headers, shown, expected):
    assert follows(reply(**headers), skip=10, limit=10, shown=shown) is expected


def test_an_empty_page_is_stepped_over_from_the_same_place():
    position = Position(Cursor(T, "a"), skip=10)
    assert next_position(position, [], limit=5, settled=NOW) == Position(Cursor(T, "a"), skip=15)


def test_the_next_page_begins_behind_the_last_row():
    position = Position(Cursor(T, "a"), skip=10)
    places = [Cursor(T, "b"), Cursor(T + SECOND, "a")]
    assert next_position(position, places, limit=5, settled=NOW) == Position(places[-1])


def test_a_row_newer_than_the_request_moves_no_cursor_unless_it_is_alone():
    old, new = Cursor(T, "b"), Cursor(NOW, "a")
    position = Position(Cursor(T, "a"))
    assert next_position(position, [old, new], limit=5, settled=NOW) == Position(old)
    assert next_position(position, [new], limit=5, settled=NOW) == Position(new)


def test_a_page_without_a_settled_row_is_sure_only_up_to_where_it_began():
    position, old, new = Position(Cursor(T, "a")), Cursor(T, "b"), Cursor(NOW, "a")
    assert sure_until(position, [old, new], settled=NOW) is None
    assert sure_until(position, [new], settled=NOW) == T
    assert sure_until(position, [], settled=NOW) is None


def test_rows_before_the_place_stop_the_feed():
    with pytest.raises(Misconfigured, match="does not match"):
        check_places(Position(Cursor(T, "b")), [Cursor(T, "a")], settled=NOW, system="s", what="feed")


@pytest.mark.parametrize("ids", ["ba", "aa"], ids=["backwards", "twice"])
def test_rows_out_of_order_stop_the_feed(ids):
    places = [Cursor(T, id) for id in ids]
    with pytest.raises(Misconfigured, match="order"):
        check_places(Position(Cursor(T)), places, settled=NOW, system="s", what="feed")


def test_rows_newer_than_the_request_may_stand_anywhere():
    places = [Cursor(NOW, "x"), Cursor(T, "a"), Cursor(NOW, "b"), Cursor(T, "c")]
    check_places(Position(Cursor(T)), places, settled=NOW, system="s", what="feed")


@pytest.mark.parametrize(
    ("total", "followed", "shown", "expected"),
    [("100", True, 7, 3), ("18", False, 5, 3), ("18", False, 8, 0), (None, False, 5, 0), ("5", False, 9, 0)],
)
def test_rows_that_were_counted_and_not_shown_are_hidden(total, followed, shown, expected):
    headers = {"x_total_count": total} if total else {}
    assert hidden_rows(reply(**headers), skip=10, limit=10, shown=shown, followed=followed) == expected


def test_a_bad_page_is_read_at_half_its_size_down_to_one():
    asked = []

    def fetch(limit: int) -> int:
        asked.append(limit)
        if limit > 3:
            raise BadPage("x")
        return limit

    assert shrinking(fetch, 100, system="s") == 3
    assert asked == [100, 50, 25, 12, 6, 3]


def test_a_bad_page_of_one_is_unreachable():
    def fetch(limit: int) -> int:
        raise BadPage("x")

    with pytest.raises(Unreachable):
        shrinking(fetch, 4, system="s")
