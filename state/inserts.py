"""Inserts that meet a row that is there already, the same on SQLite and PostgreSQL. Used by the modules of the state that write."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert


@cache
def insert_or_ignore(table: Table, dialect: str) -> Any:
    """An insert that leaves an existing row alone."""
    return _insert(dialect)(table).on_conflict_do_nothing()


@cache
def insert_or_replace(table: Table, dialect: str, keep: tuple[str, ...] = ()) -> Any:
    """An insert that overwrites an existing row by primary key, except its `keep` columns."""
    statement = _insert(dialect)(table)
    keys = [column.name for column in table.primary_key]
    new = {c.name: statement.excluded[c.name] for c in table.c if c.name not in (*keys, *keep)}
    return statement.on_conflict_do_update(index_elements=keys, set_=new)


def _insert(dialect: str) -> Any:
    # the two dialects' inserts have the same methods and no common type
    return cast(Any, sqlite_insert if dialect == "sqlite" else postgresql_insert)
