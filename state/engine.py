"""One engine and its three ways to begin: reading, writing, deciding. The only module that knows how databases differ.

Built by `state.store`, `state.migrations` and `state.leases`. The default isolation of both databases decides on stale
reads, so a deciding transaction takes its lock before its first read: `BEGIN IMMEDIATE` on SQLite, the one decider row
`FOR UPDATE` on PostgreSQL. Never logs, and never lets an error of the database out with values or paths in it.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import cast
from urllib.parse import quote

from sqlalchemy import Connection, Engine, Executable, create_engine, event, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from state import schema
from state.types import StateError, StateLocked, StateMissing

WAIT_S = 10
"""How long a transaction waits for another one before it gives up."""

CONNECTIONS = 40
"""Connections at once: one for each delivery worker, and a few for the other lanes."""

RUNNING, MIGRATING, CLAIMING, LEASING, BUDGETING = range(7963261, 7963266)
"""What is done one at a time, as numbers of advisory locks (PostgreSQL)."""

PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON")
"""Of a SQLite connection. FULL: a commit is on disk when it returns, so that no power loss forgets an intent."""

_LOCK_NOT_AVAILABLE = "55P03"
_PRIVATE = stat.S_IRUSR | stat.S_IWUSR


def parse_url(url: str) -> URL:
    """The URL of a state with the driver filled in. Raises `StateError` for anything but a file or PostgreSQL."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StateError(_BAD_URL) from None
    if parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise StateError(_BAD_URL)
    return parsed.set(drivername="sqlite+pysqlite")


_BAD_URL = (
    "the state's url is neither a SQLite file nor PostgreSQL; "
    "write sqlite:////var/lib/syncd/syncd.db or postgresql://user@host/database"
)


def sqlite_file(url: URL) -> Path | None:
    """The database file, or None on PostgreSQL."""
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


def make_private(path: Path) -> None:
    """Creates the file as 0600 whatever the umask, and tightens one that exists, with its companions.

    SQLite gives -wal and -shm the mode of the database file.
    """
    companions = (path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE))
        for file in (path, *companions):
            if file.exists() and stat.S_IMODE(file.stat().st_mode) != _PRIVATE:
                file.chmod(_PRIVATE)
    except OSError as error:
        raise StateError(
            f"the state file {path.name} cannot be opened: {error.strerror}; "
            "check its directory and who owns it"
        ) from None


def begin_file(path: Path) -> None:
    """Lets a new and still empty file keep track of its free pages, so that it can shrink. Only then: later it takes a lock."""
    if path.stat().st_size == 0:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("VACUUM")  # writes it down


class Database:
    """An engine for one URL. Safe to use from any thread; a connection belongs to one transaction."""

    def __init__(self, url: str) -> None:
        parsed = parse_url(url)
        path = sqlite_file(parsed)
        self.name = path.name if path else str(parsed.database)
        self.is_sqlite = path is not None
        if path is None:
            self._engine = _postgres(parsed)
        elif not path.is_file():
            raise StateMissing(f"there is no state file {path.name}; run `syncd state init --from now|DATE`")
        else:
            make_private(path)
            self._engine = _sqlite(parsed, path)

    def close(self) -> None:
        self._engine.dispose()

    def reading(self) -> AbstractContextManager[Connection]:
        """A transaction that only reads."""
        return self._begin("BEGIN")

    def writing(self, turn: int) -> AbstractContextManager[Connection]:
        """A transaction that writes beside a deciding one on PostgreSQL; those of one `turn` come one after the other."""
        return self._begin("BEGIN IMMEDIATE", _TAKE_TURN.bindparams(turn=turn))

    def deciding(self) -> AbstractContextManager[Connection]:
        """The transaction in which something is decided: one at a time, reading what the one before has written."""
        return self._begin("BEGIN IMMEDIATE", _TAKE_DECIDER)

    @contextmanager
    def session(self) -> Iterator[Connection]:
        """A connection of its own without a transaction, for what belongs to the connection itself."""
        with self.translated(), self._engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    def shrink(self) -> None:
        """Hands free pages of a SQLite file back, if it was created to keep track of them."""
        if self.is_sqlite:
            with self.session() as connection:
                driver = cast(sqlite3.Connection, connection.connection.driver_connection)
                driver.executescript(
                    "PRAGMA incremental_vacuum"
                )  # steps to its end; one execute frees one page

    @contextmanager
    def _begin(self, how: str, lock: Executable | None = None) -> Iterator[Connection]:
        """`how` a transaction begins on SQLite; on PostgreSQL the `lock` that it takes first."""
        with self.translated(), self._engine.connect() as connection, connection.begin():
            if self.is_sqlite:
                _tell_driver(connection, how)
            elif lock is not None:
                connection.execute(lock)
            yield connection

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Errors of the database as `StateError`, without statement parameters."""
        try:
            yield
        except DBAPIError as error:
            raise _state_error(self.name, error.orig) from None
        except sqlite3.Error as error:
            raise _state_error(self.name, error) from None
        except PoolTimeout:
            raise StateLocked(f"the state {self.name} has no free connection; try again") from None


def take_back(connection: Connection) -> None:
    """Lets nothing of a connection's transaction stand; it is over then."""
    transaction = connection.get_transaction()
    assert transaction is not None, "whoever has a connection is in a transaction"
    transaction.rollback()


