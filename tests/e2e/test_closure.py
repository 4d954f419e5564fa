"""The closure gate, and closures past it, over real HTTP: a daemon between two servers that know nothing of each other.

All tests share one world per way of releasing; each has an order of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import resources
from typing import Any

import pytest

from syncd.demo.processes import wait_for

LAST = ("assigned", "accepted", "in_progress", "closed")


class Case:
    """One domain order with its work orders, and what people do with them."""

    def __init__(self, site: Any, *, what: str = "Managed Router") -> None:
        self.site = site
        before = {subject.id for subject in site.truth().subjects}
        site.approve("Berlin Mitte")

        def mine() -> Any:
            found = [s for s in site.truth().subjects if s.id not in before and s.what == what]
            named = found and any("[syncd:1:created:" in note for note in found[0].notes)
            return found[0] if named else None

        subject = site.wait_for("its work orders", mine)
        self.id, self.number = subject.id, subject.number
        self.work_orders = [row["number"] for row in subject.work_orders]

    def post(self, path: str, **body: object) -> Any:
        return self.site.control("POST", path, **body)

    def ask(self) -> None:
        self.post(f"domain-orders/{self.id}/request-closure")

    def close_by_hand(self) -> None:
        self.post(f"domain-orders/{self.id}/close")

    def finish(self, *numbers: str) -> None:
        for number in numbers or self.work_orders:
            self.post(f"work-orders/{number}/advance", to="closed")

    def record(self) -> dict[str, Any]:
        records = self.site.sandbox.report()["domain_orders"]
        return next(r for r in records if r["sys_id"] == self.id)

    @property
    def state(self) -> str:
        return str(self.record()["state_name"])

    def notes(self, word: str) -> list[str]:
        return [n["text"] for n in self.record()["notes"] if f"[syncd:1:{word}:" in n["text"]]

    def until(self, what: str, look: Callable[[], Any]) -> Any:
        return self.site.wait_for(what, look, limit_s=60)

    def alarms(self, event: str) -> int:
        return sum(line["domain_order"] == self.id for line in self.site.events(event))


@pytest.fixture(scope="module")
def naive(make_shared: Any) -> Iterator[Any]:
    """Order management refuses nothing by itself, and what passed the gate is opened again."""
    keys = {"past_gate": '"reopen"', "hold_note_interval": '"1s"'}
    yield make_shared({"closure": keys}, "--naive")


@pytest.fixture(scope="module")
def enforcing(make_shared: Any) -> Iterator[Any]:
    """Order management refuses a closure while work is open; a hold takes its marker away."""
    yield make_shared({"closure": {"on_hold": '"clear"'}})


@pytest.fixture(scope="module")
def flow(make_shared: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The flow closes domain orders when it is told that the field work is done; closing by hand creates fallout."""
    text = (resources.files("connectors") / "profiles" / "servicenow-om.toml").read_text(encoding="utf-8")
    field = 'closure_request = "u_closure_request"\n'
    profile = tmp_path_factory.mktemp("profile") / "om.toml"
    profile.write_text(text.replace(field, f'{field}field_work = "u_field_work"\n', 1), encoding="utf-8")
    site = make_shared(
        {"closure": {"release": '{ field_work = "done" }'}, "order_management": {"profile": f'"{profile}"'}}
    )
    site.control("POST", "settings", fallout=True)
    yield site


def test_a_hold_is_noted_again_when_something_else_holds(naive: Any) -> None:
    case = Case(naive)
    case.ask()
    case.until("the hold", lambda: case.notes("held"))
    case.finish(case.work_orders[0])
    case.until("a second note", lambda: len(case.notes("held")) == 2)
    first, second = case.notes("held")
    assert case.work_orders[0] in first
    assert case.work_orders[0] not in second
    case.finish(case.work_orders[1])
    case.until("the release", lambda: case.state == "closed_complete")


