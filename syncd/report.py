"""`syncd status` as values and as JSON: what the state holds, how far the feeds are, and what each thing waits for.

`look` reads it all in one transaction, for the command line and whoever else wants to know; `report_text` shows it to
people. Only reads, and talks to no remote system.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from mappings.budget import Terms
from mappings.model import SUBJECT_KINDS, EffectStatus, Kind, System
from mappings.references import Unresolved
from mappings.requests import Request
from state.store import (
    Baseline,
    BudgetUse,
    Halt,
    History,
    Lane,
    Lease,
    Outage,
    SafetyStop,
    Store,
    StoredEffect,
    Summary,
    Sweep,
    Watermark,
)
from syncd.health import LONGEST_PAUSE_S
from syncd.intake import FEEDS

BEGINNING_YEAR = 1970
BEGINNING = datetime(BEGINNING_YEAR, 1, 1, tzinfo=UTC)
"""Of the watermark of a feed that has not brought a row."""
SHOWN_DOUBTS = 20
SILENT = timedelta(minutes=5)
"""A feed that was not read for so long is worth a word, where no outage explains it."""
_WAITING = (EffectStatus.PENDING.value, EffectStatus.IN_FLIGHT.value, EffectStatus.IN_DOUBT.value)


@dataclass(frozen=True, slots=True)
class Status:
    """What is shown: the state's figures, its baseline, and the instant by which ages are told."""

    summary: Summary
    baseline: Baseline | None
    now: datetime
    stops: tuple[SafetyStop, ...] = ()
    halts: tuple[Halt, ...] = ()
    """Orders that wait for a person because a promise was broken for them."""
    vanished: int = 0
    """Links to work orders that are gone."""
    unresolved: tuple[Unresolved, ...] = ()
    """Fields of work orders that stand without what field service did not know."""
    swept: Sweep | None = None
    catching_up: bool = False
    lanes: tuple[Lane, ...] = ()
    leases: tuple[Lease, ...] = ()
    doubts: tuple[StoredEffect, ...] = ()
    """The oldest effects whose outcome is unknown."""
    requests: tuple[Request, ...] = ()
    """Requests for closure that are not over."""
    budgets: tuple[BudgetUse, ...] = ()
    """What counts now against the request budgets."""
    given_up: int = 0
    """Effects of which the retention has left a digest."""
    numbers: Mapping[str, str] = field(default_factory=dict)
    """Of the domain orders and order tasks that ask to be closed, wait for a person, or have something in doubt."""


def look(store: Store, now: datetime, terms: Mapping[System, Terms] | None = None) -> Status:
    """Everything, of one instant. `terms` are the request budgets that the config names."""
    budgets = tuple(store.budget_use(system, one) for system, one in sorted((terms or {}).items()))
    with store.history() as history:
        summary, requests, doubts = store.summary(), history.requests(), history.doubted(SHOWN_DOUBTS)
        subjects = (
            *(one.subject for one in requests),
            *(one.subject for one in summary.parked),
            *(one.effect.subject for one in doubts),
        )
        return Status(
            summary=_with_unread(summary, history.baseline(), now),
            baseline=history.baseline(),
            now=now,
            stops=history.stops(),
            halts=history.halts(),
            vanished=len(history.vanished_links()),
            unresolved=history.unresolved(),
            swept=history.last_sweep(),
            catching_up=history.catching_up(),
            lanes=history.lanes(),
            leases=history.leases(),
            doubts=doubts,
            budgets=budgets,
            given_up=history.ended_count(),
            requests=requests,
            numbers=_numbers(history, subjects),
        )


def _numbers(history: History, subjects: Iterable[str]) -> dict[str, str]:
    """By their ids, of those that are known."""
    found = (history.record(kind, id) for id in dict.fromkeys(subjects) for kind in SUBJECT_KINDS)
    return {record.id: record.number for record in found if record is not None}


def _with_unread(summary: Summary, baseline: Baseline | None, now: datetime) -> Summary:
    """Feeds that were never read are told too: what keeps them from it is what a person asks for."""
    known = {feed.feed for feed in summary.feeds}
    since = baseline.created_at if baseline is not None else now
    unread = [Watermark(kind, BEGINNING, "", None, since) for kind in sorted(_FEEDS - known)]
    return replace(summary, feeds=tuple(sorted((*summary.feeds, *unread), key=lambda feed: feed.feed)))


def was_read(feed: Watermark) -> bool:
    return feed.read_at is not None or feed.passed_until is not None or feed.stamp != BEGINNING


def waits_for_a_person(status: Status) -> list[SafetyStop]:
    """Feeds that stopped before a mass change."""
    return [stop for stop in status.stops if stop.allowed_at is None]


def waiting(summary: Summary) -> int:
    """Effects that are not yet at rest."""
    return sum(count for (_, state), count in summary.effects.items() if state in _WAITING)


def outages(status: Status) -> list[Outage]:
    """What keeps lanes from their systems. One that no daemon has renewed for long is no news."""
    found = [lane.outage for lane in status.lanes if lane.outage is not None]
    return [one for one in found if status.now - one.until < timedelta(seconds=5 * LONGEST_PAUSE_S)]


def lag(feed: Watermark, now: datetime) -> timedelta:
    """How much of the server's time is not read yet: by its own clock until the last page, by ours since then."""
    reached = max(feed.stamp, feed.passed_until or feed.stamp)
    behind = feed.read_at - reached if feed.read_at is not None else timedelta()
    return max(timedelta(), behind) + max(timedelta(), now - feed.updated_at)


