"""The command line: `syncd VERB`. Each verb is a module of its own, imported when it is used and not before.

The entry point of the installed command. Importing this imports click and nothing else, so that help and completion
answer at once. The one broad except of the command line stands here.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

import click

from syncd import exits
from syncd.cli.lazy import LazyGroup

VERBS = {
    "Run": {
        "run": "run the daemon",
        "once": "run one cycle of every lane, then end",
        "backfill": "do for a past period what live would have done, once",
        "redecide": "ask an edited decision table again about orders that it has decided",
        "sweep": "compare every record in play with what is remembered",
    },
    "Look": {
        "check": "check the config and everything that it names",
        "status": "show how far everything is, what waits and why",
        "plan": "show what the next cycle would write",
        "explain": "tell why something has happened to an order, or has not",
        "decide": "ask the decision tables about one record, and why",
        "config": "show the config in force, its schema, or an example",
    },
    "Decide": {
        "gate": "show what asks to be closed, release it on a person's word",
        "link": "show which work orders are gone, let one go",
        "safety": "show what stopped before a mass change, let it go on",
        "recreate": "make a work order anew that ended, on a person's word",
    },
    "Keep": {
        "quarantine": "what waits for a person: list, show, retry, drop",
        "state": "begin, back up, restore, check or migrate the state",
    },
    "Serve": {
        "files": "hand out systemd units, an example config, the schema",
        "ctl": "run a verb as the service would, with its user, state and credentials",
    },
    "Try": {
        "demo": "play the whole scenario against the sandbox systems",
        "sandbox": "run the two simulated systems",
        "completion": "print the completion script for a shell",
    },
}
"""Verbs by section, in the order of the help."""


def _version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        import syncd

        click.echo(f"syncd {syncd.__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    verbs=VERBS,
    package="syncd.cli",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Begin with: syncd demo. Then: syncd config example > config.toml, syncd check, syncd state init --from now,"
    " syncd run.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and exit.",
)
@click.option("--debug", is_flag=True, help="Show where an unexpected failure happened.")
def cli(debug: bool) -> None:
    """Keeps order management and field service management in step.

    syncd polls both systems over REST, creates the work orders that decision tables prescribe for approved orders,
    carries changes and cancellations to them, and writes every status back as a work note.
    """


YOUNG = 10_000
"""How many new objects are looked through for garbage at once. What a start imports stays: with the interpreter's own 700
it is looked through two hundred times, a tenth of the start."""


def main() -> None:
    """The command `syncd`."""
    gc.set_threshold(YOUNG)
    sys.exit(invoke(sys.argv[1:]))


def invoke(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code; says on stderr what went wrong."""
    try:
        result = cli.main(args=list(arguments), prog_name="syncd", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return exits.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain again when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.FAILED
    except Exception as error:  # noqa: BLE001 - the one broad except of the command line: it says what to do next
        from syncd.cli.failures import tell

        return tell(error, debug="--debug" in arguments)
    return result if isinstance(result, int) else exits.OK
