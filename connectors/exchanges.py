"""The requests of one piece of work, as they were sent and answered: for the ledger, and to find them in a server's own log.

`syncd.dispatch` opens a record around each claim that it performs; `http` gives every request inside a name of its own, sent
along as a header, and writes down what came back. Per thread; what is sent outside a record is named by nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import groupby

HEADER = "X-Request-ID"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer; `status` is None where none came. `ms` is how long that took."""

    method: str
    status: int | None
    ms: int


@dataclass(slots=True)
class Exchanges:
    """What was sent under one name, in order. The n-th request, from 1, carries the id `name.n`."""

    name: str
    sent: list[Exchange] = field(default_factory=list)
    begun: int = 0

    def next_id(self) -> str:
        """The id of the request that goes out now."""
        self.begun += 1
        return f"{self.name}.{self.begun}"

    def note(self, method: str, status: int | None, seconds: float) -> None:
        """What came of it."""
        self.sent.append(Exchange(method, status, round(seconds * 1000)))


def folded(sent: Iterable[Exchange]) -> list[list[object]]:
    """As short as a ledger keeps them: method, answer, milliseconds, and how many in a row that were answered alike."""
    kept: list[list[object]] = []
    for (method, status), alike in groupby(sent, lambda one: (one.method, one.status)):
        times = [one.ms for one in alike]
        kept.append([method, status, sum(times), *([len(times)] if len(times) > 1 else [])])
    return kept


_CURRENT: ContextVar[Exchanges | None] = ContextVar("exchanges", default=None)


@contextmanager
def recorded(name: str) -> Iterator[Exchanges]:
    """Names and records what this thread sends inside the block."""
    exchanges = Exchanges(name)
    token = _CURRENT.set(exchanges)
    try:
        yield exchanges
    finally:
        _CURRENT.reset(token)


def current() -> Exchanges | None:
    """The record of this thread, where one is open."""
    return _CURRENT.get()
