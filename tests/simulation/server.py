"""One simulated remote system: tables, transactions, journals, feeds and indexes, as the Table API shows them.

Rows carry the stamp of the moment in which their transaction began, whole seconds, however late it commits. A row that
a transaction has written is locked until that commits. Searches and journal look-ups lag, reads by id do not. The past of
every row is kept: it is what the invariants take for the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from connectors.ports import Relation
from mappings.model import Kind, Record
from tests.simulation.engine import START, Hub

GRANULE = timedelta(seconds=1)
JOURNALS = (Kind.DOMAIN_ORDER, Kind.ORDER_TASK, Kind.WORK_ORDER)
"""Kinds whose notes are read."""
Key = tuple[Kind, str]
Edit = Callable[[Record | None], tuple[str, Mapping[str, str]] | None]
"""From a row as it stands to its new state and changed fields; None deletes it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One work note."""

    text: str
    author: str
    at: float
    shown_at: float
    """When a look-up finds it."""
    id: str
    stamp: datetime


@dataclass(frozen=True, slots=True)
class Past:
    """A row as it was from `at` on; `record` None: deleted."""

    at: float
    record: Record | None
    author: str


class Server:
    """Times are seconds of the hub; the server's own clock differs by `skew`."""

    def __init__(self, name: str, hub: Hub, skew: float) -> None:
        self.name = name
        self.hub = hub
        self.skew = skew
        self.tables: dict[Kind, dict[str, Record]] = {kind: {} for kind in Kind}
        self.past: dict[Key, list[Past]] = {}
        self.journal: dict[str, list[Entry]] = {}
        self.relations: list[tuple[str, Relation, float]] = []
        """Rows of the relation table: the id of each, what it says, and when a search finds it."""
        self.hidden: set[Key] = set()
        self.garbled: set[Key] = set()
        self.shown_at: dict[Key, float] = {}
        """When searches find a row."""
        self.locked: dict[Key, float] = {}
        self.unwritable: set[tuple[str, str]] = set()
        """(id, field): access rules drop what our user writes there."""
        self.lag: Callable[[], float] = lambda: 0.0
        self.committed: list[Callable[[Key, Record | None, Record | None, str], None]] = []
        self.noted: list[Callable[[Key, str, str], None]] = []
        self._numbers: dict[Kind, int] = {}

    # -- clock -----------------------------------------------------------------------------------------------------

    def stamp(self) -> datetime:
        """The server's clock now, as it writes it into rows and `Date` headers."""
        return (START + timedelta(seconds=self.hub.now + self.skew)).replace(microsecond=0)

    def seconds(self, stamp: datetime) -> float:
        """A stamp as seconds of the hub."""
        return (stamp - START).total_seconds() - self.skew

    # -- reading ---------------------------------------------------------------------------------------------------

    def get(self, kind: Kind, id: str) -> Record | None:
        return self.tables[kind].get(id)

    def rows(self, kind: Kind) -> list[Record]:
        return list(self.tables[kind].values())

    def behind(self, kind: Kind, stamp: datetime, id: str) -> list[Record]:
        """Rows behind a keyset place, in order, hidden ones among them."""
        key = (stamp, id)
        rows = [r for r in self.tables[kind].values() if r.updated_at >= stamp and (r.updated_at, r.id) > key]
        rows.sort(key=lambda r: (r.updated_at, r.id))
        return rows

    def entries(self, id: str) -> list[Entry]:
        return self.journal.get(id, [])

    def typed_behind(self, stamp: datetime, id: str) -> list[tuple[Key, Entry]]:
        """Notes behind a keyset place, in order, each with its record; those of a deleted record went with it."""
        notes = [
            (key, entry)
            for kind in JOURNALS
            for key in ((kind, one) for one in self.tables[kind])
            if key not in self.hidden
            for entry in self.journal.get(key[1], ())
            if (entry.stamp, entry.id) > (stamp, id)
        ]
        return sorted(notes, key=lambda note: (note[1].stamp, note[1].id))

    def at(self, key: Key, when: float) -> Record | None:
        """A row as it was committed at an instant."""
        found = None
        for past in self.past.get(key, ()):
            if past.at > when:
                break
            found = past.record
        return found

    def versions(self, before: Record, after: Record) -> list[Record]:
        """What a row was behind one of its versions and up to another, where that changed anything: its audit."""
        found, last = [], before
        for past in self.past.get((after.kind, after.id), ()):
            row = past.record
            if row is not None and before.version < row.version <= after.version:
                if (row.state, row.fields) != (last.state, last.fields):
                    found.append(row)
                last = row
        return found

    # -- writing ---------------------------------------------------------------------------------------------------

    def free_at(self, keys: Sequence[Key]) -> float:
        """When no transaction holds any of these rows any more."""
        return max((self.locked.get(key, 0.0) for key in keys), default=0.0)

    def when_free(self, keys: Sequence[Key], act: Callable[[], None]) -> None:
        """Acts now, or as soon as the transactions that hold these rows have committed."""
        free = self.free_at(keys)
        if free > self.hub.now:
            self.hub.at(free, lambda: self.when_free(keys, act))
        else:
            act()

    def write(self, edits: Mapping[Key, Edit], author: str, *, takes: float = 0.0) -> None:
        """One transaction: stamped now, committed `takes` seconds later, its rows locked in between."""
        stamp = self.stamp()

        def commit() -> None:
            for key, edit in edits.items():
                self.locked.pop(key, None)
                self._apply(key, edit, stamp, author)

        if takes <= 0:
            commit()
            return
        until = self.hub.now + takes
        for key in edits:
            self.locked[key] = until
        self.hub.at(until, commit)

    def _apply(self, key: Key, edit: Edit, stamp: datetime, author: str) -> None:
        kind, id = key
        before = self.tables[kind].get(id)
        wanted = edit(before)
        after: Record | None = None
        if wanted is None:
            if before is None:
                return
            self.tables[kind].pop(id, None)
        else:
            after = self._next(key, before, *wanted, stamp=stamp)
            if after == before:
                return
            self.tables[kind][id] = after
        if before is None:
            self.shown_at[key] = self.hub.now + self.lag()
        self.past.setdefault(key, []).append(Past(self.hub.now, after, author))
        for tell in self.committed:
            tell(key, before, after, author)

    def _next(
        self, key: Key, before: Record | None, state: str, fields: Mapping[str, str], *, stamp: datetime
    ) -> Record:
        if before is None:
            kind, id = key
            number = self._number(kind)
            label = state.replace("_", " ").title()
            return Record(kind, id, number, 0, stamp, stamp, state, label, dict(fields))
        merged = {**before.fields, **fields}
        if state == before.state and merged == before.fields:
            return before  # what changes nothing bumps nothing
        return replace(
            before,
            state=state,
            state_label=state.replace("_", " ").title(),
            fields=merged,
            version=before.version + 1,
            updated_at=max(stamp, before.updated_at),
        )

    def touch(self, key: Key, author: str) -> None:
        """Bumps a row without changing it, as a note does."""
        before = self.tables[key[0]][key[1]]
        after = replace(before, version=before.version + 1, updated_at=max(self.stamp(), before.updated_at))
        self.tables[key[0]][key[1]] = after
        self.past.setdefault(key, []).append(Past(self.hub.now, after, author))

    def note(self, key: Key, text: str, author: str) -> None:
        """Appends a work note; its record is bumped."""
        now = self.hub.now
        for tell in self.noted:
            tell(key, text, author)
        entries = self.journal.setdefault(key[1], [])
        id = f"{key[1][:24]}{len(entries):08x}"
        entries.append(Entry(text, author, now, now + self.lag(), id, self.stamp()))
        self.touch(key, author)

    def _number(self, kind: Kind) -> str:
        self._numbers[kind] = self._numbers.get(kind, 0) + 1
        return f"{_PREFIX[kind]}{self._numbers[kind]:04}"


_PREFIX = {
    Kind.CUSTOMER_ORDER: "ORD",
    Kind.ORDER_LINE: "ORDL",
    Kind.DOMAIN_ORDER: "DO",
    Kind.ORDER_TASK: "OT",
    Kind.CHARACTERISTIC: "CHR",
    Kind.WORK_ORDER: "WO",
    Kind.WORK_TASK: "WOT",
}


def to(state: str = "", **fields: str) -> Edit:
    """An edit that sets a state and fields of a row that stands."""

    def edit(before: Record | None) -> tuple[str, Mapping[str, str]] | None:
        if before is None:
            return None
        return state or before.state, fields

    return edit


def new(state: str, **fields: str) -> Edit:
    """An edit that makes a row, and leaves one that is there alone."""

    def edit(before: Record | None) -> tuple[str, Mapping[str, str]] | None:
        return (state, fields) if before is None else (before.state, {})

    return edit
