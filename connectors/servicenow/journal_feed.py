"""The journal of one ServiceNow instance as a feed: work notes in the order in which they were typed.

Called by `system`. Every row is checked against what was asked, as those of other feeds are: `sys_journal_field` holds the
notes of all tables of an instance, and an ignored filter would carry strangers' notes across.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from connectors.errors import Misconfigured
from connectors.paging import asked_at, check_places, feed_query, follows, hidden_rows, next_position
from connectors.ports import Cursor, JournalPage, Position, UnreadableRecord
from connectors.profile import Profile
from connectors.servicenow import wire
from connectors.servicenow.filters import Filter, QueryIgnored
from connectors.servicenow.journal import COLUMNS, TABLE, note_of
from connectors.servicenow.table_api import TableApi
from connectors.strict_json import Flaw
from mappings.mirror import TypedNote
from mappings.model import Kind


def journal_page(api: TableApi, profile: Profile, position: Position, limit: int) -> JournalPage:
    """One page of the feed. Raises `FilterIgnored` or `Misconfigured` where the server did not do what it was asked."""
    kinds = {name: kind for kind, names in profile.journal.items() for name in names}
    if not kinds:
        message = f"profile {profile.name} has no [journal]: nobody knows whose notes to read"
        raise Misconfigured(message, system=api.system)
    where = Filter({"element": (profile.note_field,), "name": tuple(sorted(kinds))})
    query = feed_query(
        where.query(),
        position.after,
        stamp=wire.format_instant(position.after.stamp),
        stamp_column=wire.CREATED,
        id_column=wire.ID,
    )
    columns = (wire.ID, *COLUMNS, "element", "name", "element_id")
    page = api.list(TABLE, query=query, columns=columns, limit=limit, offset=position.skip)
    asked = asked_at(page.reply, system=api.system)
    found = [_decoded(row, kinds, where, api.system) for row in page.rows]
    places = [place for place in map(_place, found) if place is not None]
    check_places(position, places, settled=asked, system=api.system, what="feed of notes")
    shown = len(page.rows)
    more = follows(page.reply, skip=position.skip, limit=limit, shown=shown)
    return JournalPage(
        notes=tuple(one for one in found if isinstance(one, TypedNote)),
        next=next_position(position, places, limit=limit, settled=asked) if more else None,
        asked_at=asked,
        unreadable=tuple(one for one in found if isinstance(one, UnreadableRecord)),
        hidden=hidden_rows(page.reply, skip=position.skip, limit=limit, shown=shown, followed=more),
    )


def _decoded(
    row: object, kinds: Mapping[str, Kind], where: Filter, system: str
) -> TypedNote | UnreadableRecord:
    any_kind = next(iter(kinds.values()))
    if not isinstance(row, dict):
        reason = row.reason if isinstance(row, Flaw) else "not an object"
        return _unreadable(row.raw if isinstance(row, Flaw) else row, any_kind, "", reason)
    try:
        where.keeps(row)
    except QueryIgnored as error:
        raise Misconfigured(f"feed of notes: {error}", system=system) from None
    # a collation may take another spelling of a table's name for the same
    kind = kinds.get(wire.text_of(row, "name", "name"), any_kind)
    try:
        note = note_of(row)
        record = wire.text_of(row, "element_id", "record")
        if not wire.is_id(record):
            raise wire.FieldError("record", "not 32 hexadecimal digits")
    except wire.FieldError as error:
        return _unreadable(row, kind, error.field, error.reason)
    return TypedNote(note.id, kind, record, note.text, note.author, note.created_at)


def _place(found: TypedNote | UnreadableRecord) -> Cursor | None:
    if isinstance(found, TypedNote):
        return Cursor(found.created_at, found.id)
    return Cursor(found.stamp, found.id) if found.id and found.stamp else None


def _unreadable(row: Any, kind: Kind, field: str, reason: str) -> UnreadableRecord:
    id, stamp = "", None
    if isinstance(row, dict):
        try:
            id = wire.id_of(row)
            stamp = wire.parse_instant(wire.text_of(row, wire.CREATED, "created_at"), "created_at")
        except wire.FieldError:
            pass
    return UnreadableRecord(kind, id, stamp, field, reason, json.dumps(row, default=repr))
