"""The one place where rows of the Table API become records, and logical values become columns.

Called by `system`. Values arrive as strings, references as an object, a string or "", booleans as "true" and "false",
instants as "YYYY-MM-DD HH:MM:SS" in UTC; a record has only strings. Nothing here sends a request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connectors.ports import Cursor, UnreadableRecord, Wanted
from connectors.profile import KindProfile
from connectors.strict_json import Flaw
from mappings.model import UNKNOWN_STATE, Kind, Record

ID = "sys_id"
CREATED = "sys_created_on"
UPDATED = "sys_updated_on"
VERSION = "sys_mod_count"
SYSTEM_COLUMNS = (ID, CREATED, UPDATED, VERSION)
"""What the platform keeps on every record; part of the contract of the Table API, so not of a profile."""

_ID = re.compile(r"[0-9a-f]{32}\Z")
_INSTANT = re.compile(r"(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)\Z", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}\Z", re.ASCII)
_NEVER_IN_A_QUERY = re.compile(r"\^|[\x00-\x1f\x7f]|javascript:", re.IGNORECASE)


class FieldError(Exception):
    """A value of a row that we cannot read: `field` is its logical name or column, `reason` quotes nothing of it."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class UnknownField(Exception):
    """A logical field or state that this instance cannot be given; the message says why."""


@dataclass(frozen=True, slots=True)
class StateBook:
    """Stored choices of one kind on one instance, and the canonical states they stand for."""

    canonical: Mapping[str, str]
    """Stored value -> canonical state."""
    labels: Mapping[str, str]
    """Stored value -> what people read."""
    stored: Mapping[str, str]
    """Canonical state -> the stored value that is written."""


def is_id(text: str) -> bool:
    """Whether a text may stand in a path or a query as an id."""
    return _ID.match(text) is not None


def may_be_queried(text: str) -> bool:
    """Whether a value may stand in an encoded query. There is no escape for `^`, and scripts would run on the server."""
    return bool(text) and _NEVER_IN_A_QUERY.search(text) is None


def columns_of(spec: KindProfile) -> tuple[str, ...]:
    """What a request for records of this kind asks for."""
    return (*SYSTEM_COLUMNS, *(column for column in spec.columns() if column not in SYSTEM_COLUMNS))


def decode_record(row: Mapping[str, Any], spec: KindProfile, book: StateBook) -> Record:
    """The record that a row holds. Raises `FieldError` naming the first value that cannot be read."""
    stored = text_of(row, spec.state, "state") if spec.state else ""
    return Record(
        kind=spec.kind,
        id=id_of(row),
        number=text_of(row, spec.number, "number") if spec.number else "",
        version=_integer(text_of(row, VERSION, "version"), "version"),
        created_at=parse_instant(text_of(row, CREATED, "created_at"), "created_at"),
        updated_at=parse_instant(text_of(row, UPDATED, "updated_at"), "updated_at"),
        state=book.canonical.get(stored, UNKNOWN_STATE) if spec.state else "",
        state_label=book.labels.get(stored, stored),
        fields={name: text_of(row, column, name) for name, column in spec.fields.items()},
    )


def decode_row(row: Any, spec: KindProfile, book: StateBook) -> Record | UnreadableRecord:
    """The record of one row of a page, or what quarantine keeps of it."""
    if isinstance(row, Flaw):
        return _unreadable(row.raw, spec.kind, FieldError("", row.reason))
    if not isinstance(row, dict):
        return _unreadable(row, spec.kind, FieldError("", "not an object"))
    try:
        return decode_record(row, spec, book)
    except FieldError as error:
        return _unreadable(row, spec.kind, error)


def place_of_row(found: Record | UnreadableRecord, column: str = UPDATED) -> Cursor | None:
    """Where a decoded row lies among rows in the order of a stamp, None when that could not be read."""
    if isinstance(found, Record):
        return Cursor(found.updated_at if column == UPDATED else found.created_at, found.id)
    if column != UPDATED:
        return None
    return Cursor(found.stamp, found.id) if found.id and found.stamp else None


