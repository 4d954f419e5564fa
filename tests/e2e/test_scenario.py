"""The scenario of the product, act by act, on real processes; what is asserted is read from the two servers."""

from __future__ import annotations

import pytest

from syncd.demo.processes import Playground, wait_for
from syncd.demo.truth import Truth, read_truth
from syncd.demo.world import Sandbox

LOCATIONS = ["Berlin Mitte", "Hamburg Altona", "Munich Sendling"]
WORK_ORDERS_PER_LOCATION = 4


def started(playground: Playground, *options: str) -> Sandbox:
    sandbox = playground.start_sandbox(*options)
    done = playground.verb("state", "init", "--from", "now")
    assert done.returncode == 0, done.stderr
    return sandbox


def approved(sandbox: Sandbox, locations: list[str] = LOCATIONS) -> str:
    order = sandbox.control("POST", "orders", {"locations": locations})
    sandbox.control("POST", f"orders/{order['order']}/approve")
    return str(order["order"])


def converged(sandbox: Sandbox, work_orders: int, limit_s: float = 30) -> Truth:
    def settled() -> Truth | None:
        truth = read_truth(sandbox)
        return truth if len(truth.work_orders) >= work_orders and not truth.problems() else None

    return wait_for(f"{work_orders} work orders", settled, limit_s=limit_s, every_s=0.3)


def asked_again(sandbox: Sandbox, times: int = 3) -> None:
    """Waits until each feed was polled `times` more."""

    def asked() -> list[int]:
        counts = sandbox.reads()
        return [counts.get(t, 0) for t in ("sn_ind_tmt_orm_order_task", "wm_task")]

    before = asked()
    wait_for("more polls", lambda: all(n >= b + times for n, b in zip(asked(), before, strict=True)))


def test_a_placed_order_alone_changes_nothing_in_field_service(playground: Playground) -> None:
    sandbox = started(playground)
    playground.start_daemon()
    order = sandbox.control("POST", "orders", {"locations": LOCATIONS})
    assert len(sandbox.rows("om", "sn_ind_tmt_orm_order_line_item", f"order={order['order']}")) == 3
    asked_again(sandbox)
    assert sandbox.rows("fsm", "wm_order") == []
    assert sandbox.writes() == 0


@pytest.mark.parametrize("instances", ["two", "one"])
def test_an_approved_order_becomes_the_prescribed_work_orders(playground: Playground, instances: str) -> None:
    sandbox = started(playground, *(["--shared"] if instances == "one" else []))
    playground.start_daemon()
    approved(sandbox)
    truth = converged(sandbox, 3 * WORK_ORDERS_PER_LOCATION)
    assert truth.problems() == []
    assert len(truth.work_orders) == 3 * WORK_ORDERS_PER_LOCATION
    silent = [s for s in truth.subjects if not s.work_orders]
    assert {s.what for s in silent} == {"IP Address Block", "Business Internet"}
    assert all(not s.notes for s in silent)
    asked_again(sandbox)
    assert len(read_truth(sandbox).work_orders) == 3 * WORK_ORDERS_PER_LOCATION


def test_every_status_seen_is_noted_once_and_in_order(playground: Playground) -> None:
    sandbox = started(playground)
    playground.start_daemon()
    approved(sandbox, LOCATIONS[:1])
    truth = converged(sandbox, WORK_ORDERS_PER_LOCATION)
    stages = {
        "assigned": "Assigned",
        "accepted": "Accepted",
        "in_progress": "Work in Progress",
        "closed": "Closed Complete",
    }

    def labels(subject_id: str, number: str) -> list[str]:
        mine = [n for n in sandbox.notes(subject_id) if number in n and "[syncd:1:status:" in n]
        return [label for note in mine for label in stages.values() if f"-> {label}" in note]

    for count, step in enumerate(stages, start=1):
        for row in truth.work_orders:
            sandbox.control("POST", f"work-orders/{row['sys_id']}/advance", {"to": step})
        for subject in truth.subjects:
            for row in subject.work_orders:
                wait_for(
                    f"{count} notes of {row['number']}",
                    lambda s=subject, r=row, c=count: len(labels(s.id, r["number"])) >= c,
                )
    asked_again(sandbox)
    for subject in truth.subjects:
        for row in subject.work_orders:
            assert labels(subject.id, row["number"]) == list(stages.values())


@pytest.mark.parametrize("after", [1, 4, 9])
def test_a_kill_in_the_middle_of_the_creates_loses_and_doubles_nothing(
    playground: Playground, after: int
) -> None:
    sandbox = started(playground, "--latency-ms", "20")
    daemon = playground.start_daemon()
    approved(sandbox)
    wait_for("the middle", lambda: len(sandbox.rows("fsm", "wm_order")) >= after, every_s=0.01)
    playground.kill(daemon)
    playground.start_daemon()
    truth = converged(sandbox, 3 * WORK_ORDERS_PER_LOCATION)
    assert truth.problems() == []
    assert len(truth.work_orders) == 3 * WORK_ORDERS_PER_LOCATION


def test_a_first_start_on_history_is_refused_and_then_silent(playground: Playground) -> None:
    sandbox = playground.start_sandbox("--history", "500")
    assert len(sandbox.rows("om", "sn_ind_tmt_orm_domain_order")) == 500
    assert len(sandbox.rows("fsm", "wm_order")) == 250
    refused = playground.verb("run")
    assert refused.returncode == 78
    assert "syncd state init --from now" in refused.stderr
    before = sandbox.writes()
    assert playground.verb("state", "init", "--from", "now").returncode == 0
    daemon = playground.start_daemon()
    asked_again(sandbox, 5)
    assert sandbox.writes() == before
    assert playground.stop(daemon) == 0
