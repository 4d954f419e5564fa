"""L3: while one system is down the other's feeds are read on, and nobody hammers on the one that is down.

Ticked by `troubles` together with everything else that befalls machines. Reads ports and networks; changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mappings.model import System
from tests.simulation.network import Network

if TYPE_CHECKING:
    from tests.simulation.lives import Life
    from tests.simulation.run import Simulation

IDLE_S = 180.0
"""A feed of a system that answers is read again within this: its poll interval, and the longest pause after faults of its own."""
AT_ONCE = 20
"""Requests of a process to a system that has just gone, or before it was started: each lane and worker finds out for itself."""
PER_S = 0.2
"""Requests a second of a daemon to a system that is down: all that looks whether it is back."""


@dataclass(slots=True)
class _Outage:
    began: float
    failed_before: int
    processes_before: int


class Outages:
    """The outages of one run, as the daemon takes them."""

    def __init__(self, run: Simulation) -> None:
        self._run = run
        self._now: dict[System, _Outage] = {}

    def tick(self) -> None:
        for system, network in self._run.networks.items():
            if self._run.hub.now < network.down_until:
                self._now.setdefault(system, _began(self._run, network))
                self._other_goes_on(system)
            elif system in self._now:
                self._nobody_hammered(network, self._now.pop(system))

    def _other_goes_on(self, down: System) -> None:
        now = self._run.hub.now
        (up,) = (network for system, network in self._run.networks.items() if system is not down)
        if max(up.down_until, up.expired_until) + IDLE_S > now:
            return
        reading = [life for life in self._run.daemons.values() if _works(life, now)]
        if reading and all(now - life.ports[up.system].fed_at > IDLE_S for life in reading):
            self._run.watch.broken("L3", f"{down} is down, and nobody reads the feeds of {up.system}")

    def _nobody_hammered(self, network: Network, outage: _Outage) -> None:
        failed = network.failed_while_down - outage.failed_before
        seconds = network.down_until - outage.began
        processes = len(self._run.lives) - outage.processes_before
        if failed > AT_ONCE * processes + self._run.plan.daemons * PER_S * seconds:
            text = f"{failed} requests in the {seconds:.0f} s in which {network.system} was down"
            self._run.watch.broken("L3", text)


def _began(run: Simulation, network: Network) -> _Outage:
    older = sum(not life.group.alive for life in run.lives)
    return _Outage(run.hub.now, network.failed_while_down, older)


def _works(life: Life, now: float) -> bool:
    return life.group.alive and not life.stopping and life.group.frozen_until + IDLE_S < now
