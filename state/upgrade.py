"""An older state brought to this version's form, after a copy of it was kept beside it.

Called at the start of `syncd run`, which holds the run lock, and by `syncd state migrate`. A state on PostgreSQL is never
changed without a person: its copy is the administrator's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from state.backup import backup
from state.engine import Database, parse_url, sqlite_file
from state.migrations import NEWER, create_or_migrate, is_newer, revision
from state.schema import HEAD
from state.types import StateNewer, StateOutdated


@dataclass(frozen=True, slots=True)
class Upgraded:
    """From which revision to which, and the name of the copy that was kept of the older one."""

    found: str
    now: str
    kept: str


def upgrade(url: str, now: datetime) -> Upgraded | None:
    """Migrates an older state; None where there is nothing to do. The caller holds the run lock.

    Raises `StateNewer`, `StateOutdated` for one on PostgreSQL, `StateError` when no copy of it could be made: then nothing
    was changed.
    """
    path = sqlite_file(parse_url(url))
    if path is not None and not path.is_file():
        return None
    name, found = _found(url)
    if found is None or found == HEAD:
        return None
    if is_newer(found):
        raise StateNewer(NEWER.format(name=name, found=found))
    if path is None:
        raise StateOutdated(
            f"the state {name} is at revision {found}, this syncd needs {HEAD}: stop every daemon on it, copy it with"
            " pg_dump, then run `syncd state migrate`"
        )
    kept = f"{path.name}.revision-{found}-{now:%Y%m%dT%H%M%SZ}"
    backup(url, path.with_name(kept))
    create_or_migrate(url)
    return Upgraded(found, HEAD, kept)


def _found(url: str) -> tuple[str, str | None]:
    database = Database(url)
    try:
        with database.reading() as connection:
            return database.name, revision(connection)
    finally:
        database.close()
