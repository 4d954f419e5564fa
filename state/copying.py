"""A whole state copied into another database, SQLite or PostgreSQL either way, and compared with it row by row.

Called by `syncd state copy`. The target must be empty; everything arrives in one transaction or not at all. Sequences go on
where those of the source stand, so that no id is ever used twice. Leases and the clock stay behind: who held and counted
them does not run there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select, text

from state import schema
from state.backup import verify
from state.engine import Database, parse_url
from state.leases import run_lock
from state.migrations import check_revision, create_or_migrate
from state.types import StateError

ROWS_AT_ONCE = 500
LEFT_BEHIND = frozenset({"clock", "decider", "leases"})


def copy_state(source: str, target: str) -> dict[str, int]:
    """Copies everything; how many rows of each table that were. Raises `StateLocked` while a daemon runs on either, and
    `StateError` when the target holds something or does not say the same afterwards."""
    if parse_url(source) == parse_url(target):
        raise StateError("the target is the state itself; name another database")
    with run_lock(source), run_lock(target):
        create_or_migrate(target)
        from_, to = Database(source), Database(target)
        try:
            counts = _copied(from_, to)
        finally:
            from_.close()
            to.close()
        problems = verify(target)
    if problems:
        raise StateError(f"the copy is there, and it is not sound: {problems[0]}; do not use it")
    return counts


def _copied(source: Database, target: Database) -> dict[str, int]:
    with source.reading() as old, target.deciding() as new:
        check_revision(old, source.name)
        for table in _tables():
            if new.scalar(select(func.count()).select_from(table)):
                raise StateError(f"{target.name} is not empty: {table.name} has rows; name an empty database")
        counts = {table.name: _copy_table(table, old, new) for table in _tables()}
        for table in _tables():
            _go_on_from(table, old, new)
        differing = [table.name for table in _tables() if _digest(table, old) != _digest(table, new)]
        if differing:
            raise StateError(
                f"what arrived in {', '.join(differing)} is not what was sent; nothing was copied"
            )
    return counts


def _tables() -> list[Table]:
    return [table for table in schema.metadata.sorted_tables if table.name not in LEFT_BEHIND]


def _rows(table: Table, connection: Connection) -> Iterator[list[Mapping[str, Any]]]:
    result = connection.execute(select(table).order_by(*table.primary_key)).mappings()
    while part := result.fetchmany(ROWS_AT_ONCE):
        yield [dict(row) for row in part]


def _copy_table(table: Table, old: Connection, new: Connection) -> int:
    count = 0
    for part in _rows(table, old):
        new.execute(insert(table), part)
        count += len(part)
    return count


def _go_on_from(table: Table, old: Connection, new: Connection) -> None:
    """New ids come behind all that the source ever gave out, the deleted ones too."""
    if table.autoincrement_column is None:
        return
    last = max(_last_id(table, old), _highest_id(table, old))
    if not last:
        return
    values = {"name": table.name, "last": last}
    if new.dialect.name == "sqlite":
        new.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), values)
        new.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"), values)
    else:
        new.execute(text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :last)"), values)


def _last_id(table: Table, connection: Connection) -> int:
    if connection.dialect.name == "sqlite":
        found = connection.scalar(
            text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": table.name}
        )
    else:
        sequence = connection.scalar(text("SELECT pg_get_serial_sequence(:name, 'id')"), {"name": table.name})
        found = connection.scalar(
            text("SELECT pg_sequence_last_value(CAST(:sequence AS regclass))"), {"sequence": sequence}
        )
    return int(found or 0)


def _highest_id(table: Table, connection: Connection) -> int:
    return int(connection.scalar(select(func.max(table.c.id))) or 0)


def _digest(table: Table, connection: Connection) -> int:
    """What all rows say, whatever their order: the two databases sort text differently."""
    total = 0
    for part in _rows(table, connection):
        for row in part:
            said = repr([row[column.name] for column in table.c]).encode()
            total += int.from_bytes(hashlib.sha256(said).digest(), "big")
    return total % 2**256