def waits_for(feed: Watermark, status: Status) -> str:
    """What keeps a feed from being read on; "" when nothing does."""
    return "; ".join(_waits_for(feed, status))


def _waits_for(feed: Watermark, status: Status) -> Iterator[str]:
    if any(stop.lane == feed.feed for stop in waits_for_a_person(status)):
        yield "a person: it stopped before a mass change (syncd safety list)"
    intake = [one for one in outages(status) if _reads(one, feed.feed)]
    for one in intake:
        yield f"{one.system.replace('_', ' ')}: {one.error} since {instant(one.since)}, tried again {instant(one.until)}"
    if status.now - feed.updated_at > SILENT and not intake:
        yield f"somebody to read it: the last read was {age(status.now - feed.updated_at)} ago, does syncd run?"


def system_of(feed: str) -> str:
    """Whose feed it is; that of a journal names its system itself."""
    return Kind(feed).system.value if feed in _FEEDS else feed.partition(":")[2]


def _reads(one: Outage, feed: str) -> bool:
    """Whether this is what keeps a feed from being read. A pass over one system may need a record of the other."""
    system = system_of(feed)
    if feed in _FEEDS:
        return one.lane == f"intake of {system}"
    return one.lane == "notes" and one.system == system


_FEEDS = frozenset(kind.value for kinds in FEEDS.values() for kind in kinds)


def as_json(status: Status) -> dict[str, object]:
    """Everything, in types of JSON."""
    summary = status.summary
    return {
        "at": instant(status.now),
        "baseline": instant(status.baseline.at) if status.baseline else None,
        "catching_up": status.catching_up,
        "feeds": [_feed(feed, status) for feed in summary.feeds],
        "lanes": [_lane(lane) for lane in status.lanes],
        "effects": [
            {
                "kind": kind,
                "status": state,
                "count": count,
                "oldest": instant(summary.oldest.get((kind, state))),
            }
            for (kind, state), count in sorted(summary.effects.items())
        ],
        "oldest_pending": instant(summary.oldest_pending),
        "waiting": waiting(summary),
        "in_doubt": summary.in_doubt,
        "doubts": [_doubt(one, status) for one in status.doubts],
        "parked": [
            {
                "key": one.key,
                "subject": one.subject,
                "number": status.numbers.get(one.subject, ""),
                "reason": one.reason,
            }
            for one in summary.parked
        ],
        "parked_orders": [
            {"subject": one.subject, "promise": one.promise, "reason": one.reason} for one in status.halts
        ],
        "quarantine": summary.quarantine,
        "closures": [_request(one, status) for one in status.requests],
        "given_up": status.given_up,
        "links": summary.links,
        "plans": summary.plans,
        "records": dict(summary.snapshots),
        "stopped": [
            {"lane": stop.lane, "counts": dict(stop.counts), "known": stop.known}
            for stop in waits_for_a_person(status)
        ],
        "vanished": status.vanished,
        "unresolved": [
            {
                "work_order": one.work_order,
                "field": one.target,
                "entity": one.reference.entity,
                "match": one.reference.match,
                "value": one.reference.value,
                "since": instant(one.since),
            }
            for one in status.unresolved
        ],
        "last_sweep": instant(status.swept.finished_at) if status.swept else None,
        "budgets": [
            {
                "system": one.system.value,
                "requests": one.requests,
                "used": one.used,
                "background": one.background,
            }
            for one in status.budgets
        ],
        "leases": [
            {"lease": one.name, "owner": one.owner, "until": instant(one.until)} for one in status.leases
        ],
    }


def _feed(feed: Watermark, status: Status) -> dict[str, object]:
    return {
        "feed": feed.feed,
        "system": system_of(feed.feed) or None,
        "watermark": instant(feed.stamp),
        "passed_until": instant(feed.passed_until),
        "moved_at": instant(feed.updated_at) if was_read(feed) else None,
        "lag_s": round(lag(feed, status.now).total_seconds()),
        "waits_for": waits_for(feed, status) or None,
    }


def _lane(lane: Lane) -> dict[str, object]:
    outage = lane.outage
    return {
        "lane": lane.lane,
        "system": lane.system,
        "worked_at": instant(lane.worked_at),
        "outage": None
        if outage is None
        else {
            "since": instant(outage.since),
            "until": instant(outage.until),
            "failures": outage.failures,
            "error": outage.error,
            "detail": outage.detail,
        },
    }


def _doubt(one: StoredEffect, status: Status) -> dict[str, object]:
    return {
        "key": one.effect.key,
        "subject": one.effect.subject,
        "number": status.numbers.get(one.effect.subject, ""),
        "reason": one.reason,
        "attempts": one.attempts,
        "looked_for_at": instant(one.not_before),
    }


def _request(one: Request, status: Status) -> dict[str, object]:
    return {
        "subject": one.subject,
        "number": status.numbers.get(one.subject, ""),
        "since": instant(one.stamp),
        "status": one.status.value,
        "because": list(one.reasons),
    }


def instant(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat(timespec="seconds").replace("+00:00", "Z")


def age(value: timedelta) -> str:
    seconds = max(0, int(value.total_seconds()))
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def reached(feed: Watermark) -> str:
    """How far a feed was read, as people are told."""
    return "nothing there yet" if feed.stamp.year == BEGINNING_YEAR else instant(feed.stamp) or ""
