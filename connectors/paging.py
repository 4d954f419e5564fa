"""Pages of a feed: what to ask for behind a keyset place, what the reply proves, and where the next page begins.

Called by `servicenow.system`. Nothing here sends a request. A link of the server is a yes or no, never followed; a row
is believed only when it lies where we asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TypeVar

from connectors.errors import FilterIgnored, Misconfigured, Unreachable
from connectors.http import Reply
from connectors.ports import Cursor, Place, Position

T = TypeVar("T")

_LINK = re.compile(r"<[^>]*>((?:\s*;\s*[^,;<]*)*)")
_REL = re.compile(r""";\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,]+))""", re.IGNORECASE)


class BadPage(Exception):
    """A page that did not parse, or carried an error inside a success: read it again at half its size."""


def feed_query(where: str, after: Cursor, *, stamp: str, stamp_column: str, id_column: str) -> str:
    """The encoded query for rows behind `after`, in keyset order. `stamp` is `after.stamp` as the server writes it.

    `where` is repeated in both groups, because `^NQ` begins a query of its own.
    """
    base = f"{where}^" if where else ""
    order = f"ORDERBY{stamp_column}^ORDERBY{id_column}"
    if not after.id:
        return f"{base}{stamp_column}>={stamp}^{order}"
    return f"{base}{stamp_column}>{stamp}^NQ{base}{stamp_column}={stamp}^{id_column}>{after.id}^{order}"


def is_behind(place: Cursor, after: Cursor) -> bool:
    """Whether a row lies where the query for rows behind `after` asked."""
    return place > after if after.id else place.stamp >= after.stamp


def walk_query(where: str, after: str, *, id_column: str) -> str:
    """The encoded query for rows behind the id `after`, in the order of ids."""
    behind = f"{id_column}>{after}" if after else ""
    return "^".join(part for part in (where, behind, f"ORDERBY{id_column}") if part)


def next_place(place: Place, ids: Sequence[str], *, limit: int) -> Place:
    """Where the stretch after this one begins, when one follows. `ids` are those of its rows, in the reply's order."""
    return Place(ids[-1]) if ids else Place(place.after, place.skip + limit)


def check_ids(place: Place, ids: Sequence[str], *, system: str, what: str) -> None:
    """Raises `FilterIgnored` when rows do not lie behind the place in the order of ids: the query was ignored."""
    if any(later <= earlier for earlier, later in pairwise((place.after, *ids))):
        raise FilterIgnored(
            f"{what}: rows do not come in the order of ids, so the server ignores a part of the query",
            system=system,
        )


def asked_at(reply: Reply, *, system: str) -> datetime:
    """A server instant certainly not later than the moment the query began: `Date` minus the whole duration."""
    if reply.date is None:
        raise Misconfigured("replies carry no Date header, so the server's clock is unknown", system=system)
    return (reply.date - timedelta(seconds=max(0.0, reply.duration))).replace(microsecond=0)


def has_next(link: str) -> bool:
    """Whether a `Link` header names a next page."""
    relations = (rel for params in _LINK.findall(link) for rel in _REL.findall(params))
    return any("next" in (quoted or bare).lower().split() for quoted, bare in relations)


def follows(reply: Reply, *, skip: int, limit: int, shown: int) -> bool:
    """Whether the server says that rows follow this page.

    Links decide where there are any. A single page has none; then the total must agree, and where that is missing too,
    a full page is taken to be followed by another.
    """
    link = reply.headers.get("link", "")
    if link:
        return has_next(link)
    total = total_count(reply)
    return shown >= limit if total is None else total > skip + limit


def total_count(reply: Reply) -> int | None:
    """`X-Total-Count`: rows that match, shown or hidden."""
    text = reply.headers.get("x-total-count", "")
    return int(text) if text.isascii() and text.isdecimal() else None


def next_position(position: Position, places: Sequence[Cursor], *, limit: int, settled: datetime) -> Position:
    """Where the page after this one begins, when one follows. `places` are those of its rows, in the reply's order.

    A row that changed while the server was reading shows a newer stamp than the one it was sorted by; going on behind it
    would jump over others. Such a row is not older than `settled` (the request less the longest transaction: a change
    that commits now may carry the stamp of its beginning), so the last row that is older decides.
    """
    if not places:
        return Position(position.after, position.skip + limit)
    older = [place for place in places if place.stamp < settled]
    return Position(older[-1] if older else places[-1])


def sure_until(position: Position, places: Sequence[Cursor], *, settled: datetime) -> datetime | None:
    """Of a page that another follows: None when every row before the next page has been read, else the instant up to
    which that is sure. Where no row is older than `settled`, each may have been sorted by an older stamp than it shows."""
    if not places or any(place.stamp < settled for place in places):
        return None
    return position.after.stamp


def check_places(
    position: Position, places: Sequence[Cursor], *, settled: datetime, system: str, what: str
) -> None:
    """Raises `FilterIgnored` when rows do not lie behind the position, or settled ones not in order: the query was
    ignored."""
    if not all(is_behind(place, position.after) for place in places):
        raise FilterIgnored(
            f"{what}: a row does not match the query, so the server ignores a part of it", system=system
        )
    older = [place for place in places if place.stamp < settled]
    if any(later <= earlier for earlier, later in pairwise(older)):
        raise FilterIgnored(f"{what}: rows do not come in the order asked for", system=system)


def hidden_rows(reply: Reply, *, skip: int, limit: int, shown: int, followed: bool) -> int:
    """How many rows the server counted in this slice and did not show."""
    if followed:
        return max(0, limit - shown)
    total = total_count(reply)
    return 0 if total is None else max(0, min(limit, total - skip) - shown)


def shrinking(fetch: Callable[[int], T], limit: int, *, system: str) -> T:
    """The page that `fetch(limit)` returns, at half the size after each `BadPage`. Raises `Unreachable` at size 1."""
    while True:
        try:
            return fetch(limit)
        except BadPage as bad:
            if limit <= 1:
                raise Unreachable(f"even a page of one row does not parse: {bad}", system=system) from None
            limit //= 2
