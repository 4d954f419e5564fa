"""How instants and values are written in the tables, the same on SQLite and PostgreSQL. Used by `state.schema` and its users."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import BigInteger, Dialect, Integer, String, Text, TypeDecorator


class Instant(TypeDecorator[datetime]):
    """An instant as fixed-width text, "2026-11-23T06:51:54.000000Z": sorts as it reads, in any shell."""

    # C: PostgreSQL compares by byte, as SQLite does
    impl = String(27).with_variant(String(27, collation="C"), "postgresql")
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> str | None:
        return None if value is None else instant_text(value)

    def process_result_value(self, value: str | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else instant_of(value)


def instant_text(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError("an instant without a time zone")
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    return value.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def instant_of(text: str) -> datetime:
    return datetime.fromisoformat(text)


class Json(TypeDecorator[Any]):
    """A value as JSON text. Read-only mappings and dataclasses are written as objects."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, _dialect: Dialect) -> str | None:
        return None if value is None else orjson.dumps(value, default=_plain).decode()

    def process_result_value(self, value: str | None, _dialect: Dialect) -> Any:
        return None if value is None else orjson.loads(value)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


class OutsideText(TypeDecorator[str]):
    """Text that a remote system wrote: what no database column holds (NUL, lone surrogates) is escaped."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        if value is None:
            return None
        return value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


RowId = BigInteger().with_variant(Integer, "sqlite")
"""SQLite grows ids only for INTEGER keys."""
