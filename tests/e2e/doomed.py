"""A process that kills itself: `python doomed.py CONFIG DIE_AT POINTS`. Run by `test_killed_anywhere`, imported by nobody.

It is a daemon as `wiring` assembles it, its lanes driven one after the other until nothing waits. Every call of its two
connectors and of its store is counted, before and after; at the call number DIE_AT it writes the call's name into the file
POINTS and gets SIGKILL: no handler runs, nothing is flushed. With 0 it lives, and writes how many calls there were.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from state.store import run_lock
from syncd import logs, wiring
from syncd.config import load_config
from syncd.daemon import once_with

CYCLES = 200
REST = 3
"""Cycles in a row with nothing to do, until it is believed that there is nothing to do."""


class Fate:
    """Counts calls, on any number of threads."""

    def __init__(self, die_at: int, told: Path) -> None:
        self._die_at = die_at
        self._told = told
        self._lock = threading.Lock()
        self.count = 0

    def point(self, name: str) -> None:
        with self._lock:
            self.count += 1
            if self.count == self._die_at:
                self._told.write_text(name, encoding="utf-8")
                os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(60)


class Watched:
    """An object whose calls are points."""

    def __init__(self, real: Any, fate: Fate) -> None:
        self._real = real
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._real, name)
        if not callable(value):
            return value
        named = f"{type(self._real).__name__}.{name}"
        if name in ("deciding", "history"):
            return lambda: self._block(named, value)

        def call(*args: Any, **kwargs: Any) -> Any:
            self._fate.point(f"{named} before")
            result = value(*args, **kwargs)
            self._fate.point(f"{named} after")
            return result

        return call

    @contextmanager
    def _block(self, named: str, begin: Any) -> Iterator[Any]:
        self._fate.point(f"{named} before")
        with begin() as inside:
            yield inside
        self._fate.point(f"{named} after")


def main() -> None:
    path, die_at, told = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    fate = Fate(die_at, told)
    connect, store = wiring.connect, wiring.Store

    def watched(*args: Any, **kwargs: Any) -> Any:
        return tuple(Watched(one, fate) for one in connect(*args, **kwargs))

    wiring.connect = watched
    wiring.Store = lambda *args, **kwargs: Watched(store(*args, **kwargs), fate)  # type: ignore[misc,assignment] - stands for it
    config, _ = load_config(path, os.environ)
    logs.configure(level="warning", format="json", run="doomed")
    with run_lock(config.state.connect_url(), shared=True):
        app = wiring.build(config, logs.get(), run=wiring.new_run(), owner_prefix=wiring.DAEMON_OWNER)
        app.recover()
        _until_rest(app)
        app.close()
    told.write_text(str(fate.count), encoding="utf-8")


def _until_rest(app: Any) -> None:
    quiet = 0
    for _ in range(CYCLES):
        once_with(app)
        at_rest = app.store.next_due() is None and not app.store.catching_up() and not app.store.requests()
        quiet = quiet + 1 if at_rest else 0
        if quiet == REST:
            return
        time.sleep(0.1)
    raise AssertionError("it never came to rest")


main()
