"""Which work orders a subject gets, and the plan that stays with it.

Called by `decisions`. Creation is decided from the facts, never from an event: whatever woke us, a subject in a trigger
state without a plan is decided, and a decided one keeps its plan until a column that the plan read says something else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from mappings.changes import Change, What
from mappings.decision_table import DecisionTable, evaluate
from mappings.effects import Decision, Effect, EffectKind, Reason
from mappings.field_map import desired
from mappings.generations import correlation, has_void, of_slot, refused_in_vain, revived
from mappings.keys import CORRELATION_LIMIT, parse_correlation
from mappings.model import Facts, Kind, Link, Origin, Plan, PlannedWorkOrder, System
from mappings.note_effects import nothing, of_orders, why
from mappings.notes import label
from mappings.policy import Policy
from mappings.standing import obstacle, title, unseen
from mappings.unmatched import told


def creations(changes: Sequence[Change], facts: Facts, policy: Policy, *, afresh: bool = False) -> Decision:
    """The plan if there is a new one, and the creates that it still misses. No changes at all means a review.

    `afresh` asks the tables again although no fact that the plan read has changed.
    """
    again = not changes or any(change.what is What.REOPENED for change in of_orders(changes))
    outdated = facts.plan is not None and (afresh or _outdated(facts.plan, facts))
    if facts.plan is not None and not outdated and not again and not has_void(facts.plan):
        return nothing(facts)
    against = hindrance(facts, policy)
    if against:
        return nothing(facts, Reason(f"no work orders are created: {against}"))
    lost, plan = nothing(facts), facts.plan
    reasons: tuple[Reason, ...] = ()
    if plan is None or outdated:
        plan, reasons = _decided(facts, policy)
        lost = told(plan, changes, facts, policy)
        plan, reasons = lost.plan or plan, reasons + lost.because
    elif not changes and (beyond := _beyond(plan, facts, policy)):
        lost = told(replace(plan, work_orders=(*plan.work_orders, *beyond)), changes, facts, policy)
        plan, reasons = lost.plan or plan, lost.because
    if has_void(plan):
        void, left = plan, tuple(effect for effect in facts.effects if effect.key not in lost.supersede)
        standing = replace(facts, effects=left)
        plan, grown = revived(void, standing, policy)
        lost = replace(lost, supersede=(*lost.supersede, *refused_in_vain(void, plan, standing)))
        reasons += grown
    old = facts.plan.work_orders if facts.plan is not None and not again else ()
    wanted = [planned for planned in plan.work_orders if planned not in old and not planned.unmatched]
    missing = [planned for planned in wanted if _is_missing(planned, facts)]
    effects = tuple(create(planned, plan, facts, policy, why(changes)) for planned in missing)
    if again:
        reasons += _ended(wanted, facts, policy)
    return replace(
        lost,
        effects=(*lost.effects, *effects),
        plan=plan if plan != facts.plan else None,
        because=reasons,
    )


def prescribed(facts: Facts, policy: Policy) -> frozenset[str]:
    """The work orders that the tables prescribe for a subject as it is now, as "rule:slot", under every id of a rule."""
    found = set()
    for table in policy.tables:
        if table.applies_to is facts.subject.kind:
            was = {rule.id: rule.was for rule in table.rules}
            for planned in evaluate(table, facts.value).work_orders:
                ids = (planned.rule, *was.get(planned.rule, ()))
                found |= {f"{id}:{planned.slot}" for id in ids}
    return frozenset(found)


def _outdated(plan: Plan, facts: Facts) -> bool:
    return any(facts.value(column) != value for column, value in plan.columns.items())


def hindrance(facts: Facts, policy: Policy) -> str:
    """Why nothing may be created for a subject now, "" when it may."""
    subject = facts.subject
    if facts.historic:
        return f"{title(subject)} is older than the baseline"
    waiting = unseen(facts) or obstacle(facts, policy)
    if waiting:
        return waiting
    if subject.state not in policy.lifecycles[subject.kind].trigger:
        return f"{title(subject)} is {label(subject)}, which is no state to create in"
    return ""


def _decided(facts: Facts, policy: Policy) -> tuple[Plan, tuple[Reason, ...]]:
    """What the tables say now. Slots of the old plan, and those that links answer, stay: their work orders exist, or are
    on their way."""
    tables = [table for table in policy.tables if table.applies_to is facts.subject.kind]
    outcomes = [evaluate(table, facts.value) for table in tables]
    current = _current_ids(tables)
    named = [planned for outcome in outcomes for planned in outcome.work_orders]
    matched = {(planned.rule, planned.slot) for planned in named}
    old = [
        replace(p, unmatched=(current(p.rule), p.slot) not in matched)
        for p in (facts.plan.work_orders if facts.plan else _linked_slots(facts))
    ]
    if facts.plan is None:
        old = [p for p in old if p.unmatched]  # the others are among what the tables name
    kept = {(current(p.rule), p.slot) for p in old}
    new = [_as_linked(p, facts, current) for p in named if (p.rule, p.slot) not in kept]
    reasons = [reason for outcome in outcomes for reason in outcome.reasons]
    if not tables:
        reasons.append(Reason(f"no decision table applies to {facts.subject.kind}"))
    plan = Plan(
        facts.subject.id,
        ", ".join(table.name for table in tables),
        ", ".join(table.hash for table in tables),
        (*old, *new),
        {column: value for outcome in outcomes for column, value in outcome.columns.items()},
    )
    return plan, tuple(reasons)


def _beyond(plan: Plan, facts: Facts, policy: Policy) -> tuple[PlannedWorkOrder, ...]:
    """The slots that work orders answer and that a plan does not have: another life made them, and this one decided on a
    version of the subject for which their rule does not match."""
    current = _current_ids(policy.tables)
    here = {(current(p.rule), p.slot) for p in plan.work_orders}
    made = [p for p in _linked_slots(facts) if (current(p.rule), p.slot) not in here]
    wanted = prescribed(facts, policy) if made else frozenset()
    return tuple(replace(p, unmatched=f"{p.rule}:{p.slot}" not in wanted) for p in made)


def _linked_slots(facts: Facts) -> tuple[PlannedWorkOrder, ...]:
    """The slots that work orders answer which rules made before this state knew the subject."""
    made = sorted(
        (link.rule, link.slot, link.generation) for link in facts.links if link.origin is Origin.CREATED
    )
    newest = {(rule, slot): PlannedWorkOrder(rule, slot, "", generation) for rule, slot, generation in made}
    return tuple(newest.values())


def _current_ids(tables: Sequence[DecisionTable]) -> Callable[[str], str]:
    def current(rule: str) -> str:
        for table in tables:
            rule = table.current_id(rule)
        return rule

    return current


def _as_linked(planned: PlannedWorkOrder, facts: Facts, current: Callable[[str], str]) -> PlannedWorkOrder:
    """The slot under the rule id and generation of the work order that already answers it, if there is one."""
    answers = [
        link for link in facts.links if (current(link.rule), link.slot) == (planned.rule, planned.slot)
    ]
    if not answers:
        return planned
    newest = max(answers, key=lambda link: link.generation)
    return replace(planned, rule=newest.rule, generation=newest.generation)


def _linked(planned: PlannedWorkOrder, facts: Facts) -> Link | None:
    """The newest generation that answers a slot; an older one answers it only until the slot has grown."""
    newest = of_slot(planned, facts)[-1:]
    return newest[0] if newest and newest[0].generation >= planned.generation else None


def _is_missing(planned: PlannedWorkOrder, facts: Facts) -> bool:
    """A vanished work order that a person let go is not made again."""
    return _linked(planned, facts) is None and (planned.rule, planned.slot) not in facts.waived


def _ended(wanted: Sequence[PlannedWorkOrder], facts: Facts, policy: Policy) -> tuple[Reason, ...]:
    """A slot whose work order ended is not made again by itself: a person decides."""
    reasons = []
    for planned in wanted:
        link = _linked(planned, facts)
        record = facts.work_order(link.work_order) if link else None
        if record is not None and policy.has_ended(record.state):
            text = f"{title(facts.subject)} is wanted again, but {record.number} is {label(record)}"
            reasons.append(Reason(f"{text}: recreate it by hand if it is needed", planned.rule))
    return tuple(reasons)


def create(planned: PlannedWorkOrder, plan: Plan, facts: Facts, policy: Policy, cause: str) -> Effect:
    """The effect that creates one work order of a plan."""
    subject = facts.subject
    ours = correlation(planned, subject.id)
    if parse_correlation(str(ours)) != ours or len(str(ours)) > CORRELATION_LIMIT:
        raise ValueError("the id of the subject does not fit into a correlation")
    content = desired(facts, planned, policy.field_map).filled()
    values = content.values | {"correlation_id": str(ours)}
    if policy.shared_instance:
        values["initiated_from"] = subject.id
    own_id = ours.own_id(policy.om_id)
    return Effect(
        key=ours.key,
        kind=EffectKind.CREATE_WORK_ORDER,
        system=System.FIELD_SERVICE,
        subject_kind=subject.kind,
        subject=subject.id,
        target_kind=Kind.WORK_ORDER,
        target=own_id,
        because=f'rule "{planned.rule}" of "{plan.table}": {cause}',
        values=values,
        references=content.references,
        link=Link(subject.id, own_id, Origin.CREATED, planned.rule, planned.slot, planned.generation),
    )
