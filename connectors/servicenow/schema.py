"""What an instance really has: the tables above each table, its columns, and the choices of its states.

Called once by `system.start`. Compares the profile with `sys_db_object`, `sys_dictionary` and `sys_choice`, and reports
everything that is missing in one `Misconfigured`: an unknown column in a query is ignored by the server, and everything
comes back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from connectors.errors import Misconfigured
from connectors.profile import KindProfile, Profile
from connectors.retrying import Retries
from connectors.servicenow.filters import Filter
from connectors.servicenow.search import every_row
from connectors.servicenow.table_api import Row, TableApi
from connectors.servicenow.wire import StateBook, text_of
from mappings.model import Kind

_MAX_DEPTH = 12
_NOT_LETTERS = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Schema:
    """The states of each kind as this instance stores them."""

    books: Mapping[Kind, StateBook]


def read_schema(api: TableApi, retries: Retries, profile: Profile) -> Schema:
    """Resolves and checks everything. Raises `Misconfigured` naming all that is missing."""
    wanted = _wanted_columns(profile)
    chains = _chains(api, retries, wanted)
    problems = [f"no table {table}" for table in wanted if not chains[table]]
    problems += _missing_columns(api, retries, {t: c for t, c in wanted.items() if chains[t]}, chains)
    if problems:
        hint = "; a table or column that exists may be hidden from our user by access rules"
        raise Misconfigured(f"profile {profile.name}: {', '.join(problems)}{hint}", system=api.system)
    books = {
        kind: _book(api, retries, spec, chains[spec.table]) if spec.state else StateBook({}, {}, {})
        for kind, spec in profile.kinds.items()
    }
    empty = [
        f"{spec.table}.{spec.state}"
        for kind, spec in profile.kinds.items()
        if spec.state and not books[kind].canonical
    ]
    if empty:
        message = (
            f"profile {profile.name}: no choice of {', '.join(empty)} has a label that the profile knows"
        )
        raise Misconfigured(f"{message}; can our user read sys_choice?", system=api.system)
    return Schema(books)


def fold(label: str) -> str:
    """A label without what differs between instances: case, punctuation, one l or two (Canceled, Cancelled)."""
    return _NOT_LETTERS.sub("", label.casefold()).replace("ll", "l")


def referenced_tables(
    api: TableApi, retries: Retries, table: str, columns: Iterable[str]
) -> Mapping[str, str]:
    """Of these columns of a table, or of one above it, the table that each refers to."""
    chain = _chains(api, retries, [table])[table]
    elements = tuple(sorted(columns))
    if not chain or not elements:
        return {}
    where = Filter({"name": chain, "element": elements})
    rows = every_row(api, retries, "sys_dictionary", where, ("name", "element", "reference"))
    named = {str(row["element"]): text_of(row, "reference", "reference") for row in rows}
    return {column: target for column, target in named.items() if target}


def _wanted_columns(profile: Profile) -> dict[str, set[str]]:
    """Table -> the columns that we use; of a dot-walked column its first step, which is what the table has."""
    wanted: dict[str, set[str]] = {}
    for spec in profile.kinds.values():
        columns = wanted.setdefault(spec.table, {profile.note_field} if spec.state else set())
        columns |= {column.partition(".")[0] for column in spec.columns()}
    for reference in profile.references.values():
        wanted.setdefault(reference.table, set()).update(reference.match.values())
    return wanted


def _chains(api: TableApi, retries: Retries, tables: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Table -> itself and the tables that it extends, nearest first; empty for a table that is not there."""
    parents: dict[str, str] = {}
    unknown = set(tables)
    for _ in range(_MAX_DEPTH):
        if not unknown:
            break
        where = Filter({"name": tuple(sorted(unknown))})
        rows = every_row(api, retries, "sys_db_object", where, ("name", "super_class.name"))
        found = {row["name"]: str(row.get("super_class.name") or "") for row in rows}
        parents |= found
        unknown = {parent for parent in found.values() if parent} - parents.keys()
    return {table: _chain(table, parents) for table in tables}


def _chain(table: str, parents: Mapping[str, str]) -> tuple[str, ...]:
    chain: list[str] = []
    while table in parents and table not in chain:
        chain.append(table)
        table = parents[table]
    return tuple(chain)


def _missing_columns(
    api: TableApi, retries: Retries, wanted: Mapping[str, set[str]], chains: Mapping[str, tuple[str, ...]]
) -> list[str]:
    tables = sorted({name for table in wanted for name in chains[table]})
    elements = sorted({column for columns in wanted.values() for column in columns})
    if not tables or not elements:
        return []
    where = Filter({"name": tuple(tables), "element": tuple(elements)})
    rows = every_row(api, retries, "sys_dictionary", where, ("name", "element"))
    there = {(row["name"], row["element"]) for row in rows}
    return [
        f"no column {table}.{column}"
        for table, columns in sorted(wanted.items())
        for column in sorted(columns)
        if not any((name, column) in there for name in chains[table])
    ]


def _book(api: TableApi, retries: Retries, spec: KindProfile, chain: Sequence[str]) -> StateBook:
    where = Filter({"name": tuple(chain), "element": (spec.state,), "inactive": ("false",)})
    rows = every_row(api, retries, "sys_choice", where, ("value", "label", "sequence", "language"))
    nearest = next((name for name in chain if any(row["name"] == name for row in rows)), "")
    return book_of(spec, [row for row in rows if row["name"] == nearest])


def book_of(spec: KindProfile, choices: Sequence[Row]) -> StateBook:
    """The states that choice rows mean by the profile: by stored value where it says so, else by label.

    A choice may have one row per language; any may match, English is shown. Where several stored values mean one state,
    the first in sequence is written.
    """
    meaning = {fold(label): state for state, labels in spec.states.items() for label in labels}
    canonical: dict[str, str] = {}
    labels: dict[str, str] = {}
    stored: dict[str, str] = {}
    for row in sorted(choices, key=_choice_order):
        value, label = str(row["value"]), str(row["label"])
        labels.setdefault(value, label)
        state = spec.state_values.get(value) or meaning.get(fold(label))
        if state is not None:
            canonical.setdefault(value, state)
            stored.setdefault(canonical[value], value)
    for value, state in spec.state_values.items():
        canonical.setdefault(value, state)
        stored.setdefault(state, value)
    return StateBook(canonical, labels, stored)


def _choice_order(row: Row) -> tuple[bool, int, str]:
    sequence = str(row.get("sequence") or "")
    place = int(sequence) if sequence.isascii() and sequence.isdecimal() else 10_000
    return row.get("language") not in ("en", ""), place, str(row["value"])
