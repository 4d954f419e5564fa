"""Two daemons share one state on a real PostgreSQL: no work order twice, none missing, though one is killed in the middle."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.demo.processes import Playground, wait_for
from syncd.demo.truth import Truth, read_truth
from syncd.demo.world import Sandbox
from tests.postgres import drop_database, make_database, postgres, url_of

__all__ = ["postgres"]

LOCATIONS = ["Berlin Mitte", "Hamburg Altona", "Munich Sendling"]
WORK_ORDERS = 4 * len(LOCATIONS)
IMPATIENT = 'timeout = "2s"\ndeadline = "3s"\n'
MARKER = re.compile(r"\[syncd:1:[^\]]+\]\Z")


class Shared(Playground):
    """A playground whose state is a PostgreSQL database."""

    url = ""
    lease = "30s"
    """No daemon loses one because its machine is slow."""

    def write_config(self, sandbox: Sandbox, extra: str = "") -> None:
        super().write_config(sandbox, f'{extra}\n[daemon]\nlease = "{self.lease}"\n')
        text = self.config.read_text(encoding="utf-8")
        text = text.replace("sqlite:///syncd.db", self.url)
        text = text.replace('settle = "2s"\n', f'settle = "2s"\n{IMPATIENT}')
        self.config.write_text(text, encoding="utf-8")

    def events(self, name: str) -> list[dict[str, str]]:
        """From all daemons: they write one log."""
        text = (self.folder / "daemon.log").read_text(encoding="utf-8")
        lines = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
        return [line for line in lines if line["event"] == name]


@pytest.fixture
def ground(postgres: str, tmp_path: Path) -> Iterator[Shared]:
    name = make_database(postgres)
    shared = Shared(tmp_path, poll="300ms")
    shared.url = url_of(postgres, name)
    try:
        yield shared
    finally:
        shared.close()
        drop_database(postgres, name)


@pytest.fixture
def sandbox(ground: Shared) -> Sandbox:
    """A sandbox and a state that begins now."""
    made = ground.start_sandbox("--latency-ms", "30")
    done = ground.verb("state", "init", "--from", "now")
    assert done.returncode == 0, done.stderr
    return made


def approve(sandbox: Sandbox) -> None:
    order = sandbox.control("POST", "orders", {"locations": LOCATIONS})
    sandbox.control("POST", f"orders/{order['order']}/approve")


def converged(sandbox: Sandbox, work_orders: int) -> Truth:
    def settled() -> Truth | None:
        truth = read_truth(sandbox)
        return truth if len(truth.work_orders) >= work_orders and not truth.problems() else None

    return wait_for(f"{work_orders} work orders", settled, limit_s=90, every_s=0.3)


def doubled_notes(truth: Truth) -> list[str]:
    marks = [m[0] for s in truth.subjects for note in s.notes if (m := MARKER.search(note))]
    return [mark for mark, times in Counter(marks).items() if times > 1]


def test_two_daemons_share_the_work_and_one_polls(ground: Shared, sandbox: Sandbox) -> None:
    first, second = ground.start_daemon(), ground.start_daemon()
    wait_for("both", lambda: len(ground.events("daemon.started")) == 2)
    orders = 0

    def both_have_written() -> bool:
        """One of them may be done with an order before the other one looks."""
        return len({line["run"] for line in ground.events("note.written")}) == 2

    while orders < 3 or (not both_have_written() and orders < 30):
        approve(sandbox)
        orders += 1
        if orders >= 3:
            truth = converged(sandbox, orders * WORK_ORDERS)
    assert (truth.problems(), len(truth.work_orders), doubled_notes(truth)) == ([], orders * WORK_ORDERS, [])
    wait_for("notes of both", both_have_written)
    taken = Counter(line["lease"] for line in ground.events("lease.taken"))
    assert len(taken) == 7
    assert set(taken.values()) == {1}
    assert ground.stop(first) == 0
    assert ground.stop(second) == 0


def test_one_of_two_daemons_is_killed_in_the_middle_and_the_other_one_ends_its_work(
    ground: Shared, sandbox: Sandbox
) -> None:
    ground.lease = "5s"  # so that a test can wait for its end
    ground.write_config(sandbox)
    poller = ground.start_daemon()
    wait_for("the poller", lambda: len({line["lease"] for line in ground.events("lease.taken")}) == 7)
    ground.start_daemon()
    wait_for("both", lambda: len(ground.events("daemon.started")) == 2)
    approve(sandbox)
    wait_for("the middle", lambda: len(sandbox.rows("fsm", "wm_order")) >= 4, every_s=0.01)
    ground.kill(poller)
    approve(sandbox)  # only the other one can see it, when the leases of the feeds have ended
    truth = converged(sandbox, 2 * WORK_ORDERS)
    assert (truth.problems(), len(truth.work_orders), doubled_notes(truth)) == ([], 2 * WORK_ORDERS, [])


def test_a_state_on_a_file_still_has_one_daemon(playground: Playground) -> None:
    playground.start_sandbox()
    assert playground.verb("state", "init", "--from", "now").returncode == 0
    playground.start_daemon()
    log = playground.folder / "daemon.log"
    wait_for("the first", lambda: "daemon.started" in log.read_text(encoding="utf-8"))
    second = playground.verb("run")
    assert second.returncode == 75
    assert "another syncd runs on the state" in second.stderr
