"""What is true now of one domain order or order task: its work orders, or why there are none.

Called by `known`. The reason is asked of the rules themselves (`mappings.decisions`, as if the domain order were reviewed
now), so it is the one that decides. Nothing is decided or stored here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from mappings import decisions
from mappings.decision_table import evaluate
from mappings.effects import Decision, Reason
from mappings.generations import correlation
from mappings.model import EffectStatus, Facts, Kind, Link, Origin, Plan, PlannedWorkOrder, Record
from mappings.notes import label
from mappings.policy import Policy
from mappings.requests import Request, RequestStatus
from mappings.standing import cancelled_by, title
from state.store import QuarantinedRecord, StoredEffect
from syncd.explain.story import Part, called, instant

_FATES = {
    EffectStatus.PENDING: "not sent yet",
    EffectStatus.IN_FLIGHT: "being sent now",
    EffectStatus.IN_DOUBT: "sent, and nobody knows whether it was done",
    EffectStatus.PARKED: "refused, waits for a person",
    EffectStatus.SUPERSEDED: "given up",
    EffectStatus.DONE: "done, and its work order is not linked any more",
}


def verdict(
    facts: Facts,
    policy: Policy,
    effects: Sequence[StoredEffect],
    quarantined: Sequence[QuarantinedRecord],
    request: Request | None,
) -> Part:
    lines = (
        *_unreadable(facts, quarantined),
        *(line for link in facts.links for line in _work_order(link, facts)),
        *_missing(facts, effects),
        *_why_nothing(facts, policy),
        *_table_moved(facts, policy),
        *_request(request),
    )
    return Part(f"{called(facts.subject)}: {label(facts.subject)}", lines)


def belonging(work_order: Record, facts: Facts, quarantined: Sequence[QuarantinedRecord]) -> Part:
    """What is true of one work order with regard to one domain order that it is linked to."""
    lines = [line for k in facts.links if k.work_order == work_order.id for line in _work_order(k, facts)]
    return Part(
        f"{called(facts.subject)}: {label(facts.subject)}", (*lines, *_unreadable(facts, quarantined))
    )


def _unreadable(facts: Facts, quarantined: Sequence[QuarantinedRecord]) -> Iterator[str]:
    """Records that this decision needs and that could not be read."""
    needed = _needed(facts)
    for record in quarantined:
        if (record.kind, record.id) in needed:
            where = f"{record.field}: " if record.field else ""
            yield (
                f"the {record.kind.replace('_', ' ')} {record.id} is in quarantine, so its changes are not taken in"
                f" ({where}{record.reason}); syncd quarantine show {record.id}"
            )


def _needed(facts: Facts) -> set[tuple[Kind, str]]:
    records: list[Record | None] = [facts.subject, facts.parent, facts.line, facts.order]
    found = {(r.kind, r.id) for r in records if r is not None}
    found |= {(Kind.WORK_ORDER, link.work_order) for link in facts.links}
    return found | {parent for r in records if r is not None for parent in r.parents().values()}


def _work_order(link: Link, facts: Facts) -> Iterator[str]:
    record = facts.work_order(link.work_order)
    name = f"work order {link.work_order} (not seen yet)"
    if record is not None:
        name = f"work order {record.number or record.id}: {label(record)}"
    if link.origin is Origin.ADOPTED:
        yield f"{name}; made by hand, linked to it"
    else:
        yield f"{name}; made by rule {link.rule}, slot {link.slot}"


def _missing(facts: Facts, effects: Sequence[StoredEffect]) -> Iterator[str]:
    """Planned work orders that do not stand yet, and what became of each."""
    by_key = {one.effect.key: one for one in effects}
    for planned in facts.plan.work_orders if facts.plan else ():
        if any((link.rule, link.slot) == (planned.rule, planned.slot) for link in facts.links):
            continue
        stored = by_key.get(correlation(planned, facts.subject.id).key)
        fate = _FATES[stored.status] if stored else "not intended yet"
        reason = f": {stored.reason}" if stored and stored.reason else ""
        yield f"{_planned(planned)} is planned, and not there: {fate}{reason}"


def _planned(planned: PlannedWorkOrder) -> str:
    return f'work order "{planned.template}" (rule {planned.rule}, slot {planned.slot})'


def _why_nothing(facts: Facts, policy: Policy) -> Iterator[str]:
    plan = facts.plan
    source = cancelled_by(facts, policy)
    if source is not None:
        yield f"{title(source)} is cancelled: nothing is created for it"
    elif plan is None:
        yield from _undecided(facts, policy)
    elif not plan.work_orders and not plan.table:
        kind = facts.subject.kind.value.replace("_", " ")
        yield f"no work order was planned: no decision table applied to {kind}s when it was decided"
    elif not plan.work_orders:
        yield f'no work order was planned: no rule of "{plan.table}" matched when it was decided'
        yield from _reasons(plan, facts, policy)


def _review(facts: Facts, policy: Policy) -> Decision | None:
    """What the rules would say now; None where they fail, which is what put the record into quarantine."""
    try:
        return decisions.decide((), facts, policy)
    except Exception:  # noqa: BLE001 - what is explained may be that very defect
        return None


def _undecided(facts: Facts, policy: Policy) -> Iterator[str]:
    """No plan: what hinders now, as the rules say it."""
    decision = _review(facts, policy)
    if decision is None:
        yield "a rule fails on it, which is a defect of syncd"
        return
    if decision.plan is not None:
        planned = ", ".join(_planned(one) for one in decision.plan.work_orders) or "no work order"
        yield f"it has not been decided, and nothing hinders it now; the rules would say: {planned}"
        yield "it is decided when it, its line or its order changes next"
        yield from map(said, decision.because)
        return
    yield from map(said, decision.because)
    if facts.historic:
        yield (
            "syncd was not responsible for it yet, and creates nothing for it by itself: syncd backfill does, for a period;"
            " or make the work order by hand in field service and name this domain order there, then syncd links it"
        )
    else:
        yield "nothing is lost: it is decided as soon as that changes"


def _reasons(plan: Plan, facts: Facts, policy: Policy) -> Iterator[str]:
    """Why each rule did not fire, by the facts of then."""
    for table in policy.tables:
        if table.applies_to is facts.subject.kind and set(table.columns) <= plan.columns.keys():
            if table.hash not in plan.table_hash:
                yield f'"{table.name}" was edited since; with the facts of then it says now:'
            outcome = evaluate(table, lambda column: plan.columns.get(column, ""))
            yield from map(said, outcome.reasons)


def _table_moved(facts: Facts, policy: Policy) -> Iterator[str]:
    """A plan is pinned: what the tables say by now does not count."""
    if facts.plan is None or cancelled_by(facts, policy) is not None or facts.historic:
        return
    review = _review(replace(facts, plan=None), policy)
    fresh = review.plan if review else None
    if fresh is None:
        return
    then = {(one.rule, one.slot) for one in facts.plan.work_orders}
    now = {(one.rule, one.slot): one for one in fresh.work_orders}
    if then != now.keys():
        planned = ", ".join(_planned(one) for one in now.values()) or "no work order"
        yield f"its plan was pinned before the tables were edited, and stays; today they say: {planned}"


def _request(request: Request | None) -> Iterator[str]:
    if request is None or request.status is RequestStatus.OVER:
        return
    yield f"it asks to be closed since {instant(request.stamp)}: {request.status}"
    yield from (f"- {reason}" for reason in request.reasons)


def said(reason: Reason) -> str:
    """A reason as a line; a rule's begins with "+ " where it fired, with "- " where it did not."""
    return f"{'+' if reason.fired else '-'} {reason.text}" if reason.rule else reason.text
