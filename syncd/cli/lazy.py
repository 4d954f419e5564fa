"""A group of commands that knows their names and one-line helps without importing them.

Used by `syncd.cli` for its verbs. A verb `x` is the object `command` in the module `<package>.x`.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """`verbs` maps section titles to names and one-line helps."""

    def __init__(
        self, *args: Any, verbs: Mapping[str, Mapping[str, str]], package: str, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._sections = verbs
        self._package = package

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the signature of click
        return [name for verbs in self._sections.values() for name in verbs]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command = import_module(f"{self._package}.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and not ctx.resilient_parsing and name not in self.list_commands(ctx):
            close = get_close_matches(name, self.list_commands(ctx), n=1)
            hint = (
                f' Did you mean "{close[0]}"?'
                if close
                else f" Try one of: {', '.join(self.list_commands(ctx))}."
            )
            ctx.fail(f'There is no command "{name}".{hint}')
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        for title, verbs in self._sections.items():
            with formatter.section(title):
                formatter.write_dl(list(verbs.items()))
