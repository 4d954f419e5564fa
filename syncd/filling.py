"""Fields that stand empty because field service did not know the record: asked for again, and filled in.

Called by the sweep, which looks first (`is_known`) and decides inside its transaction (`fill`).
"""

from __future__ import annotations

from connectors.errors import Refused
from connectors.ports import RemoteSystem
from mappings.decisions import Policy
from mappings.field_map import UNMAPPED
from mappings.references import Unresolved, appeared, is_wanted
from state.store import Transaction
from syncd.observe import Observer, Sightings


def is_known(fsm: RemoteSystem, one: Unresolved) -> bool:
    """Whether field service has exactly one such record by now."""
    if one.reference.match == UNMAPPED:
        return False
    try:
        return fsm.resolve(one.reference.entity, one.reference.match, one.reference.value) is not None
    except Refused:
        return False


def fill(
    observer: Observer, policy: Policy, one: Unresolved, tx: Transaction, sightings: Sightings, *, found: bool
) -> None:
    """The update that fills one field in; one that nobody wants any more is forgotten."""
    facts = tx.facts_for(one.subject_kind, one.subject)
    if facts is None or not is_wanted(one, facts, policy):
        tx.forget_unresolved(one)
    elif found:
        decision = observer.decided(tx, facts, sightings, lambda facts: appeared(one, facts, policy))
        if decision is not None:
            observer.apply(tx, decision, sightings)
