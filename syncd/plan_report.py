"""What a plan says, as values, as text and as JSON. Filled by `plan`, shown by `syncd plan`; decides nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby

from syncd.log_lines import printable

SHOWN = 200
"""Steps that the text shows; JSON has all."""
VALUE_SHOWN = 120


class Verdict(StrEnum):
    """What the next cycle would do with one effect."""

    SEND = "would be sent"
    AFTER_CREATE = "follows its create"
    UNSEEN = "not looked at"
    WAIT = "would wait"
    REFUSED = "would be refused"
    UNDER_WAY = "is being sent now"
    PERSON = "waits for a person"
    NEEDLESS = "is not needed"
    STANDS = "stands already"


WRITES = frozenset({Verdict.SEND, Verdict.AFTER_CREATE, Verdict.UNSEEN, Verdict.REFUSED})
"""With which the next cycle would do something."""
_SIGNS: Mapping[str, str] = {"create_work_order": "+", "cancel_work_order": "-", "write_note": ">"}
_UNTOLD = frozenset({"correlation_id"})


@dataclass(frozen=True, slots=True)
class Change:
    """One field of the record that would be written."""

    name: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Step:
    """One effect: whose it is, what it would write, and what would become of it."""

    order: str
    subject: str
    kind: str
    key: str
    target: str
    verdict: Verdict
    why: str
    because: str
    text: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class FeedPlanned:
    """What one pass would bring. `stopped`: it would write for so many orders that the cycle stops it."""

    feed: str
    read: int
    changed: int
    unreadable: int = 0
    paused: bool = False
    whole: bool = True
    stopped: Mapping[str, int] | None = None


@dataclass(slots=True)
class Planned:
    """One plan."""

    feeds: list[FeedPlanned] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    @property
    def different(self) -> bool:
        """Whether the next cycle would write something, or be kept from it."""
        return any(step.verdict in WRITES for step in self.steps) or any(feed.stopped for feed in self.feeds)


def as_json(planned: Planned) -> dict[str, object]:
    """Everything, in types of JSON."""
    return {
        "different": planned.different,
        "feeds": [
            {
                "feed": one.feed,
                "read": one.read,
                "changed": one.changed,
                "unreadable": one.unreadable,
                "paused": one.paused,
                "whole": one.whole,
                "stopped": dict(one.stopped) if one.stopped is not None else None,
            }
            for one in planned.feeds
        ],
        "steps": [
            {
                "order": step.order,
                "subject": step.subject,
                "kind": step.kind,
                "key": step.key,
                "target": step.target,
                "verdict": step.verdict.name.lower(),
                "why": step.why,
                "because": step.because,
                "text": step.text,
                "changes": [{"field": c.name, "old": c.old, "new": c.new} for c in step.changes],
            }
            for step in planned.steps
        ],
    }


def as_text(planned: Planned) -> str:
    return "\n".join(printable(line) for line in _lines(planned))


def _lines(planned: Planned) -> Iterator[str]:
    shown = sorted(planned.steps, key=lambda step: (step.order, step.subject))[:SHOWN]
    for order, of_order in groupby(shown, key=lambda step: step.order):
        yield f"Order {order}" if order else "Without an order"
        for subject, steps in groupby(of_order, key=lambda step: step.subject):
            yield f"  {subject}"
            for step in steps:
                yield from (f"    {line}" for line in _step(step))
        yield ""
    if len(planned.steps) > SHOWN:
        yield f"... and {len(planned.steps) - SHOWN} more (--json shows all)"
    yield from _feeds(planned)
    counts = [
        (verdict, n) for verdict in Verdict if (n := sum(step.verdict is verdict for step in planned.steps))
    ]
    told = ", ".join(f"{n} {verdict.value}" for verdict, n in counts)
    yield f"{len(planned.steps)} effects" + (f": {told}" if told else "") + "; nothing was written (a plan)"


def _step(step: Step) -> Iterator[str]:
    what = step.kind.replace("_", " ")
    target = "" if step.kind == "create_work_order" else f" {step.target}"
    verdict = "" if step.verdict is Verdict.SEND else f" [{step.verdict.value}{_because(step.why)}]"
    yield f"{_SIGNS.get(step.kind, '~')} {what}{target}{verdict}"
    yield f"    because {step.because}"
    for change in step.changes:
        if change.name in _UNTOLD:
            continue
        old = f"{_value(change.old)} -> " if change.old or step.kind != "create_work_order" else ""
        yield f"    {change.name}: {old}{_value(change.new)}"
    if step.text:
        yield from (f'    "{line}"' for line in step.text.splitlines() if line.strip())


def _feeds(planned: Planned) -> Iterator[str]:
    for feed in planned.feeds:
        if feed.paused:
            yield f"{feed.feed} is not read: it waits for a person (syncd safety list)"
        if feed.stopped is not None:
            counts = ", ".join(f"{what.replace('_', ' ')} for {n} orders" for what, n in feed.stopped.items())
            yield f"{feed.feed} would stop before a mass change ({counts}); nothing of it is in this plan"
        if not feed.whole:
            yield f"{feed.feed} is read on by the cycle: the plan saw its first {feed.read} rows"
        if feed.unreadable:
            yield f"{feed.feed} has {feed.unreadable} records that cannot be read"
    changed = sum(feed.changed for feed in planned.feeds)
    yield f"{sum(feed.read for feed in planned.feeds)} rows read, {changed} of them changed"


def _because(why: str) -> str:
    return f": {why}" if why else ""


def _value(text: str) -> str:
    line = " ".join(text.split())
    return f'"{line if len(line) <= VALUE_SHOWN else line[: VALUE_SHOWN - 3] + "..."}"'
