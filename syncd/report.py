"""`syncd status` as text and as JSON. Takes what the state counted; reads nothing itself.

Everything that a remote system wrote is made printable before it is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mappings.model import EffectStatus
from state.store import Baseline, SafetyStop, Summary, Sweep, Watermark
from syncd.log_lines import printable

SHOWN_PARKED = 20
BEGINNING_YEAR = 1970
"""Of the watermark of a feed that has not brought a row."""
_WAITING = (EffectStatus.PENDING.value, EffectStatus.IN_FLIGHT.value, EffectStatus.IN_DOUBT.value)


@dataclass(frozen=True, slots=True)
class Status:
    """What is shown: the state's figures, its baseline, and the instant by which ages are told."""

    summary: Summary
    baseline: Baseline | None
    now: datetime
    stops: tuple[SafetyStop, ...] = ()
    vanished: int = 0
    """Links to work orders that are gone."""
    swept: Sweep | None = None


def as_json(status: Status) -> dict[str, object]:
    """Everything, in types of JSON."""
    summary = status.summary
    return {
        "baseline": _instant(status.baseline.at) if status.baseline else None,
        "feeds": [_feed(feed) for feed in summary.feeds],
        "effects": [
            {"kind": kind, "status": state, "count": count}
            for (kind, state), count in sorted(summary.effects.items())
        ],
        "oldest_pending": _instant(summary.oldest_pending),
        "waiting": waiting(summary),
        "in_doubt": summary.in_doubt,
        "parked": [{"key": p.key, "subject": p.subject, "reason": p.reason} for p in summary.parked],
        "quarantine": summary.quarantine,
        "links": summary.links,
        "plans": summary.plans,
        "records": dict(summary.snapshots),
        "stopped": [
            {"lane": stop.lane, "counts": dict(stop.counts), "known": stop.known}
            for stop in waits_for_a_person(status)
        ],
        "vanished": status.vanished,
        "last_sweep": _instant(status.swept.finished_at) if status.swept else None,
    }


def as_text(status: Status) -> str:
    """For a person: what is well in a few lines, what needs one in full."""
    return "\n".join(
        [*_head(status), "", *_feeds(status), "", *_effects(status.summary), *_parked(status.summary)]
    )


def waits_for_a_person(status: Status) -> list[SafetyStop]:
    """Feeds that stopped before a mass change."""
    return [stop for stop in status.stops if stop.allowed_at is None]


def waiting(summary: Summary) -> int:
    """Effects that are not yet at rest."""
    return sum(count for (_, state), count in summary.effects.items() if state in _WAITING)


def _head(status: Status) -> Iterator[str]:
    summary = status.summary
    if status.baseline is None:
        yield "no baseline yet; begin with: syncd state init --from now"
    else:
        yield f"responsible since {_instant(status.baseline.at)}"
    known = ", ".join(
        f"{count} {kind.replace('_', ' ')}s" for kind, count in sorted(summary.snapshots.items())
    )
    yield f"known: {known or 'nothing yet'}; {summary.plans} plans, {summary.links} links"
    age = (
        f", the oldest pending for {_age(status.now - summary.oldest_pending)}"
        if summary.oldest_pending
        else ""
    )
    yield f"waiting: {waiting(summary)} effects{age}; in doubt: {summary.in_doubt}"
    gone = f", {status.vanished} vanished work orders (syncd link list)" if status.vanished else ""
    yield f"needs a person: {len(summary.parked)} parked effects, {summary.quarantine} records in quarantine{gone}"
    if status.swept is not None and status.swept.finished_at is not None:
        yield f"last sweep: {_age(status.now - status.swept.finished_at)} ago"
    for stop in waits_for_a_person(status):
        counts = ", ".join(f"{what.replace('_', ' ')} for {n} orders" for what, n in stop.counts.items())
        yield printable(f"{stop.lane} stopped before a mass change ({counts}): syncd safety list")


def _feeds(status: Status) -> Iterator[str]:
    rows = [
        (feed.feed, _reached(feed), f"{_age(status.now - feed.updated_at)} ago")
        for feed in status.summary.feeds
    ]
    yield from _columns(("feed", "read up to", "last moved"), rows)


def _reached(feed: Watermark) -> str:
    return "nothing there yet" if feed.stamp.year == BEGINNING_YEAR else _instant(feed.stamp) or ""


def _effects(summary: Summary) -> Iterator[str]:
    rows = [(kind, state, str(count)) for (kind, state), count in sorted(summary.effects.items())]
    yield from _columns(("effect", "status", "count"), rows)


def _parked(summary: Summary) -> Iterator[str]:
    if summary.parked:
        yield "parked, waiting for a person:"
    for parked in summary.parked[:SHOWN_PARKED]:
        yield f"  {printable(parked.key)}: {printable(parked.reason)}"
    if len(summary.parked) > SHOWN_PARKED:
        yield f"  ... and {len(summary.parked) - SHOWN_PARKED} more (--json shows all)"


def _columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if not rows:
        return
    table = [head, *(tuple(printable(cell) for cell in row) for row in rows)]
    widths = [max(len(row[n]) for row in table) for n in range(len(head))]
    for row in table:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def _feed(feed: Watermark) -> dict[str, object]:
    return {
        "feed": feed.feed,
        "watermark": _instant(feed.stamp),
        "passed_until": _instant(feed.passed_until),
        "moved_at": _instant(feed.updated_at),
    }


def _instant(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat().replace("+00:00", "Z")


def _age(value: timedelta) -> str:
    seconds = max(0, int(value.total_seconds()))
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
