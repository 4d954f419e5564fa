"""The Table API: list, read, create, change and delete records over REST.

Called by `api` with a request whose user is known. Strict where the platform is strict, silent where it is silent:
unknown fields and unlisted choices are dropped, unknown query terms ignored, unknown tables refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.sandbox.access import check_write
from syncd.sandbox.errors import ApiError, no_record, not_allowed
from syncd.sandbox.messages import Reply, Request
from syncd.sandbox.paging import Window
from syncd.sandbox.render import Renderer
from syncd.sandbox.search import Search

if TYPE_CHECKING:
    from syncd.sandbox.faults import DataFaults
    from syncd.sandbox.instance import Instance, Session
    from syncd.sandbox.records import Row


class TableApi:
    """Serves `/table/{table}[/{sys_id}]` of one instance."""

    def __init__(self, instance: Instance, faults: DataFaults) -> None:
        self._instance = instance
        self._faults = faults

    def serve(self, request: Request, session: Session, table: str, id: str | None, version: str) -> Reply:
        if request.method in {"GET", "HEAD"}:
            return (
                self._list(request, session, table, version)
                if id is None
                else self._read(request, session, table, id)
            )
        if (request.method == "POST") is not (id is None):
            raise not_allowed()
        check_write(session, request.method)
        if id is None:
            return self._create(request, session, table)
        if request.method == "DELETE":
            return self._delete(session, table, id)
        if request.method in {"PUT", "PATCH"}:
            return self._change(request, session, table, id)
        raise not_allowed()

    def _list(self, request: Request, session: Session, table: str, version: str) -> Reply:
        window = Window.of(request)
        found = self._find(request, session, table)
        visible = [row for row in window.cut(found) if not self._faults.hides(row)]
        if not found and version == "v1":
            raise no_record()
        renderer = Renderer(self._instance, session, table, request)
        result = [self._faults.spoil(row, renderer.row(row)) for row in visible]
        return Reply(200, {"result": result}, window.headers(request, len(found)))

    def _find(self, request: Request, session: Session, table: str) -> list[Row]:
        text = request.params.get("sysparm_query", "")
        if self._faults.ignores_query(table):
            text = "^".join(part for part in text.split("^") if part.startswith("ORDERBY"))
        rows = Search(self._instance, session, table, text).rows()
        if "sysparm_query" in request.params:
            return rows
        for name, wanted in request.params.items():
            if not name.startswith("sysparm_"):
                rows = self._equal(table, rows, name, wanted)
        return rows

    def _equal(self, table: str, rows: list[Row], name: str, wanted: str) -> list[Row]:
        """`field=value` as a parameter of its own: the stored value or what people see of it."""
        fields = self._instance.dictionary.resolve(table, name)
        raw = self._instance.reader(table, name)
        if fields is None or raw is None:
            return rows
        folded = wanted.casefold()
        labels = {label.casefold(): value for value, label in self._instance.choices(table, fields[-1].name)}
        accepted = {folded, labels.get(folded, folded)}
        show = self._instance.display
        return [
            r for r in rows if raw(r).casefold() in accepted or show(fields[-1], raw(r)).casefold() == folded
        ]

    def _read(self, request: Request, session: Session, table: str, id: str) -> Reply:
        row = self._existing(table, id)
        rendered = Renderer(self._instance, session, table, request).row(row)
        return Reply(200, {"result": self._faults.spoil(row, rendered)})

    def _create(self, request: Request, session: Session, table: str) -> Reply:
        given = self._faults.keep(table, request.json())
        row = self._instance.insert(table, given, session.user, display_input=self._display_input(request))
        reply = self._written(request, session, table, row)
        reply.status, reply.headers["Location"] = 201, f"{request.base}/api/now/table/{table}/{row.id}"
        return reply

    def _change(self, request: Request, session: Session, table: str, id: str) -> Reply:
        row = self._existing(table, id)
        given = self._faults.keep(table, request.json())
        self._instance.update(row, given, session.user, display_input=self._display_input(request))
        return self._written(request, session, table, row)

    def _delete(self, session: Session, table: str, id: str) -> Reply:
        self._instance.delete(self._existing(table, id), session.user)
        return Reply(204)

    def _written(self, request: Request, session: Session, table: str, row: Row) -> Reply:
        if request.headers.get("x-no-response-body", "").lower() == "true":
            return Reply(200)
        rendered = Renderer(self._instance, session, table, request).row(row)
        return Reply(200, {"result": self._faults.spoil(row, rendered)})

    def _existing(self, table: str, id: str) -> Row:
        row = self._instance.store.get(table, id)
        if row is None or self._faults.hides(row):
            raise no_record()
        return row

    @staticmethod
    def _display_input(request: Request) -> bool:
        return request.flag("sysparm_input_display_value")


def check_media(instance: Instance, request: Request) -> None:
    """The platform wants to be told what is sent and what is wanted.

    Its documentation answers 400 to a request without Accept, its own client sends none and is served: refusing is a
    switch, the property `sandbox.accept_required`.
    """
    accept = request.headers.get("accept", "")
    if not accept and instance.flag("sandbox.accept_required"):
        raise ApiError(400, "Requested URI does not represent any resource", "Accept header is missing")
    if accept and not any(kind in accept for kind in ("json", "*/*", "application/*")):
        raise ApiError(406, "Not acceptable", f"Media type {accept[:80]} is not supported")
    if request.method in {"POST", "PUT", "PATCH"} and request.body:
        sent = request.headers.get("content-type", "")
        if not sent:
            raise ApiError(400, "Exception while reading request", "Content-Type header is missing")
        if "json" not in sent:
            raise ApiError(415, "Unsupported Media Type", f"Media type {sent[:80]} is not supported")
