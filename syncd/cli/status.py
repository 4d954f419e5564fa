"""`syncd status`: what the state holds, once or again and again."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd import exits
from syncd.cli.common import SCHEMA_VERSION, config_option, json_option, load, print_json, state_url, verb

if TYPE_CHECKING:
    from rich.console import Group

    from syncd.report import Status


@verb("syncd status --watch", exits.OK, exits.LOCKED, exits.CONFIG)
@config_option
@json_option
@click.option("--watch", is_flag=True, help="Look again and again, until you press Ctrl-C.")
@click.option("--every", default="2s", show_default=True, metavar="DURATION", help="How often with --watch.")
def command(config_path: Path, as_json: bool, watch: bool, every: str) -> int:
    """Shows how far the feeds have been read, what waits to be sent, and what needs a person.

    For each feed how much of its server's time is not read yet (lag), when it was read last and what it waits for; the
    outbox by kind and age; what is in doubt, refused, in quarantine; closures and what holds them; how much of a request
    budget is used; who has which lease.

    Reads the state only, beside a running daemon too; talks to no remote system. With --watch a terminal is drawn anew
    each time; elsewhere one line is written each time (with --json one document a line).
    """
    from mappings.model import System
    from state.store import Store
    from syncd import report, report_text
    from syncd.budgets import terms_of
    from syncd.clock import SystemClock

    config = load(config_path, need_secrets=False)
    pause_s = _pause_s(every)
    now = SystemClock().now
    store = Store(state_url(config), now)

    found = ((system, terms_of(config.system(system))) for system in System)
    terms = {system: one for system, one in found if one is not None}

    def look() -> Status:
        return report.look(store, now(), terms)

    try:
        if watch:
            _watch(look, pause_s, as_json=as_json)
        elif as_json:
            print_json(report.as_json(look()))
        else:
            click.echo(report_text.as_text(look()))
    finally:
        store.close()
    return exits.OK


def _pause_s(text: str) -> float:
    from syncd.config.values import parse_duration

    every = parse_duration(text)
    if every is None or not every:
        raise click.BadParameter('write a duration, such as "2s"', param_hint="--every")
    return every.total_seconds()


def _watch(look: Callable[[], Status], pause_s: float, *, as_json: bool) -> None:
    """Until Ctrl-C, which is how it ends and no failure."""
    try:
        if sys.stdout.isatty() and not as_json:
            _draw(look, pause_s)
        while True:
            click.echo(_line(look(), as_json=as_json))
            time.sleep(pause_s)
    except KeyboardInterrupt:
        return


def _line(status: Status, *, as_json: bool) -> str:
    import json

    from syncd import report, report_text

    if not as_json:
        return report_text.as_line(status)
    return json.dumps({"schema_version": SCHEMA_VERSION, **report.as_json(status)}, ensure_ascii=True)


def _draw(look: Callable[[], Status], pause_s: float) -> None:
    from rich.live import Live

    with Live(_drawn(look()), screen=True, auto_refresh=False) as live:
        while True:
            time.sleep(pause_s)
            live.update(_drawn(look()), refresh=True)


def _drawn(status: Status) -> Group:
    """The page in tables; what is not well in another colour."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from syncd.log_lines import printable
    from syncd.report import instant
    from syncd.report_text import blocks

    parts: list[Text | Table] = [
        Text(f"syncd status at {instant(status.now)}; Ctrl-C ends it\n", style="dim")
    ]
    for block in blocks(status):
        style = "yellow" if block.loud else ""
        parts += [Text(printable(line), style=style) for line in block.lines]
        if block.rows:
            table = Table(box=None, pad_edge=False, header_style="bold", style=style)
            for name in block.head:
                table.add_column(name)
            for row in block.rows:
                table.add_row(*(Text(printable(cell), style=style) for cell in row))
            parts.append(table)
        parts.append(Text())
    return Group(*parts)
