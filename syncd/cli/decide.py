"""`syncd decide`: one record through the decision tables, on paper."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd import exits
from syncd.cli.common import config_option, json_option, load, print_json, verb

if TYPE_CHECKING:
    from mappings.decision_table import DecisionTable, Outcome
    from syncd.config import Config

EXAMPLE = 'syncd decide --set specification="Fiber Access" --set action=add'


@verb(EXAMPLE, exits.OK, exits.CONFIG)
@config_option
@click.option(
    "--set", "pairs", metavar="COLUMN=VALUE", multiple=True, help="A fact of the record; again for more."
)
@click.option(
    "--kind",
    type=click.Choice(["domain_order", "order_task"]),
    default="domain_order",
    show_default=True,
    help="What the record is.",
)
@json_option
def command(config_path: Path, pairs: tuple[str, ...], kind: str, as_json: bool) -> int:
    """Asks the decision tables about one record: which work orders it would get, and each rule's reason.

    Facts are columns of the tables ("specification", "order.priority"); those that are not set are empty. Offline:
    nothing is read from a remote system, nothing is stored or sent.
    """
    from mappings.decision_table import evaluate
    from mappings.model import Kind

    config = load(config_path, need_secrets=False)
    facts = _facts(pairs, config, Kind(kind))
    answers = [
        (table, evaluate(table, lambda column: facts.get(column, ""))) for table in config.tables[Kind(kind)]
    ]
    if as_json:
        print_json({"kind": kind, "facts": dict(facts), "tables": [_as_json(*answer) for answer in answers]})
        return exits.OK
    for table, outcome in answers:
        _show(table, outcome)
    return exits.OK


def _facts(pairs: tuple[str, ...], config: Config, kind: object) -> Mapping[str, str]:
    from mappings.model import Kind, System
    from mappings.toml_places import did_you_mean
    from syncd.config.columns import known_columns

    known = known_columns(config.profiles[System.ORDER_MANAGEMENT], Kind(str(kind)))
    facts = {}
    for pair in pairs:
        column, equals, value = pair.partition("=")
        if not equals:
            raise click.BadParameter(f'write COLUMN=VALUE, not "{pair}"', param_hint="--set")
        if column not in known:
            hint = did_you_mean(column, known)
            raise click.BadParameter(f'a {kind} has no column "{column}"{hint}', param_hint="--set")
        facts[column] = value
    return facts


def _show(table: DecisionTable, outcome: Outcome) -> None:
    from syncd.log_lines import printable

    click.echo(f"{printable(table.name)} (hit policy: {table.hit_policy})")
    for reason in outcome.reasons:
        click.echo(f"  {'+' if reason.fired else '-'} {printable(reason.text)}")
    for planned in outcome.work_orders:
        values = "".join(f", {name} = {value}" for name, value in planned.values.items())
        click.echo(
            printable(f"  => work order from {planned.template} ({planned.rule}/{planned.slot}){values}")
        )
    if not outcome.work_orders:
        click.echo("  => no work order")


def _as_json(table: DecisionTable, outcome: Outcome) -> dict[str, object]:
    return {
        "table": table.name,
        "hash": table.hash,
        "hit_policy": table.hit_policy,
        "reasons": [{"rule": r.rule, "fired": r.fired, "text": r.text} for r in outcome.reasons],
        "work_orders": [
            {"rule": p.rule, "slot": p.slot, "template": p.template, "values": dict(p.values)}
            for p in outcome.work_orders
        ],
    }
