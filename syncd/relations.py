"""Rows that relate work orders to their domain orders: looked for, made, and what it means when they cannot be.

Called by `dispatch` on a worker thread. A row is always looked for before it is made: another life may have made it, or a
person, and where the server chooses ids nothing else keeps a second send from making a second row. A refusal is told once and
stops nothing: the notes say the same.
"""

from __future__ import annotations

import threading

from connectors.errors import Refused
from connectors.ports import OrderManagement, Relation
from mappings.effects import Effect
from mappings.relations import CHILD, PARENT, ROW, TYPE
from state.store import Claim, Done, Overtaken
from syncd.logs import Log
from syncd.performed import Performed


class Relations:
    """Safe on any number of threads."""

    def __init__(self, om: OrderManagement, log: Log) -> None:
        self._om = om
        self._log = log
        self._lock = threading.Lock()
        self._refused = False
        """Whether the refusal was told."""

    def look(self, claim: Claim) -> Performed | None:
        """What came of a row that stands or may not even be looked for; None where it is to be made."""
        try:
            stands = self._om.related(_relation(claim.effect))
        except Refused as error:
            return self.told(Performed(claim, Overtaken(error.reason), refusal=error.reason))
        return self.told(Performed(claim, Done(detail="it stands already"))) if stands else None

    def make(self, effect: Effect) -> None:
        self._om.relate(_relation(effect))

    def told(self, performed: Performed) -> Performed:
        """The same; a refusal is told once, until a row stands again."""
        with self._lock:
            first = bool(performed.refusal) and not self._refused
            if performed.refusal or isinstance(performed.outcome, Done):
                self._refused = bool(performed.refusal)
        if first:
            self._log.event(
                "relation.refused",
                reason=performed.refusal,
                next="may our user read and write the relation table of the profile ([relation])?",
            )
        return performed


def _relation(effect: Effect) -> Relation:
    values = effect.values
    return Relation(values[ROW], values[PARENT], values[CHILD], values[TYPE])
