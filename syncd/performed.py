"""What came of performing one effect: the word that `dispatch` has for it, and how a last look or a failure becomes one.

Called by `dispatch`; `delivery` settles what it says. Talks to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from connectors.errors import RemoteError
from connectors.exchanges import Exchange
from mappings.effects import Effect, EffectKind
from mappings.model import Record, System, record_value
from mappings.settlement import FOLLOWED
from state.store import Claim, Done, InDoubt, NotSent, Outcome, Overtaken, Parked
from syncd.recheck import Next, Verdict

RETRY_BASE_S = 1.0
RETRY_CAP_S = 60.0
DEFER_S = 30.0
"""How long an effect waits that may not be sent in the present state of its domain order."""

_NEVER_PARKED = frozenset(
    {
        EffectKind.CLOSE_DOMAIN_ORDER,
        EffectKind.CLEAR_REQUEST,
        EffectKind.REOPEN_DOMAIN_ORDER,
        EffectKind.SHOW_WORK_ORDERS,
        EffectKind.RELATE,
    }
)


@dataclass(frozen=True, slots=True)
class Performed:
    """What came of one claim. `refusal` is the remote system's own reason when it said no."""

    claim: Claim
    outcome: Outcome
    refusal: str = ""
    absent: bool = False
    """A look found nothing of a write in doubt, and nothing was sent after it."""
    missing: bool = False
    """What was to be changed is not there."""
    surplus: tuple[Record, ...] = ()
    """Further work orders that answer the same create; the outcome names the one that stays."""
    ahead: tuple[Record, ...] = ()
    """For an overtaken schedule: the open tasks that come before its own, the first one first."""
    unresolved: tuple[str, ...] = ()
    """References that were looked up in vain: the write went without them."""
    exchanges: tuple[Exchange, ...] = ()  # the requests that it took, as delivery recorded them
    healthy: bool = True
    """Whether it shows that the systems work; not so when a step failed or nobody knows."""


def leads_on(one: Performed) -> bool:
    """Whether anything may follow: not from a note that stands or what else is only told, nor from a write that is still to be
    made or looked for, unless a note waits for it."""
    if isinstance(one.outcome, Done):
        return one.claim.effect.kind in FOLLOWED
    waits = isinstance(one.outcome, NotSent | InDoubt) and not one.refusal
    return not waits or one.claim.effect.kind is EffectKind.CREATE_WORK_ORDER


def answer_not_parked(performed: Performed) -> Performed:
    """A gate answer never parks: its request goes back to held with the reason, and is answered anew.

    Nor does a reopening, or what shows the work orders: the notes that tell the same would wait behind it.
    """
    outcome = performed.outcome
    if performed.claim.effect.kind not in _NEVER_PARKED or not isinstance(outcome, Parked):
        return performed
    return replace(performed, outcome=Overtaken(outcome.reason), refusal=performed.refusal or outcome.reason)


def too_late(claim: Claim) -> Performed:
    late, wait = "its turn was over before it could be sent", backoff(claim.attempt)
    return Performed(claim, InDoubt(late, wait) if claim.probing else NotSent(late, wait), healthy=False)


def unless_send(claim: Claim, verdict: Verdict) -> Performed | None:
    """What a last look that says anything but "send" makes of a claim."""
    if verdict.next is Next.SEND:
        return None
    if verdict.next is Next.WAIT:
        # a revision is over in seconds, a hold may last for weeks
        pause = min(DEFER_S, backoff(claim.attempt))
        wait = InDoubt(verdict.reason, pause) if claim.probing else NotSent(verdict.reason, pause)
        return Performed(claim, wait)
    refusal = verdict.reason if verdict.next is Next.REFUSE else ""
    return Performed(claim, Overtaken(verdict.reason), refusal=refusal)


def says(record: Record, values: Mapping[str, str]) -> bool:
    """Whether a record has these values already; "state" is given by its canonical name."""
    return all(record_value(record, name) == value for name, value in values.items())


def created(effect: Effect, record: Record) -> Done:
    link = effect.link
    if link is not None and record.id != link.work_order:
        link = replace(link, work_order=record.id)
    return Done(record=record, link=link)


def systems_of(effect: Effect) -> tuple[System, ...]:
    """What a performed effect has spoken to: a create reads its domain order in OM before it writes to FSM."""
    return tuple(System) if effect.kind is EffectKind.CREATE_WORK_ORDER else (effect.system,)


def at_fault(effect: Effect, error: RemoteError) -> System:
    """The system that failed: a create reads its domain order in OM before it writes to FSM."""
    return System(error.system) if error.system else effect.system


def backoff(attempt: int) -> float:
    """Seconds before the next try; `attempt` counts from 1."""
    return min(RETRY_CAP_S, RETRY_BASE_S * 2.0 ** min(attempt - 1, 10))


def shown(one: Performed) -> tuple[Record, ...]:
    """The records that an outcome showed as they are now; `surplus` is for who settles a create."""
    outcome = one.outcome
    if isinstance(outcome, Done) and outcome.record is not None:
        return (outcome.record,)
    return one.ahead
