"""How the daemon is, in one line for `systemctl status` and in the fields of one log line (SIGUSR1).

Called by `daemon`. Asks the state one cheap question; never a remote system.
"""

from __future__ import annotations

from dataclasses import dataclass

from mappings.model import System
from state.store import Backlog, StateError
from syncd.wiring import App

TITLES = {System.ORDER_MANAGEMENT: "orders", System.FIELD_SERVICE: "work orders"}


@dataclass(frozen=True, slots=True)
class Condition:
    """What a person wants to know first. `backlog` is None when the state does not answer."""

    catch_up: bool
    lags_s: dict[str, float]
    """How old what is known of each system is."""
    down: dict[str, str]
    """The systems that fail, and how."""
    backlog: Backlog | None
    stopped: tuple[str, ...]
    """Lanes that stopped before a mass change."""


def condition(app: App) -> Condition:
    """As it is now."""
    backlog: Backlog | None = None
    stopped: tuple[str, ...] = ()
    try:
        backlog = app.store.backlog()
        with app.store.history() as history:
            stopped = tuple(stop.lane for stop in history.stops() if stop.allowed_at is None)
    except StateError:
        pass
    return Condition(
        catch_up=app.catch_up.lasts(),
        lags_s={system.value: app.cycles.lag_s("intake", system=system) for system in System},
        down={system.value: type(error).__name__ for system, error in app.health.down().items()},
        backlog=backlog,
        stopped=stopped,
    )


def as_line(now: Condition) -> str:
    """What needs attention first, then how far the feeds are and what waits."""
    parts = [f"{system} fails ({error})" for system, error in now.down.items()]
    parts += [f"{lane} stopped before a mass change" for lane in now.stopped]
    if now.catch_up:
        parts.append("catching up, nothing is sent yet")
    parts.append(
        ", ".join(f"{title} read {now.lags_s[system.value]:.0f} s ago" for system, title in TITLES.items())
    )
    if now.backlog is None:
        parts.append("the state does not answer")
        return "; ".join(parts)
    age = f", the oldest for {now.backlog.oldest_s:.0f} s" if now.backlog.waiting else ""
    parts.append(f"{now.backlog.waiting} effects waiting{age}")
    if now.backlog.in_doubt:
        parts.append(f"{now.backlog.in_doubt} in doubt")
    if now.backlog.parked:
        parts.append(f"{now.backlog.parked} parked for a person")
    return "; ".join(parts)


def as_fields(now: Condition) -> dict[str, object]:
    """The same for a log line."""
    fields: dict[str, object] = {"catch_up": now.catch_up, "lags": now.lags_s, "down": now.down}
    if now.backlog is not None:
        fields |= {
            "backlog": now.backlog.waiting,
            "oldest_s": round(now.backlog.oldest_s, 1),
            "doubtful": now.backlog.in_doubt,
            "parked": now.backlog.parked,
        }
    return {**fields, "stopped": list(now.stopped)}
