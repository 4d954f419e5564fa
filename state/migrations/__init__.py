"""Brings a state to the revision that this code works with, and says which one it has.

`create_or_migrate` runs alembic's numbered scripts without an ini file, for `syncd state init` and `state migrate`;
alembic is imported there only. `check_revision` is the start-up's one row. Nothing else changes a table.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, String, column, inspect, select, table

from state.engine import MIGRATING, Database, begin_file, make_private, parse_url, sqlite_file
from state.schema import HEAD, metadata
from state.types import StateMissing, StateNewer, StateOutdated


def create_or_migrate(url: str) -> None:
    """Creates the state, or brings an older one up to date; one that is up to date is left alone.

    Raises `StateNewer` for one that a newer syncd has written.
    """
    path = sqlite_file(parse_url(url))
    if path is not None:
        make_private(path)
        begin_file(path)
    database = Database(url)
    try:
        with database.writing(MIGRATING) as connection:
            found = revision(connection)
            if found is not None and is_newer(found):
                raise StateNewer(NEWER.format(name=database.name, found=found))
            _upgrade(connection)
    finally:
        database.close()


def check_revision(connection: Connection, name: str) -> None:
    """Raises unless the state is at `HEAD`."""
    found = revision(connection)
    if found is None:
        raise StateMissing(f"the state {name} is empty; run `syncd state init --from now|DATE`")
    if is_newer(found):
        raise StateNewer(NEWER.format(name=name, found=found))
    if found != HEAD:
        raise StateOutdated(
            f"the state {name} is at revision {found}, this syncd needs {HEAD}; run `syncd state migrate`"
        )


NEWER = (
    "the state {name} is at revision {found}, which this syncd does not know; install the newer syncd again, or put back"
    " the copy that it kept before it migrated ({name}.revision-...): syncd state restore FILE"
)


def revision(connection: Connection) -> str | None:
    """The revision that is stored, None for an empty state."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(select(column("version_num", String)).select_from(table("alembic_version")))


def is_newer(found: str) -> bool:
    return not found.isdigit() or int(found) > int(HEAD)


def _upgrade(connection: Connection) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(Path(__file__).parent))

    def steps(current: Any, _context: Any) -> Any:
        return scripts._upgrade_revs(HEAD, current)  # what alembic's own upgrade command passes

    with EnvironmentContext(Config(), scripts, fn=steps) as environment:
        # one transaction for all steps on both databases: ours, which has begun already
        environment.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
        environment.run_migrations()
