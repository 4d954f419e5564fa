"""Reading a profile: the TOML of an admin or of the package, with every problem named by file, line and column.

Called by the config loader, by `syncd check` and by tests. Reads one file, never the network. A profile with a problem
is not handed out at all.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Any

from connectors.profile_model import (
    APIS,
    ATTRIBUTES,
    CREATES,
    HISTORY_KINDS,
    JOURNAL_KINDS,
    REQUIRED_FIELDS,
    KindProfile,
    Profile,
    ReferenceProfile,
    RelationProfile,
)
from mappings.model import TRAIT_KINDS, UNKNOWN_STATE, Kind, System
from mappings.toml_places import Path as KeyPath
from mappings.toml_places import Problem, did_you_mean, place_of, places, syntax_problem

__all__ = [
    "KindProfile",
    "Profile",
    "ReferenceProfile",
    "RelationProfile",
    "load_profile",
    "packaged_profiles",
    "parse_profile",
]

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*\Z")
_QUERY_VALUE = re.compile(r"[A-Za-z0-9_ .:-]+\Z")
_TOP = frozenset(
    {"api", "system", "creates", "timing", "note", "journal", "history", "relation", "kinds", "references"}
)
_TIMING = {"granule_s": 1.0, "overlap_s": 60.0, "settle_s": 90.0, "search_lag_s": 60.0}
_KIND = frozenset({"table", "number", "state", "fields", "states", "state_values", "where"})
_RELATION = ("table", "parent", "child", "type", "type_table", "type_name")
_MATCHES = frozenset({"name", "number", "correlation_id"})


def load_profile(name_or_path: str | Path) -> tuple[Profile | None, tuple[Problem, ...]]:
    """The profile, or None and all its problems. A bare name means a packaged profile, anything else a file."""
    given = str(name_or_path)
    bare = _bare_name(given)
    try:
        text = _packaged(given) if bare else Path(given).read_text(encoding="utf-8")
    except FileNotFoundError:
        hint = f"; packaged are: {', '.join(packaged_profiles())}" if bare else ""
        return None, (Problem(given, 1, 1, f"no such profile{hint}"),)
    except UnicodeDecodeError:
        return None, (Problem(given, 1, 1, "not UTF-8"),)
    except OSError as error:
        return None, (Problem(given, 1, 1, f"cannot be read: {error.strerror}"),)
    file = f"{given}.toml" if bare else given
    return parse_profile(text, file=file, name=given if bare else Path(given).stem)


def packaged_profiles() -> tuple[str, ...]:
    """The names of the profiles that ship with syncd."""
    folder = resources.files("connectors") / "profiles"
    return tuple(sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml")))


def parse_profile(text: str, *, file: str, name: str) -> tuple[Profile | None, tuple[Problem, ...]]:
    """The profile that a TOML text describes, or None and all its problems, by place."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return None, (syntax_problem(file, error, text),)
    reader = _Reader(file, text)
    profile = reader.profile(tree, name)
    if reader.problems:
        return None, tuple(sorted(set(reader.problems)))
    return profile, ()


def _bare_name(given: str) -> bool:
    return not given.endswith(".toml") and "/" not in given and "\\" not in given


def _packaged(name: str) -> str:
    return (resources.files("connectors") / "profiles" / f"{name}.toml").read_text(encoding="utf-8")


