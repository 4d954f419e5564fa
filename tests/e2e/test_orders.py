"""What real orders bring: revisions, fan-out, cancellations, the point of no return - over real HTTP, in one running world.

Each test has orders of its own; what is asserted is read from the two servers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

ORDER = "sn_ind_tmt_orm_order"
LINE = "sn_ind_tmt_orm_order_line_item"
DOMAIN_ORDER = "sn_ind_tmt_orm_domain_order"
TASK = "sn_ind_tmt_orm_order_task"
PLENTY = 1000
PER_UNIT = 4
"""Work orders that one unit of the product gets."""


class Order:
    """One approved order and what came of it."""

    def __init__(self, site: Any, units: int = 1, **placed: Any) -> None:
        self.site = site
        found = site.control("POST", "orders", **{"locations": ["Berlin Mitte"], **placed})
        self.id, self.lines = found["order"], found["lines"]
        self.do("approve")
        self.until("its work orders", lambda: len(self.work_orders()) == units * PER_UNIT and self.quiet())

    def do(self, verb: str, **body: Any) -> Any:
        return self.site.control("POST", f"orders/{self.id}/{verb}", **body)

    def revise(self, **body: Any) -> None:
        self.do("revise", **body)

    def until(self, what: str, look: Any) -> Any:
        return self.site.wait_for(what, look)

    def domain_orders(self) -> list[dict[str, str]]:
        return self.site.sandbox.rows("om", DOMAIN_ORDER, f"order={self.id}^ORDERBYnumber")

    def router(self) -> dict[str, str]:
        """The domain order of the first router: it has two work orders."""
        return next(r for r in self.domain_orders() if r["short_description"].startswith("Managed Router"))

    def surveyed(self) -> str:
        """The order task, which has a work order of its own."""
        return next(
            row["sys_id"] for row in self.site.sandbox.rows("om", TASK) if row["sys_id"] in self.subjects()
        )

    def subjects(self) -> list[str]:
        ids = [row["sys_id"] for row in self.domain_orders()]
        tasks = self.site.sandbox.rows("om", TASK)
        return [*ids, *(task["sys_id"] for task in tasks if task["order"] in ids)]

    def work_orders(self, subject: str = "") -> list[dict[str, str]]:
        mine = {subject} if subject else set(self.subjects())
        rows = self.site.sandbox.rows("fsm", "wm_order", "ORDERBYnumber")
        return [row for row in rows if row["correlation_id"].split(":")[2:3] and owner(row) in mine]

    def states(self, subject: str = "") -> Counter[str]:
        mine = {row["sys_id"] for row in self.work_orders(subject)}
        rows = self.site.sandbox.report()["work_orders"]
        return Counter(row["state_name"] for row in rows if row["sys_id"] in mine)

    def notes(self, kind: str, subject: str = "") -> list[str]:
        said = self.said()
        ids = [subject] if subject else said
        return [note for id in ids for note in said[id] if f"[syncd:1:{kind}:" in note]

    def said(self) -> dict[str, list[str]]:
        """The notes of every subject of the order, read at once."""
        report = self.site.sandbox.report()
        mine = {row["sys_id"] for row in report["domain_orders"] if row["order"] == self.id}
        tasks = [row for row in report["order_tasks"] if row["order"] in mine]
        rows = [*(row for row in report["domain_orders"] if row["sys_id"] in mine), *tasks]
        return {row["sys_id"]: [note["text"] for note in row["notes"]] for row in rows}

    def quiet(self) -> bool:
        """Every subject with work orders names them."""
        said = self.said()
        owners = {owner(row) for row in self.work_orders()}
        return all(any("[syncd:1:created:" in note for note in said[one]) for one in owners)

    def polled(self, times: int = 2) -> None:
        """Waits until all feeds were polled again."""
        feeds = ("wm_task", TASK)
        before = [self.site.sandbox.reads().get(feed, 0) for feed in feeds]

        def again() -> bool:
            now = [self.site.sandbox.reads().get(feed, 0) for feed in feeds]
            return all(n >= b + times for n, b in zip(now, before, strict=True))

        self.until("more polls", again)

    def stays(self, polls: int = 3) -> None:
        """More polls change nothing, and no note stands twice."""
        before = self.site.sandbox.writes()
        self.polled(polls)
        assert self.site.sandbox.writes() == before
        texts = [note for notes in self.said().values() for note in notes]
        assert max(Counter(texts).values(), default=1) == 1


def owner(work_order: dict[str, str]) -> str:
    return work_order["correlation_id"].split(":")[2]


@pytest.fixture(scope="module", autouse=True)
def prompt(site: Any) -> None:
    site.control("POST", "settings", decomposition_delay_ms=200)


@pytest.fixture(autouse=True)
def calm(site: Any) -> Iterator[None]:
    """No fault outlives its test, nor a script that gets past the rules of order management."""
    yield
    site.clear()
    site.control("POST", "settings", enforcing=True, cancel_in_progress=True)


def test_a_revision_is_held_with_one_note_and_its_content_goes_out_at_its_end(site: Any) -> None:
    order = Order(site)
    order.revise(changes={"priority": "1", "quantity": "2"}, approve=False)
    order.until("a note of each hold", lambda: len(order.notes("onhold")) == 3)
    order.stays()
    assert {row["priority"] for row in order.work_orders()} <= {"3", "4"}
    order.do("approve")
    order.until("the second unit", lambda: len(order.work_orders()) == 2 * PER_UNIT)
    order.until("the priority", lambda: {row["priority"] for row in order.work_orders()} == {"1"})
    order.until("the notes", lambda: len(order.notes("amended")) == PER_UNIT and order.quiet())
    assert "- priority: 3 -> 1" in order.notes("amended")[0]
    assert len(order.notes("onhold")) == 3
    order.revise(changes={"quantity": "1"})
    order.until("the surplus", lambda: order.states()["canceled"] == PER_UNIT)
    order.until("its notes", lambda: len(order.notes("status")) == PER_UNIT)
    order.stays()


def test_a_rejected_revision_and_an_edit_without_effect_send_nothing(site: Any) -> None:
    order = Order(site)
    before = order.work_orders()
    order.revise(changes={"priority": "1", "contact": ""}, add_lines=["Hamburg Altona"], approve=False)
    order.until("the holds", lambda: len(order.notes("onhold")) == 3)
    order.do("reject")
    order.polled()
    order.revise(changes={"mrc": "12.50"})
    order.polled(5)
    order.stays()
    content = ("priority", "location", "account", "short_description", "state")
    assert [[r[c] for c in content] for r in order.work_orders()] == [[r[c] for c in content] for r in before]
    assert order.notes("amended") == []


def test_what_changed_while_a_work_order_was_closed_reaches_it_when_it_is_opened_again(site: Any) -> None:
    """A technician leaves too early; a follow-on task takes the work order up again."""
    order = Order(site)
    survey = order.surveyed()
    (work_order,) = order.work_orders(survey)
    site.control("POST", f"work-orders/{work_order['sys_id']}/advance", to="closed_incomplete")
    order.until("its end", lambda: order.notes("status", survey))
    order.revise(changes={"priority": "1"})
    order.until("the priority of the others", lambda: len(order.notes("amended")) == PER_UNIT - 1)
    order.stays()
    (task,) = site.sandbox.rows("fsm", "wm_task", f"parent={work_order['sys_id']}")
    values = {"parent": work_order["sys_id"], "u_follow_on_of": task["sys_id"]}
    site.control("POST", "records/wm_task", system="fsm", values=values)
    order.until("the priority", lambda: order.work_orders(survey)[0]["priority"] == "1")
    (note,) = order.until("its note", lambda: order.notes("amended", survey))
    assert "- priority: 3 -> 1" in note
    order.stays()


def test_lines_are_added_to_and_dropped_from_a_running_order(site: Any) -> None:
    order = Order(site)
    old = {row["sys_id"] for row in order.work_orders()}
    order.revise(add_lines=["Hamburg Altona"], drop_lines=order.lines)
    order.until(
        "the new line", lambda: order.states()["ready_for_dispatch"] == PER_UNIT == order.states()["canceled"]
    )
    gone = [row for row in site.sandbox.report()["work_orders"] if row["sys_id"] in old]
    assert {row["state_name"] for row in gone} == {"canceled"}
    order.until("the notes", lambda: order.quiet() and len(order.notes("status")) == PER_UNIT)
    order.stays()


def test_a_move_is_work_at_the_new_place(site: Any) -> None:
    order = Order(site, locations=["Munich Sendling"], move_from="Berlin Mitte", action="change", units=0)
    order.until("the work orders", lambda: len(order.work_orders()) >= PER_UNIT and order.quiet())
    names = {row["sys_id"]: row["name"] for row in site.sandbox.rows("fsm", "cmn_location")}
    actions = {row["sys_id"]: row["action"] for row in order.domain_orders()}
    installed = [row for row in order.work_orders() if owner(row) in actions]
    assert {(actions[owner(row)], names[row["location"]]) for row in installed} == {
        ("add", "Munich Sendling")
    }
    order.stays()


def test_one_line_at_the_point_of_no_return_locks_the_order_until_it_is_cleared(site: Any) -> None:
    order = Order(site, units=2, locations=["Berlin Mitte", "Hamburg Altona"])
    free, flagged = order.lines
    site.control("POST", f"ponr/{LINE}/{flagged}", value=True)
    order.polled()
    site.control("POST", f"records/{LINE}/{free}", values={"priority": "2"})
    order.until("the refusals", lambda: len(order.notes("refused")) == 3)
    late = order.do("decompose-further", line=free, specification="Managed Router")
    order.until("what was decomposed late", lambda: len(order.work_orders(late["sys_id"])) == 2)
    assert {row["priority"] for row in order.work_orders() if owner(row) != late["sys_id"]} <= {"3", "4"}
    order.until("its note", order.quiet)
    order.stays()
    site.control("POST", f"ponr/{LINE}/{flagged}", value=False)
    order.until("what was held back", lambda: [r["priority"] for r in order.work_orders()].count("2") == 6)
    order.until("the notes", lambda: len(order.notes("amended")) == PER_UNIT)


def test_a_point_of_no_return_between_the_decision_and_the_send_stops_the_change(site: Any) -> None:
    """Field service is busy from the first send on, so that none arrives before the line has its flag."""
    order = Order(site)
    busy = {"kind": "rate_limit", "retry_after": 1, "count": PLENTY}
    site.fault(system="fsm", method="PATCH", table="wm_order", **busy)
    site.control("POST", f"records/{LINE}/{order.lines[0]}", values={"priority": "2"})
    order.until("a first send", lambda: site.control("GET", "faults")["faults"][0]["count"] < PLENTY)
    site.control("POST", f"ponr/{LINE}/{order.lines[0]}", value=True)
    order.until("the refusals", lambda: len(order.notes("refusal")) == PER_UNIT)
    note = order.notes("refusal", order.router()["sys_id"])[0]
    assert order.work_orders(order.router()["sys_id"])[0]["number"] in note
    assert "the point of no return was reached before the change could be sent" in note
    assert "Field service refused" not in note
    assert "- priority: 3 -> 2" in note
    order.stays()
    assert {row["priority"] for row in order.work_orders()} <= {"3", "4"}
    assert order.notes("amended") == []


def test_a_cancelled_order_task_takes_its_own_work_order_along_and_no_other(site: Any) -> None:
    order = Order(site)
    survey = order.surveyed()
    site.control("POST", f"domain-orders/{survey}/cancel")
    order.until("the cancel", lambda: order.states(survey) == {"canceled": 1})
    (note,) = order.until("its note", lambda: order.notes("status", survey))
    assert ", because Order task OMTASK" in note
    order.stays()
    assert order.states() == {"canceled": 1, "ready_for_dispatch": PER_UNIT - 1}
    assert len(order.notes("status")) == 1


def test_a_cancelled_domain_order_takes_its_children_along_and_a_refusal_waits_for_a_person(
    site: Any,
) -> None:
    order = Order(site)
    (begun, *_) = order.work_orders(order.router()["sys_id"])
    site.control("POST", f"work-orders/{begun['sys_id']}/advance", to="in_progress")
    site.control("POST", "settings", cancel_in_progress=False)
    (top,) = [row for row in order.domain_orders() if not row["parent"]]
    site.control("POST", f"domain-orders/{top['sys_id']}/cancel")
    order.until("the cancels", lambda: order.states() == {"canceled": PER_UNIT - 1, "work_in_progress": 1})
    order.until("the refusal", lambda: order.notes("refusal", order.router()["sys_id"]))
    (note,) = order.notes("refusal")
    assert begun["number"] in note and "Business Rule" in note
    assert "cancel_work_order" in site.ground.verb("quarantine", "list").stdout
    order.until("its notes", lambda: len(order.notes("status")) >= PER_UNIT - 1)
    site.control("POST", "settings", cancel_in_progress=True)


def test_a_cancel_that_comes_after_the_last_task_was_closed_waits_for_a_person(site: Any) -> None:
    """An agent closes the work order while the cancel is on its way."""
    order = Order(site)
    survey = order.surveyed()
    (work_order,) = order.work_orders(survey)
    site.fault(system="fsm", kind="latency", method="PATCH", table="wm_order", ms=3000, count=1)
    site.control("POST", f"domain-orders/{survey}/cancel")
    order.until("the send", lambda: not site.control("GET", "faults")["faults"])
    site.control("POST", f"work-orders/{work_order['sys_id']}/advance", to="closed")
    (note,) = order.until("the refusal", lambda: order.notes("refusal", survey))
    assert f"Field service refused to cancel work order {work_order['number']}" in note
    assert "Work Order State Flow" in note
    assert parked(site, work_order)
    order.until("the status", lambda: "Closed Complete" in " ".join(order.notes("status", survey)))
    order.stays()
    assert order.states(survey) == {"closed_complete": 1}


def test_a_cancel_whose_reason_is_lost_on_the_way_waits_for_a_person(site: Any) -> None:
    """An access rule keeps the reason from field service, which demands one."""
    order = Order(site)
    survey = order.surveyed()
    (work_order,) = order.work_orders(survey)
    site.fault(system="fsm", kind="drop_fields", table="wm_order", fields=["work_notes"])
    site.control("POST", f"domain-orders/{survey}/cancel")
    (note,) = order.until("the refusal", lambda: order.notes("refusal", survey))
    assert "mandatory: Work notes" in note
    order.stays()
    site.clear()
    key = parked(site, work_order)
    assert site.ground.verb("quarantine", "retry", key, "--by", "A. Meier").returncode == 0
    order.until("the cancel", lambda: order.states(survey) == {"canceled": 1})


def parked(site: Any, work_order: dict[str, str]) -> str:
    """The key of the write to a work order that waits for a person."""
    (line,) = [e for e in site.events("effect.parked") if e["work_order"] == work_order["sys_id"]]
    return str(line["key"])


def test_an_order_that_is_approved_again_gets_the_next_generation(site: Any) -> None:
    order = Order(site)
    order.do("cancel")
    order.until("the cancels", lambda: order.states()["canceled"] == PER_UNIT)
    order.do("reinstate")
    order.until("the next generation", lambda: len(order.work_orders()) == 2 * PER_UNIT)
    generations = Counter(row["correlation_id"].rpartition(":")[2] for row in order.work_orders())
    assert generations == {"1": PER_UNIT, "2": PER_UNIT}


def test_work_whose_cancel_was_refused_goes_on_with_its_order_and_is_not_made_again(site: Any) -> None:
    """Field service lets nobody cancel what is in progress; then the order is approved again."""
    order = Order(site)
    router = order.router()["sys_id"]
    (begun, *_) = order.work_orders(router)
    site.control("POST", f"work-orders/{begun['sys_id']}/advance", to="in_progress")
    site.control("POST", "settings", cancel_in_progress=False)
    order.do("cancel")
    order.until("the refusal", lambda: order.notes("refusal", router))
    order.until("the other cancels", lambda: order.states()["canceled"] == PER_UNIT - 1)
    order.do("reinstate")
    order.until("the next generation", lambda: len(order.work_orders()) == 2 * PER_UNIT - 1)
    site.control("POST", f"records/{LINE}/{order.lines[0]}", values={"priority": "1"})
    order.until("the change", lambda: [r["priority"] for r in order.work_orders()].count("1") == PER_UNIT)
    site.control("POST", f"work-orders/{begun['sys_id']}/advance", to="closed")
    order.until("the status", lambda: "Closed Complete" in " ".join(order.notes("status", router)))
    site.control("POST", f"records/{LINE}/{order.lines[0]}", values={"priority": "2"})
    order.until("the change", lambda: [r["priority"] for r in order.work_orders()].count("2") == PER_UNIT - 1)
    assert len(order.work_orders()) == 2 * PER_UNIT - 1
    assert begun["sys_id"] not in site.ground.verb("quarantine", "list").stdout


def test_a_rule_that_matches_no_more_is_told_and_its_work_orders_stay(site: Any) -> None:
    order = Order(site)
    router = order.router()["sys_id"]
    site.control("POST", f"records/{DOMAIN_ORDER}/{router}", values={"action": "suspend"})
    order.until("the note", lambda: order.notes("unmatched", router))
    (note,) = order.notes("unmatched")
    assert all(row["number"] in note for row in order.work_orders(router))
    assert len(site.events("rule.unmatched")) == 1
    order.stays()
    assert order.states() == {"ready_for_dispatch": PER_UNIT}


def test_a_hundred_domain_orders_in_one_second_lose_and_double_nothing(site: Any) -> None:
    order = Order(site, units=25, locations=25)
    made = order.domain_orders()
    assert len(made) == 100
    assert len({row["sys_created_on"] for row in made}) <= 2
    assert len({row["correlation_id"] for row in order.work_orders()}) == 25 * PER_UNIT
    order.stays()


def test_what_an_order_cancelled_past_the_point_leaves_behind_is_told_once(site: Any) -> None:
    """A script cancels order, line and domain orders one after the other, each seen by a poll of its own."""
    order = Order(site)
    (line,), router = order.lines, order.router()["sys_id"]
    site.control("POST", f"ponr/{LINE}/{line}", value=True)
    order.polled()
    site.control("POST", "settings", enforcing=False)
    steps = [
        (ORDER, order.id),
        (LINE, line),
        *((r["sys_class_name"], r["sys_id"]) for r in order.domain_orders()),
    ]
    for table, id in steps:
        site.control("POST", f"records/{table}/{id}", values={"state": "canceled"})
        order.polled()
    order.stays()
    (note,) = order.notes("flagged", router)
    assert note.startswith("Order ORD") and "A person must decide" in note
    assert len(order.notes("flagged")) == 3
    assert order.states() == {"ready_for_dispatch": PER_UNIT}


def test_what_the_point_of_no_return_holds_back_is_not_told_again_when_the_parent_was_on_hold(
    site: Any,
) -> None:
    order = Order(site)
    site.control("POST", f"ponr/{LINE}/{order.lines[0]}", value=True)
    order.polled()
    site.control("POST", "settings", enforcing=False)
    site.control("POST", f"records/{LINE}/{order.lines[0]}", values={"priority": "1"})
    order.until("the refusals", lambda: len(order.notes("refused")) == 3)
    (top,) = [row for row in order.domain_orders() if not row["parent"]]
    for state in ("on_hold", "in_progress"):
        site.control("POST", f"records/{top['sys_class_name']}/{top['sys_id']}", values={"state": state})
        order.polled()
    order.stays()
    assert len(order.notes("refused")) == 3


def test_one_grep_for_the_number_of_an_order_tells_all_about_it(site: Any) -> None:
    """Every line about a record of it names it, and no other line does."""
    order = Order(site)
    number = site.sandbox.rows("om", "sn_ind_tmt_orm_order", f"sys_id={order.id}")[0]["number"]
    mine = {*order.subjects(), *(row["sys_id"] for row in order.work_orders())}
    site.wait_for("the note", lambda: [n for n in named(site, number) if "note" in n["event"]])
    about = [line for line in site.lines() if {line.get("domain_order"), line.get("work_order")} & mine]
    assert [line for line in about if line.get("order_number") != number] == []
    assert {"plan.pinned", "work_order.created", "note.written"} <= {line["event"] for line in about}
    assert {id for line in named(site, number) for id in (line["domain_order"],)} <= mine


def named(site: Any, number: str) -> list[dict[str, Any]]:
    return [line for line in site.lines() if line.get("order_number") == number]
