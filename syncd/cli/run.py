"""`syncd run`: the daemon."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from syncd import exits
from syncd.cli.common import ConfigProblems, config_option, load, verb


@verb(
    "syncd run --config /etc/syncd/config.toml",
    exits.OK,
    exits.FAILED,
    exits.LOCKED,
    exits.REFUSED,
    exits.CONFIG,
)
@config_option
def command(config_path: Path) -> int:
    """Runs the daemon: polls both systems, delivers what the rules decide, until it is stopped.

    Logs go to stderr, as JSON lines unless that is a terminal. TERM and INT finish what is in flight and end with 0; a
    second one stops at once, and the next start takes up what was in flight. On a state without a baseline it ends
    with 78 and names `syncd state init`.

    A state on a SQLite file has one daemon; a second one ends with 75. On PostgreSQL several share the work: each feed
    has one poller, and what a lost daemon had in hand is taken over after [daemon] lease.
    """
    with _ending_at_once():
        try:
            config = load(config_path)
        except ConfigProblems as problems:
            _log_rejection(config_path, problems)
            raise
        from syncd.daemon import run

        return run(config)


@contextmanager
def _ending_at_once() -> Iterator[None]:
    """Until the daemon has its own handlers a stop simply ends the process: nothing is in flight yet."""

    def end(_number: int, _frame: FrameType | None) -> None:
        os._exit(exits.OK)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _log_rejection(path: Path, problems: ConfigProblems) -> None:
    """One line for those who watch the log; the problems themselves follow on stderr."""
    from syncd import logs

    logs.configure()
    count = problems.message.count("\n") + 1
    logs.get().event("config.rejected", file=path.name, problems=count, next="syncd check names them")
