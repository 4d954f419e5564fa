"""`syncd backfill`: domain orders of a past period, once."""

from __future__ import annotations

import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from syncd import exits
from syncd.cli.common import config_option, json_option, load, print_json, verb

if TYPE_CHECKING:
    from syncd.backfill import Wish
    from syncd.backfill_report import Backfilled, Progress
    from syncd.logs import Log

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")


class Instant(click.ParamType[datetime]):
    """A date, or a date and time, in UTC."""

    name = "date"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            given = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail('write "2026-01-31" or "2026-01-31T08:00:00" (UTC)', param, ctx)
        return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)


@verb(
    "syncd backfill --since 2026-01-01 --until 2026-04-01 --plan",
    exits.OK,
    exits.QUARANTINE,
    exits.DIFFERENT,
    exits.UNAVAILABLE,
    exits.LOCKED,
    exits.REFUSED,
    exits.CONFIG,
    exits.INTERRUPTED,
    exits.TERMINATED,
)
@config_option
@click.option(
    "--since", type=Instant(), required=True, metavar="DATE", help="Created at this instant (UTC) or later."
)
@click.option(
    "--until", type=Instant(), required=True, metavar="DATE", help="Created before this instant (UTC)."
)
@click.option("--name", metavar="NAME", help="What the run is called; by default, by its period.")
@click.option("--plan", is_flag=True, help="Only say what would be done; nothing is written anywhere.")
@click.option(
    "--rate", type=click.FloatRange(0.01), metavar="N", help="Read at most N domain orders a second."
)
@json_option
def command(
    *,
    config_path: Path,
    since: datetime,
    until: datetime,
    name: str | None,
    plan: bool,
    rate: float | None,
    as_json: bool,
) -> int:
    """Does for the domain orders created in a period what syncd would have done, had it run then.

    Reads each one as it is now, links the work orders that it has already, creates what the decision tables plan and is
    missing, and carries changes and cancellations that are open. Notes name what was created; what happened in the past is
    not noted. It is the only thing that creates work orders for what is older than the baseline. The running daemon
    sends what follows, after what is new; without one, syncd once does.

    Begin with --plan. Safe beside the daemon, and to be interrupted or killed: run it again, and it goes on where it
    stood; when the period is done it says so and does nothing. Before a mass change it stops, writes nothing of the page
    that goes too far, and waits for: syncd safety allow backfill:NAME.

    Ends with 4 when a plan found something to do or a run stopped, with 3 when records are in quarantine.
    """
    wish = _wish(since, until, name)
    config = load(config_path)
    from syncd import backfill_report, logs
    from syncd.backfill import OtherPeriod
    from syncd.backfilling import LogLines, Pace, run
    from syncd.wiring import build, new_run

    on_terminal = sys.stderr.isatty() and not as_json
    run_name = new_run()
    logs.configure(
        level="warning" if on_terminal else config.log.level, format=config.log.format, run=run_name
    )
    app = build(config, logs.get(), run=run_name, owner_prefix="backfill:")
    try:
        with (
            _until_signal(app.budgets.stop) as (stop, code),
            _shown(on_terminal, logs.get(), wish, LogLines) as told,
        ):
            done = run(app, wish, stop.is_set, plan=plan, pace=Pace(rate, stop.wait), told=told)
    except OtherPeriod as error:
        raise click.UsageError(f"{error}; give this one another --name") from None
    finally:
        app.close()
    if as_json:
        print_json(backfill_report.as_json(done, wish.name, plan=plan))
    else:
        click.echo(backfill_report.as_text(done, wish.name, plan=plan))
    return _exit(done, code(), plan=plan)


def _wish(since: datetime, until: datetime, name: str | None) -> Wish:
    from syncd.backfill import Wish

    if since >= until:
        raise click.BadParameter("it must be later than --since", param_hint="--until")
    if name is not None and not NAME.match(name):
        raise click.BadParameter(
            "use letters, digits, dots, dashes and underscores, 64 at most", param_hint="--name"
        )
    return Wish(name or f"{_short(since)}..{_short(until)}", since, until)


def _short(instant: datetime) -> str:
    text = f"{instant:%Y%m%dT%H%M%S}"
    return text.removesuffix("T000000")


def _exit(done: Backfilled, interrupted: int, *, plan: bool) -> int:
    from syncd.backfill_report import UNDECIDED, UNREADABLE

    if done.stopped is not None:
        return exits.DIFFERENT
    if interrupted and not done.complete:
        return interrupted
    if plan and set(done.counts) - {UNDECIDED}:
        return exits.DIFFERENT
    return exits.QUARANTINE if done.counts[UNREADABLE] else exits.OK


@contextmanager
def _until_signal(stop_waiting: Callable[[], None]) -> Iterator[tuple[threading.Event, Callable[[], int]]]:
    """The first INT or TERM ends the run behind its page, a second one at once; then which exit code it asked for."""
    stop = threading.Event()
    asked: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        asked.append(number)
        stop.set()
        stop_waiting()
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop, lambda: 128 + asked[0] if asked else 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _shown(
    on_terminal: bool, log: Log, wish: Wish, lines: Callable[[Log, str], Callable[[Progress], None]]
) -> Iterator[Callable[[Progress], None]]:
    """A bar on a terminal, lines in a log."""
    if not on_terminal:
        yield lines(log, wish.lane)
        return
    from rich.console import Console

    from syncd.cli.backfill_bar import bar

    with bar(wish.name, Console(stderr=True)) as told:
        yield told
