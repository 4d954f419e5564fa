"""Writes sent in ways that are known to lose, to double or to stick (the models of `create` and `update`). Collected by `known_bad`.

Under an id of our own a second create harms nothing, so that most bad creates show only where field service chooses ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from connectors.errors import Doubtful, Unreachable
from mappings.effects import EffectKind
from mappings.model import Kind, Record, System
from state.store import Done, InDoubt, NotSent
from syncd.wiring import App
from tests.simulation import traps
from tests.simulation.planting import Bad

AMBIGUOUS = frozenset(
    {
        "reset_before_commit",
        "reset_after_commit",
        "late_execution",
        "failed_before_commit",
        "failed_after_commit",
        "truncated_after_commit",
        "error_in_success",
        "index_lag",
        "killed",
    }
)
SHORT: Mapping[str, Any] = {"orders": 12, "lives": 1, "active_s": 900.0, "faults": AMBIGUOUS}
CHOSEN: Mapping[str, Any] = SHORT | {"creates": "correlation"}
BESIDE: Mapping[str, Any] = CHOSEN | {
    "faults": AMBIGUOUS | {"second_process", "paused_sending", "paused_reading"},
}
OFTEN: Mapping[str, float] = {"late_execution": 0.15, "reset_after_commit": 0.1, "failed_after_commit": 0.1}
UPDATE = EffectKind.UPDATE_WORK_ORDER


def _ports(app: App) -> Any:
    return app.systems.values()


def _blind_notes(app: App) -> None:
    """No look for the marker before a second send."""
    for port in _ports(app):
        port.notes = lambda kind, id, containing: ()


def _again_on_5xx(app: App) -> None:
    """A server error is taken for "it never ran"."""
    for port in _ports(app):
        real = port.write_note

        def write_note(kind: Kind, id: str, text: str, real: Any = real) -> None:
            try:
                real(kind, id, text)
            except Doubtful as error:
                if error.status is not None and error.status >= 500:
                    raise Unreachable(str(error), system=error.system) from None
                raise

        port.write_note = write_note


def _no_settle(app: App) -> None:
    for port in _ports(app):
        port.settle = timedelta(0)
    app.delivery._settle_s = dict.fromkeys(System, 0.0)


def _at_most_once(app: App) -> None:
    """What is in doubt is taken for done."""
    perform = app.delivery._dispatch.perform

    def once(claim: Any, may_send: Any) -> Any:
        performed = perform(claim, may_send)
        if isinstance(performed.outcome, InDoubt):
            return replace(performed, outcome=Done(detail="sent"))
        return performed

    app.delivery._dispatch.perform = once  # type: ignore[method-assign] - planted


def _updates_not_awaited(app: App) -> None:
    """An update in doubt is given up for a newer one."""
    perform = app.delivery._dispatch.perform

    def hasty(claim: Any, may_send: Any) -> Any:
        performed = perform(claim, may_send)
        if claim.effect.kind == "update_work_order" and isinstance(performed.outcome, InDoubt):
            return replace(performed, outcome=NotSent("again", 1.0))
        return performed

    app.delivery._dispatch.perform = hasty  # type: ignore[method-assign] - planted


class _With:
    """A store with one method replaced."""

    def __init__(self, store: Any, **replaced: Any) -> None:
        self._store = store
        self._replaced = replaced

    def __getattr__(self, name: str) -> Any:
        return self._replaced.get(name) or getattr(self._store, name)


def _unsafe_store(app: App, change: Callable[[Any, Any], bool]) -> None:
    """Delivery settles after `change` was made to the row: what a settle without one of its conditions would match."""
    deciding = app.store.deciding

    @contextmanager
    def unfenced() -> Iterator[Any]:
        with deciding() as tx:
            settle = tx.settle

            def by_id(claim: Any, outcome: Any) -> bool:
                if not change(tx._connection, claim):
                    return bool(settle(claim, outcome))
                row = tx._connection.exec_driver_sql(
                    "SELECT fence FROM outbox WHERE id = ?", (claim.id,)
                ).first()
                return row is not None and bool(settle(replace(claim, fence=row.fence), outcome))

            tx.settle = by_id
            yield tx

    app.delivery._store = _With(app.store, deciding=unfenced)  # type: ignore[assignment] - stands for a store


def _no_fence(app: App) -> None:
    """A late worker settles a row that is in flight, whoever has it by now."""
    _unsafe_store(app, lambda _connection, _claim: True)


def _by_id_alone(app: App) -> None:
    """Whoever comes settles, whatever became of the row since its claim."""

    def back_in_flight(connection: Any, claim: Any) -> bool:
        connection.exec_driver_sql("UPDATE outbox SET status = 'in_flight' WHERE id = ?", (claim.id,))
        return True

    _unsafe_store(app, back_in_flight)


def _no_lease(app: App) -> None:
    """Nobody's claim keeps another one from it; a look goes before each send."""
    claim = app.store.claim
    app.delivery._store = _With(app.store, claim=lambda *a, **k: _unclaimed(app, claim(*a, **k), "NULL"))  # type: ignore[assignment] - as above
    _always_looks(app)


def _always_looks(app: App) -> None:
    perform = app.delivery._dispatch.perform

    def look_first(claim: Any, may_send: Any) -> Any:
        return perform(replace(claim, probing=True), may_send)

    app.delivery._dispatch.perform = look_first  # type: ignore[method-assign] - planted


def _intent_after_send(app: App) -> None:
    """The request leaves before its claim is durable."""
    claim = app.store.claim
    later = "'2099-01-01T00:00:00.000000Z'"
    app.delivery._store = _With(app.store, claim=lambda *a, **k: _unclaimed(app, claim(*a, **k), later))  # type: ignore[assignment] - as above


