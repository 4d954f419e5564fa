"""Stores that are opened again and again on the same place, and new states: statements are compiled and migrated once.

A life that ends closes its store; the next one finds the same object with new connections. Nothing of a life outlives it
in a `Store` but compiled statements, and real processes are killed in `test_real_deaths`.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path

from state.store import Store, create_or_migrate

Clock = Callable[[], datetime]


class _Kept:
    """One store, and the clock of whoever has it now."""

    def __init__(self, url: str, now: Clock) -> None:
        self.url = url
        self.now = now
        self.store = Store(url, self._instant, "simulated", database_clock=False)

    def _instant(self) -> datetime:
        return self.now()


_shelf: dict[str, list[_Kept]] = {}
_lent: dict[int, _Kept] = {}


def opened(url: str, now: Clock) -> Store:
    """A store of a place that nobody else has now, with this clock."""
    free = _shelf.setdefault(url, [])
    kept = free.pop() if free else _Kept(url, now)
    kept.now = now
    _lent[id(kept.store)] = kept
    return kept.store


def give_back(store: Store) -> None:
    """Closes its connections, and keeps it for the next."""
    store.close()
    kept = _lent.pop(id(store))
    _shelf[kept.url].append(kept)


def put_away(url: str) -> None:
    """Nobody opens this place again."""
    for kept in _shelf.pop(url, ()):
        kept.store.close()


@cache
def place() -> Path:
    """A folder of this process: in memory where there is such a place."""
    memory = Path("/dev/shm")
    made = Path(tempfile.mkdtemp(prefix="syncd-sim-", dir=memory if memory.is_dir() else None))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


@cache
def _empty() -> bytes:
    path = place() / "empty.db"
    create_or_migrate(f"sqlite:///{path}")
    return path.read_bytes()


def new_state(path: Path) -> str:
    """An empty state in place of whatever was there; its URL. Nobody may have it open."""
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.write_bytes(_empty())
    path.chmod(0o600)
    return f"sqlite:///{path}"
