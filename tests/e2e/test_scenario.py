"""The scenario of the product, act by act, on real processes; what is asserted is read from the two servers.

The acts are played on one shared instance, on two, and on two in which every table, column, state and label is called
differently: nothing of it may be built in. Each test has orders of its own in a world that all of them share.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syncd.demo.processes import Playground, wait_for
from syncd.demo.truth import Subject, Truth, read_truth
from syncd.demo.world import Sandbox

LOCATIONS = ("Berlin Mitte", "Hamburg Altona", "Munich Sendling")
WORK_ORDERS = 4
"""Of each location."""
STAGES = ("assigned", "accepted", "in_progress", "closed")
FEEDS = ("sn_ind_tmt_orm_order_task", "wm_task")


def asked_again(sandbox: Sandbox, times: int = 3) -> None:
    """Waits until each feed was polled `times` more."""

    def asked() -> list[int]:
        counts = sandbox.reads()
        return [counts.get(feed, 0) for feed in FEEDS]

    before = asked()
    wait_for("more polls", lambda: all(n >= b + times for n, b in zip(asked(), before, strict=True)))


class Act:
    """The orders of one test, told from those that were there before."""

    def __init__(self, site: Any, doubled: Callable[[Truth], list[str]]) -> None:
        self.site = site
        self._doubled = doubled
        truth = site.truth()
        self._before = {subject.id for subject in truth.subjects}
        self._known = set(truth.problems())
        self.order = ""

    def approved(self, *locations: str) -> tuple[Subject, ...]:
        """Places and approves an order; what came of it once all its work orders stand."""
        self.order = self.site.approve(*locations)
        wanted = WORK_ORDERS * len(locations)
        self.until("its work orders", lambda: self.count() == wanted and not self.problems())
        return self.subjects()

    def subjects(self) -> tuple[Subject, ...]:
        return tuple(s for s in self.site.truth().subjects if s.id not in self._before)

    def problems(self) -> list[str]:
        """What is wrong and was not before."""
        return [problem for problem in self.site.truth().problems() if problem not in self._known]

    def count(self) -> int:
        return sum(len(s.work_orders) for s in self.subjects())

    def notes(self, kind: str) -> list[str]:
        return [note for s in self.subjects() for note in s.notes if f"[syncd:1:{kind}:" in note]

    def until(self, what: str, look: Callable[[], Any]) -> Any:
        return self.site.wait_for(what, look)

    def stays(self) -> None:
        """More polls change nothing."""
        before = self.site.sandbox.writes()
        asked_again(self.site.sandbox)
        assert self.site.sandbox.writes() == before
        assert self._doubled(self.site.truth()) == []


@pytest.fixture
def act(each_site: Any, doubled: Any) -> Act:
    return Act(each_site, doubled)


def test_a_placed_order_alone_changes_nothing_in_field_service(act: Act) -> None:
    before = len(act.site.truth().work_orders)
    order = act.site.control("POST", "orders", locations=list(LOCATIONS))
    lines = act.site.sandbox.rows("om", "sn_ind_tmt_orm_order_line_item", f"order={order['order']}")
    assert len(lines) == 3
    act.stays()
    assert len(act.site.truth().work_orders) == before


def test_an_approved_order_becomes_the_prescribed_work_orders(act: Act) -> None:
    subjects = act.approved(*LOCATIONS)
    silent = [s for s in subjects if not s.work_orders]
    assert {s.what for s in silent} == {"IP Address Block", "Business Internet"}
    assert all(not s.notes for s in silent)
    act.stays()


def test_every_status_seen_is_noted_once_and_in_order(act: Act) -> None:
    act.approved(LOCATIONS[0])
    said: dict[str, list[str]] = {}

    def noted() -> bool:
        return {w["number"]: labels(s, w) for s in act.subjects() for w in s.work_orders} == said

    def labels(subject: Subject, work_order: dict[str, str]) -> list[str]:
        mine = [n for n in subject.notes if work_order["number"] in n and "[syncd:1:status:" in n]
        wanted = said[work_order["number"]]
        return [label for note in mine for label in wanted if f"-> {label}" in note]

    for step in STAGES:
        for row in [row for s in act.subjects() for row in s.work_orders]:
            act.site.control("POST", f"work-orders/{row['sys_id']}/advance", to=step)
        for row in [row for s in act.subjects() for row in s.work_orders]:
            said.setdefault(row["number"], []).append(row["state_label"])
        act.until(f"a note of each work order: {step}", noted)
    assert all(len(set(stages)) == len(STAGES) for stages in said.values())
    act.stays()
    assert noted()


def test_a_change_in_flight_reaches_its_work_orders_and_no_others(act: Act) -> None:
    act.approved(*LOCATIONS[:2])
    line = line_at(act, LOCATIONS[0])
    body = {"changes": {line["sys_id"]: {"priority": "1"}}, "approve": True}
    act.site.control("POST", f"orders/{act.order}/revise", **body)

    def priorities() -> set[tuple[str, str]]:
        return {(s.location, row["priority"]) for s in act.subjects() for row in s.work_orders}

    act.until("the change", lambda: priorities() == {(LOCATIONS[0], "1"), (LOCATIONS[1], "3")})
    act.until("a note for each", lambda: len(act.notes("amended")) == WORK_ORDERS)
    act.stays()
    assert len(act.notes("amended")) == WORK_ORDERS


def line_at(act: Act, location: str) -> dict[str, str]:
    names = act.site.truth().names
    rows = act.site.sandbox.rows("om", "sn_ind_tmt_orm_order_line_item", f"order={act.order}")
    (line,) = [row for row in rows if names[row["location"]] == location]
    return line


def test_a_cancelled_order_cancels_its_work_orders_with_a_reason(act: Act) -> None:
    act.approved(LOCATIONS[0])
    act.site.control("POST", f"orders/{act.order}/cancel")

    def cancelled() -> bool:
        rows = [row for s in act.subjects() for row in s.work_orders]
        return all(row["state_name"] == "canceled" and act.site.sandbox.notes(row["sys_id"]) for row in rows)

    act.until("the cancellation", cancelled)
    act.until("the notes", lambda: len(act.notes("status")) == WORK_ORDERS)
    assert all(", because " in note and " was cancelled" in note for note in act.notes("status"))
    assert act.count() == WORK_ORDERS
    act.stays()


def test_a_work_order_cancelled_in_field_service_is_noted(act: Act) -> None:
    survey = next(s for s in act.approved(LOCATIONS[0]) if s.what == "site_survey")
    (work_order,) = survey.work_orders
    act.site.control("POST", f"work-orders/{work_order['sys_id']}/cancel", reason="The site is known")
    act.until("the note", lambda: act.notes("status"))
    (row,) = [row for s in act.subjects() for row in s.work_orders if row["number"] == work_order["number"]]
    assert f"-> {row['state_label']}" in act.notes("status")[0]
    act.stays()
    assert len(act.notes("status")) == 1
    assert act.count() == WORK_ORDERS


def test_a_line_behind_its_point_of_no_return_is_not_changed_any_more(act: Act) -> None:
    """An edit that order management does not refuse itself, as a script of an administrator may make it."""
    concerned = [s for s in act.approved(LOCATIONS[0]) if s.work_orders]
    line = line_at(act, LOCATIONS[0])
    act.site.control("POST", f"ponr/sn_ind_tmt_orm_order_line_item/{line['sys_id']}", value=True)
    asked_again(act.site.sandbox)
    edit = f"records/sn_ind_tmt_orm_order_line_item/{line['sys_id']}"
    act.site.control("POST", "settings", enforcing=False)
    act.site.control("POST", edit, values={"priority": "2"})
    act.until("the refusals", lambda: len(act.notes("refused")) >= len(concerned))
    act.stays()
    act.site.control("POST", "settings", enforcing=True)
    assert len(act.notes("refused")) == len(concerned)
    assert {row["priority"] for s in act.subjects() for row in s.work_orders} == {"3"}


def test_a_closure_waits_for_the_last_work_order(act: Act) -> None:
    subject = next(s for s in act.approved(LOCATIONS[0]) if s.what == "Managed Router")
    act.site.control("POST", f"domain-orders/{subject.id}/request-closure")
    act.until("the hold", lambda: act.notes("held"))
    assert all(row["number"] in act.notes("held")[0] for row in subject.work_orders)
    *others, last = (row["sys_id"] for row in subject.work_orders)
    for id, steps in [*((other, STAGES) for other in others), (last, STAGES[:-1])]:
        for step in steps:
            act.site.control("POST", f"work-orders/{id}/advance", to=step)

    def state() -> str:
        records = act.site.sandbox.report()["domain_orders"]
        return next(r["state_name"] for r in records if r["sys_id"] == subject.id)

    asked_again(act.site.sandbox)
    assert state() == "in_progress"
    act.site.control("POST", f"work-orders/{last}/advance", to=STAGES[-1])
    act.until("the release", lambda: state() == "closed_complete" and act.notes("released"))
    act.stays()
    assert (len(act.notes("held")), len(act.notes("released"))) == (1, 1)


@pytest.mark.parametrize("after", [1, 4, 9])
def test_a_kill_in_the_middle_of_the_creates_loses_and_doubles_nothing(
    playground: Playground, after: int
) -> None:
    sandbox = playground.start_sandbox("--latency-ms", "20")
    assert playground.verb("state", "init", "--from", "now").returncode == 0
    daemon = playground.start_daemon()
    order = sandbox.control("POST", "orders", {"locations": list(LOCATIONS)})
    sandbox.control("POST", f"orders/{order['order']}/approve")
    wait_for("the middle", lambda: len(sandbox.rows("fsm", "wm_order")) >= after, every_s=0.01)
    playground.kill(daemon)
    playground.start_daemon()

    def settled() -> Truth | None:
        truth = read_truth(sandbox)
        return truth if len(truth.work_orders) >= 3 * WORK_ORDERS and not truth.problems() else None

    truth = wait_for("all of it", settled, limit_s=90, every_s=0.3)
    assert len(truth.work_orders) == 3 * WORK_ORDERS


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
