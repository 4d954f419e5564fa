"""Where the time of a deciding transaction goes. Used by the lanes for their canonical lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from state.store import Store, Transaction


@dataclass(slots=True)
class Spent:
    """Seconds inside deciding transactions, and seconds for making them durable."""

    decide_s: float = 0.0
    commit_s: float = 0.0


@contextmanager
def deciding(store: Store, spent: Spent, monotonic: Callable[[], float]) -> Iterator[Transaction]:
    """`store.deciding()`, timed. A transaction that is rolled back counts for nothing."""
    began = monotonic()
    with store.deciding() as tx:
        yield tx
        decided = monotonic()
    spent.decide_s += decided - began
    spent.commit_s += monotonic() - decided
