"""`syncd sweep`: one sweep now, or what one would find."""

from __future__ import annotations

from pathlib import Path

import click

from syncd import exits
from syncd.cli.common import config_option, json_option, load, print_json, verb


@verb(
    "syncd sweep --plan",
    exits.OK,
    exits.DIFFERENT,
    exits.UNAVAILABLE,
    exits.LOCKED,
    exits.REFUSED,
    exits.CONFIG,
    exits.INTERRUPTED,
)
@config_option
@click.option("--plan", is_flag=True, help="Only say what a sweep would find; nothing is written anywhere.")
@json_option
def command(config_path: Path, plan: bool, as_json: bool) -> int:
    """Compares every record in play, in both systems, with what syncd remembers of it.

    Finds what the feeds cannot show: rows that appeared late, changes without a new stamp, deleted and doubled work
    orders, work orders whose content has drifted. What it finds is stored and decided; the daemon sends what follows. The
    daemon sweeps by itself, every hour unless [sweep] says otherwise. Safe beside it, and to run again at any time.

    With --plan it ends with 4 when there is a difference. Beside a running daemon a record that changed since the last
    poll is one, too: run it again, and what stays is real. Ends with 4 as well when a sweep stopped before a mass change.
    """
    config = load(config_path)
    from syncd import logs, sweep_findings
    from syncd.sweeping import run_alone
    from syncd.wiring import build, new_run

    run = new_run()
    logs.configure(level=config.log.level, format=config.log.format, run=run)
    app = build(config, logs.get(), run=run, owner_prefix="sweep:")
    try:
        swept = run_alone(app, lambda: False, plan=plan)
    finally:
        app.close()
    if as_json:
        print_json(sweep_findings.as_json(swept, plan=plan))
    else:
        click.echo(sweep_findings.as_text(swept, plan=plan))
    return exits.DIFFERENT if (plan and swept.findings) or swept.stopped is not None else exits.OK
