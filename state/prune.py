"""Bodies and history of orders that ended long ago are given up; keys, links, plans and how each thing ended stay.

Called by `state.store`, some orders in each transaction. An order goes as a whole: itself, its lines, domain orders, tasks and
their work orders have ended, none was changed since, nothing of it waits. So does what stands alone: a domain order of no order,
a work order that is linked to nothing, each with what is below it. What stays is enough for a record that is read again to
decide nothing, and for a create to find its key taken.

What stays is written anew, side by side: left where it was, a few bytes would keep a whole page that held a body.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Text,
    and_,
    bindparam,
    delete,
    func,
    insert,
    not_,
    or_,
    select,
    type_coerce,
)

from mappings.changes import content_hash
from mappings.model import SUBJECT_KINDS, TRAIT_KINDS, Kind, Record
from mappings.requests import RequestStatus
from mappings.retention import is_reduced, reduced
from state import concluded, outbox, schema
from state.snapshots import COLUMNS, REDUCED, Snapshots, chunks, to_record
from state.types import Pruned

_S = schema.snapshots
_L = schema.links
_O = schema.outbox
_G = schema.ledger
_OPEN_STATUS = outbox.OPEN_WORDS
_SUBJECTS = [kind.value for kind in SUBJECT_KINDS]
Name = tuple[Kind, str]

_IS_WHOLE = not_(type_coerce(_S.c.fields, Text).startswith(REDUCED, autoescape=True))
_STANDS_ALONE: dict[Kind, ColumnElement[bool]] = {
    Kind.CUSTOMER_ORDER: _S.c.customer_order.is_(None),
    Kind.DOMAIN_ORDER: and_(
        _S.c.customer_order.is_(None), _S.c.order_line.is_(None), _S.c.domain_order.is_(None)
    ),
    # one that carries our correlation is linked when its subject is seen, and must be found for that
    Kind.WORK_ORDER: and_(
        _S.c.id.not_in(select(_L.c.work_order)), not_(type_coerce(_S.c.fields, Text).contains("syncd:1:"))
    ),
}
_CANDIDATES = {
    kind: select(_S.c.id)
    .where(
        _S.c.kind == kind.value,
        _S.c.id > bindparam("after"),
        _S.c.state.in_(bindparam("closed", expanding=True)),
        _S.c.updated_at < bindparam("before"),
        _IS_WHOLE,
        stands_alone,
    )
    .order_by(_S.c.id)
    .limit(bindparam("limit"))
    for kind, stands_alone in _STANDS_ALONE.items()
}
_RECORDS = select(*COLUMNS).where(
    _S.c.kind == bindparam("kind"), _S.c.id.in_(bindparam("ids", expanding=True))
)
_LINKED_WHOLE = (
    select(_L.c.work_order, _L.c.domain_order)
    .select_from(_L.join(_S, and_(_S.c.id == _L.c.domain_order, _S.c.kind.in_(_SUBJECTS))))
    .where(_L.c.work_order.in_(bindparam("ids", expanding=True)), _IS_WHOLE)
)
_WHOLE = select(_S).where(_S.c.kind == bindparam("of_kind"), _S.c.id == bindparam("of_id"))
_AWAY = delete(_S).where(_S.c.kind == bindparam("of_kind"), _S.c.id == bindparam("of_id"))
_ANEW = insert(_S)
_EFFECT_BYTES = select(
    func.coalesce(func.sum(func.length(type_coerce(_O.c.effect, Text)) + func.length(_O.c.because)), 0)
).where(_O.c.subject.in_(bindparam("ids", expanding=True)))


def candidates(
    connection: Connection,
    kind: Kind,
    closed: Mapping[Kind, frozenset[str]],
    before: datetime,
    *,
    after: str,
    limit: int,
) -> list[str]:
    """The next records behind the id `after` with which a family begins that may have ended. Needs no lock."""
    values = {"after": after, "closed": sorted(closed[kind]), "before": before, "limit": limit}
    return list(connection.scalars(_CANDIDATES[kind], values))


def prune(
    connection: Connection,
    kind: Kind,
    ids: Iterable[str],
    closed: Mapping[Kind, frozenset[str]],
    before: datetime,
    *,
    now: datetime,
) -> Pruned:
    """Gives up what is below these candidates, each as a whole; `closed` are the states in which a record has ended."""
    done = Pruned()
    for id in ids:
        family = _Family(connection, Snapshots(connection, now), kind, id)
        if family.has_ended(closed, before) and not family.waits():
            size = _bytes_of_effects(connection, family.subjects)
            entries, history = _forget(connection, family.names, before)
            effects = concluded.conclude(connection, family.subjects)
            records, bodies = _reduce(connection, family.own)
            alone = kind is not Kind.CUSTOMER_ORDER
            done += Pruned(int(not alone), int(alone), records, effects, entries, size + history + bodies)
    return done


class _Family:
    """An order and everything below it, or what stands alone with what is below that."""

    def __init__(self, connection: Connection, snapshots: Snapshots, kind: Kind, id: str) -> None:
        self._connection = connection
        self._snapshots = snapshots
        below = self._below({(kind, id)})
        above = {
            one for one in below if one[0] not in TRAIT_KINDS
        }  # rows that describe it stay: they are small
        self.subjects = sorted(id for kind, id in above if kind in SUBJECT_KINDS)
        self._links = self._linked()
        work_orders = {(Kind.WORK_ORDER, id) for id in self._links}
        tasks = self._below(work_orders) - work_orders
        shared = {(Kind.WORK_ORDER, id) for id in self._shared()}
        self.names = above | work_orders | tasks
        self.records = self._records(self.names)
        self.own = [record for record in self.records if (record.kind, record.id) not in shared]

    def has_ended(self, closed: Mapping[Kind, frozenset[str]], before: datetime) -> bool:
        if len(self.records) != len(self.names):
            return False  # a work order that nobody has seen
        return all(r.state in closed[r.kind] and r.updated_at < before for r in self.records)

    def waits(self) -> bool:
        """Whether something of it is on its way, or waits for somebody."""
        ids = sorted({id for _, id in self.names})
        T = schema  # noqa: N806 - tables read better with their module
        over = RequestStatus.OVER.value
        looks = (
            (_O.c.subject, _O.c.status.in_(_OPEN_STATUS)),
            (T.requests.c.subject, T.requests.c.status != over),
            (T.quarantine.c.id, T.quarantine.c.id != ""),
            (T.missing.c.id, T.missing.c.id != ""),
            (T.reviews.c.subject, T.reviews.c.looked.is_(False)),
        )
        return any(
            self._connection.scalar(select(func.count()).where(column.in_(part), condition))
            for column, condition in looks
            for part in chunks(ids)
        )

    def _below(self, names: set[Name]) -> set[Name]:
        found, newest = set(names), set(names)
        while newest:
            by_kind: dict[Kind, list[str]] = {}
            for kind, id in sorted(newest):
                by_kind.setdefault(kind, []).append(id)
            below = {one for kind, ids in by_kind.items() for one in self._snapshots.below(kind, ids)}
            newest = below - found
            found |= newest
        return found

    def _linked(self) -> list[str]:
        found: set[str] = set()
        for part in chunks(self.subjects):
            found |= set(self._connection.scalars(select(_L.c.work_order).where(_L.c.domain_order.in_(part))))
        return sorted(found)

    def _shared(self) -> set[str]:
        """Work orders that a subject of another order, which is not given up yet, is linked to as well: they stay whole."""
        found: set[str] = set()
        for part in chunks(self._links):
            rows = self._connection.execute(_LINKED_WHOLE, {"ids": part})
            found |= {row.work_order for row in rows if row.domain_order not in self.subjects}
        return found

    def _records(self, names: Iterable[Name]) -> list[Record]:
        by_kind: dict[Kind, list[str]] = {}
        for kind, id in sorted(names):
            by_kind.setdefault(kind, []).append(id)
        return [
            to_record(row)
            for kind, ids in by_kind.items()
            for part in chunks(ids)
            for row in self._connection.execute(_RECORDS, {"kind": kind.value, "ids": part})
        ]


def _reduce(connection: Connection, records: Iterable[Record]) -> tuple[int, int]:
    """How many bodies were given up, and of how many characters."""
    rows: list[dict[str, Any]] = []
    size = 0
    for record in records:
        if not is_reduced(record):
            name = {"of_kind": record.kind.value, "of_id": record.id}
            row = dict(connection.execute(_WHOLE, name).mappings().one())
            size += sum(len(name) + len(value) + 6 for name, value in record.fields.items())
            rows.append(row | {"fields": dict(reduced(record, content_hash(record)).fields)})
    if rows:
        connection.execute(_AWAY, [{"of_kind": row["kind"], "of_id": row["id"]} for row in rows])
        connection.execute(_ANEW, rows)
    return len(rows), size


def _bytes_of_effects(connection: Connection, subjects: list[str]) -> int:
    return sum(connection.scalar(_EFFECT_BYTES, {"ids": part}) or 0 for part in chunks(subjects))


def _forget(connection: Connection, names: Iterable[Name], before: datetime) -> tuple[int, int]:
    """How many entries of the ledger were given up, and of how many characters."""
    gone = size = 0
    for part in chunks(sorted({id for _, id in names})):
        about = or_(_G.c.subject.in_(part), _G.c.order_id.in_(part), _G.c.work_order.in_(part))
        old = and_(about, _G.c.at < before)
        size += connection.scalar(select(func.sum(func.length(type_coerce(_G.c.data, Text)))).where(old)) or 0
        gone += connection.execute(delete(_G).where(old)).rowcount
        connection.execute(delete(schema.reviews).where(schema.reviews.c.subject.in_(part)))
    return gone, size
