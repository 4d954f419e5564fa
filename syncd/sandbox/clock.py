"""The clock of a simulated instance: the time that its stamps and its `Date` header show.

Made by `server`, moved by the control API, read by everything in the sandbox that needs an instant. It never reads the
machine's clock by itself: the source comes in through the door.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

STAMP_FORMAT = "%Y-%m-%d %H:%M:%S"


def machine_time() -> datetime:
    """The usual source of a `SandboxClock`."""
    return datetime.now(UTC)


class SandboxClock:
    """Runs with its source, shifted by what `advance` was told, or stands still after `freeze`."""

    def __init__(self, source: Callable[[], datetime] = machine_time) -> None:
        self._source = source
        self._shift = timedelta()
        self._frozen: datetime | None = None

    def now(self) -> datetime:
        return self._frozen if self._frozen is not None else self._source() + self._shift

    def stamp(self) -> str:
        """The instant as a record shows it: UTC, whole seconds."""
        return self.now().strftime(STAMP_FORMAT)

    def advance(self, seconds: float) -> None:
        step = timedelta(seconds=seconds)
        self._shift += step
        if self._frozen is not None:
            self._frozen += step

    def freeze(self) -> None:
        self._frozen = self.now()

    def resume(self) -> None:
        """Runs again from where it stood."""
        if self._frozen is not None:
            self._shift = self._frozen - self._source()
            self._frozen = None


def parse_stamp(text: str) -> datetime | None:
    """A stored date-time or date as an instant, None when it is neither."""
    for form in (STAMP_FORMAT, "%Y-%m-%d"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None
