"""What pydantic found, said to the person who wrote the file: where it stands, what is wrong, what to write instead.

Called by `syncd.config.load`. Never quotes a value, because a value may be a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from mappings.toml_places import Path, did_you_mean
from syncd.config.sections import Settings
from syncd.config.systems import Section
from syncd.config.toml_text import toml
from syncd.config.values import WRONG, show_default

Finding = tuple[Path, str]
"""A key path and what is wrong there."""

_Say = Callable[[Mapping[str, Any]], str]

_MUST: Mapping[str, _Say] = {
    WRONG: lambda context: str(context["message"]),
    "string_type": lambda _: "must be a text in quotes",
    "string_too_short": lambda _: "must not be empty",
    "string_too_long": lambda context: f"must not have more than {context['max_length']} characters",
    "string_pattern_mismatch": lambda _: (
        'may hold small letters, digits, "_", "." and "-" only, and begins with a letter or digit'
    ),
    "int_type": lambda _: "must be a whole number",
    "float_type": lambda _: "must be a number",
    "bool_type": lambda _: "must be true or false",
    "greater_than_equal": lambda context: f"must be at least {context['ge']}",
    "less_than_equal": lambda context: f"must be at most {context['le']}",
    "literal_error": lambda context: f"must be {context['expected']}".replace("'", '"'),
    "enum": lambda context: f"must be {context['expected']}".replace("'", '"'),
    "tuple_type": lambda _: "must be a list in brackets",
    "mapping_type": lambda _: "must be a table",
    "dict_type": lambda _: "must be a table",
    "model_type": lambda _: "must be a table",
    "model_attributes_type": lambda _: "must be a table",
}

_EXAMPLE_HELPS = frozenset({"string_type", "int_type", "bool_type", "tuple_type", "string_pattern_mismatch"})


def findings(error: ValidationError) -> Iterator[Finding]:
    """Every problem that validation found."""
    for detail in error.errors(include_url=False):
        yield _finding(detail)


def _finding(detail: ErrorDetails) -> Finding:
    path = tuple(part for part in detail["loc"] if part != "[key]")
    kind = detail["type"]
    if kind == "extra_forbidden":
        return path, _unknown(path, detail["input"])
    if kind == "missing":
        return path, _missing(path)
    context = detail.get("ctx", {})
    must = _MUST[kind](context) if kind in _MUST else detail["msg"]
    if kind in ("literal_error", "enum"):
        must += _nearest(detail["input"], context["expected"])
    elif kind in _EXAMPLE_HELPS:
        must += _example(path)
    return path, f"{_name(path)} {must}"


def _unknown(path: Path, value: object) -> str:
    known = did_you_mean(str(path[-1]), keys_at(path[:-1]))
    if len(path) == 1:
        return (
            f"unknown section [{path[0]}]{known}"
            if isinstance(value, dict)
            else f'unknown key "{path[0]}"{known}'
        )
    return f'unknown key "{path[-1]}" in {where(path[:-1])}{known}'


def _missing(path: Path) -> str:
    if len(path) == 1:
        required = [key for key, field in keys_at(path).items() if field.is_required()]
        return f"[{path[0]}] is missing; write it with {', '.join(required)}"
    return f'"{path[-1]}" is missing in {where(path[:-1])}; write {_line(path)}'


def _nearest(value: object, expected: str) -> str:
    if not isinstance(value, str):
        return ""
    return did_you_mean(value, [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")])


def _name(path: Path) -> str:
    """The key that a problem is about: an element of a list is named by its list."""
    keys = [part for part in path if isinstance(part, str)]
    return f'"{keys[-1]}" in {where(tuple(keys[:-1]))}' if len(keys) > 1 else where(tuple(keys))


def where(path: Path) -> str:
    """A section as it is headed in the file."""
    return f"[{'.'.join(str(part) for part in path)}]"


def _example(path: Path) -> str:
    line = _line(path)
    return f", like {line}" if line else ""


def _line(path: Path) -> str:
    """The key with its example or default, as it would stand in the file."""
    keys = tuple(part for part in path if isinstance(part, str))
    field = keys_at(keys[:-1]).get(keys[-1])
    value = None if field is None else sample(field)
    return "" if value is None else f"{keys[-1]} = {toml(value)}"


def sample(field: FieldInfo) -> object:
    """A value that a key could have: its example, else its default; None where it has neither."""
    if field.examples:
        return field.examples[0]
    default = field.get_default(call_default_factory=True)
    return None if field.is_required() else show_default(default)


def keys_at(path: Path) -> dict[str, FieldInfo]:
    """The keys that a section may have, by the name they have in the file; none where nothing is known."""
    model: type[Section] = Settings
    parts = iter(path)
    for part in parts:
        field = _keys(model).get(str(part))
        inner = None if field is None else _section(field.annotation)
        if field is None or inner is None:
            return {}
        model = inner
        if inner is not field.annotation and next(parts, None) is None:
            return {}  # a table whose keys the writer chooses
    return _keys(model)


def _keys(model: type[Section]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _section(annotation: object) -> type[Section] | None:
    """The section that a key holds, or that each value of its table is."""
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, Section):
            return candidate
    return None
