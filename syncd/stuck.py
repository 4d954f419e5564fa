"""What does not move although it should: told once each time it begins, and once when it ends.

Called by `daemon` once a poll. Four things: an order whose effects wait for too long, a feed (of records, or of typed notes) whose position stands
while its source goes on, tries that come to nothing again and again, a request for closure that the gate cannot judge. An idle source
is none of them. Looks at the state and at counters; asks a remote system only when it suspects a feed, once for each try.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connectors.errors import RemoteError
from connectors.ports import BEGINNING, Cursor, Position, RemoteSystem
from mappings.decisions import Policy
from mappings.model import Facts, Kind, Record, System
from mappings.requests import RequestStatus
from state.store import History, Store, StoredEffect, Watermark
from syncd.delivery import Delivery
from syncd.figures import Thresholds
from syncd.health import Health
from syncd.intake import FEEDS, Intake
from syncd.journals import Journals, feed_of
from syncd.logs import Log
from syncd.observe import Observer
from syncd.wiring import App

OLDEST_LOOKED_AT = 20
"""Effects among which one is looked for that no hold of its order explains."""
_UNJUDGED = frozenset({RequestStatus.WAITING, RequestStatus.RELEASING})


@dataclass(slots=True)
class _Feed:
    """A feed since its position moved last."""

    position: tuple[object, ...] | None = None
    begun: int = 0
    """Passes that had begun by then."""
    asked: int = 0
    """At which pass since then the source was asked."""
    answered: int = 0
    """At which it had gone on."""
    blind: int = 0
    """Since which pass it does not show what was seen elsewhere; 0 when it does."""


@dataclass(slots=True)
class Stuck:
    """Of one daemon; one caller at a time."""

    systems: Mapping[System, RemoteSystem]
    store: Store
    intake: Intake
    journals: Journals
    delivery: Delivery
    observer: Observer
    health: Health
    policy: Callable[[], Policy]
    log: Log
    limits: Callable[[], Thresholds]
    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    _told: dict[tuple[str, str], float] = field(default_factory=dict)
    """What is stuck, and when that was told."""
    _feeds: dict[str, _Feed] = field(default_factory=dict)
    _tries: deque[tuple[float, int]] = field(default_factory=deque)
    _tried: int = 0
    _requests: dict[tuple[str, datetime, RequestStatus], float] = field(default_factory=dict)

    @property
    def thresholds(self) -> Thresholds:
        """Those in force; a reload may change them."""
        return self.limits()

    def look(self) -> None:
        """Once a poll. Raises `StateError`."""
        for kind in (kind for kinds in FEEDS.values() for kind in kinds):
            self._look_at_feed(kind)
        for system in System:
            self._look_at_journal(system)
        self._look_at_tries()
        if self.store.catching_up():
            return  # nothing may be sent, and the gate holds
        with self.store.history() as history:
            self._look_at_oldest(history)
            self._look_at_requests(history)

    def _say(self, event: str, what: str, *, so: bool, **fields: object) -> None:
        """Tells a thing that has become stuck, and that it is not any more."""
        begun = self._told.get((event, what))
        if so and begun is None:
            self._told[event, what] = self.monotonic()
            self.log.bind(**fields).event(event)
        elif not so and begun is not None:
            del self._told[event, what]
            ms = round((self.monotonic() - begun) * 1000)
            self.log.event("stuck.ended", found=event, subject=what, ms=ms)

    # -- feeds -----------------------------------------------------------------------------------------------------

    def _look_at_feed(self, kind: Kind) -> None:
        begun = self.intake.begun.get(kind, 0)
        mark, feed = self._moved(kind.value, begun, self.intake.ended.get(kind, 0))
        other = next(one for one in FEEDS[kind.system] if one is not kind)
        reason = self._stands(feed, begun, f"intake of {kind.system}", other)
        reason = reason or self._is_blind(kind, feed, mark, begun)
        self._tell_feed(kind.value, kind.system, reason, mark)

    def _look_at_journal(self, system: System) -> None:
        """The feed of the notes that people type in a system."""
        name = feed_of(system)
        if system not in self.journals.wanted():
            self._feeds.pop(name, None)
            self._say("feed.stuck", name, so=False)
            return
        begun = self.journals.begun.get(system, 0)
        mark, feed = self._moved(name, begun, self.journals.ended.get(system, 0))
        self._tell_feed(name, system, self._stands(feed, begun, "notes", FEEDS[system][0]), mark)

    def _moved(self, name: str, begun: int, ended: int) -> tuple[Watermark | None, _Feed]:
        """Where a feed is, and what is known since it moved last. A pass that ended and brought nothing is an idle source."""
        mark = self.store.watermark(name)
        feed = self._feeds.setdefault(name, _Feed())
        position = (ended, *((mark.stamp, mark.id) if mark is not None else ()))
        if position != feed.position:
            feed.position, feed.begun, feed.asked, feed.answered = position, begun, 0, 0
        return mark, feed

    def _tell_feed(self, name: str, system: System, reason: str, mark: Watermark | None) -> None:
        self._say(
            "feed.stuck",
            name,
            so=bool(reason),
            feed=name,
            system=system,
            reason=reason,
            watermark_to=mark.stamp.isoformat() if mark is not None else "",
            next="syncd status shows what it waits for",
        )

    def _stands(self, feed: _Feed, begun: int, lane: str, other: Kind) -> str:
        """Passes that bring it no further, not even to their end, while `other`, a table of its server, goes on."""
        enough, passes = self.thresholds.polls, begun - feed.begun
        if passes > feed.asked and passes >= enough - 1:
            feed.asked = passes
            if not feed.answered and self._goes_on(other):
                feed.answered = passes
        # one more pass than the answer: the server may have come back between the pass and the question
        if not feed.answered or passes <= feed.answered or passes < enough:
            return ""
        mine = (one for one in self.health.outages() if (one.lane, one.system) == (lane, other.system))
        last = next(mine, None)
        because = f": {last.error}" if last is not None else ""
        return f"{passes} passes did not move it, while its system answers{because}"

    def _goes_on(self, other: Kind) -> bool:
        """Asks another table of its system for one row: where the whole system is away, that is told as such."""
        mark = self.store.watermark(other.value)
        position = Position(Cursor(mark.stamp, mark.id) if mark is not None else BEGINNING)
        try:
            self.systems[other.system].changes_since(other, position, 1)
        except RemoteError:
            return False
        return True

    def _is_blind(self, kind: Kind, feed: _Feed, mark: Watermark | None, begun: int) -> str:
        """It claims to have passed a change that other ways have shown, and never showed it."""
        seen = self.observer.newest.get(kind)
        if (
            seen is None
            or mark is None
            or mark.passed_until is None
            or not _overlooked(seen, mark, self._overlap(kind))
        ):
            feed.blind = 0
            return ""
        feed.blind = feed.blind or begun
        if begun - feed.blind + 1 < self.thresholds.polls:
            return ""
        if ("feed.stuck", kind.value) not in self._told and not self._is_there(seen, mark):
            del self.observer.newest[kind]
            return ""
        return f"it does not show {seen.number or seen.id}, which changed at {seen.updated_at.isoformat()}"

    def _overlap(self, kind: Kind) -> timedelta:
        return self.systems[kind.system].overlap

    def _is_there(self, seen: Record, mark: Watermark) -> bool:
        """Whether it can be read by its id: a record that was deleted is no news of a feed."""
        try:
            now = self.systems[seen.kind.system].read(seen.kind, seen.id)
        except RemoteError:
            return False
        return now.updated_at > mark.stamp

    # -- the outbox ------------------------------------------------------------------------------------------------

    def _look_at_oldest(self, history: History) -> None:
        before = self.now() - timedelta(seconds=self.thresholds.oldest_s)
        found = next(self._unexplained(history, before), None)
        fields: dict[str, object] = {}
        if found is not None:
            stored, facts = found
            fields = {
                "key": stored.effect.key,
                "domain_order": stored.effect.subject,
                "number": _number(facts.order if facts else None)
                or _number(facts.subject if facts else None),
                "oldest_s": round((self.now() - stored.born_at).total_seconds()),
                "attempt": stored.attempts,
                "reason": stored.reason or "it was not tried yet",
                "next": f"syncd explain {_number(facts.subject if facts else None) or stored.effect.subject}",
            }
        self._say("order.unsynced", "outbox", so=found is not None, **fields)

    def _unexplained(self, history: History, before: datetime) -> Iterator[tuple[StoredEffect, Facts | None]]:
        """Effects older than that whose order is not held."""
        halted = {halt.subject for halt in history.halts()}  # told when they were parked
        for stored in history.oldest_waiting(OLDEST_LOOKED_AT):
            if stored.born_at > before:
                return
            if stored.effect.subject in halted:
                continue
            facts = history.facts_for(stored.effect.subject_kind, stored.effect.subject)
            if facts is None or not self._is_held(facts):
                yield stored, facts

    def _is_held(self, facts: Facts) -> bool:
        lifecycles = self.policy().lifecycles
        records = (facts.subject, facts.parent, facts.line, facts.order)
        return any(one is not None and one.state in lifecycles[one.kind].held for one in records)

    def _look_at_tries(self) -> None:
        now, tried = self.monotonic(), self.delivery.fruitless
        self._tries.append((now, tried - self._tried))
        self._tried = tried
        while self._tries and self._tries[0][0] < now - self.thresholds.window_s:
            self._tries.popleft()
        count = sum(tries for _, tries in self._tries)
        self._say(
            "retries.storming",
            "outbox",
            so=count >= self.thresholds.retries,
            failures=count,
            reason=f"tries came to nothing in {self.thresholds.window_s:.0f} s",
            next="syncd status shows what waits, syncd explain why one of them does",
        )

    # -- the gate --------------------------------------------------------------------------------------------------

    def _look_at_requests(self, history: History) -> None:
        now = self.monotonic()
        current = {
            (one.subject, one.stamp, one.status): one for one in history.requests() if one.status in _UNJUDGED
        }
        self._requests = {key: self._requests.get(key, now) for key in current}
        late = {
            key[0]: one for key, one in current.items() if now - self._requests[key] >= self.thresholds.gate_s
        }
        for subject in sorted(
            {what for event, what in self._told if event == "closure.waiting"} - late.keys()
        ):
            self._say("closure.waiting", subject, so=False)
        for subject, one in sorted(late.items()):
            record = history.record(one.subject_kind, subject)
            self._say(
                "closure.waiting",
                subject,
                so=True,
                domain_order=subject,
                number=_number(record),
                because=list(one.reasons),
                next=f"syncd explain {_number(record) or subject}",
            )


def _overlooked(seen: Record, mark: Watermark, overlap: timedelta) -> bool:
    """Whether the feed is past a change, by more than any transaction may take, and stands before it."""
    passed = mark.passed_until
    return passed is not None and seen.updated_at > mark.stamp and passed > seen.updated_at + overlap


def _number(record: Record | None) -> str:
    return record.number if record is not None else ""


def watch_over(app: App) -> Stuck:
    """Of a daemon that is built."""
    return Stuck(
        app.systems,
        app.store,
        app.intake,
        app.journals,
        app.delivery,
        app.observer,
        app.health,
        app.policy,
        app.log,
        limits=lambda: app.figures().watch,
        now=app.now,
        monotonic=time.monotonic,
    )
