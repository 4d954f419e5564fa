"""The last look before a write that cannot be taken back: does what was decided still hold, by what OM and FSM say now?

Called by `dispatch` on the worker that is about to send. Reads by id, decides nothing new: whatever a look shows is on its
way through the feeds too, and what it means is decided there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from connectors.errors import Missing
from connectors.ports import FieldService, OrderManagement
from mappings import notes, ponr
from mappings.closure import is_closed
from mappings.decisions import Policy, prescribed
from mappings.effects import Effect
from mappings.links import claims
from mappings.model import SUBJECT_KINDS, TRAIT_KINDS, Facts, Kind, Record
from mappings.requests import asks
from mappings.scheduling import ahead_of


class Next(StrEnum):
    """What to do with the write."""

    SEND = "send"
    WAIT = "wait"
    """Not now; the state of the order may change back."""
    GIVE_UP = "give_up"
    """Overtaken for good; the feeds bring what made it so."""
    REFUSE = "refuse"
    """Overtaken for good, and a person is told why."""


@dataclass(frozen=True, slots=True)
class Verdict:
    next: Next
    reason: str = ""


SEND = Verdict(Next.SEND)


class Recheck:
    """Looks again, just before the send."""

    def __init__(self, om: OrderManagement, fsm: FieldService, policy: Callable[[], Policy]) -> None:
        self._om = om
        self._fsm = fsm
        self._policy = policy

    def create(self, effect: Effect) -> Verdict:
        """The domain order must still be in a state in which work orders are created, its line and order not against it."""
        subject = self._subject(effect)
        if subject is None:
            return Verdict(Next.WAIT, "its domain order cannot be read any more")
        lifecycles = self._policy().lifecycles
        if subject.state in lifecycles[subject.kind].closed - lifecycles[subject.kind].cancelled:
            return Verdict(Next.GIVE_UP, f"{subject.number} is {subject.state_label or subject.state}")
        if subject.state not in lifecycles[subject.kind].trigger:
            return Verdict(Next.WAIT, f"{subject.number} is now {subject.state_label or subject.state}")
        for record in self._above(subject):
            against = lifecycles[record.kind].held | lifecycles[record.kind].cancelled
            if record.state in against or self._is_unapproved(record):
                return Verdict(Next.WAIT, f"{record.number} is now {record.state_label or record.state}")
        return SEND

    def update(self, effect: Effect) -> Verdict:
        """Nothing is amended once the order is cancelled, while it is held or not approved, nor (strict) past the point of no
        return. After a cancellation that is taken back the whole content is compared."""
        subject = self._subject(effect)
        if subject is None:
            return Verdict(Next.WAIT, "its domain order cannot be read any more")
        policy = self._policy()
        above = self._above(subject)
        unread = _unread(subject, above)
        if unread:  # it may be past the point of no return
            return Verdict(Next.WAIT, f"the {unread} of {subject.number} cannot be read")
        # before a hold, which would keep it for ever in front of the cancel
        if self._is_cancelled(subject, above):
            return Verdict(Next.GIVE_UP, f"{subject.number} is cancelled, or what it stands with")
        for record in (subject, *above):
            if record.state in policy.lifecycles[record.kind].held or self._is_unapproved(record):
                return Verdict(Next.WAIT, f"{record.number} is now {record.state_label or record.state}")
        if policy.ponr_mode is ponr.Mode.STRICT and any(
            record.is_true("ponr") for record in (*above, *self._other_lines(above))
        ):
            return Verdict(Next.REFUSE, notes.PONR_MEANWHILE)
        return SEND

    def ahead(self, task: Record) -> tuple[Record, ...]:
        """The open tasks of its work order that come before one that is to get the order's dates, where only the first one
        gets them. A feed may have shown the later one alone."""
        if self._policy().schedule.tasks != "first":
            return ()
        found = self._fsm.find_many(Kind.WORK_TASK, "work_order", [task.get("work_order")])
        return ahead_of(task, found, self._policy())

    def cancel(self, effect: Effect, current: Record) -> Verdict:
        """The cancellation must still stand, and no other order that the work order names may need it."""
        subject = self._subject(effect)
        if subject is None:
            return Verdict(Next.WAIT, "its domain order cannot be read any more")
        if effect.instead_of:
            return self._duplicate(effect)
        above = self._above(subject)
        if not self._is_cancelled(subject, above):
            verdict = self._unmatched(effect, subject, above)
            if verdict.next is not Next.SEND:
                return verdict
        for other in self._others(effect, current):
            if not self._is_cancelled(other, self._above(other)):
                return Verdict(Next.GIVE_UP, f"{other.number} needs it")
        return SEND

    def _is_cancelled(self, subject: Record, above: list[Record]) -> bool:
        lifecycles = self._policy().lifecycles
        return any(r.state in lifecycles[r.kind].cancelled for r in (subject, *above))

    def _others(self, effect: Effect, work_order: Record) -> list[Record]:
        """The other subjects that a work order names by id, as they are now."""
        named = [c.value for c in claims(work_order, self._policy().links) if c.match == "id"]
        ids = [id for id in named if id != effect.subject]
        return [one for kind in SUBJECT_KINDS if ids for one in self._om.read_many(kind, ids)]

    def _unmatched(self, effect: Effect, subject: Record, above: list[Record]) -> Verdict:
        """Of what is cancelled because its rule matches no more: no rule may prescribe the work order again."""
        if not effect.unmatched:
            return Verdict(Next.GIVE_UP, f"{subject.number} is not cancelled any more")
        by_kind = {record.kind: record for record in above}
        facts = Facts(
            subject,
            traits=self._traits(by_kind.get(Kind.ORDER_LINE), subject),
            line=by_kind.get(Kind.ORDER_LINE),
            order=by_kind.get(Kind.CUSTOMER_ORDER),
            parent=self._parent(subject, by_kind),
        )
        if effect.unmatched in prescribed(facts, self._policy()):
            return Verdict(Next.GIVE_UP, "its rule matches again")
        return SEND

    def _traits(self, line: Record | None, subject: Record) -> tuple[Record, ...]:
        """The rows that describe a subject or its line, as far as any table asks about them."""
        asked = {column.partition(".")[0] for table in self._policy().tables for column in table.columns}
        found: list[Record] = []
        for kind in (kind for kind in TRAIT_KINDS if kind in asked):
            found += self._om.find(kind, "order_line", line.id) if line is not None else ()
            if kind is Kind.CHARACTERISTIC:
                owner = subject.id if subject.kind is Kind.DOMAIN_ORDER else subject.get("domain_order")
                found += self._om.find(kind, "domain_order", owner)
        return tuple(found)

    def _parent(self, subject: Record, above: Mapping[Kind, Record]) -> Record | None:
        if subject.kind is Kind.ORDER_TASK:
            return above.get(Kind.DOMAIN_ORDER)
        found = self._om.read_many(Kind.DOMAIN_ORDER, [id for id in (subject.get("parent"),) if id])
        return found[0] if found else None

    def _duplicate(self, effect: Effect) -> Verdict:
        """One of the two must stay."""
        cancelled = self._policy().lifecycles[Kind.WORK_ORDER].cancelled
        kept = self._fsm.read_many(Kind.WORK_ORDER, [effect.instead_of])
        if any(record.state not in cancelled for record in kept):
            return SEND
        return Verdict(Next.GIVE_UP, "the work order that was to stay does not stand any more")

    def close(self, effect: Effect) -> Verdict:
        """The request must still stand, on the same version, and every work order must still be closed."""
        subject = self._subject(effect)
        if subject is None:
            return Verdict(Next.GIVE_UP, "the domain order cannot be read any more")
        policy = self._policy()
        if policy.closure_marker is None or not asks(subject, policy.closure_marker):
            return Verdict(Next.GIVE_UP, f"{subject.number} does not ask for closure any more")
        if effect.expected_version is not None and subject.version != effect.expected_version:
            return Verdict(Next.GIVE_UP, f"{subject.number} has changed since the answer")
        seen = {record.id: record for record in self._fsm.read_many(Kind.WORK_ORDER, effect.still_closed)}
        closed = policy.closed_work
        for id in effect.still_closed:
            if id not in seen or not is_closed(seen[id], closed):
                return Verdict(
                    Next.GIVE_UP, f"work order {seen[id].number if id in seen else id} is not closed"
                )
        return SEND

    def clear(self, effect: Effect, current: Record) -> Verdict:
        """The request that was held must be the one that stands."""
        if effect.expected_version is not None and current.version != effect.expected_version:
            return Verdict(Next.GIVE_UP, f"{current.number} has changed since the answer")
        return SEND

    def reopen(self, effect: Effect, current: Record) -> Verdict:
        """It must be closed still, and work must be open still."""
        policy = self._policy()
        lifecycle = policy.lifecycles[current.kind]
        if current.state not in lifecycle.closed - lifecycle.cancelled:
            return Verdict(Next.GIVE_UP, f"{current.number} is {current.state_label or current.state}")
        seen = self._fsm.read_many(Kind.WORK_ORDER, effect.while_open)
        if all(is_closed(record, policy.closed_work) for record in seen):
            return Verdict(Next.GIVE_UP, "none of its work orders is open any more")
        return SEND

    def _subject(self, effect: Effect) -> Record | None:
        try:
            return self._om.read(effect.subject_kind, effect.subject)
        except Missing:
            return None

    def _is_unapproved(self, record: Record) -> bool:
        return record.kind is Kind.CUSTOMER_ORDER and record.state in self._policy().unapproved_order_states

    def _other_lines(self, above: list[Record]) -> tuple[Record, ...]:
        """The further lines of the order, where one at the point of no return locks them all."""
        order = next((record.id for record in above if record.kind is Kind.CUSTOMER_ORDER), "")
        if not order or self._policy().ponr_scope is not ponr.Scope.ORDER:
            return ()
        return self._om.find(Kind.ORDER_LINE, "order", order)

    def _above(self, subject: Record) -> list[Record]:
        """What the subject stands with: its domain order for an order task, its line and its order."""
        found: list[Record] = []
        node = subject
        if node.kind is Kind.ORDER_TASK:
            found += self._om.read_many(Kind.DOMAIN_ORDER, [node.get("domain_order")])
            node = found[0] if found else node
        for field in ("order_line", "order"):
            parent = node.parents().get(field)
            if parent is not None:
                found += self._om.read_many(parent[0], [parent[1]])
        return found


def _unread(subject: Record, above: list[Record]) -> str:
    """What a subject stands with and a look did not show, "" when all is there."""
    here = {(record.kind, record.id) for record in above}
    for record in (subject, *above):
        for name, place in record.parents().items():
            if name != "parent" and place not in here:
                return name.replace("_", " ")
    return ""
