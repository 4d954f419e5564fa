"""What an admin may choose instead of the cautious default, over real HTTP: order management that enforces its point of no
return by itself, and work orders that are cancelled with the rule that made them. One world for all tests.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

LINE = "sn_ind_tmt_orm_order_line_item"
DOMAIN_ORDER = "sn_ind_tmt_orm_domain_order"
FEEDS = ("wm_task", "sn_ind_tmt_orm_order_task")


@pytest.fixture(scope="module")
def site(site_of: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    rules = '[rules]\nponr = "om-enforced"\nunmatched = "cancel"\n'
    for made in site_of(tmp_path_factory.mktemp("choices"), rules):
        made.control("POST", "settings", decomposition_delay_ms=200)
        yield made


@pytest.fixture(autouse=True)
def enforcing(site: Any) -> Iterator[None]:
    yield
    site.control("POST", "settings", enforcing=True)


class Router:
    """The domain order of an approved order that has two work orders."""

    def __init__(self, site: Any) -> None:
        self.site = site
        placed = site.control("POST", "orders", locations=["Berlin Mitte"])
        self.order, (self.line,) = placed["order"], placed["lines"]
        site.control("POST", f"orders/{self.order}/approve")
        self.id = self.until("the domain order", self._found)
        self.until("its work orders", lambda: len(self.work_orders()) == 2 and self.notes("created"))

    def _found(self) -> str:
        rows = self.site.sandbox.rows("om", DOMAIN_ORDER, f"order_line_item={self.line}")
        return next((r["sys_id"] for r in rows if r["short_description"].startswith("Managed Router")), "")

    def until(self, what: str, look: Any) -> Any:
        return self.site.wait_for(what, look)

    def work_orders(self) -> list[dict[str, Any]]:
        rows = self.site.sandbox.report()["work_orders"]
        return [r for r in rows if r["correlation_id"].startswith(f"syncd:1:{self.id}:")]

    def priorities(self) -> set[str]:
        return {row["priority"] for row in self.work_orders()}

    def states(self) -> list[str]:
        return sorted(row["state_name"] for row in self.work_orders())

    def edit(self, **values: Any) -> None:
        self.site.control("POST", f"records/{LINE}/{self.line}", values=values)

    def act_on(self, action: str) -> None:
        self.site.control("POST", f"records/{DOMAIN_ORDER}/{self.id}", values={"action": action})

    def notes(self, kind: str) -> list[str]:
        rows = self.site.sandbox.report()["domain_orders"]
        texts = [note["text"] for row in rows if row["sys_id"] == self.id for note in row["notes"]]
        return [text for text in texts if f"[syncd:1:{kind}:" in text]

    def stays(self) -> None:
        """More polls of both systems change nothing, once what the other domain orders of the order need is written."""
        self.site.rest()
        writes, before = self.site.sandbox.writes(), self._polls()
        self.until("more polls", lambda: all(n >= b + 3 for n, b in zip(self._polls(), before, strict=True)))
        assert self.site.sandbox.writes() == writes

    def _polls(self) -> tuple[int, ...]:
        """Of the last feed of each system."""
        reads = self.site.sandbox.reads()
        return tuple(reads.get(feed, 0) for feed in FEEDS)


def test_the_edit_that_comes_with_the_point_of_no_return_is_sent_where_order_management_enforces_it(
    site: Any,
) -> None:
    order = Router(site)
    order.edit(ponr=True, priority="2")
    order.until("the edit", lambda: order.priorities() == {"2"} and len(order.notes("amended")) == 2)
    with pytest.raises(Exception, match="403"):
        order.edit(priority="1")
    site.control("POST", "settings", enforcing=False)  # a script of an administrator gets past the rule
    order.edit(priority="1")
    (note,) = order.until("the refusal", lambda: order.notes("refused"))
    assert "- priority: 2 -> 1" in note
    order.stays()
    assert order.priorities() == {"2"}


def test_what_was_refused_goes_out_once_the_point_of_no_return_is_taken_back(site: Any) -> None:
    order = Router(site)
    order.edit(ponr=True)
    order.stays()  # seen together with the flag, the edit would be sent
    site.control("POST", "settings", enforcing=False)
    order.edit(priority="1")
    order.until("the refusal", lambda: order.notes("refused"))
    order.edit(ponr=False)
    order.until("the edit", lambda: order.priorities() == {"1"} and len(order.notes("amended")) == 2)
    assert "- priority: 3 -> 1" in " ".join(order.notes("amended"))
    order.stays()


def test_a_rule_that_matches_no_more_takes_its_work_orders_along_and_brings_the_next_ones_when_it_does(
    site: Any,
) -> None:
    order = Router(site)
    order.act_on("suspend")
    order.until("the cancels", lambda: order.states() == ["canceled"] * 2)
    notes = order.until("their notes", lambda: len(order.notes("status")) == 2 and order.notes("status"))
    assert all(", because no rule prescribes it any more" in note for note in notes)
    for row in order.work_orders():
        assert any(
            "no rule prescribes this work order any more" in note
            for note in site.sandbox.notes(row["sys_id"])
        )
    assert order.notes("unmatched") == []
    order.act_on("add")
    order.until("the next generation", lambda: len(order.work_orders()) == 4)
    assert sorted(row["correlation_id"][-2:] for row in order.work_orders()) == [":1", ":1", ":2", ":2"]
    order.until("the note", lambda: len(order.notes("created")) == 2)
    order.stays()


def test_a_rule_that_matches_no_more_past_the_point_of_no_return_is_left_to_a_person(site: Any) -> None:
    order = Router(site)
    order.edit(ponr=True)
    order.stays()
    order.act_on("suspend")
    (note,) = order.until("the flag", lambda: order.notes("unmatched"))
    assert all(row["number"] in note for row in order.work_orders())
    order.stays()
    assert order.states() == ["ready_for_dispatch"] * 2


def test_a_cancel_that_came_too_late_holds_a_closure_until_a_person_has_seen_it(site: Any) -> None:
    """Agents close the work orders while the cancels are on their way; then the manager asks for the closure."""
    order = Router(site)
    site.fault(system="fsm", kind="latency", method="PATCH", table="wm_order", ms=3000, count=1)
    order.act_on("suspend")
    order.until("the send", lambda: not site.control("GET", "faults")["faults"])
    for row in order.work_orders():
        site.control("POST", f"work-orders/{row['sys_id']}/advance", to="closed")
    order.until("a refusal", lambda: order.notes("refusal"))
    site.control("POST", f"domain-orders/{order.id}/request-closure")
    order.until("the hold", lambda: order.notes("held"))
    assert "syncd quarantine list" in order.notes("held")[0]
    listed = json.loads(site.ground.verb("quarantine", "list", "--json").stdout)
    keys = [one["key"] for one in listed["effects"]]
    words = ("--by", "A. Meier", "--reason", "the work is done")
    dropped = site.ground.verb("quarantine", "drop", *keys, *words)
    assert dropped.returncode == 0, dropped.stderr
    order.until("the release", lambda: order.notes("released"))
