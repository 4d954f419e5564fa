"""What waits for a person, and a person's two answers: unreadable records, refused effects, orders with a broken promise.

Called by `syncd.cli.quarantine`; `explain` names the same things. Retrying a record reads it by id on the road of a
page; retrying an effect only lets it go on, delivery looks before it sends. Every answer is kept in the ledger.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connectors.errors import Missing, Unreadable
from mappings.model import SUBJECT_KINDS, Kind
from state.store import Halt, History, LedgerEntry, QuarantinedRecord, Store, StoredEffect
from syncd.intake import Intake

KEY_DIGITS = 12
"""Of the digest that names a record without a readable id."""


@dataclass(frozen=True, slots=True)
class HeldRecord:
    """A record in quarantine. `name` is what the verbs take; `number` "" where it could not be read."""

    name: str
    number: str
    record: QuarantinedRecord


@dataclass(frozen=True, slots=True)
class HeldEffect:
    """A parked effect; `number` is that of its domain order or order task."""

    number: str
    effect: StoredEffect

    @property
    def name(self) -> str:
        return self.effect.effect.key


@dataclass(frozen=True, slots=True)
class HeldOrder:
    """A domain order or order task for which a promise was broken: all its effects wait."""

    number: str
    halt: Halt

    @property
    def name(self) -> str:
        return self.halt.subject


Held = HeldRecord | HeldEffect | HeldOrder


@dataclass(frozen=True, slots=True)
class Person:
    """Who answers, and why; kept in the ledger."""

    by: str = ""
    reason: str = ""


def everything(history: History, number_column: Mapping[Kind, str]) -> tuple[Held, ...]:
    """Orders first, then records, then effects, each oldest first. `number_column` names where a raw record has its number."""
    records = [held_record(one, number_column.get(one.kind, "")) for one in history.quarantined()]
    effects = [HeldEffect(_number_of(history, one.effect.subject), one) for one in history.parked()]
    orders = [HeldOrder(_number_of(history, one.subject), one) for one in history.halts()]
    return (*orders, *records, *effects)


def held_record(record: QuarantinedRecord, number_column: str) -> HeldRecord:
    """A record with the name that a person can give it and the number that its raw text shows."""
    return HeldRecord(
        record.id or f"body:{record.key.partition(':')[2][:KEY_DIGITS]}",
        _number_in(record.body, number_column),
        record,
    )


def _number_in(body: str, column: str) -> str:
    try:
        row = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    found = row.get(column) if isinstance(row, dict) else None
    return found if isinstance(found, str) else ""


def _number_of(history: History, subject: str) -> str:
    for kind in SUBJECT_KINDS:
        record = history.record(kind, subject)
        if record is not None:
            return record.number
    return ""


def called(name: str, held: tuple[Held, ...]) -> tuple[Held, ...]:
    """What a person means by a name: an effect key, or a record's id or number, with its kind in front if need be."""
    return tuple(one for one in held if name in _names(one))


def effects_of(name: str, held: tuple[Held, ...]) -> tuple[HeldEffect, ...]:
    """The parked effects of a domain order or order task that has this number or id."""
    effects = (one for one in held if isinstance(one, HeldEffect))
    return tuple(one for one in effects if name in (one.number, one.effect.effect.subject))


def _names(one: Held) -> set[str]:
    if isinstance(one, HeldEffect):
        return {one.name}
    if isinstance(one, HeldOrder):
        bare = {one.name, one.number} - {""}
        return bare | {f"order:{name}" for name in bare}
    bare = {one.name, one.number} - {""}
    return bare | {f"{one.record.kind}:{name}" for name in bare}


class StillUnreadable(Exception):
    """A record that was read again and stays in quarantine; the text says why and what to do."""


