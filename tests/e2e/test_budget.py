"""A request budget shared by real processes, against a server that counts by itself and turns away what is too much."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from syncd.demo.processes import Playground, wait_for
from syncd.demo.world import Sandbox

LIMIT, PER_S = 200, 10
"""What the servers grant; an hour of ten seconds."""
BUDGET = LIMIT * 95 // 100
LATE = 8
"""Requests that may have their permit and come later, because a process stood still; a budget for each process would be 190 more."""
TODAY = datetime.now(UTC).date()
PERIOD = ("--since", str(TODAY - timedelta(days=500)), "--until", str(TODAY + timedelta(days=1)))


@pytest.fixture
def sandbox(playground: Playground) -> Sandbox:
    sandbox = playground.start_sandbox("--history", "120")
    text = playground.config.read_text(encoding="utf-8")
    budget = f'budget = {{ requests = {BUDGET}, per = "{PER_S}s", background = 0.9 }}\npage_size = 2\npoll_interval'
    playground.config.write_text(text.replace("poll_interval", budget), encoding="utf-8")
    assert playground.verb("state", "init", "--from", "now", "--history", "1d").returncode == 0
    return sandbox


def limit(sandbox: Sandbox, requests: int, per_s: int) -> None:
    sandbox.control("POST", "limits", {"requests": requests, "per_s": per_s})


def limits(sandbox: Sandbox) -> Any:
    return sandbox.control("GET", "limits")


def made(sandbox: Sandbox) -> int:
    return sum(bool(row["correlation_id"]) for row in sandbox.report()["work_orders"])


def backfill(playground: Playground, name: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "syncd", "backfill", *PERIOD, "--name", name]
    return playground._spawn(name, [*command, "--config", str(playground.config)])


def test_two_processes_use_a_budget_and_are_never_turned_away(
    playground: Playground, sandbox: Sandbox
) -> None:
    limit(sandbox, LIMIT, PER_S)
    daemon = playground.start_daemon()
    process = backfill(playground, "past")
    assert process.wait(120) == 0
    wait_for("the work orders of the past", lambda: made(sandbox) == 36, limit_s=60)
    assert playground.stop(daemon) == 0
    for system, rule in limits(sandbox).items():
        assert rule["refused"] == 0, system
        assert rule["busiest"] <= BUDGET + LATE, system
    busiest = max(rule["busiest"] for rule in limits(sandbox).values())
    assert busiest >= BUDGET * 0.85, "the load was too small for the test to mean anything"
    lines = (playground.folder / "past.log").read_text(encoding="utf-8").splitlines()
    told = [json.loads(line) for line in lines if "budget.exhausted" in line]
    assert 1 <= len(told) <= 2, "once for each system at most"
    assert {line["purpose"] for line in told} == {"background"}


def test_a_429_without_a_budget_is_waited_for_by_all(playground: Playground, sandbox: Sandbox) -> None:
    text = playground.config.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("budget")]
    playground.config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    limit(sandbox, 40, 2)
    assert backfill(playground, "past").wait(120) == 0
    refused = sum(rule["refused"] for rule in limits(sandbox).values())
    served = sum(rule["served"] for rule in limits(sandbox).values())
    assert 0 < refused < served / 10


def used(playground: Playground) -> int:
    status = json.loads(playground.verb("status", "--json").stdout)
    return sum(int(one["used"]) for one in status["budgets"])


def written(playground: Playground, per: str) -> None:
    text = playground.config.read_text(encoding="utf-8")
    playground.config.write_text(text.replace(f'per = "{PER_S}s"', f'per = "{per}"'), encoding="utf-8")


@pytest.mark.parametrize(
    "verb",
    [
        pytest.param(("explain", "PO9999999"), id="explain of an unknown name"),
        pytest.param(("check", "--remote"), id="check --remote"),
    ],
)
def test_a_verb_without_lanes_counts_too(
    playground: Playground, sandbox: Sandbox, verb: tuple[str, ...]
) -> None:
    written(playground, "1h")
    limit(sandbox, 1000, 3600)
    before = used(playground)
    assert playground.verb(*verb).returncode == 0
    served = sum(rule["served"] for rule in limits(sandbox).values())
    assert used(playground) - before == served > 0


def test_the_first_requests_of_all_count_too(playground: Playground, sandbox: Sandbox) -> None:
    written(playground, "1h")
    for file in playground.folder.glob("syncd.db*"):
        file.unlink()
    limit(sandbox, 1000, 3600)
    assert playground.verb("state", "init", "--from", "now").returncode == 0
    served = sum(rule["served"] for rule in limits(sandbox).values())
    assert used(playground) == served == 2


def test_a_server_that_grants_less_than_the_config_lowers_the_pace(
    playground: Playground, sandbox: Sandbox
) -> None:
    limit(sandbox, LIMIT // 2, PER_S)
    assert backfill(playground, "past").wait(120) == 0
    for system, rule in limits(sandbox).items():
        assert rule["refused"] == 0, system
        assert rule["busiest"] <= LIMIT // 2, system
    lines = (playground.folder / "past.log").read_text(encoding="utf-8").splitlines()
    told = [json.loads(line) for line in lines if "budget.lowered" in line]
    assert {(line["limit"], line["budget"]) for line in told} == {(LIMIT // 2, BUDGET)}
    assert len(told) == len({line["system"] for line in told}) > 0
