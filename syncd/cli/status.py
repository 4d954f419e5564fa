"""`syncd status`: what the state holds."""

from __future__ import annotations

from pathlib import Path

import click

from syncd import exits
from syncd.cli.common import config_option, json_option, load, print_json, state_url, verb


@verb("syncd status --json", exits.OK, exits.LOCKED, exits.CONFIG)
@config_option
@json_option
def command(config_path: Path, as_json: bool) -> int:
    """Shows how far the feeds have been read, what waits to be sent, and what needs a person.

    Reads the state only, beside a running daemon too; talks to no remote system.
    """
    from state.store import Store
    from syncd import report
    from syncd.clock import SystemClock

    config = load(config_path, need_secrets=False)
    clock = SystemClock()
    store = Store(state_url(config), clock.now)
    try:
        with store.history() as history:
            status = report.Status(
                store.summary(),
                store.baseline(),
                clock.now(),
                history.stops(),
                len(history.vanished_links()),
                history.last_sweep(),
            )
    finally:
        store.close()
    if as_json:
        print_json(report.as_json(status))
    else:
        click.echo(report.as_text(status))
    return exits.OK
