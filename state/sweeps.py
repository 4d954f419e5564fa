"""What the sweep needs to know and to remember: what is still in play here, what it did not find, and its runs.

Called by `state.transaction` and `state.history`. Decides nothing; a record counts as vanished when a second sweep has
not found it either.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Integer,
    Text,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    type_coerce,
    update,
)

from mappings.model import Kind, Link, Origin
from state import schema
from state.inserts import insert_or_replace
from state.prepared import Prepared
from state.snapshots import chunks
from state.types import Sweep, VanishedLink

KEPT_SWEEPS = 20
ALL = 2**31 - 1
"""A limit that limits nothing."""

_S = schema.snapshots
_L = schema.links
_M = schema.missing
_D = schema.dropped_links
_W = schema.sweeps
_OPEN = (
    select(_S.c.id)
    .where(
        _S.c.kind == bindparam("kind"),
        _S.c.id > bindparam("after"),
        _S.c.state.not_in(bindparam("without", expanding=True)),
    )
    .order_by(_S.c.id)
    .limit(bindparam("limit", type_=Integer))
)
_OPEN_IDS = Prepared(_OPEN)
_OPEN_UNTIL = Prepared(_OPEN.where(_S.c.id <= bindparam("until")))
_WO = _S.alias("work_orders")
_UNFINISHED = (
    select(_S.c.id)
    .join(_L, _L.c.domain_order == _S.c.id)
    .join(_WO, and_(_WO.c.kind == Kind.WORK_ORDER.value, _WO.c.id == _L.c.work_order))
    .where(
        _S.c.kind == bindparam("kind"),
        _S.c.id > bindparam("after"),
        _WO.c.state.not_in(bindparam("ended", expanding=True)),
    )
    .distinct()
)
_UNFINISHED_IDS = Prepared(_UNFINISHED)
_UNFINISHED_UNTIL = Prepared(_UNFINISHED.where(_S.c.id <= bindparam("until")))
_LINKED = (
    select(_L.c.work_order).where(_L.c.work_order > bindparam("after")).order_by(_L.c.work_order).distinct()
)
_LINKED_IDS = Prepared(_LINKED)
_LINKED_UNTIL = Prepared(_LINKED.where(_L.c.work_order <= bindparam("until")))
_TWINS = (
    select(_L.c.domain_order, _L.c.rule, _L.c.slot, _L.c.generation)
    .where(_L.c.origin == Origin.CREATED.value)
    .group_by(_L.c.domain_order, _L.c.rule, _L.c.slot, _L.c.generation)
    .having(func.count() > 1)
    .order_by(_L.c.domain_order, _L.c.rule, _L.c.slot, _L.c.generation)
)
_NAMING = (
    select(_S.c.id)
    .where(
        _S.c.kind == Kind.WORK_ORDER.value,
        _S.c.id > bindparam("after"),
        type_coerce(_S.c.fields, Text).contains(bindparam("filled", type_=Text)),
        type_coerce(_S.c.fields, Text).not_like(bindparam("empty", type_=Text)),
    )
    .order_by(_S.c.id)
)
_IS_WORK_ORDER = _M.c.kind == Kind.WORK_ORDER.value
_VANISHED = (
    select(_L, _S.c.number, _M.c.first_missing_at, _M.c.vanished_at)
    .select_from(
        _L.join(_M, and_(_IS_WORK_ORDER, _M.c.id == _L.c.work_order)).outerjoin(
            _S, and_(_S.c.kind == _M.c.kind, _S.c.id == _M.c.id)
        )
    )
    .where(_M.c.vanished_at.is_not(None))
    .order_by(_M.c.vanished_at, _L.c.work_order, _L.c.domain_order)
)
_KNOWN_MISSING = Prepared(
    select(_M.c.id, _M.c.sweep, _M.c.vanished_at).where(
        _M.c.kind == bindparam("kind"), _M.c.id.in_(bindparam("ids", expanding=True))
    )
)


def begin(connection: Connection, now: datetime) -> int:
    """Numbers a new run."""
    last = latest(connection)
    number = last.number + 1 if last else 1
    connection.execute(insert(_W), {"number": number, "began_at": now})
    connection.execute(delete(_W).where(_W.c.number <= number - KEPT_SWEEPS))
    return number


def finish(connection: Connection, number: int, now: datetime) -> None:
    connection.execute(update(_W).where(_W.c.number == number).values(finished_at=now))


def latest(connection: Connection, *, finished: bool = False) -> Sweep | None:
    """The newest run, or the newest that came to its end."""
    statement = select(_W).order_by(_W.c.number.desc()).limit(1)
    if finished:
        statement = statement.where(_W.c.finished_at.is_not(None))
    row = connection.execute(statement).first()
    return None if row is None else Sweep(*row)


def open_ids(
    connection: Connection, kind: Kind, after: str, until: str, without: Collection[str], *, limit: int | None
) -> list[str]:
    """Ids behind `after` up to `until` ("" for the end) of snapshots in none of the states `without`."""
    limited = ALL if limit is None else limit
    values = {
        "kind": kind.value,
        "after": after,
        "until": until,
        "without": sorted(without),
        "limit": limited,
    }
    question = _OPEN_UNTIL if until else _OPEN_IDS
    return [id for (id,) in question.all(connection, values)]


def unfinished_ids(
    connection: Connection, kind: Kind, after: str, until: str, ended: Collection[str]
) -> list[str]:
    """Ids behind `after` up to `until` ("" for the end) of subjects with a work order in none of the states `ended`."""
    values = {"kind": kind.value, "after": after, "until": until, "ended": sorted(ended)}
    question = _UNFINISHED_UNTIL if until else _UNFINISHED_IDS
    return sorted(id for (id,) in question.all(connection, values))


def linked_ids(connection: Connection, after: str, until: str) -> list[str]:
    """Linked work orders behind `after` up to `until` ("" for the end)."""
    question = _LINKED_UNTIL if until else _LINKED_IDS
    return [id for (id,) in question.all(connection, {"after": after, "until": until})]


def naming(connection: Connection, field: str, after: str, limit: int) -> list[str]:
    """Work orders behind `after` in whose `field` something stood when they were last seen."""
    values = {"after": after, "filled": f'"{field}":"', "empty": f'%"{field}":""%'}
    return list(connection.scalars(_NAMING.limit(limit), values))


def missed(
    connection: Connection, kind: Kind, ids: Iterable[str], sweep: int, now: datetime
) -> tuple[list[str], list[str]]:
    """Remembers records that this sweep did not find. Returns those that are missed for the first time, and those that an
    earlier sweep had not found either."""
    first: list[str] = []
    second: list[str] = []
    for part in chunks(ids):
        known = {row.id: row for row in _KNOWN_MISSING.all(connection, _named(kind, part))}
        first += [id for id in part if id not in known]
        second += [id for id, row in known.items() if row.vanished_at is None and row.sweep < sweep]
    rows = [{"kind": kind.value, "id": id, "first_missing_at": now, "sweep": sweep} for id in first]
    if rows:
        connection.execute(insert(_M), rows)
    for part in chunks(second):
        here = and_(_M.c.kind == kind.value, _M.c.id.in_(part))
        connection.execute(update(_M).where(here).values(vanished_at=now))
    return first, second


def has_vanished(connection: Connection, kind: Kind, id: str) -> bool:
    return any(row.vanished_at is not None for row in _KNOWN_MISSING.all(connection, _named(kind, [id])))


def found(connection: Connection, kind: Kind, ids: Iterable[str]) -> list[str]:
    """Forgets that records were missing; returns those that counted as vanished."""
    back: list[str] = []
    for part in chunks(ids):
        known = _KNOWN_MISSING.all(connection, _named(kind, part))
        if known:
            back += [row.id for row in known if row.vanished_at is not None]
            here = and_(_M.c.kind == kind.value, _M.c.id.in_([row.id for row in known]))
            connection.execute(delete(_M).where(here))
    return back


def twins(connection: Connection) -> list[tuple[str, tuple[str, ...]]]:
    """Domain orders with several work orders for one correlation, and those work orders."""
    return [(row.domain_order, _answering(connection, row)) for row in connection.execute(_TWINS).all()]


def _answering(connection: Connection, slot: Any) -> tuple[str, ...]:
    same = and_(
        _L.c.domain_order == slot.domain_order,
        _L.c.rule == slot.rule,
        _L.c.slot == slot.slot,
        _L.c.generation == slot.generation,
        _L.c.origin == Origin.CREATED.value,
    )
    return tuple(connection.scalars(select(_L.c.work_order).where(same).order_by(_L.c.work_order)))


def vanished_links(connection: Connection) -> tuple[VanishedLink, ...]:
    """Links whose work order has vanished, oldest first."""
    return tuple(
        VanishedLink(_link(row), row.number or row.work_order, row.first_missing_at, row.vanished_at)
        for row in connection.execute(_VANISHED)
    )


def _link(row: Any) -> Link:
    return Link(
        row.domain_order,
        row.work_order,
        Origin(row.origin),
        row.rule,
        row.slot,
        row.generation,
        noted=bool(row.noted),
    )


def drop(connection: Connection, gone: VanishedLink, by: str, reason: str, now: datetime) -> bool:
    """Takes a link away on a person's word and waives its slot; False when it is not there any more."""
    link = gone.link
    here = and_(_L.c.domain_order == link.domain_order, _L.c.work_order == link.work_order)
    if connection.execute(delete(_L).where(here)).rowcount != 1:
        return False
    row = {
        "domain_order": link.domain_order,
        "work_order": link.work_order,
        "number": gone.number,
        "rule": link.rule,
        "slot": link.slot,
        "generation": link.generation,
        "dropped_by": by,
        "reason": reason,
        "dropped_at": now,
    }
    connection.execute(insert_or_replace(_D, connection.dialect.name), row)
    return True


def count_open(connection: Connection, kind: Kind, without: Collection[str]) -> int:
    """How many records of a kind are known and in none of the states `without`."""
    here = and_(_S.c.kind == kind.value, _S.c.state.not_in(sorted(without)))
    return connection.scalar(select(func.count()).select_from(_S).where(here)) or 0


def _named(kind: Kind, ids: list[str]) -> Mapping[str, object]:
    return {"kind": kind.value, "ids": ids}
