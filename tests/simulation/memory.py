"""The real store behind a proxy: every call is a point where the process may end, and where the database may fail.

A transaction counts as one call, before it begins and after it has committed; the steps inside it are points as well
(`inside`). Never a place to give way to another task: a transaction is over before anybody else runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from state.store import StateError, StateLocked, Store
from tests.simulation.faults import Faults

Point = Callable[[str], None]
WRITES = frozenset({"deciding", "claim", "lose", "take_lease", "give_back"})
INSIDE = frozenset({"settle", "apply"})


class Memory:
    """Stands for a `Store`. `committed` is told after each commit what transaction it was."""

    def __init__(self, store: Store, faults: Faults, point: Point, committed: Callable[[str], None]) -> None:
        self._store = store
        self._faults = faults
        self._point = point
        self._committed = committed
        self.listeners: list[Callable[[str, Any], None]] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name not in WRITES:
            setattr(self, name, method)  # found at once from now on
            return method

        def call(*args: Any, **kwargs: Any) -> Any:
            self._begin(name)
            result = method(*args, **kwargs)
            self._end(name)
            return result

        setattr(self, name, call)
        return call

    @contextmanager
    def deciding(self) -> Iterator[Any]:
        self._begin("deciding")
        with self._store.deciding() as tx:
            yield _Inside(tx, self._point, self.listeners)
            if self._faults.hit("disk_full"):
                raise StateError("the state failed: database or disk is full")
        self._end("deciding")

    def _begin(self, name: str) -> None:
        self._point(f"store.{name} before")
        if self._faults.hit("state_locked"):
            raise StateLocked("the state is busy: another process held it; try again")

    def _end(self, name: str) -> None:
        self._committed(name)
        if self._faults.hit("commit_unknown"):
            raise StateError("the state failed: disk I/O error")
        self._point(f"store.{name} after")


class _Inside:
    """A transaction with points at its steps."""

    def __init__(self, tx: Any, point: Point, listeners: list[Callable[[str, Any], None]]) -> None:
        self._tx = tx
        self._point = point
        self._listeners = listeners

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._tx, name)
        if name not in INSIDE:
            return method

        def call(*args: Any, **kwargs: Any) -> Any:
            self._point(f"tx.{name} inside")
            result = method(*args, **kwargs)
            for listen in self._listeners:
                listen(name, args[0])
            return result

        return call
