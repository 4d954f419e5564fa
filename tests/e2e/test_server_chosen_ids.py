"""A field service that chooses ids itself: no work order twice, none missing, whatever its answers and the daemon's lives."""

from __future__ import annotations

import json

import pytest

from syncd.demo.processes import Playground, wait_for
from syncd.demo.truth import Truth, read_truth
from syncd.demo.world import Sandbox

LOCATIONS = ["Berlin Mitte", "Hamburg Altona"]
WORK_ORDERS = 4 * len(LOCATIONS)


@pytest.fixture
def sandbox(playground: Playground) -> Sandbox:
    """Nobody has told the config of it."""
    made = playground.start_sandbox("--latency-ms", "20")
    made.control("POST", "faults", {"kind": "server_ids", "system": "fsm", "table": "wm_order"})
    assert playground.verb("state", "init", "--from", "now").returncode == 0
    return made


def approve(sandbox: Sandbox) -> None:
    order = sandbox.control("POST", "orders", {"locations": LOCATIONS})
    sandbox.control("POST", f"orders/{order['order']}/approve")


def converged(sandbox: Sandbox, work_orders: int) -> Truth:
    def settled() -> Truth | None:
        truth = read_truth(sandbox)
        return truth if len(truth.work_orders) >= work_orders and not truth.problems() else None

    return wait_for(f"{work_orders} work orders", settled, limit_s=60, every_s=0.3)


def test_lost_answers_and_a_kill_double_nothing(playground: Playground, sandbox: Sandbox) -> None:
    lost = {"kind": "reset_after_commit", "system": "fsm", "method": "POST", "table": "wm_order", "count": 3}
    sandbox.control("POST", "faults", lost)
    daemon = playground.start_daemon()
    approve(sandbox)
    wait_for("the middle", lambda: len(sandbox.rows("fsm", "wm_order")) >= 5, every_s=0.01)
    playground.kill(daemon)
    playground.start_daemon()
    truth = converged(sandbox, WORK_ORDERS)
    assert (truth.problems(), len(truth.work_orders)) == ([], WORK_ORDERS)
    sandbox.control("POST", "faults", lost)
    approve(sandbox)
    truth = converged(sandbox, 2 * WORK_ORDERS)
    assert (truth.problems(), len(truth.work_orders)) == ([], 2 * WORK_ORDERS)


def test_it_is_told_once(playground: Playground, sandbox: Sandbox) -> None:
    playground.start_daemon()
    approve(sandbox)
    converged(sandbox, WORK_ORDERS)
    lines = (playground.folder / "daemon.log").read_text(encoding="utf-8").splitlines()
    told = [line for line in map(json.loads, lines) if line["event"] == "capability.absent"]
    assert [line["capability"] for line in told] == ["client-chosen id"]
