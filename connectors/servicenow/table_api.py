"""The Table API, step by step: list, read, insert, patch. One request each (two after a 401), never retried here.

Called by `system`, `schema` and `search`. Knows paths, parameters and status codes; knows no profile and no record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from connectors.auth import Auth
from connectors.errors import Doubtful, Misconfigured, RemoteError, Unreachable, Unreadable
from connectors.http import Reply, Transport
from connectors.paging import BadPage
from connectors.servicenow import answers
from connectors.strict_json import BadJson, Flaw

BASE = "/api/now/table"
NEXT = "`syncd check --remote` says whether they are taken"
Row = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rows:
    """One page as it came: objects, or a `Flaw` where one could not be accepted; and the reply, for its headers."""

    rows: list[Any]
    reply: Reply


@dataclass(frozen=True, slots=True)
class Written:
    """What a successful write answered: the record as it then stands, and the reply, for its headers."""

    row: Row
    reply: Reply


class TableApi:
    """One instance of ServiceNow. Safe to call from any thread."""

    def __init__(self, transport: Transport, auth: Auth) -> None:
        self._transport = transport
        self._auth = auth
        self.system = transport.system

    def list(self, table: str, *, query: str, columns: Sequence[str], limit: int, offset: int = 0) -> Rows:
        """One page of a table. Raises `BadPage` when half a page might pass, else the errors of a read."""
        params = _params(columns) | {"sysparm_limit": str(limit)}
        if query:
            params["sysparm_query"] = query
        if offset:
            params["sysparm_offset"] = str(offset)
        what = f"GET {BASE}/{table}"
        reply = self._exchange("GET", f"{BASE}/{table}", params=params)
        if answers.was_cancelled(reply):
            raise BadPage("the server gave up")
        if reply.status != 200:
            raise answers.read_error(reply, what, self.system)
        return Rows(_rows_of(reply), reply)

    def read(self, table: str, id: str, *, columns: Sequence[str]) -> Row:
        """One record. Raises `Missing`, `Unreadable` when its JSON is not acceptable, else the errors of a read."""
        path = f"{BASE}/{table}/{id}"
        reply = self._exchange("GET", path, params=_params(columns))
        if reply.status != 200:
            raise answers.read_error(reply, f"GET {path}", self.system)
        try:
            return _record_of(reply.json())
        except BadJson as error:
            raise self._unreadable(reply, f"GET {path}", error) from None

    def insert(self, table: str, values: Mapping[str, str], *, columns: Sequence[str]) -> Written:
        """Creates one record. Only a 201 with a record in it is a success."""
        return self._write("POST", f"{BASE}/{table}", values, columns, success=201)

    def patch(self, table: str, id: str, values: Mapping[str, str], *, columns: Sequence[str]) -> Written:
        """Changes the given columns of one record and returns it as it then stands."""
        return self._write("PATCH", f"{BASE}/{table}/{id}", values, columns, success=200)

    def close(self) -> None:
        self._transport.close()

    def _write(
        self, method: str, path: str, values: Mapping[str, str], columns: Sequence[str], *, success: int
    ) -> Written:
        reply = self._exchange(method, path, params=_params(columns), json=dict(values))
        if reply.status != success:
            raise answers.write_error(reply, f"{method} {path}", self.system)
        try:
            return Written(_record_of(reply.json()), reply)
        except BadJson as error:
            what = f"{method} {path}: answered {success}, but {error}"
            raise Doubtful(what, system=self.system, status=reply.status) from None

    def _exchange(
        self, method: str, path: str, *, params: Mapping[str, str], json: Mapping[str, str] | None = None
    ) -> Reply:
        """One request with a valid pass; after a 401 once more with a renewed one (a 401 has executed nothing)."""
        credentials = self._sign(lambda: self._auth.current(self._post_form))
        headers = {"Authorization": credentials.header}
        reply = self._transport.send(method, path, params=params, json=json, headers=headers)
        if reply.status != 401:
            return reply
        renewed = self._sign(lambda: self._auth.renewed(credentials, self._post_form))
        if renewed is not None:
            headers = {"Authorization": renewed.header}
            reply = self._transport.send(method, path, params=params, json=json, headers=headers)
        if reply.status == 401:
            raise self._refused(f"{method} {path}: our credentials are refused (401)", 401)
        return reply

    def _post_form(self, path: str, form: Mapping[str, str]) -> Reply:
        return self._transport.send("POST", path, form=form, write=False)

    def _sign(self, step: Callable[[], T]) -> T:
        """Runs a step of `auth`, which knows no system, and names ours in its errors."""
        try:
            return step()
        except Misconfigured as error:
            raise self._refused(str(error), error.status) from None
        except RemoteError as error:
            error.system = error.system or self.system
            raise

    def _refused(self, what: str, status: int | None) -> Misconfigured:
        """Whose credentials, and what to do about it."""
        told = f"{self.system}: {what}: {self._auth.told}; put right what is named here, or the account there; {NEXT}"
        return Misconfigured(told, system=self.system, status=status)

    def _unreadable(self, reply: Reply, what: str, error: BadJson) -> RemoteError:
        try:
            tree = reply.salvage()
        except BadJson:
            return Unreachable(f"{what}: {error}", system=self.system, status=reply.status)
        found = tree.get("result") if isinstance(tree, dict) else tree
        if not isinstance(found, Flaw):
            return Unreachable(f"{what}: {error}", system=self.system, status=reply.status)
        message = f"{what}: the record's JSON is not acceptable"
        return Unreadable(message, field="", reason=found.reason, system=self.system, status=reply.status)


def _params(columns: Sequence[str]) -> dict[str, str]:
    return {
        "sysparm_fields": ",".join(columns),
        "sysparm_display_value": "false",
        "sysparm_exclude_reference_link": "true",
    }


def _rows_of(reply: Reply) -> list[Any]:
    """The rows of a page. One row that is not acceptable becomes a `Flaw`; a page that is not, a `BadPage`."""
    try:
        try:
            tree = reply.json()
        except BadJson:
            tree = reply.salvage()
    except BadJson as error:
        raise BadPage(str(error)) from None
    if isinstance(tree, Flaw) or not isinstance(tree, dict) or "error" in tree:
        raise BadPage("an error inside a success")
    rows = tree.get("result")
    if not isinstance(rows, list):
        raise BadPage("no list of rows")
    return rows


def _record_of(tree: Any) -> Row:
    if not isinstance(tree, dict) or "error" in tree:
        raise BadJson("it carries an error")
    found = tree.get("result")
    if not isinstance(found, dict):
        raise BadJson("it carries no record")
    return found
