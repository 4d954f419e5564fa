"""The rows of one instance, in memory: by id within a table hierarchy, with indexes on the columns that clients look up.

Written by `instance` only, which stamps and checks; read by everything. Knows nothing of types, rules or users.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from syncd.sandbox.dictionary import Dictionary

INDEXED = frozenset(
    {
        "element_id", "correlation_id", "initiated_from", "parent", "order", "order_line_item", "documentkey", "user_name",
        "name", "collection", "user", "group", "role", "table_sys_id", "domain_order",
    }
)  # fmt: skip


class Row:
    """One record. `values` holds only what is not empty; `tie` is an arbitrary, stable order among equals."""

    __slots__ = ("id", "table", "tie", "values")

    def __init__(self, table: str, id: str, values: dict[str, str]) -> None:
        self.table = table
        self.id = id
        self.tie = id[::-1]
        self.values = values

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")


class DuplicateId(Exception):
    """A record of this hierarchy has that sys_id already."""


class Store:
    """Rows by table hierarchy. Parent tables show the rows of the tables that extend them."""

    def __init__(self, dictionary: Dictionary) -> None:
        self._dictionary = dictionary
        self._by_table: dict[str, dict[str, Row]] = {}
        self._by_root: dict[str, dict[str, Row]] = {}
        self._index: dict[tuple[str, str, str], dict[str, Row]] = {}
        self.version: dict[str, int] = {}
        """How often each table was written: what caches compare."""

    def get(self, table: str, id: str) -> Row | None:
        """The record, when it belongs to the table or to one that extends it."""
        row = self._by_root.get(self._dictionary.root(table), {}).get(id)
        if row is None or table not in self._dictionary.chain(row.table):
            return None
        return row

    def rows(self, table: str) -> Iterator[Row]:
        """All rows that the table shows."""
        for name in self._dictionary.family(table):
            yield from self._by_table.get(name, {}).values()

    def count(self, table: str) -> int:
        return sum(len(self._by_table.get(name, ())) for name in self._dictionary.family(table))

    def find(self, table: str, **wanted: str) -> list[Row]:
        """Rows whose fields equal `wanted`, in order of creation; quick where one of the fields is indexed."""
        return [row for row in self._candidates(table, wanted) if all(row[f] == v for f, v in wanted.items())]

    def first(self, table: str, **wanted: str) -> Row | None:
        return next(iter(self.find(table, **wanted)), None)

    def lookup(self, table: str, field: str, value: str) -> list[Row] | None:
        """Rows of an indexed column, None when the column has no index."""
        if field == "sys_id":
            row = self.get(table, value)
            return [] if row is None else [row]
        if field not in INDEXED:
            return None
        return list(self._candidates(table, {field: value}))

    def add(self, row: Row) -> None:
        by_id = self._by_root.setdefault(self._dictionary.root(row.table), {})
        if row.id in by_id:
            raise DuplicateId(row.id)
        by_id[row.id] = row
        self._by_table.setdefault(row.table, {})[row.id] = row
        for key in self._keys(row, row.values):
            self._index.setdefault(key, {})[row.id] = row
        self._touch(row.table)

    def replace(self, row: Row, values: dict[str, str]) -> None:
        """Gives a row new values."""
        old, new = set(self._keys(row, row.values)), set(self._keys(row, values))
        for key in old - new:
            self._index[key].pop(row.id, None)
        for key in new - old:
            self._index.setdefault(key, {})[row.id] = row
        row.values = values
        self._touch(row.table)

    def remove(self, row: Row) -> None:
        del self._by_root[self._dictionary.root(row.table)][row.id]
        del self._by_table[row.table][row.id]
        for key in self._keys(row, row.values):
            self._index[key].pop(row.id, None)
        self._touch(row.table)

    def _candidates(self, table: str, wanted: Mapping[str, str]) -> Iterator[Row]:
        field = next((f for f in wanted if f in INDEXED and wanted[f]), None)
        if field is None:
            yield from self.rows(table)
            return
        for name in self._dictionary.family(table):
            yield from self._index.get((name, field, wanted[field]), {}).values()

    @staticmethod
    def _keys(row: Row, values: Mapping[str, str]) -> list[tuple[str, str, str]]:
        return [(row.table, f, v) for f, v in values.items() if f in INDEXED]

    def _touch(self, table: str) -> None:
        self.version[table] = self.version.get(table, 0) + 1
