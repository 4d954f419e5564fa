"""What a transaction's sightings came to, and what ledger and log keep of one.

Called by `observe`; every lane tells the events of its sightings after the commit. Decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from connectors.ports import UnreadableRecord
from mappings import changes
from mappings.effects import Effect
from mappings.model import Kind, Record
from state.store import LedgerEntry, Transaction
from syncd.logs import Log

LINKED, KNOWN = "work_order.linked", "work_order.known"
"""A new link, and one of before the baseline: on a system full of history those are many."""
WHAT_NEXT = "syncd quarantine list says what to do"


@dataclass(slots=True)
class Sightings:
    """What a transaction's sightings came to. Events are told after the commit: a rolled back one never happened."""

    changed: int = 0
    born: list[str] = field(default_factory=list)
    """Keys of the effects that were intended for the first time."""
    intended: list[Effect] = field(default_factory=list)
    """Those effects themselves."""
    events: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def add(self, event: str, **fields: object) -> None:
        self.events.append((event, fields))

    def linked(self) -> tuple[dict[str, object], ...]:
        """The fields of each new link that is not told yet."""
        return tuple(fields for event, fields in self.events if event in (LINKED, KNOWN))

    def tell(self, log: Log) -> None:
        for event, fields in self.events:
            log.bind(**fields).event(event)
        self.events.clear()


def tell_link(
    event: str, tx: Transaction, work_order: Record, subject: Record, sightings: Sightings, **data: str
) -> None:
    """The ledger keeps both kinds of links under one name."""
    sightings.add(event, domain_order=subject.id, work_order=work_order.id, number=work_order.number, **data)
    event = LINKED if event == KNOWN else event
    entry = LedgerEntry(
        event, subject.id, work_order=work_order.id, data={**data, "number": work_order.number}
    )
    tx.remember(entry)


def tell_unreadable(log: Log, bad: UnreadableRecord) -> None:
    """A row of a page that did not parse."""
    log.event(
        "record.quarantined", kind=bad.kind, id=bad.id, field=bad.field, reason=bad.reason, next=WHAT_NEXT
    )


def keep(tx: Transaction, record: Record, error: Exception, sightings: Sightings) -> None:
    """A record that a rule fails on."""
    reason = f"deciding on it failed: {type(error).__name__}"
    tx.quarantine(record.kind.system, record.kind, record.id, record.updated_at, "", reason, "")
    sightings.add(
        "record.quarantined",
        kind=record.kind,
        id=record.id,
        number=record.number,
        reason=reason,
        next=WHAT_NEXT,
    )


def seen(before: Record | None, record: Record, found: tuple[changes.Change, ...]) -> LedgerEntry:
    return LedgerEntry(
        event="seen",
        subject=record.id,
        work_order=record.id if record.kind is Kind.WORK_ORDER else "",
        data={
            "kind": record.kind.value,
            "number": record.number,
            "version": record.version,
            "state": record.state,
            "label": record.state_label,
            "was": before.state_label if before else "",
            "changes": [change.what.value for change in found],
            "fields": sorted({f.name for change in found for f in change.fields} - {"state"}),
        },
    )


def reasoned(rule: str, fired: bool, text: str) -> str:
    """One line: a rule that fired begins with "+ ", one that did not with "- ", as `syncd decide` shows them."""
    if not rule:
        return text
    return f"{'+' if fired else '-'} {text}"
