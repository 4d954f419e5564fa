"""The two sandbox servers as a person or an auditor sees them, through their control API.

Used by the demo and by the e2e tests. Deliberately not built on `connectors`: what it reads must not depend on the code
that it judges, nor on faults, access rules or names that a sandbox was given.
"""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

Row = dict[str, str]
Record = dict[str, Any]
"""A row of the report: its values, `state_name`, `state_label`, `names` of what it refers to, and `notes`."""

_KINDS = {"lines": "order_lines"} | {
    kind: kind for kind in ("orders", "domain_orders", "order_tasks", "work_orders", "work_tasks")
}


class SandboxError(Exception):
    """A sandbox server did not answer as it should."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Where a running sandbox listens, as it announced itself."""

    om_url: str
    fsm_url: str
    control_url: str
    username: str
    password: str

    def control(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """One call of the control API, as its decoded answer."""
        return self._call(self.control_url, method, f"/sandbox/{path}", body)

    def rows(self, side: str, table: str, query: str = "") -> list[Row]:
        """All rows of a table that match an encoded query, stored values. `side` is "om" or "fsm"."""
        asked = {"system": side, "table": table, "query": query}
        return cast("list[Row]", self.control("POST", "rows", asked)["rows"])

    def write(self, side: str, table: str, id: str, **values: str) -> None:
        """An administrator changes a record over the Table API."""
        base = self.om_url if side == "om" else self.fsm_url
        self._call(base, "PATCH", f"/api/now/table/{table}/{id}", dict(values))

    def report(self) -> dict[str, list[Record]]:
        """Every record of both servers by its kind, at one instant, each with its notes in the order of writing."""
        report = self.control("GET", "report")
        return {kind: report[name] for name, kind in _KINDS.items()}

    def notes(self, record_id: str) -> list[str]:
        """The work notes of one record, oldest first."""
        records = (record for records in self.report().values() for record in records)
        return [
            note["text"] for record in records if record["sys_id"] == record_id for note in record["notes"]
        ]

    def reads(self) -> dict[str, int]:
        """How many GETs each table has answered."""
        counts: dict[str, int] = {}
        for row in self.control("GET", "requests")["requests"]:
            if row["method"] == "GET":
                counts[row["table"]] = counts.get(row["table"], 0) + int(row["count"])
        return counts

    def writes(self) -> int:
        """How many writes both servers were asked for under /api/now."""
        return int(self.control("GET", "requests")["writes"])

    def _call(self, base: str, method: str, path: str, body: Mapping[str, object] | None) -> Any:
        parts = urlsplit(base)
        connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=30)
        token = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        headers = {"Accept": "application/json", "Authorization": f"Basic {token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            reply = connection.getresponse()
            data = reply.read()
        finally:
            connection.close()
        if reply.status >= 300:
            raise SandboxError(f"{method} {path.partition('?')[0]} answered {reply.status}: {data[:200]!r}")
        return json.loads(data) if data else {}
