"""How one event becomes one line of bytes: JSON for machines, or text for a person at a terminal.

The last processor of `syncd.logs`. Everything that is not printable leaves as an escape, whatever a remote system sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

import orjson
from structlog.typing import EventDict

VALUE_LIMIT = 2000
"""Characters of one text in one line."""

PRIORITIES = {"debug": b"<7>", "info": b"<6>", "warning": b"<4>", "error": b"<3>"}
_COLOURS = {"debug": "\x1b[2m", "info": "\x1b[32m", "warning": "\x1b[33m", "error": "\x1b[31m"}
_RESET = "\x1b[0m"
# orjson leaves DEL and the C1 controls as they are; a terminal may act on them.
_UNSAFE = re.compile(rb"\x7f|\xc2[\x80-\x9f]")
_BARE = re.compile(r"[^\s\"'=\\]+\Z")


class Render(Protocol):
    """The last processor of structlog's chain."""

    def __call__(self, _logger: Any, _method: str, event: EventDict) -> bytes: ...


class JsonLines:
    """One JSON object per line, `at`, `level` and `event` first; with `priority`, systemd's `<N>` in front."""

    def __init__(self, *, priority: bool = False) -> None:
        self._priority = priority

    def __call__(self, _logger: Any, _method: str, event: EventDict) -> bytes:
        head = {name: event.pop(name) for name in ("at", "level", "event")}
        line = _dumps({**head, **event})
        return PRIORITIES[head["level"]] + line if self._priority else line


class TextLines:
    """`12:00:05 info  work_order.created  number=WO0001 ...`, coloured by level when `colour`."""

    def __init__(self, *, colour: bool = False) -> None:
        self._colour = colour

    def __call__(self, _logger: Any, _method: str, event: EventDict) -> bytes:
        at, level, name = (str(event.pop(key)) for key in ("at", "level", "event"))
        clock = at[11:19]
        shown = f"{_COLOURS[level]}{level:<7}{_RESET}" if self._colour else f"{level:<7}"
        fields = " ".join(f"{printable(key)}={_text(value)}" for key, value in event.items())
        return f"{clock} {shown} {name:<22} {fields}".rstrip().encode("utf-8", "backslashreplace")


def printable(text: str) -> str:
    """`text` with everything that a terminal might act on written as an escape, surrogates included."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _text(value: object) -> str:
    plain = _plain(value)
    if isinstance(plain, str):
        if _BARE.match(plain) and plain.isprintable():
            return plain
        return '"' + printable(plain).replace('"', '\\"') + '"'
    return printable(_dumps(plain).decode())


def _dumps(value: object) -> bytes:
    return _UNSAFE.sub(_escape, orjson.dumps(_plain(value)))


def _escape(match: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(match[0].decode())


def _plain(value: object) -> object:
    """`value` in the types of JSON: instants in ISO form, durations in seconds, texts cut and free of surrogates."""
    if isinstance(value, str):
        return _cut(str(value)).encode("utf-8", "backslashreplace").decode()
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else str(value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {str(_plain(str(key))): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return [_plain(item) for item in items]
    return _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= VALUE_LIMIT else text[: VALUE_LIMIT - 1] + "…"
