"""Parks an order for which a promise was broken, in the transaction that would have gone on with it.

Called by `observe` with every decision whose facts are at hand. The decision is stored all the same, so that nothing is lost:
its effects wait until a person has looked (`syncd quarantine`). Everything else goes on.
"""

from __future__ import annotations

from collections.abc import Iterator

from mappings.decisions import Policy
from mappings.effects import Decision
from mappings.invariants import Violation, violations
from mappings.model import Facts
from state.store import LedgerEntry, Transaction


def park_if_violated(
    tx: Transaction, facts: Facts, decision: Decision, policy: Policy
) -> Iterator[dict[str, object]]:
    """The fields of one loud event for each promise that was found broken for the first time. Called after the decision
    was applied."""
    clashes = [Violation("S1", f"another effect has the key {key}") for key in tx.take_clashes()]
    found = (*violations(facts, decision, policy), *clashes)
    if not found:
        return
    # one order is parked once, with everything that is wrong with it
    promises = ", ".join(sorted({one.promise for one in found}))
    reason = "; ".join(dict.fromkeys(one.text for one in found))
    subject = facts.subject
    if not tx.halt(subject.kind, subject.id, promises, reason):
        return
    tx.remember(
        LedgerEntry("invariant.violated", subject=subject.id, data={"promise": promises, "reason": reason})
    )
    yield {
        "domain_order": subject.id,
        "number": subject.number,
        "promise": promises,
        "reason": reason,
        "next": f"look at it: syncd explain {subject.number}; then: syncd quarantine retry {subject.number}",
    }
