"""A world in which everything has another name: the dialect of a sandbox, and the profiles that an administrator would write
for it.

Loaded by the conftest beside it. Both come from the packaged profiles and the sandbox's own dictionary, so what is
forgotten in one of them cannot hide in the other.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from syncd.sandbox.choices import DEFAULT_STATES
from syncd.sandbox.dialect import Dialect, Names
from syncd.sandbox.dictionary import Dictionary
from syncd.sandbox.tables_domain import define_field_service, define_order_management
from syncd.sandbox.tables_platform import define_platform

KEPT = ("work_notes", "comments")
"""Journals: the platform names them in `sys_journal_field`, which has no dialect."""
GERMAN = {
    "Draft": "Entwurf",
    "Ready for Dispatch": "Bereit",
    "Assigned": "Zugewiesen",
    "Accepted": "Angenommen",
    "Work in Progress": "In Arbeit",
    "Closed Complete": "Erledigt",
    "Canceled": "Storniert",
    "Qualified": "Geprueft",
    "In progress": "Laeuft",
    "Closed complete": "Abgeschlossen",
}


def dictionary() -> Dictionary:
    found = Dictionary()
    define_platform(found)
    define_order_management(found)
    define_field_service(found)
    return found


def new_names(known: Dictionary) -> Names:
    """Every table but the platform's own, every column but those that every record has."""
    tables = {t.name: f"x_acme_{t.name}" for t in known if not t.name.startswith("sys_")}
    columns = {
        name: {c: f"u_{c}" for c in known.table(name).own if not c.startswith("sys_") and c not in KEPT}
        for name in tables
    }
    states = {
        table: {state: f"{place * 7 + 100}" for place, state in enumerate(choices)}
        for table, choices in DEFAULT_STATES.items()
    }
    labels = {
        table: {state: GERMAN.get(label, f"{label} (acme)") for state, (_, label) in choices.items()}
        for table, choices in DEFAULT_STATES.items()
    }
    return Names(tables, columns, states, labels)


def write_renamed(folder: Path) -> tuple[Path, dict[str, Path]]:
    """Writes the dialect and the two profiles; their paths, the profiles by section of the config."""
    known = dictionary()
    names = new_names(known)
    dialect = folder / "dialect.json"
    parts = ("tables", "columns", "states", "labels")
    dialect.write_text(json.dumps({part: getattr(names, part) for part in parts}), encoding="utf-8")
    profiles = {}
    for section, name in (("order_management", "servicenow-om"), ("field_service", "servicenow-fsm")):
        text = (resources.files("connectors") / "profiles" / f"{name}.toml").read_text(encoding="utf-8")
        profiles[section] = folder / f"acme-{section.replace('_', '-')}.toml"
        renamed = renamed_profile(tomllib.loads(text), Dialect(known, names), names)
        profiles[section].write_text(toml(renamed), encoding="utf-8")
    return dialect, profiles


def renamed_profile(profile: dict[str, Any], dialect: Dialect, names: Names) -> dict[str, Any]:
    for spec in profile["kinds"].values():
        table = spec["table"]
        spec["fields"] = {n: dialect.outer_path(table, column) for n, column in spec["fields"].items()}
        spec["number"], spec["state"] = (dialect.outer_path(table, spec[key]) for key in ("number", "state"))
        said = names.labels[table]
        spec["states"] = {s: [said[s]] if s in said else labels for s, labels in spec["states"].items()}
        spec["state_values"] = {}
        spec["table"] = dialect.outer_table(table)
    for reference in profile["references"].values():
        table = reference["table"]
        columns = {m: dialect.outer_path(table, column) for m, column in reference.items() if m != "table"}
        reference |= {"table": dialect.outer_table(table), **columns}
    return profile


def toml(tree: Mapping[str, Any], above: tuple[str, ...] = ()) -> str:
    """TOML of tables, texts, numbers and lists of texts; JSON writes the last three alike."""
    lines = [f"[{'.'.join(above)}]"] if above else []
    lines += [f"{key} = {json.dumps(value)}" for key, value in tree.items() if not isinstance(value, dict)]
    text = "\n".join(lines) + "\n"
    return text + "".join(toml(v, (*above, k)) for k, v in tree.items() if isinstance(v, dict))
