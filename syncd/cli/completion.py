"""`syncd completion`: the completion script for a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from syncd import exits
from syncd.cli.common import verb


@verb("syncd completion bash > ~/.local/share/bash-completion/completions/syncd", exits.OK)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> int:
    """Prints the script that completes verbs and options of syncd in SHELL."""
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(ctx.find_root().command, {}, "syncd", "_SYNCD_COMPLETE").source())
    return exits.OK
