"""Decisions taken in ways that are known to be wrong: PONR, the gate, plans, generations, stale facts (the models of `gate`
and `update`, and what only the product has). Collected by `known_bad`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from mappings import amendment, creation, ponr
from mappings.effects import EffectKind
from mappings.model import Kind
from state import engine
from syncd import recheck, recreate
from syncd.gate import Gate
from syncd.observe import Observer
from syncd.wiring import App
from tests.simulation import traps
from tests.simulation.planting import Bad, Swap

FAULTS = frozenset(
    {
        "late_commit",
        "late_execution",
        "reset_after_commit",
        "index_lag",
        "slow_page",
        "business_rule",
        "killed",
    }
)
SHORT: Mapping[str, Any] = {"orders": 12, "lives": 1, "active_s": 1200.0, "faults": FAULTS}
PONR: Mapping[str, int] = {"edit_line": 15, "ponr": 6, "ponr_with_edit": 6}
REWORK: Mapping[str, int] = {"edit_line": 25, "finish": 25, "reopen": 40, "place": 4}
CLOSURES: Mapping[str, int] = {"ask": 25, "advance": 25, "finish": 15, "place": 4}


def _first_ponr_snapshot_sent(before: bool, now: bool, mode: Any, differs: bool) -> Any:
    return _VERDICT(before, now, ponr.Mode.OM_ENFORCED, differs)


_VERDICT = ponr.verdict


def _ponr_ignored(before: bool, now: bool, mode: Any, differs: bool) -> Any:
    return _VERDICT(False, False, mode, differs)


def _ponr_from_memory(self: Any, effect: Any) -> Any:
    return recheck.SEND


_PONR_UNREAD: Swap = (recheck.Recheck, "update", _ponr_from_memory)


def _opened_again_unseen(target: Any, turn: Any, policy: Any) -> Any:
    return _EDITS(target, replace(turn, opened=frozenset()), policy)


_EDITS = amendment._edits


# -- the gate ----------------------------------------------------------------------------------------------------------


def _gate_forgets(*statuses: str) -> Swap:
    """Creates in these states do not count, nor that their work orders are missing."""
    real = Gate._evidence
    create = EffectKind.CREATE_WORK_ORDER

    def evidence(self: Any, tx: Any, request: Any, look: Any, facts: Any) -> Any:
        kept = [
            replace(
                one, effects=tuple(e for e in one.effects if e.kind != create or e.status not in statuses)
            )
            for one in facts
        ]
        found = real(self, tx, request, look, kept)
        return replace(found, subjects=tuple(_without_missing(s) for s in found.subjects))

    return (Gate, "_evidence", evidence)


def _without_missing(subject: Any) -> Any:
    """Nobody asks for the slots that have no work order yet."""
    slots = (
        frozenset((one.rule, one.slot) for one in subject.plan.work_orders) if subject.plan else frozenset()
    )
    return replace(subject, waived=slots)


def _gate_from_memory(self: Any, request: Any, whom: Any) -> Any:
    look = _LOOK(self, request, whom)
    if look is None:
        return None
    with self._store.deciding() as tx:
        known = [tx.snapshot(Kind.WORK_ORDER, id) for id in whom.work_orders]
    remembered = {record.id: record for record in known if record is not None}
    return replace(look, work_orders=remembered, found={})


_LOOK = Gate._look


def _close_unlooked(self: Any, effect: Any) -> Any:
    return recheck.SEND


def _gate_without_barrier(self: Any, request: Any, watermarks: Any) -> bool:
    return True


def _gate_by_search_alone(self: Any, tx: Any, request: Any, look: Any, facts: Any) -> Any:
    """What a search shows as open counts, and nothing else."""
    alone = [replace(one, links=(), effects=()) for one in facts]
    found = _EVIDENCE(self, tx, request, look, alone)
    subjects = tuple(_without_missing(one) for one in found.subjects)
    return replace(found, subjects=subjects, intake_current=True, search_settled=True)


_EVIDENCE = Gate._evidence


def _no_look_back(self: Any, request: Any) -> int:
    with self._store.deciding() as tx:
        tx.end_request(request.subject, "released")
    return 0


def _unseen(self: Any, *_: Any) -> None:
    """What a feed brings of a closed order is nobody's business."""


def _close_whatever_changed(self: Any, effect: Any) -> Any:
    return _CLOSE(self, replace(effect, expected_version=None))


def _close_by_what_was_read(self: Any, effect: Any) -> Any:
    """The domain order is read once more, and none of its work orders."""
    return _CLOSE(self, replace(effect, still_closed=()))


_CLOSE = recheck.Recheck.close
_CLOSE_UNLOOKED: Swap = (recheck.Recheck, "close", _close_unlooked)


# -- what a decision looks at ------------------------------------------------------------------------------------------


