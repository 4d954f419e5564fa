"""Requests and replies as the API modules see them: no sockets, no framework.

Made by `http` from the wire and by `batch` from its items, so that both take the same road through `api`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

import orjson

from syncd.sandbox.errors import ApiError


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Header names are lower-case, `params` hold the last value of each query parameter."""

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    base: str = ""
    """Scheme and host as the client sees them, for links."""

    @classmethod
    def from_url(cls, method: str, url: str, headers: Mapping[str, str], body: bytes, base: str) -> Request:
        parts = urlsplit(url)
        params = dict(parse_qsl(parts.query, keep_blank_values=True))
        return cls(method, parts.path, params, headers, body, base)

    def flag(self, name: str) -> bool:
        return self.params.get(name, "").lower() == "true"

    def json(self) -> dict[str, object]:
        """The JSON object of the body; of several objects only the first counts, as on the platform."""
        if not self.body.strip():
            return {}
        try:
            data = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise ApiError(400, "Exception while reading request", "The payload is not valid JSON.") from None
        if isinstance(data, list):
            data = data[0] if data else {}
        if not isinstance(data, dict):
            raise ApiError(400, "Exception while reading request", "The payload is not valid JSON.")
        return data


@dataclass(slots=True)
class Reply:
    """One reply. `data` is sent as JSON unless `raw` holds the bytes; both None is an empty body."""

    status: int = 200
    data: object = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    content_type: str = "application/json;charset=UTF-8"

    def content(self) -> bytes:
        if self.raw is not None:
            return self.raw
        return b"" if self.data is None else orjson.dumps(self.data)


def error_reply(error: ApiError) -> Reply:
    headers = {"WWW-Authenticate": 'BASIC realm="Service-now"'} if error.status == 401 else {}
    return Reply(error.status, error.body(), headers)
