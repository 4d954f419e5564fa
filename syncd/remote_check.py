"""What `syncd check --remote` asks the two systems: whether what the config and the profiles say is so.

Harmless reads only, one small page each; nothing is written and no state is opened. What only a write can show (that field
service keeps ids that we choose) is proven by the first create.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from connectors.errors import Misconfigured, Refused, RemoteError
from connectors.ports import Cursor, FieldService, OrderManagement, Position, Relation, RemoteSystem
from mappings.field_map import FieldMap
from mappings.model import Kind, Record, System
from syncd.config import Config
from syncd.intake import FEEDS
from syncd.templates import problem_with, templates_of

NOBODY = "0" * 32
"""An id that no record has."""
NO_SUCH = "syncd check"
"""A name that no record has."""
REFUSED_STATUS = frozenset({401, 403})
RECENT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Answer:
    """One thing that was asked; `problem` is "" when it is as it should be. `away`: the system did not answer at all;
    `refused`: it does not let us."""

    system: System
    asked: str
    problem: str = ""
    away: bool = False
    refused: bool = False


def ask_all(config: Config, om: OrderManagement, fsm: FieldService) -> Iterator[Answer]:
    """Everything, one answer after the other; a system that is not what its profile says is asked nothing more."""
    systems: Mapping[System, RemoteSystem] = {System.ORDER_MANAGEMENT: om, System.FIELD_SERVICE: fsm}
    for system, remote in systems.items():
        profile = config.profiles[system].name
        first = _ask(system, f"tables, columns and states of profile {profile}", remote.start)
        yield first
        if first.problem:
            continue
        yield from _reads(system, remote)
        if system is System.ORDER_MANAGEMENT:
            yield from _relations(config, om)
        if system is System.FIELD_SERVICE:
            yield from _history(config, fsm)
            yield from _templates(config, fsm)
            yield from _references(config.field_map, fsm)


def _reads(system: System, remote: RemoteSystem) -> Iterator[Answer]:
    since = Position(Cursor(remote.server_time() - RECENT))
    for kind in FEEDS[system]:
        yield _ask(system, f"feed of {kind}: read, and its filter obeyed", _feed(remote, kind, since))
    noted = Kind.DOMAIN_ORDER if system is System.ORDER_MANAGEMENT else Kind.WORK_ORDER
    yield _ask(system, "work notes: may be read", lambda: remote.notes(noted, NOBODY, "[syncd:"))


def _feed(remote: RemoteSystem, kind: Kind, since: Position) -> Callable[[], object]:
    return lambda: remote.changes_since(kind, since, 1)


def _relations(config: Config, om: OrderManagement) -> Iterator[Answer]:
    details = config.settings.details
    if details.relations:
        nobody = Relation(NOBODY, NOBODY, NOBODY, details.relation_type)
        asked = "rows that relate work orders: may be read, and their type is there"
        yield _ask(System.ORDER_MANAGEMENT, asked, lambda: om.related(nobody))


def _history(config: Config, fsm: FieldService) -> Iterator[Answer]:
    """Whether it may be read; that a table is audited at all, only a change shows."""
    if config.notes.history:
        at = fsm.server_time()
        nobody = Record(Kind.WORK_ORDER, NOBODY, "", 0, at, at, "", "")
        yield _ask(
            System.FIELD_SERVICE,
            "history of work orders: may be read",
            lambda: fsm.history(Kind.WORK_ORDER, [(nobody, nobody)], ("state",)),
        )


def _templates(config: Config, fsm: FieldService) -> Iterator[Answer]:
    tables = [table for tables in config.tables.values() for table in tables]
    for template, table in templates_of(tables).items():
        asked = f'template "{template}" of "{table}"'
        try:
            yield Answer(System.FIELD_SERVICE, asked, problem_with(fsm, template))
        except RemoteError as error:
            yield _failed(System.FIELD_SERVICE, asked, error)


def _references(field_map: FieldMap, fsm: FieldService) -> Iterator[Answer]:
    for rule in field_map.rules:
        if rule.reference:
            value = NOBODY if rule.match == "id" else NO_SUCH
            asked = f"{rule.target}: {rule.reference} can be looked up by {rule.match}"
            yield _ask(System.FIELD_SERVICE, asked, _look_up(fsm, rule.reference, rule.match, value))


def _look_up(fsm: FieldService, entity: str, match: str, value: str) -> Callable[[], object]:
    return lambda: fsm.resolve(entity, match, value)


def _ask(system: System, asked: str, act: Callable[[], object]) -> Answer:
    try:
        act()
    except RemoteError as error:
        return _failed(system, asked, error)
    return Answer(system, asked)


def _failed(system: System, asked: str, error: RemoteError) -> Answer:
    return Answer(
        system,
        asked,
        str(error),
        away=not isinstance(error, Misconfigured | Refused),
        refused=isinstance(error, Misconfigured) and error.status in REFUSED_STATUS,
    )
