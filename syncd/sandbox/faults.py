"""Faults that the control API switches on: a world that misbehaves the way real ones do.

`http` asks for faults of the wire (latency, outages, resets, lies), the Table API for faults of the data (hidden rows,
dropped fields, spoilt values). A fault ends after `count` requests, after `for_s` seconds, or when it is cleared.

    latency              {ms}                     every matching request waits first
    outage               {mode: 503|reset|refuse} refuse closes the port itself: use the other one to end it, or `for_s`
    status               {status, retry_after?, message?, detail?}     an answer without execution
    rate_limit           {retry_after?}           429
    redirect             {location?}              302 to another host
    reset, html_200, dropped_202                  nothing is executed either
    reset_after_commit, error_after_commit {status?}, hang_after_commit {seconds}     the write happened
    truncated_200 {above?}, error_in_200          a read that breaks off; with `above` only when more rows are asked for
    truncated_after_commit, error_in_success_after_commit     a write that does
    hidden               {sys_ids} or {table}     access rules after the limit
    malformed_row        {sys_id, field?, value?} one row reads badly
    drop_fields          {fields, table?}         a write loses them silently
    ignore_query         {table?}                 the filter is ignored, the order is not
    late_commit          {seconds, table?}        writes are stamped in the past
    server_ids           {table?}                 a client-chosen sys_id is not honoured
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncd.sandbox.clock import SandboxClock
    from syncd.sandbox.records import Row

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
READS = frozenset({"GET", "HEAD"})
BEFORE_KINDS = frozenset(
    {"latency", "outage", "status", "rate_limit", "redirect", "html_200", "dropped_202", "reset"}
)
AFTER_KINDS = {
    "reset_after_commit": WRITES,
    "error_after_commit": WRITES,
    "hang_after_commit": WRITES,
    "truncated_after_commit": WRITES,
    "error_in_success_after_commit": WRITES,
    "truncated_200": READS,
    "error_in_200": READS,
}
DATA_KINDS = frozenset(
    {"hidden", "malformed_row", "drop_fields", "ignore_query", "late_commit", "server_ids"}
)
KINDS = BEFORE_KINDS | AFTER_KINDS.keys() | DATA_KINDS


@dataclass(slots=True)
class Fault:
    """One fault. Empty `system`, `method` or `table` means any; `count` None means until cleared."""

    id: int
    kind: str
    system: str = ""
    method: str = ""
    table: str = ""
    count: int | None = None
    skip: int = 0
    """Matching requests that pass unharmed before the first one that does not."""
    options: Mapping[str, object] = field(default_factory=dict)
    expires_at: datetime | None = None

    def concerns(self, system: str, method: str, table: str) -> bool:
        if self.system and system and self.system != system:
            return False
        return self.method in {"", method} and self.table in {"", table}

    def number(self, name: str, default: float) -> float:
        value = self.options.get(name, default)
        return float(value) if isinstance(value, int | float | str) else default

    def text(self, name: str, default: str = "") -> str:
        return str(self.options.get(name, default))

    def names(self, name: str) -> list[str]:
        value = self.options.get(name)
        return [str(v) for v in value] if isinstance(value, list) else []


class FaultBook:
    """All active faults of a world."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._all: list[Fault] = []
        self._next = 1

    @property
    def _faults(self) -> list[Fault]:
        """Those that have not run out."""
        if any(f.expires_at for f in self._all):
            now = self._clock.now()
            self._all = [f for f in self._all if f.expires_at is None or f.expires_at > now]
        return self._all

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults)

    def add(self, given: Mapping[str, object]) -> Fault:
        """A fault from the control API's JSON: the known keys, everything else becomes an option of the kind."""
        kind = str(given.get("kind", ""))
        if kind not in KINDS:
            raise ValueError(f"unknown kind of fault {kind!r}; known: {', '.join(sorted(KINDS))}")
        count, skip = given.get("count"), given.get("skip", 0)
        fault = Fault(
            self._next,
            kind,
            _system(given.get("system")),
            str(given.get("method", "")).upper(),
            str(given.get("table", "")),
            count if isinstance(count, int) else None,
            skip if isinstance(skip, int) else 0,
            dict(given),
        )
        if "for_s" in given:
            fault.expires_at = self._clock.now() + timedelta(seconds=fault.number("for_s", 0))
        self._next += 1
        self._all.append(fault)
        return fault

    def clear(self, id: int | None = None) -> None:
        self._all = [] if id is None else [f for f in self._all if f.id != id]

    def take(self, kinds: Iterable[str], system: str, method: str, table: str) -> list[Fault]:
        """The faults of these kinds that strike this request; each strike counts."""
        wanted, struck = set(kinds), []
        for fault in list(self._faults):
            if fault.kind in wanted and fault.concerns(system, method, table):
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                struck.append(fault)
                self._use(fault)
        return struck

    def active(self, kind: str, system: str, table: str) -> list[Fault]:
        """The faults of one kind that concern a table, without counting."""
        return [f for f in self._faults if f.kind == kind and f.concerns(system, f.method, table)]

    def of_kind(self, kind: str, system: str) -> list[Fault]:
        """The faults of one kind that concern a system, whatever their table."""
        return [
            f for f in self._faults if f.kind == kind and (not f.system or not system or f.system == system)
        ]

    def refuses(self, system: str) -> bool:
        """Whether the port of a system is to be closed."""
        return any(f.text("mode") == "refuse" for f in self.of_kind("outage", system))

    def _use(self, fault: Fault) -> None:
        if fault.count is not None:
            fault.count -= 1
            if fault.count <= 0:
                self._all.remove(fault)


def _system(raw: object) -> str:
    text = str(raw or "")
    return {"om": "order_management", "fsm": "field_service", "both": ""}.get(text, text)


class DataFaults:
    """The faults of the data, as one system's Table API asks for them."""

    def __init__(self, book: FaultBook, system: str) -> None:
        self._book = book
        self._system = system

    def hides(self, row: Row) -> bool:
        """Whether access rules keep this row from the caller."""
        hiding = self._book.of_kind("hidden", self._system)
        return any(
            row.id in ids if (ids := fault.names("sys_ids")) else fault.table == row.table for fault in hiding
        )

    def spoil(self, row: Row, rendered: dict[str, object]) -> dict[str, object]:
        """The row with the fields that a fault made unreadable."""
        for fault in self._book.of_kind("malformed_row", self._system):
            name = fault.text("field", "sys_updated_on")
            if fault.text("sys_id") == row.id and name in rendered:
                rendered = {**rendered, name: fault.options.get("value", "garbage")}
        return rendered

    def keep(self, table: str, given: dict[str, object]) -> dict[str, object]:
        """What of a write survives field-level access rules."""
        for fault in self._book.active("drop_fields", self._system, table):
            given = {name: value for name, value in given.items() if name not in fault.names("fields")}
        return given

    def ignores_query(self, table: str) -> bool:
        return bool(self._book.active("ignore_query", self._system, table))

    def backdates(self, table: str) -> float:
        """How many seconds behind the clock a write is stamped: a transaction that commits late."""
        return max(
            (f.number("seconds", 5) for f in self._book.active("late_commit", self._system, table)),
            default=0.0,
        )

    def honours_ids(self, table: str) -> bool:
        return not self._book.active("server_ids", self._system, table)
