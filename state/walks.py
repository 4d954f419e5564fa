"""What those who walk through whole systems do inside a transaction: sweep and backfill, and the stop before a mass change.

The base of `state.transaction.Transaction`, which does the rest. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from mappings.model import Kind
from state import backfills, safety, sweeps
from state.snapshots import Snapshots
from state.types import Backfill, SafetyStop, VanishedLink


class Walks:
    """Never made by itself: a transaction is one."""

    _connection: Connection
    _now: datetime
    _snapshots: Snapshots
    _linked: set[tuple[str, str]]

    def begin_sweep(self) -> int:
        """Numbers a new run of the sweep."""
        return sweeps.begin(self._connection, self._now)

    def finish_sweep(self, number: int) -> None:
        sweeps.finish(self._connection, number, self._now)

    def missed(self, kind: Kind, ids: Iterable[str], sweep: int) -> tuple[list[str], list[str]]:
        """A sweep did not find these records: those missed for the first time, and those that have vanished now, because
        an earlier one had not found them either."""
        return sweeps.missed(self._connection, kind, ids, sweep, self._now)

    def found(self, kind: Kind, ids: Iterable[str]) -> list[str]:
        """A sweep found these records; those that counted as vanished are back."""
        return sweeps.found(self._connection, kind, ids)

    def has_vanished(self, kind: Kind, id: str) -> bool:
        """Whether two sweeps have not found it, and none has since."""
        return sweeps.has_vanished(self._connection, kind, id)

    def drop_link(self, gone: VanishedLink, by: str, reason: str) -> bool:
        """A person lets a vanished work order go; False when the link is not there any more."""
        self._linked.clear()
        return sweeps.drop(self._connection, gone, by, reason, self._now)

    def known_open(self, kind: Kind, without: Collection[str]) -> int:
        """How many records of a kind are known that are in none of the states `without`."""
        self._snapshots.flush()
        return sweeps.count_open(self._connection, kind, without)

    def stop_of(self, lane: str) -> SafetyStop | None:
        """Whether a lane stopped before a mass change, and what a person said."""
        return safety.of_lane(self._connection, lane)

    def stop_lane(self, lane: str, counts: Mapping[str, int], known: int) -> None:
        """The lane waits for a person."""
        safety.stop(self._connection, SafetyStop(lane, counts, known, self._now))

    def allow_lane(self, lane: str, by: str, reason: str) -> bool:
        """A person lets a stopped lane go on; False when it waits for nobody."""
        return safety.allow(self._connection, lane, by, reason, self._now)

    def clear_lane(self, lane: str) -> None:
        """The lane has done what it was allowed to do."""
        safety.clear(self._connection, lane)

    def begin_backfill(self, wanted: Backfill) -> Backfill:
        """The backfill of that name as it stands; `wanted` where there was none."""
        return backfills.begin(self._connection, wanted, self._now)

    def move_backfill(self, before: Backfill, after: Backfill, *, finished: bool = False) -> bool:
        """Moves a backfill on; False when another process has moved it, then nothing of this may be committed."""
        after = replace(after, finished_at=self._now if finished else None)
        return backfills.move(self._connection, before, after)
