"""`syncd safety`: lanes that stopped before a mass change, and a person's word that lets one go on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd import exits
from syncd.cli.common import config_option, epilog, json_option, load, print_json, state_url
from syncd.log_lines import printable

if TYPE_CHECKING:
    from state.store import SafetyStop, Store


@click.group(epilog=epilog("syncd safety list", exits.OK, exits.LOCKED, exits.CONFIG))
def command() -> None:
    """Shows which feeds stopped before a mass change; lets a person let one go on.

    A pass or sweep that would create, change or cancel work orders for unusually many orders writes nothing, and its feed
    waits. The limits are in [safety] of the config.
    """


@command.command("list", epilog=epilog("syncd safety list --json", exits.OK, exits.LOCKED, exits.CONFIG))
@config_option
@json_option
def list_(config_path: Path, as_json: bool) -> int:
    """Lists every stopped feed: what it would have done, to how many orders, and whether it may go on."""
    store = _store(config_path)
    try:
        stops = _stops(store)
    finally:
        store.close()
    if as_json:
        print_json({"stops": [_as_json(stop) for stop in stops]})
        return exits.OK
    if not stops:
        click.echo("nothing has stopped")
    for stop in stops:
        click.echo(printable(_line(stop)))
    return exits.OK


@command.command(
    epilog=epilog(
        'syncd safety allow domain_order --by "A. Meier" --reason "migration of 400 orders"',
        exits.OK,
        exits.LOCKED,
        exits.CONFIG,
    )
)
@click.argument("lane", required=False)
@config_option
@click.option("--by", required=True, metavar="NAME", help="Who takes the responsibility.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it stands in the ledger.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
def allow(lane: str | None, config_path: Path, by: str, reason: str, dry_run: bool) -> int:
    """Lets a stopped feed do what it was about to do, once, in a person's name.

    LANE is a feed or "sweep", as `syncd safety list` names it; it may be left out when only one has stopped. The daemon
    goes on by itself. What goes beyond the counts that were shown stops again.
    """
    store = _store(config_path)
    try:
        stop = _chosen(_stops(store), lane)
        if not dry_run:
            _allow(store, stop, by, reason)
    finally:
        store.close()
    click.echo(
        printable(f"{stop.lane} {'could' if dry_run else 'may'} go on, on the word of {by}: {_counts(stop)}")
    )
    return exits.OK


def _chosen(stops: tuple[SafetyStop, ...], lane: str | None) -> SafetyStop:
    waiting = [stop for stop in stops if stop.allowed_at is None and lane in (None, stop.lane)]
    if len(waiting) == 1:
        return waiting[0]
    names = ", ".join(stop.lane for stop in waiting)
    if waiting:
        raise click.UsageError(f"several have stopped, name one: {names}")
    raise click.UsageError("nothing waits to go on; syncd safety list shows what has stopped")


def _allow(store: Store, stop: SafetyStop, by: str, reason: str) -> None:
    from state.store import LedgerEntry
    from syncd import logs

    with store.deciding() as tx:
        tx.allow_lane(stop.lane, by, reason)
        said = {"by": by, "reason": reason, "lane": stop.lane, "counts": dict(stop.counts)}
        tx.remember(LedgerEntry("mass_change.allowed", data=said))
    logs.configure()
    logs.get().event("mass_change.allowed", lane=stop.lane, effects=dict(stop.counts), reason=reason)


def _line(stop: SafetyStop) -> str:
    head = f"{stop.lane} stopped at {stop.stopped_at:%Y-%m-%d %H:%M:%S} UTC: {_counts(stop)}"
    if stop.allowed_at is None:
        return f"{head}; let it go on with: syncd safety allow {stop.lane} --by NAME --reason TEXT"
    return f"{head}; may go on, on the word of {stop.allowed_by}"


def _counts(stop: SafetyStop) -> str:
    parts = ", ".join(f"{what.replace('_', ' ')} for {count} orders" for what, count in stop.counts.items())
    return f"{parts}, of {stop.known} known ones"


def _as_json(stop: SafetyStop) -> dict[str, object]:
    return {
        "lane": stop.lane,
        "counts": dict(stop.counts),
        "known": stop.known,
        "stopped_at": stop.stopped_at.isoformat(),
        "allowed_by": stop.allowed_by,
        "allowed_reason": stop.allowed_reason,
    }


def _stops(store: Store) -> tuple[SafetyStop, ...]:
    with store.history() as history:
        return history.stops()


def _store(config_path: Path) -> Store:
    from state.store import Store
    from syncd.clock import SystemClock

    return Store(state_url(load(config_path, need_secrets=False)), SystemClock().now)
