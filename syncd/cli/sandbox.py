"""`syncd sandbox`: the two simulated systems, for trying a config and for playing."""

from __future__ import annotations

import json
from pathlib import Path

import click

from syncd import exits
from syncd.cli.common import verb

PORT = click.IntRange(0, 65_535)
COUNT = click.IntRange(0, 1_000_000)


@verb("syncd sandbox --om-port 8001 --fsm-port 8002", exits.OK, exits.FAILED)
@click.option(
    "--om-port", type=PORT, default=0, metavar="PORT", help="Of order management; 0 takes a free one."
)
@click.option(
    "--fsm-port", type=PORT, default=0, metavar="PORT", help="Of field service; 0 takes a free one."
)
@click.option("--shared", is_flag=True, help="One instance behind both ports.")
@click.option("--seed", type=COUNT, default=1, show_default=True, metavar="N", help="Of ids and demo data.")
@click.option("--history", type=COUNT, default=0, metavar="N", help="Old domain orders to begin with.")
@click.option(
    "--latency", type=COUNT, default=0, metavar="MS", help="Delay of every answer, in milliseconds."
)
@click.option(
    "--decomposition-delay",
    type=COUNT,
    default=300,
    show_default=True,
    metavar="MS",
    help="Between approval and domain orders, in milliseconds.",
)
@click.option("--qualification", is_flag=True, help="Work orders wait for qualification.")
@click.option("--naive", is_flag=True, help="Order management refuses nothing by itself.")
@click.option(
    "--ready-file", type=click.Path(path_type=Path), help="Also write the JSON announcement to this file."
)
@click.option("--json", "as_json", is_flag=True, help="Announce as one JSON line.")
def command(
    *,
    om_port: int,
    fsm_port: int,
    shared: bool,
    seed: int,
    history: int,
    latency: int,
    decomposition_delay: int,
    qualification: bool,
    naive: bool,
    ready_file: Path | None,
    as_json: bool,
) -> int:
    """Runs simulated order management and field service on this machine until it is stopped.

    Both speak the Table API over HTTP, as strictly as the real ones. The control API places, approves and cancels
    orders and works tasks. Nothing is kept: each start is a new world, the same for the same seed.
    """
    try:
        from syncd.sandbox.server import SandboxOptions, run_sandbox
    except ImportError as error:
        raise click.ClickException(
            f"the sandbox needs {error.name}; install it with: pip install 'syncd[sandbox]'"
        ) from error

    options = SandboxOptions(
        om_port=om_port,
        fsm_port=fsm_port,
        shared=shared,
        seed=seed,
        history=history,
        latency_ms=latency,
        decomposition_delay_ms=decomposition_delay,
        qualification=qualification,
        enforcing=not naive,
        ready_file=ready_file,
    )
    run_sandbox(options, _announce_json if as_json else _announce)
    return exits.OK


def _announce_json(found: dict[str, str]) -> None:
    click.echo(json.dumps(found))


def _announce(found: dict[str, str]) -> None:
    for title, key in (
        ("order management", "om_url"),
        ("field service", "fsm_url"),
        ("control API", "control_url"),
        ("user", "username"),
        ("password", "password"),
    ):
        click.echo(f"{title:<17} {found[key]}")
    click.echo("Stop it with Ctrl-C.")
