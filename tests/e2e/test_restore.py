"""An earlier state in a world that went on: both servers are read, and nothing stands twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable

import pytest

from syncd.demo.processes import Playground, wait_for
from syncd.demo.truth import Truth, read_truth
from syncd.demo.world import Sandbox

LOCATIONS = ["Berlin Mitte", "Hamburg Altona"]
WORK_ORDERS = 4 * len(LOCATIONS)
LINES = "sn_ind_tmt_orm_order_line_item"


@pytest.fixture
def sandbox(playground: Playground) -> Sandbox:
    made = playground.start_sandbox()
    done = playground.verb("state", "init", "--from", "now")
    assert done.returncode == 0, done.stderr
    return made


def approve(sandbox: Sandbox) -> str:
    order = sandbox.control("POST", "orders", {"locations": LOCATIONS})
    sandbox.control("POST", f"orders/{order['order']}/approve")
    return str(order["order"])


def advance(sandbox: Sandbox, to: str) -> None:
    for row in sandbox.rows("fsm", "wm_order"):
        sandbox.control("POST", f"work-orders/{row['sys_id']}/advance", {"to": to})


def noted(truth: Truth) -> Counter[str]:
    return Counter(note.partition("[syncd:1:")[0] for subject in truth.subjects for note in subject.notes)


def converged(sandbox: Sandbox, label: str) -> Truth:
    """Every prescribed work order stands, and each has a note that names this state."""

    def settled() -> Truth | None:
        truth = read_truth(sandbox)
        told = sum(f"-> {label}" in note for subject in truth.subjects for note in subject.notes)
        done = len(truth.work_orders) == WORK_ORDERS and told >= WORK_ORDERS and not truth.problems()
        return truth if done else None

    return wait_for(f"{WORK_ORDERS} notes of {label}", settled, limit_s=60, every_s=0.5)


def caught_up(playground: Playground, times: int) -> None:
    """Waits until a start has caught up, and once more for what it then sends."""

    def lines() -> list[dict[str, object]]:
        text = (playground.folder / "daemon.log").read_text(encoding="utf-8")
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def finished() -> bool:
        return sum(line["event"] == "catch_up.finished" for line in lines()) >= times

    wait_for("the end of the catch-up", finished, limit_s=60)

    def at_rest() -> bool:
        status = json.loads(playground.verb("status", "--json").stdout)
        return not [e for e in status["effects"] if e["status"] in ("pending", "in_flight", "in_doubt")]

    wait_for("an empty outbox", at_rest, limit_s=60, every_s=0.5)


@pytest.mark.parametrize("moment", ["before anything", "in the middle"])
def test_a_restored_backup_doubles_nothing(
    playground: Playground, sandbox: Sandbox, doubled: Callable[[Truth], list[str]], moment: str
) -> None:
    daemon = playground.start_daemon()
    if moment == "before anything":
        assert playground.verb("state", "backup", "kept.db").returncode == 0
    approve(sandbox)
    wait_for("work orders", lambda: len(sandbox.rows("fsm", "wm_order")) >= 3, every_s=0.05)
    if moment == "in the middle":
        made = playground.verb("state", "backup", "kept.db")
        assert made.returncode == 0, made.stderr
    wait_for(
        "all of them", lambda: len(read_truth(sandbox).work_orders) == WORK_ORDERS, limit_s=60, every_s=0.3
    )
    wait_for("their notes", lambda: not read_truth(sandbox).problems(), limit_s=60, every_s=0.5)
    advance(sandbox, "assigned")
    before = converged(sandbox, "Assigned")
    playground.kill(daemon)

    restored = playground.verb("state", "restore", "kept.db")
    assert restored.returncode == 0, restored.stderr
    assert "replaced-" in restored.stdout
    assert playground.verb("state", "verify").returncode == 0
    playground.start_daemon()
    caught_up(playground, 2)

    after = read_truth(sandbox)
    assert after.problems() == []
    assert doubled(after) == []
    assert len(after.work_orders) == WORK_ORDERS
    assert noted(after) == noted(before)


def test_a_restore_under_a_running_daemon_is_refused(playground: Playground, sandbox: Sandbox) -> None:
    playground.start_daemon()
    log = playground.folder / "daemon.log"
    wait_for("the daemon", lambda: "daemon.started" in log.read_text(encoding="utf-8"), every_s=0.1)
    assert playground.verb("state", "backup", "kept.db").returncode == 0
    refused = playground.verb("state", "restore", "kept.db")
    assert refused.returncode == 75


def test_another_instance_gets_nothing_until_a_person_says_so(
    playground: Playground, sandbox: Sandbox
) -> None:
    text = playground.config.read_text(encoding="utf-8")
    playground.config.write_text(text.replace('"fsm-sandbox"', '"fsm-other"'), encoding="utf-8")
    refused = playground.verb("run")
    assert refused.returncode == 78
    assert "syncd state rebind" in refused.stderr
    assert "identity.changed" in refused.stderr
    bound = playground.verb("state", "rebind", "--by", "A. Meier", "--reason", "renamed")
    assert bound.returncode == 0, bound.stderr
    assert playground.verb("once").returncode == 0
