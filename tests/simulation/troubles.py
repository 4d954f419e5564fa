"""What befalls machines rather than requests: deaths and starts, outages, clocks that are set, a state put back or lost.

One for each run, ticked by it every few seconds while the world is not healed. Copies of the state are made and put back by
the code behind `syncd state backup` and `restore`; what an operator would do by hand is done here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from mappings.model import System
from state.backup import backup, restore
from state.store import Baseline, Identity
from syncd.journals import feed_of
from tests.simulation.network import SETTLE_S
from tests.simulation.outages import Outages
from tests.simulation.shelf import give_back, new_state, opened

if TYPE_CHECKING:
    from tests.simulation.run import Simulation

TICK_S = 5.0
BACKUPS = 0.03
"""How likely a backup is made at a tick."""
CLOCKS = {
    "clock_hour_forward": 3600.0,
    "clock_hour_back": -3600.0,
    "clock_decade_forward": 3.2e8,
    "clock_decade_back": -3.2e8,
}
"""By how many seconds each sets the machine's clock."""


def begin_state(run: Simulation) -> None:
    """A new state with the baseline of the run, as `syncd state init` makes it."""
    machine = run.machine
    store = opened(machine.url, machine.clock)
    identities = {system: Identity(system, system.value, "http://127.0.0.1") for system in System}
    journals = {feed_of(system): machine.baseline for system in machine.policy.mirror_from}
    store.initialise(Baseline(machine.baseline, machine.clock()), identities, journals)
    give_back(store)


class Troubles:
    """`again` starts the next life of the daemon."""

    def __init__(self, run: Simulation, folder: Path, again: Callable[[int], None]) -> None:
        self._run = run
        self._folder = folder
        self._again = again
        self._random = Random(f"{run.plan.seed}/troubles")
        self._outages_seen = Outages(run)
        self._backups: list[Path] = []
        self.rest_until = 0.0
        """No process is started before."""
        for old in folder.glob("backup-*.db"):
            old.unlink()

    def tick(self) -> None:
        """Whatever strikes now."""
        run = self._run
        if run.faults.healed:
            return
        self._deaths()
        self._outages()
        self._outages_seen.tick()
        for name, seconds in CLOCKS.items():
            if run.faults.hit(name):
                run.machine.clock_off += seconds
                run.tell("clock", f"is set by {seconds:.0f} s")
        self._states()
        run.hub.after(TICK_S, self.tick)

    def _deaths(self) -> None:
        dead = [slot for slot, daemon in self._run.daemons.items() if not daemon.group.alive]
        for slot in sorted(dead):
            self._run.faults.count("killed")
            del self._run.daemons[slot]
            self._run.hub.after(self._random.choice((0.5, 5, 60, 200)), lambda slot=slot: self._again(slot))

    def _outages(self) -> None:
        run = self._run
        for network in run.networks.values():
            if run.hub.now > network.down_until and run.faults.hit("outage"):
                seconds = run.faults.random("outage").uniform(20, 300)
                network.down_until = run.hub.now + seconds
                run.tell(network.server.name, f"is down for {seconds:.0f} s")

    # -- the state as a file ---------------------------------------------------------------------------------------

    def _states(self) -> None:
        run = self._run
        if run.machine.shared:
            return  # PostgreSQL has its own tools
        if self._random.random() < BACKUPS and "state_restored" in run.plan.faults:
            file = self._folder / f"backup-{len(self._backups)}.db"
            backup(run.machine.url, file)
            self._backups.append(file)
        if self._backups and run.faults.hit("state_restored"):
            self._restore(run.faults.random("state_restored"))
        elif run.faults.hit("state_lost"):
            self._begin_anew()

    def _restore(self, random: Random) -> None:
        """As `syncd state restore` does: everything is stopped, a backup put back, and the next start catches up."""
        run = self._run
        file = random.choice(self._backups)
        self._stop_everything()
        run.tell("state", f"{file.name} of {len(self._backups)} is put back")
        kept = restore(run.machine.url, file, run.machine.clock())
        (self._folder / kept).unlink()
        store = opened(run.machine.url, run.machine.clock)
        store.begin_catch_up(run.machine.clock() + timedelta(seconds=SETTLE_S))
        give_back(store)
        run.watch.forget()
        run.hub.after(random.choice((1, 30, 120)), lambda: self._again(0))

    def _begin_anew(self) -> None:
        """The file is gone: a new state with the same baseline. It cannot know what the life before may still be writing, so
        whoever begins it waits for the settle time, as docs/operations.md says."""
        run = self._run
        self._stop_everything()
        run.tell("state", "is lost and begun anew")
        run.watch.close()
        new_state(self._folder / "syncd.db")
        begin_state(run)
        run.watch.forget()
        self.rest_until = run.hub.now + SETTLE_S
        run.hub.after(SETTLE_S, lambda: self._again(0))

    def _stop_everything(self) -> None:
        for life in self._run.lives:
            life.kill()
        self._run.daemons.clear()
