"""What a verb says when it fails, and with which code it ends.

Called by `syncd.cli` when an exception reaches it. Failures that a person can act on are told in their own words; an
unexpected one is told in one line, with the way to see more.
"""

from __future__ import annotations

import traceback

import click

from connectors.errors import Misconfigured, RemoteError
from state.types import StateError, StateLocked
from syncd import exits
from syncd.log_lines import printable

REFUSED_STATUS = frozenset({401, 403})
_NEXT = {exits.UNAVAILABLE: "; nothing is lost: run it again when that system answers"}
"""What to do, where the failure itself does not say."""


def tell(error: Exception, *, debug: bool) -> int:
    """Writes what happened to stderr and returns the exit code."""
    if debug:
        click.echo("".join(traceback.format_exception(error)), err=True)
    code = code_of(error)
    if code == exits.FAILED:
        where = "" if debug else "; syncd --debug ... shows where it happened"
        click.echo(f"syncd: unexpected {type(error).__name__}: {printable(str(error))}{where}", err=True)
    else:
        click.echo(f"syncd: {printable(_named(error))}{_NEXT.get(code, '')}", err=True)
    return code


def _named(error: Exception) -> str:
    """What happened, and in which of the two systems."""
    system = error.system if isinstance(error, RemoteError) else ""
    return str(error) if str(error).startswith(system) else f"{system}: {error}"


def code_of(error: Exception) -> int:
    """The exit code that says what a caller can do about `error`."""
    if isinstance(error, StateLocked):
        return exits.LOCKED
    if isinstance(error, StateError):
        return exits.CONFIG
    if isinstance(error, Misconfigured):
        return exits.REFUSED if error.status in REFUSED_STATUS else exits.CONFIG
    if isinstance(error, RemoteError):
        return exits.UNAVAILABLE
    return exits.FAILED
