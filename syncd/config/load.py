"""Reading a configuration: every problem in one run, each with its place, or one `Config` that is right as a whole.

Called by the verbs of `syncd.cli` and by a reload. Reads the config file and what it names; never talks to a remote
system or a database.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from connectors.profile_model import Profile
from mappings.changes import Lifecycle, default_lifecycles
from mappings.decision_table import DecisionTable
from mappings.field_map import FieldMap, FieldRule
from mappings.model import Kind, System
from mappings.table_proof import prove
from mappings.toml_places import Problem, place_of, places, syntax_problem
from syncd.config.explain import Finding, findings
from syncd.config.named import Named, Tree, look_up
from syncd.config.note_sections import NotesSection
from syncd.config.sections import (
    OPTIONAL,
    DaemonSection,
    FieldSource,
    LinksSection,
    LogSection,
    RulesSection,
    Settings,
    StateSection,
)
from syncd.config.systems import FieldServiceSection, SystemSection
from syncd.config.together import together
from syncd.config.values import Surroundings


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration that is right as a whole, with everything that it names already read.

    `profiles` carry the config's own `overlap`, `settle` and `search_lag`; `lifecycles` the config's states over the usual ones.
    `warnings` say what is allowed and hardly meant. `hash` changes when the file, a table or a profile says
    something else.
    """

    path: Path
    settings: Settings
    profiles: Mapping[System, Profile]
    tables: Mapping[Kind, tuple[DecisionTable, ...]]
    field_map: FieldMap
    lifecycles: Mapping[Kind, Lifecycle]
    warnings: tuple[str, ...]
    texts: tuple[str, ...]
    """Those of the tables."""
    hash: str

    def system(self, system: System) -> SystemSection:
        """The section of one side."""
        if system is System.ORDER_MANAGEMENT:
            return self.settings.order_management
        return self.settings.field_service

    @property
    def state(self) -> StateSection:
        return self.settings.state

    @property
    def order_management(self) -> SystemSection:
        return self.settings.order_management

    @property
    def field_service(self) -> SystemSection:
        return self.settings.field_service

    @property
    def links(self) -> LinksSection:
        return self.settings.links

    @property
    def rules(self) -> RulesSection:
        return self.settings.rules

    @property
    def notes(self) -> NotesSection:
        return self.settings.notes

    @property
    def daemon(self) -> DaemonSection:
        return self.settings.daemon

    @property
    def log(self) -> LogSection:
        return self.settings.log


def load_config(
    path: Path, environ: Mapping[str, str], *, need_secrets: bool = True
) -> tuple[Config | None, tuple[Problem, ...]]:
    """The configuration, or None and every problem of it and of the files that it names, sorted by place.

    Without `need_secrets` a secret that cannot be had is empty instead of a problem.
    """
    file = str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        hint = "no such file; begin with: syncd config example > config.toml"
        return None, (Problem(file, 1, 1, hint),)
    except UnicodeDecodeError:
        return None, (Problem(file, 1, 1, "not UTF-8; save it as UTF-8"),)
    except OSError as error:
        return None, (Problem(file, 1, 1, f"cannot be read: {error.strerror}"),)
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return None, (syntax_problem(file, error, text),)
    settings, found = _validated(tree, Surroundings(path.parent.absolute(), environ, need_secrets))
    named = look_up(tree, path.parent)
    problems = _placed(file, text, [*found, *together(tree), *named.findings])
    if settings is None or problems or named.problems:
        return None, (*problems, *sorted(set(named.problems)))
    return _config(path, settings, named), ()


def _validated(tree: Tree, around: Surroundings) -> tuple[Settings | None, list[Finding]]:
    try:
        return Settings.model_validate({**OPTIONAL, **tree}, context=around), []
    except ValidationError as error:
        return None, list(findings(error))


def _placed(file: str, text: str, found: list[Finding]) -> tuple[Problem, ...]:
    """Findings with their places: by line, each said once."""
    index = places(text)
    problems = set()
    for path, message in found:
        place = place_of(index, path)
        problems.add(Problem(file, place.line, place.column, message))
    return tuple(sorted(problems))


# -- the whole ---------------------------------------------------------------------------------------------------------


def _config(path: Path, settings: Settings, named: Named) -> Config:
    sections = {
        System.ORDER_MANAGEMENT: settings.order_management,
        System.FIELD_SERVICE: settings.field_service,
    }
    config = Config(
        path=path,
        settings=settings,
        profiles={system: _adjusted(profile, sections[system]) for system, profile in named.profiles.items()},
        tables=named.tables,
        field_map=FieldMap(
            tuple(_rule(target, source) for target, source in settings.work_order_fields.items())
        ),
        lifecycles=_lifecycles(settings.rules),
        warnings=tuple(_warnings(named)),
        texts=tuple(named.texts),
        hash="",
    )
    return rehashed(config)


def rehashed(config: Config) -> Config:
    """With its hash: twelve hex digits over everything that decides: sections (secrets by their source), tables, profiles."""
    content = [
        config.settings.model_dump(mode="json", by_alias=True),
        config.texts,
        [_plain(config.profiles[system]) for system in System],
    ]
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return replace(config, hash=digest[:12])


def _plain(value: object) -> object:
    """What JSON can say, the same in every process: the order of a set is another one in each."""
    if is_dataclass(value):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, frozenset):
        return sorted(map(str, value))
    return [_plain(one) for one in value] if isinstance(value, tuple) else str(value)


def _adjusted(profile: Profile, section: SystemSection) -> Profile:
    creates = section.creates if isinstance(section, FieldServiceSection) else None
    return replace(
        profile,
        creates=creates or profile.creates,
        overlap=profile.overlap if section.overlap is None else section.overlap,
        settle=profile.settle if section.settle is None else section.settle,
        search_lag=profile.search_lag if section.search_lag is None else section.search_lag,
    )


def _rule(target: str, source: FieldSource) -> FieldRule:
    return FieldRule(
        target=target,
        source=source.from_ or "",
        text=source.text or "",
        reference=source.reference or "",
        match="id" if source.match == "same_id" else source.match,
        translate=dict(source.map),
        default=source.default,
    )


def _lifecycles(rules: RulesSection) -> dict[Kind, Lifecycle]:
    found = dict(default_lifecycles())
    for kind, section in rules.lifecycles.items():
        given = {name: frozenset(states) for name, states in section if states is not None}
        found[kind] = replace(found[kind], **given)
    return found


def _warnings(named: Named) -> Iterator[str]:
    for tables in named.tables.values():
        for table in tables:
            yield from (f"{table.name}: {warning}" for warning in prove(table))
