"""Several work orders under one correlation: the oldest stays, the others are flagged, or cancelled by configuration.

Called by the sweep. It happens where a server chooses ids itself, or when people copy a work order with all its fields.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from mappings import notes
from mappings.effects import Decision, Effect, Reason
from mappings.keys import parse_correlation
from mappings.model import Facts, Kind, Record
from mappings.note_effects import cancel_of, name, note_on_work_order, nothing
from mappings.policy import Policy
from mappings.standing import title


def surplus(twins: Collection[str], facts: Facts, policy: Policy) -> tuple[Record, tuple[Record, ...]] | None:
    """Of the work orders `twins`, the oldest that is not cancelled, and the younger ones that are still open. Of several that
    were made in one second the one with the id that we chose counts as the oldest."""
    cancelled = policy.lifecycles[Kind.WORK_ORDER].cancelled
    standing = sorted(
        (
            record
            for record in facts.work_orders
            if record.id in twins and record.id not in facts.vanished and record.state not in cancelled
        ),
        key=lambda record: (record.created_at, not _is_ours(record, policy), record.id),
    )
    open_ = tuple(record for record in standing[1:] if not policy.has_ended(record.state))
    return (standing[0], open_) if open_ else None


def _is_ours(record: Record, policy: Policy) -> bool:
    """Whether it has the id that we chose for it: of two that were made in one second the other one is the copy."""
    ours = parse_correlation(record.get("correlation_id"))
    return ours is not None and ours.own_id(policy.om_id) == record.id


def duplicates(twins: Collection[str], facts: Facts, policy: Policy, *, cancel: bool) -> Decision:
    """What becomes of the surplus ones."""
    found = surplus(twins, facts, policy)
    if found is None:
        return nothing(facts)
    kept, others = found
    act = _cancel if cancel else _flag
    reason = Reason(f"{', '.join(other.number for other in others)} doubles {kept.number}")
    return replace(nothing(facts, reason), effects=tuple(act(other, kept, facts, policy) for other in others))


def _flag(other: Record, kept: Record, facts: Facts, policy: Policy) -> Effect:
    return note_on_work_order(
        facts,
        policy,
        f"duplicate:{facts.subject.id}:{other.id}",
        notes.duplicate(str(name(facts, kept)), title(facts.subject)),
        work_order=other.id,
        because=f"it doubles {kept.number}",
    )


def _cancel(other: Record, kept: Record, facts: Facts, policy: Policy) -> Effect:
    cancel = cancel_of(
        other.id,
        facts,
        policy,
        f"cancel:{other.id}:duplicate",
        notes.duplicate(str(name(facts, kept)), title(facts.subject)),
        because=f"it doubles {kept.number}",
    )
    return replace(cancel, instead_of=kept.id)
