"""What verbs share: the option that names the config, its loading, and help that names exit codes and an example.

Imported by the modules of verbs. pydantic and what else a config needs are imported when one is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncd import exits

if TYPE_CHECKING:
    from syncd.config import Config

SYSTEM_CONFIG = Path("/etc/syncd/config.toml")
SCHEMA_VERSION = 1
"""Of everything that `--json` prints. Grows when a key changes its meaning or goes."""


def default_config() -> Path:
    """Where a config is looked for when none is named: $SYNCD_CONFIG, ./config.toml, /etc/syncd/config.toml."""
    named = os.environ.get("SYNCD_CONFIG")
    if named:
        return Path(named)
    here = Path("config.toml")
    return here if here.exists() or not SYSTEM_CONFIG.exists() else SYSTEM_CONFIG


config_option = click.option(
    "-c",
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    default=default_config,
    show_default="$SYNCD_CONFIG, ./config.toml, /etc/syncd/config.toml",
    help="The config file.",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")


class ConfigProblems(click.ClickException):
    """A config with problems: all of them on stderr, one a line."""

    exit_code = exits.CONFIG

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))

    def show(self, file: Any = None) -> None:
        click.echo(self.message, file=file, err=file is None)


def load(path: Path, *, need_secrets: bool = True) -> Config:
    """The config, or `ConfigProblems` that ends the verb with exit code 78."""
    from syncd.config import load_config
    from syncd.log_lines import printable

    config, problems = load_config(path, os.environ, need_secrets=need_secrets)
    if config is None:
        raise ConfigProblems([printable(str(problem)) for problem in problems])
    return config


def state_url(config: Config) -> str:
    """Where the state is, for verbs that need no secret but its password."""
    password = config.state.password
    if password is not None and not password.reveal():
        raise ConfigProblems([f'"password" in [state] cannot be had from {password}'])
    return config.state.connect_url()


def print_json(value: Mapping[str, object]) -> None:
    """One JSON document, with its version in front."""
    import json

    click.echo(json.dumps({"schema_version": SCHEMA_VERSION, **value}, indent=2, ensure_ascii=True))


def verb(example: str, *codes: int, **settings: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """`click.command` whose help ends with an example and the exit codes."""
    return click.command(epilog=epilog(example, *codes), **settings)


def epilog(example: str, *codes: int) -> str:
    """The last paragraphs of a help text. Two codes are every verb's."""
    every = sorted({exits.FAILED, exits.USAGE, *codes})
    rows = "\n".join(f"  {code:>3}  {exits.MEANINGS[code]}" for code in every)
    return f"\b\nExample:\n  {example}\n\n\b\nExit codes:\n{rows}"
