"""The work notes of a record, as the journal of the instance keeps them.

Called by `system`. Only reads; writing a note is a change of its record.
"""

from __future__ import annotations

from connectors.errors import Misconfigured
from connectors.ports import Note
from connectors.retrying import Retries
from connectors.servicenow import wire
from connectors.servicenow.filters import Filter
from connectors.servicenow.search import every_row
from connectors.servicenow.table_api import Row, TableApi

TABLE = "sys_journal_field"
AUTHOR = "sys_created_by"
COLUMNS = ("value", wire.CREATED, AUTHOR)
"""Of an entry, beside its id."""


def notes_of(api: TableApi, retries: Retries, field: str, id: str, containing: str) -> tuple[Note, ...]:
    """The entries of one journal field of a record that contain a text, oldest first.

    The table name of an entry is not asked for: it may be that of a child class.
    """
    where = Filter({"element_id": (id,), "element": (field,)})
    extra = f"valueLIKE{containing}" if wire.may_be_queried(containing) else ""
    rows = every_row(api, retries, TABLE, where, COLUMNS, extra=extra)
    hits = (note for note in (_note(row, api.system) for row in rows) if containing in note.text)
    return tuple(sorted(hits, key=lambda note: (note.created_at, note.id)))


def note_of(row: Row) -> Note:
    """One entry. Raises `FieldError`."""
    created = wire.parse_instant(wire.text_of(row, wire.CREATED, "created_at"), "created_at")
    author = wire.text_of(row, AUTHOR, "author")
    return Note(wire.id_of(row), wire.text_of(row, "value", "text"), author, created)


def _note(row: Row, system: str) -> Note:
    try:
        return note_of(row)
    except wire.FieldError as error:
        raise Misconfigured(f"a work note cannot be read: {error}", system=system) from None
