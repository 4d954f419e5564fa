"""`syncd plan`: what the next cycle would do."""

from __future__ import annotations

from pathlib import Path

import click

from syncd import exits
from syncd.cli.common import config_option, json_option, load, print_json, verb


@verb(
    "syncd plan",
    exits.OK,
    exits.DIFFERENT,
    exits.UNAVAILABLE,
    exits.LOCKED,
    exits.REFUSED,
    exits.CONFIG,
    exits.INTERRUPTED,
)
@config_option
@json_option
def command(config_path: Path, as_json: bool) -> int:
    """Shows what the next cycle would write, order by order, field by field; writes nothing, here or there.

    Reads every feed from where it stands and what the closure gate would look at, decides as the daemon would, and looks at
    each effect as it would just before sending it. "+" creates a work order, "~" changes a record from the old value to
    the new one, "-" cancels, ">" writes a note. In brackets stands what keeps one from being sent. A note that names new work
    orders follows when they stand, and is not in the plan.

    For before a start: after a restore, with new decision tables, with another config. Beside a running daemon it is mostly
    empty, because the daemon has done it. Its connectors may only read; anything else is refused before it leaves.

    Ends with 4 when the next cycle would write something, with 0 when there is nothing to do.
    """
    config = load(config_path)
    from syncd import logs, plan_report
    from syncd.plan import Rehearsal, rehearse
    from syncd.wiring import build, new_run

    run = new_run()
    logs.configure(level="warning", format=config.log.format, run=run)
    app = build(config, logs.get(), run=run, owner_prefix="plan:", read_only=True)
    rehearsal = Rehearsal(
        app.systems,
        app.store,
        app.intake,
        app.journals,
        app.gate,
        safety=app.safety,
        dispatch=app.dispatch,
        executor=app.executor,
        page_size={system: config.system(system).page_size for system in app.systems},
    )

    try:
        planned = rehearse(rehearsal, app.identities.wrong)
    finally:
        app.close()
    if as_json:
        print_json(plan_report.as_json(planned))
    else:
        click.echo(plan_report.as_text(planned))
    return exits.DIFFERENT if planned.different else exits.OK
