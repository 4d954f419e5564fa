"""What it means that a subject, its line or its order was cancelled.

Called by `decisions` instead of creation and amendment, and by `settlement` for a create that was overtaken. Creates
that were not sent are void; work orders that syncd made are cancelled unless another order needs them or PONR is
reached. A work order that people made stays, and says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from mappings import notes, ponr
from mappings.changes import Change, What
from mappings.effects import Decision, Effect, EffectKind, Reason
from mappings.model import Facts, Record
from mappings.note_effects import (
    cancel_key,
    cancel_of,
    note_on_subject,
    note_on_work_order,
    nothing,
    of_orders,
    why,
)
from mappings.policy import Policy
from mappings.standing import as_it_was, cancelled_by, title, wanted_elsewhere
from mappings.targets import UNSENT, Target, targets, unsettled

_CALLS = frozenset({What.CANCELLED, What.FIRST_SEEN, What.PONR_CLEARED})
"""What makes cancels go out. Anything else on a cancelled order does not repeat one that a person dropped."""


def cancellations(changes: Sequence[Change], source: Record, facts: Facts, policy: Policy) -> Decision:
    """`source` is the record whose cancellation counts. No changes at all means a review."""
    reason = Reason(f"{title(source)} is cancelled")
    unsent = {e.target for e in unsettled(facts, EffectKind.CREATE_WORK_ORDER) if e.status in UNSENT}
    # with a create goes whatever waits behind it for the same work order: an update, a cancel of an earlier change
    void = tuple(e.key for e in facts.effects if e.target in unsent and e.status in UNSENT)
    decision = replace(nothing(facts, reason), supersede=void)
    called = not changes or any(change.what in _CALLS for change in of_orders(changes))
    # closed when its order was cancelled, or so we thought; a cancel that was sent before has its key, and is not repeated
    reopened = {change.record.id for change in changes if change.what is What.REOPENED}
    reached = [
        target
        for target in targets(facts, policy)
        if target.id not in unsent and (called or target.id in reopened)
    ]
    if not reached:
        return decision
    news = _is_news(changes, facts, policy)
    by = ponr.reached_by(facts, policy.ponr_scope)
    if policy.after_ponr_cancel == "flag" and by is not None:
        return replace(decision, effects=(_flag(source, by, facts, policy, changes),) if news else ())
    effects = tuple(_end(target, source, facts, policy, changes) for target in reached)
    ended = {effect.target for effect in effects if effect.kind is EffectKind.CANCEL_WORK_ORDER}
    asked = {effect.target for effect in unsettled(facts, EffectKind.CANCEL_WORK_ORDER)}
    return replace(
        decision,
        effects=tuple(
            effect for effect in effects if (effect.target not in asked if effect.target in ended else news)
        ),
        supersede=(*void, *overtaken(ended, facts)),
    )


def _is_news(changes: Sequence[Change], facts: Facts, policy: Policy) -> bool:
    """Whether people have to be told what stays. Order, line and domain order are cancelled one after the other; the first
    of them has told it."""
    ours = of_orders(changes)
    if not ours or any(change.before is None or change.what is What.PONR_CLEARED for change in ours):
        return True
    return cancelled_by(as_it_was(facts, ours), policy) is None


def overtaken(ended: Collection[str], facts: Facts) -> Iterator[str]:
    """Updates of work orders that are being cancelled."""
    for effect in unsettled(facts, EffectKind.UPDATE_WORK_ORDER):
        if effect.target in ended and effect.status in UNSENT:
            yield effect.key


def _flag(source: Record, by: Record, facts: Facts, policy: Policy, changes: Sequence[Change]) -> Effect:
    return note_on_subject(
        facts,
        policy,
        f"flagged:{facts.subject.id}:{source.id}:{source.version}",
        notes.ponr_cancelled(title(source), title(by)),
        because=f"cancelled past the point of no return: {why(changes)}",
    )


def _end(target: Target, source: Record, facts: Facts, policy: Policy, changes: Sequence[Change]) -> Effect:
    kept = _kept(target, facts, policy)
    if kept:
        return note_on_work_order(
            facts,
            policy,
            f"kept:{target.id}:{facts.subject.id}:{source.id}:{source.version}",
            notes.not_cancelled(title(source), kept),
            work_order=target.id,
            because=f"not cancelled: {why(changes)}",
        )
    return cancel_of(
        target.id,
        facts,
        policy,
        cancel_key(target.id, source, facts),
        notes.cancel_reason(title(source)),
        because=f"{title(source)} is cancelled: {why(changes)}",
    )


def _kept(target: Target, facts: Facts, policy: Policy) -> str:
    """Why a work order stays, "" when it goes."""
    if target.id in wanted_elsewhere(facts, policy):
        return "another order needs it."
    return "" if target.cancellable else "it was made by hand, and syncd does not cancel such work orders."