def test_an_open_follow_on_keeps_a_closed_incomplete_work_order_open(naive: Any) -> None:
    case = Case(naive)
    case.finish(case.work_orders[1])
    case.post(f"work-orders/{case.work_orders[0]}/advance", to="closed_incomplete", follow_on=True)
    case.ask()
    case.until("the hold", lambda: case.notes("held"))
    assert case.work_orders[0] in case.notes("held")[0]
    case.finish(case.work_orders[0])
    case.until("the release", lambda: case.state == "closed_complete")


def test_a_closure_past_the_gate_is_told_and_undone(naive: Any) -> None:
    case = Case(naive)
    case.close_by_hand()
    case.until("the reopening", lambda: case.state == "in_progress" and case.notes("bypassed"))
    assert all(number in case.notes("bypassed")[0] for number in case.work_orders)
    case.until("the alarm", lambda: case.alarms("closure.bypassed"))
    assert case.alarms("closure.bypassed") == 1


def test_work_that_opens_after_the_closure_opens_the_domain_order_again(naive: Any) -> None:
    case = Case(naive)
    case.finish()
    case.ask()
    case.until("the closure", lambda: case.state == "closed_complete" and case.notes("released"))
    made = case.post("work-orders", domain_order=case.number)
    case.until("the reopening", lambda: case.state == "in_progress" and case.notes("violated"))
    assert made["number"] in case.notes("violated")[0]
    case.until("the alarm", lambda: case.alarms("closure.violated"))
    assert case.alarms("closure.violated") == 1
    case.finish(made["number"])
    case.until("the closure by the gate, which is asked still", lambda: case.state == "closed_complete")


def test_a_person_overrides_the_gate_and_nothing_is_undone(naive: Any) -> None:
    case = Case(naive)
    case.ask()
    case.until("the hold", lambda: case.notes("held"))
    words = ("--by", "A. Meier", "--reason", "router was returned")
    assert naive.ground.verb("gate", "override", case.number, *words).returncode == 0
    case.until("the closure", lambda: case.state == "closed_complete" and case.notes("released"))
    (note,) = case.notes("released")
    assert note.startswith(
        "Closure released on the word of A. Meier: router was returned\nWhat held it:\n- work order WO"
    )
    other = Case(naive)  # what the daemon was to find out, it has found out by then
    assert case.state == "closed_complete"
    assert case.alarms("closure.bypassed") == case.alarms("closure.violated") == 0
    assert other.state == "in_progress"


def test_a_hold_that_clears_its_marker_has_to_be_asked_again(enforcing: Any) -> None:
    case = Case(enforcing)
    case.ask()
    case.until("the cleared marker", lambda: case.record()["u_closure_request"] == "" and case.notes("held"))
    case.finish()
    case.until("a status note", lambda: len(case.notes("status")) >= len(case.work_orders))
    assert case.state == "in_progress"
    case.ask()
    case.until("the closure", lambda: case.state == "closed_complete")
    assert len(case.notes("held")) == 1


def test_order_management_that_enforces_refuses_whoever_closes_by_hand(enforcing: Any) -> None:
    case = Case(enforcing)
    with pytest.raises(Exception, match="403"):
        case.close_by_hand()
    assert case.state == "in_progress"
    assert case.alarms("closure.bypassed") == 0


def fallouts(site: Any) -> list[Any]:
    return list(site.sandbox.rows("om", "sn_fallout_mgmt_fallout", ""))


def test_a_release_by_the_field_that_the_flow_waits_for_leaves_no_fallout(flow: Any) -> None:
    case = Case(flow)
    case.finish()
    case.ask()
    case.until("the closure by the flow", lambda: case.state == "closed_complete" and case.notes("released"))
    assert case.record()["u_field_work"] == "done"
    assert fallouts(flow) == []
    assert case.alarms("closure.bypassed") == case.alarms("closure.violated") == 0


def test_whoever_closes_by_hand_there_leaves_fallout(flow: Any) -> None:
    case = Case(flow)
    case.finish()
    case.close_by_hand()
    wait_for("the failure record", lambda: fallouts(flow))
