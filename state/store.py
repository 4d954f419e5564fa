"""The only door to the durable memory. Speaks the domain; nothing else of this package is imported from outside.

Lanes decide inside `deciding`, delivery claims and settles, commands read. Every method is one transaction, begun and
committed here; none ever talks to a remote system. Errors of the database leave as `StateError`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import MappingProxyType

from mappings.budget import Purpose, Terms
from mappings.model import Kind, Record, System
from state import (
    budget,
    catch_up,
    claims,
    identity,
    lanes,
    leases,
    outbox,
    prune,
    snapshots,
    watermarks,
)
from state.copying import copy_state
from state.engine import BUDGETING, CLAIMING, LEASING, Database, take_back
from state.history import History
from state.leases import run_lock, runner_says
from state.migrations import check_revision, create_or_migrate
from state.questions import Questions
from state.transaction import Transaction
from state.types import (
    Backfill,
    Backlog,
    Baseline,
    BudgetUse,
    Canary,
    Claim,
    Done,
    Halt,
    Identity,
    InDoubt,
    Lane,
    Lease,
    LedgerEntry,
    NotSent,
    Outage,
    Outcome,
    Overtaken,
    Parked,
    ParkedEffect,
    Permits,
    Pruned,
    QuarantinedRecord,
    SafetyStop,
    StateError,
    StateLocked,
    StateMissing,
    StateNewer,
    StateOutdated,
    StoredEffect,
    Summary,
    Sweep,
    VanishedLink,
    Watermark,
)
from state.upgrade import Upgraded, upgrade
from state.watermarks import initialise as begin_at

__all__ = [
    "Backfill",
    "Backlog",
    "Baseline",
    "BudgetUse",
    "Canary",
    "Claim",
    "Done",
    "Halt",
    "History",
    "Identity",
    "InDoubt",
    "Lane",
    "Lease",
    "LedgerEntry",
    "NotSent",
    "Outage",
    "Outcome",
    "Overtaken",
    "Parked",
    "ParkedEffect",
    "Permits",
    "Pruned",
    "QuarantinedRecord",
    "SafetyStop",
    "StateError",
    "StateLocked",
    "StateMissing",
    "StateNewer",
    "StateOutdated",
    "Store",
    "StoredEffect",
    "Summary",
    "Sweep",
    "Transaction",
    "Upgraded",
    "VanishedLink",
    "Watermark",
    "copy_state",
    "create_or_migrate",
    "run_lock",
    "runner_says",
    "upgrade",
]

_NO_SETTLE: Mapping[System, float] = MappingProxyType({})


class Store(Questions):
    """An open state. Safe to call from any thread. `now` is the clock, `run` names this process in the ledger, `config` the
    configuration in force.

    On PostgreSQL several processes share the deadlines that are stored, so its own clock counts there instead of `now`;
    without `database_clock` it does not, for tests that move the time.
    Raises `StateMissing`, `StateOutdated` or `StateNewer` when it cannot be opened as it is.
    """

    def __init__(
        self,
        url: str,
        now: Callable[[], datetime],
        run: str = "",
        *,
        config: str = "",
        database_clock: bool = True,
    ) -> None:
        self._database = Database(url)
        self._local_now = now
        self._database_clock = database_clock and self.is_shared
        self._run = run
        self._config = config
        try:
            with self._database.reading() as connection:
                check_revision(connection, self._database.name)
        except BaseException:
            self._database.close()
            raise

    def close(self) -> None:
        self._database.close()

    def baseline(self) -> Baseline | None:
        with self._database.reading() as connection:
            return watermarks.baseline(connection)

    def identities(self) -> dict[System, Identity]:
        with self._database.reading() as connection:
            return watermarks.identities(connection)

    def canaries(self, system: System) -> tuple[Canary, ...]:
        """Records by which the instance behind a system is recognised; none where nothing is linked yet."""
        with self._database.reading() as connection:
            return identity.canaries(connection, system)

    def moved(self, one: Identity) -> None:
        """The same instance under another URL."""
        with self._database.deciding() as connection:
            identity.moved(connection, one)

    def bind(self, identities: Mapping[System, Identity]) -> None:
        """The state belongs to these instances from now on, on a person's word."""
        with self._database.deciding() as connection:
            identity.bind(connection, identities, self._now(connection))

    def begin_catch_up(self, probe_from: datetime | None = None) -> None:
        """The state may be older than the world: nothing is claimed until `Transaction.end_catch_up`, every effect that is
        not done is in doubt, and so is what is intended meanwhile. It lasts over restarts.

        `probe_from`: what another life may still be writing is not looked for before.
        """
        with self._database.deciding() as connection:
            catch_up.begin(connection, self._now(connection), probe_from)

    def catching_up(self) -> bool:
        """Whether the state may be older than the world."""
        with self._database.reading() as connection:
            return catch_up.current(connection) is not None

    def check_not_begun(self) -> None:
        """Raises `StateError` where there is a baseline."""
        with self._database.reading() as connection:
            watermarks.check_not_begun(connection)

    def initialise(
        self, baseline: Baseline, identities: Mapping[System, Identity], watermarks: Mapping[str, datetime]
    ) -> None:
        """Stores from when on syncd is responsible and where each feed begins. Refuses when there is a baseline."""
        with self._database.deciding() as connection:
            begin_at(connection, baseline, identities, watermarks, self._now(connection))

    def watermark(self, feed: str) -> Watermark | None:
        with self._database.reading() as connection:
            return watermarks.watermark(connection, feed)

    @contextmanager
    def deciding(self) -> Iterator[Transaction]:
        """A transaction that locks before it reads. Commits at the end of the block, or rolls back by an exception."""
        with self._database.deciding() as connection:
            transaction = Transaction(connection, self._now(connection), self._run, self._config)
            yield transaction
            transaction.finish()

    def use_config(self, config: str, swap: Callable[[], None]) -> None:
        """From the next transaction on the ledger names this configuration. `swap` puts it in force while nobody decides, so
        that no decision is half of the old one and half of the new."""
        with self._database.deciding():
            swap()
            self._config = config

    def known(self, kind: Kind, ids: Iterable[str]) -> frozenset[str]:
        """Which of `ids` have a snapshot with its body."""
        with self._database.reading() as connection:
            return snapshots.known(connection, kind, ids)

    def bodies(self, wanted: Mapping[Kind, Collection[str]]) -> dict[tuple[Kind, str], bool]:
        """Those that have a snapshot, and whether with its body."""
        with self._database.reading() as connection:
            return snapshots.bodies(connection, wanted)

    def at_rest(self, records: Iterable[Record]) -> frozenset[tuple[Kind, str]]:
        """Which of these records say what was known when their bodies were given up: nothing follows from them."""
        with self._database.reading() as connection:
            return snapshots.at_rest(connection, records)

    def ended(
        self,
        kind: Kind,
        closed: Mapping[Kind, frozenset[str]],
        before: datetime,
        *,
        after: str = "",
        limit: int = 50,
    ) -> list[str]:
        """The next records of a kind behind the id `after`, standing above all others, that ended and were not changed since
        `before`: candidates of `prune`. `closed` are the states in which a record has ended."""
        with self._database.reading() as connection:
            return prune.candidates(connection, kind, closed, before, after=after, limit=limit)

    def prune(
        self,
        kind: Kind,
        ids: Iterable[str],
        closed: Mapping[Kind, frozenset[str]],
        before: datetime,
        *,
        rehearsal: bool = False,
    ) -> Pruned:
        """Gives up bodies and history of these and what is below them, each where all of it ended before; in a `rehearsal`
        only says how much that is."""
        with self._database.deciding() as connection:
            done = prune.prune(connection, kind, ids, closed, before, now=self._now(connection))
            if rehearsal:
                take_back(connection)
            return done

    def shrink(self) -> None:
        """Gives the space that was freed back to the file system, where the file was made for that (SQLite)."""
        self._database.shrink()

    def claim(
        self,
        owner: str,
        limit: int,
        lease_s: float,
        settle_s: Mapping[System, float] = _NO_SETTLE,
        without: Collection[System] = (),
        *,
        scarce: Collection[System] = (),
        idle: Collection[System] = (),
    ) -> tuple[Claim, ...]:
        """Takes up to `limit` effects that are due, one for each queue at most, for `lease_s` seconds; none of the
        systems `without`, only creates and gate answers of those that are `scarce`, nothing that a backfill intended of
        those that are `idle`.

        Leases that have run out go into doubt, to be probed after `settle_s` (another `lease_s` where it says nothing).
        """
        with self._database.writing(CLAIMING) as connection:
            if catch_up.current(connection) is not None:
                return ()
            return claims.claim(
                connection,
                owner,
                limit,
                lease_s,
                settle_s=settle_s,
                without=without,
                scarce=scarce,
                idle=idle,
                now=self._now(connection),
            )

    def lose(self, owner_prefix: str, settle_s: Mapping[System, float]) -> int:
        """After a crash: what owners of that prefix had in flight goes into doubt; how many that were.

        A create is probed at once (its id is ours), everything else after `settle_s` of its system.
        """
        with self._database.deciding() as connection:
            return claims.lose(connection, owner_prefix, settle_s, self._now(connection))

    def keep_time(self, zero: datetime, settle_s: Mapping[System, float]) -> timedelta | None:
        """For a process that counts time from `zero` alone. By how much the clock was set since the last one that did, if it
        was: then what is in doubt settles anew. On PostgreSQL the clock of the database counts, and nothing is done."""
        if self.is_shared:
            return None
        with self._database.deciding() as connection:
            return claims.keep_time(connection, zero, settle_s, self._now(connection))

    def own_ids_kept(self) -> bool | None:
        """Whether field service kept the id of the newest work order that we created; None: none was created yet."""
        with self._database.reading() as connection:
            return outbox.own_ids_kept(connection)

    def next_due(self) -> datetime | None:
        """When the earliest waiting effect may be claimed (now: at once), or a lease ends; None: nothing waits."""
        with self._database.reading() as connection:
            return claims.next_due(connection, self._now(connection))

    def take_lease(self, name: str, owner: str, lease_s: float) -> bool:
        """Takes or renews a named lease, such as that of a feed's poller; False while another owner has it."""
        with self._database.writing(LEASING) as connection:
            return leases.take(connection, name, owner, lease_s, self._now(connection))

    def give_back(self, name: str, owner: str) -> None:
        """Ends a named lease before its time."""
        with self._database.writing(LEASING) as connection:
            leases.give_back(connection, name, owner)

    def keep_outages(self, outages: Iterable[Outage]) -> None:
        """What keeps lanes from their systems now, for who looks from outside of the daemon."""
        with self._database.writing(LEASING) as connection:
            lanes.keep_outages(connection, outages)

    def lease_requests(self, system: System, purpose: Purpose, wanted: int, terms: Terms) -> Permits:
        """A block of up to `wanted` permits for requests to a system, shared by all processes on this state."""
        with self._database.writing(BUDGETING) as connection:
            return budget.lease(connection, system, purpose, wanted, terms, now=self._now(connection))

    def give_back_requests(self, id: int, unused: int) -> None:
        """Permits of a block that nobody will use."""
        with self._database.writing(BUDGETING) as connection:
            budget.give_back(connection, id, unused)
