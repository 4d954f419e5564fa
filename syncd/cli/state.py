"""`syncd state`: the state's beginning and its migrations; what copies it is in `state_copies`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from syncd import exits
from syncd.cli import state_copies
from syncd.cli.common import config_option, epilog, load, state_url


@click.group(epilog=epilog("syncd state init --from now", exits.OK, exits.CONFIG))
def command() -> None:
    """Begins the state, copies it and puts it back, checks it, brings it to this version's form."""


@command.command(
    epilog=epilog(
        "syncd state init --from 2026-01-31 --history 90d",
        exits.OK,
        exits.UNAVAILABLE,
        exits.LOCKED,
        exits.REFUSED,
        exits.CONFIG,
    )
)
@config_option
@click.option(
    "--from",
    "from_",
    metavar="now|DATE",
    required=True,
    help="From when on syncd is responsible (UTC, the server's).",
)
@click.option(
    "--history", metavar="DURATION", help='How far before that to read what is there, such as "90d".'
)
def init(config_path: Path, from_: str, history: str | None) -> int:
    """Stores the baseline: the server instant from which syncd is responsible.

    Domain orders created before it are known, their work orders linked and watched, but they get no work orders. Asks
    both systems for their time, which counts against their request budgets; writes nothing to them. Refuses a state that has
    a baseline, and one of an older syncd: bring that to this version's form first (syncd state migrate).
    """
    at = _instant(from_)
    from syncd.config.values import parse_duration

    span = None if history is None else parse_duration(history)
    if history is not None and span is None:
        raise click.BadParameter('write a duration with a unit, like "90d" or "12h"', param_hint="--history")
    config = load(config_path)
    from syncd import logs
    from syncd.wiring import initialise

    logs.configure(level=config.log.level, format=config.log.format)
    baseline = initialise(config, at, span, logs.get())
    click.echo(f"syncd is responsible from {baseline.at:%Y-%m-%d %H:%M:%S} UTC on; start it with: syncd run")
    return exits.OK


def _instant(text: str) -> datetime | None:
    """The instant that `--from` names; None for now, which only the server can tell."""
    if text == "now":
        return None
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        message = 'write "now", "2026-01-31" or "2026-01-31T08:00:00" (UTC)'
        raise click.BadParameter(message, param_hint="--from") from None
    return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)


@command.command(epilog=epilog("syncd state migrate", exits.OK, exits.LOCKED, exits.CONFIG))
@config_option
def migrate(config_path: Path) -> int:
    """Creates the state's tables, or brings those of an older syncd to this version's form.

    syncd run does it by itself for a state in a file. A copy of the older one is kept beside it, named with its revision.
    A state on PostgreSQL is migrated by this verb only: stop every daemon and copy it with pg_dump before.
    """
    config = load(config_path, need_secrets=False)
    from state.store import StateOutdated, create_or_migrate, run_lock, upgrade

    url = state_url(config)
    kept = ""
    with run_lock(url):
        try:
            done = upgrade(url, datetime.now(UTC))
            kept = done.kept if done else ""
        except StateOutdated:
            create_or_migrate(url)  # on PostgreSQL; the person who types this has made the copy
        else:
            create_or_migrate(url)
    click.echo("the state is in this version's form")
    if kept:
        click.echo(f"what it was before is kept beside it as {kept}")
    return exits.OK


@command.command(epilog=epilog("syncd state prune --older-than 90d", exits.OK, exits.LOCKED, exits.CONFIG))
@config_option
@click.option("--older-than", metavar="DURATION", help='Instead of [state] retention, such as "90d".')
@click.option("--dry-run", is_flag=True, help="Only say what would be given up.")
def prune(config_path: Path, older_than: str | None, dry_run: bool) -> int:
    """Gives up bodies and history of orders that ended long ago.

    An order goes as a whole: it, its lines, domain orders, tasks and work orders have ended, none was changed since, and nothing
    of it waits. So does what belongs to none: a work order that is linked to nothing. What stays is the number, the state, the
    links, the plan, and a digest of each key under which something was written: read again, by a feed, a sweep or a backfill, it
    decides nothing. The daemon does this by itself, once a day. Safe beside it.
    """
    config = load(config_path, need_secrets=False)
    from state.store import Store
    from syncd import retention
    from syncd.clock import SystemClock
    from syncd.config.values import parse_duration
    from syncd.policies import policy_of

    span = config.state.retention if older_than is None else parse_duration(older_than)
    if span is None and older_than is not None:
        raise click.BadParameter('write a duration with a unit, like "90d"', param_hint="--older-than")
    if span is None:
        raise click.UsageError("[state] retention is not set; say --older-than, such as 90d")
    now = SystemClock().now
    store = Store(state_url(config), now)
    try:
        done = retention.prune(store, policy_of(config), span, now(), rehearsal=dry_run)
    finally:
        store.close()
    click.echo(
        f"{done.orders} orders and {done.alone} records of no order: the bodies of {done.records} records, {done.effects} effects"
        f" and {done.entries} entries of the ledger {'would be' if dry_run else 'were'} given up, {done.size / 1024:.0f} KiB of text"
    )
    return exits.OK


@command.command(
    epilog=epilog(
        "syncd state copy --to postgresql://syncd@db.example.com/syncd", exits.OK, exits.LOCKED, exits.CONFIG
    )
)
@config_option
@click.option("--to", "target", required=True, metavar="URL", help="An empty database, as url in [state].")
def copy(config_path: Path, target: str) -> int:
    """Copies the whole state into another database: from a file to PostgreSQL, or back.

    Stop the daemon first. The target must be empty; its password comes from $PGPASSWORD or ~/.pgpass. Everything arrives, or
    nothing; afterwards both are compared row by row. Then name the new URL in [state] and start the daemon: the old state is
    left as it is, and must not be used again.
    """
    config = load(config_path, need_secrets=False)
    from state.store import copy_state

    counts = copy_state(state_url(config), target)
    click.echo(f"{sum(counts.values())} rows of {len(counts)} tables are there, and say the same")
    click.echo(
        "name the new url in [state] of the config, then start syncd; do not start it on the old state again"
    )
    return exits.OK


for _verb in (state_copies.backup, state_copies.restore, state_copies.verify, state_copies.rebind):
    command.add_command(_verb)
