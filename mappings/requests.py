"""Requests for closure, and what answering one means: the effects of a release, the note of a hold.

The gate lane calls `answered` with evidence that was read for this answer. `closure` judges, this module says what is to
be written; the lane keeps the request's status. A request lives from the marker's appearance until it is released,
withdrawn, or the domain order ends.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from mappings import notes
from mappings.closure import CATCHING_UP, Evidence, Hold, Release, answer
from mappings.effects import Decision, Effect, EffectKind, Reason
from mappings.keys import digest
from mappings.model import Facts, Kind, Record, System, record_value
from mappings.note_effects import name, note_on_subject, nothing
from mappings.policy import Policy


class RequestStatus(StrEnum):
    """Where a request stands."""

    WAITING = "waiting"
    """Not answered yet, or to be answered anew."""
    HELD = "held"
    """Answered with what is open; asked again at every cycle."""
    RELEASING = "releasing"
    """The release is in the outbox."""
    RELEASED = "released"
    """OM has taken it; one more look at the work orders is due."""
    OVER = "over"
    """Released and looked at again, withdrawn, or overtaken by the end of the domain order."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request for closure of one domain order.

    `stamp` is the server stamp of the version that first showed the marker: with the domain order it is the key of the
    answer. `search_from` is the FSM instant after which a pass must have begun before the search counts as settled.
    `overridden_by` is the person who released it against the gate, `override_reason` why.
    """

    subject_kind: Kind
    subject: str
    stamp: datetime
    status: RequestStatus = RequestStatus.WAITING
    reasons: tuple[str, ...] = ()
    search_from: datetime | None = None
    retry_after: datetime | None = None
    """Set when OM refused: not before this instant again."""
    overridden_by: str = ""
    override_reason: str = ""
    unremembered: bool = False
    """Opened in a catch-up: another life may have answered it."""
    hold_notes: int = 0
    """How many notes have said what holds it."""
    noted_reasons: tuple[str, ...] = ()
    """What the last of them said."""
    noted_at: datetime | None = None

    @property
    def key(self) -> str:
        return f"{self.subject}:{self.stamp:%Y%m%dT%H%M%S}"


_UNSETTLED = (
    CATCHING_UP,
    "changes of the order are still being taken in",
    "the search for work orders made by hand is not settled yet",
)


def judged(request: Request, evidence: Evidence, policy: Policy) -> Release | Hold:
    """The gate's verdict; a named person's override releases whatever the evidence says."""
    if request.overridden_by:
        return Release()
    return answer(evidence, policy.closure, policy.lifecycles)


def is_final(verdict: Release | Hold) -> bool:
    """Whether a verdict rests on a finished look; a hold that only waits for the look itself is not noted."""
    return isinstance(verdict, Release) or not any(reason in _UNSETTLED for reason in verdict.reasons)


def answered(
    request: Request,
    verdict: Release | Hold,
    evidence: Evidence,
    facts: Facts,
    policy: Policy,
    *,
    now: datetime,
) -> tuple[Decision, Request]:
    """What a final verdict writes, and the request with what was noted of it.

    On release the fields of the config, or a note. On hold one note; another one when something else holds the request
    and the interval has passed. Where a hold takes the marker away, that too.
    """
    if isinstance(verdict, Release):
        return _released(request, evidence, facts, policy), request
    effects = []
    if _is_news(request, verdict.reasons, now, policy):
        number = request.hold_notes + 1
        again = f":{number}:{digest(*verdict.reasons)}" if request.hold_notes else ""
        effects.append(
            note_on_subject(
                facts,
                policy,
                f"held:{request.key}{again}",
                notes.held(verdict.reasons),
                because="closure requested, work is open",
            )
        )
        request = replace(request, hold_notes=number, noted_reasons=verdict.reasons, noted_at=now)
    if policy.closure.on_hold == "clear" and policy.closure_marker is not None:
        effects.append(_cleared(request, policy.closure_marker[0], evidence, facts, policy))
    reasons = (Reason(reason) for reason in verdict.reasons)
    return replace(nothing(facts, *reasons), effects=tuple(effects)), request


def _is_news(request: Request, reasons: tuple[str, ...], now: datetime, policy: Policy) -> bool:
    """Whether a note is due that says what holds the request."""
    if request.noted_at is None:
        return True
    # noted in the future: the clock has been set back since
    waited = not timedelta() <= now - request.noted_at < policy.closure.hold_note_interval
    return reasons != request.noted_reasons and waited


def _cleared(request: Request, field: str, evidence: Evidence, facts: Facts, policy: Policy) -> Effect:
    """Ends the request where OM shows it, so that whoever asked sees that it has to be asked again."""
    return Effect(
        key=f"clear:{request.key}",
        kind=EffectKind.CLEAR_REQUEST,
        system=System.ORDER_MANAGEMENT,
        subject_kind=facts.subject.kind,
        subject=facts.subject.id,
        target_kind=facts.subject.kind,
        target=facts.subject.id,
        because="closure requested, work is open",
        values={field: policy.closure.cleared},
        expected_version=evidence.subjects[0].record.version,
    )


def _released(request: Request, evidence: Evidence, facts: Facts, policy: Policy) -> Decision:
    because = "closure requested, nothing is open"
    if request.overridden_by:
        because = f"released by {request.overridden_by}: {request.override_reason}"
    word = _word(request, evidence, policy)
    if not policy.closure.release:
        text = word or notes.released([name(facts, record) for record in facts.work_orders])
        note = note_on_subject(facts, policy, f"released:{request.key}", text, because=because)
        return replace(nothing(facts, Reason(because)), effects=(note,))
    effect = Effect(
        key=f"close:{request.key}",
        kind=EffectKind.CLOSE_DOMAIN_ORDER,
        system=System.ORDER_MANAGEMENT,
        subject_kind=facts.subject.kind,
        subject=facts.subject.id,
        target_kind=facts.subject.kind,
        target=facts.subject.id,
        because=because,
        values=dict(policy.closure.release),
        text=word,
        expected_version=evidence.subjects[0].record.version,
        still_closed=() if request.overridden_by else tuple(sorted(evidence.work_orders)),
    )
    return replace(nothing(facts, Reason(because)), effects=(effect,))


def _word(request: Request, evidence: Evidence, policy: Policy) -> str:
    """What the note says where a person overrides the gate: who, why, and what was open; "" where nobody does."""
    if not request.overridden_by:
        return ""
    verdict = answer(evidence, policy.closure, policy.lifecycles)
    held_by = verdict.reasons if isinstance(verdict, Hold) else ()
    return notes.overridden(request.overridden_by, request.override_reason, held_by)


def asks(record: Record, marker: tuple[str, str]) -> bool:
    """Whether a record asks for closure: its marker field, or its state, has the marker's value."""
    return record_value(record, marker[0]) == marker[1]
