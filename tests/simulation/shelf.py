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
        self.now = now
        self.store = Store(url, self._instant, "simulated")

    def _instant(self) -> datetime:
        return self.now()


_shelf: dict[str, _Kept] = {}


def opened(url: str, now: Clock) -> Store:
    """The store of a place, with this clock from now on."""
    kept = _shelf.get(url)
    if kept is None:
        kept = _shelf[url] = _Kept(url, now)
    kept.now = now
    return kept.store


def put_away(url: str) -> None:
    """Nobody opens this place again."""
    kept = _shelf.pop(url, None)
    if kept is not None:
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
