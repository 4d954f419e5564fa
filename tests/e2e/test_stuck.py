"""What does not move is told by a real daemon, once; everything else about it works on."""

from __future__ import annotations

import json
from typing import Any

from syncd.demo.processes import Playground, wait_for

WATCH = """
[watch]
oldest = "10s"
"""


def events(playground: Playground, *names: str) -> list[dict[str, Any]]:
    text = (playground.folder / "daemon.log").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
    return [line for line in lines if line["event"] in names]


def test_a_feed_that_stands_and_an_order_that_waits(playground: Playground) -> None:
    sandbox = playground.start_sandbox("--decomposition-delay-ms", "0")
    playground.write_config(sandbox, WATCH)
    assert playground.verb("state", "init", "--from", "now").returncode == 0
    playground.start_daemon()
    wait_for("the catch-up", lambda: events(playground, "catch_up.finished"), limit_s=60)
    order = sandbox.control("POST", "orders", {"locations": ["Berlin Mitte"]})
    creates = {"kind": "status", "status": 500, "method": "POST", "table": "wm_order", "system": "fsm"}
    sandbox.control("POST", "faults", creates)
    sandbox.control("POST", f"orders/{order['order']}/approve")
    (waits,) = wait_for("the oldest order", lambda: events(playground, "order.unsynced"), limit_s=90)
    assert (waits["level"], waits["number"]) == ("error", order["number"])
    assert waits["oldest_s"] >= 10
    assert waits["next"].startswith("syncd explain ")
    table = {"kind": "status", "status": 500, "method": "GET", "table": "wm_task", "system": "fsm"}
    sandbox.control("POST", "faults", table)
    (stands,) = wait_for("the feed", lambda: events(playground, "feed.stuck"), limit_s=120)
    assert stands["feed"] == "work_task"
    sandbox.control("DELETE", "faults")
    wait_for("both to end", lambda: len(events(playground, "stuck.ended")) == 2, limit_s=120)
    assert len(events(playground, "order.unsynced", "feed.stuck")) == 2
