"""`syncd gate`: the requests for closure, and a person's word against the gate."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd import exits
from syncd.cli.common import config_option, epilog, load
from syncd.log_lines import printable

if TYPE_CHECKING:
    from mappings.requests import Request
    from state.store import Store


@click.group(epilog=epilog("syncd gate list", exits.OK, exits.LOCKED, exits.CONFIG))
def command() -> None:
    """Shows which domain orders ask to be closed and what holds them; lets a person release one."""


@command.command("list", epilog=epilog("syncd gate list --json", exits.OK, exits.LOCKED, exits.CONFIG))
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for machines.")
def list_(config_path: Path, as_json: bool) -> int:
    """Lists every request that is not over: since when, where it stands, what holds it."""
    store = _store(config_path)
    try:
        requests = [(request, _number(store, request)) for request in store.requests()]
    finally:
        store.close()
    if as_json:
        rows = [_as_json(request, number) for request, number in requests]
        click.echo(json.dumps({"schema_version": 1, "requests": rows}))
        return exits.OK
    if not requests:
        click.echo("no domain order asks to be closed")
    for request, number in requests:
        click.echo(printable(f"{number}  {request.status}  since {request.stamp:%Y-%m-%d %H:%M:%S} UTC"))
        for reason in request.reasons:
            click.echo(printable(f"    {reason}"))
    return exits.OK


@command.command(
    epilog=epilog(
        'syncd gate override PO0001042 --by "A. Meier" --reason "router was returned"',
        exits.OK,
        exits.LOCKED,
        exits.CONFIG,
    )
)
@click.argument("domain_order")
@config_option
@click.option("--by", required=True, help="Who takes the responsibility.")
@click.option("--reason", required=True, help="Why; it stands in the note and in the ledger.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
def override(domain_order: str, config_path: Path, by: str, reason: str, dry_run: bool) -> int:
    """Releases a request against the gate, in a person's name.

    DOMAIN_ORDER is its number or id. The running daemon sends the release; the note names the person and the reason.
    """
    store = _store(config_path)
    try:
        known = {_number(store, request): request for request in store.requests()}
        known |= {request.subject: request for request in known.values()}
        request = known.get(domain_order)
        if request is None:
            message = f"no open request for closure of {domain_order}; syncd gate list shows them"
            raise click.UsageError(message)
        if not dry_run:
            _override(store, request, by, reason)
    finally:
        store.close()
    click.echo(f"{'would release' if dry_run else 'released'} {domain_order} on the word of {by}")
    return exits.OK


def _override(store: Store, request: Request, by: str, reason: str) -> None:
    from mappings.requests import RequestStatus
    from state.store import LedgerEntry
    from syncd import logs
    from syncd.naming import OrderNames

    with store.deciding() as tx:
        current = tx.request_of(request.subject)  # the daemon may have moved it since it was listed
        if current is None or current.stamp != request.stamp or current.status is RequestStatus.OVER:
            message = "the request ended at this moment; syncd gate list shows the open ones"
            raise click.UsageError(message)
        waiting = replace(current, status=RequestStatus.WAITING, retry_after=None)
        tx.move_request(replace(waiting, overridden_by=by, override_reason=reason))
        entry = LedgerEntry("closure.overridden", subject=request.subject, data={"by": by, "reason": reason})
        tx.remember(entry)
    logs.configure()
    logs.get().naming(OrderNames(store)).event(
        "closure.overridden", domain_order=request.subject, reason=reason
    )


def _store(config_path: Path) -> Store:
    from state.store import Store

    config = load(config_path, need_secrets=False)
    return Store(config.state.connect_url(), lambda: datetime.now(UTC))


def _number(store: Store, request: Request) -> str:
    with store.deciding() as tx:
        record = tx.snapshot(request.subject_kind, request.subject)
    return record.number if record is not None else request.subject


def _as_json(request: Request, number: str) -> dict[str, object]:
    return {
        "domain_order": request.subject,
        "number": number,
        "status": request.status.value,
        "since": request.stamp.isoformat(),
        "reasons": list(request.reasons),
        "overridden_by": request.overridden_by,
    }
