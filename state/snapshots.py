"""The last version of every remote record that was seen, and which records stand below which.

`Snapshots` belongs to one deciding transaction: it reads each record once and writes all of them in one statement, so a
page costs a few statements. A version never moves backwards by a feed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any

import orjson
from sqlalchemy import Column, Connection, Label, Text, and_, bindparam, or_, select, type_coerce

from mappings.changes import same
from mappings.model import TRAIT_KINDS, Kind, Record
from mappings.retention import as_far_as_known, is_reduced
from state import schema
from state.columns import instant_of
from state.inserts import insert_or_replace
from state.prepared import Prepared

CHUNK = 500
"""Values in one IN list: below every database's limit."""

KEPT = 2048
"""Rows whose records are kept, so that they need not be made again: a few megabytes."""

_T = schema.snapshots


def _as_written(column: Column[Any]) -> Label[str]:
    return type_coerce(column, Text).label(column.name)


COLUMNS = (
    _T.c.kind,
    _T.c.id,
    _T.c.number,
    _T.c.version,
    _as_written(_T.c.created_at),
    _as_written(_T.c.updated_at),
    _T.c.state,
    _T.c.state_label,
    _as_written(_T.c.fields),
)
"""What `to_record` reads, in this order."""

_ONE = Prepared(select(*COLUMNS).where(_T.c.kind == bindparam("kind"), _T.c.id == bindparam("id")))
_OF_KIND = select(*COLUMNS).where(
    _T.c.kind == bindparam("kind"), _T.c.id.in_(bindparam("ids", expanding=True))
)
_MANY = Prepared(_OF_KIND)
_ALL = Prepared(
    select(*COLUMNS).where(
        _T.c.kind.in_(bindparam("kinds", expanding=True)), _T.c.id.in_(bindparam("ids", expanding=True))
    )
)
_NUMBERED = Prepared(
    select(*COLUMNS)
    .where(_T.c.kind == bindparam("kind"), _T.c.number == bindparam("number"))
    .order_by(_T.c.created_at, _T.c.id)
    .limit(2)
)
_ORDER_AND_LINES = Prepared(
    select(*COLUMNS)
    .where(
        or_(
            and_(_T.c.kind == Kind.CUSTOMER_ORDER.value, _T.c.id == bindparam("order")),
            and_(_T.c.kind == Kind.ORDER_LINE.value, _T.c.customer_order == bindparam("order")),
        )
    )
    .order_by(_T.c.id)
)
IS_TRAIT = _T.c.kind.in_([kind.value for kind in TRAIT_KINDS])
_ANY_TRAIT = Prepared(select(_T.c.id).where(IS_TRAIT).limit(1))
_TRAITS = Prepared(
    select(*COLUMNS)
    .where(
        IS_TRAIT,
        or_(
            _T.c.order_line == bindparam("line"),
            _T.c.domain_order == bindparam("domain_order"),
        ),
    )
    .order_by(_T.c.created_at, _T.c.id)
)
_IDS = select(_T.c.id).where(_T.c.kind == bindparam("kind"), _T.c.id.in_(bindparam("ids", expanding=True)))
_BELOW = {
    kind: Prepared(
        select(_T.c.kind, _T.c.id)
        .where(_T.c[kind.value].in_(bindparam("ids", expanding=True)))
        .order_by(_T.c.kind, _T.c.id)
    )
    for kind in (Kind.CUSTOMER_ORDER, Kind.ORDER_LINE, Kind.DOMAIN_ORDER, Kind.WORK_ORDER)
}


_KINDS = {kind.value: kind for kind in Kind}
REDUCED = '{"":'
"""How the body of a reduced snapshot begins."""
_IS_REDUCED = type_coerce(_T.c.fields, Text).startswith(REDUCED, autoescape=True)
_REDUCED_MANY = Prepared(_OF_KIND.where(_IS_REDUCED))
_WHOLE_IDS = Prepared(_IDS.where(~_IS_REDUCED))
_BODIES = Prepared(
    select(_T.c.kind, _T.c.id, _IS_REDUCED.label("reduced")).where(
        _T.c.kind.in_(bindparam("kinds", expanding=True)), _T.c.id.in_(bindparam("ids", expanding=True))
    )
)


