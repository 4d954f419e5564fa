"""How a subject stands: what ended it, what holds it, what is not known of it yet.

Called by the deciding modules. A domain order stands with its line and its order, an order task with its domain order
too; OM itself carries a cancel from a parent domain order to its children.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from mappings.changes import Change
from mappings.model import UNKNOWN_STATE, Facts, Kind, Record
from mappings.notes import label
from mappings.policy import Policy

_WORDS = {Kind.CUSTOMER_ORDER: "Order", Kind.ORDER_LINE: "Order line", Kind.DOMAIN_ORDER: "Domain order"}


def title(record: Record) -> str:
    """A record as notes and reasons name it: "Domain order DO0001042"."""
    return f"{_WORDS.get(record.kind, 'Order task')} {record.number or record.id}"


def records(facts: Facts) -> Iterator[Record]:
    """The subject and what it stands with, nearest first."""
    yield facts.subject
    parent = facts.parent if facts.subject.kind is Kind.ORDER_TASK else None
    yield from (record for record in (parent, facts.line, facts.order) if record is not None)


def cancelled_by(facts: Facts, policy: Policy) -> Record | None:
    """The nearest record whose cancellation ends this subject."""
    return next((r for r in records(facts) if r.state in policy.lifecycles[r.kind].cancelled), None)


def held_by(facts: Facts, policy: Policy) -> Record | None:
    """The nearest record whose state lets nothing be created or changed."""
    return next((r for r in records(facts) if r.state in policy.lifecycles[r.kind].held), None)


def wanted_elsewhere(facts: Facts, policy: Policy) -> frozenset[str]:
    """The work orders of a subject that another one needs, which stands: neither it nor what it stands with is cancelled."""

    def stands(with_: tuple[Record, ...]) -> bool:
        return all(one.state not in policy.lifecycles[one.kind].cancelled for one in with_)

    return frozenset(id for id, others in facts.elsewhere.items() if any(map(stands, others)))


def obstacle(facts: Facts, policy: Policy) -> str:
    """Why nothing may be created or changed now, "" when it may."""
    holding = held_by(facts, policy)
    if holding is not None:
        return f"{title(holding)} is held ({label(holding)})"
    order = facts.order
    if order is not None and order.state in policy.unapproved_order_states | {UNKNOWN_STATE}:
        return f"{title(order)} is not approved ({label(order)})"
    return ""


def is_paused(facts: Facts, policy: Policy) -> bool:
    """Whether what is to be created waits for people: a hold or a step back may last for weeks."""
    subject = facts.subject
    return subject.state not in policy.lifecycles[subject.kind].trigger or bool(obstacle(facts, policy))


def unseen(facts: Facts) -> str:
    """What the decision needs and nobody has seen yet, "" when all is there."""
    here = {Kind.ORDER_LINE: facts.line, Kind.CUSTOMER_ORDER: facts.order, Kind.DOMAIN_ORDER: facts.parent}
    for record in records(facts):
        for name, (kind, _) in record.parents().items():
            if name != "parent" and here[kind] is None:
                return f"the {name.replace('_', ' ')} of {title(record)} has not been seen yet"
    return ""


def as_it_was(facts: Facts, changes: Sequence[Change]) -> Facts:
    """The facts before these changes. A record seen for the first time was always so, as far as we know;
    a row that describes it was not there."""
    if not changes:
        return facts
    earlier = {change.record.id: change.before for change in changes if change.before is not None}
    new = {change.record.id for change in changes if change.before is None}

    def was(record: Record | None) -> Record | None:
        return earlier.get(record.id, record) if record is not None else None

    return replace(
        facts,
        subject=earlier.get(facts.subject.id, facts.subject),
        line=was(facts.line),
        order=was(facts.order),
        other_lines=tuple(earlier.get(line.id, line) for line in facts.other_lines),
        traits=tuple(earlier.get(row.id, row) for row in facts.traits if row.id not in new),
        parent=was(facts.parent),
    )
