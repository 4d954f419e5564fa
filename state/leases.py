"""The right to be the only one: a run lock for the daemon, and named leases that end by themselves.

Called by `state.store` and by the shell's `run`. The run lock belongs to the process and is released by the kernel, or
the database server, when the process dies however it dies. Leases are for what several processes share: one poller for
each feed. Neither is ever trusted for a write to a remote system: that is what fences and keys are for.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, delete, select, text

from state import schema
from state.engine import RUNNING, Database, parse_url, sqlite_file
from state.types import Lease, StateError, StateLocked

_T = schema.leases
_LOCK = text("SELECT pg_try_advisory_lock(:turn)")
_LOCK_SHARED = text("SELECT pg_try_advisory_lock_shared(:turn)")


@contextmanager
def run_lock(url: str, *, shared: bool = False) -> Iterator[None]:
    """Held while a daemon runs on this state. Raises `StateLocked` when another one does.

    `shared` lets several hold it at once on PostgreSQL, for daemons; who holds it alone knows that none is running.
    """
    path = sqlite_file(parse_url(url))
    with _file_lock(path) if path is not None else _server_lock(url, shared=shared):
        yield


@contextmanager
def _file_lock(database: Path) -> Iterator[None]:
    path = database.with_name(database.name + ".lock")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateError(
            f"the lock file {path.name} cannot be opened: {error.strerror}; check the state's directory"
        ) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateLocked(_HELD.format(name=database.name)) from None
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _server_lock(url: str, *, shared: bool) -> Iterator[None]:
    database = Database(url)
    try:
        with database.session() as connection:
            if not connection.scalar(_LOCK_SHARED if shared else _LOCK, {"turn": RUNNING}):
                raise StateLocked(_HELD.format(name=database.name))
            yield
    finally:
        database.close()


_HELD = "another syncd runs on the state {name}; stop it first, or use the one-shot verbs beside it"


def take(connection: Connection, name: str, owner: str, lease_s: float, now: datetime) -> bool:
    """Takes or renews a lease; False while another owner has it. `now` is the clock that all owners share."""
    until = now + timedelta(seconds=lease_s)
    row = connection.execute(select(_T).where(_T.c.name == name)).first()
    # taken in the future: the clock was set back, and the lease would last longer than it was meant to
    if row is not None and row.owner != owner and row.taken_at <= now < row.until:
        return False
    values = {"name": name, "owner": owner, "taken_at": now, "until": until}
    connection.execute(schema.insert_or_replace(_T, connection.dialect.name), values)
    return True


def every(connection: Connection, now: datetime) -> tuple[Lease, ...]:
    """Those that have not ended."""
    rows = connection.execute(select(_T).where(_T.c.until > now).order_by(_T.c.name))
    return tuple(Lease(row.name, row.owner, row.taken_at, row.until) for row in rows)


def give_back(connection: Connection, name: str, owner: str) -> None:
    connection.execute(delete(_T).where(_T.c.name == name, _T.c.owner == owner))
