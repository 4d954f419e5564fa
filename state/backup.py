"""A copy of the state, one put back, and whether a state is sound: for SQLite files; PostgreSQL has its own tools.

Called by `syncd state backup|restore|verify`. A copy is made in one step, because a stepwise one beside a busy writer never
ends. A restore writes into the file that is there, under its locks, and keeps what it replaces beside it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import text

from state.engine import WAIT_S, Database, make_private, parse_url, sqlite_file
from state.leases import run_lock
from state.migrations import check_revision, create_or_migrate
from state.types import StateError, StateMissing


class _Damaged(StateError):
    """A file that SQLite cannot read."""


def backup(url: str, target: Path) -> None:
    """Copies the state into a new file, beside a running daemon too. Never overwrites one."""
    source = _file(url, "pg_dump")
    if not source.is_file():
        raise StateMissing(f"there is no state file {source.name} to copy; is url in [state] right?")
    with _failing(source.name), _open(source, "ro") as live:
        live.execute(
            "SELECT count(*) FROM sqlite_master"
        ).fetchone()  # what cannot be read is not the copy's fault
    if target.exists():
        raise StateError(f"{target.name} is there already; name a new file")
    part = target.with_name(target.name + ".part")
    with _failing(target.name):
        make_private(part)
        try:
            with _open(source, "ro") as live, _open(part, "rw") as copy:
                live.backup(copy, pages=-1)
                copy.execute("PRAGMA journal_mode = DELETE")  # one file holds it all
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


def restore(url: str, source: Path, now: datetime) -> str:
    """Puts a copy back in place of the state; the name of the file that keeps what was replaced, "" where nothing was.

    Raises `StateLocked` while a daemon runs on it. The caller begins the catch-up.
    """
    target = _file(url, "pg_restore")
    if not source.is_file():
        raise StateMissing(f"there is no file {source.name}")
    _check(source)
    kept = ""
    with _failing(target.name), run_lock(url):
        if target.is_file() and target.stat().st_size:
            kept = f"{target.name}.replaced-{now:%Y%m%dT%H%M%SZ}"
            _set_aside(url, target, kept)
        make_private(target)
        with _open(source, "ro") as copy, _open(target, "rw") as live:
            copy.backup(live, pages=-1)
        create_or_migrate(url)
    return kept


def _set_aside(url: str, target: Path, kept: str) -> None:
    """Keeps what is to be replaced: a copy of it, or the files themselves where SQLite cannot read them."""
    try:
        backup(url, target.with_name(kept))
    except _Damaged:
        for companion in ("", "-wal", "-shm"):
            file = target.with_name(target.name + companion)
            if file.exists():
                file.replace(target.with_name(kept + companion))


def verify(url: str) -> list[str]:
    """What is wrong with a state, worst first; nothing when it is sound."""
    database = Database(url)
    try:
        with database.reading() as connection:
            if database.is_sqlite:
                found = [
                    row[0] for row in connection.execute(text("PRAGMA integrity_check")) if row[0] != "ok"
                ]
                if found:
                    return [f"the file is damaged: {line}" for line in found]
            check_revision(connection, database.name)
            return [
                f"{meaning}: {', '.join(str(row[0]) for row in rows[:SHOWN])}"
                + (f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else "")
                for meaning, query in INVARIANTS.items()
                if (rows := connection.execute(text(query)).all())
            ]
    finally:
        database.close()


SHOWN = 5
INVARIANTS = {
    "there is no baseline": "SELECT 'state' WHERE NOT EXISTS (SELECT 1 FROM baseline)",
    "a system without identity": (
        "SELECT name FROM (SELECT 'order_management' AS name UNION ALL SELECT 'field_service') AS both_systems"
        " WHERE name NOT IN (SELECT system FROM identities)"
    ),
    "several work orders of one slot and generation": (
        "SELECT domain_order FROM links WHERE origin = 'created'"
        " GROUP BY domain_order, rule, slot, generation HAVING count(*) > 1"
    ),
    "a finished create without its link": (
        "SELECT o.key FROM outbox o WHERE o.kind = 'create_work_order' AND o.status = 'done'"
        " AND NOT EXISTS (SELECT 1 FROM links l WHERE l.domain_order = o.subject AND l.origin = 'created')"
        " AND NOT EXISTS (SELECT 1 FROM dropped_links d WHERE d.domain_order = o.subject)"
    ),
    "an effect of an unknown domain order": (
        "SELECT o.key FROM outbox o WHERE NOT EXISTS (SELECT 1 FROM snapshots s"
        " WHERE s.kind IN ('domain_order', 'order_task') AND s.id = o.subject)"
    ),
    "a link of an unknown domain order": (
        "SELECT l.work_order FROM links l WHERE NOT EXISTS (SELECT 1 FROM snapshots s"
        " WHERE s.kind IN ('domain_order', 'order_task') AND s.id = l.domain_order)"
    ),
    "an effect in a state that does not exist": (
        "SELECT key FROM outbox WHERE status NOT IN"
        " ('pending', 'in_flight', 'in_doubt', 'done', 'superseded', 'parked')"
    ),
    "an effect in flight without owner or lease": (
        "SELECT key FROM outbox WHERE status = 'in_flight' AND (owner = '' OR lease_until IS NULL)"
    ),
    "an effect at rest without the time of it": (
        "SELECT key FROM outbox WHERE status IN ('done', 'superseded') AND settled_at IS NULL"
    ),
}
"""What must hold in every state: each query finds what breaks it."""


def _file(url: str, tool: str) -> Path:
    path = sqlite_file(parse_url(url))
    if path is None:
        raise StateError(f"this state is on PostgreSQL: use {tool}, which copies it while it runs")
    return path


def _check(path: Path) -> None:
    """Raises unless the file is a sound state of a syncd that is not newer."""
    with _failing(path.name), _open(path, "ro") as copy:
        found = copy.execute("PRAGMA integrity_check").fetchone()[0]
        tables = {row[0] for row in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if found != "ok":
        raise StateError(f"{path.name} is damaged: {found}")
    if not {"alembic_version", "baseline", "outbox"} <= tables:
        raise StateError(f"{path.name} is not a state of syncd")


@contextmanager
def _open(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    target = f"file:{quote(str(path.absolute()))}?mode={mode}"
    with closing(sqlite3.connect(target, uri=True, timeout=WAIT_S)) as connection:
        yield connection


@contextmanager
def _failing(name: str) -> Iterator[None]:
    """Errors of the file system and of SQLite as `StateError`, without paths."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_NOTADB:
            raise _Damaged(
                f"{name} is not a SQLite database; what `syncd state backup` wrote is one"
            ) from None
        if code == sqlite3.SQLITE_CORRUPT:
            raise _Damaged(f"{name} is damaged: {error}") from None
        raise StateError(f"{name} failed: {error}") from None
    except UnicodeDecodeError:  # SQLite quotes what it found in its complaint
        raise _Damaged(f"{name} is damaged: its schema cannot be read") from None
    except OSError as error:
        raise StateError(f"{name} failed: {error.strerror}") from None
