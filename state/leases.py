"""The right to be the only one: a run lock for the daemon, and named leases that end by themselves.

Called by `state.store` and by the shell's `run`. The run lock belongs to the process and is released by the kernel, or
the database server, when the process dies however it dies. Leases are for what several processes share: one poller for
each feed. Neither is ever trusted for a write to a remote system: that is what fences and keys are for.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, bindparam, delete, select, text
from sqlalchemy.exc import DBAPIError

from state import schema
from state.engine import RUNNING, Database, parse_url, sqlite_file
from state.inserts import insert_or_replace
from state.prepared import Prepared
from state.types import Lease, StateError, StateLocked

TRIES, TRY_AGAIN_S = 5, 0.02
SAID_BYTES = 256

_T = schema.leases
_ONE = Prepared(select(_T).where(_T.c.name == bindparam("name")))
_GIVE_BACK = delete(_T).where(_T.c.name == bindparam("name"), _T.c.owner == bindparam("owner"))
_LOCK = text("SELECT pg_try_advisory_lock(:turn)")
_LOCK_SHARED = text("SELECT pg_try_advisory_lock_shared(:turn)")
_UNLOCK = text("SELECT pg_advisory_unlock_all()")


@contextmanager
def run_lock(url: str, *, shared: bool = False, says: str = "") -> Iterator[None]:
    """Held while a daemon runs on this state. Raises `StateLocked` when another one does.

    `shared` lets several hold it at once on PostgreSQL, for daemons; who holds it alone knows that none is running.
    What the holder `says` is for those beside it on the machine (`runner_says`).
    """
    path = sqlite_file(parse_url(url))
    with _file_lock(path, says) if path is not None else _server_lock(url, shared=shared):
        yield


def runner_says(url: str) -> str:
    """What the daemon that runs on this file says; "" when none runs, and on PostgreSQL."""
    database = sqlite_file(parse_url(url))
    if database is None:
        return ""
    try:
        descriptor = os.open(_lock_file(database), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return ""
    except BlockingIOError:
        return os.read(descriptor, SAID_BYTES).decode("ascii", "ignore")
    finally:
        os.close(descriptor)


def _lock_file(database: Path) -> Path:
    return database.with_name(database.name + ".lock")


@contextmanager
def _file_lock(database: Path, says: str) -> Iterator[None]:
    path = _lock_file(database)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateError(
            f"the lock file {path.name} cannot be opened: {error.strerror}; check the state's directory"
        ) from None
    try:
        if not _is_ours(descriptor):
            raise StateLocked(_HELD.format(name=database.name))
        with suppress(OSError):  # a full disk is told by the first transaction
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, says.encode("ascii"), 0)
        yield
    finally:
        os.close(descriptor)


def _is_ours(descriptor: int) -> bool:
    """Tries a few times: who only asks whether a daemon runs holds the lock for an instant."""
    for _ in range(TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(TRY_AGAIN_S)
        else:
            return True
    return False


@contextmanager
def _server_lock(url: str, *, shared: bool) -> Iterator[None]:
    database = Database(url)
    try:
        with database.session() as connection:
            if not connection.scalar(_LOCK_SHARED if shared else _LOCK, {"turn": RUNNING}):
                raise StateLocked(_HELD.format(name=database.name))
            try:
                yield
            finally:
                # the server notices a closed connection a moment later, and who asks next need not wait for it
                with suppress(DBAPIError):  # a lost connection has given it back
                    connection.execute(_UNLOCK)
    finally:
        database.close()


_HELD = "another syncd runs on the state {name}; stop it first, or use the one-shot verbs beside it"


def take(connection: Connection, name: str, owner: str, lease_s: float, now: datetime) -> bool:
    """Takes or renews a lease; False while another owner has it. `now` is the clock that all owners share."""
    until = now + timedelta(seconds=lease_s)
    row = _ONE.first(connection, {"name": name})
    # taken in the future: the clock was set back, and the lease would last longer than it was meant to
    if row is not None and row.owner != owner and row.taken_at <= now < row.until:
        return False
    values = {"name": name, "owner": owner, "taken_at": now, "until": until}
    connection.execute(insert_or_replace(_T, connection.dialect.name), values)
    return True


def every(connection: Connection, now: datetime) -> tuple[Lease, ...]:
    """Those that have not ended."""
    rows = connection.execute(select(_T).where(_T.c.until > now).order_by(_T.c.name))
    return tuple(Lease(row.name, row.owner, row.taken_at, row.until) for row in rows)


def give_back(connection: Connection, name: str, owner: str) -> None:
    connection.execute(_GIVE_BACK, {"name": name, "owner": owner})