def _stale_facts(app: App) -> None:
    """Facts are those of an earlier transaction, up to a minute old: read before the lock, decided on behind it."""
    kept: dict[Any, tuple[float, Any]] = {}
    deciding, monotonic = app.store.deciding, app.catch_up._monotonic

    @contextmanager
    def late() -> Iterator[Any]:
        with deciding() as tx:
            read = tx.facts_for

            def facts_for(kind: Any, id: str) -> Any:
                now, fresh = monotonic(), read(kind, id)
                at, before = kept.get((kind, id), (now, fresh))
                if now - at > STALE_S or before is None or fresh is None:
                    at, before = now, fresh
                kept[kind, id] = (at, before)
                return before

            tx.facts_for = facts_for
            yield tx

    app.store.deciding = late  # type: ignore[method-assign] - planted


STALE_S = 60.0


def _always_outdated(plan: Any, facts: Any) -> bool:
    return True


def _known_to_the_state(fsm: Any, facts: Any, wish: Any) -> int:
    return 0


def _no_catch_up(app: App) -> None:
    """A start goes on where the state ends, whatever its age."""
    with app.store.deciding() as tx:
        tx.end_catch_up()
    app.catch_up.begin = lambda: None  # type: ignore[method-assign] - planted


ORDERS: tuple[Bad, ...] = (
    Bad(
        "first PONR snapshot sent",
        "nobody knows whether the edit came before the flag",
        swap=((ponr, "verdict", _first_ponr_snapshot_sent), _PONR_UNREAD),
        model="update E7",
        plan=SHORT,
        acts=PONR,
    ),
    Bad(
        "PONR ignored",
        "amendments behind it are sent",
        swap=((ponr, "verdict", _ponr_ignored), _PONR_UNREAD),
        model="update E6",
        plan=SHORT,
        acts=PONR,
    ),
    Bad("PONR from memory", "it was reached after the decision", swap=(_PONR_UNREAD,), plan=SHORT, acts=PONR),
    Bad(
        "what is opened again is not compared",
        "what its order became while it was closed never reaches it",
        swap=((amendment, "_edits", _opened_again_unseen),),
        plan=SHORT,
        acts=REWORK,
    ),
    Bad(
        "gate by search alone",
        "a search does not show what is linked, missing or on its way",
        swap=((Gate, "_evidence", _gate_by_search_alone),),
        model="gate D1 D2 D10",
        plan=SHORT,
        acts=CLOSURES,
    ),
    Bad(
        "gate without in-flight creates",
        "a work order is on its way",
        swap=(_gate_forgets("in_flight", "in_doubt"),),
        model="gate D3",
        plan=SHORT | {"faults": FAULTS - {"business_rule"}},
        often={"late_execution": 0.6, "reset_after_commit": 0.2},
        acts=CLOSURES | {"respecify": 10},
    ),
    Bad(
        "gate without parked creates",
        "a work order waits for a person",
        swap=(_gate_forgets("parked"),),
        plan=SHORT,
        often={"business_rule": 0.2},
        acts=CLOSURES,
    ),
    Bad(
        "gate from memory",
        "a work order was reopened since it was seen",
        swap=((Gate, "_look", _gate_from_memory), _CLOSE_UNLOOKED),
        plan=SHORT | {"faults": FAULTS | {"outage"}},
        acts=CLOSURES | {"finish": 40, "reopen": 25},
    ),
    Bad(
        "gate without intake barrier",
        "an order task made before the request is not known yet",
        swap=((Gate, "_intake_current", _gate_without_barrier),),
        model="gate D4",
        trap=traps.task_not_taken_in,
    ),
    Bad(
        "gate without settled search",
        "a work order made by hand is not found yet",
        swap=((Gate, "_search_settled", _gate_without_barrier),),
        model="gate D5",
        trap=traps.made_by_hand_just_now,
    ),
    Bad(
        "no look after the release",
        "what opened in the window is never told",
        swap=((Gate, "_look_back", _no_look_back), (Observer, "_look_for_breach", _unseen)),
        model="gate D6 D7 D8",
        trap=traps.reopened_in_the_window,
    ),
    Bad(
        "close not conditional",
        "the order has changed since the answer",
        swap=((recheck.Recheck, "close", _close_whatever_changed),),
        model="gate D9c",
        trap=traps.respecified_before_the_close,
    ),
    Bad(
        "no fence before the close",
        "a work order was opened between the answer and its send",
        swap=((recheck.Recheck, "close", _close_by_what_was_read),),
        model="gate D9b",
        trap=traps.reopened_before_the_close,
    ),
    Bad("stale read in a decision", "it was overtaken before it was taken", _stale_facts, plan=SHORT),
    Bad(
        "plan not pinned",
        "an edited table reaches orders that were decided by the old one",
        swap=((creation, "_outdated", _always_outdated),),
        trap=traps.table_edited,
    ),
    Bad(
        "generation from state alone",
        "a restored state counts one that field service has already",
        swap=((recreate, "_highest_in_fsm", _known_to_the_state),),
        trap=traps.recreated_after_a_restore,
    ),
    Bad(
        "no catch-up after restore",
        "what the life that was replaced has done is done again",
        _no_catch_up,
        trap=traps.restored,
    ),
    Bad(
        "commits not synced",
        "a power loss forgets what was sent",
        swap=((engine, "PRAGMAS", ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON")),),
        model="create B12",
        trap=traps.power_lost,
    ),
)
