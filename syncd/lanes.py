"""One turn of each lane: a pass of a system's feeds, one of its journal, a look at the requests for closure, a drain of the outbox.

Called by `daemon` at each tick and by `syncd once`; each turn tells its canonical line through `cycles`. Nothing is decided
here, and nothing but the errors of remote systems is caught.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime

from connectors.errors import Misconfigured, RemoteError
from mappings.effects import EffectKind
from mappings.model import Kind, System
from syncd import exits
from syncd.catch_up import ORDER
from syncd.cycles import Turn
from syncd.intake import FEEDS, Pass
from syncd.journals import feed_of
from syncd.wiring import App

TOLD_EVERY_S = 60.0
TOLD_EVERY = 1000
"""After how long, or how many effects, a drain that goes on is told of."""


def take_in(app: App, system: System, stopping: Callable[[], bool], *, first: bool = False) -> bool:
    """One pass of every feed of a system; True when there may be something to deliver. Tells one canonical line unless all
    is quiet, or an outage goes on that has been told. Raises `IdentityChanged` before it reads a page of a stranger."""
    lane = f"intake of {system}"
    if not app.catch_up.is_turn_of(system):
        return False
    if any(app.health.pause_s(one, lane) > 0 for one in System):
        return False
    catching_up = app.catch_up.lasts()
    passes: list[Pass] = []
    with app.cycles.turn("intake", system=system) as turn:
        turn.news = first
        try:
            _take_in(app, system, stopping, passes)
            turn.whole = len(passes) == len(app.intake.feeds(system)) and all(one.over for one in passes)
            for one in System:
                app.health.worked(one, lane)
        except RemoteError as failed:
            turn.outcome = type(failed).__name__
            # A page of one system may need a record of the other, and that one may be down.
            turn.news = app.health.failed(System(failed.system or system), lane, failed) or first
        finally:
            app.catch_up.looked(system)
            _account(turn, passes, catching_up=catching_up)
    born = sum(len(one.sightings.born) for one in passes)
    return (catching_up and app.catch_up.finish()) or born > 0


def _take_in(app: App, system: System, stopping: Callable[[], bool], passes: list[Pass]) -> None:
    app.identities.recognise(system)
    app.catch_up.ask_time(system)
    for kind in app.intake.feeds(system):
        if app.turns.take(f"feed:{kind}"):
            passes.append(app.intake.begin(kind))
            _run_pass(app, passes[-1], stopping)


def _run_pass(app: App, current: Pass, stopping: Callable[[], bool]) -> None:
    while not stopping() and app.intake.take_page(current) and app.turns.take(f"feed:{current.kind}"):
        app.pulse.beat()


def _account(turn: Turn, passes: list[Pass], *, catching_up: bool) -> None:
    """What the canonical line of an intake says."""
    effects: Counter[str] = Counter()
    for one in passes:
        effects.update(one.kinds)
        turn.spent.decide_s += one.spent.decide_s
        turn.spent.commit_s += one.spent.commit_s
    changed = sum(one.sightings.changed for one in passes)
    turn.news = turn.news or bool(changed or effects)
    turn.fields.update(
        pages=sum(one.pages for one in passes),
        fetched=sum(one.fetched for one in passes),
        changed=changed,
        hidden=sum(one.hidden for one in passes),
        effects=dict(effects),
        watermark_from=_watermarks(passes, lambda one: one.watermark_from),
        watermark_to=_watermarks(passes, lambda one: one.watermark_to),
        catch_up=catching_up,
    )


def _watermarks(passes: list[Pass], which: Callable[[Pass], datetime | None]) -> dict[Kind, datetime | str]:
    return {one.kind: which(one) or "" for one in passes}


def take_notes(app: App, stopping: Callable[[], bool]) -> bool:
    """One pass over each journal whose notes are mirrored, once the records are known; True when there may be something to
    deliver."""
    wanted = app.journals.wanted()
    if not wanted or not app.catch_up.knows_records():
        return False
    born = 0
    for system in wanted:
        if app.health.pause_s(system, "notes") > 0 or not app.turns.take(feed_of(system)):
            continue
        born += _hear(app, system, stopping)
    return (app.catch_up.lasts() and app.catch_up.finish()) or born > 0


def _hear(app: App, system: System, stopping: Callable[[], bool]) -> int:
    with app.cycles.turn("notes", system=system) as turn:
        try:
            app.identities.recognise(system)
            current = app.journals.begin(system)
            while not stopping() and app.journals.take_page(current) and app.turns.take(feed_of(system)):
                app.pulse.beat()
            app.journals.look_again(current)
            app.health.worked(system, "notes")
        except RemoteError as error:
            turn.outcome = type(error).__name__
            app.health.failed(System(error.system or system), "notes", error)
            return 0
        turn.news = bool(current.born)
        turn.fields.update(
            pages=current.pages,
            fetched=current.fetched,
            hidden=current.hidden,
            effects={EffectKind.WRITE_NOTE.value: current.born} if current.born else {},
        )
        return current.born


def answer_requests(app: App) -> int:
    """Looks once at every open request for closure; how many effects that came to."""
    if any(app.health.pause_s(system, "gate") > 0 for system in System):
        return 0
    with app.pulse.busy("gate"):
        born, failures = app.gate.answer_all()
    failed = {System(error.system): error for error in failures if error.system}
    for system in System:
        if system in failed:
            app.health.failed(system, "gate", failed[system])
        else:
            app.health.worked(system, "gate")
    return born


def deliver(app: App, stopping: Callable[[], bool], turned: Callable[[], None] = lambda: None) -> None:
    """Drains the outbox; `turned` is a sign of life, given at least once a second. Under a load that does not end there is
    a canonical line for each minute, or each thousand effects."""
    while not _drain(app, stopping, turned):
        pass


def _drain(app: App, stopping: Callable[[], bool], turned: Callable[[], None]) -> bool:
    """Whether nothing is due any more."""
    with app.cycles.turn("delivery") as turn:
        drained = app.delivery.drain(stopping, turned, longest_s=TOLD_EVERY_S, most=TOLD_EVERY)
        turn.news = bool(drained.by_kind or drained.doubtful or drained.parked)
        turn.spent = drained.spent
        turn.fields.update(
            effects=drained.by_kind,
            doubtful=drained.doubtful,
            parked=drained.parked,
            deferred=drained.deferred,
        )
        return drained.over


def once_with(app: App) -> int:
    """One cycle of every lane in this thread; the exit code that says how it went."""
    for system in ORDER if app.catch_up.lasts() else FEEDS:
        take_in(app, system, lambda: False, first=True)
    take_notes(app, lambda: False)
    answer_requests(app)
    deliver(app, app.relieved)
    for error in app.health.down().values():
        if not isinstance(error, Misconfigured):
            return exits.UNAVAILABLE
        return exits.REFUSED if error.status in (401, 403) else exits.CONFIG
    return exits.QUARANTINE if app.store.quarantined() else exits.OK
