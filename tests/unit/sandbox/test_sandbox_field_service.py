"""Field Service: templates, automatic moves, state flows, cancellation."""

from __future__ import annotations

import pytest

DRAFT, AWAITING, READY, ASSIGNED, ACCEPTED, WORKING = "1", "10", "15", "16", "17", "18"
DONE, INCOMPLETE, CANCELED = "3", "4", "7"


def tasks(fsm, order: dict) -> list[dict]:
    return fsm.list("wm_task", f"parent={order['sys_id']}^ORDERBYorder^ORDERBYnumber")


def template(fsm, name: str) -> str:
    return fsm.one("cmdb_workorder_product_model", f"name={name}")["sys_id"]


def made(fsm, name: str = "Fiber Installation", **values: str) -> dict:
    return fsm.create("wm_order", template=template(fsm, name), **values)


def state(fsm, order: dict) -> str:
    return fsm.one("wm_order", f"sys_id={order['sys_id']}")["state"]


def test_an_order_without_template_is_a_draft_whatever_was_sent(fsm):
    row = fsm.create("wm_order", state="18")
    assert (row["state"], row["active"]) == (DRAFT, "true")
    assert tasks(fsm, row) == []


def test_a_template_fills_the_order_makes_its_tasks_and_moves_it_on(fsm):
    row = made(fsm)
    assert (row["state"], row["short_description"], row["priority"]) == (READY, "Fiber Installation", "3")
    rows = tasks(fsm, row)
    assert [t["short_description"] for t in rows] == ["Lay fiber to the building", "Splice and measure"]
    assert {t["state"] for t in rows} == {"10"}


def test_values_that_were_sent_win_over_the_templates(fsm):
    row = made(fsm, short_description="Mine", priority="1")
    assert (row["short_description"], row["priority"]) == ("Mine", "1")


def test_a_template_may_be_given_by_name_or_later(fsm):
    row = fsm.create("wm_order")
    assert fsm.change("wm_order", row["sys_id"], template="Site Survey")["state"] == READY
    assert len(tasks(fsm, row)) == 1


def test_with_qualification_the_order_waits_and_its_tasks_are_drafts(fsm, people):
    people.do("settings", qualification=True)
    row = made(fsm)
    assert row["state"] == AWAITING
    assert {t["state"] for t in tasks(fsm, row)} == {DRAFT}
    fsm.change("wm_order", row["sys_id"], state="13")
    assert {t["state"] for t in tasks(fsm, row)} == {"10"}
    people.do("settings", qualification=False)


def test_assigning_an_order_moves_it(fsm):
    row = made(fsm)
    group = fsm.one("sys_user_group", "name=Field Dispatch")["sys_id"]
    assert fsm.change("wm_order", row["sys_id"], assignment_group=group)["state"] == ASSIGNED


def test_assigning_and_starting_a_task_moves_it_and_its_order(fsm):
    row = made(fsm)
    task = tasks(fsm, row)[0]
    agent = fsm.one("sys_user", "user_name=field.agent")["sys_id"]
    assert fsm.change("wm_task", task["sys_id"], assigned_to=agent)["state"] == ASSIGNED
    assert state(fsm, row) == ASSIGNED
    assert fsm.change("wm_task", task["sys_id"], work_start="2026-06-01 11:00:00")["state"] == WORKING
    assert state(fsm, row) == WORKING


@pytest.mark.parametrize("target", [DONE, INCOMPLETE, WORKING, DRAFT])
def test_an_unlisted_transition_of_the_order_is_aborted(fsm, target):
    row = made(fsm)
    refused = fsm.try_change("wm_order", row["sys_id"], state=target)
    assert refused.status_code == 403
    assert "aborted by Business Rule 'Work Order State Flow^" in refused.json()["error"]["detail"]
    assert state(fsm, row) == READY


def test_an_unlisted_transition_of_a_task_is_aborted(fsm):
    task = tasks(fsm, made(fsm))[0]
    assert fsm.try_change("wm_task", task["sys_id"], state=DONE).status_code == 403


def test_closing_every_task_closes_the_order(fsm, people):
    row = made(fsm)
    first, second = tasks(fsm, row)
    for to in ("assigned", "accepted", "in_progress", "closed"):
        people.do(f"work-orders/{row['sys_id']}/advance", to=to, task=first["number"])
    assert state(fsm, row) == WORKING
    people.do(f"work-orders/{row['sys_id']}/advance", to="closed", task=second["number"])
    after = fsm.one("wm_order", f"sys_id={row['sys_id']}")
    assert (after["state"], after["active"]) == (DONE, "false")
    assert after["closed_at"]


def test_each_step_is_seen_on_the_order(fsm, people):
    row = made(fsm)
    seen = [
        people.do(f"work-orders/{row['sys_id']}/advance", to=to)["state"]
        for to in ("assigned", "accepted", "in_progress", "closed_incomplete")
    ]
    assert seen == ["assigned", "accepted", "work_in_progress", "closed_incomplete"]


def test_an_order_without_tasks_gets_one_when_it_is_worked(fsm, people):
    row = fsm.create("wm_order")
    assert len(people.do(f"work-orders/{row['sys_id']}/advance", to="assigned")["tasks"]) == 1


def test_a_draft_follow_on_takes_the_order_back_and_its_completion_closes_it(fsm, people):
    row = made(fsm, "Site Survey")
    people.do(f"work-orders/{row['sys_id']}/advance", to="closed_incomplete", follow_on=True)
    assert state(fsm, row) == AWAITING
    people.do(f"work-orders/{row['sys_id']}/advance", to="closed")
    assert state(fsm, row) == DONE


def test_cancelling_needs_a_work_note_and_cancels_the_tasks(fsm):
    row = made(fsm)
    refused = fsm.try_change("wm_order", row["sys_id"], state=CANCELED)
    assert refused.status_code == 403
    assert refused.json()["error"]["detail"].startswith("Data Policy Exception")
    after = fsm.change("wm_order", row["sys_id"], state=CANCELED, work_notes="customer withdrew")
    assert (after["state"], after["active"]) == (CANCELED, "false")
    assert {t["state"] for t in tasks(fsm, row)} == {CANCELED}
    assert fsm.notes(row["sys_id"]) == ["customer withdrew"]


def test_a_closed_order_cannot_be_cancelled(fsm, people):
    row = made(fsm)
    people.do(f"work-orders/{row['sys_id']}/advance", to="closed")
    assert fsm.try_change("wm_order", row["sys_id"], state=CANCELED, work_notes="late").status_code == 403


def test_cancelling_every_task_cancels_the_order(fsm, people):
    row = made(fsm)
    assert people.do(f"work-orders/{row['sys_id']}/advance", to="canceled")["state"] == "canceled"


def test_deleting_an_order_deletes_its_tasks(fsm):
    row = made(fsm)
    assert fsm.call("DELETE", f"table/wm_order/{row['sys_id']}").status_code == 204
    assert tasks(fsm, row) == []


def test_account_and_contact_also_set_company_and_caller(fsm):
    account = fsm.one("customer_account", "name=Nordwind Logistics")
    row = fsm.create("wm_order", account=account["sys_id"], contact=account["primary_contact"])
    assert (row["company"], row["caller"]) == (account["sys_id"], account["primary_contact"])
