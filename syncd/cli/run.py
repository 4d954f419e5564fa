"""`syncd run`: the daemon."""

from __future__ import annotations

from pathlib import Path

from syncd import exits
from syncd.cli.common import ConfigProblems, config_option, load, verb
from syncd.signals import Signals


@verb(
    "syncd run --config /etc/syncd/config.toml",
    exits.OK,
    exits.LOCKED,
    exits.CONFIG,
)
@config_option
def command(config_path: Path) -> int:
    """Runs the daemon: polls both systems, delivers what the rules decide, until it is stopped.

    Logs go to stderr, as JSON lines unless that is a terminal. TERM and INT finish what is in flight and end with 0; a
    second one stops at once, and the next start takes up what was in flight. On a state without a baseline it ends
    with 78 and names `syncd state init`. HUP reloads the config and all that it names, or keeps the old one and says why in
    the log; USR1 writes the status to the log.

    A state on a SQLite file has one daemon; a second one ends with 75. On PostgreSQL several share the work: each feed
    has one poller, and what a lost daemon had in hand is taken over after [daemon] lease.
    """
    signals = Signals()
    signals.install()  # before anything is in flight a stop simply ends the process
    try:
        config = load(config_path)
    except ConfigProblems as problems:
        _log_rejection(config_path, problems)
        raise
    from syncd.daemon import run

    return run(config, signals)


def _log_rejection(path: Path, problems: ConfigProblems) -> None:
    """One line for those who watch the log; the problems themselves follow on stderr."""
    from syncd import logs

    logs.configure()
    count = problems.message.count("\n") + 1
    logs.get().event("config.rejected", file=path.name, problems=count, next="syncd check names them")
