"""What is true in the two simulated servers, said without the product: who belongs to whom, what ought to be.

Asked by `invariants`. Reads tables, journals and the past of rows; never the daemon, its state or its log.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from mappings.keys import parse_correlation
from mappings.model import Kind, Record
from tests.simulation import field_service as fs
from tests.simulation.rules import CARRIED, CONDITION, FAST, PLAN
from tests.simulation.server import Entry, Past, Server

SUBJECTS = (Kind.DOMAIN_ORDER, Kind.ORDER_TASK)
TRIGGER = {
    Kind.DOMAIN_ORDER: frozenset({"qualified", "in_progress", "scheduled"}),
    Kind.ORDER_TASK: frozenset({"open", "in_progress", "scheduled", "awaiting_information"}),
}
FIBER = ("fiber", 1)
CANCELLED = frozenset({"cancellation_in_progress", "canceled"})
HELD = frozenset({"on_hold", "revision_in_progress", "assessing_cancellation", "enrichment_on_hold"})
UNAPPROVED = frozenset({"draft", "new", "submitted", "rejected"})


class Truth:
    """Both servers, and from when on the daemon is responsible."""

    def __init__(self, om: Server, fsm: Server) -> None:
        self.om = om
        self.fsm = fsm
        self.baseline: datetime | None = None
        self.forgot_at = 0.0
        """When the state was last put back or lost: what had gone by then nobody may know of."""
        self.notes = False
        """Typed notes are mirrored, and work orders shown."""
        self.rich = False
        """The installation has what only some have: see `rules.rich`."""
        self.backfilled = False
        """Somebody had the past done too."""

    # -- orders ----------------------------------------------------------------------------------------------------

    def subjects(self) -> list[Record]:
        return [
            row for kind in SUBJECTS for row in self.om.rows(kind) if (kind, row.id) not in self.om.hidden
        ]

    def domain_order(self, subject: Record) -> Record | None:
        if subject.kind is Kind.DOMAIN_ORDER:
            return subject
        return self.om.get(Kind.DOMAIN_ORDER, subject.get("domain_order"))

    def line(self, subject: Record) -> Record | None:
        one = self.domain_order(subject)
        return self.om.get(Kind.ORDER_LINE, one.get("order_line")) if one else None

    def order(self, subject: Record) -> Record | None:
        one = self.domain_order(subject)
        return self.om.get(Kind.CUSTOMER_ORDER, one.get("order")) if one else None

    def standing(self, subject: Record) -> list[Record]:
        """The subject and what it stands with."""
        above = (self.domain_order(subject), self.line(subject), self.order(subject))
        return [subject, *(one for one in above if one is not None and one.id != subject.id)]

    def is_cancelled(self, subject: Record) -> bool:
        return any(one.state in CANCELLED for one in self.standing(subject))

    def is_held(self, subject: Record) -> bool:
        return any(one.state in HELD for one in self.standing(subject))

    def waits(self, subject: Record) -> bool:
        """Whether a create of it waits for people: while it is held, or was taken back behind its approval."""
        return self.is_held(subject) or subject.state == "draft"

    def is_unapproved(self, subject: Record) -> bool:
        order = self.order(subject)
        return order is None or order.state in UNAPPROVED

    def is_historic(self, subject: Record) -> bool:
        return self.baseline is not None and subject.created_at < self.baseline

    def wants(self, subject: Record) -> tuple[tuple[str, int], ...]:
        """The slots that are to be made for it as it stands, () while nothing is; what is historic waits for a backfill."""
        return () if self.is_historic(subject) else self.prescribes(subject)

    def prescribes(self, subject: Record) -> tuple[tuple[str, int], ...]:
        """The slots that the tables prescribe for it as it stands, whoever asked them."""
        if (
            self.is_cancelled(subject)
            or self.is_held(subject)
            or subject.state not in TRIGGER[subject.kind]
            or self.is_unapproved(subject)
        ):
            return ()
        slots = PLAN.get((subject.kind, subject.get(CONDITION[subject.kind])), ())
        return (*slots, FAST) if FIBER in slots and self.said_of(subject, "kind") == "fast" else slots

    def was_fast(self, subject: Record) -> bool:
        """Whether its line was ever said to be fast."""
        line = self.line(subject)
        return any(
            one.record is not None
            and one.record.get("order_line") == line.id
            and one.record.get("value") == "fast"
            for (kind, _), past in self.om.past.items()
            for one in past
            if kind is Kind.CHARACTERISTIC and line is not None
        )

    def said_of(self, subject: Record, name: str) -> str:
        """What the row of that name says of the line of a subject, "" where there is none."""
        line = self.line(subject)
        rows = self.om.rows(Kind.CHARACTERISTIC) if line is not None else []
        mine = [row for row in rows if line is not None and row.get("order_line") == line.id]
        return next((row.get("value") for row in mine if row.get("name") == name), "")

    def is_said_anew(self, subject: Record, since: float) -> bool:
        """Whether what rows say of its line was changed since an instant."""
        line = self.line(subject)
        return line is not None and any(
            past[-1].at > since
            for (kind, _), past in self.om.past.items()
            if kind is Kind.CHARACTERISTIC
            and any(p.record and p.record.get("order_line") == line.id for p in past)
        )

    def family(self, domain_order: str) -> set[str]:
        """A domain order, its tasks, and the same of its children."""
        found = {domain_order}
        for task in self.om.rows(Kind.ORDER_TASK):
            if task.get("domain_order") == domain_order:
                found.add(task.id)
        for child in self.om.rows(Kind.DOMAIN_ORDER):
            if child.get("parent") == domain_order:
                found |= self.family(child.id)
        return found

    def deleted_subjects(self) -> list[Record]:
        """Domain orders and order tasks that people have deleted, as they were last."""
        return [
            next(one.record for one in reversed(past) if one.record is not None)
            for (kind, _), past in self.om.past.items()
            if kind in SUBJECTS and past[-1].record is None
        ]

    def belongs_below(self, record: Record, domain_order: str) -> bool:
        return record.get("domain_order" if record.kind is Kind.ORDER_TASK else "parent") in self.family(
            domain_order
        )

    # -- work orders -----------------------------------------------------------------------------------------------

    def work_orders(self) -> list[Record]:
        return [r for r in self.fsm.rows(Kind.WORK_ORDER) if (Kind.WORK_ORDER, r.id) not in self.fsm.hidden]

    def belongs_to(self, work_order: Record) -> str:
        ours = parse_correlation(work_order.get("correlation_id"))
        return ours.domain_order if ours else work_order.get("initiated_from")

    def subject_of(self, work_order: Record) -> Record | None:
        owner = self.belongs_to(work_order)
        found = (self.om.get(kind, owner) for kind in SUBJECTS)
        return next((one for one in found if one is not None), None)

    def made(self) -> Iterator[tuple[str, list[Past]]]:
        """Every work order that ever was, with its past."""
        for (kind, id), past in self.fsm.past.items():
            if kind is Kind.WORK_ORDER:
                yield id, past

    def ever_made(self) -> set[tuple[str, str, int]]:
        """(subject, rule, slot) of every work order of ours that ever was."""
        found = set()
        for _, past in self.made():
            record = past[0].record
            ours = parse_correlation(record.get("correlation_id")) if record else None
            if ours is not None:
                found.add((ours.domain_order, ours.rule, ours.slot))
        return found

    def is_old(self, work_order: Record) -> bool:
        """Older than the baseline."""
        return self.baseline is not None and work_order.created_at < self.baseline

    def is_merged_into_open(self, family: set[str]) -> bool:
        """Whether what does the work of one of the family's is open, or is gone."""
        merged = [one.get("merged_into") for one in self.work_orders() if self.belongs_to(one) in family]
        found = [self.fsm.get(Kind.WORK_ORDER, id) for id in merged if id]
        return any(one is None or one.state not in fs.CLOSED for one in found)

    def was_ended(self, work_order: str, since: float = 0.0) -> bool:
        past = self.fsm.past.get((Kind.WORK_ORDER, work_order), [])
        states = [one.record.state for one in past if one.record is not None and one.at >= since]
        now = self.fsm.at((Kind.WORK_ORDER, work_order), since)
        return any(state in fs.CLOSED for state in states) or (now is not None and now.state in fs.CLOSED)

    def open_throughout(self, work_order: str, begin: float, end: float) -> bool:
        """Whether nobody can have seen it closed, or absent, between two instants."""
        key = (Kind.WORK_ORDER, work_order)
        seen = [self.fsm.at(key, begin)]
        seen += [past.record for past in self.fsm.past.get(key, ()) if begin < past.at <= end]
        return all(one is not None and _is_open(one) for one in seen)

    def belonged_throughout(self, work_order: str, family: set[str], begin: float, end: float) -> bool:
        """Whether it was there, and one of the family's, all the time between two instants: people point them elsewhere."""
        key = (Kind.WORK_ORDER, work_order)
        seen = [self.fsm.at(key, begin)]
        seen += [past.record for past in self.fsm.past.get(key, ()) if begin < past.at <= end]
        return all(one is not None and self.belongs_to(one) in family for one in seen)

    def exists_since(self, work_order: str) -> float:
        return self.fsm.past[Kind.WORK_ORDER, work_order][0].at

    # -- contents --------------------------------------------------------------------------------------------------

    def content(self, subject: Record) -> dict[str, str]:
        """What the fields of its work orders ought to say, by logical field."""
        above = {"line": self.line(subject), "order": self.order(subject)}
        return {
            target: (above[where].get(field) if above[where] is not None else "")  # type: ignore[union-attr] - checked
            for target, (where, field) in CARRIED.items()
        } | ({"remark": f"speed {self.said_of(subject, 'speed')}"} if self.rich else {})

    def lines(self, subject: Record) -> list[Record]:
        """All lines of its order: one of them at the PONR locks all of it."""
        one = self.domain_order(subject)
        return [
            line for line in self.om.rows(Kind.ORDER_LINE) if one and line.get("order") == one.get("order")
        ]

    def is_behind_ponr(self, subject: Record) -> bool:
        return any(line.is_true("ponr") for line in self.lines(subject))

    def behind_ponr_throughout(self, subject: Record, begin: float, end: float) -> bool:
        """Whether everybody who read a line of the order between two instants saw it behind its PONR."""
        for line in self.lines(subject):
            key = (Kind.ORDER_LINE, line.id)
            seen = [self.om.at(key, begin)]
            seen += [past.record for past in self.om.past.get(key, ()) if begin < past.at <= end]
            if all(one is not None and one.is_true("ponr") for one in seen):
                return True
        return False

    def said_before_ponr(self, subject: Record, target: str, value: str) -> bool:
        """Whether the source of a field ever had this value while no line of the order was behind its PONR."""
        where, field = CARRIED[target]
        line = self.line(subject)
        source = line if where == "line" else self.order(subject)
        if source is None or line is None:
            return False
        spans = self._spans(self.om.past.get((source.kind, source.id), []), lambda r: r.get(field) == value)
        for other in self.lines(subject):
            past = self.om.past.get((Kind.ORDER_LINE, other.id), [])
            clear = self._spans(past, lambda r: not r.is_true("ponr"))
            clear += [(0.0, past[0].at)]  # before it was there it locked nothing
            spans = [(max(a, c), min(b, d)) for a, b in spans for c, d in clear if a < d and c < b]
        return bool(spans)

    @staticmethod
    def _spans(past: list[Past], holds: object) -> list[tuple[float, float]]:
        found = []
        for number, one in enumerate(past):
            end = past[number + 1].at if number + 1 < len(past) else float("inf")
            if one.record is not None and holds(one.record):  # type: ignore[operator] - a function of a record
                found.append((one.at, end))
        return found

    # -- notes -----------------------------------------------------------------------------------------------------

    def ours_on(self, id: str) -> list[Entry]:
        return [entry for entry in self.om.entries(id) if entry.author == "syncd"]


def _is_open(work_order: Record) -> bool:
    return work_order.state not in fs.CLOSED or work_order.is_true("active")


def shown(work_order: Record, target: str) -> str:
    """What a work order says in a field that is carried; a place by its name."""
    return work_order.get("location_name" if target == "location" else target)
