"""Where a scene keeps its state: a SQLite file, one on a disk that loses what was not synced, or a PostgreSQL database.

Each has the state as it was before the curtain rose (`ready`) and the one that is played on (`playing`). Used by `scenes`.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import psycopg

from state.store import create_or_migrate
from tests.postgres import drop_database, make_database, url_of
from tests.simulation.power import Disk
from tests.simulation.shelf import new_state, put_away


class Place(Protocol):
    """`ready` and `playing` are URLs."""

    @property
    def ready(self) -> str: ...

    @property
    def playing(self) -> str: ...

    def begin(self) -> None:
        """An empty state, ready."""
        ...

    def raised(self) -> None:
        """What is played on is as it was before the curtain rose: so a playing begins, and so a backup is restored."""
        ...

    def dying(self) -> None:
        """The process that has it open dies now."""
        ...

    def died(self) -> None:
        """It is dead, and nobody has it open."""
        ...

    def close(self) -> None: ...


@cache
def _migrated(server: str) -> str:
    """A database with empty tables, once for each process."""
    name = make_database(server)
    create_or_migrate(url_of(server, name))
    return name


class Files:
    """SQLite. A process that dies leaves what it has written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ready = f"sqlite:///{folder / 'before.db'}"
        self.playing = f"sqlite:///{folder / 'playing.db'}"

    def begin(self) -> None:
        new_state(self._folder / "before.db")

    def raised(self) -> None:
        self._clear()
        shutil.copy(self._folder / "before.db", self._folder / "playing.db")

    def leaves(self) -> Sequence[Mapping[str, bytes]]:
        """What may be left of the files if the process is gone at this instant, each by the end of its name."""
        found = {suffix: self._folder / f"playing.db{suffix}" for suffix in ("", "-wal")}
        return [{suffix: path.read_bytes() for suffix, path in found.items() if path.exists()}]

    def put(self, files: Mapping[str, bytes]) -> None:
        """These in place of what is played on. Nobody may have it open."""
        self._clear()
        for suffix, content in files.items():
            self._folder.joinpath(f"playing.db{suffix}").write_bytes(content)

    def _clear(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            self._folder.joinpath(f"playing.db{suffix}").unlink(missing_ok=True)

    def dying(self) -> None: ...

    def died(self) -> None: ...

    def close(self) -> None:
        put_away(self.ready)
        put_away(self.playing)


class Mains(Files):
    """SQLite on a machine whose power may fail with each death: then the files are as of their last sync."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        super().__init__(folder)
        self._disk = disk
        self.fails = True
        """Whether the power goes with a process."""

    def raised(self) -> None:
        super().raised()
        self._disk.keep(self._folder / "playing.db")

    def leaves(self) -> Sequence[Mapping[str, bytes]]:
        """As they are, and as of their last sync."""
        (written,) = super().leaves()
        synced = self._disk.synced(self._folder / "playing.db")
        return [written] if synced == written else [written, synced]

    def put(self, files: Mapping[str, bytes]) -> None:
        super().put(files)
        self._disk.keep(self._folder / "playing.db")

    def dying(self) -> None:
        if self.fails:
            self._disk.fail()

    def died(self) -> None:
        if self.fails:
            self._disk.left(self._folder / "playing.db")


class Databases:
    """PostgreSQL: one database is the template of the other."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._ready, self._playing = f"syncd_ready_{uuid4().hex}", f"syncd_playing_{uuid4().hex}"
        self.ready, self.playing = url_of(server, self._ready), url_of(server, self._playing)

    def begin(self) -> None:
        self._copy(_migrated(self._server), self._ready)

    def raised(self) -> None:
        drop_database(self._server, self._playing)
        self._copy(self._ready, self._playing)

    def _copy(self, template: str, name: str) -> None:
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")

    def dying(self) -> None: ...

    def died(self) -> None: ...

    def close(self) -> None:
        put_away(self.ready)
        put_away(self.playing)
        for name in (self._ready, self._playing):
            drop_database(self._server, name)
