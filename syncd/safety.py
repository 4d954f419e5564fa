"""The mass-change stop: a pass or a sweep that would write for unusually many orders ends before its first write.

Called by `intake` and `sweep` inside their transactions: what would go too far is rolled back, the rest of the pass is
only counted, and the lane waits for a person (`syncd safety allow`). Counts orders, not writes: one order with many lines
is one. Never sends and never decides anything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from mappings.decisions import Policy
from mappings.effects import Effect, EffectKind
from mappings.model import Kind
from state.store import History, Store, Transaction
from syncd.logs import Log

COUNTED = frozenset(
    {
        EffectKind.CREATE_WORK_ORDER,
        EffectKind.UPDATE_WORK_ORDER,
        EffectKind.CANCEL_WORK_ORDER,
        EffectKind.UPDATE_WORK_TASK,
        EffectKind.REOPEN_DOMAIN_ORDER,
    }
)
VANISHED = "vanished"
"""What a sweep counts beside writes: work orders and domain orders that are gone."""
SWEEP = "sweep"
LEVELS_ABOVE = 8
"""How far above a domain order its customer order is looked for."""


class RolledBack(Exception):
    """Leaves a deciding transaction without a commit."""


@dataclass(slots=True)
class Tally:
    """The orders that one pass or sweep would write for, by what it would do."""

    orders: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, tx: Transaction, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if effect.kind in COUNTED:
                self.note(tx, effect.kind.value, effect.subject_kind, effect.subject)

    def note(self, tx: Transaction, what: str, kind: Kind, subject: str) -> None:
        self.orders[what].add(_order_of(tx, kind, subject))

    def counts(self) -> dict[str, int]:
        """How many orders, by what would be done to them."""
        return {what: len(orders) for what, orders in sorted(self.orders.items()) if orders}

    def total(self) -> int:
        return len(set().union(*self.orders.values()))


class Limits(NamedTuple):
    """Up to how many orders a pass may write for."""

    share: float
    """Of the known open orders."""
    floor: int
    """So many may always pass."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Whether a lane may work: not while it waits for a person, and only up to `allowed` once one has spoken."""

    paused: bool = False
    allowed: Mapping[str, int] | None = None


class Safety:
    """Watches over the lanes. `limits` is asked each time, so that a reload takes effect."""

    def __init__(
        self, store: Store, policy: Callable[[], Policy], log: Log, *, limits: Callable[[], Limits]
    ) -> None:
        self._store = store
        self._policy = policy
        self._log = log
        self._limits = limits

    def leave(self, lane: str) -> Leave:
        """Asked when a pass or sweep begins."""
        with self._store.history() as history:
            return leave_of(lane, history)

    def stopped(self) -> dict[str, Mapping[str, int] | None]:
        """The lanes that stopped, with what a person allowed, None where nobody has spoken yet."""
        with self._store.history() as history:
            return _stopped(history)

    def exceeds(self, tx: Transaction, tally: Tally, leave: Leave) -> bool:
        """Whether what was counted so far goes too far."""
        share, floor = self._limits()
        if tally.total() <= floor:
            return False
        if leave.allowed is not None:
            allowed = leave.allowed
            return any(count > allowed.get(what, 0) + floor for what, count in tally.counts().items())
        return tally.total() > share * self._known(tx)

    def stop(self, lane: str, tally: Tally) -> None:
        """Everything was counted: the lane waits for a person."""
        with self._store.deciding() as tx:
            known = self._known(tx)
            tx.stop_lane(lane, tally.counts(), known)
        self._log.event(
            "mass_change.stopped",
            lane=lane,
            effects=tally.counts(),
            known=known,
            next=f"look at them, then: syncd safety allow {lane} --by NAME --reason TEXT",
        )

    def finish(self, lane: str, leave: Leave) -> None:
        """A pass or sweep came to its end: what a person allowed is used up."""
        if leave.allowed is not None:
            with self._store.deciding() as tx:
                tx.clear_lane(lane)

    def _known(self, tx: Transaction) -> int:
        return tx.known_open(Kind.CUSTOMER_ORDER, self._policy().lifecycles[Kind.CUSTOMER_ORDER].closed)


def leave_of(lane: str, history: History) -> Leave:
    """As `Safety.leave`, for a lane that asks more at that instant."""
    stops = _stopped(history)
    if lane not in stops:
        return Leave()
    return Leave(allowed=stops[lane]) if stops[lane] is not None else Leave(paused=True)


def _stopped(history: History) -> dict[str, Mapping[str, int] | None]:
    return {stop.lane: stop.counts if stop.allowed_at else None for stop in history.stops()}


def _order_of(tx: Transaction, kind: Kind, id: str) -> str:
    """The customer order of a subject; the subject itself where none is known."""
    subject = id
    for _ in range(LEVELS_ABOVE):
        record = tx.snapshot(kind, id)
        above = record.parents() if record is not None else {}
        named = next(
            (above[name] for name in ("order", "order_line", "parent", "domain_order") if name in above), None
        )
        if named is None:
            return subject
        kind, id = named
        if kind is Kind.CUSTOMER_ORDER:
            return id
    return subject
