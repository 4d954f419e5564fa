"""Gathers everything that a decision about one domain order may look at, and finds what a record concerns.

Called by `state.transaction`. Six indexed statements at most for a usual record; never decides anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection

from mappings.model import SUBJECT_KINDS, TRAIT_KINDS, Facts, Kind, Record
from state import links, outbox, unresolved
from state.snapshots import Snapshots
from state.types import Baseline

GENERATIONS = 8
"""How many domain orders above a domain order are looked at: real ones have one or two."""


def subjects_of(
    connection: Connection, snapshots: Snapshots, kind: Kind, id: str
) -> tuple[tuple[Kind, str], ...]:
    """The domain orders and order tasks that a record concerns: itself, those below it, those linked to it. Sorted."""
    if kind is Kind.WORK_TASK:
        task = snapshots.get(kind, id)
        kind, id = Kind.WORK_ORDER, task.get("work_order") if task else ""
    if kind is Kind.WORK_ORDER:
        snapshots.flush(*SUBJECT_KINDS)
        return tuple(sorted(links.subjects_of(connection, id)))
    found: set[tuple[Kind, str]] = {(kind, id)}
    if kind in TRAIT_KINDS:
        row = snapshots.get(kind, id)
        found = set(row.parents().values()) if row else set()
    newest = found
    while newest:
        newest = _below(snapshots, newest) - found
        found |= newest
    return tuple(sorted(one for one in found if one[0] in SUBJECT_KINDS))


def _below(snapshots: Snapshots, records: set[tuple[Kind, str]]) -> set[tuple[Kind, str]]:
    by_kind: dict[Kind, list[str]] = {}
    for kind, id in sorted(records):
        by_kind.setdefault(kind, []).append(id)
    return {one for kind, ids in by_kind.items() for one in snapshots.below(kind, ids)}


def facts_for(
    connection: Connection, snapshots: Snapshots, baseline: Baseline | None, kind: Kind, id: str
) -> Facts | None:
    """The facts about a domain order or order task, None when it was never seen."""
    subject = snapshots.get(kind, id)
    if subject is None:
        return None
    parent, line, order = _above(snapshots, subject)
    linked = links.of_subject(connection, id)
    plan, waived = links.plan_of(connection, id)
    return Facts(
        subject=subject,
        line=line,
        order=order,
        other_lines=tuple(one for one in snapshots.lines_of(order.id) if line is None or one.id != line.id)
        if order
        else (),
        traits=snapshots.traits_of(line, _described(subject, parent)),
        parent=parent,
        plan=plan,
        links=tuple(one.link for one in linked),
        work_orders=tuple(one for one in _as_seen(linked, snapshots) if one is not None),
        effects=outbox.of_subject(connection, id),
        # without a baseline syncd is responsible for nothing yet; what a backfill has decided it is from then on
        historic=baseline is None or (plan is None and subject.created_at < baseline.at),
        elsewhere=_elsewhere(connection, snapshots, id) if any(one.shared for one in linked) else {},
        vanished=frozenset(one.link.work_order for one in linked if one.vanished),
        waived=waived,
        unresolved=unresolved.of_subject(connection, id) if any(one.lacks for one in linked) else {},
    )


def _as_seen(linked: Iterable[links.Linked], snapshots: Snapshots) -> Iterator[Record | None]:
    """The linked work orders, as this transaction has seen them where it has."""
    for one in linked:
        yield snapshots.unwritten(Kind.WORK_ORDER, one.link.work_order) or one.work_order


def _described(subject: Record, parent: Record | None) -> Record | None:
    """The domain order that rows may describe: an order task has those of its own."""
    return subject if subject.kind is Kind.DOMAIN_ORDER else parent


def _elsewhere(
    connection: Connection, snapshots: Snapshots, subject: str
) -> dict[str, tuple[tuple[Record, ...], ...]]:
    """For each work order that other subjects are linked to: those, with what they stand with."""
    snapshots.flush(*SUBJECT_KINDS)
    found: dict[str, tuple[tuple[Record, ...], ...]] = {}
    for work_order, kind, id in links.elsewhere(connection, subject):
        other = snapshots.get(kind, id)
        if other is not None:
            parent, line, order = _above(snapshots, other)
            above = (parent if kind is Kind.ORDER_TASK else None, line, order)
            stands = (other, *(record for record in above if record is not None))
            found[work_order] = (*found.get(work_order, ()), stands)
    return found


def _above(snapshots: Snapshots, subject: Record) -> tuple[Record | None, Record | None, Record | None]:
    """Parent, line and order; a child without a line or order of its own has those of the nearest one above it."""
    ids = _parents(subject)
    parent = node = _named(snapshots, ids, Kind.DOMAIN_ORDER)
    for _ in range(GENERATIONS):
        if node is None or (Kind.ORDER_LINE in ids and Kind.CUSTOMER_ORDER in ids):
            break
        above = _parents(node)
        ids = above | ids
        node = _named(snapshots, above, Kind.DOMAIN_ORDER)
    if Kind.CUSTOMER_ORDER in ids:
        snapshots.lines_of(ids[Kind.CUSTOMER_ORDER])  # saves the statements for the line and the order
    line = _named(snapshots, ids, Kind.ORDER_LINE)
    if line is not None:
        ids = _parents(line) | ids
    return parent, line, _named(snapshots, ids, Kind.CUSTOMER_ORDER)


def _parents(record: Record) -> dict[Kind, str]:
    return dict(record.parents().values())


def _named(snapshots: Snapshots, ids: dict[Kind, str], kind: Kind) -> Record | None:
    return snapshots.get(kind, ids[kind]) if kind in ids else None
