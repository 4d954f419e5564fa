"""`syncd check`: whether a config is right as a whole, without talking to anybody."""

from __future__ import annotations

import os
from pathlib import Path

import click

from syncd import exits
from syncd.cli.common import ConfigProblems, config_option, json_option, print_json, verb


@verb("syncd check --config config.toml", exits.OK, exits.CONFIG)
@config_option
@json_option
@click.option(
    "--no-secrets", is_flag=True, help="Do not ask whether secrets can be had (outside the service)."
)
def command(config_path: Path, as_json: bool, no_secrets: bool) -> int:
    """Checks the config and everything that it names: profiles, decision tables, fields, states, secrets.

    Every problem is named in one run, with file, line, column and what to write instead. Warnings name what is allowed
    and hardly meant, such as a rule that can never fire. Talks to no remote system and opens no database.
    """
    from syncd.config import load_config
    from syncd.log_lines import printable

    config, problems = load_config(config_path, os.environ, need_secrets=not no_secrets)
    warnings = config.warnings if config else ()
    if as_json:
        rows = [{"file": p.file, "line": p.line, "column": p.column, "message": p.message} for p in problems]
        found = {"hash": config.hash if config else None, "problems": rows, "warnings": list(warnings)}
        print_json(found)
        return exits.CONFIG if problems else exits.OK
    if config is None:
        raise ConfigProblems([printable(str(problem)) for problem in problems])
    for warning in warnings:
        click.echo(f"warning: {printable(warning)}")
    for tables in config.tables.values():
        for table in tables:
            click.echo(
                f"{table.applies_to}: {printable(table.name)}, {len(table.rules)} rules ({table.hash})"
            )
    click.echo(f"{config_path}: right ({config.hash})")
    return exits.OK
