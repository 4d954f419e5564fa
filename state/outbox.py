"""The durable list of effects: how one is born, voided, settled, lost and released. `claims` says who goes next.

Called by `state.transaction` and `state.store`. A status changes only along `mappings.effects.MOVES`, and every settling
statement compares the fence: zero rows mean that the claim was lost in the meantime, and nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, assert_never

from sqlalchemy import Connection, bindparam, delete, insert, literal_column, select, update

from mappings.effects import MOVES, Decision, Effect, EffectKind, Reference
from mappings.model import EffectStatus, Kind, KnownEffect, Link, Origin, System
from state import concluded, schema
from state.concluded import Known, Remembered
from state.prepared import Prepared
from state.types import Claim, Done, InDoubt, NotSent, Outcome, Overtaken, Parked, ParkedEffect

O = schema.outbox  # noqa: E741 - a table alias, written with its column after it
REASON_LIMIT = 500
"""Characters of a reason that are kept."""
SHOWN_TRIES = 5
"""How often one content is sent to be shown, where it is refused and only reviews ask for it."""
_SHOWING = frozenset({EffectKind.SHOW_WORK_ORDERS, EffectKind.RELATE})


def sources(event: str) -> tuple[EffectStatus, ...]:
    """From which states `event` moves an effect."""
    return tuple(status for status, name in MOVES if name == event)


def target(event: str) -> str:
    """Where `event` moves an effect: the same state from everywhere."""
    (found,) = {after for (_, name), after in MOVES.items() if name == event}
    return found.value


def words(*statuses: EffectStatus) -> list[Any]:
    """Statuses as SQL literals: a partial index serves only a condition without parameters."""
    return [literal_column(f"'{status.value}'") for status in statuses]


OPEN_WORDS = words(*(s for s in EffectStatus if s not in (EffectStatus.DONE, EffectStatus.SUPERSEDED)))
_UNSENT = words(*(s for s in sources("overtaken") if s is not EffectStatus.IN_FLIGHT))

_STORED = Prepared(
    select(
        O.c.key,
        O.c.kind,
        O.c.subject,
        O.c.system,
        O.c.status,
        O.c.attempts,
        O.c.first_sent_at,
        O.c.last_sent_at,
    ).where(O.c.key.in_(bindparam("keys", expanding=True)))
)
_VOID = (
    update(O)
    .where(O.c.key.in_(bindparam("keys", expanding=True)), O.c.status.in_(_UNSENT))
    .values(
        status=target("overtaken"),
        moved_at=bindparam("now"),
        settled_at=bindparam("now"),
        not_before=None,
        reason=bindparam("why"),
    )
)
_BIRTH = insert(O)
_SETTLE = update(O).where(
    O.c.id == bindparam("of"),
    O.c.fence == bindparam("claimed_as"),
    O.c.status == EffectStatus.IN_FLIGHT.value,
)
_LOSE = (
    update(O)
    .where(O.c.id == bindparam("row"), O.c.status.in_(words(*sources("lost"))))
    .values(
        status=target("lost"),
        owner="",
        lease_until=None,
        moved_at=bindparam("now"),
        not_before=bindparam("probe_at"),
        reason="the process that sent it was lost",
    )
)
_FORGET = delete(O).where(O.c.key.in_(bindparam("keys", expanding=True)))
_OF_SUBJECT = Prepared(
    select(O.c.key, O.c.kind, O.c.status, O.c.target)
    .where(O.c.subject == bindparam("subject"), O.c.status.in_(OPEN_WORDS))
    .order_by(O.c.id)
)
_PARKED = (
    select(O.c.key, O.c.subject, O.c.reason)
    .where(O.c.status.in_(OPEN_WORDS), O.c.status == EffectStatus.PARKED.value)
    .order_by(O.c.id)
)


_OF_TARGET = select(O.c.id, O.c.effect).where(
    O.c.subject == bindparam("subject"), O.c.target == bindparam("old"), O.c.status.in_(OPEN_WORDS)
)
_DONE_OF = Prepared(
    select(O.c.effect).where(O.c.subject == bindparam("subject"), O.c.status == EffectStatus.DONE.value)
)
_NEWEST_CREATE = (
    select(O.c.subject, O.c.target)
    .where(O.c.kind == EffectKind.CREATE_WORK_ORDER.value, O.c.status == EffectStatus.DONE.value)
    .order_by(O.c.id.desc())
    .limit(1)
)


def apply(
    connection: Connection,
    decision: Decision,
    now: datetime,
    *,
    revive: bool = True,
    unremembered: bool = False,
    probe_from: datetime | None = None,
    background: bool = False,
    clashes: list[str] | None = None,
) -> tuple[str, ...]:
    """Voids what the decision supersedes and stores what it intends; the keys that wait now and did not before.

    An effect whose key another one has is not stored; its key is added to `clashes`.

    With `unremembered` effects are born in doubt: another life may have sent them. They are looked for from `probe_from` on.
    """
    if decision.supersede:
        why = decision.because[0].text if decision.because else "superseded by a later decision"
        values = {"keys": list(decision.supersede), "now": now, "why": why[:REASON_LIMIT]}
        connection.execute(_VOID, values)
    effects = {effect.key: effect for effect in decision.effects}
    if not effects:
        return ()
    stored = _stored(connection, effects)
    foreign = [key for key, known in stored.items() if known.is_another]
    if clashes is not None:
        clashes += foreign
    wanted_again = [
        key
        for key, known in stored.items()
        if known.status in sources("wanted_again")
        and key not in foreign
        and (revive or _is_tried_again(effects[key], known))
    ]
    born = [key for key in effects if key not in stored or key in wanted_again]
    if wanted_again:
        # born anew at the end of its queue: its old place was before effects that were decided since
        connection.execute(_FORGET, {"keys": wanted_again})
        concluded.forget(connection, wanted_again)
    if born:
        rows = [_row(effects[key], stored.get(key), now) | {"background": background} for key in born]
        if unremembered:
            doubt = {"status": EffectStatus.IN_DOUBT.value, "not_before": probe_from, "unremembered": True}
            rows = [row | doubt for row in rows]
        connection.execute(_BIRTH, rows)
    return tuple(born)


def _stored(connection: Connection, effects: Mapping[str, Effect]) -> dict[str, Known]:
    """What is known of these keys, be they in the outbox or of orders that ended long ago."""
    found = {
        row.key: Known(
            status=EffectStatus(row.status),
            attempts=row.attempts,
            first_sent_at=row.first_sent_at,
            last_sent_at=row.last_sent_at,
            is_another=_is_another(effects[row.key], row),
        )
        for row in _STORED.all(connection, {"keys": list(effects)})
    }
    return concluded.stored(connection, (one for key, one in effects.items() if key not in found)) | found


def _is_tried_again(effect: Effect, known: Known) -> bool:
    """What shows the work orders is given up by nobody: refused, or overtaken by a content that is gone by now, it is tried
    again, but not for ever where a server never takes it."""
    return effect.kind in _SHOWING and known.attempts < SHOWN_TRIES


def _is_another(effect: Effect, row: Any) -> bool:
    """Whether a stored effect of this key is not this one at all; what it would write may have been decided anew."""
    return (row.kind, row.subject, row.system) != (effect.kind.value, effect.subject, effect.system.value)


def _row(effect: Effect, before: Known | None, now: datetime) -> dict[str, object]:
    return {
        "key": effect.key,
        "kind": effect.kind.value,
        "priority": 0 if effect.kind is EffectKind.CLOSE_DOMAIN_ORDER else 1,
        "subject": effect.subject,
        "system": effect.system.value,
        "target": effect.target,
        "status": EffectStatus.PENDING.value,
        "moved_at": now,
        "effect": effect,
        "because": effect.because,
        "attempts": before.attempts if before else 0,
        "fence": 0,
        "owner": "",
        "born_at": now,
        "first_sent_at": before.first_sent_at if before else None,
        "last_sent_at": before.last_sent_at if before else None,
        "not_before": None,
        "unremembered": False,
        "reason": "",
    }


def to_effect(data: Mapping[str, Any]) -> Effect:
    """An effect from its JSON."""
    values = dict(data)
    link = values.pop("link")
    references = {name: Reference(**one) for name, one in values.pop("references").items()}
    return Effect(
        **values
        | {
            "kind": EffectKind(values["kind"]),
            "system": System(values["system"]),
            "subject_kind": Kind(values["subject_kind"]),
            "target_kind": Kind(values["target_kind"]),
            "still_closed": tuple(values.get("still_closed", ())),
            "while_open": tuple(values.get("while_open", ())),
        },
        references=references,
        link=None if link is None else Link(**link | {"origin": Origin(link["origin"])}),
    )


def of_subject(connection: Connection, subject: str) -> tuple[KnownEffect, ...]:
    """The effects of a domain order that are neither done nor superseded, oldest first."""
    rows = _OF_SUBJECT.all(connection, {"subject": subject})
    return tuple(KnownEffect(row.key, row.kind, EffectStatus(row.status), row.target) for row in rows)


def remembered(connection: Connection, subject: str) -> Remembered:
    """The markers of everything that is known to have been written for a domain order."""
    effects = _DONE_OF.all(connection, {"subject": subject})
    here = frozenset(marker for (effect,) in effects if (marker := effect.get("marker", "")))
    return concluded.remembered(connection, subject, here)


def parked(connection: Connection) -> tuple[ParkedEffect, ...]:
    return tuple(ParkedEffect(*row) for row in connection.execute(_PARKED))


def settle(connection: Connection, claim: Claim, outcome: Outcome, now: datetime) -> bool:
    """Moves a claimed effect by its outcome. False: the fence has moved on, somebody else has it, nothing is written."""
    values: dict[str, Any] = {"owner": "", "lease_until": None, "moved_at": now}
    match outcome:
        case Done(detail=detail):
            values |= {"status": target("done"), "settled_at": now, "reason": detail}
        case NotSent(reason, retry_in_s):
            values |= {"status": target("not_sent"), "reason": reason, "not_before": _in(retry_in_s, now)}
            if not claim.probing:  # then no byte of it has ever left
                values |= {"first_sent_at": None, "last_sent_at": None}
        case InDoubt(reason, probe_in_s):
            values |= {"status": target("doubtful"), "reason": reason, "not_before": _in(probe_in_s, now)}
        case Parked(reason):
            values |= {"status": target("refused"), "reason": reason}
        case Overtaken(reason):
            values |= {"status": target("overtaken"), "settled_at": now, "reason": reason}
        case _:
            assert_never(outcome)
    values["reason"] = values["reason"][:REASON_LIMIT]
    values |= {"of": claim.id, "claimed_as": claim.fence}
    return connection.execute(_SETTLE, values).rowcount == 1


def _in(seconds: float, now: datetime) -> datetime:
    return now + timedelta(seconds=seconds)


def lose(
    connection: Connection, rows: list[Any], settle_s: Mapping[System, float], default_s: float, now: datetime
) -> None:
    """Moves in-flight rows (id, kind, system) whose owner is gone into doubt. What is not in flight is settled by nobody."""
    values = [
        {"row": row.id, "probe_at": _in(_doubt_s(row, settle_s, default_s), now), "now": now} for row in rows
    ]
    if values:
        connection.execute(_LOSE, values)


def _doubt_s(row: Any, settle_s: Mapping[System, float], default_s: float) -> float:
    if row.kind == EffectKind.CREATE_WORK_ORDER.value:
        return 0  # the id is ours: a look-up by id or a second send harms nothing
    return settle_s.get(System(row.system), default_s)


def retarget(connection: Connection, subject: str, old: str, new: str) -> int:
    """What waits for a work order under the id that we chose goes to the one that the server made; how many that were."""
    rows = connection.execute(_OF_TARGET, {"subject": subject, "old": old}).all()
    for row in rows:
        effect = replace(to_effect(row.effect), target=new)
        connection.execute(update(O).where(O.c.id == row.id).values(target=new, effect=effect))
    return len(rows)


def retry(connection: Connection, key: str, now: datetime) -> bool:
    """A person lets a parked effect go on: it is probed first."""
    return _release(connection, key, "retried", now)


def drop(connection: Connection, key: str, reason: str, now: datetime) -> bool:
    """A person gives a parked effect up."""
    return _release(connection, key, "dropped", now, reason=reason[:REASON_LIMIT], settled_at=now)


def _release(connection: Connection, key: str, event: str, now: datetime, **values: object) -> bool:
    statement = (
        update(O)
        .where(O.c.key == key, O.c.status.in_([status.value for status in sources(event)]))
        .values(status=target(event), moved_at=now, not_before=None, **values)
    )
    return connection.execute(statement).rowcount == 1


def own_ids_kept(connection: Connection) -> bool | None:
    """Whether the newest work order that a create made stands under the id that we chose; None: there is none."""
    newest = connection.execute(_NEWEST_CREATE).first()
    if newest is None:
        return None
    linked = select(schema.links.c.work_order).where(
        schema.links.c.domain_order == newest.subject, schema.links.c.work_order == newest.target
    )
    return connection.execute(linked).first() is not None
