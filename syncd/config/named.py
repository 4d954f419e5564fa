"""What a config names: profiles, decision tables, fields and states, each looked up and checked against the others.

Called by `syncd.config.load`. Works on the parsed tree, not on validated sections, so that a typing mistake in one
section does not hide a wrong column in another.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from connectors.profile import load_profile, packaged_profiles
from connectors.profile_model import Profile
from mappings.decision_table import DecisionTable
from mappings.field_map import placeholders
from mappings.model import SUBJECT_KINDS, Kind, System
from mappings.table_file import parse_table
from mappings.table_proof import clashes
from mappings.toml_places import Problem, did_you_mean, syntax_problem
from syncd.config.columns import Columns, known_columns
from syncd.config.explain import Finding
from syncd.config.sections import DEFAULT_FIELDS, SAMPLE_TABLES

Tree = Mapping[str, object]

RESERVED_FIELDS = frozenset({"id", "number", "state", "state_label", "template", "correlation_id"})
"""Fields of a work order that syncd and the decision tables write themselves."""


@dataclass(slots=True)
class Named:
    """What was found under the names of a config. `findings` are problems in the config itself."""

    profiles: dict[System, Profile] = field(default_factory=dict)
    tables: dict[Kind, tuple[DecisionTable, ...]] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    """The texts of the tables, for the hash."""
    findings: list[Finding] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    """Problems in the files that the config names."""


def look_up(tree: Tree, base: Path) -> Named:
    """Reads every profile and table that the config names and checks the names that they and the config use."""
    named = Named()
    for system in System:
        _profile(tree, system, base, named)
    for kind in SUBJECT_KINDS:
        _tables(tree, kind, base, named)
    named.findings += _field_findings(tree, named.profiles)
    named.findings += _link_findings(tree, named.profiles)
    named.findings += _schedule_findings(tree, named.profiles)
    named.findings += _state_findings(tree, named.profiles)
    named.findings += _closure_findings(tree, named.profiles)
    named.findings += _mirror_findings(tree, named.profiles)
    named.findings += _history_findings(tree, named.profiles)
    named.findings += _relation_findings(tree, named.profiles)
    named.findings += _noted_findings(tree, named.profiles)
    return named


def packaged_tables() -> tuple[str, ...]:
    """The names of the sample tables that ship with syncd."""
    folder = resources.files("mappings") / "tables"
    return tuple(sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml")))


# -- profiles ------------------------------------------------------------------------------------------------------


def _profile(tree: Tree, system: System, base: Path, named: Named) -> None:
    name = _section(tree, system.value).get("profile")
    if not isinstance(name, str) or not name or "\0" in name:
        return  # said by the sections
    packaged = not name.endswith(".toml") and "/" not in name
    path = (system.value, "profile")
    if not packaged and not os.path.isfile(base / name):  # noqa: PTH113 - Path.is_file() raises where a name is too long
        packages = ", ".join(packaged_profiles())
        message = f'"profile" in [{system}] names "{name}", which is not there or is no file; packaged are: {packages}'
        named.findings.append((path, message))
        return
    profile, problems = load_profile(name if packaged else base / name)
    if packaged and profile is None:
        named.findings += [(path, f'"profile" in [{system}]: {problem.message}') for problem in problems]
    else:
        named.problems += problems
    if profile is None:
        return
    if profile.system is not system:
        named.findings.append((path, f'"{name}" is a profile for [{profile.system}], not for [{system}]'))
        return
    named.profiles[system] = profile


# -- decision tables -----------------------------------------------------------------------------------------------


def _tables(tree: Tree, kind: Kind, base: Path, named: Named) -> None:
    names = _section(tree, "tables").get(kind.value, SAMPLE_TABLES[kind])
    if not isinstance(names, list | tuple):
        return  # said by the sections
    found = []
    for index, name in enumerate(names):
        if isinstance(name, str) and name and "\0" not in name:
            table = _table(name, kind, index, base, named)
            found += [table] if table is not None else []
    named.tables[kind] = tuple(found)
    named.findings += [(("tables", kind.value), f"[tables]: {message}") for message in clashes(found)]


def _table(name: str, kind: Kind, index: int, base: Path, named: Named) -> DecisionTable | None:
    path = ("tables", kind.value, index)
    try:
        file, text = _table_text(name, base)
    except UnicodeDecodeError:
        named.findings.append((path, f'the decision table "{name}" is not UTF-8'))
        return None
    except OSError as error:
        packaged = f"; packaged are: {', '.join(packaged_tables())}" if _is_packaged(name) else ""
        named.findings.append(
            (path, f'the decision table "{name}" cannot be read: {error.strerror}{packaged}')
        )
        return None
    named.texts.append(text)
    table, problems = _parsed(text, file, named.profiles)
    named.problems += problems
    if table is not None and table.applies_to is not kind:
        named.findings.append((path, f'"{name}" applies to {table.applies_to}; name it under that key'))
        return None
    return table


def _parsed(
    text: str, file: str, profiles: Mapping[System, Profile]
) -> tuple[DecisionTable | None, tuple[Problem, ...]]:
    """Without both profiles nobody knows which columns there are: then only the syntax is judged."""
    if len(profiles) == len(System):
        columns = {k: known_columns(profiles[System.ORDER_MANAGEMENT], k) for k in SUBJECT_KINDS}
        return parse_table(text, file, columns, writable_fields(profiles[System.FIELD_SERVICE]))
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return None, (syntax_problem(file, error, text),)
    return None, ()


def _table_text(name: str, base: Path) -> tuple[str, str]:
    if _is_packaged(name):
        file = resources.files("mappings") / "tables" / f"{name}.toml"
        return f"{name}.toml", file.read_text(encoding="utf-8")
    return str(base / name), (base / name).read_text(encoding="utf-8")


def _is_packaged(name: str) -> bool:
    return not name.endswith(".toml") and "/" not in name


# -- fields and states ---------------------------------------------------------------------------------------------


def writable_fields(profile: Profile) -> frozenset[str]:
    """Fields of a work order that a table or the field map may set: a dot-walked column can only be read."""
    fields = profile.kinds[Kind.WORK_ORDER].fields
    return frozenset(name for name, column in fields.items() if "." not in column) - RESERVED_FIELDS


def _field_findings(tree: Tree, profiles: Mapping[System, Profile]) -> Iterator[Finding]:
    om, fsm = profiles.get(System.ORDER_MANAGEMENT), profiles.get(System.FIELD_SERVICE)
    columns = Columns.union_of([known_columns(om, kind) for kind in SUBJECT_KINDS]) if om else None
    for target, source in _section(tree, "work_order_fields", DEFAULT_FIELDS).items():
        path = ("work_order_fields", target)
        if fsm is not None:
            yield from _target_findings(target, fsm)
        if not isinstance(source, Mapping):
            continue  # said by the sections
        if ("from" in source) == ("text" in source):
            yield (
                path,
                f'[work_order_fields.{target}] needs either from = "column" or text = "...{{column}}..."',
            )
        if columns is not None:
            yield from _column_findings(target, source, columns)
        if fsm is not None:
            yield from _reference_findings(target, source, fsm)


def _target_findings(target: str, fsm: Profile) -> Iterator[Finding]:
    path = ("work_order_fields", target)
    if target in RESERVED_FIELDS:
        yield path, f'"{target}" is written by syncd itself; remove it from [work_order_fields]'
    elif target not in fsm.logical_fields(Kind.WORK_ORDER):
        hint = did_you_mean(target, writable_fields(fsm))
        yield (
            path,
            f'"{target}" in [work_order_fields] is no field of a work order in profile {fsm.name}{hint}',
        )
    elif target not in writable_fields(fsm):
        yield (
            path,
            f'"{target}" in [work_order_fields] can be read, not written: its column is of another record',
        )


def _column_findings(target: str, source: Tree, columns: frozenset[str]) -> Iterator[Finding]:
    path = ("work_order_fields", target)
    column, text = source.get("from"), source.get("text")
    if isinstance(column, str) and column not in columns:
        yield (
            (*path, "from"),
            f'unknown column "{column}" in [work_order_fields.{target}]{did_you_mean(column, columns)}',
        )
    for name in placeholders(text) if isinstance(text, str) else ():
        if name not in columns:
            hint = did_you_mean(name, columns)
            yield (*path, "text"), f'unknown column "{{{name}}}" in [work_order_fields.{target}]{hint}'


def _reference_findings(target: str, source: Tree, fsm: Profile) -> Iterator[Finding]:
    path = ("work_order_fields", target)
    entity, match = source.get("reference"), source.get("match", "same_id")
    if not isinstance(entity, str):
        return
    if entity not in fsm.references:
        hint = did_you_mean(entity, fsm.references)
        yield (*path, "reference"), f'unknown reference "{entity}" in [work_order_fields.{target}]{hint}'
    elif isinstance(match, str) and match != "same_id" and match not in fsm.references[entity].match:
        known = ", ".join(f'"{name}"' for name in ("same_id", *fsm.references[entity].match))
        yield (
            (*path, "match"),
            f'"{entity}" can be found by {known}; "match" in [work_order_fields.{target}] is none',
        )


def _schedule_findings(tree: Tree, profiles: Mapping[System, Profile]) -> Iterator[Finding]:
    om, fsm = profiles.get(System.ORDER_MANAGEMENT), profiles.get(System.FIELD_SERVICE)
    for target, column in _section(_section(tree, "schedule"), "fields").items():
        path = ("schedule", "fields", target)
        if fsm is not None:
            fields = fsm.kinds[Kind.WORK_TASK].fields
            writable = frozenset(name for name, column in fields.items() if "." not in column)
            if target not in writable:
                hint = did_you_mean(target, writable)
                yield (
                    path,
                    f'"{target}" in [schedule.fields] is no field of a work order task that can be written{hint}',
                )
        known = known_columns(om, Kind.DOMAIN_ORDER) if om is not None else None
        if isinstance(column, str) and known is not None and column not in known:
            yield path, f'unknown column "{column}" in [schedule.fields]{did_you_mean(column, known)}'


def _link_findings(tree: Tree, profiles: Mapping[System, Profile]) -> Iterator[Finding]:
    fsm = profiles.get(System.FIELD_SERVICE)
    if fsm is None:
        return
    fields = fsm.kinds[Kind.WORK_ORDER].fields
    for key in ("field", "merged"):
        name = _section(tree, "links").get(key)
        if isinstance(name, str) and name not in fields and (name or key == "field"):
            hint = did_you_mean(name, fields)
            yield ("links", key), f'"{key}" in [links]: a work order has no field "{name}"{hint}'


def _closure_findings(tree: Tree, profiles: Mapping[System, Profile]) -> Iterator[Finding]:
    section, om = _section(tree, "closure"), profiles.get(System.ORDER_MANAGEMENT)
    if om is None:
        return
    known = om.logical_fields(Kind.DOMAIN_ORDER)
    written = [((key, name), name) for key in ("release", "reopen") for name in _section(section, key)]
    for path, name in [(("field",), section.get("field")), *written]:
        if isinstance(name, str) and name and name not in known:
            hint = did_you_mean(name, known)
            yield ("closure", *path), f'a domain order has no field "{name}", named in [closure]{hint}'
    states = om.states(Kind.DOMAIN_ORDER)
    for key in ("release", "reopen"):
        yield from _unknown_state(_section(section, key).get("state"), states, ("closure", key, "state"))
    if section.get("field") == "state" and section.get("on_hold") == "clear":
        yield from _unknown_state(section.get("cleared", ""), states, ("closure", "cleared"))
    fsm = profiles.get(System.FIELD_SERVICE)
    closed = section.get("closed")
    for index, state in enumerate(closed if fsm is not None and isinstance(closed, list) else ()):
        assert fsm is not None
        yield from _unknown_state(
            state, fsm.states(Kind.WORK_ORDER), ("closure", "closed", index), "work order"
        )


def _unknown_state(
    state: object, known: frozenset[str], path: tuple[str | int, ...], what: str = "domain order"
) -> Iterator[Finding]:
    if isinstance(state, str) and state not in known:
        where = ".".join(map(str, path[:2]))
        yield path, f'unknown state "{state}" of a {what} in [{where}]{did_you_mean(state, known)}'


def _mirror_findings(tree: Tree, profiles: Mapping[System, Profile]) -> Iterator[Finding]:
    wanted = _section(tree, "notes").get("mirror_from")
    for index, name in enumerate(wanted if isinstance(wanted, list) else ()):
        profile = profiles.get(System(name)) if name in list(System) else None
        if profile is not None and not profile.journal:
            message = f"profile {profile.name} has no [journal], so the notes of {name} cannot be read"
            yield ("notes", "mirror_from", index), message


def _history_findings(tree: Tree, profiles: Mapping[System, Profile]) -> Iterator[Finding]:
    profile = profiles.get(System.FIELD_SERVICE)
    if _section(tree, "notes").get("history") is True and profile is not None and not profile.history:
        message = f"profile {profile.name} has no [history], so what lies between two polls cannot be read"
        yield ("notes", "history"), message


def _relation_findings(tree: Tree, profiles: Mapping[System, Profile]) -> Iterator[Finding]:
    if _section(tree, "details").get("relations") is not True:
        return
    profile = profiles.get(System.ORDER_MANAGEMENT)
    if profile is not None and profile.relation is None:
        yield ("details", "relations"), f"profile {profile.name} has no [relation], so no table is known"
    if _section(tree, "rules").get("shared_instance") is not True:
        message = "rows can point at work orders only where both systems are one instance ([rules] shared_instance = true)"
        yield ("details", "relations"), message


_NOTED = (
    (("notes", "work_order_fields"), Kind.WORK_ORDER),
    (("notes", "task_fields"), Kind.WORK_TASK),
    (("details", "field"), Kind.DOMAIN_ORDER),
    (("details", "task_field"), Kind.ORDER_TASK),
)
"""Keys that name logical fields of a kind."""


def _noted_findings(tree: Tree, profiles: Mapping[System, Profile]) -> Iterator[Finding]:
    for (section, key), kind in _NOTED:
        profile = profiles.get(kind.system)
        found = _section(tree, section).get(key)
        for name in found if isinstance(found, list) else [found]:
            if profile is None or not isinstance(name, str) or not name:
                continue
            known = profile.logical_fields(kind)
            if name not in known:
                hint = did_you_mean(name, known)
                what = kind.replace("_", " ")
                yield (
                    (section, key),
                    f'{profile.name}: a {what} has no field "{name}", named in [{section}]{hint}',
                )


def _state_findings(tree: Tree, profiles: Mapping[System, Profile]) -> Iterator[Finding]:
    for kind, section in _section(_section(tree, "rules"), "lifecycles").items():
        if kind not in set(Kind) or not isinstance(section, Mapping) or Kind(kind).system not in profiles:
            continue
        known = profiles[Kind(kind).system].states(Kind(kind))
        for key, states in section.items():
            for index, state in enumerate(states if isinstance(states, list) else ()):
                if isinstance(state, str) and state not in known:
                    message = (
                        f'unknown state "{state}" in [rules.lifecycles.{kind}]{did_you_mean(state, known)}'
                    )
                    yield ("rules", "lifecycles", kind, str(key), index), message


def _section(tree: Tree, name: str, otherwise: Tree | None = None) -> Tree:
    found = tree.get(name, otherwise or {})
    return found if isinstance(found, Mapping) else {}
