"""`syncd redecide`: orders that are decided already, decided again by the table as it is now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd import exits
from syncd.cli.backfill import Instant
from syncd.cli.common import config_option, json_option, load, print_json, verb
from syncd.log_lines import printable

if TYPE_CHECKING:
    from syncd.redecide import Redecided


@verb(
    'syncd redecide --table "Work orders for domain orders" --since 2026-01-01 --plan',
    exits.OK,
    exits.DIFFERENT,
    exits.LOCKED,
    exits.CONFIG,
)
@config_option
@click.option("--table", required=True, metavar="NAME", help="The name that stands in the table's [table].")
@click.option(
    "--since", type=Instant(), required=True, metavar="DATE", help="Created at this instant (UTC) or later."
)
@click.option("--plan", is_flag=True, help="Only say what would be done; nothing is written anywhere.")
@json_option
def command(*, config_path: Path, table: str, since: datetime, plan: bool, as_json: bool) -> int:
    """Asks a decision table again for the domain orders and order tasks that it has decided.

    An edit of a table alone changes nothing that is decided: plans are pinned. This makes the edit count for orders
    created since DATE. Work orders that the table prescribes now and that are missing are created; those that no rule
    prescribes any more are flagged, or cancelled, as [rules] unmatched says. Cancelled, held and closed orders are left
    alone. The running daemon sends what follows; without one, syncd once does.

    Begin with --plan. Everything is decided and counted before anything is stored; before a mass change it stops and waits
    for: syncd safety allow redecide:NAME. Run it again then. Ends with 4 when a plan found something to do or it stopped.
    """
    config = load(config_path)
    from syncd import logs
    from syncd.wiring import build, new_run

    names = sorted(one.name for tables in config.tables.values() for one in tables)
    if table not in names:
        raise click.UsageError(f'the config names no table "{table}"; there are: {", ".join(names)}')
    run = new_run()
    logs.configure(level=config.log.level, format=config.log.format, run=run)
    app = build(config, logs.get(), run=run, owner_prefix="redecide:")
    try:
        done = app.redecide.run(table, since, plan=plan)
    finally:
        app.close()
    if as_json:
        print_json(_as_json(done, table, plan=plan))
    else:
        click.echo("\n".join(printable(line) for line in _lines(done, table, plan=plan)))
    return exits.DIFFERENT if done.stopped is not None or (plan and done.counts) else exits.OK


def _as_json(done: Redecided, table: str, *, plan: bool) -> dict[str, object]:
    return {
        "table": table,
        "plan": plan,
        "orders": done.orders,
        "replanned": done.replanned,
        "counts": dict(sorted(done.counts.items())),
        "stopped": dict(done.stopped) if done.stopped is not None else None,
        "effects": [{"kind": e.kind.value, "id": e.target, "because": e.because} for e in done.intended],
    }


def _lines(done: Redecided, table: str, *, plan: bool) -> Iterator[str]:
    if plan:
        for effect in done.intended:
            yield f"{effect.kind.replace('_', ' ')} {effect.target}: {effect.because} (for {effect.subject})"
    counted = ", ".join(f"{n} {kind.replace('_', ' ')}" for kind, n in sorted(done.counts.items()))
    written = "; nothing was written" + (" (--plan)" if plan else "") if plan or done.stopped else ""
    yield f"{done.orders} orders decided again, {done.replanned} plans pinned anew: {counted or 'nothing to do'}{written}"
    if done.stopped is not None:
        yield f'this is a mass change; it waits for: syncd safety allow "redecide:{table}" --by NAME --reason TEXT'
