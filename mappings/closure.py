"""The closure gate: may a domain order be closed now?

Called when OM asks for closure, with evidence that was read for this answer and not remembered. It fails closed: what
is unknown, unread or undecided is open. It decides only; acting, and looking again afterwards, is for the caller.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from mappings.changes import Lifecycle
from mappings.model import (
    UNKNOWN_STATE,
    EffectStatus,
    Kind,
    KnownEffect,
    Link,
    Plan,
    Record,
    record_value,
)

CATCHING_UP = "syncd is catching up with both systems after a start"


@dataclass(frozen=True, slots=True)
class ClosureSettings:
    """What the config says about the gate. `marker` is the field and value of OM that ask for closure, None: no gate.

    `release` are the fields written on release; without any, the release is a note only. `closed` are the states of a
    work order that satisfy the gate, None: all in which it has ended. `cleared` is what the marker says when a hold takes
    it away. `reopen` are the fields written where `past_gate` reopens.
    """

    marker: tuple[str, str] | None = None
    no_work_orders: Literal["release", "hold"] = "release"
    release: Mapping[str, str] = field(default_factory=dict)
    closed: frozenset[str] | None = None
    on_hold: Literal["keep", "clear"] = "keep"
    cleared: str = ""
    hold_note_interval: timedelta = timedelta(hours=1)
    past_gate: Literal["note", "reopen"] = "note"
    merged: str = ""
    """The field in which a merged work order names the one that does its work, "" for none."""
    reopen: Mapping[str, str] = field(default_factory=lambda: {"state": "in_progress"})

    def closed_states(self, lifecycles: Mapping[Kind, Lifecycle]) -> frozenset[str]:
        """The states in which a work order holds nothing."""
        return lifecycles[Kind.WORK_ORDER].closed if self.closed is None else self.closed


@dataclass(frozen=True, slots=True)
class SubjectEvidence:
    """The domain order itself, an order task of it, or a child domain order: all that may have work orders.

    `waived` are the slots that a person decided to do without. `found` are work orders that point at it in FSM.
    """

    record: Record
    plan: Plan | None
    links: tuple[Link, ...] = ()
    waived: frozenset[tuple[str, int]] = frozenset()
    found: tuple[Record, ...] = ()
    historic: bool = False
    vanished: Mapping[str, str] = field(default_factory=dict)
    """Linked work orders that are gone from FSM, each with the number that it had."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the answer rests on. Nothing has a default that would release."""

    subjects: tuple[SubjectEvidence, ...]
    """The domain order first, then its order tasks and child domain orders."""
    order: Record | None
    line: Record | None
    work_orders: Mapping[str, Record]
    """The linked work orders as just read by id; one that could not be read is absent."""
    catching_up: bool
    """The state may be older than the world, and has not read yet what another life did."""
    intake_current: bool
    """Every change of this order that OM made before the request has been taken in."""
    search_settled: bool
    """A pass over FSM that began after the request, plus the search lag, is over."""
    unsettled: tuple[KnownEffect, ...]
    """Effects of these subjects that write to FSM and are pending, in flight, in doubt or parked."""
    quarantined: tuple[str, ...]
    """Their records that could not be read."""


@dataclass(frozen=True, slots=True)
class Release:
    """Nothing known or knowable is open."""


@dataclass(frozen=True, slots=True)
class Hold:
    """What is open, one sentence each, never empty."""

    reasons: tuple[str, ...]


def answer(
    evidence: Evidence, settings: ClosureSettings, lifecycles: Mapping[Kind, Lifecycle]
) -> Release | Hold:
    """Release, or everything that holds."""
    reasons = (
        *_unsound(evidence),
        *_unsettled(evidence),
        *_order(evidence, settings, lifecycles),
        *(reason for one in evidence.subjects for reason in _plan(one, lifecycles)),
        *_work_orders(evidence, settings.closed_states(lifecycles)),
        *_merged(evidence, settings.merged),
        *_nothing_to_wait_for(evidence, settings),
    )
    return Hold(tuple(dict.fromkeys(reasons))) if reasons else Release()


def is_closed(work_order: Record, closed: frozenset[str]) -> bool:
    """Closed means a closed state and, where the profile maps `active`, no longer active: a follow-on may come."""
    return work_order.state in closed and not work_order.is_true("active")