class _Reader:
    """One pass over the tree. Every check notes its problem and goes on with something harmless."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._places = places(text)
        self.problems: list[Problem] = []

    def profile(self, tree: Mapping[str, Any], name: str) -> Profile:
        self._known(tree, (), _TOP)
        system = self._choice(tree, ("system",), [s.value for s in System])
        kinds = self._kinds(self._table(tree, ("kinds",)), system)
        timing = self._timing(self._table(tree, ("timing",), required=False))
        note = self._table(tree, ("note",))
        self._known(note, ("note",), frozenset({"field"}))
        return Profile(
            name=name,
            api=self._choice(tree, ("api",), sorted(APIS)),
            system=System(system) if system else System.ORDER_MANAGEMENT,
            kinds=kinds,
            references=self._references(self._table(tree, ("references",), required=False)),
            note_field=self._column(note, ("note", "field"), dotted=False),
            journal=self._journal(self._table(tree, ("journal",), required=False), system),
            history=self._history(self._table(tree, ("history",), required=False), system),
            relation=self._relation(self._table(tree, ("relation",), required=False)),
            granule=timing["granule_s"],
            overlap=timing["overlap_s"],
            settle=timing["settle_s"],
            search_lag=timing["search_lag_s"],
            creates=self._choice(tree, ("creates",), list(CREATES)) if "creates" in tree else CREATES[0],
        )

    # -- kinds -----------------------------------------------------------------------------------------------------

    def _kinds(self, tree: Mapping[str, Any], system: str) -> dict[Kind, KindProfile]:
        wanted = [kind for kind in Kind if kind.system == system]
        self._known(tree, ("kinds",), frozenset(wanted) if system else frozenset(Kind))
        for kind in wanted:
            if kind not in tree and kind not in TRAIT_KINDS:
                self._problem(("kinds",), f"[kinds.{kind}] is missing; syncd reads this kind")
        return {kind: self._kind(tree, kind) for kind in wanted if kind in tree}

    def _kind(self, kinds: Mapping[str, Any], kind: Kind) -> KindProfile:
        path: KeyPath = ("kinds", kind.value)
        tree = self._table(kinds, path)
        self._known(tree, path, _KIND)
        fields = self._columns(tree, (*path, "fields"))
        for name in sorted(REQUIRED_FIELDS[kind] - fields.keys()):
            self._problem((*path, "fields"), f"the column of {name!r} is missing; syncd needs this field")
        for name in sorted(ATTRIBUTES & fields.keys()):
            self._problem((*path, "fields", name), f"{name!r} is an attribute of every record, not a field")
        described = kind in TRAIT_KINDS and "state" not in tree
        states = {} if described else self._states(tree, (*path, "states"))
        return KindProfile(
            kind=kind,
            table=self._column(tree, (*path, "table"), dotted=False),
            number="" if described else self._column(tree, (*path, "number"), dotted=False),
            state="" if described else self._column(tree, (*path, "state"), dotted=False),
            fields=fields,
            states=states,
            state_values=self._state_values(tree, (*path, "state_values"), states),
            where=self._where(tree, (*path, "where")),
        )

    def _columns(self, tree: Mapping[str, Any], path: KeyPath) -> dict[str, str]:
        found = {}
        table = self._table(tree, path)
        for name in table:
            if not _NAME.match(name):
                self._problem(
                    (*path, name), f"field name {name!r}: small letters, digits and underscores only"
                )
            found[name] = self._column(table, (*path, name))
        return found

    def _states(self, tree: Mapping[str, Any], path: KeyPath) -> dict[str, tuple[str, ...]]:
        found = {}
        table = self._table(tree, path)
        for name in table:
            if not _NAME.match(name) or name == UNKNOWN_STATE:
                self._problem((*path, name), f"{name!r} cannot be the name of a state")
            found[name] = self._texts(table, (*path, name))
        return found

    def _state_values(
        self, tree: Mapping[str, Any], path: KeyPath, states: Mapping[str, Any]
    ) -> dict[str, str]:
        table = self._table(tree, path, required=False)
        return {stored: self._choice(table, (*path, stored), sorted(states)) for stored in table}

    def _where(self, tree: Mapping[str, Any], path: KeyPath) -> dict[str, tuple[str, ...]]:
        found = {}
        table = self._table(tree, path, required=False)
        for column in table:
            values = self._texts(table, (*path, column))
            if not _COLUMN.match(column):
                self._problem((*path, column), f"{column!r} is not a column name")
            if column == tree.get("state"):
                self._problem(
                    (*path, column), "a feed is never narrowed by state: a cancellation would leave it"
                )
            if not all(_QUERY_VALUE.match(value) for value in values):
                self._problem((*path, column), "values may hold letters, digits, spaces and _ . : - only")
            found[column] = values
        return found

    # -- the rest --------------------------------------------------------------------------------------------------

    def _references(self, tree: Mapping[str, Any]) -> dict[str, ReferenceProfile]:
        found = {}
        for entity in tree:
            path: KeyPath = ("references", entity)
            table = self._table(tree, path)
            self._known(table, path, _MATCHES | {"table"})
            match = {
                name: self._column(table, (*path, name), dotted=False)
                for name in sorted(_MATCHES & table.keys())
            }
            found[entity] = ReferenceProfile(self._column(table, (*path, "table"), dotted=False), match)
        return found

    def _journal(self, tree: Mapping[str, Any], system: str) -> dict[Kind, tuple[str, ...]]:
        known = frozenset(JOURNAL_KINDS[System(system)]) if system else frozenset(Kind)
        self._known(tree, ("journal",), known)
        found = {kind: self._texts(tree, ("journal", kind.value)) for kind in Kind if kind in tree}
        for kind, names in found.items():
            if not all(_COLUMN.match(name) and "." not in name for name in names):
                self._problem(("journal", kind.value), "each name must be that of a table")
        return {kind: names for kind, names in found.items() if kind in known}

    def _relation(self, tree: Mapping[str, Any]) -> RelationProfile | None:
        if not tree:
            return None
        self._known(tree, ("relation",), frozenset(_RELATION))
        needed = {"table", "parent", "child"} | ({"type_name"} if "type_table" in tree else set())
        return RelationProfile(
            **{
                name: self._column(tree, ("relation", name), dotted=False)
                for name in _RELATION
                if name in tree or name in needed
            }
        )

    def _history(self, tree: Mapping[str, Any], system: str) -> frozenset[Kind]:
        self._known(tree, ("history",), frozenset({"kinds"}))
        may = [kind.value for kind in (HISTORY_KINDS[System(system)] if system else Kind)]
        names = self._texts(tree, ("history", "kinds")) if tree else ()
        for name in names:
            if name not in may:
                known = ", ".join(may) or "none of this system"
                self._problem(("history", "kinds"), f"{name!r}: a history is read of {known} only")
        return frozenset(Kind(name) for name in names if name in may)

    def _timing(self, tree: Mapping[str, Any]) -> dict[str, timedelta]:
        self._known(tree, ("timing",), frozenset(_TIMING))
        found = {}
        for name, default in _TIMING.items():
            seconds = tree.get(name, default)
            if (
                isinstance(seconds, bool)
                or not isinstance(seconds, int | float)
                or not 0 <= seconds <= 86_400
            ):
                self._problem(("timing", name), f"{name} must be a number of seconds between 0 and 86400")
                seconds = default
            found[name] = timedelta(seconds=seconds)
        return found

    # -- primitives ------------------------------------------------------------------------------------------------

    def _problem(self, path: KeyPath, message: str) -> None:
        place = place_of(self._places, path)
        self.problems.append(Problem(self._file, place.line, place.column, message))

    def _known(self, tree: Mapping[str, Any], path: KeyPath, known: frozenset[str] | frozenset[Kind]) -> None:
        for key in tree:
            if key not in known:
                where = f" in [{'.'.join(map(str, path))}]" if path else ""
                self._problem((*path, key), f"unknown key {key!r}{where}{did_you_mean(key, map(str, known))}")

    def _table(self, tree: Mapping[str, Any], path: KeyPath, *, required: bool = True) -> Mapping[str, Any]:
        found = tree.get(str(path[-1]))
        if isinstance(found, dict):
            return found
        if found is not None:
            self._problem(path, f"{path[-1]!r} must be a table")
        elif required:
            self._problem(path, f"[{'.'.join(map(str, path))}] is missing")
        return {}

    def _text(self, tree: Mapping[str, Any], path: KeyPath) -> str:
        found = tree.get(str(path[-1]))
        if isinstance(found, str) and found:
            return found
        message = "must be a text that is not empty" if str(path[-1]) in tree else "is missing"
        self._problem(path, f"{path[-1]!r} {message}")
        return ""

    def _texts(self, tree: Mapping[str, Any], path: KeyPath) -> tuple[str, ...]:
        found = tree.get(str(path[-1]))
        values = [found] if isinstance(found, str) else found
        if isinstance(values, list) and values and all(isinstance(value, str) and value for value in values):
            return tuple(values)
        self._problem(path, f"{path[-1]!r} must be a text or a list of texts")
        return ()

    def _column(self, tree: Mapping[str, Any], path: KeyPath, *, dotted: bool = True) -> str:
        found = self._text(tree, path)
        if found and (not _COLUMN.match(found) or ("." in found and not dotted)):
            self._problem(path, f"{found!r} is not a column or table name")
        return found

    def _choice(self, tree: Mapping[str, Any], path: KeyPath, choices: list[str]) -> str:
        found = self._text(tree, path)
        if found and found not in choices:
            self._problem(
                path, f"{found!r} must be one of {', '.join(choices)}{did_you_mean(found, choices)}"
            )
            return ""
        return found
