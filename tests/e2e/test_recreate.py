"""`syncd recreate` beside a running daemon, on real processes."""

from __future__ import annotations

import json

from syncd.demo.processes import Playground, wait_for

BY = ("--rule", "install-fiber", "--by", "A. Meier", "--reason", "cancelled by mistake")


def test_a_person_has_a_work_order_made_anew(playground: Playground) -> None:
    sandbox = playground.start_sandbox()
    assert playground.verb("state", "init", "--from", "now").returncode == 0
    playground.start_daemon()
    order = sandbox.control("POST", "orders", {"locations": ["Berlin Mitte"]})
    sandbox.control("POST", f"orders/{order['order']}/approve")

    def fiber() -> list[dict[str, str]]:
        return [row for row in sandbox.rows("fsm", "wm_order") if ":install-fiber:" in row["correlation_id"]]

    wait_for("the work order", fiber)
    (first,) = fiber()

    def refused() -> bool:
        """While nothing links it yet, it is refused for that."""
        done = playground.verb("recreate", first["number"], *BY)
        assert done.returncode == 2, done.stderr
        return "has not ended" in done.stderr

    wait_for("a refusal", refused)
    sandbox.control("POST", f"work-orders/{first['sys_id']}/cancel", {"reason": "by mistake"})
    wait_for(
        "the cancel", lambda: playground.verb("recreate", first["number"], *BY, "--dry-run").returncode == 0
    )
    done = playground.verb("recreate", first["number"], *BY)
    assert done.returncode == 0, done.stderr
    wait_for("the second generation", lambda: len(fiber()) == 2)
    assert sorted(row["correlation_id"][-2:] for row in fiber()) == [":1", ":2"]


def test_what_it_asks_counts_against_the_budget(playground: Playground) -> None:
    sandbox = playground.start_sandbox()
    text = playground.config.read_text(encoding="utf-8")
    budget = 'budget = { requests = 5000, per = "1h" }\npoll_interval'
    playground.config.write_text(text.replace("poll_interval", budget), encoding="utf-8")
    assert playground.verb("state", "init", "--from", "now").returncode == 0
    order = sandbox.control("POST", "orders", {"locations": ["Berlin Mitte"]})
    sandbox.control("POST", f"orders/{order['order']}/approve")
    for _ in range(2):
        assert playground.verb("once").returncode == 0
    (fiber,) = [row for row in sandbox.rows("fsm", "wm_order") if ":install-fiber:" in row["correlation_id"]]

    def used() -> int:
        budgets = json.loads(playground.verb("status", "--json").stdout)["budgets"]
        return sum(int(one["used"]) for one in budgets)

    before = used()
    assert playground.verb("recreate", fiber["number"], *BY, "--dry-run").returncode == 2
    assert used() > before
