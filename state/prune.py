"""Bodies and history of orders that ended long ago are given up; keys, links, plans and how each thing ended stay.

Called by `state.store`, some orders in each transaction. An order goes as a whole: itself, its lines, domain orders, tasks and
their work orders have ended, none was changed since, nothing of it waits. What stays is enough for a record that is read again
to decide nothing, and for a create to find its key taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Text, bindparam, delete, func, or_, select, type_coerce, update

from mappings.changes import content_hash
from mappings.model import SUBJECT_KINDS, TRAIT_KINDS, Kind, Record
from mappings.requests import RequestStatus
from mappings.retention import is_reduced, reduced
from state import outbox, schema
from state.columns import Json
from state.snapshots import COLUMNS, REDUCED, Snapshots, chunks, to_record
from state.types import Pruned

_S = schema.snapshots
_L = schema.links
_O = schema.outbox
_G = schema.ledger
_OPEN_STATUS = outbox.OPEN_WORDS
Name = tuple[Kind, str]

_CANDIDATES = (
    select(_S.c.id)
    .where(
        _S.c.kind == Kind.CUSTOMER_ORDER.value,
        _S.c.id > bindparam("after"),
        _S.c.state.in_(bindparam("closed", expanding=True)),
        _S.c.updated_at < bindparam("before"),
        ~type_coerce(_S.c.fields, Text).startswith(REDUCED, autoescape=True),
    )
    .order_by(_S.c.id)
    .limit(bindparam("limit"))
)
_RECORDS = select(*COLUMNS).where(
    _S.c.kind == bindparam("kind"), _S.c.id.in_(bindparam("ids", expanding=True))
)
_REDUCE = (
    update(_S)
    .where(_S.c.kind == bindparam("of_kind"), _S.c.id == bindparam("of_id"))
    .values(fields=bindparam("body", type_=Json))
)
_EFFECTS = select(_O.c.id, _O.c.effect).where(_O.c.subject.in_(bindparam("ids", expanding=True)))
_EMPTY = update(_O).where(_O.c.id == bindparam("row")).values(effect=bindparam("body", type_=Json))


def prune(
    connection: Connection,
    closed: Mapping[Kind, frozenset[str]],
    before: datetime,
    *,
    now: datetime,
    after: str,
    limit: int,
) -> Pruned:
    """Looks at the next `limit` ended orders behind the id `after`; `closed` are the states in which a record has ended."""
    values = {"after": after, "closed": sorted(closed[Kind.CUSTOMER_ORDER]), "before": before, "limit": limit}
    ids = list(connection.scalars(_CANDIDATES, values))
    done = Pruned(last=ids[-1] if ids else "")
    for id in ids:
        family = _Family(connection, Snapshots(connection, now), id)
        if family.has_ended(closed, before) and not family.waits():
            entries = _forget(connection, family.names, before)
            effects = _empty(connection, family.subjects)
            done = replace(
                done,
                orders=done.orders + 1,
                records=done.records + _reduce(connection, family.own),
                effects=done.effects + effects,
                entries=done.entries + entries,
            )
    return done


class _Family:
    """An order and everything below it."""

    def __init__(self, connection: Connection, snapshots: Snapshots, order: str) -> None:
        self._connection = connection
        self._snapshots = snapshots
        below = self._below({(Kind.CUSTOMER_ORDER, order)})
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
            (T.reviews.c.subject, T.reviews.c.subject != ""),
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
        """Work orders that a subject of another order is linked to as well: they stay whole."""
        found: set[str] = set()
        for part in chunks(self._links):
            rows = self._connection.execute(
                select(_L.c.work_order, _L.c.domain_order).where(_L.c.work_order.in_(part))
            )
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


def _reduce(connection: Connection, records: Iterable[Record]) -> int:
    rows: list[dict[str, Any]] = [
        {"of_kind": r.kind.value, "of_id": r.id, "body": dict(reduced(r, content_hash(r)).fields)}
        for r in records
        if not is_reduced(r)
    ]
    if rows:
        connection.execute(_REDUCE, rows)
    return len(rows)


def _empty(connection: Connection, subjects: list[str]) -> int:
    """What was sent is given up; that it was, and under which key and marker, stays."""
    rows: list[dict[str, Any]] = []
    for part in chunks(subjects):
        for row in connection.execute(_EFFECTS, {"ids": part}):
            effect = outbox.to_effect(row.effect)
            body = replace(effect, values={}, references={}, before={}, text="", because="")
            if body != effect:
                rows.append({"row": row.id, "body": body})
    if rows:
        connection.execute(_EMPTY, rows)
    return len(rows)


def _forget(connection: Connection, names: Iterable[Name], before: datetime) -> int:
    gone = 0
    for part in chunks(sorted({id for _, id in names})):
        about = or_(_G.c.subject.in_(part), _G.c.order_id.in_(part), _G.c.work_order.in_(part))
        gone += connection.execute(delete(_G).where(about, _G.c.at < before)).rowcount
    return gone
