"""What a sweep has found, as values, as text and as JSON. Filled by `sweep`, shown by `syncd sweep`; decides nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mappings import changes
from mappings.effects import Effect
from mappings.model import Kind, Record
from mappings.retention import as_far_as_known
from syncd.log_lines import printable

SHOWN = 200
"""Findings that the text shows; JSON has all."""


class What(StrEnum):
    """What was found, in the words of the report."""

    UNKNOWN = "not known yet"
    DIFFERENT = "differs from what is known"
    ROLLED_BACK = "older than what is known"
    UNREADABLE = "cannot be read"
    LINKED = "belongs to a domain order and was not linked"
    MISSING = "not found by its id, for the first time"
    VANISHED = "not found by its id, for the second time: gone"
    BACK = "is back"
    INTENDED = "an effect follows"


@dataclass(frozen=True, slots=True)
class Finding:
    what: What
    kind: str
    """Of the record, or of the effect."""
    id: str
    number: str = ""
    detail: str = ""


@dataclass(slots=True)
class Swept:
    """What one sweep came to. `complete` False: it was cut short. `stopped`: it would have changed too many orders."""

    findings: list[Finding] = field(default_factory=list)
    read: int = 0
    hidden: int = 0
    stretches: int = 0
    born: int = 0
    complete: bool = False
    stopped: Mapping[str, int] | None = None

    def add(self, what: What, kind: Kind, id: str, number: str = "", detail: str = "") -> None:
        self.findings.append(Finding(what, kind.value, id, number, detail))

    def intend(self, effect: Effect) -> None:
        detail = f"{effect.because}" + (f" (for {effect.subject})" if effect.subject != effect.target else "")
        self.findings.append(Finding(What.INTENDED, effect.kind.value, effect.target, detail=detail))

    def counts(self) -> dict[str, int]:
        return dict(sorted(Counter(finding.what.value for finding in self.findings).items()))


def as_json(swept: Swept, *, plan: bool) -> dict[str, object]:
    return {
        "plan": plan,
        "complete": swept.complete,
        "read": swept.read,
        "hidden": swept.hidden,
        "stopped": dict(swept.stopped) if swept.stopped is not None else None,
        "counts": swept.counts(),
        "findings": [
            {
                "what": finding.what.name.lower(),
                "kind": finding.kind,
                "id": finding.id,
                "number": finding.number,
                "detail": finding.detail,
            }
            for finding in swept.findings
        ],
    }


def as_text(swept: Swept, *, plan: bool) -> str:
    return "\n".join(_lines(swept, plan=plan))


def _lines(swept: Swept, *, plan: bool) -> Iterator[str]:
    for finding in swept.findings[:SHOWN]:
        name = printable(finding.number or finding.id)
        tail = f": {printable(finding.detail)}" if finding.detail else ""
        yield f"{finding.kind.replace('_', ' ')} {name}: {finding.what.value}{tail}"
    if len(swept.findings) > SHOWN:
        yield f"... and {len(swept.findings) - SHOWN} more (--json shows all)"
    yield f"{swept.read} records read, {len(swept.findings)} findings" + (
        "; nothing was written (--plan)" if plan else ""
    )
    if swept.hidden:
        yield f"access rules hide {swept.hidden} rows from our user"
    if swept.stopped is not None:
        counts = ", ".join(f"{what.replace('_', ' ')}: {n} orders" for what, n in swept.stopped.items())
        yield f"this is a mass change ({counts})" + (
            "; a sweep would stop before it"
            if plan
            else "; it waits for: syncd safety allow sweep --by NAME --reason TEXT"
        )
    if not swept.complete:
        yield "cut short: what was not reached is looked at by the next sweep"


def difference(before: Record, now: Record) -> str:
    """The names of what differs; values stay out of reports."""
    before = as_far_as_known(before, now)
    names = [name for name in sorted({*before.fields, *now.fields}) if before.get(name) != now.get(name)]
    if changes.status(before) != changes.status(now):
        names.insert(0, "state")
    return ", ".join(names) or "its version only"
