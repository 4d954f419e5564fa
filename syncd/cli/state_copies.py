"""`syncd state backup|restore|verify|rebind`: copies of the state, whether it is sound, and whose it is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd import exits
from syncd.cli.common import config_option, epilog, load, state_url
from syncd.log_lines import printable

if TYPE_CHECKING:
    from syncd.config import Config


@click.command(epilog=epilog("syncd state backup /backup/syncd.db", exits.OK, exits.LOCKED, exits.CONFIG))
@click.argument("file", type=click.Path(path_type=Path))
@config_option
def backup(file: Path, config_path: Path) -> int:
    """Copies the state into FILE, beside a running daemon too.

    FILE must not be there yet. It holds what both systems told us (no secrets) and is readable by its owner only. A state
    on PostgreSQL is copied with pg_dump.
    """
    config = load(config_path, need_secrets=False)
    from state.backup import backup as copy

    copy(state_url(config), file)
    click.echo(f"the state is in {file.name}; syncd state restore {file.name} puts it back")
    return exits.OK


@click.command(epilog=epilog("syncd state restore /backup/syncd.db", exits.OK, exits.LOCKED, exits.CONFIG))
@click.argument("file", type=click.Path(path_type=Path))
@config_option
def restore(file: Path, config_path: Path) -> int:
    """Puts the state in FILE in place of the one that is there.

    Stop the daemon first. What is replaced is kept beside the state under a new name. The next start catches up: what was
    done since FILE was made is found in both systems and not done again, whatever its age.
    """
    config = load(config_path, need_secrets=False)
    from state.backup import restore as put_back

    kept = put_back(state_url(config), file, datetime.now(UTC))
    _begin_catch_up(config)
    click.echo("the state is restored; the next start catches up with both systems before it sends anything")
    if kept:
        click.echo(f"what it replaced is kept beside it as {kept}")
    return exits.OK


def _begin_catch_up(config: Config) -> None:
    """What the life that was replaced had in flight may still be executed: nothing is looked for before that is over."""
    from state.store import LedgerEntry, Store
    from syncd.connecting import connect

    remotes = connect(config)
    settle = max(remote.settle for remote in remotes)
    for remote in remotes:
        remote.close()
    now = datetime.now(UTC)
    store = Store(state_url(config), lambda: datetime.now(UTC))
    try:
        store.begin_catch_up(now + settle)
        with store.deciding() as tx:
            tx.remember(LedgerEntry("state.restored"))
    finally:
        store.close()


@click.command(epilog=epilog("syncd state verify", exits.OK, exits.LOCKED, exits.CONFIG))
@config_option
def verify(config_path: Path) -> int:
    """Checks that the state is sound: the file itself, and what must hold between its tables.

    Reads only, beside a running daemon too.
    """
    config = load(config_path, need_secrets=False)
    from state.backup import verify as look

    problems = look(state_url(config))
    for problem in problems:
        click.echo(printable(problem))
    if not problems:
        click.echo("the state is sound")
    return exits.FAILED if problems else exits.OK


@click.command(
    epilog=epilog(
        'syncd state rebind --by "A. Meier" --reason "moved to the new data centre"',
        exits.OK,
        exits.LOCKED,
        exits.CONFIG,
    )
)
@config_option
@click.option("--by", required=True, help="Who takes the responsibility.")
@click.option("--reason", required=True, help="Why; it stands in the ledger.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
def rebind(config_path: Path, by: str, reason: str, dry_run: bool) -> int:
    """Accepts the instances that the config names as those of this state.

    For a config whose id was changed, or a system that was rebuilt: the daemon ends with 78 and sends nothing when an id
    differs, or records by which it knows a system are not there. Do not use it to point a state at another system: then
    begin a new state.
    """
    config = load(config_path, need_secrets=False)
    from state.store import LedgerEntry, Store
    from syncd import logs
    from syncd.wiring import identities_of

    wanted = identities_of(config)
    names = ", ".join(f'{system} "{one.id}"' for system, one in wanted.items())
    if not dry_run:
        store = Store(state_url(config), lambda: datetime.now(UTC))
        try:
            before = {system.value: one.id for system, one in store.identities().items()}
            store.bind(wanted)
            with store.deciding() as tx:
                data = {"by": by, "reason": reason, "before": before}
                tx.remember(LedgerEntry("identity.rebound", data=data))
        finally:
            store.close()
        logs.configure()
        for system, one in wanted.items():
            logs.get().event(
                "identity.rebound",
                system=system,
                expected=before.get(system.value, ""),
                found=one.id,
                reason=reason,
            )
    click.echo(f"{'would bind' if dry_run else 'bound'} the state to {names} on the word of {by}")
    return exits.OK
