"""What is kept of an attempt at an effect: its line in the ledger, and the names that its lines in the log carry.

Called by `delivery` in the transaction that settles, and after it. Decides nothing.
"""

from __future__ import annotations

from connectors.exchanges import folded
from mappings.effects import EffectKind
from mappings.model import Kind
from state.store import Claim, Done, InDoubt, LedgerEntry, NotSent, Outcome, Parked
from syncd.performed import Performed

DONE_EVENTS = {
    EffectKind.CREATE_WORK_ORDER: "work_order.created",
    EffectKind.UPDATE_WORK_ORDER: "work_order.updated",
    EffectKind.CANCEL_WORK_ORDER: "work_order.cancelled",
    EffectKind.UPDATE_WORK_TASK: "work_order.scheduled",
    EffectKind.WRITE_NOTE: "note.written",
    EffectKind.SHOW_WORK_ORDERS: "details.written",
    EffectKind.RELATE: "work_order.related",
    EffectKind.CLOSE_DOMAIN_ORDER: "closure.released",
    EffectKind.CLEAR_REQUEST: "closure.cleared",
    EffectKind.REOPEN_DOMAIN_ORDER: "closure.reopened",
}


def ids_of(claim: Claim) -> dict[str, object]:
    """The names under which a person finds what was done about an effect."""
    effect = claim.effect
    ids = {"key": effect.key, "domain_order": effect.subject, "attempt": claim.attempt}
    return {**ids, "work_order": effect.target} if effect.target_kind is Kind.WORK_ORDER else ids


def is_news(one: Performed) -> bool:
    """Whether the ledger keeps this try. One that came to nothing again is kept ever more rarely: a weeks-long hold or
    outage would fill it."""
    again = isinstance(one.outcome, NotSent) or (isinstance(one.outcome, InDoubt) and one.claim.probing)
    return not again or one.claim.attempt.bit_count() == 1


def kept(one: Performed) -> Outcome:
    """The outcome as the state keeps it: with the remote system's own words, which a log never has."""
    if isinstance(one.outcome, Parked) and one.refusal not in one.outcome.reason:
        return Parked(f"{one.outcome.reason}: {one.refusal}")
    return one.outcome


def entry_of(one: Performed, took_ms: int) -> LedgerEntry:
    """One line of history for one attempt. The requests are kept as short as they can be: there are many of them."""
    effect = one.claim.effect
    requests = {"requests": folded(one.exchanges)} if one.exchanges else {}
    return LedgerEntry(
        event=type(one.outcome).__name__.lower(),
        subject=effect.subject,
        work_order=effect.target if effect.kind is not EffectKind.WRITE_NOTE else "",
        effect_key=effect.key,
        data={
            "kind": effect.kind.value,
            "attempt": one.claim.attempt,
            "number": _number(one.outcome),
            "detail": detail_of(kept(one)),
            "ms": took_ms,
            **requests,
        },
    )


def _number(outcome: Outcome) -> str:
    return outcome.record.number if isinstance(outcome, Done) and outcome.record else ""


def detail_of(outcome: Outcome) -> str:
    return outcome.detail if isinstance(outcome, Done) else outcome.reason
