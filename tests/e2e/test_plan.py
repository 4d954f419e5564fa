"""`syncd plan` as an operator uses it: the truth about what was sent is read from the servers' own counts."""

from __future__ import annotations

import json
import re

import pytest

from syncd.demo.processes import Playground, wait_for
from syncd.demo.world import Sandbox


@pytest.fixture
def sandbox(playground: Playground) -> Sandbox:
    started = playground.start_sandbox("--decomposition-delay-ms", "0")
    done = playground.verb("state", "init", "--from", "now")
    assert done.returncode == 0, done.stderr
    return started


def methods(sandbox: Sandbox) -> set[str]:
    """The methods of the requests that both servers have seen."""
    return set(re.findall(r"\b(GET|HEAD|POST|PUT|PATCH|DELETE)\b", str(sandbox.control("GET", "requests"))))


def test_a_plan_is_the_next_cycle_and_sends_nothing(playground: Playground, sandbox: Sandbox) -> None:
    order = sandbox.control("POST", "orders", {"locations": ["Berlin Mitte"]})
    sandbox.control("POST", f"orders/{order['order']}/approve")
    wait_for("the domain orders", lambda: not sandbox.control("GET", "report")["pending_decompositions"])
    sandbox.control("DELETE", "requests")
    done = playground.verb("plan")
    assert done.returncode == 4, done.stderr
    assert "+ create work order" in done.stdout
    assert 'template: "Fiber Installation"' in done.stdout
    assert methods(sandbox) == {"GET"}
    assert sandbox.writes() == 0
    planned = json.loads(playground.verb("plan", "--json").stdout)
    assert planned["schema_version"] == 1
    wanted = {step["key"] for step in planned["steps"]}
    assert {step["verdict"] for step in planned["steps"]} == {"send"}
    status = json.loads(playground.verb("status", "--json").stdout)
    assert (status["waiting"], status["records"]) == (0, {})
    playground.verb("once")
    for key in wanted:
        assert (
            len(sandbox.rows("fsm", "wm_order", f"correlation_id=syncd:1:{key.removeprefix('create:')}")) == 1
        )
    playground.verb("once")
    empty = playground.verb("plan")
    assert empty.returncode == 0, empty.stdout
    assert "0 effects" in empty.stdout


def test_a_plan_of_a_system_that_is_away_says_so(playground: Playground, sandbox: Sandbox) -> None:
    sandbox.control("POST", "faults", {"kind": "status", "status": 401, "system": "fsm"})
    done = playground.verb("plan")
    assert done.returncode == 77
    assert "our credentials are refused" in done.stderr
