"""`syncd files`: units, example config and schema, listed and written."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from syncd import exits
from syncd.cli.common import epilog, json_option, print_json


@click.group(epilog=epilog("syncd files write /tmp/syncd-files", exits.OK))
def command() -> None:
    """Hands out what goes with syncd: systemd units, the example config, the schema of configs."""


@command.command("list", epilog=epilog("syncd files list", exits.OK))
@json_option
def list_(as_json: bool) -> int:
    """Lists the files and what each is for."""
    from syncd.files import MEANINGS

    if as_json:
        print_json({"files": [{"name": name, "meaning": meaning} for name, meaning in MEANINGS.items()]})
        return exits.OK
    width = max(map(len, MEANINGS))
    for name, meaning in MEANINGS.items():
        click.echo(f"{name:<{width}}  {meaning}")
    return exits.OK


@command.command("write", epilog=epilog("syncd files write /etc/systemd/system syncd.service", exits.OK))
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--program", help="Where the command is installed, for the units.  [default: this one]")
@click.option("--force", is_flag=True, help="Replace files that are there.")
@click.option("--dry-run", is_flag=True, help="Only say what would be written.")
def write(folder: Path, names: tuple[str, ...], program: str | None, force: bool, dry_run: bool) -> int:
    """Writes all files, or those named, into DIR. Never replaces one without --force."""
    from syncd.files import MEANINGS, content

    chosen = names or tuple(MEANINGS)
    unknown = [name for name in chosen if name not in MEANINGS]
    if unknown:
        raise click.BadParameter(f"{unknown[0]!r} is not handed out; see: syncd files list")
    there = [name for name in chosen if (folder / name).exists()]
    if there and not force:
        raise click.ClickException(f"{folder / there[0]} is there already; --force replaces it")
    for name in chosen:
        target = folder / name
        text = content(name, program or _this_program())
        if not dry_run:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        click.echo(f"{'would write' if dry_run else 'wrote'} {target}")
    return exits.OK


def _this_program() -> str:
    """The command of the environment that runs now, else the one on the path."""
    ours = Path(sys.executable).with_name("syncd")
    return str(ours) if ours.exists() else shutil.which("syncd") or "/usr/bin/syncd"