def chunks(values: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(values)
    while part := list(islice(rest, CHUNK)):
        yield part


def to_record(row: Sequence[Any]) -> Record:
    """A record from a row that begins with `COLUMNS`."""
    return _record(*row[: len(COLUMNS)])


@lru_cache(maxsize=KEPT)
def _record(  # noqa: PLR0917 - the columns, in their order
    kind: str,
    id: str,
    number: str,
    version: int,
    created_at: str,
    updated_at: str,
    state: str,
    state_label: str,
    fields: str,
) -> Record:
    """Of what is written there alone: the same row is the same record, and most rows are read again and again."""
    return Record(
        kind=_KINDS[kind],
        id=id,
        number=number,
        version=version,
        created_at=instant_of(created_at),
        updated_at=instant_of(updated_at),
        state=state,
        state_label=state_label,
        fields=orjson.loads(fields),
    )


def known(connection: Connection, kind: Kind, ids: Iterable[str]) -> frozenset[str]:
    """Which of `ids` have a snapshot with its body."""
    found: set[str] = set()
    for part in chunks(dict.fromkeys(ids)):
        found.update(id for (id,) in _WHOLE_IDS.all(connection, {"kind": kind.value, "ids": part}))
    return frozenset(found)


def bodies(connection: Connection, wanted: Mapping[Kind, Collection[str]]) -> dict[tuple[Kind, str], bool]:
    """Those that have a snapshot, and whether with its body. One statement for all kinds: ids are mostly of one alone."""
    kinds = [kind.value for kind, ids in wanted.items() if ids]
    found = (
        row
        for part in chunks(dict.fromkeys(id for ids in wanted.values() for id in ids))
        for row in _BODIES.all(connection, {"kinds": kinds, "ids": part})
    )
    there = {(Kind(kind), id): not reduced for kind, id, reduced in found}
    return {name: there[name] for kind, ids in wanted.items() for id in ids if (name := (kind, id)) in there}


def at_rest(connection: Connection, records: Iterable[Record]) -> frozenset[tuple[Kind, str]]:
    """Which of these records say what their reduced snapshots said."""
    by_kind: dict[Kind, dict[str, Record]] = {}
    for record in records:
        by_kind.setdefault(record.kind, {})[record.id] = record
    return frozenset(
        (kind, stored.id)
        for kind, some in by_kind.items()
        for part in chunks(some)
        for stored in map(to_record, _REDUCED_MANY.all(connection, {"kind": kind.value, "ids": part}))
        if same(stored, some[stored.id])
    )


class Snapshots:
    """Reads through a cache and writes behind it. Right only while nobody else can write: in a deciding transaction."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now
        self._seen: dict[tuple[Kind, str], Record | None] = {}
        self._unwritten: dict[tuple[Kind, str], Record] = {}
        self._children: dict[tuple[Kind, str], set[tuple[Kind, str]]] = defaultdict(set)
        """Which of those name a record as theirs."""
        self._lines: dict[str, tuple[str, ...]] = {}
        self.described: bool | None = None
        """Whether any row that describes orders is kept; None as long as nobody has asked."""

    def get(self, kind: Kind, id: str) -> Record | None:
        if (kind, id) not in self._seen:
            row = _ONE.first(self._connection, {"kind": kind.value, "id": id})
            self._seen[kind, id] = None if row is None else to_record(row)
        return self._seen[kind, id]

    def preload(self, kind: Kind, ids: Iterable[str]) -> None:
        """Reads many at once, so that `get` and `put` need no statement for them."""
        missing = [id for id in dict.fromkeys(ids) if (kind, id) not in self._seen]
        for part in chunks(missing):
            self._seen.update(dict.fromkeys((kind, id) for id in part))
            for row in _MANY.all(self._connection, {"kind": kind.value, "ids": part}):
                self.learn(to_record(row))

    def preload_all(self, names: Iterable[tuple[Kind, str]]) -> None:
        """As `preload`, for several kinds. One statement for all of them: an id is mostly of one kind alone."""
        missing = [name for name in dict.fromkeys(names) if name not in self._seen]
        for start in range(0, len(missing), CHUNK):
            some = missing[start : start + CHUNK]
            self._seen.update(dict.fromkeys(some))
            kinds, ids = {kind.value for kind, _ in some}, {id for _, id in some}
            for row in _ALL.all(self._connection, {"kinds": sorted(kinds), "ids": sorted(ids)}):
                self.learn(to_record(row))

    def learn(self, record: Record) -> None:
        """Keeps a record that was read from the database by another statement of this transaction."""
        if (record.kind, record.id) not in self._unwritten:
            self._seen[record.kind, record.id] = record

    def put(self, record: Record, *, by_id: bool) -> bool:
        stored = self.get(record.kind, record.id)
        if stored == record:
            return True
        older = stored is not None and (record.version, record.updated_at) < (
            stored.version,
            stored.updated_at,
        )
        if older and not by_id:
            return False
        self._keep(record)
        if record.kind in TRAIT_KINDS:
            self.described = True
        if record.kind is Kind.ORDER_LINE:
            self._lines.clear()  # it may belong to another order now
        return True

    def restore(self, record: Record) -> None:
        """Gives a reduced snapshot its body again, as far as anybody knows: what it says now."""
        stored = self.get(record.kind, record.id)
        if stored is not None and is_reduced(stored):
            self._keep(as_far_as_known(stored, record))

    def _keep(self, record: Record) -> None:
        name = (record.kind, record.id)
        before = self._unwritten.get(name)
        for above in before.parents().values() if before is not None else ():
            self._children[above].discard(name)
        for above in record.parents().values():
            self._children[above].add(name)
        self._seen[name] = self._unwritten[name] = record

    def unwritten(self, kind: Kind, id: str) -> Record | None:
        """A record that `put` has taken and no statement can see yet."""
        return self._unwritten.get((kind, id))

    def flush(self, *kinds: Kind) -> None:
        """Writes what `put` has taken, if any of it is of these kinds (of any kind where none is named). Called before a
        statement that joins snapshots of them, and before the commit."""
        if any(not kinds or kind in kinds for kind, _ in self._unwritten):
            rows = [self._row(record) for record in self._unwritten.values()]
            statement = insert_or_replace(_T, self._connection.dialect.name)
            self._connection.execute(statement, rows)
            self._unwritten.clear()
            self._children.clear()

    def traits_of(self, line: Record | None, domain_order: Record | None) -> tuple[Record, ...]:
        """The rows that describe a line or a domain order. Where none was ever seen it costs nothing."""
        if self.described is None:
            self.described = _ANY_TRAIT.first(self._connection) is not None
        if not self.described:
            return ()
        self.flush(*TRAIT_KINDS)
        ids = {"line": line.id if line else "", "domain_order": domain_order.id if domain_order else ""}
        return tuple(to_record(row) for row in _TRAITS.all(self._connection, ids))

    def lines_of(self, order: str) -> tuple[Record, ...]:
        """The lines of an order, read once for all domain orders of it, and with them the order."""
        if order not in self._lines:
            self.flush(Kind.ORDER_LINE)
            rows = _ORDER_AND_LINES.all(self._connection, {"order": order})
            found = [to_record(row) for row in rows]
            for record in found:
                self.learn(record)
            self._lines[order] = tuple(one.id for one in found if one.kind is Kind.ORDER_LINE)
        lines = (self.get(Kind.ORDER_LINE, id) for id in self._lines[order])
        return tuple(line for line in lines if line is not None)

    def by_number(self, kind: Kind, number: str) -> Record | None:
        """The one record with this number; None when there is none, or when the number does not tell two apart."""
        self.flush()
        found = _NUMBERED.all(self._connection, {"kind": kind.value, "number": number})
        return to_record(found[0]) if len(found) == 1 else None

    def below(self, kind: Kind, ids: Sequence[str]) -> set[tuple[Kind, str]]:
        """The records that name one of `ids` as theirs, as (kind, id)."""
        if kind not in _BELOW:
            return set()
        written = {
            (_KINDS[row.kind], row.id)
            for part in chunks(ids)
            for row in _BELOW[kind].all(self._connection, {"ids": part})
        }
        return (written - self._unwritten.keys()).union(*(self._children.get((kind, id), ()) for id in ids))

    def _row(self, record: Record) -> dict[str, object]:
        above = {kind.value: id for kind, id in record.parents().values()}
        return {
            "kind": record.kind.value,
            "id": record.id,
            "number": record.number,
            "version": record.version,
            "created_at": record.created_at,
            "updated_at": record.updated_at,
            "state": record.state,
            "state_label": record.state_label,
            "fields": record.fields,
            "customer_order": above.get("customer_order"),
            "order_line": above.get("order_line"),
            "domain_order": above.get("domain_order"),
            "work_order": above.get("work_order"),
            "seen_at": self._now,
        }
