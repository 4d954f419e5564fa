"""`syncd recreate`: one work order made anew, on a person's word."""

from __future__ import annotations

from pathlib import Path

import click

from syncd import exits
from syncd.cli.common import config_option, json_option, load, print_json, verb
from syncd.log_lines import printable


@verb(
    'syncd recreate WO0001042 --rule fiber --slot 1 --by "A. Meier" --reason "cancelled by mistake"',
    exits.OK,
    exits.UNAVAILABLE,
    exits.LOCKED,
    exits.REFUSED,
    exits.CONFIG,
)
@click.argument("name")
@config_option
@click.option("--rule", required=True, help="The rule of the decision table that planned it.")
@click.option(
    "--slot", type=click.IntRange(1, 9999), default=1, show_default=True, help="Which of its work orders."
)
@click.option("--by", required=True, help="Who takes the responsibility.")
@click.option("--reason", required=True, help="Why; it stands in the ledger.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@json_option
def command(
    *, name: str, config_path: Path, rule: str, slot: int, by: str, reason: str, dry_run: bool, as_json: bool
) -> int:
    """Makes one work order of a plan anew: its next generation.

    NAME is the number or id of the domain order, the order task, or the work order that ended. syncd never does this by
    itself when a person cancelled the work order in field service. Refused with 2 while the old one is open, or while the
    order is in no state to create in. Looks in field service for generations that the state does not know; the running
    daemon sends the create.
    """
    from state.store import StateError, Store
    from syncd import logs
    from syncd.clock import SystemClock
    from syncd.connecting import connected
    from syncd.naming import OrderNames
    from syncd.policies import policy_of
    from syncd.recreate import Unnamed, Wish, recreate

    config = load(config_path)
    logs.configure(level=config.log.level, format=config.log.format)
    store = Store(config.state.connect_url(), SystemClock().now)
    try:
        for system, known in store.identities().items():
            if known.id != config.system(system).id:
                raise StateError(f'the state belongs to {system} "{known.id}", the config names another one')
        wish = Wish(name, rule, slot, by, reason)
        log = logs.get().naming(OrderNames(store))
        with connected(config, store, log) as (_, fsm):
            answer = recreate(store, fsm, policy_of(config), wish, log, dry_run=dry_run)
    except Unnamed as error:
        raise click.UsageError(f"{error}; syncd explain {name} says more") from None
    finally:
        store.close()
    if as_json:
        print_json({"number": answer.number, "key": answer.key, "why": answer.why, "dry_run": dry_run})
    elif answer.key:
        click.echo(printable(f"{'would make' if dry_run else 'will make'} {answer.key} for {answer.number}"))
    if not answer.key:
        raise click.UsageError(printable(f"not made again: {answer.why}"))
    return exits.OK
