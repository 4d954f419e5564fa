"""Other names for the same world: tables and columns as another company has called them.

The rules of the sandbox know one set of names; a dialect is what clients of the Table API see and say instead. Called by
`api` on the way in and out, and by `seed` for the rows that describe the tables. A name that a dialect replaces does not
exist for a client. Aggregates and attachments are served for their tables, but speak no dialect beyond that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import orjson

from syncd.sandbox.dictionary import CLASS_NAME, Dictionary, words
from syncd.sandbox.messages import Reply, Request

_TERM = re.compile(
    r"(?P<lead>(?:NQ)?(?:ORDERBYDESC|ORDERBY|OR)?)(?P<path>[a-z0-9_.]+)(?P<rest>.*)\Z", re.DOTALL
)
_LINK = re.compile(r"<([^>]*)>")
_TABLE = re.compile(r"(/table/)(\w+)")
NO_SUCH = "no_such_name_"
"""Before a name that a client may not use, because it was replaced or never was."""


@dataclass(frozen=True, slots=True)
class Names:
    """What is called differently: tables by name, columns by the table that defines them, states and their labels by table
    and canonical name."""

    tables: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    states: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


class Dialect:
    """Translates between the names of the rules ("inner") and those of the clients ("outer")."""

    def __init__(self, dictionary: Dictionary, names: Names | None = None) -> None:
        self._dictionary = dictionary
        self._names = names or Names()
        self._inner_tables = {outer: inner for inner, outer in self._names.tables.items()}
        self._outer_paths: dict[tuple[str, str], str] = {}

    def __bool__(self) -> bool:
        return bool(self._names.tables or self._names.columns)

    # --- names -------------------------------------------------------------------------------------------------

    def outer_table(self, inner: str) -> str:
        return self._names.tables.get(inner, inner)

    def inner_table(self, outer: str) -> str:
        """The table that a client means; a name that was replaced means none."""
        return self._inner_tables.get(outer, f"{NO_SUCH}{outer}" if outer in self._names.tables else outer)

    def outer_column(self, table: str, inner: str) -> str:
        owner = next((t for t in self._dictionary.chain(table) if inner in self._dictionary.table(t).own), "")
        return self._names.columns.get(owner, {}).get(inner, inner)

    def inner_column(self, table: str, outer: str) -> str:
        for inner in self._dictionary.fields(table):
            if self.outer_column(table, inner) == outer:
                return inner
        return f"{NO_SUCH}{outer}"

    def inner_pair(self, table: str, column: str) -> tuple[str, str]:
        """A column of a table as the describing tables name both; it may be one that is not here."""
        known = self.inner_table(table)
        return (known, self.inner_column(known, column) if known in self._dictionary else column)

    def outer_path(self, table: str, path: str) -> str:
        """A dot-walked path in the words of clients."""
        found = self._outer_paths.get((table, path))
        if found is None:
            found = self._walk(table, path, self.outer_column, lambda inner, _: inner)
            self._outer_paths[table, path] = found
        return found

    def inner_path(self, table: str, path: str) -> str:
        return self._walk(table, path, self.inner_column, lambda _, translated: translated)

    def _walk(
        self,
        table: str,
        path: str,
        translate: Callable[[str, str], str],
        inner_of: Callable[[str, str], str],
    ) -> str:
        found: list[str] = []
        for step in path.split("."):
            if table not in self._dictionary:
                return f"{NO_SUCH}{path}"
            translated = translate(table, step)
            known = self._dictionary.fields(table).get(inner_of(step, translated))
            table = known.target if known else ""
            found.append(translated)
        return ".".join(found)

    # --- requests ----------------------------------------------------------------------------------------------

    def inward(self, request: Request, table: str) -> Request:
        """The request in the names of the rules. Its path stays as it was sent."""
        if not self:
            return request
        params = {self._parameter(table, name): value for name, value in request.params.items()}
        if "sysparm_query" in params:
            params["sysparm_query"] = self.inner_query(table, params["sysparm_query"])
        if "sysparm_fields" in params:
            asked = [self.inner_path(table, path) for path in words(params["sysparm_fields"])]
            params["sysparm_fields"] = ",".join(asked)
        body = request.body
        if body.strip():
            given = {self.inner_column(table, name): value for name, value in request.json().items()}
            body = orjson.dumps(given)
        return replace(request, params=params, body=body)

    def inner_query(self, table: str, text: str) -> str:
        return "^".join(self._inner_term(table, term) for term in text.split("^"))

    def _inner_term(self, table: str, term: str) -> str:
        match = _TERM.match(term)
        if match is None:
            return term
        path = self.inner_path(table, match["path"])
        rest = match["rest"]
        if path.endswith("sys_class_name"):
            rest = re.sub(r"\w+\Z", lambda name: self.inner_table(name[0]), rest)
        return f"{match['lead']}{path}{rest}"

    def _parameter(self, table: str, name: str) -> str:
        return name if name.startswith("sysparm_") else self.inner_path(table, name)

    # --- replies -----------------------------------------------------------------------------------------------

    def outward(self, reply: Reply, request: Request, table: str) -> Reply:
        """The reply in the names of the client that sent `request`."""
        if not self:
            return reply
        reply.headers = {name: self._header(name, value, request) for name, value in reply.headers.items()}
        if isinstance(reply.data, dict) and "result" in reply.data:
            found = reply.data["result"]
            rows = (
                [self._row(table, row) for row in found]
                if isinstance(found, list)
                else self._row(table, found)
            )
            reply.data = {**reply.data, "result": rows}
        return reply

    def _row(self, table: str, row: Mapping[str, Any]) -> dict[str, Any]:
        return {self.outer_path(table, path): self._value(table, path, value) for path, value in row.items()}

    def _value(self, table: str, path: str, value: Any) -> Any:
        if isinstance(value, dict) and "link" in value:
            return {**value, "link": self._address(value["link"])}
        fields = self._dictionary.resolve(table, path)
        if fields and fields[-1].type == CLASS_NAME and isinstance(value, str):
            return self.outer_table(value)
        return value

    def _header(self, name: str, value: str, request: Request) -> str:
        if name == "Location":
            return self._address(value)
        return _LINK.sub(lambda link: f"<{_own_words(link[1], request)}>", value) if name == "Link" else value

    def _address(self, url: str) -> str:
        return _TABLE.sub(lambda match: match[1] + self.outer_table(match[2]), url)


def _own_words(url: str, request: Request) -> str:
    """The address of another page with the parameters as the client has sent them, but for the window."""
    parts = urlsplit(url)
    window = {k: v for k, v in parse_qsl(parts.query) if k in {"sysparm_limit", "sysparm_offset"}}
    return f"{url.partition('?')[0]}?{urlencode({**request.params, **window})}"
