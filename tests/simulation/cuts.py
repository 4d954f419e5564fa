"""What a process that is gone leaves behind: files, both servers, the time, and nothing that still runs.

Whatever comes after a death follows from what it left. So a scene is played once, and each point that is passed is looked at
(`Cuts`): it goes on from there as if the process had died (`Stage.recover`), and points between which nothing has changed
share one recovery. Where a request is on its way it would arrive without its client: such a point has nothing that could be
kept, and a process has to die there (`alone`).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mappings.policy import Policy
from tests.simulation.network import Network
from tests.simulation.places import Files
from tests.simulation.server import Server

_KEPT = ("tables", "relations", "past", "journal", "hidden", "garbled", "shown_at", "unwritable", "_numbers")


@dataclass(frozen=True, slots=True)
class Left:
    """`acts` is how many acts of the scene people have done, `now` the time in seconds of the hub."""

    acts: int
    now: float
    files: Mapping[str, bytes]
    om: Mapping[str, Any]
    fsm: Mapping[str, Any]
    policy: Policy


class Cuts:
    """`trail` names each point that was passed, counted from 1. Each is among the `found`, once for each way to go, or `alone`."""

    def __init__(self, place: Files) -> None:
        self._place = place
        self.trail: list[str] = []
        self.found: list[tuple[Left, list[int]]] = []
        """What is left, and after which points; in order."""
        self.alone: list[int] = []

    def passed(
        self, point: str, acts: int, om: Server, fsm: Server, policy: Policy, ways: Iterable[Network]
    ) -> None:
        self.trail.append(point)
        number = len(self.trail)
        if any(way.writes for way in ways):
            self.alone.append(number)
            return
        servers = copied(om), copied(fsm)
        for files in self._place.leaves():
            left = Left(acts, om.hub.now, files, *servers, policy)
            known = next((points for one, points in self.found[-2:] if one == left), None)
            if known is None:
                self.found.append((left, [number]))
            else:
                known.append(number)


def copied(server: Server) -> dict[str, Any]:
    """Records and entries never change, only what holds them."""
    return {name: _shallow(getattr(server, name)) for name in _KEPT}


def restore(server: Server, kept: Mapping[str, Any]) -> None:
    for name, value in kept.items():
        setattr(server, name, _shallow(value))


def _shallow(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: copy.copy(one) if isinstance(one, (dict, list)) else one for key, one in value.items()}
    return copy.copy(value)
