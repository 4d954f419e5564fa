"""Logs: events of the catalogue as JSON lines, or as readable ones on a terminal.

`get(**ids)` gives a `Log`; its `event` takes the name of an event and the level from `syncd.events`. `configure` is
called once by a verb of the command line. structlog writes natively to stderr; libraries that use the standard
library's loggers pass over one bridge. Nothing here ever puts a raw control character on a terminal.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import PurePath
from types import MappingProxyType
from typing import Any, BinaryIO, Literal

import structlog
from structlog.typing import EventDict

from syncd import log_lines
from syncd.events import EVENTS

Format = Literal["auto", "json", "text"]
LEVELS: Mapping[str, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40}

TRACE_FRAMES = 8
_RESERVED = frozenset({"at", "level", "event"})
_QUIET = ("apscheduler", "uvicorn", "httpx", "httpcore", "alembic", "sqlalchemy", "asyncio")


class _Output:
    """Where lines go: replaced as a whole by `configure`, so that a reader never sees half of a change.

    Keeps its file: structlog's own references to it are weak.
    """

    def __init__(
        self, file: BinaryIO, render: log_lines.Render, level: int, ids: Mapping[str, object]
    ) -> None:
        self.file = file
        self.ids = dict(ids)
        self.logger = structlog.wrap_logger(
            structlog.BytesLogger(file),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
                render,
            ],
            wrapper_class=structlog.make_filtering_bound_logger(level),
        ).bind()

    def write(self, level: str, name: str, fields: EventDict) -> None:
        """A line that cannot be written is lost: a full disk or a closed pipe must not stop a lane."""
        with suppress(OSError, ValueError):
            getattr(self.logger, level)(name, **{**self.ids, **fields})


_output: _Output | None = None
_bound: ContextVar[Mapping[str, object]] = ContextVar("bound", default=MappingProxyType({}))
_sinks: list[list[dict[str, Any]]] = []
_lock = threading.Lock()


Names = Callable[[Mapping[str, object]], Mapping[str, object]]
"""What more the fields of a line say, such as the order of a domain order."""


class Log:
    """Writes events that carry `ids`, and what `names` makes of them. Cheap to make, safe from any thread."""

    def __init__(self, ids: Mapping[str, object], names: Names = lambda _fields: {}) -> None:
        self._ids = dict(ids)
        self._names = names

    def bind(self, **ids: object) -> Log:
        """A log whose lines carry these ids too."""
        return Log({**self._ids, **ids}, self._names)

    def naming(self, names: Names) -> Log:
        """A log whose lines carry what these names say."""
        return Log(self._ids, names)

    def event(self, name: str, *, exc_info: BaseException | None = None, **fields: object) -> None:
        """Writes one event of the catalogue; `exc_info` adds what was raised and where, without machine paths."""
        said = {**self._ids, **_raised(exc_info), **fields}
        _write(EVENTS[name].level, name, {**self._names({**_bound.get(), **said}), **said})


def get(**ids: object) -> Log:
    """A log for a module, a lane or a cycle."""
    return Log(ids)


def configure(
    *,
    level: str = "info",
    format: Format = "auto",
    file: BinaryIO | None = None,
    environ: Mapping[str, str] | None = None,
    **ids: object,
) -> None:
    """Opens the log. `ids` stand on every line (`run`). May be called again, as a reload does."""
    global _output  # noqa: PLW0603 - one process has one log
    target = sys.stderr.buffer if file is None else file
    env = os.environ if environ is None else environ
    _output = _Output(target, _renderer(target, format, env), LEVELS[level], ids)
    _bridge_libraries()


@contextmanager
def bound(**ids: object) -> Iterator[None]:
    """While the block runs, every line of this thread carries these ids, whoever writes it."""
    token = _bound.set({**_bound.get(), **ids})
    try:
        yield
    finally:
        _bound.reset(token)


@contextmanager
def captured() -> Iterator[list[dict[str, Any]]]:
    """Collects events as dictionaries while the block runs, whatever the level: for tests."""
    sink: list[dict[str, Any]] = []
    with _lock:
        _sinks.append(sink)
    try:
        yield sink
    finally:
        with _lock:
            _sinks[:] = [other for other in _sinks if other is not sink]


def _write(level: str, name: str, fields: EventDict) -> None:
    clean = {key: value for key, value in {**_bound.get(), **fields}.items() if key not in _RESERVED}
    for sink in _sinks:
        sink.append({"event": name, "level": level, **clean})
    if _output is not None:
        _output.write(level, name, clean)


def _renderer(file: BinaryIO, format: Format, environ: Mapping[str, str]) -> log_lines.Render:
    terminal = file.isatty()
    if format == "text" or (format == "auto" and terminal):
        return log_lines.TextLines(colour=terminal and not environ.get("NO_COLOR"))
    return log_lines.JsonLines(priority=_is_journal(file, environ))


def _is_journal(file: BinaryIO, environ: Mapping[str, str]) -> bool:
    """Whether JOURNAL_STREAM names this file: then systemd reads it and understands a `<N>` in front of a line."""
    device, _, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        status = os.fstat(file.fileno())
    except (OSError, ValueError):
        return False
    return (device, inode) == (str(status.st_dev), str(status.st_ino))


def _raised(error: BaseException | None) -> EventDict:
    """What was raised and where: module and line only, because a line of source or a path tells a log nothing."""
    if error is None:
        return {}
    frames = traceback.extract_tb(error.__traceback__)[-TRACE_FRAMES:]
    return {
        "error": type(error).__name__,
        "detail": str(error),
        "trace": [f"{_module(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames],
    }


def _module(filename: str) -> str:
    return "/".join(PurePath(filename).parts[-2:])


class _Bridge(logging.Handler):
    """Carries what libraries log into our lines."""

    def emit(self, record: logging.LogRecord) -> None:
        level = "error" if record.levelno >= logging.ERROR else "warning"
        error = record.exc_info[1] if record.exc_info else None
        fields = {"logger": record.name, "message": record.getMessage(), **_raised(error)}
        _write(level, "library.logged", fields)


def _bridge_libraries() -> None:
    root = logging.getLogger()
    if not any(isinstance(handler, _Bridge) for handler in root.handlers):
        root.addHandler(_Bridge())
    root.setLevel(logging.WARNING)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
