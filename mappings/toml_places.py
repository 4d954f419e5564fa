"""Where each key of a TOML text stands, so that a problem can be named as file:line:column.

Called by `table_file` and by the config loader, after `tomllib` has read the text. It never judges syntax: it is only
asked about texts that `tomllib` accepted, and it never reads a file.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

Path = tuple[str | int, ...]
"""A key path: names of tables and keys, indices of arrays."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Line and column, both from 1, columns in characters."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """What is wrong in a file that a person wrote, and what to write instead. Sorts by place."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


def places(text: str) -> dict[Path, Place]:
    """The place of every key, table header and array element of a valid TOML text, by key path.

    A key path is the one by which the value is found in what `tomllib.loads` returns.
    """
    return _Scanner(text.replace("\r\n", "\n")).scan()


def place_of(places: Mapping[Path, Place], path: Path) -> Place:
    """The place of `path`, or of the nearest thing around it that has one."""
    for length in range(len(path), 0, -1):
        if path[:length] in places:
            return places[path[:length]]
    return Place(1, 1)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean "timeout"?` for a near miss, else nothing."""
    close = get_close_matches(word, sorted(known), n=1)
    return f'; did you mean "{close[0]}"?' if close else ""


_PLACE = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)


def syntax_problem(file: str, error: tomllib.TOMLDecodeError, text: str = "") -> Problem:
    """What `tomllib` says about a syntax error. `text` gives the place of an error at the end of the document."""
    match = _PLACE.fullmatch(str(error))
    if match is None:
        return Problem(file, 1, 1, f"not valid TOML: {error}")
    message = f"not valid TOML: {match[1]}"
    if match[2]:
        return Problem(file, int(match[2]), int(match[3]), message)
    lines = text.split("\n")
    return Problem(file, len(lines), len(lines[-1]) + 1, message)


_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|'[^']*'""")
_STRING = re.compile(
    r'''"""(?:\\.|[^\\])*?"{3,5}|"(?:\\.|[^"\\])*"'''  # a multi-line string may end in two quotes of its own
    r"""|'{3}.*?'{3,5}|'[^']*'""",
    re.DOTALL,
)
_BARE = re.compile(r"[^,\]}#\n]+")
_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")


class _Scanner:
    """One walk over the text; `at` is the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.starts = [0, *(m.end() for m in re.finditer("\n", text))]
        self.found: dict[Path, Place] = {}
        self.sizes: dict[Path, int] = {}
        """How many tables each array of tables has so far."""

    def scan(self) -> dict[Path, Place]:
        base: Path = ()
        self._take(_BLANK)
        while self.at < len(self.text):
            base = self._header() if self.text[self.at] == "[" else self._pair(base)
            self._take(_BLANK)
        return self.found

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        assert match is not None, "only texts that tomllib accepted are scanned"
        self.at = match.end()
        return match[0]

    def _skip(self, text: str) -> bool:
        """Steps over `text` and the blanks behind it, if it is here."""
        if not self.text.startswith(text, self.at):
            return False
        self.at += len(text)
        self._take(_BLANK)
        return True

    def _here(self) -> Place:
        line = bisect_right(self.starts, self.at)
        return Place(line, self.at - self.starts[line - 1] + 1)

    def _key(self) -> list[tuple[str, Place]]:
        """A dotted key: its parts and their places."""
        parts = []
        while True:
            place = self._here()
            parts.append((_unquoted(self._take(_KEY)), place))
            self._take(_BLANK)
            if not self._skip("."):
                return parts

    def _header(self) -> Path:
        many = self.text.startswith("[[", self.at)
        self._skip("[[" if many else "[")
        parts = self._key()
        self._skip("]]" if many else "]")
        path: Path = ()
        for name, place in parts[:-1]:
            path += (name,)
            self.found.setdefault(path, place)
            if path in self.sizes:
                path += (self.sizes[path] - 1,)
        name, place = parts[-1]
        path += (name,)
        if not many:
            self.found[path] = place
            return path
        self.found.setdefault(path, place)
        index = self.sizes.get(path, 0)
        self.sizes[path] = index + 1
        self.found[(*path, index)] = place
        return (*path, index)

    def _pair(self, base: Path) -> Path:
        """One `key = value` in the table `base`, which it returns."""
        path = base
        for name, place in self._key():
            path += (name,)
            self.found.setdefault(path, place)
        self._skip("=")
        self._value(path)
        return base

    def _value(self, path: Path) -> None:
        start = self.text[self.at]
        if start in "\"'":
            self._take(_STRING)
        elif start == "[":
            self._array(path)
        elif start == "{":
            self._inline_table(path)
        else:
            self._take(_BARE)

    def _array(self, path: Path) -> None:
        self._skip("[")
        index = 0
        while not self._skip_end("]"):
            self.found[(*path, index)] = self._here()
            self._value((*path, index))
            index += 1
            self._take(_BLANK)
            self._skip(",")

    def _inline_table(self, path: Path) -> None:
        self._skip("{")
        while not self._skip_end("}"):
            self._pair(path)
            self._take(_BLANK)
            self._skip(",")

    def _skip_end(self, bracket: str) -> bool:
        """Steps over a closing bracket only: the line it stands on belongs to whoever opened it."""
        if self.text[self.at] != bracket:
            return False
        self.at += 1
        return True


def _unquoted(key: str) -> str:
    if key[0] not in "\"'":
        return key
    return next(iter(tomllib.loads(f"{key} = 0")))