def encode_values(values: Mapping[str, str], spec: KindProfile, book: StateBook) -> dict[str, str]:
    """Columns and stored values for a write. Raises `UnknownField` for what cannot be written here."""
    encoded = {}
    for name, value in values.items():
        column = spec.column(name)
        if column is None:
            raise UnknownField(f"the profile has no field {name!r} of {spec.kind}")
        if "." in column:
            raise UnknownField(
                f"field {name!r} of {spec.kind} is read through a reference and cannot be written"
            )
        encoded[column] = stored_state(value, spec, book) if name == "state" else value
    return encoded


def stored_state(state: str, spec: KindProfile, book: StateBook) -> str:
    """The stored choice of a canonical state. Raises `UnknownField` where this instance has none."""
    if state not in book.stored:
        raise UnknownField(f"no choice of {spec.table}.{spec.state} means the state {state!r} of the profile")
    return book.stored[state]


def wanted_query(wanted: Wanted, spec: KindProfile, book: StateBook) -> str:
    """The encoded terms for the rows of a walk, "" for all. Raises `UnknownField` for what cannot be asked."""
    left_out = sorted(stored for stored, state in book.canonical.items() if state in wanted.without)
    if not left_out:
        return ""
    if not all(may_be_queried(stored) and "," not in stored for stored in left_out):
        raise UnknownField(f"a stored choice of {spec.table}.{spec.state} cannot stand in a query")
    terms = f"{spec.state}NOT IN{','.join(left_out)}"
    if wanted.or_begins is None:
        return terms
    name, text = wanted.or_begins
    column = spec.column(name)
    if column is None or not may_be_queried(text):
        raise UnknownField(f"the profile has no field {name!r} of {spec.kind}")
    return f"{terms}^OR{column}STARTSWITH{text}"


def is_wanted(record: Record, wanted: Wanted) -> bool:
    """Whether a walk asked for this record."""
    if record.state not in wanted.without:
        return True
    return wanted.or_begins is not None and record.get(wanted.or_begins[0]).startswith(wanted.or_begins[1])


def id_of(row: Mapping[str, Any]) -> str:
    """The id of a row. Raises `FieldError`."""
    found = text_of(row, ID, "id")
    if not is_id(found):
        raise FieldError("id", "not 32 hexadecimal digits")
    return found


def text_of(row: Mapping[str, Any], column: str, name: str) -> str:
    """One value as a string. Raises `FieldError` when it is not there or not a plain value."""
    if column not in row and "." in column:
        return ""  # a column behind an empty reference
    if column not in row:
        raise FieldError(name, f"column {column} is not in the reply; access rules may hide it")
    value = row[column]
    if isinstance(value, dict) and "value" in value:
        value = value["value"]
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str):
        raise FieldError(name, f"column {column} holds neither text nor a reference")
    return value.replace("\x00", "") if "\x00" in value else value  # no database column holds NUL


def parse_instant(text: str, name: str) -> datetime:
    """A raw instant of the Table API. Raises `FieldError`."""
    match = _INSTANT.match(text)
    if match is None:
        raise FieldError(name, "not an instant (YYYY-MM-DD HH:MM:SS)")
    try:
        return datetime(*map(int, match.groups()), tzinfo=UTC)  # type: ignore[misc,arg-type] # six numbers, as matched
    except ValueError:
        raise FieldError(name, "not a date of the calendar") from None


def format_instant(instant: datetime) -> str:
    """An instant as queries want it."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _integer(text: str, name: str) -> int:
    if not _NUMBER.match(text):
        raise FieldError(name, "not a number")
    return int(text)


def _unreadable(row: Any, kind: Kind, error: FieldError) -> UnreadableRecord:
    id, stamp = "", None
    if isinstance(row, dict):
        try:
            id = id_of(row)
            stamp = parse_instant(text_of(row, UPDATED, "updated_at"), "updated_at")
        except FieldError:
            pass
    body = json.dumps(row, default=_raw_of_flaw)  # ASCII only: half a surrogate pair stays an escape
    return UnreadableRecord(kind, id, stamp, error.field, error.reason, body)


def _raw_of_flaw(value: object) -> object:
    return value.raw if isinstance(value, Flaw) else repr(type(value))