def read_again(store: Store, intake: Intake, held: HeldRecord, person: Person) -> None:
    """Reads a record by id and takes it in. Raises `StillUnreadable`, or the errors of a read."""
    record = held.record
    _by_id(held, lambda: intake.take_record(record.kind, record.id))
    with store.deciding() as tx:
        tx.remember(_answer("quarantine.retried", held, person))
    with store.history() as history:
        left = [one for one in history.quarantined() if (one.kind, one.key) == (record.kind, record.key)]
    if left:
        raise StillUnreadable(f"{left[0].reason}; syncd quarantine show {held.name}")


def can_be_read(held: HeldRecord, read: Callable[[], object]) -> None:
    """Only asks whether a record could be read now. Raises `StillUnreadable`, or the errors of a read."""
    _by_id(held, read)


def _by_id(held: HeldRecord, step: Callable[[], object]) -> None:
    if not held.record.id:
        raise StillUnreadable(
            "not even its id could be read, so it cannot be asked for; its feed brings it again when it changes"
        )
    try:
        step()
    except Unreadable as error:
        where = f"{error.field}: " if error.field else ""
        raise StillUnreadable(f"{where}{error.reason}") from None
    except Missing:
        raise StillUnreadable(
            f"{held.record.system} shows no such record to our user: it is gone, or access rules hide it"
        ) from None


def let_go_on(store: Store, held: HeldEffect | HeldOrder, person: Person) -> bool:
    """Takes a parked effect up again; delivery looks before it sends. Or lets an order go on in spite of what was found.
    False when it is not parked any more."""
    with store.deciding() as tx:
        if isinstance(held, HeldOrder):
            moved = tx.let_go_on(held.halt.subject, person.by, person.reason)
        else:
            moved = tx.retry(held.name)
        if moved:
            tx.remember(_answer("quarantine.retried", held, person))
    return moved


def give_up(store: Store, held: HeldRecord | HeldEffect, person: Person) -> bool:
    """Puts a record away, or gives an effect up. False when it is not there any more."""
    with store.deciding() as tx:
        if isinstance(held, HeldEffect):
            gone = tx.drop(held.name, f"given up by {person.by}: {person.reason}")
        else:
            gone = tx.forget_quarantined(held.record.kind, held.record.key)
        if gone:
            tx.remember(_answer("quarantine.dropped", held, person))
    return gone


def _answer(event: str, held: Held, person: Person) -> LedgerEntry:
    said = {"by": person.by, "reason": person.reason}
    if isinstance(held, HeldEffect):
        effect = held.effect.effect
        work_order = effect.target if effect.target_kind is Kind.WORK_ORDER else ""
        return LedgerEntry(event, effect.subject, work_order=work_order, effect_key=effect.key, data=said)
    if isinstance(held, HeldOrder):
        return LedgerEntry(event, held.halt.subject, data=said | {"why": held.halt.reason})
    record = held.record
    work_order = record.id if record.kind is Kind.WORK_ORDER else ""
    data = said | {"kind": record.kind.value, "name": held.name, "why": f"{record.field}: {record.reason}"}
    return LedgerEntry(event, record.id, work_order=work_order, data=data)


def next_step(held: Held) -> str:
    """What a person does about it, in one sentence that names the commands."""
    if isinstance(held, HeldOrder):
        name = held.number or held.name
        return (
            f"look at what is wrong: syncd explain {name}; then let it go on as it is, in your name: "
            f"syncd quarantine retry {name} --by NAME --reason TEXT"
        )
    if isinstance(held, HeldEffect):
        return (
            f"remove what the reason names, then: syncd quarantine retry {held.name}"
            " (or give it up: syncd quarantine drop)"
        )
    system = held.record.system.replace("_", " ")
    if not (held.record.body or held.record.field):
        return f"a rule failed on it, which is a defect of syncd: after an upgrade, syncd quarantine retry {held.name}"
    if not held.record.id:
        return f"correct it in {system}: its feed brings it again when it changes; then: syncd quarantine drop {held.name}"
    return (
        f"correct it in {system}, and its feed brings it again by itself; or correct access rules or the profile,"
        f" then: syncd quarantine retry {held.name}"
    )
