"""Single values: what a client sends becomes what is stored, what is stored becomes what people see.

Called by `instance` on writes and by `render` on reads. Lenient where the platform is: a value that does not fit its
field is dropped (None), not refused.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import orjson

from syncd.sandbox.clock import STAMP_FORMAT, parse_stamp
from syncd.sandbox.dictionary import (
    BOOLEAN,
    DATE,
    DATETIME,
    DECIMAL,
    INTEGER,
    PASSWORD,
    REFERENCE,
    UNWRITABLE,
    Field,
)

if TYPE_CHECKING:
    from syncd.sandbox.instance import Instance

SYS_ID = re.compile(r"[0-9a-zA-Z]{32}\Z")


def writable(field: Field) -> bool:
    return field.name not in UNWRITABLE and field.type != PASSWORD


def as_text(raw: object) -> str:
    """A JSON value as the platform takes it: everything is a string."""
    if raw is None:
        return ""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, str):
        return raw
    if isinstance(raw, float) and raw.is_integer():
        return str(int(raw))
    if isinstance(raw, int | float):
        return str(raw)
    return orjson.dumps(raw).decode()


def to_stored(
    instance: Instance, table: str, field: Field, raw: object, *, display_input: bool
) -> str | None:
    """The value to keep, None when the platform would drop it."""
    text = as_text(raw)
    if field.choice:
        return _choice(instance, table, field, text, display_input=display_input)
    if text == "":
        return ""
    if field.type == REFERENCE:
        return _reference(instance, field, text, display_input=display_input)
    if field.type in {DATETIME, DATE}:
        return _date(field, text)
    if field.type == BOOLEAN:
        return {"true": "true", "1": "true", "false": "false", "0": "false"}.get(text.lower())
    if field.type in {INTEGER, DECIMAL}:
        return text.strip() if re.fullmatch(r"\s*-?\d+(\.\d+)?\s*", text) else None
    return text[: field.max_length]


def _choice(instance: Instance, table: str, field: Field, text: str, *, display_input: bool) -> str | None:
    choices = instance.choices(table, field.name)
    if display_input:
        text = next((value for value, label in choices if label.casefold() == text.casefold()), text)
    listed = any(value == text for value, _ in choices)
    if listed or not choices or instance.flag("glide.rest.choice.allow_non_existing_value"):
        return text
    return None


def _reference(instance: Instance, field: Field, text: str, *, display_input: bool) -> str | None:
    """An id is kept whether or not it leads anywhere; other text is looked up as a display value."""
    if SYS_ID.match(text) and not display_input:
        return text
    if field.target not in instance.dictionary:
        return None
    wanted = text.casefold()
    for row in instance.store.rows(field.target):
        if row.id == text or instance.title(row).casefold() == wanted:
            return row.id
    return None


def _date(field: Field, text: str) -> str | None:
    at = parse_stamp(text)
    if at is None:
        return None
    return at.strftime("%Y-%m-%d" if field.type == DATE else STAMP_FORMAT)


def shown_date(text: str, zone: ZoneInfo) -> str:
    """A stored date-time in a user's time zone."""
    at = parse_stamp(text)
    return text if at is None else at.astimezone(zone).strftime(STAMP_FORMAT)


def stamp_before(now: datetime, seconds: float) -> str:
    return (now - timedelta(seconds=seconds)).astimezone(UTC).strftime(STAMP_FORMAT)
