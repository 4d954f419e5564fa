"""Questions that are asked thousands of times: compiled once, and then put to SQLite past the library's machinery.

A file answers a usual question in two microseconds; finding its compiled form, its parameters and the columns of its result
anew takes ten times that. On PostgreSQL the way to the server takes longer than both, and nothing is done past the library.
The statement, how values are written and how they are read back are the library's on either. Used by the modules of the
state for what they read often; never writes.
"""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from sqlalchemy import BindParameter, Connection, Dialect, Select
from sqlalchemy.sql.visitors import iterate

_Convert = Callable[[Any], Any]
_row_type: Callable[..., Any] = namedtuple
_NO_VALUES: Mapping[str, Any] = MappingProxyType({})


class _Slot(NamedTuple):
    """A value that comes with each asking: a parameter, or one of those in its list."""

    name: str
    at: int | None
    write: _Convert | None


class _Form(NamedTuple):
    """What the driver takes, in the order of its question marks, and how the rows are read that it gives."""

    sql: str
    values: tuple[Any, ...]
    """A `_Slot`, or a value that is always the same."""
    readers: tuple[tuple[int, _Convert], ...]
    row: Callable[[Sequence[Any]], Any]


class Prepared:
    """One question. A list has as many values as the next power of two, its last one repeated: a question has few forms."""

    def __init__(self, statement: Select[Any]) -> None:
        self._statement = statement
        asked = [one for one in iterate(statement) if isinstance(one, BindParameter) and one.required]
        self._names = sorted({one.key for one in asked if not one.expanding})
        self._lists = sorted({one.key for one in asked if one.expanding})
        self._forms: dict[tuple[int, ...], _Form] = {}

    def all(self, connection: Connection, values: Mapping[str, Any] = _NO_VALUES) -> Sequence[Any]:
        """Every row: a tuple whose values go by the names of their columns, too."""
        if connection.dialect.name != "sqlite":
            return connection.execute(self._statement, values).all()
        sizes = tuple(_rounded(len(values[name])) for name in self._lists)
        form = self._forms.get(sizes)
        if form is None:
            form = self._forms[sizes] = self._compiled(connection.dialect, sizes)
        driver = cast(sqlite3.Connection, connection.connection.driver_connection)
        rows = driver.execute(form.sql, [_written(one, values) for one in form.values])
        return [form.row(_read(row, form.readers)) for row in rows]

    def first(self, connection: Connection, values: Mapping[str, Any] = _NO_VALUES) -> Any | None:
        """The first row, None where there is none. For questions that have few."""
        return next(iter(self.all(connection, values)), None)

    def _compiled(self, dialect: Dialect, sizes: tuple[int, ...]) -> _Form:
        compiled = self._statement.compile(dialect=dialect)
        assert compiled.binds is not None

        def slot(name: str, at: int | None = None) -> _Slot:
            return _Slot(name, at, compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect))

        slots: dict[str, Any] = {name: slot(name) for name in self._names}
        for name, size in zip(self._lists, sizes, strict=True):
            slots[name] = [slot(name, at) for at in range(size)]
        expanded = compiled.construct_expanded_state(slots)
        columns = list(self._statement.selected_columns)
        readers = (
            (at, column.type.dialect_impl(dialect).result_processor(dialect, None))
            for at, column in enumerate(columns)
        )
        names = [str(column.key) for column in columns]
        return _Form(
            expanded.statement,
            tuple(expanded.positional_parameters),
            tuple((at, reader) for at, reader in readers if reader is not None),
            _row_type("Row", names, rename=True)._make,
        )


def _rounded(size: int) -> int:
    return 1 << (size - 1).bit_length() if size else 0


def _written(one: Any, values: Mapping[str, Any]) -> Any:
    if not isinstance(one, _Slot):
        return one
    value = values[one.name]
    if one.at is not None:
        value = value[min(one.at, len(value) - 1)]
    return value if one.write is None else one.write(value)


def _read(row: Sequence[Any], readers: tuple[tuple[int, _Convert], ...]) -> Sequence[Any]:
    if not readers:
        return row
    values = list(row)
    for at, read in readers:
        values[at] = read(values[at])
    return values
