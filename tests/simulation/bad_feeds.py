"""Feeds read in ways that are known to lose rows (the models of `ingest` and `share`). Collected by `known_bad`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from connectors.ports import Cursor, Page, Position
from mappings.model import Kind, System
from state import snapshots, watermarks
from state.inserts import insert_or_replace
from syncd import intake, sweep
from syncd.above import Above
from syncd.health import Health
from syncd.intake import Pass
from syncd.wiring import App
from tests.simulation import traps
from tests.simulation.planting import Bad

_PAUSE = Health.pause_s
DOWN: Mapping[str, Any] = {"lives": 1, "faults": frozenset({"outage"})}
LATE = frozenset({"late_commit", "burst", "slow_page", "changed_while_reading", "rows_hidden", "killed"})
SHORT: Mapping[str, Any] = {"orders": 12, "lives": 1, "active_s": 1200.0, "faults": LATE}
OFTEN: Mapping[str, float] = {"late_commit": 0.5, "slow_page": 0.2, "changed_while_reading": 0.1}


def _ports(app: App) -> Any:
    return app.systems.values()


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


def _no_cap(places: Any, *_: Any, **__: Any) -> Cursor | None:
    return max(places, default=None)


def _cap_at_response(app: App) -> None:
    for port in _ports(app):
        port._asked = lambda date, began: date


def _waits_for_both(self: Health, system: System, lane: str) -> float:
    """No lane does anything for a system while the other one fails."""
    return 60.0 if self.down().keys() - {system} else _PAUSE(self, system, lane)


def _no_pause(_health: Health, _system: System, _lane: str) -> float:
    return 0.0


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
        upper = current.upper or page.asked_at
        mark = intake.mark_of(intake._places(page), page.next, page.asked_at, upper, remote.granule)
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

    _wrap_pages(app.systems[System.ORDER_MANAGEMENT], running)


def _last_writer_wins(self: Any, record: Any, *, by_id: bool) -> bool:
    del by_id
    self._seen[record.kind, record.id] = self._unwritten[record.kind, record.id] = record
    return True


def _overwritten(
    connection: Any, feed: str, stamp: Any, id: str, *, passed_until: Any, now: Any, read_at: Any
) -> None:
    """A watermark that goes wherever the last page was."""
    from state import schema

    row = {"feed": feed, "stamp": stamp, "id": id, "passed_until": passed_until, "updated_at": now}
    row["read_at"] = read_at
    connection.execute(insert_or_replace(schema.watermarks, connection.dialect.name), row)


def _overlap_too_short(app: App) -> None:
    """A transaction may take twice as long."""
    for port in _ports(app):
        port.overlap = port.overlap / 2


def _requery_by_stamp(app: App) -> None:
    """The next page begins at the last stamp again, ties and all."""

    def again(page: Page, position: Position, limit: int) -> Page:
        return replace(page, next=Position(Cursor(page.next.after.stamp)) if page.next else None)

    for port in _ports(app):
        _wrap_pages(port, again)


def _clock_of(ahead: timedelta) -> Callable[..., Cursor | None]:
    """The watermark is what a clock says, whatever was seen."""

    def mark(places: Any, following: Any, asked_at: Any, upper: Any, *_: Any, **__: Any) -> Cursor | None:
        return Cursor(upper + ahead) if following is None else None

    return mark


def _describes_nothing(self: Any, kind: Kind, ids: Any) -> list[Any]:
    return []


FEEDS: tuple[Bad, ...] = (
    Bad(
        "watermark greater",
        "ties of the last stamp are never read",
        _strictly_greater,
        model="ingest A1 A2",
        plan=SHORT,
    ),
    Bad(
        "requery by stamp",
        "more ties than a page holds never advance",
        _requery_by_stamp,
        model="ingest A3",
        trap=traps.more_ties_than_a_page,
    ),
    Bad(
        "no overlap",
        "rows that commit late lie behind the watermark",
        _no_overlap,
        model="ingest A4 A6",
        plan=SHORT,
        often=OFTEN,
    ),
    Bad(
        "overlap too short",
        "a transaction takes longer than the overlap",
        _overlap_too_short,
        model="ingest A16",
        plan=SHORT,
        often=OFTEN,
    ),
    Bad(
        "no cap",
        "a pass of several pages runs ahead of rows that commit meanwhile",
        swap=((intake, "mark_of", _no_cap),),
        model="ingest A5 A5b",
        plan=SHORT | {"orders": 20},
        often={"late_commit": 0.9, "slow_page": 0.9},
        acts={"burst": 8, "edit_line": 15},
    ),
    Bad(
        "cap at the response",
        "the Date is written after the query ran",
        _cap_at_response,
        model="ingest_cap_at_response X1 X2",
        plan=SHORT,
        often=OFTEN,
    ),
    Bad(
        "watermark of our own clock",
        "it is ahead of the server's, and rows lie behind it",
        swap=((intake, "mark_of", _clock_of(timedelta(seconds=120))),),
        model="ingest A11",
        plan=SHORT,
        often=OFTEN,
    ),
    Bad(
        "offset paging",
        "rows slide over the edge of a page",
        _offset_paging,
        model="ingest A8 A17 A18",
        plan=SHORT,
    ),
    Bad(
        "empty page ends",
        "access rules empty a page, and more follow",
        _empty_page_ends,
        plan=SHORT,
        acts={"foreign": 5},
    ),
    Bad(
        "short page ends",
        "access rules thin a page, and more follow",
        _short_page_ends,
        plan=SHORT,
        acts={"foreign": 5},
    ),
    Bad(
        "watermark before effects",
        "a death between the two loses the page",
        _watermark_first,
        model="ingest A9",
        plan=SHORT | {"lives": 4},
    ),
    Bad(
        "feed filtered on state",
        "a cancellation leaves the feed",
        _filtered_on_state,
        model="update G",
        plan=SHORT,
        acts={"cancel_one": 6},
    ),
    Bad(
        "last writer wins",
        "an old page overwrites what a newer look stored",
        swap=((snapshots.Snapshots, "put", _last_writer_wins),),
        model="share H1",
        plan=SHORT | {"faults": LATE | {"paused_reading", "second_process"}},
        often={"paused_reading": 0.02, "second_process": 0.05, "slow_page": 0.2},
    ),
    Bad(
        "watermark overwritten",
        "a slow pass takes it back",
        swap=((watermarks, "advance", _overwritten),),
        plan=SHORT,
    ),
    Bad(
        "sweep without tasks",
        "one that commits later than any overlap is never found",
        swap=((sweep, "WALKED", tuple(kind for kind in sweep.WALKED if kind is not Kind.WORK_TASK)),),
        trap=traps.changed_behind_the_feeds,
    ),
    Bad(
        "sweep without describing rows",
        "one that commits later than any overlap is never found",
        swap=((Above, "describing", _describes_nothing),),
        trap=traps.changed_behind_the_feeds,
    ),
    Bad(
        "an outage stops both systems",
        "the one that answers is not read",
        swap=((Health, "pause_s", _waits_for_both),),
        plan=DOWN,
        often={"outage": 0.02},
    ),
    Bad(
        "no pause while a system is down",
        "it is asked again at every turn",
        swap=((Health, "pause_s", _no_pause),),
        plan=DOWN,
    ),
)
