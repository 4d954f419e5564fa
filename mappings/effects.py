"""Effects: the remote writes that a decision intends, and the states that each goes through in the outbox.

`decisions` yields them, the state stores them, `syncd.dispatch` performs them. An effect is data: it can be stored,
shown in a plan, and compared. Its key is natural and stable, so deciding twice intends once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from mappings.model import EffectStatus, Kind, Link, Plan, System


class EffectKind(StrEnum):
    CREATE_WORK_ORDER = "create_work_order"
    UPDATE_WORK_ORDER = "update_work_order"
    CANCEL_WORK_ORDER = "cancel_work_order"
    UPDATE_WORK_TASK = "update_work_task"
    WRITE_NOTE = "write_note"
    SHOW_WORK_ORDERS = "show_work_orders"
    RELATE = "relate"
    """Makes the row that relates a work order to its subject."""
    CLOSE_DOMAIN_ORDER = "close_domain_order"
    CLEAR_REQUEST = "clear_request"
    """Takes the marker of a held request away."""
    REOPEN_DOMAIN_ORDER = "reopen_domain_order"
    """Of one that was closed while work was open."""


WRITES_TO_FSM = frozenset(
    {
        EffectKind.CREATE_WORK_ORDER,
        EffectKind.UPDATE_WORK_ORDER,
        EffectKind.CANCEL_WORK_ORDER,
        EffectKind.UPDATE_WORK_TASK,
    }
)
"""What changes field work itself; notes do not."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference field of FSM whose id is looked up there before the write.

    `entity` names a reference of the FSM profile ("template", "location"), `match` the property that is compared
    ("id", "name", "number", "correlation_id"), `value` what it must equal. `required` parks the effect when nothing
    is found; otherwise the field is left out and noted.
    """

    entity: str
    match: str
    value: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Effect:
    """One intended remote write.

    `subject` is the domain order or order task it belongs to; queues are per (subject, system). `target` is the id of
    the record written: for a create, the id that we choose. `values` are logical FSM or OM fields, raw strings;
    `references` logical FSM fields that need a look-up. `text` is a note with its marker, a cancel's reason, or what a
    note is to say of a release on a person's word.
    `marker` is what finds the note again. `because` says in one line which rule and change intended it.
    """

    key: str
    kind: EffectKind
    system: System
    subject_kind: Kind
    subject: str
    target_kind: Kind
    target: str
    because: str
    values: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[str, Reference] = field(default_factory=dict)
    before: Mapping[str, str] = field(default_factory=dict)
    """For an update: the old values of the changed fields, as a note shows them."""
    text: str = ""
    marker: str = ""
    link: Link | None = None
    """What a settled create stores."""
    expected_version: int | None = None
    """For a gate answer: the version of the target that the answer was decided on."""
    instead_of: str = ""
    """For the cancel of a duplicate: the work order that stays."""
    unmatched: str = ""
    """For the cancel of a work order whose rule matches no more: its rule and slot, as "rule:slot"."""
    still_closed: tuple[str, ...] = ()
    """For a gate answer: the work orders that must be closed when it is sent."""
    while_open: tuple[str, ...] = ()
    """For a reopening: the work orders of which one must still be open when it is sent."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something was decided, or was not: one line for the ledger and `explain`.

    `rule` is "" where no table row is concerned; `fired` tells a matching row from one that did not match.
    """

    text: str
    rule: str = ""
    fired: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What one change means for one subject. Applied in the transaction that stores the change."""

    subject_kind: Kind
    subject: str
    effects: tuple[Effect, ...] = ()
    plan: Plan | None = None
    """A plan to pin; None leaves the stored one."""
    supersede: tuple[str, ...] = ()
    """Keys of effects that are void now, if they were not sent yet."""
    noted: tuple[str, ...] = ()
    """Work orders that the decision's notes name for the first time."""
    because: tuple[Reason, ...] = ()
    unmatched: tuple[str, ...] = ()
    """Work orders, as "rule:slot", whose rule has just ceased to match."""


_S = EffectStatus

MOVES: Mapping[tuple[EffectStatus, str], EffectStatus] = MappingProxyType(
    {
        (_S.PENDING, "claimed"): _S.IN_FLIGHT,
        (_S.PENDING, "overtaken"): _S.SUPERSEDED,
        (_S.PENDING, "forgotten"): _S.IN_DOUBT,
        (_S.IN_FLIGHT, "done"): _S.DONE,
        (_S.IN_FLIGHT, "not_sent"): _S.PENDING,
        (_S.IN_FLIGHT, "doubtful"): _S.IN_DOUBT,
        (_S.IN_FLIGHT, "refused"): _S.PARKED,
        (_S.IN_FLIGHT, "overtaken"): _S.SUPERSEDED,
        (_S.IN_FLIGHT, "lost"): _S.IN_DOUBT,
        (_S.IN_DOUBT, "claimed"): _S.IN_FLIGHT,
        (_S.PARKED, "retried"): _S.IN_DOUBT,
        (_S.PARKED, "overtaken"): _S.SUPERSEDED,
        (_S.PARKED, "dropped"): _S.SUPERSEDED,
        (_S.SUPERSEDED, "wanted_again"): _S.PENDING,
    }
)
"""The states of an effect and what moves it.

Theory: `in_flight` is durable before the first byte leaves, so a crash leaves either `pending` (surely not sent) or
`in_flight` (perhaps sent), and the latter is `lost` into doubt when its lease runs out. Doubt is left only by a claim
that probes: what was found is done, what surely never ran is sent again. A parked effect was refused by a rule of the
remote system; a retry probes first, because the refusal may have come after a late commit. At a start, what is pending
may be `forgotten`: in a restored state even what looks unsent may have been sent by the life that was replaced.
"""
