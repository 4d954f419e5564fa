"""`syncd check`: whether a config is right as a whole; with --remote, whether both systems agree."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd import exits
from syncd.cli.common import ConfigProblems, config_option, json_option, print_json, verb

if TYPE_CHECKING:
    from state.store import Store
    from syncd.config import Config
    from syncd.remote_check import Answer


@verb("syncd check --config config.toml", exits.OK, exits.UNAVAILABLE, exits.REFUSED, exits.CONFIG)
@config_option
@json_option
@click.option(
    "--no-secrets", is_flag=True, help="Do not ask whether secrets can be had (outside the service)."
)
@click.option("--remote", is_flag=True, help="Also ask both systems, with harmless reads.")
def command(config_path: Path, as_json: bool, no_secrets: bool, remote: bool) -> int:
    """Checks the config and everything that it names: profiles, decision tables, fields, states, secrets.

    Every problem is named in one run, with file, line, column and what to write instead. Warnings name what is allowed
    and hardly meant, such as a rule that can never fire. Opens no database, but to count requests.

    With --remote both systems are asked whether it is so: tables, columns and states of the profiles, each feed and its
    filter, work notes, the templates that the tables name, and how references are looked up. Nothing is written.
    """
    from syncd.config import load_config
    from syncd.log_lines import printable

    config, problems = load_config(config_path, os.environ, need_secrets=not no_secrets)
    answers = _ask(config) if remote and config is not None else []
    if as_json:
        rows = [{"file": p.file, "line": p.line, "column": p.column, "message": p.message} for p in problems]
        found = {
            "hash": config.hash if config else None,
            "problems": rows,
            "warnings": list(config.warnings if config else ()),
        }
        asked = [{"system": a.system, "asked": a.asked, "problem": a.problem} for a in answers]
        print_json(found | ({"remote": asked} if remote else {}))
        return exits.CONFIG if problems else _exit(answers)
    if config is None:
        raise ConfigProblems([printable(str(problem)) for problem in problems])
    for warning in config.warnings:
        click.echo(f"warning: {printable(warning)}")
    for tables in config.tables.values():
        for table in tables:
            click.echo(
                f"{table.applies_to}: {printable(table.name)}, {len(table.rules)} rules ({table.hash})"
            )
    click.echo(f"{config_path}: right ({config.hash})")
    for answer in answers:
        said = f"NOT RIGHT: {printable(answer.problem)}" if answer.problem else "right"
        click.echo(f"{answer.system}: {printable(answer.asked)}: {said}")
    return _exit(answers)


def _ask(config: Config) -> list[Answer]:
    from syncd import logs
    from syncd.connecting import connected
    from syncd.remote_check import ask_all

    logs.configure(level=config.log.level, format=config.log.format)
    store = _state(config)
    try:
        with connected(config, store, logs.get()) as (om, fsm):
            return list(ask_all(config, om, fsm))
    finally:
        if store is not None:
            store.close()


def _state(config: Config) -> Store | None:
    """Where requests are counted, if there is a state already and we may open it; a check changes nothing else in it."""
    from state.store import StateError, Store
    from syncd.clock import SystemClock

    try:
        return Store(config.state.connect_url(), SystemClock().now)
    except StateError:
        return None


def _exit(answers: list[Answer]) -> int:
    if any(answer.away for answer in answers):
        return exits.UNAVAILABLE
    if any(answer.refused for answer in answers):
        return exits.REFUSED
    return exits.CONFIG if any(answer.problem for answer in answers) else exits.OK
