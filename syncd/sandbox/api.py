"""The REST surface of one system: finds out who asks and for what, and hands on.

Called by `http` for each request and by `batch` for each item. Everything that goes wrong leaves as an error reply in
the platform's words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.sandbox.attachments import serve_attachments
from syncd.sandbox.auth import Authority
from syncd.sandbox.batch import serve_batch
from syncd.sandbox.dialect import NO_SUCH
from syncd.sandbox.errors import ApiError, invalid_table, no_resource
from syncd.sandbox.messages import Reply, Request, error_reply
from syncd.sandbox.stats import serve_stats
from syncd.sandbox.table_api import TableApi, check_media
from syncd.sandbox.traffic import Traffic

if TYPE_CHECKING:
    from syncd.sandbox.faults import DataFaults
    from syncd.sandbox.instance import Instance, Session

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})


class Api:
    """What one port serves under /api/now."""

    def __init__(
        self, system: str, instance: Instance, authority: Authority, faults: DataFaults, traffic: Traffic
    ) -> None:
        self.system = system
        self.instance = instance
        self._authority = authority
        self._tables = TableApi(instance, faults)
        self._traffic = traffic

    def serve(self, request: Request) -> Reply:
        """Answers one request; never raises."""
        try:
            return self._serve(_overridden(request))
        except ApiError as error:
            if error.status == 401:
                self._traffic.turned_away(self.system)
            return error_reply(error)

    def _serve(self, request: Request) -> Reply:
        if request.path == "/oauth_token.do":
            self._traffic.asked_for_token(self.system)
            return self._authority.serve_token(request)
        version, resource, rest = split_path(request.path)
        if resource in {"table", "stats"} and rest:
            rest[0] = self.instance.dialect.inner_table(rest[0])
            self._traffic.record(self.system, request.method, rest[0])
        else:
            self._traffic.record(self.system, request.method, resource)
        session = self._authority.identify(request.headers)
        if resource != "attachment":
            check_media(self.instance, request)
        if request.method not in _METHODS:
            raise ApiError(405, "Method not Supported")
        reply = self._dispatch(request, session, version, resource, rest)
        reply.headers.setdefault("X-Is-Logged-In", "true")
        if request.method == "HEAD":
            reply.data, reply.raw = None, b""
        return reply

    def _dispatch(
        self, request: Request, session: Session, version: str, resource: str, rest: list[str]
    ) -> Reply:
        if resource == "table" and 1 <= len(rest) <= 2:
            return self._table(request, session, rest[0], rest[1] if len(rest) == 2 else None, version)
        if resource == "stats" and len(rest) == 1:
            return serve_stats(self.instance, request, session, rest[0])
        if resource == "attachment":
            prefix = f"/api/now/{version}" if version else "/api/now"
            return serve_attachments(self.instance, request, session, rest, prefix)
        if resource == "batch" and not rest:
            return serve_batch(request, self.serve)
        raise no_resource()

    def _table(self, request: Request, session: Session, table: str, id: str | None, version: str) -> Reply:
        if table not in self.instance.dictionary:
            raise invalid_table(table.removeprefix(NO_SUCH))
        dialect = self.instance.dialect
        reply = self._tables.serve(dialect.inward(request, table), session, table, id, version)
        return dialect.outward(reply, request, table)


def split_path(path: str) -> tuple[str, str, list[str]]:
    """Version ("" for the default), resource and what follows it, of a path under /api/now."""
    parts = [part for part in path.split("/") if part]
    if parts[:2] != ["api", "now"]:
        raise no_resource()
    parts = parts[2:]
    version = parts.pop(0) if parts and parts[0] in {"v1", "v2"} else ""
    if not parts:
        raise no_resource()
    return version, parts[0], parts[1:]


def _overridden(request: Request) -> Request:
    method = request.headers.get("x-http-method-override", "").upper()
    if not method or request.method != "POST":
        return request
    return Request(method, request.path, request.params, request.headers, request.body, request.base)
