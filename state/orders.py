"""What a record belongs to, as far as was seen. Called by `state.history`, for lines of the log and for `explain`."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from mappings.model import Kind
from state import schema

_S = schema.snapshots
_L = schema.links
_PARENTS = {Kind(name): name for name in ("customer_order", "order_line", "domain_order", "work_order")}
STEPS = 8
"""How far up is looked: a task, its domain order, the one above that, a line, the order; no circle is followed for ever."""

_ABOVE = select(
    _S.c.kind, _S.c.number, _S.c.customer_order, _S.c.order_line, _S.c.domain_order, _S.c.work_order
).where(_S.c.kind.in_([kind.value for kind in Kind]), _S.c.id == bindparam("id"))
_SUBJECT = (
    select(_L.c.domain_order)
    .where(_L.c.work_order == bindparam("id"))
    .order_by(_L.c.made_at, _L.c.domain_order)
    .limit(1)
)


def above(connection: Connection, id: str) -> list[tuple[Kind, str]]:
    """What stands directly above the record `id` of any kind, also where its body was given up: the nearest first."""
    row = connection.execute(_ABOVE, {"id": id}).first()
    found = [(kind, getattr(row, name)) for kind, name in _PARENTS.items()] if row else []
    return [(kind, above) for kind, above in reversed(found) if above]


def order_of(connection: Connection, id: str) -> tuple[str, str] | None:
    """Id and number of the order above the record `id` of any kind, or of the first domain order of a work order."""
    for _ in range(STEPS):
        row = connection.execute(_ABOVE, {"id": id}).first()
        if row is None:
            return None
        if row.kind == Kind.CUSTOMER_ORDER.value:
            return id, row.number
        above = row.customer_order or row.order_line or row.domain_order or row.work_order
        if row.kind == Kind.WORK_ORDER.value:
            above = connection.scalar(_SUBJECT, {"id": id})
        if not above:
            return None
        id = above
    return None
