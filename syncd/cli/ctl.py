"""`syncd ctl`: a one-shot verb with the user, the state and the credentials of the service."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import NoReturn

import click

from syncd import exits
from syncd.cli.common import verb

KEPT = (
    "User",
    "DynamicUser",
    "StateDirectory",
    "StateDirectoryMode",
    "UMask",
    "Environment",
    "EnvironmentFiles",
    "IPAddressAllow",
    "IPAddressDeny",
)
"""Properties of the service that a verb needs to be it."""
CREDENTIALS = ("LoadCredential", "LoadCredentialEncrypted")
"""Those that systemctl shows as unprintable: they are read from the unit's files."""
_SURROUNDINGS = ("TERM", "NO_COLOR", "COLUMNS", "LANG")


@verb(
    "syncd ctl status",
    exits.OK,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option("--unit", default="syncd.service", show_default=True, help="The service to be.")
@click.option("--dry-run", is_flag=True, help="Only print the command.")
@click.argument("words", metavar="VERB...", nargs=-1, required=True, type=click.UNPROCESSED)
def command(unit: str, dry_run: bool, words: tuple[str, ...]) -> None:
    """Runs a verb as the service would: with its user, its state directory, its credentials, its environment and its config.

    Those exist only inside the service; a shell has none of them, and a verb started there by root would leave files in
    the state that the service cannot read. systemd-run starts the verb, its output comes here, and its exit code is the
    verb's. A daemon that runs is not disturbed. Give the options of ctl before the verb, those of the verb behind it:
    syncd ctl --unit syncd@north status --json
    """
    shown = _properties(unit)
    program, config = _started(shown.get("ExecStart", []), unit)
    line = ["systemd-run", "--quiet", "--collect", "--wait", "--pty" if sys.stdin.isatty() else "--pipe"]
    line += [f"--property={setting}" for setting in _settings(shown)]
    line += [f"--setenv={name}={os.environ[name]}" for name in _SURROUNDINGS if name in os.environ]
    if config:
        line.append(f"--setenv=SYNCD_CONFIG={config}")
    line += ["--", program, *words]
    if dry_run:
        click.echo(shlex.join(line))
    else:
        _become(line)


def _become(line: list[str]) -> NoReturn:
    found = shutil.which(line[0])
    if found is None:
        raise click.ClickException("systemd-run is not here; ctl works where systemd runs the service")
    sys.stdout.flush()
    os.execv(found, line)  # noqa: S606 - systemd-run, found on the path, takes the place of this process


def _properties(unit: str) -> dict[str, list[str]]:
    """The settings of the service as systemd has them, drop-ins included."""
    names = ",".join((*KEPT, "ExecStart", "LoadState", "Id"))
    found: dict[str, list[str]] = {}
    for line in _systemctl("show", f"--property={names}", "--", unit).splitlines():
        name, _, value = line.partition("=")
        found.setdefault(name, []).append(value)
    if found.get("LoadState") != ["loaded"]:
        raise click.ClickException(f"there is no unit {unit}; syncd files write DIR hands one out")
    for line in _systemctl("cat", "--", unit).splitlines():
        name, _, value = line.partition("=")
        if name in CREDENTIALS:
            before = found.get(name, []) if value else []  # an empty one takes back those before it
            found[name] = [*before, _resolved(value, found["Id"][0])]
    return found


def _systemctl(*words: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - systemctl, with the unit as one argument
            ["systemctl", *words],  # noqa: S607 - wherever it is installed
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise click.ClickException(
            "systemctl is not here; ctl works where systemd runs the service"
        ) from None
    if done.returncode:
        said = done.stderr.strip()
        raise click.ClickException(f"systemctl: {said}\nctl works where systemd runs the service")
    return done.stdout


def _resolved(value: str, unit: str) -> str:
    """A setting of a unit file with the names of the unit in it."""
    name = unit.rpartition(".")[0]
    prefix, _, instance = name.partition("@")
    for letter, stands_for in (("n", unit), ("N", name), ("p", prefix), ("i", instance), ("I", instance)):
        value = value.replace(f"%{letter}", stands_for)
    return value


def _settings(shown: Mapping[str, list[str]]) -> Iterator[str]:
    """The properties to pass on, as a unit file writes them."""
    for name in (*KEPT, *CREDENTIALS):
        for value in shown.get(name, ()):
            path, _, ignored = value.partition(" (ignore_errors=")
            if name == "EnvironmentFiles" and path:
                yield f"EnvironmentFile={'-' if ignored.startswith('yes') else ''}{path}"
            elif value:
                yield f"{name}={value}"


def _started(lines: list[str], unit: str) -> tuple[str, str | None]:
    """The program that the service runs, and its config."""
    for line in lines:
        _, found, rest = line.partition("argv[]=")
        words = shlex.split(rest.partition(" ;")[0])
        if found and words:
            config = next((b for a, b in pairwise(words) if a in ("-c", "--config")), None)
            return words[0], config
    raise click.ClickException(f"{unit} starts no program")
