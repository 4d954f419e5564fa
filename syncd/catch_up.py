"""Catch-up: intake after a start, until each feed has passed the server time of the start.

The state may be older than the world: a backup was restored, or a fresh one begun. While it lasts nothing is sent, what is
intended is born in doubt, and the gate holds. FSM is read first: work orders that carry our correlation are linked, whatever
the outbox remembers. Called by `daemon`; reads remote systems' clocks, never writes to them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime

from connectors.ports import RemoteSystem
from mappings.model import System
from state.store import History, Store
from syncd.intake import FEEDS
from syncd.journals import Journals, feed_of
from syncd.logs import Log
from syncd.observe import Observer, Sightings

ORDER = (System.FIELD_SERVICE, System.ORDER_MANAGEMENT)
"""Which system is read first while catching up."""
REVIEWS = 100
"""Subjects looked at as a whole in one transaction."""


class CatchUp:
    """The catch-up of one process. That it lasts is in the state, so that every process on it knows."""

    def __init__(
        self,
        store: Store,
        systems: Mapping[System, RemoteSystem],
        observer: Observer,
        log: Log,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        journals: Journals | None = None,
    ) -> None:
        self._journals = journals
        self._store = store
        self._systems = systems
        self._observer = observer
        self._log = log
        self._monotonic = monotonic
        self._began = monotonic()
        self._until: dict[System, datetime] = {}
        self._first_was_read = threading.Event()

    def begin(self) -> None:
        """At the start of a daemon."""
        self._store.begin_catch_up()

    def lasts(self) -> bool:
        return self._store.catching_up()

    def is_turn_of(self, system: System) -> bool:
        """While catching up the first system is read before the other, or at least tried: its being down stops nobody."""
        return system is ORDER[0] or self._first_was_read.is_set() or not self.lasts()

    def wait_for_turn(self, system: System) -> None:
        """Returns when it is the turn of a system."""
        if not self.is_turn_of(system):
            self._first_was_read.wait()

    def looked(self, system: System) -> None:
        """The feeds of a system were read, or could not be."""
        if system is ORDER[0]:
            self._first_was_read.set()

    def ask_time(self, system: System) -> None:
        """Notes the server time that its feeds have to pass, once. Raises the connectors' errors."""
        if system not in self._until:
            self._until[system] = self._systems[system].server_time()

    def finish(self) -> bool:
        """Ends the catch-up if every feed has passed; says whether it is over. What it leaves to do may be sent then."""
        with self._store.history() as history:
            if not history.catching_up():
                return True
            if not (
                self._has_records(history) and all(self._heard(history, one) for one in self._mirrored())
            ):
                return False
        sightings = Sightings()
        with self._store.deciding() as tx:
            for record in tx.unlinked_work_orders():
                self._observer.observe(tx, record, sightings)
        while self._review(sightings):
            pass
        with self._store.deciding() as tx:
            ended = not tx.reviews(1) and tx.end_catch_up()
        sightings.tell(self._log)
        if ended:
            ms = round((self._monotonic() - self._began) * 1000)
            self._log.event("catch_up.finished", ms=ms, effects=len(sightings.born))
        return ended

    def knows_records(self) -> bool:
        """Whether the feeds of records have passed the start: what is typed on a record means something only then."""
        with self._store.history() as history:
            return not history.catching_up() or self._has_records(history)

    def _mirrored(self) -> tuple[System, ...]:
        return self._journals.wanted() if self._journals is not None else ()

    def _has_records(self, history: History) -> bool:
        return all(
            self._is_past_start(history, kind.value, system)
            for system in self._systems
            for kind in FEEDS[system]
        )

    def _heard(self, history: History, system: System) -> bool:
        return self._is_past_start(history, feed_of(system), system)

    def _is_past_start(self, history: History, feed: str, system: System) -> bool:
        until = self._until.get(system)
        mark = history.watermark(feed) if until is not None else None
        if until is None or mark is None or mark.passed_until is None:
            return False
        return mark.passed_until >= until

    def _review(self, sightings: Sightings) -> bool:
        with self._store.deciding() as tx:
            subjects = tx.reviews(REVIEWS)
            for kind, subject in subjects:
                self._observer.review(tx, kind, subject, sightings)
            tx.reviewed(subject for _, subject in subjects)
        return bool(subjects)
