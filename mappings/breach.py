"""Closures that the gate did not see: closed by hand while work is open, and work that opens after the closure.

Called by `syncd.observe` for every change, and by the gate after a release. Two systems without a common transaction cannot
exclude either; it is told on the domain order, and by configuration the domain order is opened again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from mappings import notes
from mappings.changes import Change, What
from mappings.closure import is_closed
from mappings.effects import Decision, Effect, EffectKind, Reason
from mappings.keys import digest
from mappings.model import Facts, Kind, Record, System
from mappings.note_effects import name, note_on_subject, nothing
from mappings.policy import Policy
from mappings.requests import Request, RequestStatus
from mappings.standing import title

_ON_ITS_WAY = (RequestStatus.RELEASING, RequestStatus.RELEASED)


@dataclass(frozen=True, slots=True)
class Breach:
    """A closed domain order (or order task) and the work that is open. `by_hand`: it was closed past the gate."""

    closed: Record
    by_hand: bool
    open: tuple[Record, ...]


def is_closing(changes: Sequence[Change], facts: Facts) -> bool:
    """Whether the subject itself was closed just now."""
    return any(change.what is What.CLOSED and change.record.id == facts.subject.id for change in changes)


def closing(facts: Facts, below: Sequence[Facts], request: Request | None, policy: Policy) -> Breach | None:
    """What is open in a subject that was closed, or in what is below it; its latest `request` tells who closed it."""
    found = {record.id: record for one in (facts, *below) for record in _open(one, policy)}
    if not found or (request is not None and request.overridden_by):
        return None
    by_gate = request is not None and request.status in _ON_ITS_WAY
    return Breach(facts.subject, by_hand=not by_gate, open=tuple(found.values()))


def opening(changes: Sequence[Change], facts: Facts, policy: Policy) -> Breach | None:
    """What these changes opened although the subject, or the domain order above it, is closed."""
    closed = closed_above(facts, policy)
    opened = {change.record.id: change.record for change in changes if _opens(change, policy)}
    return (
        Breach(closed, by_hand=False, open=tuple(opened.values())) if closed is not None and opened else None
    )


def closed_above(facts: Facts, policy: Policy) -> Record | None:
    """The subject, or the domain order above it, that is closed and not cancelled; None when neither is."""
    for record in (facts.subject, facts.parent):
        if record is not None:
            lifecycle = policy.lifecycles[record.kind]
            if record.state in lifecycle.closed - lifecycle.cancelled:
                return record
    return None


def told(found: Breach, facts: Facts, policy: Policy) -> Decision:
    """Notes on what is closed, whose `facts` these are, and the reopening where the config wants it."""
    reopened = policy.closure.past_gate == "reopen" and closed_above(facts, policy) == found.closed
    if found.by_hand:
        effects = [_closed_by_hand(found, facts, policy, reopened=reopened)]
    else:
        effects = _opened(found, facts, policy, reopened=reopened)
    if reopened:
        effects.append(_reopened(found, facts, policy))
    reason = Reason(f"{title(found.closed)} is closed, and work is open")
    return replace(nothing(facts, reason), effects=tuple(effects))


def told_now(found: Breach, born: Collection[str]) -> tuple[Record, ...]:
    """The work orders that a note of `told` names for the first time: its key is among those born."""
    if found.by_hand:
        return found.open if _bypassed(found) in born else ()
    return tuple(record for record in found.open if _violated(found, record) in born)


def _open(facts: Facts, policy: Policy) -> list[Record]:
    return [
        record
        for record in facts.work_orders
        if record.id not in facts.vanished and not is_closed(record, policy.closed_work)
    ]


def _opens(change: Change, policy: Policy) -> bool:
    """Whether a work order is open that was closed, or not there, before this change."""
    record, before = change.record, change.before
    if record.kind is not Kind.WORK_ORDER or is_closed(record, policy.closed_work):
        return False
    return before is None or is_closed(before, policy.closed_work)


def _bypassed(found: Breach) -> str:
    return f"bypassed:{found.closed.id}:{found.closed.version}"


def _violated(found: Breach, work_order: Record) -> str:
    return f"violated:{found.closed.id}:{work_order.id}:{work_order.version}"


def _reopening(found: Breach) -> str:
    """Work that opens while an earlier reopening waits has one of its own: what that one waits with may end meanwhile."""
    key = f"reopen:{found.closed.id}:{found.closed.version}"
    opened = (part for record in found.open for part in (record.id, str(record.version)))
    return key if found.by_hand else f"{key}:{digest(*opened)}"


def _closed_by_hand(found: Breach, facts: Facts, policy: Policy, *, reopened: bool) -> Effect:
    return note_on_subject(
        facts,
        policy,
        _bypassed(found),
        notes.closed_past_gate([name(facts, record) for record in found.open], reopened=reopened),
        because=f"{title(found.closed)} was closed while work is open",
    )


def _opened(found: Breach, facts: Facts, policy: Policy, *, reopened: bool) -> list[Effect]:
    return [
        note_on_subject(
            facts,
            policy,
            _violated(found, record),
            notes.opened_after_closure(name(facts, record), reopened=reopened),
            because=f"work order {record.number} is open, and {title(found.closed)} is closed",
        )
        for record in found.open
    ]


def _reopened(found: Breach, facts: Facts, policy: Policy) -> Effect:
    closed = found.closed
    return Effect(
        key=_reopening(found),
        kind=EffectKind.REOPEN_DOMAIN_ORDER,
        system=System.ORDER_MANAGEMENT,
        subject_kind=facts.subject.kind,
        subject=facts.subject.id,
        target_kind=closed.kind,
        target=closed.id,
        because=f"{title(closed)} is closed, and work is open",
        values=dict(policy.closure.reopen),
        while_open=tuple(sorted(record.id for record in found.open)),
    )
