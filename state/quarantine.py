"""Records that could not be read, with the reason, until they can be.

Called by `state.transaction` and `state.store`. One row for each record: the next sighting replaces the reason and counts.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from mappings.model import Kind, System
from state import schema
from state.prepared import Prepared
from state.types import QuarantinedRecord

BODY_LIMIT = 65_536
"""Characters of a raw record that are kept."""

_T = schema.quarantine
_THERE = Prepared(select(_T.c.key).where(_T.c.kind == bindparam("of_kind"), _T.c.key == bindparam("of_key")))
_GONE = delete(_T).where(_T.c.kind == bindparam("of_kind"), _T.c.key == bindparam("of_key"))
_EVERY = Prepared(select(_T).order_by(_T.c.first_seen_at, _T.c.kind, _T.c.key))


def put(
    connection: Connection,
    *,
    system: System,
    kind: Kind,
    id: str,
    stamp: datetime | None,
    field: str,
    reason: str,
    body: str,
    now: datetime,
) -> None:
    values = {
        "system": system.value,
        "id": id,
        "stamp": stamp,
        "field": field,
        "reason": reason,
        "body": body[:BODY_LIMIT],
        "last_seen_at": now,
    }
    key = _key(id, body)
    here = (_T.c.kind == kind.value, _T.c.key == key)
    if connection.execute(update(_T).where(*here).values(values | {"times": _T.c.times + 1})).rowcount:
        return
    connection.execute(
        insert(_T), values | {"kind": kind.value, "key": key, "first_seen_at": now, "times": 1}
    )


def _key(id: str, body: str) -> str:
    name = id or body
    digest = hashlib.sha256(name.encode("utf-8", "backslashreplace")).hexdigest()
    return f"id:{digest}" if id else f"body:{digest}"


def release(connection: Connection, kind: Kind, id: str) -> bool:
    """The record became readable; says whether it was in quarantine. Hardly any was: it is looked for before it is deleted."""
    key = _key(id, "")
    there = _THERE.first(connection, {"of_kind": kind.value, "of_key": key})
    return there is not None and forget(connection, kind, key)


def forget(connection: Connection, kind: Kind, key: str) -> bool:
    """A person puts a record away; says whether it was there."""
    return connection.execute(_GONE, {"of_kind": kind.value, "of_key": key}).rowcount == 1


def count(connection: Connection) -> int:
    return connection.scalar(select(func.count()).select_from(_T)) or 0


def every(connection: Connection) -> tuple[QuarantinedRecord, ...]:
    """All of them, oldest first."""
    rows = _EVERY.all(connection)
    return tuple(
        QuarantinedRecord(
            system=System(row.system),
            kind=Kind(row.kind),
            id=row.id,
            stamp=row.stamp,
            field=row.field,
            reason=row.reason,
            body=row.body,
            first_seen_at=row.first_seen_at,
            last_seen_at=row.last_seen_at,
            times=row.times,
            key=row.key,
        )
        for row in rows
    )
