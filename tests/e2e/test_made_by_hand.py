"""Work orders that people make, share, point elsewhere, merge, copy and delete, and dates of their tasks, over real HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

WINDOW = '{ window_start = "line.expected_start", window_end = "line.expected_end" }'
MONDAY, TUESDAY = "2026-07-06 08:00:00", "2026-07-07 08:00:00"


@pytest.fixture(scope="module")
def office(make_shared: Any) -> Iterator[Any]:
    """Dispatchers at work: a field names what a merged work order went into, and windows follow the order line."""
    yield make_shared(
        {},
        more=f'[schedule]\nfields = {WINDOW}\n[links]\nmerged = "parent"\n',
    )


class Case:
    """One order with its domain orders, and what people do in field service."""

    def __init__(self, site: Any) -> None:
        self.site = site
        before = {subject.id for subject in site.truth().subjects}
        self.order = site.approve("Berlin Mitte")

        def mine() -> Any:
            found = {s.what: s for s in site.truth().subjects if s.id not in before}
            noted = sum("[syncd:1:created:" in note for s in found.values() for note in s.notes)
            return found if noted == 3 else None

        self.by_what = site.wait_for("its work orders", mine)

    def subject(self, what: str) -> Any:
        return self.by_what[what]

    def record(self, what: str) -> dict[str, Any]:
        report = self.site.sandbox.report()
        records = [*report["domain_orders"], *report["order_tasks"]]
        return next(r for r in records if r["sys_id"] == self.subject(what).id)

    def notes(self, what: str, word: str) -> list[str]:
        return [n["text"] for n in self.record(what)["notes"] if f"[syncd:1:{word}:" in n["text"]]

    def work_order(self, number: str) -> dict[str, Any]:
        return next(r for r in self.site.sandbox.report()["work_orders"] if r["number"] == number)

    def post(self, path: str, **body: object) -> Any:
        return self.site.control("POST", path, **body)

    def until(self, what: str, look: Callable[[], Any]) -> Any:
        return self.site.wait_for(what, look, limit_s=60)


def test_one_made_by_hand_is_found_noted_counted_and_left_alone(office: Any) -> None:
    case = Case(office)
    what = "IP Address Block"
    made = case.post("work-orders", domain_order=case.subject(what).number)
    case.until("a note", lambda: case.notes(what, "adopted"))
    case.post(f"domain-orders/{case.subject(what).id}/request-closure")
    case.until("the hold", lambda: case.notes(what, "held"))
    assert made["number"] in case.notes(what, "held")[0]
    case.post(f"domain-orders/{case.subject(what).id}/cancel")
    kept = "[syncd:1:kept:"
    case.until(
        "a word on it", lambda: any(kept in n["text"] for n in case.work_order(made["number"])["notes"])
    )
    assert case.work_order(made["number"])["state_name"] != "canceled"


def test_one_that_is_pointed_elsewhere_moves_and_one_of_ours_serves_both(office: Any) -> None:
    case = Case(office)
    made = case.post("work-orders", domain_order=case.subject("IP Address Block").number)
    case.until("a note", lambda: case.notes("IP Address Block", "adopted"))
    number = case.subject("Business Internet").number
    case.post(f"work-orders/{made['number']}/point", domain_order=number)
    case.until("it moved", lambda: case.notes("Business Internet", "linked"))
    (_,) = case.until("it left", lambda: case.notes("IP Address Block", "unlinked"))

    (ours,) = case.subject("Fiber Access").work_orders
    case.post(f"work-orders/{ours['number']}/point", domain_order=number)
    case.until("both", lambda: len(case.notes("Business Internet", "linked")) == 2)
    case.post(f"domain-orders/{case.subject('Fiber Access').id}/cancel")
    kept = "another order needs it"
    case.until("it stays", lambda: any(kept in n["text"] for n in case.work_order(ours["number"])["notes"]))
    assert case.work_order(ours["number"])["state_name"] != "canceled"
    case.post(f"domain-orders/{case.subject('Business Internet').id}/cancel")
    case.until("it goes", lambda: case.work_order(ours["number"])["state_name"] == "canceled")


def test_a_closure_waits_for_what_a_work_order_was_merged_into(office: Any) -> None:
    case = Case(office)
    what = "Managed Router"
    ours, other = case.subject(what).work_orders
    case.post(f"work-orders/{other['number']}/advance", to="closed")
    into = case.post("work-orders", domain_order=case.subject("IP Address Block").number)
    case.post(f"work-orders/{ours['number']}/merge", into=into["number"])
    case.until("a note", lambda: case.notes(what, "merged"))
    case.post(f"domain-orders/{case.subject(what).id}/request-closure")
    case.until("the hold", lambda: case.notes(what, "held"))
    assert into["number"] in case.notes(what, "held")[0]
    case.post(f"work-orders/{into['number']}/advance", to="closed")
    case.until("the closure", lambda: case.record(what)["state_name"] == "closed_complete")


def test_a_copy_is_flagged_and_a_deleted_one_is_not_made_again(office: Any) -> None:
    case = Case(office)
    (ours,) = case.subject("Fiber Access").work_orders
    copy = case.post(f"work-orders/{ours['number']}/copy")

    def flagged() -> bool:
        office.ground.verb("sweep")  # not while another one sweeps
        return any("was made twice" in n["text"] for n in case.work_order(copy["number"])["notes"])

    case.until("a flag", flagged)
    first = case.subject("Managed Router").work_orders[0]
    office.control("DELETE", f"work-orders/{first['number']}")

    def noted() -> list[str]:
        office.ground.verb("sweep")
        return case.notes("Managed Router", "vanished")

    case.until("a note", noted)
    assert first["correlation_id"] not in {
        r["correlation_id"] for r in office.sandbox.report()["work_orders"]
    }


def test_the_window_of_the_tasks_follows_the_line(office: Any) -> None:
    case = Case(office)
    rows = office.sandbox.rows("om", "sn_ind_tmt_orm_order_line_item", f"order={case.order}")
    lines = {row["sys_id"] for row in rows}

    def windows() -> set[tuple[str, str]]:
        ids = {w["sys_id"] for s in case.by_what.values() for w in s.work_orders}
        tasks = [t for t in office.sandbox.report()["work_tasks"] if t["parent"] in ids]
        firsts: dict[str, dict[str, Any]] = {}
        for task in sorted(tasks, key=lambda task: task["number"]):
            firsts.setdefault(task["parent"], task)
        return {(task["window_start"], task["window_end"]) for task in firsts.values()}

    dates = {"expected_start_date": MONDAY, "expected_end_date": TUESDAY}
    changes = dict.fromkeys(lines, dates)
    office.control("POST", f"orders/{case.order}/revise", changes=changes, approve=True)
    case.until("the window", lambda: windows() == {(MONDAY, TUESDAY)})
    case.until("a note each", lambda: len(case.notes("Managed Router", "scheduled")) == 2)