def _unsound(evidence: Evidence) -> Iterator[str]:
    if not evidence.subjects:
        yield "the domain order itself could not be read"
    if evidence.catching_up:
        yield CATCHING_UP
    if not evidence.intake_current:
        yield "changes of the order are still being taken in"
    if not evidence.search_settled:
        yield "the search for work orders made by hand is not settled yet"
    for record in evidence.quarantined:
        yield f"{record} is in quarantine"


def _unsettled(evidence: Evidence) -> Iterator[str]:
    """What is to be written yet. A change that was refused holds even where its work order is closed by now: work was done
    that nobody wanted in the end, and a person is to see that before the order is closed."""
    for effect in evidence.unsettled:
        work_order = evidence.work_orders.get(effect.target)
        what = effect.kind.replace("_", " ") + (f" {work_order.number}" if work_order is not None else "")
        waits = (
            ": it waits for a person (syncd quarantine list)" if effect.status is EffectStatus.PARKED else ""
        )
        yield f"{what} ({effect.status.replace('_', ' ')}) is not settled{waits}"


def _order(
    evidence: Evidence, settings: ClosureSettings, lifecycles: Mapping[Kind, Lifecycle]
) -> Iterator[str]:
    """The domain order still asks, and it, its line and its order are in a state to be closed."""
    records = [one.record for one in evidence.subjects[:1]]
    for subject in records:
        marker = settings.marker
        if marker is None or record_value(subject, marker[0]) != marker[1]:
            yield f"{subject.number} does not ask for closure any more"
        for name, above in (("order", evidence.order), ("order_line", evidence.line)):
            if subject.get(name) and above is None:
                yield f"the {name.replace('_', ' ')} of {subject.number} could not be read"
    for record in (*records, evidence.line, evidence.order):
        if record is not None:
            lifecycle = lifecycles[record.kind]
            if record.state in lifecycle.held | lifecycle.cancelled | {UNKNOWN_STATE}:
                yield f"{record.number} is {record.state_label or record.state}"


def _plan(one: SubjectEvidence, lifecycles: Mapping[Kind, Lifecycle]) -> Iterator[str]:
    """Every slot of the plan has a work order or a waiver; without a plan nobody knows what is missing.

    A task or child that has ended gets no work order any more, so it misses none.
    """
    if one.record.state in lifecycles[one.record.kind].ended:
        return
    if one.plan is None:
        if not one.historic:
            yield f"{one.record.number} has not been decided yet"
        return
    linked = {(link.rule, link.slot) for link in one.links}
    for planned in one.plan.work_orders:
        if not planned.unmatched and (planned.rule, planned.slot) not in linked | one.waived:
            yield (
                f"{one.record.number} has no work order yet for {planned.template} "
                f"(rule {planned.rule}, slot {planned.slot})"
            )


def _work_orders(evidence: Evidence, closed: frozenset[str]) -> Iterator[str]:
    for one in evidence.subjects:
        for link in one.links:
            if link.work_order in evidence.work_orders:
                continue
            if link.work_order in one.vanished:
                number = one.vanished[link.work_order]
                yield f"work order {number} is gone from field service (syncd link drop {number} lets it go)"
            else:
                yield f"work order {link.work_order} could not be read"
        for found in one.found:
            if found.id not in evidence.work_orders and not is_closed(found, closed):
                yield _open(found)
    for work_order in evidence.work_orders.values():
        if not is_closed(work_order, closed):
            yield _open(work_order)


def _merged(evidence: Evidence, field: str) -> Iterator[str]:
    """One that was merged is as closed as the one that does its work, which is linked when it was seen."""
    for work_order in evidence.work_orders.values():
        into = work_order.get(field) if field else ""
        if into and into not in evidence.work_orders:
            yield f"the work order that {work_order.number} was merged into could not be read"


def _open(work_order: Record) -> str:
    return f"work order {work_order.number} is {work_order.state_label or work_order.state}"


def _nothing_to_wait_for(evidence: Evidence, settings: ClosureSettings) -> Iterator[str]:
    if settings.no_work_orders == "hold" and not any(one.links or one.found for one in evidence.subjects):
        yield "it has no work orders, and the config holds such orders"