def database_now(connection: Connection) -> datetime:
    """The clock of a database server at this moment, not at the beginning of the transaction (PostgreSQL)."""
    return cast(datetime, connection.scalar(_CLOCK))


_CLOCK = text("SELECT clock_timestamp()")
_TAKE_TURN = text("SELECT pg_advisory_xact_lock(:turn)")
_TAKE_DECIDER = select(schema.decider.c.id).where(schema.decider.c.id == 1).with_for_update()


def _sqlite(url: URL, path: Path) -> Engine:
    # mode=rw: a file that vanished is an error, never silently a new and empty state
    target = f"file:{quote(str(path.absolute()))}?mode=rw"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(target, uri=True, timeout=WAIT_S, check_same_thread=False)

    engine = create_engine(
        url, creator=connect, pool_size=5, max_overflow=CONNECTIONS - 5, hide_parameters=True
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        # None: the driver begins nothing by itself (it would begin late, DEFERRED, at the first write)
        connection.isolation_level = None
        cursor = connection.cursor()
        try:
            for pragma in PRAGMAS:
                cursor.execute(f"PRAGMA {pragma}")
        except UnicodeDecodeError:  # SQLite quotes what it found in its complaint
            damaged = sqlite3.DatabaseError("its schema cannot be read")
            damaged.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise damaged from None
        cursor.close()

    return engine


def _tell_driver(connection: Connection, how: str) -> None:
    """Past SQLAlchemy, which has no part in how a transaction begins: a third of all statements are these."""
    driver = cast(sqlite3.Connection, connection.connection.driver_connection)
    driver.execute(how)


def _postgres(url: URL) -> Engine:
    # synchronous_commit: an intent is on disk before its first byte leaves, whatever the server's default
    options = f"-c lock_timeout={WAIT_S}s -c synchronous_commit=on -c timezone=UTC"
    try:
        return create_engine(
            url,
            connect_args={"options": options, "connect_timeout": WAIT_S},
            isolation_level="READ COMMITTED",
            pool_size=5,
            max_overflow=CONNECTIONS - 5,
            pool_pre_ping=True,
            hide_parameters=True,
        )
    except ModuleNotFoundError:
        raise StateError("a state on PostgreSQL needs the extra: install syncd[postgres]") from None


_PUT_BACK = "put the last backup back, which keeps this file beside it: syncd state restore FILE"


def _state_error(name: str, original: BaseException | None) -> StateError:
    code = getattr(original, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or (
        getattr(original, "sqlstate", "") == _LOCK_NOT_AVAILABLE
    ):
        return StateLocked(
            f"the state {name} is busy: another process held it for more than {WAIT_S} s; try again"
        )
    if code == sqlite3.SQLITE_NOTADB:
        return StateError(f"the state file {name} is not a SQLite database; {_PUT_BACK}")
    line = next(iter(str(original).splitlines()), "")
    if code == sqlite3.SQLITE_CORRUPT:
        return StateError(f"the state file {name} is damaged ({line}); {_PUT_BACK}")
    return StateError(f"the state {name} failed: {type(original).__name__}: {line}")
