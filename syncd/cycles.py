"""The canonical lines: one `cycle.finished` for each turn of a lane that did something, went wrong, or is well again.

Used by `lanes` and `sweeping`. Quiet turns are only counted, and told together once in an hour, so that a night without work
is a handful of lines, and one without a daemon is not mistaken for it.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from state.store import StateError, Store
from syncd import logs
from syncd.logs import Log
from syncd.pulse import Pulse
from syncd.timing import Spent

QUIET_S = 3600.0
"""How long a lane without news is silent."""
SUMMED = ("fetched", "requests", "retries", "bytes")
"""Fields that a line carries for the quiet turns before it too."""


@dataclass(slots=True)
class Turn:
    """One turn of a lane, filled in while it runs."""

    began: float
    news: bool = False
    """Whether it has to be told by itself."""
    outcome: str = "ok"
    whole: bool | None = None
    """Whether it read everything that there was; None for a lane of which nobody asks that."""
    spent: Spent = field(default_factory=Spent)
    fields: dict[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class _Lane:
    """What is known of a lane between its turns."""

    told_at: float
    whole_at: float
    """When its last turn began that read everything."""
    outcome: str = "ok"
    quiet: int = 0
    sums: dict[str, int] = field(default_factory=dict)


class Cycles:
    """The turns of one process. Thread-safe: one thread at a time has the turn of a lane."""

    def __init__(
        self, log: Log, store: Store, pulse: Pulse, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._store = store
        self._pulse = pulse
        self._monotonic = monotonic
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._lanes: dict[str, _Lane] = {}
        self._began = monotonic()

    @contextmanager
    def turn(self, lane: str, **ids: object) -> Iterator[Turn]:
        """A turn of a lane; `ids` tell it from others of the same lane. Its line comes at its end, however that comes."""
        name = " ".join([lane, *map(str, ids.values())])
        turn = Turn(self._monotonic())
        with logs.bound(lane=lane, cycle=f"{lane}-{next(self._numbers)}", **ids), self._pulse.busy(name):
            before = self._pulse.traffic(name)
            failed: Exception | None = None
            try:
                yield turn
            except Exception as error:  # noqa: BLE001 - told, and raised again below
                failed, turn.outcome = error, type(error).__name__
            traffic = self._pulse.traffic(name).since(before)
            turn.fields["fetch_ms"] = _ms(traffic.seconds)
            self._meter(lane, ids, turn)
            self._end(
                name,
                turn,
                {"requests": traffic.requests, "retries": traffic.retries, "bytes": traffic.received},
            )
            if failed is not None:
                raise failed

    def _meter(self, lane: str, ids: Mapping[str, object], turn: Turn) -> None:
        """Effects are counted where they are carried out, which is delivery."""
        done = turn.fields.get("effects") if lane == "delivery" else None
        effects = {str(kind): int(count) for kind, count in done.items()} if isinstance(done, dict) else {}
        seconds = self._monotonic() - turn.began
        self._pulse.meters.cycle(lane, str(ids.get("system", "")), turn.outcome, seconds, effects)

    def lag_s(self, lane: str, **ids: object) -> float:
        """How old what a lane knows is: since its last turn began that read everything."""
        known = self._lanes.get(" ".join([lane, *map(str, ids.values())]))
        return round(self._monotonic() - (known.whole_at if known else self._began), 1)

    def _end(self, name: str, turn: Turn, counts: dict[str, int]) -> None:
        now = self._monotonic()
        fetched = turn.fields.get("fetched")
        if isinstance(fetched, int):
            counts["fetched"] = fetched
        with self._lock:
            lane = self._lanes.setdefault(name, _Lane(now, self._began))
            if turn.whole:
                lane.whole_at = turn.began
            for count, value in counts.items():
                lane.sums[count] = lane.sums.get(count, 0) + value
            news = turn.news or turn.outcome != lane.outcome
            if not news and now - lane.told_at < QUIET_S:
                lane.quiet += 1
                return
            turn.fields.update(lane.sums, quiet=lane.quiet)
            if turn.whole is not None:
                turn.fields["lag_s"] = round(now - lane.whole_at, 1)
            lane.told_at, lane.outcome, lane.quiet, lane.sums = now, turn.outcome, 0, {}
        self._log.bind(**turn.fields, **self._waiting()).event(
            "cycle.finished",
            outcome=turn.outcome,
            ms=_ms(now - turn.began),
            decide_ms=_ms(turn.spent.decide_s),
            commit_ms=_ms(turn.spent.commit_s),
        )

    def _waiting(self) -> dict[str, object]:
        """What waits in the outbox; nothing where the state does not answer, for that is told elsewhere."""
        try:
            backlog = self._store.backlog()
        except StateError:
            return {}
        return {"backlog": backlog.waiting, "oldest_s": round(backlog.oldest_s, 1)}


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
