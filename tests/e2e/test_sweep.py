"""`syncd sweep` on real processes: what no feed shows is found, and what is gone waits for a person."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from syncd.demo.processes import Playground
from syncd.demo.truth import read_truth
from syncd.demo.world import Sandbox

HOUR = 3600
WORK_ORDERS = 4


@pytest.fixture
def sandbox(playground: Playground) -> Sandbox:
    """One order decided and delivered by one-shot cycles; the feeds have passed it."""
    sandbox = playground.start_sandbox()
    assert playground.verb("state", "init", "--from", "2020-01-01").returncode == 0
    approve(sandbox)
    settle(playground, sandbox, WORK_ORDERS)
    return sandbox


def approve(sandbox: Sandbox) -> None:
    order = sandbox.control("POST", "orders", {"locations": ["Berlin Mitte"]})
    sandbox.control("POST", f"orders/{order['order']}/approve")
    sandbox.control("POST", "clock", {"advance_s": 5})


def settle(playground: Playground, sandbox: Sandbox, work_orders: int, cycles: int = 8) -> None:
    for _ in range(cycles):
        assert playground.verb("once").returncode == 0
        sandbox.control("POST", "clock", {"advance_s": 5})
        truth = read_truth(sandbox)
        if len(truth.work_orders) == work_orders and not truth.problems():
            break
    assert read_truth(sandbox).problems() == []
    assert playground.verb("once").returncode == 0  # our own notes come back in the feeds


@pytest.fixture
def sweep(playground: Playground) -> Callable[..., dict[str, Any]]:
    def swept(*options: str, code: int = 0) -> dict[str, Any]:
        done = playground.verb("sweep", "--json", *options)
        assert done.returncode == code, done.stderr
        return dict(json.loads(done.stdout))

    return swept


def whats(report: dict[str, Any]) -> set[str]:
    return {finding["what"] for finding in report["findings"]}


def test_a_world_that_is_known_has_no_difference(sandbox: Sandbox, sweep: Any) -> None:
    before = sandbox.writes()
    report = sweep("--plan")
    assert report["findings"] == []
    assert report["read"] > WORK_ORDERS
    assert sweep()["complete"]
    assert sandbox.writes() == before


def test_an_order_that_committed_an_hour_late_is_found(
    playground: Playground, sandbox: Sandbox, sweep: Any
) -> None:
    sandbox.control("POST", "faults", {"system": "om", "kind": "late_commit", "seconds": HOUR})
    approve(sandbox)
    sandbox.control("DELETE", "faults")
    for _ in range(2):
        assert playground.verb("once").returncode == 0
    assert len(read_truth(sandbox).work_orders) == WORK_ORDERS
    before = sandbox.writes()
    planned = sweep("--plan", code=4)
    assert {"unknown", "intended"} <= whats(planned)
    assert [f["kind"] for f in planned["findings"]].count("create_work_order") == WORK_ORDERS
    assert sweep("--plan", code=4)["counts"] == planned["counts"]
    assert sandbox.writes() == before
    assert sweep()["counts"] == planned["counts"]
    settle(playground, sandbox, 2 * WORK_ORDERS)
    assert sweep("--plan")["findings"] == []


def test_a_change_that_leaves_no_stamp_is_found(sandbox: Sandbox, sweep: Any) -> None:
    """A location is renamed: what work orders show of it changes, and none of them is touched."""
    shown = read_truth(sandbox).work_orders[0]["location"]
    sandbox.control("POST", f"records/cmn_location/{shown}", {"values": {"name": "Moved"}, "system": "fsm"})
    found = [f for f in sweep("--plan", code=4)["findings"] if f["what"] == "different"]
    of_both = {("work_order", "location_name"), ("work_task", "location_name")}
    assert {(f["kind"], f["detail"]) for f in found} == of_both


def test_a_deleted_work_order_is_noted_once_and_let_go_by_a_person(
    playground: Playground, sandbox: Sandbox, sweep: Any
) -> None:
    truth = read_truth(sandbox)
    gone = truth.work_orders[0]
    (subject,) = [s for s in truth.subjects if gone["sys_id"] in {w["sys_id"] for w in s.work_orders}]
    sandbox.control("DELETE", f"records/wm_order/{gone['sys_id']}", {"system": "fsm"})
    assert whats(sweep()) == {"missing"}
    assert "vanished" in whats(sweep())
    assert sweep()["findings"] == []
    for _ in range(2):
        assert playground.verb("once").returncode == 0
    assert sum("is gone from field service" in note for note in sandbox.notes(subject.id)) == 1
    assert len(read_truth(sandbox).work_orders) == WORK_ORDERS - 1

    assert gone["number"] in playground.verb("link", "list").stdout
    assert "1 vanished work orders" in playground.verb("status").stdout
    said = ("--by", "A. Meier", "--reason", "deleted on request")
    assert playground.verb("link", "drop", "WO9999999", *said).returncode == 2
    assert playground.verb("link", "drop", gone["number"], *said, "--dry-run").returncode == 0
    assert gone["number"] in playground.verb("link", "list").stdout
    assert playground.verb("link", "drop", gone["number"], *said).returncode == 0
    assert "no linked work order is gone" in playground.verb("link", "list").stdout
    assert sweep()["findings"] == []
    assert playground.verb("once").returncode == 0
    assert len(read_truth(sandbox).work_orders) == WORK_ORDERS - 1


def test_a_mass_change_waits_for_a_persons_word(playground: Playground, sandbox: Sandbox) -> None:
    text = playground.config.read_text(encoding="utf-8")
    playground.config.write_text(text + "\n[safety]\nfloor = 0\nshare = 0.0\n", encoding="utf-8")
    approve(sandbox)
    for _ in range(2):
        assert playground.verb("once").returncode == 0
    assert len(read_truth(sandbox).work_orders) == WORK_ORDERS
    assert "stopped before a mass change" in playground.verb("status").stdout
    stopped = json.loads(playground.verb("safety", "list", "--json").stdout)["stops"]
    assert stopped[0]["counts"] == {"create_work_order": 1}
    said = ("--by", "A. Meier", "--reason", "a new customer")
    for stop in stopped:
        assert playground.verb("safety", "allow", stop["lane"], *said).returncode == 0
    assert playground.verb("safety", "allow", *said).returncode == 2
    settle(playground, sandbox, 2 * WORK_ORDERS)
    assert playground.verb("safety", "list").stdout == "nothing has stopped\n"
