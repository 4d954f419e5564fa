"""How the demo tells its story: readable lines as they happen and a table at the end, or one JSON object per line."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table


class Timeline:
    """Tells what happens with the seconds since the start. `as_json` is for machines."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._console = Console(highlight=False, soft_wrap=True)
        self._started = time.monotonic()
        self.failed: list[str] = []

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._started

    def act(self, title: str) -> None:
        """A new part of the story."""
        if self._as_json:
            self._line("act", title)
        else:
            self._console.print(f"\n[bold]{title}[/bold]")

    def tell(self, who: str, what: str) -> None:
        """Something that somebody did, or that became true."""
        if self._as_json:
            self._line("told", what, who=who)
        else:
            self._console.print(f"  [dim]{self.elapsed_s:5.1f}s[/dim]  [cyan]{who:<9}[/cyan] {what}")

    def check(self, what: str, problems: Sequence[str]) -> None:
        """A claim, held against the servers."""
        self.failed += [f"{what}: {problem}" for problem in problems]
        if self._as_json:
            self._line("checked", what, ok=not problems, problems=list(problems))
            return
        mark = "[red]✗[/red]" if problems else "[green]✓[/green]"
        self._console.print(f"  [dim]{self.elapsed_s:5.1f}s[/dim]  {mark} {what}")
        for problem in problems[:10]:
            self._console.print(f"              [red]{problem}[/red]")

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        if self._as_json:
            for row in rows:
                self._line("outcome", title, **dict(zip(columns, row, strict=True)))
            return
        table = Table(title=title, title_justify="left", header_style="bold", box=SIMPLE_HEAD)
        for column in columns:
            table.add_column(column, no_wrap=column in {"domain order", "work orders"})
        for row in rows:
            table.add_row(*row)
        self._console.print()
        self._console.print(table)

    def end(self, text: str) -> None:
        if self._as_json:
            self._line("ended", text, ok=not self.failed, seconds=round(self.elapsed_s, 1))
        else:
            colour = "red" if self.failed else "green"
            self._console.print(f"\n[bold {colour}]{text}[/bold {colour}]")

    def _line(self, event: str, text: str, **fields: object) -> None:
        line = {"schema_version": 1, "at_s": round(self.elapsed_s, 2), "event": event, "text": text, **fields}
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
        sys.stdout.flush()
