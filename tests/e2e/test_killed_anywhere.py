"""A real process is killed with SIGKILL at some of its calls, the same each time, and starts again: the world is the same.

`SIGKILL_SHARES=20 pytest tests/e2e/test_killed_anywhere.py` kills it at every one, in so many worlds that share the calls.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest

from syncd.demo.processes import Playground
from syncd.demo.truth import Truth, read_truth
from syncd.demo.world import Sandbox

DEATHS = 6
SHARES = int(os.environ.get("SIGKILL_SHARES", "0"))
DOOMED = Path(__file__).with_name("doomed.py")
ORDER = ["Berlin Mitte"]
WORK_ORDERS = 4


class Doomed:
    """One world, and daemons that die in it."""

    def __init__(self, ground: Playground) -> None:
        self.ground = ground
        self.sandbox: Sandbox = ground.start_sandbox()
        done = ground.verb("state", "init", "--from", "now")
        assert done.returncode == 0, done.stderr
        self.orders = 0
        self._advanced: set[str] = set()

    def people(self) -> None:
        """A new order is approved, and an agent takes the work orders of the one before."""
        for row in self.sandbox.rows("fsm", "wm_order"):
            if row["sys_id"] not in self._advanced:
                self._advanced.add(row["sys_id"])
                self.sandbox.control("POST", f"work-orders/{row['sys_id']}/advance", {"to": "assigned"})
        order = self.sandbox.control("POST", "orders", {"locations": ORDER})
        self.sandbox.control("POST", f"orders/{order['order']}/approve")
        self.orders += 1

    def live(self, die_at: int = 0) -> tuple[int, str]:
        """One life of the daemon: its exit code, and the point at which it died, or how many there were."""
        told = self.ground.folder / "points"
        told.unlink(missing_ok=True)
        command = [sys.executable, str(DOOMED), str(self.ground.config), str(die_at), str(told)]
        environment = self.ground._environment
        done = subprocess.run(
            command,
            env=environment,
            cwd=self.ground.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert told.exists(), done.stderr
        return done.returncode, told.read_text(encoding="utf-8")


@pytest.fixture
def doomed(playground: Playground) -> Doomed:
    return Doomed(playground)


def deaths(share: int | None, calls: int) -> Sequence[int]:
    """The calls of a life at which it is killed: a sample, or every one that is of this share."""
    if share is None:
        return Random("killed anywhere").sample(range(1, surely(calls)), DEATHS)
    return range(1 + share, calls, SHARES)


def surely(calls: int) -> int:
    """How many of its calls another life has too: the last ones are those that find nothing to do."""
    return calls * 2 // 3


@pytest.mark.parametrize("share", range(SHARES) if SHARES else [None])
def test_a_process_that_is_killed_anywhere_loses_and_doubles_nothing(
    doomed: Doomed, doubled: Callable[[Truth], list[str]], share: int | None
) -> None:
    doomed.people()
    assert doomed.live()[0] == 0
    doomed.people()
    code, count = doomed.live()
    assert code == 0
    for die_at in deaths(share, int(count)):
        for _ in range(3):
            doomed.people()
            code, point = doomed.live(die_at)
            if code == -9 or share is not None:
                break
            # this life was shorter: on a busy machine it looks less often while it waits, so it dies sooner next time
            die_at = 1 + surely(die_at * int(point) // int(count))  # noqa: PLW2901
        assert code == -9 or die_at >= surely(int(count)), f"call {die_at} was not reached"
        assert doomed.live()[0] == 0
        truth = read_truth(doomed.sandbox)
        where = f"after SIGKILL at call {die_at}, {point}"
        assert len(truth.work_orders) == WORK_ORDERS * doomed.orders, where
        assert truth.problems() == [], where
        assert doubled(truth) == [], where
        noted = sum("-> Assigned" in note for subject in truth.subjects for note in subject.notes)
        assert noted == WORK_ORDERS * (doomed.orders - 1), where
