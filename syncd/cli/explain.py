"""`syncd explain`: why something has happened, or has not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd import exits
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
def command(name: str, config_path: Path, as_json: bool, whole: bool) -> int:
    """Tells what syncd knows of an order, line, domain order, order task or work order, by its number or id.

    What was seen and decided, which rule fired and why the others did not, what was sent and answered, what waits and
    until when; also why nothing was created. Reads the state, beside a running daemon too. Only a name that the state does
    not know is looked up in both systems.
    """
    from state.store import Store
    from syncd import explain as told
    from syncd.clock import SystemClock

    config = load(config_path, need_secrets=False)
    store = Store(state_url(config), SystemClock().now)
    try:
        explanation = _known(name, config, store)
        code = exits.OK
        if not explanation.stories:
            explanation, code = _unknown(explanation, config_path, store)
    finally:
        store.close()
    if as_json:
        print_json(told.as_json(explanation))
    else:
        click.echo(told.as_text(explanation, whole=whole))
    return code


def _known(name: str, config: Config, store: Store) -> Explanation:
    from syncd.clock import SystemClock
    from syncd.explain import explain
    from syncd.wiring import policy_of

    columns = {
        kind: spec.number for profile in config.profiles.values() for kind, spec in profile.kinds.items()
    }
    with store.history() as history:
        return explain(
            history, name, policy_of(config), SystemClock().now(), lambda kind: columns.get(kind, "")
        )


def _unknown(explanation: Explanation, config_path: Path, store: Store) -> tuple[Explanation, int]:
    """Asks the remote systems, if we have what that needs; otherwise says what is missing."""
    from mappings.model import System
    from syncd.explain import look_up
    from syncd.wiring import connect

    try:
        config = load(config_path)
    except ConfigProblems as problems:
        lines = ("the remote systems cannot be asked:", *problems.message.splitlines())
        return explanation.with_unknown(lines), exits.CONFIG
    om, fsm = connect(config)
    try:
        systems = {System.ORDER_MANAGEMENT: om, System.FIELD_SERVICE: fsm}
        asked = look_up(explanation.name, systems, store, explanation.quarantined)
    finally:
        om.close()
        fsm.close()
    return explanation.with_unknown(asked.lines), _code(asked.error)


def _code(error: RemoteError | None) -> int:
    from syncd.cli.failures import code_of

    return exits.OK if error is None else code_of(error)
