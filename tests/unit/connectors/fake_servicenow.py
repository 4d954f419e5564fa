"""A small ServiceNow behind respx: rows in memory, encoded queries, one-second stamps, journals, hidden rows, faults.

Loaded by the conftest of the connector tests and of the port contracts. It behaves; it is no script of calls. What a
profile names, it has: tables, columns and choices are made from the packaged profiles.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qs

import httpx

from connectors.profile import Profile, load_profile
from mappings.model import Kind

OM_URL = "http://127.0.0.1"
FSM_URL = "http://127.0.0.2"
START = datetime(2026, 6, 1, 10, 0, 0, tzinfo=UTC)
STATE_NUMBERS = {"draft": "1", "closed_complete": "3", "closed_incomplete": "4", "canceled": "7"}
_TERM = re.compile(r"([A-Za-z_.]+?)(NOT IN|STARTSWITH|>=|LIKE|IN|=|>|<)(.*)\Z", re.DOTALL)


@functools.cache
def profile(name: str) -> Profile:
    found, problems = load_profile(name)
    assert found is not None, problems
    return found


REFERS = {"assigned_to": "sys_user", "assignment_group": "sys_user_group"}


class FakeServiceNow:
    """One instance. `faults` are asked first, oldest first; one that answers is used up."""

    def __init__(self, base: Profile) -> None:
        self.profile = base
        self.now = START
        self.tables: dict[str, dict[str, dict[str, str]]] = {}
        self.hidden: set[str] = set()
        self.faults: list[Callable[[httpx.Request], httpx.Response | None]] = []
        self.requests: list[httpx.Request] = []
        self.ignored_columns: set[str] = set()
        self._ids = (f"{n:032x}" for n in itertools.count(1))
        self._numbers = itertools.count(1000)
        self._stock()

    # -- a person at the keyboard ----------------------------------------------------------------------------------

    def add(
        self, kind: Kind | str, *, state: str = "draft", at: datetime | None = None, **columns: str
    ) -> str:
        """A row with every column of its kind; returns its id."""
        at = at or self.now
        stamp = at.strftime("%Y-%m-%d %H:%M:%S")
        row = {
            "sys_id": columns.pop("sys_id", "") or next(self._ids),
            "sys_created_on": stamp,
            "sys_updated_on": stamp,
            "sys_mod_count": "0",
        }
        if isinstance(kind, Kind):
            spec = self.profile.kinds[kind]
            row |= dict.fromkeys(spec.columns(), "") | {spec.number: f"N{next(self._numbers)}"}
            row[spec.state] = STATE_NUMBERS.get(state, state)
            table = spec.table
        else:
            table = kind
        self.tables.setdefault(table, {})[row["sys_id"]] = row | columns
        return row["sys_id"]

    def row(self, kind: Kind, id: str) -> dict[str, str]:
        return self.tables[self.profile.kinds[kind].table][id]

    def tick(self, seconds: int = 1) -> None:
        self.now += timedelta(seconds=seconds)

    def fail_once(self, answer: httpx.Response | Exception, *, method: str = "", path: str = "") -> None:
        """The next request of this method whose path contains `path` gets this instead, and runs not."""

        def fault(request: httpx.Request) -> httpx.Response | None:
            if (method and request.method != method) or path not in request.url.path:
                return None
            if isinstance(answer, Exception):
                raise answer
            return answer

        self.faults.append(fault)

    def sent(self, method: str, path: str = "") -> list[httpx.Request]:
        return [r for r in self.requests if r.method == method and path in r.url.path]

    # -- the server ------------------------------------------------------------------------------------------------

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        for place, fault in enumerate(list(self.faults)):
            self.faults.remove(fault)
            answer = fault(request)
            if answer is not None:
                return answer
            self.faults.insert(place, fault)
        parts = request.url.path.removeprefix("/api/now/table/").split("/")
        params = {name: values[0] for name, values in parse_qs(request.url.query.decode()).items()}
        if parts[0] not in self.tables:
            return self.error(400, f"Invalid table {parts[0]}")
        if len(parts) == 1:
            return (
                self._list(parts[0], params) if request.method == "GET" else self._insert(parts[0], request)
            )
        return self._one(parts[0], parts[1], request, params)

    def error(self, status: int, message: str, detail: str = "") -> httpx.Response:
        body = {"error": {"message": message, "detail": detail or None}, "status": "failure"}
        return self.reply(status, body)

    def reply(self, status: int, body: object, **headers: str) -> httpx.Response:
        date = format_datetime(self.now.replace(tzinfo=UTC), usegmt=True)
        text = json.dumps(body)  # ASCII: half a surrogate pair stays an escape
        return httpx.Response(
            status, text=text, headers={"Content-Type": "application/json", "Date": date, **headers}
        )

    def _list(self, table: str, params: dict[str, str]) -> httpx.Response:
        query, limit = params.get("sysparm_query", ""), int(params.get("sysparm_limit", "10000"))
        offset = int(params.get("sysparm_offset", "0"))
        rows = self._select(table, query)
        window = rows[offset : offset + limit]
        shown = [self._shape(row, params) for row in window if row["sys_id"] not in self.hidden]
        headers = {"X-Total-Count": str(len(rows))}
        if len(rows) > limit:
            rels = ["first", "last"] + (["next"] if offset + limit < len(rows) else [])
            headers["Link"] = ",".join(
                f'<https://elsewhere.example/{table}?x=1,2>;rel="{rel}"' for rel in rels
            )
        return self.reply(200, {"result": shown}, **headers)

    def _one(self, table: str, id: str, request: httpx.Request, params: dict[str, str]) -> httpx.Response:
        row = self.tables[table].get(id)
        if row is None or id in self.hidden:
            return self.error(
                404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval"
            )
        if request.method == "PATCH":
            self._change(row, json.loads(request.content))
        return self.reply(200, {"result": self._shape(row, params)})

    def _insert(self, table: str, request: httpx.Request) -> httpx.Response:
        values = json.loads(request.content)
        if values.get("sys_id") in self.tables[table]:
            return self.error(
                403, "Operation Failed", "Unique Key violation detected by database (Duplicate entry)"
            )
        id = values.pop("sys_id", "")
        kind = next((k for k, spec in self.profile.kinds.items() if spec.table == table), None)
        id = self.add(kind, sys_id=id) if kind else self.add(table, sys_id=id, **self.relation_columns)
        self._change(self.tables[table][id], values, bump=False)
        params = {name: values[0] for name, values in parse_qs(request.url.query.decode()).items()}
        return self.reply(201, {"result": self._shape(self.tables[table][id], params)})

    def _change(self, row: dict[str, str], values: dict[str, str], *, bump: bool = True) -> None:
        kept = {
            name: value for name, value in values.items() if name in row and name not in self.ignored_columns
        }
        changed = {name: value for name, value in kept.items() if row[name] != value}
        note = values.get("work_notes", "") if "work_notes" not in self.ignored_columns else ""
        if note:
            self.note(row["sys_id"], note)
        row |= changed
        if bump and (changed or note):
            row["sys_mod_count"] = str(int(row["sys_mod_count"]) + 1)
            row["sys_updated_on"] = self.now.strftime("%Y-%m-%d %H:%M:%S")
            for name, value in changed.items():
                self.audited(row, name, value)

    def audited(self, row: dict[str, str], name: str, value: str, checkpoint: str | None = None) -> None:
        """An entry of the audit about one column of a record."""
        self.add(
            "sys_audit",
            documentkey=row["sys_id"],
            fieldname=name,
            newvalue=value,
            record_checkpoint=row["sys_mod_count"] if checkpoint is None else checkpoint,
        )

    def note(self, id: str, text: str, *, element: str = "work_notes", author: str = "syncd") -> str:
        return self.add(
            "sys_journal_field",
            element_id=id,
            element=element,
            name=self._journal_name(id),
            value=text,
            sys_created_by=author,
        )

    def _journal_name(self, id: str) -> str:
        """The table of a record as the journal names it: that of a child class, where there is one."""
        for kind, names in self.profile.journal.items():
            if id in self.tables[self.profile.kinds[kind].table]:
                return names[-1]
        return "a_child_class"

    def _shape(self, row: dict[str, str], params: dict[str, str]) -> dict[str, str]:
        names = params.get("sysparm_fields", "").split(",")
        return {name: row[name] for name in names if name in row}

    def _select(self, table: str, query: str) -> list[dict[str, str]]:
        rows = list(self.tables[table].values())
        if not query:
            return rows
        groups = [[t for t in re.split(r"\^(?!OR(?!DERBY))", group) if t] for group in query.split("^NQ")]
        orders = [t.removeprefix("ORDERBY") for t in groups[-1] if t.startswith("ORDERBY")]
        terms = [[t for t in group if not t.startswith("ORDERBY")] for group in groups]
        found = [row for row in rows if any(all(self._holds(t, row) for t in group) for group in terms)]
        return sorted(found, key=lambda row: [row[name] for name in orders])

    def _holds(self, terms: str, row: dict[str, str]) -> bool:
        return any(self._one_holds(term, row) for term in terms.split("^OR"))

    def _one_holds(self, term: str, row: dict[str, str]) -> bool:
        match = _TERM.match(term)
        assert match is not None, f"the fake does not know the term {term!r}"
        column, operator, value = match.groups()
        if column not in row:
            return True  # an unknown column is ignored, as ServiceNow does
        found = row[column]
        if operator in ("IN", "NOT IN"):
            return (found in value.split(",")) == (operator == "IN")
        if operator == "STARTSWITH":
            return found.lower().startswith(value.lower())
        if operator == "LIKE":
            return value.lower() in found.lower()
        if operator == "=":
            return found.lower() == value.lower()
        if operator == "<":
            return found < value
        return found > value if operator == ">" else found >= value

    # -- what every instance has -----------------------------------------------------------------------------------

    def _stock(self) -> None:
        base = self.profile
        self.tables = {
            name: {}
            for name in ("sys_journal_field", "sys_choice", "sys_dictionary", "sys_db_object", "sys_audit")
        }
        self._table("task", "", ["number", base.note_field])
        for spec in base.kinds.values():
            self._table(spec.table, "task", [c.partition(".")[0] for c in spec.columns() if c != spec.number])
            for sequence, (state, labels) in enumerate(spec.states.items()):
                self.choice(spec.table, STATE_NUMBERS.get(state, state), labels[0], sequence=str(sequence))
        if base.relation is not None:
            columns = [base.relation.parent, base.relation.child, base.relation.type]
            self.relation_columns = dict.fromkeys(columns, "")
            self.tables[base.relation.table] = {}
            self.add(base.relation.type_table, name="Contains::Task of")
        for reference in base.references.values():
            self._table(reference.table, "", reference.match.values())

    def _table(self, name: str, parent: str, columns: Iterable[str]) -> None:
        self.tables.setdefault(name, {})
        self.add("sys_db_object", **{"name": name, "super_class.name": parent})
        for column in sorted(set(columns)):
            self.add("sys_dictionary", name=name, element=column, reference=REFERS.get(column, ""))

    def choice(self, table: str, value: str, label: str, *, sequence: str = "", language: str = "en") -> None:
        self.add(
            "sys_choice",
            name=table,
            element="state",
            value=value,
            label=label,
            sequence=sequence,
            language=language,
            inactive="false",
        )
