"""What reports, verbs and lanes ask of a state outside of a deciding transaction: reads only, each of one instant.

The base of `state.store.Store`, which opens and closes the database and does all that writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection

from mappings.budget import Terms
from mappings.model import System
from mappings.requests import Request
from state import budget, ledger, outbox, quarantine, requests, summary
from state.concluded import Remembered
from state.engine import Database, database_now
from state.history import History
from state.types import Backlog, BudgetUse, LedgerEntry, QuarantinedRecord, Summary


class Questions:
    """Never made by itself: a store is one."""

    _database: Database
    _local_now: Callable[[], datetime]
    _database_clock: bool

    @property
    def is_shared(self) -> bool:
        """Whether several daemons may run on this state at once: on PostgreSQL, never on a SQLite file."""
        return not self._database.is_sqlite

    def _now(self, connection: Connection) -> datetime:
        return database_now(connection) if self._database_clock else self._local_now()

    def budget_use(self, system: System, terms: Terms) -> BudgetUse:
        """What counts against a budget now, for `syncd status`."""
        with self._database.reading() as connection:
            return budget.use(connection, system, terms, self._now(connection))

    def summary(self) -> Summary:
        """The figures of `syncd status`, all of one instant."""
        with self._database.reading() as connection:
            return summary.summary(connection)

    def backlog(self) -> Backlog:
        """What is not at rest in the outbox: a cheap question, for lines that are written often."""
        with self._database.reading() as connection:
            return summary.backlog(connection, self._now(connection))

    def ledger_of(self, id: str) -> tuple[LedgerEntry, ...]:
        """The history of a domain order, an order or a work order, oldest first."""
        with self._database.reading() as connection:
            return ledger.about(connection, id)

    def requests(self) -> tuple[Request, ...]:
        """The requests for closure that are not over, oldest first."""
        with self._database.reading() as connection:
            return requests.every_open(connection)

    @contextmanager
    def history(self) -> Iterator[History]:
        """Everything that is kept, for who looks back: `explain` and `quarantine`."""
        with self._database.reading() as connection:
            yield History(connection, self._now(connection))

    def remembered(self, *subjects: str) -> tuple[Remembered, ...]:
        """For each of these domain orders the markers of what is known to have been written for it."""
        with self._database.reading() as connection:
            return tuple(outbox.remembered(connection, subject) for subject in subjects)

    def quarantined(self) -> tuple[QuarantinedRecord, ...]:
        """The records that could not be read, oldest first."""
        with self._database.reading() as connection:
            return quarantine.every(connection)
