"""Checks the shape of what `tomllib` returned, and collects every problem with its place.

Called by `table_file` and `table_conditions`. A check returns something harmless in place of what it refuses, so that
the reading goes on and all problems come out of one run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mappings.decision_table import number
from mappings.toml_places import Path, Place, Problem, did_you_mean, place_of


def plain(value: Any) -> str | None:
    """A scalar as facts show it: texts, numbers, "true" and "false". None for everything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value) if number(str(value)) is not None else None
    return value if isinstance(value, str) else None


def shown(value: Any) -> str:
    """A value as a message names it: short, and in the words of TOML."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    text = plain(value)
    if text is None:
        return f"{value}"
    return f'"{text[:40]}"' if isinstance(value, str) else text[:40]


class Findings:
    """The problems of one file, and the checks that find them."""

    def __init__(self, file: str, at: Mapping[Path, Place]) -> None:
        self.file = file
        self.at = at
        self.problems: list[Problem] = []

    def add(self, path: Path, message: str) -> None:
        place = place_of(self.at, path)
        self.problems.append(Problem(self.file, place.line, place.column, message))

    def line(self, path: Path) -> int:
        return place_of(self.at, path).line

    def table(self, value: Any, path: Path, known: Iterable[str], where: str) -> dict[str, Any] | None:
        """A TOML table with these keys and no others; None where it is no table."""
        if not isinstance(value, dict):
            self.add(path, f"{where} must be a table, not {shown(value)}")
            return None
        for key in value:
            if key not in known:
                self.add((*path, key), f'unknown key "{key}" in {where}{did_you_mean(key, known)}')
        return value

    def listed(self, value: Any, path: Path, what: str) -> list[Any]:
        if isinstance(value, list):
            return value
        self.add(path, f"{what} must be a list in [ ], not {shown(value)}")
        return []

    def text(self, parent: Mapping[str, Any], path: Path, key: str, example: str) -> str:
        """A non-empty text that must be there."""
        value = parent.get(key)
        if isinstance(value, str) and value.strip():
            return value
        if key not in parent:
            self.add(path, f"{key} is missing; write {key} = {example}")
        else:
            self.add((*path, key), f"{key} must be a text such as {example}, not {shown(value)}")
        return ""

    def choice(self, value: Any, path: Path, options: tuple[str, ...]) -> str:
        if value not in options:
            written = " or ".join(f'{path[-1]} = "{option}"' for option in options)
            self.add(path, f"write {written}, not {shown(value)}")
            return options[0]
        return str(value)
