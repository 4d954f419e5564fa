"""What is true, read from the two servers: which work orders exist for which domain order, and what its notes say.

Used by the demo's verdict and by the e2e tests. Knows the report of the sandbox; knows nothing of the daemon.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from syncd.demo.world import Record, Row, Sandbox

PRESCRIBED: Mapping[str, tuple[str, ...]] = {
    "Fiber Access": ("Fiber Installation",),
    "Managed Router": ("Router Installation", "Router Staging"),
    "IP Address Block": (),
    "Business Internet": (),
    "site_survey": ("Site Survey",),
}
"""What the shipped sample tables prescribe, by specification (order tasks: by request type); templates sorted."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A domain order or an order task with everything that came of it."""

    id: str
    number: str
    what: str
    """Its specification, or its request type."""
    location: str
    account: str
    priority: str
    """Of its order line, as the config of the playground maps it."""
    work_orders: tuple[Row, ...] = ()
    templates: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Truth:
    """One reading of both servers."""

    subjects: tuple[Subject, ...]
    work_orders: tuple[Row, ...]
    names: Mapping[str, str] = field(default_factory=dict)
    """Ids of locations, accounts, templates, ... of both servers -> what people read."""

    def problems(self) -> list[str]:
        """Every way in which the prescribed work orders do not stand exactly once, whole and noted."""
        found = self.doubled_or_missing()
        for subject in self.subjects:
            for row in subject.work_orders:
                found += self._against_its_order(subject, row)
            if subject.work_orders:
                found += _creation_notes(subject)
        return found

    def doubled_or_missing(self) -> list[str]:
        """Every work order that the tables prescribe and that is not there once, and every one too many."""
        found = [problem for subject in self.subjects for problem in self._against_the_table(subject)]
        twice = [c for c, n in Counter(w["correlation_id"] for w in self.work_orders).items() if n > 1 and c]
        return found + [f"{correlation} stands twice" for correlation in twice]

    @staticmethod
    def _against_the_table(subject: Subject) -> list[str]:
        wanted = PRESCRIBED[subject.what]
        if subject.templates == wanted:
            return []
        return [f"{subject.number} ({subject.what}) has {list(subject.templates)}, not {list(wanted)}"]

    def _against_its_order(self, subject: Subject, row: Row) -> list[str]:
        expected = {
            "location": (self.names.get(row["location"], ""), subject.location),
            "account": (self.names.get(row["account"], ""), subject.account),
            "priority": (row["priority"], subject.priority),
        }
        return [
            f"{row['number']} has {name} {seen!r}, its domain order {wanted!r}"
            for name, (seen, wanted) in expected.items()
            if seen != wanted or not wanted
        ]


def _creation_notes(subject: Subject) -> list[str]:
    naming = [note for note in subject.notes if "[syncd:1:created:" in note]
    if len(naming) != 1:
        return [f"{subject.number} has {len(naming)} notes that name its work orders"]
    absent = [row["number"] for row in subject.work_orders if row["number"] not in naming[0]]
    return [f"the note of {subject.number} does not name {number}" for number in absent]


def read_truth(sandbox: Sandbox) -> Truth:
    """Both servers at one instant."""
    report = sandbox.report()
    names = {
        record[f]: shown
        for records in report.values()
        for record in records
        for f, shown in record["names"].items()
    }
    domain_orders = {record["sys_id"]: record for record in report["domain_orders"]}
    lines = {record["sys_id"]: record for record in report["order_lines"]}
    work_orders = sorted(map(_row, report["work_orders"]), key=lambda row: row["number"])

    def subject(record: Record, of: Record, what: str) -> Subject:
        mine = tuple(w for w in work_orders if w["correlation_id"].startswith(f"syncd:1:{record['sys_id']}:"))
        return Subject(
            id=record["sys_id"],
            number=record["number"],
            what=what,
            location=of["names"].get("location", ""),
            account=of["names"].get("account", ""),
            priority=lines[of["order_line_item"]]["priority"],
            work_orders=mine,
            templates=tuple(sorted(names.get(w["template"], "?") for w in mine)),
            notes=tuple(note["text"] for note in record["notes"]),
        )

    found = [subject(record, record, record["names"]["specification"]) for record in domain_orders.values()]
    found += [
        subject(task, domain_orders[task["order"]], task["request_type"]) for task in report["order_tasks"]
    ]
    return Truth(tuple(sorted(found, key=lambda s: s.number)), tuple(work_orders), names)


def _row(record: Record) -> Row:
    """The values of a record, without what the report adds."""
    return {name: value for name, value in record.items() if isinstance(value, str)}
