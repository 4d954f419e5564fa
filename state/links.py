"""Which work orders belong to which domain orders, and the plan that is pinned to each domain order.

Called by `state.transaction` and `state.facts`. A link, once stored, is not overwritten; a plan is, by a new decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, exists, select, update

from mappings.model import SUBJECT_KINDS, Kind, Link, Origin, Plan, PlannedWorkOrder, Record
from state import schema
from state.inserts import insert_or_ignore, insert_or_replace
from state.prepared import Prepared
from state.snapshots import COLUMNS, chunks, to_record

_L = schema.links
_P = schema.plans
_S = schema.snapshots
_M = schema.missing
_D = schema.dropped_links
_U = schema.unresolved
_LINK_COLUMNS = (
    _L.c.domain_order,
    _L.c.work_order,
    _L.c.origin,
    _L.c.rule,
    _L.c.slot,
    _L.c.generation,
    _L.c.noted,
)

_OTHER = _L.alias("other")
_IS_SHARED = exists(
    select(_OTHER.c.work_order)
    .where(_OTHER.c.work_order == _L.c.work_order, _OTHER.c.domain_order != _L.c.domain_order)
    .correlate(_L)
)
_LACKS = exists(
    select(_U.c.work_order)
    .where(_U.c.work_order == _L.c.work_order, _U.c.subject == _L.c.domain_order)
    .correlate(_L)
)
_OF_SUBJECT = Prepared(
    select(*_LINK_COLUMNS, _M.c.vanished_at, _IS_SHARED.label("shared"), _LACKS.label("lacks"), *COLUMNS)
    .select_from(
        _L.outerjoin(_S, and_(_S.c.kind == Kind.WORK_ORDER.value, _S.c.id == _L.c.work_order)).outerjoin(
            _M, and_(_M.c.kind == Kind.WORK_ORDER.value, _M.c.id == _L.c.work_order)
        )
    )
    .where(_L.c.domain_order == bindparam("subject"))
    .order_by(_L.c.made_at, _L.c.work_order)
)
_AMONG = (
    select(_L.c.work_order).where(_L.c.work_order.in_(bindparam("work_orders", expanding=True))).distinct()
)
_PAIRS = Prepared(
    select(_L.c.domain_order, _L.c.work_order).where(
        _L.c.work_order.in_(bindparam("work_orders", expanding=True))
    )
)
_SUBJECTS = Prepared(
    select(_S.c.kind, _S.c.id)
    .select_from(_L.join(_S, _S.c.id == _L.c.domain_order))
    .where(_L.c.work_order == bindparam("work_order"), _S.c.kind.in_([kind.value for kind in SUBJECT_KINDS]))
)
_ELSEWHERE = Prepared(
    select(_L.c.work_order, _S.c.kind, _S.c.id)
    .select_from(
        _L.join(_OTHER, _OTHER.c.work_order == _L.c.work_order).join(_S, _S.c.id == _OTHER.c.domain_order)
    )
    .where(
        _L.c.domain_order == bindparam("subject"),
        _OTHER.c.domain_order != bindparam("subject"),
        _S.c.kind.in_([kind.value for kind in SUBJECT_KINDS]),
    )
    .order_by(_L.c.work_order, _S.c.id)
)
_LINKED = Prepared(
    select(_L.c.work_order).where(
        _L.c.domain_order == bindparam("subject"), _L.c.work_order == bindparam("work_order")
    )
)
_NOTE = (
    update(_L)
    .where(
        _L.c.domain_order == bindparam("subject"),
        _L.c.work_order.in_(bindparam("work_orders", expanding=True)),
    )
    .values(noted=True)
)
_PLANNED = (
    select(_S.c.kind, _S.c.id, _P.c.table_name)
    .select_from(_P.join(_S, _S.c.id == _P.c.domain_order))
    .where(_S.c.created_at >= bindparam("since"), _S.c.kind.in_([kind.value for kind in SUBJECT_KINDS]))
    .order_by(_S.c.created_at, _S.c.id)
)
_PLAN = Prepared(
    select(_P, _D.c.rule, _D.c.slot)
    .select_from(_P.outerjoin(_D, and_(_D.c.domain_order == _P.c.domain_order, _D.c.rule != "")))
    .where(_P.c.domain_order == bindparam("subject"))
)


def among(connection: Connection, work_orders: Iterable[str]) -> frozenset[str]:
    """Which of these work orders are linked."""
    found: set[str] = set()
    for part in chunks(dict.fromkeys(work_orders)):
        found.update(connection.scalars(_AMONG, {"work_orders": part}))
    return frozenset(found)


def pairs(connection: Connection, work_orders: Iterable[str]) -> set[tuple[str, str]]:
    """The links of these work orders: (subject, work order) of each."""
    return {
        (row.domain_order, row.work_order)
        for part in chunks(dict.fromkeys(work_orders))
        for row in _PAIRS.all(connection, {"work_orders": part})
    }


def elsewhere(connection: Connection, subject: str) -> list[tuple[str, Kind, str]]:
    """The work orders of a subject that another one is linked to as well, each with the kind and id of that other one."""
    rows = _ELSEWHERE.all(connection, {"subject": subject})
    return [(row.work_order, Kind(row.kind), row.id) for row in rows]


def remove(connection: Connection, subject: str, work_order: str) -> bool:
    """Takes the link of a work order that people had made away; says whether there was one."""
    here = and_(_L.c.domain_order == subject, _L.c.work_order == work_order)
    adopted = _L.c.origin == Origin.ADOPTED.value
    return connection.execute(delete(_L).where(here, adopted)).rowcount == 1


def add(connection: Connection, link: Link, now: datetime) -> bool:
    """Stores a link unless the two are linked already, as they mostly are; says whether it did."""
    if _LINKED.first(connection, {"subject": link.domain_order, "work_order": link.work_order}) is not None:
        return False
    row = {
        "domain_order": link.domain_order,
        "work_order": link.work_order,
        "origin": link.origin.value,
        "rule": link.rule,
        "slot": link.slot,
        "generation": link.generation,
        "noted": link.noted,
        "made_at": now,
    }
    return connection.execute(_add(connection.dialect.name), row).first() is not None


@cache
def _add(dialect: str) -> Any:
    return insert_or_ignore(_L, dialect).returning(_L.c.work_order)


@dataclass(frozen=True, slots=True)
class Linked:
    """A link with the work order as last seen."""

    link: Link
    work_order: Record | None
    vanished: bool
    shared: bool
    """Another subject is linked to the work order as well."""
    lacks: bool
    """A reference of it was not found in field service."""


def of_subject(connection: Connection, subject: str) -> list[Linked]:
    """The links of a domain order in the order in which they were made."""
    rows = _OF_SUBJECT.all(connection, {"subject": subject})
    return [_to_linked(row) for row in rows]


def _to_linked(row: Sequence[Any]) -> Linked:
    vanished_at, shared, lacks, *rest = row[len(_LINK_COLUMNS) :]
    return Linked(
        _to_link(row),
        to_record(rest) if rest[0] is not None else None,
        vanished=vanished_at is not None,
        shared=bool(shared),
        lacks=bool(lacks),
    )


def subjects_of(connection: Connection, work_order: str) -> list[tuple[Kind, str]]:
    """The linked domain orders and order tasks that have a snapshot."""
    return [(Kind(row.kind), row.id) for row in _SUBJECTS.all(connection, {"work_order": work_order})]


def mark_noted(connection: Connection, subject: str, work_orders: Iterable[str]) -> None:
    connection.execute(_NOTE, {"subject": subject, "work_orders": list(work_orders)})


def _to_link(row: Sequence[Any]) -> Link:
    domain_order, work_order, origin, rule, slot, generation, noted = row[: len(_LINK_COLUMNS)]
    return Link(domain_order, work_order, Origin(origin), rule, slot, generation, bool(noted))


def pin(connection: Connection, plan: Plan, now: datetime) -> None:
    """Stores a plan in place of the one before."""
    row = {
        "domain_order": plan.domain_order,
        "table_name": plan.table,
        "table_hash": plan.table_hash,
        "work_orders": plan.work_orders,
        "columns": plan.columns,
        "pinned_at": now,
    }
    connection.execute(insert_or_replace(_P, connection.dialect.name), row)


def planned_by(connection: Connection, table: str, since: datetime) -> tuple[tuple[Kind, str], ...]:
    """The domain orders and order tasks, created since then, whose plan is of a decision table; by creation."""
    rows = connection.execute(_PLANNED, {"since": since})
    return tuple((Kind(row.kind), row.id) for row in rows if table in row.table_name.split(", "))


def plan_of(connection: Connection, subject: str) -> tuple[Plan | None, frozenset[tuple[str, int]]]:
    """The plan of a domain order, and its slots whose work order vanished and was let go."""
    rows = _PLAN.all(connection, {"subject": subject})
    if not rows:
        return None, frozenset()
    first = rows[0]
    work_orders = tuple(PlannedWorkOrder(**planned) for planned in first.work_orders)
    plan = Plan(first.domain_order, first.table_name, first.table_hash, work_orders, first.columns)
    return plan, frozenset((row.rule, row.slot) for row in rows if row.rule is not None)
