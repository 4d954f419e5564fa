"""Orders decided again after an edit of a decision table, which by itself never changes a plan that is pinned.

Called by `syncd redecide`, beside a running daemon too, which sends what follows. Everything is decided once and taken
back first: what would go too far stops there, before anything is stored. Asks the tables alone: what else differs between
an order and its work orders is the business of the feeds and of the sweep.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from mappings.decisions import Policy, redecided
from mappings.effects import Effect
from mappings.model import Kind
from state.store import Store, Transaction
from syncd.logs import Log
from syncd.observe import Observer, Sightings
from syncd.safety import RolledBack, Safety, Tally

LANE = "redecide"
PAGE = 200
"""Orders that one transaction decides."""
KEPT = 1000
"""Effects that are named one by one."""


@dataclass(slots=True)
class Redecided:
    """What it came to. `stopped`: how many orders it would write for, by what it would do, and nothing is stored."""

    orders: int = 0
    replanned: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    intended: list[Effect] = field(default_factory=list)
    stopped: Mapping[str, int] | None = None


class Redecide:
    """Asks the tables again for the orders that one of them has decided."""

    def __init__(
        self, store: Store, observer: Observer, *, safety: Safety, policy: Callable[[], Policy], log: Log
    ) -> None:
        self._store = store
        self._observer = observer
        self._safety = safety
        self._policy = policy
        self._log = log

    def run(self, table: str, since: datetime, *, plan: bool = False) -> Redecided:
        """For the domain orders and order tasks created since then whose stored plan is of `table`."""
        with self._store.history() as history:
            subjects = history.planned_by(table, since)
        lane = f"{LANE}:{table}"
        leave = self._safety.leave(lane)
        done, tally = Redecided(orders=len(subjects)), Tally()
        too_many = False
        for page in _pages(subjects):
            with _taken_back(self._store) as tx:
                sightings = self._decide(tx, page)
                tally.add(tx, sightings.intended)
                too_many = too_many or self._safety.exceeds(tx, tally, leave)
            done.replanned += sum(event == "plan.pinned" for event, _ in sightings.events)
            done.counts.update(effect.kind.value for effect in sightings.intended)
            done.intended += sightings.intended[: max(0, KEPT - len(done.intended))]
        if too_many or leave.paused:
            done.stopped = tally.counts()
        if plan:
            return done
        if done.stopped is not None:
            self._safety.stop(lane, tally)
            return done
        for page in _pages(subjects):
            with self._store.deciding() as tx, tx.in_background():
                sightings = self._decide(tx, page)
            sightings.tell(self._log)
        self._safety.finish(lane, leave)
        return done

    def _decide(self, tx: Transaction, subjects: Sequence[tuple[Kind, str]]) -> Sightings:
        sightings = Sightings()
        for kind, id in subjects:
            facts = tx.facts_for(kind, id)
            if facts is None:
                continue
            decision = self._observer.decided(
                tx, facts, sightings, lambda facts: redecided(facts, self._policy())
            )
            if decision is not None:
                self._observer.apply(tx, decision, sightings, revive=False)
        return sightings


@contextmanager
def _taken_back(store: Store) -> Iterator[Transaction]:
    """A deciding transaction that stores nothing."""
    with suppress(RolledBack), store.deciding() as tx:
        yield tx
        raise RolledBack


def _pages(subjects: Sequence[tuple[Kind, str]]) -> Iterator[list[tuple[Kind, str]]]:
    rest = iter(subjects)
    while page := list(islice(rest, PAGE)):
        yield page
