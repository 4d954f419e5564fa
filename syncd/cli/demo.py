"""`syncd demo`: the whole scenario, played."""

from __future__ import annotations

import click

from syncd import exits
from syncd.cli.common import verb


@verb("syncd demo", exits.OK, exits.INTERRUPTED)
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines for machines.")
@click.option("--keep", is_flag=True, help="Leave everything running and print URLs and the config's path.")
def command(as_json: bool, keep: bool) -> int:
    """Plays the whole scenario against the sandbox systems, on a temporary state, as real processes.

    An order for three locations is placed and approved, work orders appear, the daemon is killed in the middle and
    started again, field agents work, every status comes back. Ends with a table of what was found in the two systems.
    """
    from syncd.demo import main

    return main(as_json=as_json, keep=keep)
