"""One work order made anew in a person's name: `syncd recreate`.

Looks in field service for the highest generation first, outside the transaction; the rules decide whether it may be made, and
the outbox carries it. Called by the command line, beside a running daemon, which sends it.
"""

from __future__ import annotations

from dataclasses import dataclass

from connectors.ports import FieldService
from mappings.decisions import Policy, recreation
from mappings.effects import Decision
from mappings.keys import Correlation
from mappings.model import SUBJECT_KINDS, Facts, Kind
from state.store import LedgerEntry, Store, Transaction
from syncd.logs import Log

GENERATIONS_AHEAD = 20
"""How many generations beyond those that the state knows are looked for in field service."""


class Unnamed(Exception):
    """What was named is not one domain order, order task or work order that the state knows."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks for. `name` is the number or id of a domain order, an order task, or one of its work orders."""

    name: str
    rule: str
    slot: int
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a wish: the key of the create, or "" and why not."""

    subject: str
    number: str
    key: str
    why: str


def recreate(
    store: Store, fsm: FieldService, policy: Policy, wish: Wish, log: Log, *, dry_run: bool
) -> Answer:
    """Raises `Unnamed`, and the connectors' errors when field service cannot be asked."""
    with store.deciding() as tx:
        facts = _facts(tx, wish.name)
    known = _highest_in_fsm(fsm, facts, wish)
    with store.deciding() as tx:
        facts = _facts(tx, wish.name)
        cause = f"{wish.by}: {wish.reason}"
        decision = recreation(wish.rule, wish.slot, known, facts, policy, cause=cause)
        if decision.effects and not dry_run:
            tx.apply(decision)
            tx.remember(_entry(wish, decision))
    key = decision.effects[0].key if decision.effects else ""
    why = "" if key else decision.because[0].text
    if key and not dry_run:
        log.event("work_order.recreated", domain_order=facts.subject.id, key=key, reason=wish.reason)
    return Answer(facts.subject.id, facts.subject.number, key, why)


def _entry(wish: Wish, decision: Decision) -> LedgerEntry:
    return LedgerEntry(
        event="work_order.recreated",
        subject=decision.subject,
        effect_key=decision.effects[0].key,
        data={"by": wish.by, "reason": wish.reason, "rule": wish.rule, "slot": wish.slot},
    )


def _facts(tx: Transaction, name: str) -> Facts:
    found = {
        (kind, record.id)
        for kind in (*SUBJECT_KINDS, Kind.WORK_ORDER)
        for record in (tx.snapshot(kind, name) or tx.by_number(kind, name),)
        if record is not None
    }
    subjects = {subject for kind, id in found for subject in _subjects(tx, kind, id)}
    if len(subjects) != 1:
        many = "several domain orders; name one of them" if subjects else "nothing that the state knows"
        raise Unnamed(f"{name} is {many}")
    facts = tx.facts_for(*subjects.pop())
    assert facts is not None
    return facts


def _subjects(tx: Transaction, kind: Kind, id: str) -> tuple[tuple[Kind, str], ...]:
    return tx.subjects_of(kind, id) if kind is Kind.WORK_ORDER else ((kind, id),)


def _highest_in_fsm(fsm: FieldService, facts: Facts, wish: Wish) -> int:
    """A restored state may know fewer generations than field service has."""
    mine = [link.generation for link in facts.links if (link.rule, link.slot) == (wish.rule, wish.slot)]
    highest, first = 0, max(mine, default=0) + 1
    for generation in range(first, first + GENERATIONS_AHEAD):
        ours = str(Correlation(facts.subject.id, wish.rule, wish.slot, generation))
        if fsm.find(Kind.WORK_ORDER, "correlation_id", ours):
            highest = generation
        elif generation > highest + 1:
            break
    return highest
