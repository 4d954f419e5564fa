"""Which instances the state belongs to, and a few records by which they are recognised.

Called by `state.store`. The canaries are linked records with the stamps of their creation, the oldest and the newest, so
they are as fresh as the links. Links made before an instance was bound say nothing about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, func, select

from mappings.model import SUBJECT_KINDS, Kind, System
from state import schema
from state.inserts import insert_or_replace
from state.prepared import Prepared
from state.types import Canary, Identity

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
"""Older than any link."""
EACH = 3
"""How many records, of the oldest and of the newest links, are canaries."""

_T = schema.identities
_L = schema.links
_S = schema.snapshots


def canaries(connection: Connection, system: System) -> tuple[Canary, ...]:
    """Records that must be there, with their stamps of creation, if the system is the one that the state knows."""
    bound = _BOUND.first(connection, {"system": system.value})
    since = bound.bound_at if bound is not None and bound.bound_at is not None else ALWAYS
    found: dict[tuple[str, str], Canary] = {}
    for newest in (False, True):
        for row in _LINKED[system, newest].all(connection, {"since": since}):
            found[row.kind, row.id] = Canary(Kind(row.kind), row.id, row.created_at)
    return tuple(found[key] for key in sorted(found))


def _linked(system: System, *, newest: bool) -> Select[tuple[str, str, datetime]]:
    on, kinds = _side(system)
    made = func.max(_L.c.made_at).desc() if newest else func.min(_L.c.made_at)
    wanted = (_S.c.kind.in_([kind.value for kind in kinds]), _L.c.made_at >= bindparam("since"))
    return (
        select(_S.c.kind, _S.c.id, _S.c.created_at)
        .select_from(_L.join(_S, and_(on, *wanted)))
        .group_by(_S.c.kind, _S.c.id, _S.c.created_at)
        .order_by(made, _S.c.id)
        .limit(EACH)
    )


def _side(system: System) -> tuple[ColumnElement[bool], tuple[Kind, ...]]:
    if system is System.FIELD_SERVICE:
        return _S.c.id == _L.c.work_order, (Kind.WORK_ORDER,)
    return _S.c.id == _L.c.domain_order, SUBJECT_KINDS


_BOUND = Prepared(select(_T.c.bound_at).where(_T.c.system == bindparam("system")))
_LINKED = {
    (system, newest): Prepared(_linked(system, newest=newest))
    for system in System
    for newest in (False, True)
}


def moved(connection: Connection, identity: Identity) -> None:
    """The same instance under another URL."""
    row = {"system": identity.system.value, "id": identity.id, "url": identity.url}
    connection.execute(insert_or_replace(_T, connection.dialect.name, ("bound_at",)), row)


def bind(connection: Connection, identities: Mapping[System, Identity], now: datetime) -> None:
    """The state belongs to these instances from now on, on a person's word."""
    for one in identities.values():
        row = {"system": one.system.value, "id": one.id, "url": one.url, "bound_at": now}
        connection.execute(insert_or_replace(_T, connection.dialect.name), row)
