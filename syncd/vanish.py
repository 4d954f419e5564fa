"""Records that are gone: how the sweep makes sure, and what it decides when it is.

Called by `sweep` only. A record counts as gone when a read by its id does not find it while another record of its table is
found, twice, a sweep apart. One that access rules hide from our user is not gone.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.errors import Missing, Unreadable
from connectors.ports import RemoteSystem
from mappings.decisions import Policy
from mappings.model import SUBJECT_KINDS, Kind
from mappings.vanished import subject_vanished, work_order_vanished
from state.store import LedgerEntry, Store, Transaction
from syncd.observe import Observer, Sightings
from syncd.safety import VANISHED, Tally

WITNESSES = 10
"""How many known records are asked for at most, where no look has shown one."""
JUDGED = (*SUBJECT_KINDS, Kind.WORK_ORDER)
"""Kinds whose records may count as vanished."""


def really_gone(
    remote: RemoteSystem, kind: Kind, ids: Sequence[str], witness: str | None, store: Store
) -> list[str]:
    """Those of `ids` that are not there now. `witness` is a record of the table that was there when we looked; where the
    look has shown none, what `store` knows of the table is asked for, whatever state it was in."""
    if not ids or kind not in JUDGED:
        return []
    gone = [id for id in ids if _is_missing(remote, kind, id) and not remote.hides(kind, "id", id)]
    if not gone:
        return []
    witnesses = [witness] if witness is not None else _known(store, kind, ids)
    return gone if any(not _is_missing(remote, kind, one) for one in witnesses) else []


def _known(store: Store, kind: Kind, without: Sequence[str]) -> list[str]:
    with store.history() as history:
        found = history.open_ids(kind, "", "", (), limit=len(without) + WITNESSES)
    return [id for id in found if id not in without][:WITNESSES]


def _is_missing(remote: RemoteSystem, kind: Kind, id: str) -> bool:
    try:
        remote.read(kind, id)
    except Missing:
        return True
    except Unreadable:
        return False
    return False


class Vanishing:
    """What follows when a record has vanished, inside the caller's transaction."""

    def __init__(self, observer: Observer, policy: Policy, tally: Tally) -> None:
        self._observer = observer
        self._policy = policy
        self._tally = tally

    def work_order(self, tx: Transaction, id: str, number: str, sightings: Sightings) -> None:
        """Noted on each subject that it is linked to."""
        for kind, subject in tx.subjects_of(Kind.WORK_ORDER, id):
            facts = tx.facts_for(kind, subject)
            if facts is not None:
                self._tally.note(tx, VANISHED, kind, subject)
                sightings.add("work_order.vanished", domain_order=subject, work_order=id, number=number)
                self._observer.apply(tx, work_order_vanished(id, facts, self._policy), sightings)
                tx.remember(LedgerEntry("vanished", subject, work_order=id, data={"number": number}))

    def subject(self, tx: Transaction, kind: Kind, id: str, sightings: Sightings) -> None:
        """Its open work orders are flagged."""
        facts = tx.facts_for(kind, id)
        if facts is not None:
            number = facts.subject.number
            self._tally.note(tx, VANISHED, kind, id)
            sightings.add("domain_order.vanished", domain_order=id, number=number)
            self._observer.apply(tx, subject_vanished(facts, self._policy), sightings)
            tx.end_request(id, "the domain order is gone")
            tx.remember(LedgerEntry("vanished", id, data={"number": number}))
