"""The configuration as documents: example file, reference page, JSON schema, and the values in force.

All made from `syncd.config.sections`, so none can lag behind it. Called by `syncd config` and by the tests that compare
`config.example.toml` and `docs/configuration.md` with it. Secrets appear by their source only.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from textwrap import dedent
from typing import Any

from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema

from mappings.model import Kind
from syncd import exits
from syncd.config.explain import keys_at, sample
from syncd.config.live import is_live
from syncd.config.load import Config
from syncd.config.sections import DEFAULT_FIELDS, FieldSource, LifecycleSection, Settings
from syncd.config.systems import Section
from syncd.config.toml_text import toml, toml_key
from syncd.config.values import show_default

MIDDLE = 44
"""Column at which the comments of the example begin, where the line before them is shorter."""

_PER_SYSTEM: Mapping[str, Mapping[str, object]] = {
    "order_management": {
        "id": "om-prod",
        "profile": "servicenow-om",
        "password": {"env": "SYNCD_OM_PASSWORD"},
    },
    "field_service": {
        "id": "fsm-prod",
        "profile": "servicenow-fsm",
        "password": {"env": "SYNCD_FSM_PASSWORD"},
    },
}
"""What the example says instead of the samples that both sections share."""

_IN_USE = frozenset({"username", "password"})
"""Keys without a default that the example uses all the same: basic authentication needs them."""

_HEAD = """\
# The configuration of syncd. Every key is here: one that begins with "#" shows what may be written, all others that
# have a default show it. Durations have a unit: "500ms", "30s", "5m", "2h". Paths begin at the folder of this file.
# A secret is never written here but named: { env = "NAME" }, { file = "path" } or { credential = "name" } (systemd).
# Check a change before it goes live: syncd check --config FILE
"""

_FIELDS_HELP = """\
# What a work order says, beside template and correlation: field = a fact (`from`) or a text with {column} placeholders.
# Columns: any field of the domain order or order task; "order.", "line.", "domain_order." and "parent." before a field
# name the records above it. `reference` makes the field point at a record of field service, found by `match`; `map`
# translates values; `default` stands where there is none. A field that is not named here belongs to field service.
"""


class _Schema(GenerateJsonSchema):
    """Writes defaults as they stand in a config file."""

    def encode_default(self, dft: Any) -> Any:
        return super().encode_default(show_default(dft))


def json_schema() -> dict[str, Any]:
    """The JSON schema of a config file, for editors."""
    schema = Settings.model_json_schema(by_alias=True, schema_generator=_Schema)
    schema["required"] = ["order_management", "field_service"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "syncd config"}


def example() -> str:
    """`config.example.toml`, whole."""
    parts = [_HEAD]
    for name, field in Settings.model_fields.items():
        if name == "work_order_fields":
            parts.append(_example_fields())
            continue
        model = field.annotation
        assert isinstance(model, type)
        assert issubclass(model, Section)
        own = _PER_SYSTEM.get(name, {})
        lines = [f"# {_about(model, field)}", f"[{name}]"]
        lines += [
            _example_line(key, value, own) for key, value in keys_at((name,)).items() if key != "lifecycles"
        ]
        parts.append("\n".join(lines) + "\n")
        if name == "rules":
            parts.append(_example_lifecycles())
    return "\n".join(parts)


def _example_line(key: str, field: FieldInfo, own: Mapping[str, object]) -> str:
    value = own.get(key, sample(field))
    shown = field.is_required() or not field.examples or key in own or (key in _IN_USE and bool(own))
    line = f"{'' if shown else '# '}{key} = {toml(value)}"
    return f"{line:<{MIDDLE}} # {field.description}"


def _example_fields() -> str:
    lines = [f"{toml_key(target)} = {toml(source)}" for target, source in DEFAULT_FIELDS.items()]
    lines.append('# description = { from = "order.description", default = "none given" }')
    return _FIELDS_HELP + "[work_order_fields]\n" + "\n".join(lines) + "\n"


def _example_lifecycles() -> str:
    kind = Kind.DOMAIN_ORDER
    head = [f"# {dedent(LifecycleSection.__doc__ or '')}", f"# [rules.lifecycles.{kind}]"]
    return (
        "\n".join(
            [*head, *(_example_line(key, f, {}) for key, f in keys_at(("rules", "lifecycles", kind)).items())]
        )
        + "\n"
    )


def _about(model: type, field: FieldInfo) -> str:
    """What a section is: its own sentence, or that of its class where it is the only one of it."""
    return field.description or " ".join((model.__doc__ or "").split())


def reference() -> str:
    """`docs/configuration.md`, whole."""
    parts = [dedent(_PAGE_HEAD)]
    for name, field in Settings.model_fields.items():
        if name == "work_order_fields":
            parts.append(
                _page_section(
                    "work_order_fields.FIELD", FieldSource.__doc__ or "", ("work_order_fields", "x")
                )
            )
            continue
        model = field.annotation
        assert isinstance(model, type)
        parts.append(_page_section(name, _about(model, field), (name,)))
        if name == "rules":
            path = ("rules", "lifecycles", "domain_order")
            parts.append(_page_section("rules.lifecycles.KIND", LifecycleSection.__doc__ or "", path))
    rows = [f"| {code} | {meaning} |" for code, meaning in exits.MEANINGS.items()]
    parts.append("\n".join(["## Exit codes", "", "| exit | meaning |", "|---|---|", *rows, ""]))
    return "\n".join(parts)


_PAGE_HEAD = """\
    # Configuration

    Generated from `syncd/config/sections.py` by `python -m syncd.config.document reference > docs/configuration.md`.

    syncd reads one TOML file: `--config FILE`, else `$SYNCD_CONFIG`, else `./config.toml`, else `/etc/syncd/config.toml`.
    `syncd config example` prints a complete one, `syncd check` names every problem of yours in one run, with file, line,
    column and what to write instead, and exits 78 when there is one.

    - **Durations** are texts with a unit: `"500ms"`, `"30s"`, `"5m"`, `"2h"`, `"90d"`.
    - **Paths** begin at the folder of the config file.
    - **Secrets** are named, never written: `{ env = "NAME" }`, `{ file = "path" }`, or `{ credential = "name" }` for a
      systemd credential (`LoadCredential=name:path` in the unit).
    - **Columns** (in `from`, in placeholders, in decision tables) are the logical fields of the profile: those of the
      domain order or order task itself, and behind `order.`, `line.`, `domain_order.` and `parent.` those of the records
      above it; `id`, `number`, `state` and `state_label` everywhere.
    - **A reload** (SIGHUP, `systemctl reload syncd`) puts everything in force at once that is not marked *(restart)*, decision
      tables too; it never changes `id`, `url`, the state's `url` or a profile.
    """


def _page_section(title: str, about: str, path: tuple[str, ...]) -> str:
    lines = [f"## [{title}]", "", " ".join(about.split()), ""]
    lines += ["| key | default | meaning |", "|---|---|---|"]
    for key, field in keys_at(path).items():
        meaning = (field.description or "").replace("|", "/")
        restart = "" if is_live(path[0], key) else " *(restart)*"
        lines.append(f"| `{key}` | {_page_default(field)} | {meaning}{restart} |")
    return "\n".join([*lines, ""])


def _page_default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if default is None or default in ({}, ""):
        example = field.examples[0] if field.examples else None
        return "none" if example is None else f"none, e.g. `{toml(example)}`"
    return f"`{toml(sample(field))}`"


def in_force(config: Config) -> str:
    """The values in force, as a config file would say them: defaults filled in, secrets by their source."""
    tree = values_in_force(config)
    return "\n".join([f"# {config.path} ({config.hash})", *_tables(tree, ())]) + "\n"


def values_in_force(config: Config) -> dict[str, Any]:
    """The same as a tree, without keys that hold nothing."""
    return config.settings.model_dump(mode="json", by_alias=True, exclude_none=True)


def _tables(tree: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    for name, value in tree.items():
        if name == "work_order_fields" or not (isinstance(value, Mapping) and _is_section((*path, name))):
            continue
        yield from _table(value, (*path, name))
    if "work_order_fields" in tree:
        yield from _table(tree["work_order_fields"], ("work_order_fields",))


def _table(tree: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    yield f"\n[{'.'.join(toml_key(part) for part in path)}]"
    for name, value in tree.items():
        if name == "lifecycles":
            continue
        shown = (
            {k: v for k, v in value.items() if v not in ("", {})} if path == ("work_order_fields",) else value
        )
        yield f"{toml_key(name)} = {toml(shown)}"
    for kind, states in tree.get("lifecycles", {}).items():
        yield from _table(states, (*path, "lifecycles", kind))


def _is_section(path: tuple[str, ...]) -> bool:
    return bool(keys_at(path))


if __name__ == "__main__":
    sys.stdout.write(reference() if sys.argv[1:] == ["reference"] else example())
