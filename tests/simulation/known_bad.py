"""Variants of the protocol that are known to lose, to double or to stick: the simulation must find each of them.

A variant is planted into the composition of each life (`plant`), or for the length of a run in place of one function of
the product (`swap`). Each names what the simulation is expected to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from connectors.errors import Doubtful, Unreachable
from connectors.ports import Cursor, Page, Position
from mappings import ponr
from mappings.model import Kind, System
from state import snapshots, watermarks
from state.store import Done, InDoubt, NotSent
from syncd import recheck
from syncd.gate import Gate
from syncd.intake import Intake, Pass
from syncd.wiring import App
from tests.simulation.lives import Variant, as_built

OM, FSM = System.ORDER_MANAGEMENT, System.FIELD_SERVICE
Swap = tuple[Any, str, Any]


@dataclass(frozen=True, slots=True)
class Bad:
    """One variant. `because` says what it gets wrong."""

    name: str
    because: str
    plant: Variant = as_built
    swap: tuple[Swap, ...] = ()
    plan: Mapping[str, Any] = field(default_factory=dict)
    """What its plans have that others have not."""

    @contextmanager
    def planted(self) -> Iterator[Variant]:
        """In place while the block runs."""
        kept = [(owner, name, owner.__dict__[name]) for owner, name, _ in self.swap]
        try:
            for owner, name, value in self.swap:
                setattr(owner, name, value)
            yield self.plant
        finally:
            for owner, name, value in kept:
                setattr(owner, name, value)


def _ports(app: App) -> Any:
    return app.systems.values()


# -- feeds -------------------------------------------------------------------------------------------------------------


def _no_overlap(app: App) -> None:
    for port in _ports(app):
        port.overlap = timedelta(0)


def _strictly_greater(app: App) -> None:
    """Behind the last stamp seen, ties and all."""
    _no_overlap(app)
    begin = app.intake.begin

    def behind(kind: Kind) -> Pass:
        current = begin(kind)
        if current.watermark_from is not None:
            current.position = Position(Cursor(current.watermark_from, "g"))
        return current

    app.intake.begin = behind  # type: ignore[method-assign] - planted


def _no_cap(page: Page, upper: Any, remote: Any) -> Cursor | None:
    del upper, remote
    places = [Cursor(record.updated_at, record.id) for record in page.records]
    return max(places, default=None)


def _cap_at_response(app: App) -> None:
    for port in _ports(app):
        port._asked = lambda date, began: date


def _offset_paging(app: App) -> None:
    for port in _ports(app):
        _wrap_pages(
            port,
            lambda page, position, limit: replace(
                page, next=Position(position.after, position.skip + limit) if page.next else None
            ),
        )


def _empty_page_ends(app: App) -> None:
    for port in _ports(app):
        _wrap_pages(port, lambda page, position, limit: page if page.records else replace(page, next=None))


def _short_page_ends(app: App) -> None:
    for port in _ports(app):
        _wrap_pages(
            port,
            lambda page, position, limit: page if len(page.records) >= limit else replace(page, next=None),
        )


def _wrap_pages(port: Any, change: Callable[[Page, Position, int], Page]) -> None:
    real = port.changes_since

    def changes_since(kind: Kind, position: Position, limit: int) -> Page:
        return change(real(kind, position, limit), position, limit)

    port.changes_since = changes_since


def _watermark_first(app: App) -> None:
    """The position is committed before what the page holds."""
    take_page, store = app.intake.take_page, app.store

    def first(current: Pass) -> bool:
        remote = app.systems[current.kind.system]
        real = remote.changes_since
        page = real(current.kind, current.position, 7)
        mark = app.intake._watermark(page, current.upper or page.asked_at, remote)
        if mark is not None:
            with store.deciding() as tx:
                tx.advance(current.kind.value, mark.stamp, mark.id)
        remote.changes_since = lambda *_: page  # type: ignore[method-assign] - for this page only
        try:
            return take_page(current)
        finally:
            remote.changes_since = real  # type: ignore[method-assign] - as it was

    app.intake.take_page = first  # type: ignore[method-assign] - planted


def _filtered_on_state(app: App) -> None:
    """A cancellation leaves the feed."""

    def running(page: Page, position: Position, limit: int) -> Page:
        del position, limit
        return replace(page, records=tuple(one for one in page.records if one.state != "canceled"))

    _wrap_pages(app.systems[OM], running)


def _last_writer_wins(self: Any, record: Any, *, by_id: bool) -> bool:
    del by_id
    self._seen[record.kind, record.id] = self._unwritten[record.kind, record.id] = record
    return True


def _overwritten(connection: Any, feed: str, stamp: Any, id: str, *, passed_until: Any, now: Any) -> None:
    """A watermark that goes wherever the last page was."""
    from state import schema

    row = {"feed": feed, "stamp": stamp, "id": id, "passed_until": passed_until, "updated_at": now}
    connection.execute(schema.insert_or_replace(schema.watermarks, connection.dialect.name), row)


# -- writes ------------------------------------------------------------------------------------------------------------


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


def _no_fence(app: App) -> None:
    """Whoever comes settles, whatever happened since its claim."""
    deciding = app.store.deciding

    @contextmanager
    def unfenced() -> Iterator[Any]:
        with deciding() as tx:
            settle = tx.settle

            def by_id(claim: Any, outcome: Any) -> bool:
                connection = tx._connection
                row = connection.exec_driver_sql("SELECT fence FROM outbox WHERE id = ?", (claim.id,)).one()
                connection.exec_driver_sql("UPDATE outbox SET status = 'in_flight' WHERE id = ?", (claim.id,))
                return bool(settle(replace(claim, fence=row.fence), outcome))

            tx.settle = by_id
            yield tx

    app.delivery._store = _With(app.store, deciding=unfenced)  # type: ignore[assignment] - stands for a store


class _With:
    """A store with one method replaced."""

    def __init__(self, store: Any, **replaced: Any) -> None:
        self._store = store
        self._replaced = replaced

    def __getattr__(self, name: str) -> Any:
        return self._replaced.get(name) or getattr(self._store, name)


def _intent_after_send(app: App) -> None:
    """The request leaves before its claim is durable."""
    deciding_claim = app.store.claim
    undone = _With(app.store, claim=lambda *a, **k: _unclaimed(app, deciding_claim(*a, **k)))
    app.delivery._store = undone  # type: ignore[assignment] - stands for a store


def _unclaimed(app: App, claims: Any) -> Any:
    with app.store.deciding() as tx:
        for claim in claims:
            tx._connection.exec_driver_sql(
                "UPDATE outbox SET status = 'pending', not_before = '2099-01-01T00:00:00.000000Z' WHERE id = ?",
                (claim.id,),
            )
    return claims


# -- PONR --------------------------------------------------------------------------------------------------------------


def _first_ponr_snapshot_sent(before: bool, now: bool, mode: Any, differs: bool) -> Any:
    return _VERDICT(before, now, ponr.Mode.OM_ENFORCED, differs)


_VERDICT = ponr.verdict


def _ponr_ignored(before: bool, now: bool, mode: Any, differs: bool) -> Any:
    return _VERDICT(False, False, mode, differs)


def _ponr_from_memory(self: Any, effect: Any) -> Any:
    return recheck.SEND


_PONR_UNREAD: Swap = (recheck.Recheck, "update", _ponr_from_memory)


# -- the gate ----------------------------------------------------------------------------------------------------------


def _gate_forgets(status: str) -> Swap:
    """Effects in this status do not count."""
    real = Gate._evidence

    def evidence(self: Any, request: Any, look: Any, facts: Any) -> Any:
        kept = [replace(one, effects=tuple(e for e in one.effects if e.status != status)) for one in facts]
        found = real(self, request, look, kept)
        return replace(found, subjects=tuple(_without_missing(s) for s in found.subjects))

    return (Gate, "_evidence", evidence)


def _without_missing(subject: Any) -> Any:
    """Nobody asks for the slots that have no work order yet."""
    slots = (
        frozenset((one.rule, one.slot) for one in subject.plan.work_orders) if subject.plan else frozenset()
    )
    return replace(subject, waived=slots)


def _gate_from_memory(self: Any, request: Any, facts: Any) -> Any:
    look = _LOOK(self, request, facts)
    if look is None:
        return None
    remembered = {record.id: record for one in facts for record in one.work_orders}
    return replace(look, work_orders=remembered, found={})


_LOOK = Gate._look


def _close_unlooked(self: Any, effect: Any) -> Any:
    return recheck.SEND


def _gate_without_barrier(self: Any, request: Any) -> bool:
    return True


KNOWN_BAD: tuple[Bad, ...] = (
    Bad("watermark greater", "ties of the last stamp are never read", _strictly_greater),
    Bad("no overlap", "rows that commit late lie behind the watermark", _no_overlap),
    Bad(
        "no cap",
        "a pass of several pages runs ahead of rows that commit meanwhile",
        swap=((Intake, "_watermark", staticmethod(_no_cap)),),
    ),
    Bad("cap at the response", "the Date is written after the query ran", _cap_at_response),
    Bad("offset paging", "rows slide over the edge of a page", _offset_paging),
    Bad("empty page ends", "access rules empty a page, and more follow", _empty_page_ends),
    Bad("short page ends", "access rules thin a page, and more follow", _short_page_ends),
    Bad("watermark before effects", "a death between the two loses the page", _watermark_first),
    Bad("feed filtered on state", "a cancellation leaves the feed", _filtered_on_state),
    Bad(
        "last writer wins",
        "an old page overwrites what a newer look stored",
        swap=((snapshots.Snapshots, "put", _last_writer_wins),),
    ),
    Bad("watermark overwritten", "a slow pass takes it back", swap=((watermarks, "advance", _overwritten),)),
    Bad("note without look-up", "the first one arrived after all", _blind_notes),
    Bad("again on 5xx", "a server error may come after the commit", _again_on_5xx),
    Bad("look-up without settle", "the request still executes, the index lags", _no_settle),
    Bad("at most once", "what was lost is never sent again", _at_most_once),
    Bad("newer update in doubt", "the older one executes late", _updates_not_awaited),
    Bad("intent after send", "a death after the send forgets it", _intent_after_send),
    Bad("no fence", "a late worker undoes what another one found out", _no_fence),
    Bad(
        "first PONR snapshot sent",
        "nobody knows whether the edit came before the flag",
        swap=((ponr, "verdict", _first_ponr_snapshot_sent), _PONR_UNREAD),
    ),
    Bad(
        "PONR ignored", "amendments behind it are sent", swap=((ponr, "verdict", _ponr_ignored), _PONR_UNREAD)
    ),
    Bad(
        "PONR from memory",
        "it was reached after the decision",
        swap=(_PONR_UNREAD,),
    ),
    Bad("gate without in-flight effects", "a create is on its way", swap=(_gate_forgets("in_flight"),)),
    Bad("gate without parked effects", "a create waits for a person", swap=(_gate_forgets("parked"),)),
    Bad(
        "gate from memory",
        "a work order was reopened since it was seen",
        swap=((Gate, "_look", _gate_from_memory), (recheck.Recheck, "close", _close_unlooked)),
    ),
    Bad(
        "gate without barrier",
        "what was made before the request is not known yet",
        swap=(
            (Gate, "_intake_current", _gate_without_barrier),
            (Gate, "_search_settled", _gate_without_barrier),
        ),
    ),
)
