"""Windows over a result: limit, offset, and the headers that tell the client where the others are.

Called by the Table API and the attachment API. The window is cut before access rules are applied, so a page may be
shorter than its limit, or empty, while more pages follow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode

from syncd.sandbox.errors import ApiError
from syncd.sandbox.messages import Request

DEFAULT_LIMIT = 10_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Window:
    """A slice of `total` rows."""

    limit: int
    offset: int

    @classmethod
    def of(cls, request: Request) -> Window:
        limit = _number(request.params, "sysparm_limit", DEFAULT_LIMIT)
        if limit < 1:
            raise _invalid("sysparm_limit")
        offset = _number(request.params, "sysparm_offset", 0)
        if offset < 0:
            raise _invalid("sysparm_offset")
        return cls(limit, offset)

    def cut(self, rows: Sequence[T]) -> Sequence[T]:
        return rows[self.offset : self.offset + self.limit]

    def headers(self, request: Request, total: int) -> dict[str, str]:
        """`X-Total-Count` unless counting was declined, `Link` unless suppressed or everything is on one page."""
        counted = not request.flag("sysparm_no_count")
        headers = {"X-Total-Count": str(total)} if counted else {}
        if total > self.limit and not request.flag("sysparm_suppress_pagination_header"):
            headers["Link"] = ",".join(self._links(request, total, counted=counted))
        return headers

    def _links(self, request: Request, total: int, *, counted: bool) -> list[str]:
        places = {"first": 0}
        if self.offset > 0:
            places["prev"] = max(0, self.offset - self.limit)
        if self.offset + self.limit < total:
            places["next"] = self.offset + self.limit
        if counted:
            places["last"] = (total - 1) // self.limit * self.limit
        return [f'<{self._url(request, at)}>;rel="{name}"' for name, at in places.items()]

    def _url(self, request: Request, offset: int) -> str:
        window = {"sysparm_limit": str(self.limit), "sysparm_offset": str(offset)}
        return f"{request.base}{request.path}?{urlencode({**request.params, **window})}"


def _number(params: Mapping[str, str], name: str, default: int) -> int:
    text = params.get(name, "")
    if text == "":
        return default
    try:
        return int(text)
    except ValueError:
        raise _invalid(name) from None


def _invalid(name: str) -> ApiError:
    return ApiError(400, f"Invalid value given for {name}")
