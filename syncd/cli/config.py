"""`syncd config`: the config in force, its schema, an example."""

from __future__ import annotations

from pathlib import Path

import click

from syncd import exits
from syncd.cli.common import config_option, epilog, json_option, load, print_json


@click.group(epilog=epilog("syncd config example > config.toml", exits.OK, exits.CONFIG))
def command() -> None:
    """Shows the config in force, the schema of config files, or an example to begin with."""


@command.command(epilog=epilog("syncd config show --config config.toml", exits.OK, exits.CONFIG))
@config_option
@json_option
def show(config_path: Path, as_json: bool) -> int:
    """Prints the values in force, defaults filled in. Secrets appear by where they come from, never by value."""
    from syncd.config.document import in_force, values_in_force

    config = load(config_path, need_secrets=False)
    if as_json:
        print_json({"hash": config.hash, "config": values_in_force(config)})
    else:
        click.echo(in_force(config), nl=False)
    return exits.OK


@command.command(epilog=epilog("syncd config schema > config.schema.json", exits.OK))
def schema() -> int:
    """Prints the JSON schema of config files, for editors that complete and check TOML."""
    import json

    from syncd.config.document import json_schema

    click.echo(json.dumps(json_schema(), indent=2))
    return exits.OK


@command.command(epilog=epilog("syncd config example > config.toml", exits.OK))
def example() -> int:
    """Prints a complete config with every key, its default and its meaning."""
    from syncd.config.document import example as text

    click.echo(text(), nl=False)
    return exits.OK