def _unclaimed(app: App, claims: Any, not_before: str) -> Any:
    with app.store.deciding() as tx:
        for claim in claims:
            tx._connection.exec_driver_sql(
                f"UPDATE outbox SET status = 'pending', not_before = {not_before} WHERE id = ?", (claim.id,)
            )
    return claims


# -- creates where field service chooses ids -------------------------------------------------------------------------------


def _blind(app: App) -> None:
    """Sent again without a look."""
    creates = app.delivery._dispatch._creates
    creates.look = lambda effect: None  # type: ignore[method-assign] - planted
    _unsettled(app)


def _unsettled(app: App) -> None:
    """A look that finds nothing is believed at once."""
    creates = app.delivery._dispatch._creates
    creates.is_believed = lambda claim: True  # type: ignore[method-assign] - planted
    creates.believed_after_s = lambda: 0.0  # type: ignore[method-assign] - planted


def _repaired(plant: Callable[[App], None]) -> Callable[[App], None]:
    """As `plant`; the sweep cancels what is double."""

    def with_repair(app: App) -> None:
        plant(app)
        app.sweep._cancel_duplicates = True

    return with_repair


def _shorter_than_a_pause(app: App) -> None:
    """A take-over does not wait as long as a process may stand still between its last check and its request."""
    for port in _ports(app):
        port.settle = timedelta(seconds=15)
    app.delivery._settle_s = dict.fromkeys(System, 15.0)
    app.delivery._lease_s = 30.0


def _created_again_on_5xx(app: App) -> None:
    """A server error is taken for "it never ran"."""
    for port in _ports(app):
        real = port.create_work_order

        def create(id: str, values: Mapping[str, str], real: Any = real) -> Record:
            try:
                return real(id, values)
            except Doubtful as error:
                if error.status is not None and error.status >= 500:
                    raise Unreachable(str(error), system=error.system) from None
                raise

        port.create_work_order = create


def _update_timed_out_is_done(app: App) -> None:
    """Each change is sent once; whatever came of it, it counts as carried."""
    perform = app.delivery._dispatch.perform

    def once(claim: Any, may_send: Any) -> Any:
        performed = perform(claim, may_send)
        if claim.effect.kind is UPDATE and isinstance(performed.outcome, InDoubt):
            return replace(performed, outcome=Done(detail="sent"))
        return performed

    app.delivery._dispatch.perform = once  # type: ignore[method-assign] - planted


WRITES: tuple[Bad, ...] = (
    Bad(
        "note without look-up",
        "the first one arrived after all",
        _blind_notes,
        model="update F1",
        plan=SHORT,
        often=OFTEN,
    ),
    Bad(
        "note again on 5xx",
        "a server error may come after the commit",
        _again_on_5xx,
        plan=SHORT,
        often=OFTEN,
    ),
    Bad(
        "note look-up in a lagging journal",
        "the first one is there and not shown yet",
        _no_settle,
        model="update F4",
        plan=SHORT | {"faults": AMBIGUOUS - {"late_execution"}},
        often=OFTEN,
    ),
    Bad(
        "look-up without settle",
        "the request still executes",
        _no_settle,
        model="update F6",
        plan=SHORT | {"faults": AMBIGUOUS - {"index_lag"}},
        often=OFTEN,
    ),
    Bad(
        "at most once",
        "what was lost is never sent again",
        _at_most_once,
        model="create B2, update F2",
        plan=SHORT,
    ),
    Bad(
        "update in doubt taken for done",
        "what was lost is never carried",
        _update_timed_out_is_done,
        model="update E1",
        plan=SHORT,
        often={"reset_before_commit": 0.2},
        acts={"edit_line": 20},
    ),
    Bad(
        "newer update in doubt",
        "the older one executes late",
        _updates_not_awaited,
        model="update E2",
        plan=SHORT,
        often=OFTEN | {"late_execution": 0.3},
        acts={"edit_line": 20},
    ),
    Bad("intent after send", "a death after the send forgets it", _intent_after_send, plan=SHORT),
    Bad(
        "blind create", "the first one arrived after all", _blind, model="create B1", plan=CHOSEN, often=OFTEN
    ),
    Bad(
        "create again on 5xx",
        "a server error may come after the commit",
        _created_again_on_5xx,
        plan=CHOSEN,
        often=OFTEN,
    ),
    Bad(
        "create look-up in a lagging index",
        "the first one is there and not found yet",
        _unsettled,
        model="create B4",
        plan=CHOSEN | {"faults": AMBIGUOUS - {"late_execution"}},
        often=OFTEN | {"index_lag": 0.8},
    ),
    Bad(
        "create look-up without settle",
        "the first one still executes",
        _unsettled,
        model="create B5",
        plan=CHOSEN | {"faults": AMBIGUOUS - {"index_lag"}},
        often=OFTEN,
    ),
    Bad(
        "create without settle, repaired",
        "two stand until the sweep cancels one",
        _repaired(_unsettled),
        model="create B11",
        plan=CHOSEN,
        often=OFTEN,
    ),
    Bad(
        "no fence",
        "a late worker settles what another one has in flight",
        _no_fence,
        model="create B7b",
        trap=traps.late_worker_meanwhile,
    ),
    Bad(
        "acknowledged by id alone",
        "a late worker undoes what another one found out",
        _by_id_alone,
        model="create B7",
        trap=traps.late_worker_afterwards,
    ),
    Bad(
        "take-over within a pause",
        "a process that stood still sends after all",
        _shorter_than_a_pause,
        model="create B7d B10",
        plan=BESIDE,
        often={"second_process": 0.1, "paused_sending": 0.3},
    ),
    Bad(
        "no lease",
        "two look, find nothing, and send",
        _no_lease,
        model="create B8",
        plan=BESIDE,
        often={"second_process": 0.1},
    ),
)
