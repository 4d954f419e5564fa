"""What changed between the snapshot of a record and the record as read now.

Called by intake for every record that a feed shows, and by the sweep. It says what happened, never what is to be done;
and it assumes no order: any state may follow any other, backwards too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from mappings.model import SUBJECT_KINDS, UNKNOWN_STATE, Kind, Record, record_value
from mappings.retention import DIGEST, is_reduced


class What(StrEnum):
    """What a change is called, in logs and in `explain` too."""

    FIRST_SEEN = "first_seen"
    STATUS_CHANGED = "status_changed"
    """Any state after any other. The more telling words below come in addition."""
    APPROVED = "approved"
    """It entered the states in which work orders are created."""
    HELD = "held"
    RESUMED = "resumed"
    CANCELLED = "cancelled"
    CLOSED = "closed"
    REOPENED = "reopened"
    """It was closed or cancelled and is not any more."""
    AMENDED = "amended"
    """Fields changed that are neither PONR nor the closure marker."""
    PONR_REACHED = "ponr_reached"
    PONR_CLEARED = "ponr_cleared"
    CLOSURE_REQUESTED = "closure_requested"
    CLOSURE_WITHDRAWN = "closure_withdrawn"
    PASSED_THROUGH = "passed_through"
    """It was something else in between, as its history tells, and is again what it was."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One logical field (or "state") with its raw values."""

    name: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happened to one record. `before` is None at first sight; `fields` is what concerns this change."""

    what: What
    record: Record
    before: Record | None = None
    fields: tuple[FieldChange, ...] = ()
    past: tuple[Record, ...] = ()
    """What it was between `before` and `record`, oldest first, where a history was read."""


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """What the canonical states of one kind mean. A state in none of the sets is open and triggers nothing."""

    trigger: frozenset[str] = frozenset()
    """States in which work orders are created."""
    held: frozenset[str] = frozenset()
    """States in which nothing is created or changed."""
    cancelled: frozenset[str] = frozenset()
    closed: frozenset[str] = frozenset()
    """States in which nothing more happens; cancelled ones may be among them."""

    @property
    def ended(self) -> frozenset[str]:
        return self.closed | self.cancelled


_ORDER = Lifecycle(
    trigger=frozenset({"acknowledged", "in_progress", "scheduled", "awaiting_information"}),
    held=frozenset({"on_hold", "enrichment_on_hold", "revision_in_progress", "assessing_cancellation"}),
    cancelled=frozenset({"cancellation_in_progress", "canceled"}),
    closed=frozenset({"completed", "canceled"}),
)
_WORK = frozenset({"closed_complete", "closed_incomplete", "canceled"})

_DEFAULT_LIFECYCLES: Mapping[Kind, Lifecycle] = MappingProxyType(
    {
        Kind.CUSTOMER_ORDER: _ORDER,
        Kind.ORDER_LINE: _ORDER,
        Kind.DOMAIN_ORDER: Lifecycle(
            trigger=frozenset({"qualified", "in_progress", "scheduled"}),
            held=frozenset({"on_hold"}),
            cancelled=frozenset({"cancellation_in_progress", "canceled"}),
            closed=frozenset({"closed_complete", "canceled"}),
        ),
        Kind.ORDER_TASK: Lifecycle(
            trigger=frozenset({"open", "in_progress", "scheduled", "awaiting_information"}),
            held=frozenset({"on_hold"}),
            cancelled=frozenset({"canceled"}),
            closed=frozenset({"closed_complete", "closed_incomplete", "canceled"}),
        ),
        Kind.CHARACTERISTIC: Lifecycle(),
        Kind.LINE_CONTACT: Lifecycle(),
        Kind.RELATED_ITEM: Lifecycle(),
        Kind.WORK_ORDER: Lifecycle(cancelled=frozenset({"canceled"}), closed=_WORK),
        Kind.WORK_TASK: Lifecycle(cancelled=frozenset({"canceled"}), closed=_WORK),
    }
)


def default_lifecycles() -> Mapping[Kind, Lifecycle]:
    """The lifecycles of the canonical states, where the config says nothing else."""
    return _DEFAULT_LIFECYCLES


def detect(
    before: Record | None,
    after: Record,
    lifecycle: Lifecycle,
    closure_marker: tuple[str, str] | None = None,
    past: tuple[Record, ...] = (),
) -> tuple[Change, ...]:
    """Everything that happened, () where the content is the same and was so in between, as far as `past` tells.

    `closure_marker` is the field and the value by which OM asks for closure ("state" is a field here too); a request
    that stands at first sight counts, because it waits for an answer. Only subjects ask.
    """
    if after.kind not in SUBJECT_KINDS:
        closure_marker = None
    if before is None:
        asked = closure_marker is not None and _asks(after, closure_marker)
        first = Change(What.FIRST_SEEN, after)
        return (first, Change(What.CLOSURE_REQUESTED, after)) if asked else (first,)
    found = tuple(
        Change(what, after, before, fields, past)
        for what, fields in (
            *_of_state(before, after, lifecycle),
            *_of_fields(before, after, closure_marker),
            *_of_closure(before, after, lifecycle, closure_marker),
        )
    )
    return found or ((Change(What.PASSED_THROUGH, after, before, (), past),) if past else ())


_Found = Iterator[tuple[What, tuple[FieldChange, ...]]]


def _of_state(before: Record, after: Record, lifecycle: Lifecycle) -> _Found:
    if status(before) == status(after):
        return
    fields = (FieldChange("state", before.state, after.state),)
    yield What.STATUS_CHANGED, fields

    def entered(states: frozenset[str]) -> bool:
        return after.state in states and before.state not in states

    if entered(lifecycle.cancelled):
        yield What.CANCELLED, fields
    elif entered(lifecycle.closed) and after.state not in lifecycle.cancelled:
        yield What.CLOSED, fields
    if before.state in lifecycle.ended and after.state not in lifecycle.ended:
        yield What.REOPENED, fields
    if entered(lifecycle.held):
        yield What.HELD, fields
    elif before.state in lifecycle.held and after.state not in lifecycle.ended:
        yield What.RESUMED, fields
    if entered(lifecycle.trigger):
        yield What.APPROVED, fields


def _of_fields(before: Record, after: Record, marker: tuple[str, str] | None) -> _Found:
    if before.fields == after.fields:
        return
    names = sorted(before.fields.keys() | after.fields.keys())
    changed = [FieldChange(n, before.get(n), after.get(n)) for n in names if before.get(n) != after.get(n)]
    marker_field = marker[0] if marker else ""
    amended = tuple(change for change in changed if change.name not in ("ponr", marker_field))
    if amended:
        yield What.AMENDED, amended
    if before.is_true("ponr") != after.is_true("ponr"):
        what = What.PONR_REACHED if after.is_true("ponr") else What.PONR_CLEARED
        yield what, tuple(change for change in changed if change.name == "ponr")


def _of_closure(
    before: Record, after: Record, lifecycle: Lifecycle, marker: tuple[str, str] | None
) -> _Found:
    if marker is None:
        return
    fields = (FieldChange(marker[0], record_value(before, marker[0]), record_value(after, marker[0])),)
    if _asks(after, marker) and not _asks(before, marker):
        yield What.CLOSURE_REQUESTED, fields
    elif _asks(before, marker) and not _asks(after, marker) and after.state not in lifecycle.ended:
        yield What.CLOSURE_WITHDRAWN, fields


def _asks(record: Record, marker: tuple[str, str]) -> bool:
    return record_value(record, marker[0]) == marker[1]


def status(record: Record) -> str:
    """The state as far as it can be told: two stored choices that no profile knows differ by their labels."""
    return f"{record.state} {record.state_label}" if record.state == UNKNOWN_STATE else record.state


def content_hash(record: Record) -> str:
    """SHA-256 over state and fields. A field that is "" counts like one that is not there. A reduced record knows its own."""
    if is_reduced(record):
        return record.get(DIGEST)
    content = [status(record), _said(record)]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _said(record: Record) -> dict[str, str]:
    return {name: value for name, value in record.fields.items() if value}


def same(before: Record, after: Record) -> bool:
    """Whether this is the same version read again, to be dropped unseen."""
    return (before.kind, before.id, before.version, before.updated_at) == (
        after.kind,
        after.id,
        after.version,
        after.updated_at,
    ) and _says_the_same(before, after)


def _says_the_same(before: Record, after: Record) -> bool:
    """Whether both have one `content_hash`, which is computed only where one of them kept nothing else."""
    if is_reduced(before) or is_reduced(after):
        return content_hash(before) == content_hash(after)
    if status(before) != status(after):
        return False
    return before.fields == after.fields or _said(before) == _said(after)
