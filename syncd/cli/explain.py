"""`syncd explain`: why something has happened, or has not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd import __version__, exits
from syncd.cli.common import ConfigProblems, config_option, json_option, load, print_json, state_url, verb

if TYPE_CHECKING:
    from connectors.errors import RemoteError
    from state.store import Store
    from syncd.config import Config
    from syncd.explain import Explanation


@verb(
    "syncd explain PO0001042",
    exits.OK,
    exits.UNAVAILABLE,
    exits.LOCKED,
    exits.REFUSED,
    exits.CONFIG,
)
@click.argument("name")
@config_option
@json_option
@click.option("--all", "whole", is_flag=True, help="Show every moment of a long story.")
@click.option(
    "--at",
    "at_text",
    metavar="TIME",
    help='What was known then: "2026-01-31T08:00:00" (UTC), or how long ago: "90m".',
)
@click.option(
    "--html",
    "html_file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the page as one HTML file, with a timeline drawn: to attach to a ticket.",
)
def command(  # noqa: PLR0917 - the options of one verb
    name: str, config_path: Path, as_json: bool, whole: bool, at_text: str | None, html_file: Path | None
) -> int:
    """Tells what syncd knows of an order, line, domain order, order task or work order, by its number or id.

    What was seen and decided, which rule fired and why the others did not, what was sent and answered, what waits and
    until when; also why nothing was created. Reads the state, beside a running daemon too. Only a name that the state does
    not know is looked up in both systems.

    Each request carries an id (X-Request-ID), under which the other system's own log may have it. With --at the page tells
    what was known at an instant that has passed, and nothing of what came later.
    """
    from state.store import Store
    from syncd import explain as told
    from syncd.clock import SystemClock

    config = load(config_path, need_secrets=False)
    at = None if at_text is None else _instant(at_text)
    store = Store(state_url(config), SystemClock().now)
    try:
        explanation = _known(name, config, store, at)
        code = exits.OK
        if not explanation.stories:
            explanation, code = _unknown(explanation, config_path, store)
    finally:
        store.close()
    if html_file is not None:
        _write(html_file, told.as_html(explanation, SystemClock().now(), __version__))
    if as_json:
        print_json(told.as_json(explanation))
    elif html_file is not None:
        click.echo(f"written to {html_file}")
    else:
        click.echo(told.as_text(explanation, whole=whole))
    return code


def _instant(text: str) -> datetime:
    """The instant that `--at` names."""
    from syncd.clock import SystemClock
    from syncd.config.values import parse_duration

    ago = parse_duration(text)
    if ago is not None:
        return SystemClock().now() - ago
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        message = 'write "2026-01-31T08:00:00" (UTC), or how long ago: "90m", "2h", "3d"'
        raise click.BadParameter(message, param_hint="--at") from None
    return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)


def _write(file: Path, page: str) -> None:
    try:
        file.write_text(page, encoding="utf-8")
    except OSError as error:
        raise click.FileError(str(file), error.strerror or "it cannot be written") from None


def _known(name: str, config: Config, store: Store, at: datetime | None) -> Explanation:
    from syncd.clock import SystemClock
    from syncd.explain import explain
    from syncd.policies import policy_of

    columns = {
        kind: spec.number for profile in config.profiles.values() for kind, spec in profile.kinds.items()
    }
    with store.history() as history:
        return explain(
            history, name, policy_of(config), SystemClock().now(), lambda kind: columns.get(kind, ""), at=at
        )


def _unknown(explanation: Explanation, config_path: Path, store: Store) -> tuple[Explanation, int]:
    """Asks the remote systems, if we have what that needs; otherwise says what is missing."""
    from mappings.model import System
    from syncd import logs
    from syncd.connecting import connected
    from syncd.explain import look_up

    try:
        config = load(config_path)
    except ConfigProblems as problems:
        lines = ("the remote systems cannot be asked:", *problems.message.splitlines())
        return explanation.with_unknown(lines), exits.CONFIG
    logs.configure(level=config.log.level, format=config.log.format)
    with connected(config, store, logs.get()) as (om, fsm):
        systems = {System.ORDER_MANAGEMENT: om, System.FIELD_SERVICE: fsm}
        asked = look_up(explanation.name, systems, store, explanation.quarantined)
    return explanation.with_unknown(asked.lines), _code(asked.error)


def _code(error: RemoteError | None) -> int:
    from syncd.cli.failures import code_of

    return exits.OK if error is None else code_of(error)
