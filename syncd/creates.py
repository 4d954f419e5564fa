"""How a create stays one in effect: under an id that we choose, or by its correlation where the server chooses ids.

Used by `dispatch` on a worker thread. Looks and remembers, never writes. The theory: an id of our own makes a second send
harmless, so nothing needs to wait. Without one, only a search can tell whether the first send came to something, and a search
is believed no sooner than the longest execution of the server plus the lag of its index after that send. That a server keeps
our ids is proven by an answer, never assumed: until one has shown it, a second send waits for a search too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from connectors.errors import Missing
from connectors.ports import FieldService
from mappings.decisions import Policy
from mappings.effects import Effect
from mappings.model import Kind, Record, System
from state.store import Claim, Store
from syncd.logs import Log

CORRELATION = "correlation_id"


class Tactic(StrEnum):
    """By what a create is recognised."""

    OWN_ID = "own_id"
    """The server has kept an id that we chose."""
    UNPROVEN = "unproven"
    """It should, and no answer has shown it yet."""
    BY_CORRELATION = "correlation"
    """It chooses ids itself."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a look for a create has found: the work order that answers it, and others that do so too."""

    record: Record
    surplus: tuple[Record, ...] = ()


class Creates:
    """What one process knows of how field service treats ids."""

    def __init__(self, fsm: FieldService, policy: Callable[[], Policy], log: Log, tactic: Tactic) -> None:
        self._fsm = fsm
        self._policy = policy
        self._log = log
        self._lock = threading.Lock()
        self.tactic = tactic

    def look(self, effect: Effect) -> Sighting | None:
        """Looks by id; by correlation too, unless our ids are proven. Raises the errors of a read."""
        try:
            found = self._fsm.read(Kind.WORK_ORDER, effect.target)
        except Missing:
            return None if self.tactic is Tactic.OWN_ID else self._search(effect)
        self._prove()
        return Sighting(found)

    def learn(self, effect: Effect, answered: Record) -> None:
        """What the answer to a create shows about ids."""
        if answered.id == effect.target:
            self._prove()
            return
        with self._lock:  # several workers may be answered at once
            news = self.tactic is not Tactic.BY_CORRELATION
            self.tactic = Tactic.BY_CORRELATION
        if news:
            self._log.event(
                "capability.absent",
                system=System.FIELD_SERVICE,
                capability="client-chosen id",
                found="the server chose its own; creates are recognised by their correlation from now on",
            )

    def believed_after_s(self) -> float:
        """How long after a send it takes until a look that finds nothing is believed."""
        if self.tactic is Tactic.OWN_ID:
            return 0.0
        return (self._fsm.settle + self._fsm.search_lag).total_seconds()

    def is_believed(self, claim: Claim) -> bool:
        """Whether a look that finds nothing says that an earlier send came to nothing (own id: that it harms nothing).

        One whose send nobody remembers is claimed only when a look may be believed: the catch-up sees to that.
        """
        return claim.last_sent_at is None or claim.silence_s >= self.believed_after_s()

    def is_hidden(self, effect: Effect) -> bool:
        """Whether access rules keep a work order from us that answers the create, so that another send would double it."""
        wanted = effect.values.get(CORRELATION, "")
        if self.tactic is Tactic.OWN_ID or not wanted:
            return False
        return self._fsm.hides(Kind.WORK_ORDER, CORRELATION, wanted)

    def _search(self, effect: Effect) -> Sighting | None:
        """Of several, the oldest that is not cancelled stays: somebody may have tidied up already."""
        wanted = effect.values.get(CORRELATION, "")
        if not wanted:
            return None
        found = self._fsm.find(Kind.WORK_ORDER, CORRELATION, wanted)
        hits = sorted(
            (one for one in found if one.get(CORRELATION) == wanted), key=lambda one: (one.created_at, one.id)
        )
        if not hits:
            return None
        cancelled = self._policy().lifecycles[Kind.WORK_ORDER].cancelled
        kept = next((one for one in hits if one.state not in cancelled), hits[0])
        return Sighting(kept, tuple(one for one in hits if one is not kept))

    def _prove(self) -> None:
        with self._lock:
            if self.tactic is Tactic.UNPROVEN:
                self.tactic = Tactic.OWN_ID


def tactic_of(creates: str, store: Store) -> Tactic:
    """How creates are recognised, as far as the profile says it and the state remembers."""
    if creates == Tactic.BY_CORRELATION:
        return Tactic.BY_CORRELATION
    return {True: Tactic.OWN_ID, False: Tactic.BY_CORRELATION, None: Tactic.UNPROVEN}[store.own_ids_kept()]
