"""`syncd link`: links to work orders that are gone, and a person's word that lets one go."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd import exits
from syncd.cli.common import config_option, epilog, json_option, load, print_json, state_url
from syncd.log_lines import printable

if TYPE_CHECKING:
    from state.store import Store, VanishedLink


@click.group(epilog=epilog("syncd link list", exits.OK, exits.LOCKED, exits.CONFIG))
def command() -> None:
    """Shows which linked work orders are gone from field service; lets a person let one go.

    A work order that two sweeps did not find is not made again, and every closure of its domain order waits for a person.
    """


@command.command("list", epilog=epilog("syncd link list --json", exits.OK, exits.LOCKED, exits.CONFIG))
@config_option
@json_option
def list_(config_path: Path, as_json: bool) -> int:
    """Lists every link whose work order is gone, and since when."""
    store = _store(config_path)
    try:
        rows = [_row(store, gone) for gone in _vanished(store)]
    finally:
        store.close()
    if as_json:
        print_json({"links": rows})
        return exits.OK
    if not rows:
        click.echo("no linked work order is gone")
    for row in rows:
        click.echo(
            printable(f"{row['number']} of {row['domain_order']}: gone since {row['first_missing_at']}")
        )
    if rows:
        click.echo("let one go with: syncd link drop WORK_ORDER --by NAME --reason TEXT")
    return exits.OK


@command.command(
    epilog=epilog(
        'syncd link drop WO0008123 --by "A. Meier" --reason "deleted on request"',
        exits.OK,
        exits.LOCKED,
        exits.CONFIG,
    )
)
@click.argument("work_order")
@config_option
@click.option("--by", required=True, metavar="NAME", help="Who takes the responsibility.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it stands in the ledger.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
def drop(work_order: str, config_path: Path, by: str, reason: str, dry_run: bool) -> int:
    """Lets a work order go that is gone from field service, in a person's name.

    WORK_ORDER is its number or id. It is not made again, and its domain order can be closed without it. Only a work order
    that two sweeps did not find can be let go: one that stands would be linked again by the next sweep.
    """
    store = _store(config_path)
    try:
        chosen = [gone for gone in _vanished(store) if work_order in (gone.number, gone.link.work_order)]
        if not chosen:
            message = f'no vanished work order is called "{work_order}"; syncd link list shows them'
            raise click.UsageError(message)
        if not dry_run:
            _drop(store, chosen, by, reason)
    finally:
        store.close()
    click.echo(printable(f"{'would let go' if dry_run else 'let go'} {work_order} on the word of {by}"))
    return exits.OK


def _drop(store: Store, chosen: list[VanishedLink], by: str, reason: str) -> None:
    from state.store import LedgerEntry
    from syncd import logs
    from syncd.naming import OrderNames

    with store.deciding() as tx:
        for gone in chosen:
            tx.drop_link(gone, by, reason)
            link = gone.link
            said = {"by": by, "reason": reason, "number": gone.number}
            tx.remember(LedgerEntry("link.dropped", link.domain_order, work_order=link.work_order, data=said))
    logs.configure()
    log = logs.get().naming(OrderNames(store))
    for gone in chosen:
        log.event(
            "link.dropped",
            domain_order=gone.link.domain_order,
            work_order=gone.link.work_order,
            number=gone.number,
            reason=reason,
        )


def _vanished(store: Store) -> tuple[VanishedLink, ...]:
    with store.history() as history:
        return history.vanished_links()


def _row(store: Store, gone: VanishedLink) -> dict[str, object]:
    from mappings.model import SUBJECT_KINDS

    with store.history() as history:
        records = (history.record(kind, gone.link.domain_order) for kind in SUBJECT_KINDS)
        number = next((record.number for record in records if record is not None), gone.link.domain_order)
    return {
        "work_order": gone.link.work_order,
        "number": gone.number,
        "domain_order": number,
        "origin": gone.link.origin.value,
        "rule": gone.link.rule,
        "first_missing_at": f"{gone.first_missing_at:%Y-%m-%d %H:%M:%S} UTC",
        "vanished_at": f"{gone.vanished_at:%Y-%m-%d %H:%M:%S} UTC",
    }


def _store(config_path: Path) -> Store:
    from state.store import Store
    from syncd.clock import SystemClock

    return Store(state_url(load(config_path, need_secrets=False)), SystemClock().now)
