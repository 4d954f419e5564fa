"""What records were between two looks at them, as the audit of a ServiceNow instance (`sys_audit`) tells.

Called by `field_service`. Always asks for records by id, which is what the platform has an index for. An entry is one field
of one update; its checkpoint is the modification count that the update gave the record. Raises the errors of reads.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from connectors.errors import Busy, RemoteError
from connectors.profile import KindProfile
from connectors.retrying import Retries
from connectors.servicenow import wire
from connectors.servicenow.filters import Filter
from connectors.servicenow.schema import referenced_tables
from connectors.servicenow.search import every_row
from connectors.servicenow.table_api import Row, TableApi
from mappings.model import UNKNOWN_STATE, Record

TABLE = "sys_audit"
_RECORD, _FIELD, _NEW, _CHECKPOINT = "documentkey", "fieldname", "newvalue", "record_checkpoint"
IDS_PER_READ = 50


@dataclass(frozen=True, slots=True)
class _Entry:
    """One column of one update."""

    record: str
    version: int
    at: datetime
    column: str
    value: str


class Audit:
    """The audit of one kind of record."""

    def __init__(self, api: TableApi, retries: Retries, spec: KindProfile, book: wire.StateBook) -> None:
        self._api = api
        self._retries = retries
        self._spec = spec
        self._book = book

    def versions(
        self, between: Sequence[tuple[Record, Record]], fields: Sequence[str]
    ) -> Mapping[str, tuple[Record, ...]]:
        """The versions of each record behind its first sighting and up to its second."""
        columns = {name: column for name in fields if (column := self._spec.column(name))}
        roots = tuple(sorted({column.partition(".")[0] for column in columns.values()}))
        entries = self._entries([after.id for _, after in between], roots) if roots else {}
        names = self._names(columns, [entry for some in entries.values() for entry in some])
        told = {
            after.id: tuple(self._retraced(before, after, entries[after.id], names))
            for before, after in between
            if after.id in entries
        }
        return {id: versions for id, versions in told.items() if versions}

    def _entries(self, ids: Sequence[str], columns: tuple[str, ...]) -> Mapping[str, list[_Entry]]:
        """Not narrowed by the table: the audit names the class of a record, which may extend that of the profile."""
        found: dict[str, list[_Entry]] = defaultdict(list)
        wanted = list(dict.fromkeys(ids))
        for begin in range(0, len(wanted), IDS_PER_READ):
            where = Filter({_RECORD: tuple(wanted[begin : begin + IDS_PER_READ]), _FIELD: columns})
            for row in every_row(self._api, self._retries, TABLE, where, (_NEW, _CHECKPOINT, wire.CREATED)):
                entry = _entry(row)
                if entry is not None:
                    found[entry.record].append(entry)
        return found

    def _retraced(
        self, before: Record, after: Record, entries: Sequence[_Entry], names: Mapping[tuple[str, str], str]
    ) -> Iterator[Record]:
        record = before
        by_version: dict[int, list[_Entry]] = defaultdict(list)
        for entry in entries:
            if before.version < entry.version <= after.version:
                by_version[entry.version].append(entry)
        for version, some in sorted(by_version.items()):
            record = replace(record, version=version, updated_at=max(entry.at for entry in some))
            for entry in some:
                record = self._with(record, entry, names)
            yield record

    def _with(self, record: Record, entry: _Entry, names: Mapping[tuple[str, str], str]) -> Record:
        """The record with one column as an entry says, wherever the profile reads it."""
        if entry.column == self._spec.state:
            state = self._book.canonical.get(entry.value, UNKNOWN_STATE)
            record = replace(record, state=state, state_label=self._book.labels.get(entry.value, entry.value))
        fields = dict(record.fields)
        for name, column in self._spec.fields.items():
            if column == entry.column:
                fields[name] = entry.value
            elif column.startswith(f"{entry.column}.") and (column, entry.value) in names:
                fields[name] = names[column, entry.value]
        return replace(record, fields=fields)

    def _names(self, columns: Mapping[str, str], entries: Sequence[_Entry]) -> Mapping[tuple[str, str], str]:
        """(dot-walked column, id) to what stands behind that reference: the audit has the id only, people read the name."""
        names: dict[tuple[str, str], str] = {}
        wanted: dict[str, set[str]] = {}
        for column in {column for column in columns.values() if column.count(".") == 1}:
            names[column, ""] = ""
            ids = {
                one.value for one in entries if column.startswith(f"{one.column}.") and wire.is_id(one.value)
            }
            if ids:
                wanted[column] = ids
        try:
            for column, found in self._asked(wanted).items():
                names |= {(column, id): name for id, name in found.items()}
        except Busy:
            raise
        except RemoteError:
            pass  # names that our user may not read stay as they were; the last one is told with the record itself
        return names

    def _asked(self, wanted: Mapping[str, set[str]]) -> Mapping[str, Mapping[str, str]]:
        if not wanted:
            return {}
        roots = {column.partition(".")[0] for column in wanted}
        tables = referenced_tables(self._api, self._retries, self._spec.table, roots)
        found = {}
        for column, ids in sorted(wanted.items()):
            root, _, shown = column.partition(".")
            where = Filter({wire.ID: tuple(sorted(ids))})
            rows = (
                every_row(self._api, self._retries, tables[root], where, (shown,)) if root in tables else ()
            )
            found[column] = {str(row[wire.ID]): wire.text_of(row, shown, shown) for row in rows}
        return found


def _entry(row: Row) -> _Entry | None:
    """None for one that does not parse: what it tells is told with the next."""
    try:
        checkpoint = wire.text_of(row, _CHECKPOINT, "version")
        if not checkpoint.isascii() or not checkpoint.isdecimal() or len(checkpoint) > 9:
            return None
        return _Entry(
            wire.text_of(row, _RECORD, "record"),
            int(checkpoint),
            wire.parse_instant(wire.text_of(row, wire.CREATED, "created_at"), "created_at"),
            wire.text_of(row, _FIELD, "field"),
            wire.text_of(row, _NEW, "value"),
        )
    except wire.FieldError:
        return None
