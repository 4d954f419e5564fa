"""Notes that people typed and that nobody of the other side could be found for yet.

Called by `state.transaction` for the journals. A note waits from the page that brought it until a link shows who is to read
it, or until it is too old; it decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, exists, or_, select

from mappings.mirror import TypedNote
from mappings.model import Kind, System
from state import schema
from state.inserts import insert_or_ignore
from state.prepared import Prepared

READY = 200
"""Notes that are looked at together."""

_W = schema.waiting_notes
_L = schema.links
_IS_LINKED = exists(
    select(_L.c.work_order).where(or_(_L.c.work_order == _W.c.record, _L.c.domain_order == _W.c.record))
)
_OF_SYSTEM = _W.c.kind.in_(bindparam("kinds", expanding=True))
_READY = Prepared(
    select(_W).where(_OF_SYSTEM, _IS_LINKED, _W.c.id > bindparam("after")).order_by(_W.c.id).limit(READY)
)


class WaitingNotes:
    """Those of one deciding transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def keep(self, note: TypedNote) -> None:
        """Remembers a note; one that is remembered already stays as it was."""
        row = {
            "id": note.id,
            "kind": note.kind.value,
            "record": note.record,
            "text": note.text,
            "author": note.author,
            "created_at": note.created_at,
        }
        self._connection.execute(insert_or_ignore(_W, self._connection.dialect.name), row)

    def ready(self, system: System, after: str) -> tuple[TypedNote, ...]:
        """Notes of a system behind an id whose record has a link by now, `READY` at most."""
        rows = _READY.all(self._connection, {"kinds": _kinds(system), "after": after})
        return tuple(
            TypedNote(row.id, Kind(row.kind), row.record, row.text, row.author, row.created_at)
            for row in rows
        )

    def forget(self, notes: Iterable[TypedNote]) -> None:
        """They have found their readers, or never will."""
        ids = [note.id for note in notes]
        if ids:
            self._connection.execute(delete(_W).where(_W.c.id.in_(ids)))

    def expire(self, system: System, before: datetime) -> int:
        """Forgets what was typed in a system before an instant of its clock; how many that were."""
        old = delete(_W).where(_OF_SYSTEM, _W.c.created_at < bindparam("before", type_=schema.Instant))
        return self._connection.execute(old, {"kinds": _kinds(system), "before": before}).rowcount


def _kinds(system: System) -> list[str]:
    return [kind.value for kind in Kind if kind.system is system]
