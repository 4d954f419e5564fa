"""`syncd sandbox`: the two simulated systems, for trying a config and for playing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd import exits
from syncd.cli.common import verb

if TYPE_CHECKING:
    from syncd.sandbox.dialect import Names

PORT = click.IntRange(0, 65_535)
COUNT = click.IntRange(0, 1_000_000)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@verb("syncd sandbox --om-port 8001 --fsm-port 8002", exits.OK)
@click.option(
    "--om-port", type=PORT, default=0, metavar="PORT", help="Of order management; 0 takes a free one."
)
@click.option(
    "--fsm-port", type=PORT, default=0, metavar="PORT", help="Of field service; 0 takes a free one."
)
@click.option("--shared", is_flag=True, help="One instance behind both ports.")
@click.option("--seed", type=COUNT, default=1, show_default=True, metavar="N", help="Of ids and demo data.")
@click.option("--history", type=COUNT, default=0, metavar="N", help="Old domain orders to begin with.")
@click.option("--latency-ms", type=COUNT, default=0, metavar="N", help="Delay of every answer.")
@click.option(
    "--decomposition-delay-ms",
    type=COUNT,
    default=300,
    show_default=True,
    metavar="N",
    help="Between approval and domain orders.",
)
@click.option("--qualification", is_flag=True, help="Work orders wait for qualification.")
@click.option("--naive", is_flag=True, help="Order management refuses nothing by itself.")
@click.option(
    "--dialect",
    type=FILE,
    help="JSON: other names of tables, columns, states and labels than the usual ones.",
)
@click.option("--password", default="sandbox", show_default=True, help="Of every simulated user.")
@click.option("--tls-cert", type=FILE, help="Certificate: both ports speak TLS.")
@click.option("--tls-key", type=FILE, help="Key of the certificate.")
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
    latency_ms: int,
    decomposition_delay_ms: int,
    qualification: bool,
    naive: bool,
    dialect: Path | None,
    password: str,
    tls_cert: Path | None,
    tls_key: Path | None,
    ready_file: Path | None,
    as_json: bool,
) -> int:
    """Runs simulated order management and field service on this machine until it is stopped.

    Both speak the Table API over HTTP, as strictly as the real ones. The control API places, approves and cancels
    orders and works tasks. Nothing is kept: each start is a new world, the same for the same seed.
    """
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key go together")
    try:
        from syncd.sandbox.dialect import Names
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
        latency_ms=latency_ms,
        decomposition_delay_ms=decomposition_delay_ms,
        qualification=qualification,
        enforcing=not naive,
        names=Names() if dialect is None else _names(Names, dialect),
        password=password,
        tls_cert=tls_cert,
        tls_key=tls_key,
        ready_file=ready_file,
    )
    run_sandbox(options, _announce_json if as_json else _announce)
    return exits.OK


def _names(names: type[Names], file: Path) -> Names:
    try:
        return names(**json.loads(file.read_bytes()))
    except (ValueError, TypeError) as error:
        raise click.UsageError(f"--dialect {file}: {error}") from error


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
