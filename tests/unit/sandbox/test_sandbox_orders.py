"""Order Management: placement, approval, decomposition, revision, cancellation, point of no return, closure."""

from __future__ import annotations

from collections import Counter

import pytest

from syncd.sandbox.tables_domain import CHARACTERISTIC, DOMAIN_ORDER, ORDER, ORDER_TASK
from syncd.sandbox.tables_domain import ORDER_LINE as LINE


def domain_orders(om, order: dict) -> list[dict]:
    return om.list(DOMAIN_ORDER, f"order={order['order']}^ORDERBYnumber")


def by_specification(om, order: dict, name: str) -> dict:
    return om.one(DOMAIN_ORDER, f"order={order['order']}^specification.name={name}")


def state(om, table: str, id: str) -> str:
    return om.one(table, f"sys_id={id}")["state"]


def test_placing_an_order_makes_a_line_for_each_location(om, people):
    placed = people.do("orders", locations=["Berlin Mitte", "Munich Sendling"], priority="2")
    lines = om.list(
        LINE, f"order={placed['order']}^ORDERBYnumber", sysparm_fields="location.name,state,action,priority"
    )
    assert [line["location.name"] for line in lines] == ["Berlin Mitte", "Munich Sendling"]
    assert {(line["state"], line["action"], line["priority"]) for line in lines} == {("new", "add", "2")}
    row = om.one(ORDER, f"sys_id={placed['order']}", sysparm_fields="state,number,account.name,version")
    assert row == {
        "state": "new",
        "number": placed["number"],
        "account.name": "Nordwind Logistics",
        "version": "1",
    }
    assert domain_orders(om, placed) == []


def test_approval_is_followed_by_decomposition_after_the_delay(om, people):
    placed = people.do("orders", locations=3)
    people.do(f"orders/{placed['order']}/approve")
    people.wait(4)
    assert state(om, ORDER, placed["order"]) == "acknowledged"
    assert domain_orders(om, placed) == []
    people.wait(1)
    made = om.list(
        DOMAIN_ORDER,
        f"order={placed['order']}",
        sysparm_fields="specification.name,sys_class_name,state,action",
    )
    kinds = Counter((row["specification.name"], row["sys_class_name"].split("_orm_")[1]) for row in made)
    assert kinds == {
        ("Business Internet", "product_order"): 3,
        ("Fiber Access", "service_order"): 3,
        ("Managed Router", "resource_order"): 3,
        ("IP Address Block", "resource_order"): 3,
    }
    assert {(row["state"], row["action"]) for row in made} == {("in_progress", "add")}
    assert state(om, ORDER, placed["order"]) == "in_progress"


def test_domain_orders_form_a_tree_and_carry_what_the_line_has(om, people):
    order = people.approved_order("Hamburg Altona", priority="1")
    product, service = (
        by_specification(om, order, "Business Internet"),
        by_specification(om, order, "Fiber Access"),
    )
    router = by_specification(om, order, "Managed Router")
    assert (product["parent"], service["parent"], router["parent"]) == (
        "",
        product["sys_id"],
        service["sys_id"],
    )
    assert {row["order_line_item"] for row in (product, service, router)} == set(order["lines"])
    line = om.one(LINE, f"order={order['order']}")
    for name in ("location", "account", "contact", "priority"):
        assert router[name] == line[name] != ""


def test_the_service_order_has_one_open_survey_task(om, people):
    order = people.approved_order()
    service = by_specification(om, order, "Fiber Access")
    task = om.one(ORDER_TASK, f"order={service['sys_id']}")
    assert (task["request_type"], task["task_type"], task["state"]) == ("site_survey", "survey", "1")
    assert task["location"] == service["location"]


def test_a_quantity_of_two_is_fulfilled_twice(om, people):
    order = people.approved_order("Berlin Mitte", quantity="2")
    assert len(domain_orders(om, order)) == 8


def test_approval_through_the_table_api_decomposes_too(om, people):
    placed = people.do("orders", locations=1)
    om.change(ORDER, placed["order"], state="acknowledged")
    people.wait(5)
    assert len(domain_orders(om, placed)) == 4


def test_a_rejected_order_is_not_decomposed_and_only_new_ones_are_approved(om, people):
    placed = people.do("orders", locations=1)
    people.do(f"orders/{placed['order']}/reject")
    people.wait(10)
    assert state(om, ORDER, placed["order"]) == "rejected"
    assert domain_orders(om, placed) == []
    assert people.ask(f"orders/{placed['order']}/approve").status_code == 409


def test_cancelling_a_running_order_goes_through_assessment_and_takes_everything_along(om, people):
    order = people.approved_order()
    people.do(f"orders/{order['order']}/cancel", approve=False)
    assert state(om, ORDER, order["order"]) == "assessing_cancellation"
    assert {row["state"] for row in domain_orders(om, order)} == {"on_hold"}
    people.do(f"orders/{order['order']}/approve")
    row = om.one(ORDER, f"sys_id={order['order']}")
    assert (row["state"], row["version"], row["revision_operation"], row["active"]) == (
        "canceled",
        "2",
        "cancel",
        "false",
    )
    assert {row["state"] for row in domain_orders(om, order)} == {"canceled"}
    assert {row["state"] for row in om.list(LINE, f"order={order['order']}")} == {"canceled"}


def test_a_rejected_cancellation_returns_everything_to_where_it_was(om, people):
    order = people.approved_order()
    people.do(f"orders/{order['order']}/cancel", approve=False)
    people.do(f"orders/{order['order']}/reject")
    assert state(om, ORDER, order["order"]) == "in_progress"
    assert {row["state"] for row in domain_orders(om, order)} == {"in_progress"}


def test_cancelling_a_domain_order_cancels_what_is_below(om, people):
    order = people.approved_order()
    service = by_specification(om, order, "Fiber Access")
    people.do(f"domain-orders/{service['sys_id']}/cancel")
    states = {row["number"][:2]: row["state"] for row in domain_orders(om, order)}
    assert states == {"PO": "in_progress", "SO": "canceled", "RO": "canceled"}
    assert om.one(ORDER_TASK, f"order={service['sys_id']}")["active"] == "false"


def test_a_revision_holds_the_domain_orders_and_brings_the_new_content(om, people):
    order = people.approved_order()
    people.do(f"orders/{order['order']}/revise", changes={"priority": "1"}, approve=False)
    line = om.one(LINE, f"order={order['order']}")
    assert (line["version"], line["revision_operation"], line["state"]) == (
        "2",
        "update",
        "revision_in_progress",
    )
    assert {row["state"] for row in domain_orders(om, order)} == {"on_hold"}
    people.do(f"orders/{order['order']}/approve")
    people.wait(5)
    after = domain_orders(om, order)
    assert {(row["state"], row["priority"], row["version"]) for row in after} == {("in_progress", "1", "2")}
    assert len(after) == 4
    assert om.one("sn_ind_tmt_orm_inflight_order_line_item_change", f"order_line_item={line['sys_id']}")


def test_a_rejected_revision_brings_the_old_content_back(om, people):
    order = people.approved_order("Berlin Mitte", priority="3")
    people.do(f"orders/{order['order']}/revise", changes={"priority": "1"}, approve=False)
    people.do(f"orders/{order['order']}/reject")
    line = om.one(LINE, f"order={order['order']}")
    assert (line["priority"], line["state"]) == ("3", "in_progress")


@pytest.mark.parametrize("verb", ["revise", "cancel"])
def test_after_the_point_of_no_return_of_one_line_the_order_is_neither_revised_nor_cancelled(
    om, people, verb
):
    order = people.approved_order("Berlin Mitte", "Hamburg Altona")
    people.do(f"ponr/{LINE}/{order['lines'][1]}")
    assert people.ask(f"orders/{order['order']}/{verb}", changes={"priority": "1"}).status_code == 409
    assert state(om, ORDER, order["order"]) == "in_progress"


def test_the_point_of_no_return_locks_content_but_not_notes_in_enforcing_mode_only(om, people):
    order = people.approved_order()
    line = order["lines"][0]
    people.do(f"ponr/{LINE}/{line}")
    refused = om.try_change(LINE, line, priority="1")
    assert refused.status_code == 403
    assert "aborted by Business Rule 'Point Of No Return^" in refused.json()["error"]["detail"]
    om.change(LINE, line, work_notes="still writable")
    people.do("settings", enforcing=False)
    assert om.change(LINE, line, priority="1")["priority"] == "1"
    people.do("settings", enforcing=True)


def test_a_domain_order_with_an_open_work_order_cannot_be_closed_in_enforcing_mode(om, fsm, people):
    order = people.approved_order()
    router = by_specification(om, order, "Managed Router")
    work = people.do("work-orders", domain_order=router["sys_id"], template="Router Staging")
    refused = om.try_change(DOMAIN_ORDER, router["sys_id"], state="closed_complete")
    assert refused.status_code == 403
    assert "aborted by Business Rule" in refused.json()["error"]["detail"]
    people.do(f"work-orders/{work['sys_id']}/advance", to="closed")
    assert om.change(DOMAIN_ORDER, router["sys_id"], state="closed_complete")["active"] == "false"


def test_a_correlation_counts_in_the_gate_like_a_hand_made_link(om, fsm, people):
    order = people.approved_order()
    router = by_specification(om, order, "Managed Router")
    fsm.create("wm_order", correlation_id=f"syncd:1:{router['sys_id']}:staging:1:1")
    assert om.try_change(DOMAIN_ORDER, router["sys_id"], state="closed_complete").status_code == 403


def test_the_work_orders_of_an_order_task_hold_its_domain_order(om, fsm, people):
    order = people.approved_order()
    service = by_specification(om, order, "Fiber Access")
    task = om.one(ORDER_TASK, f"order={service['sys_id']}")
    fsm.create("wm_order", correlation_id=f"syncd:1:{task['sys_id']}:survey:1:1")
    assert om.try_change(DOMAIN_ORDER, service["sys_id"], state="closed_complete").status_code == 403


def test_in_naive_mode_it_can_be_closed(om, fsm, people):
    order = people.approved_order()
    router = by_specification(om, order, "Managed Router")
    people.do("work-orders", domain_order=router["sys_id"])
    people.do("settings", enforcing=False)
    assert om.change(DOMAIN_ORDER, router["sys_id"], state="closed_complete")["state"] == "closed_complete"
    people.do("settings", enforcing=True)


def test_line_and_order_complete_with_their_last_domain_order(om, people):
    order = people.approved_order()
    rows = sorted(domain_orders(om, order), key=lambda row: row["number"][:2], reverse=True)
    for row in rows[:-1]:
        people.do(f"domain-orders/{row['sys_id']}/close")
    assert state(om, ORDER, order["order"]) == "in_progress"
    people.do(f"domain-orders/{rows[-1]['sys_id']}/close")
    assert state(om, LINE, order["lines"][0]) == "completed"
    assert state(om, ORDER, order["order"]) == "completed"


def test_hold_and_resume_return_to_the_state_before(om, people):
    order = people.approved_order()
    router = by_specification(om, order, "Managed Router")
    assert people.do(f"domain-orders/{router['sys_id']}/hold")["state"] == "on_hold"
    assert people.do(f"domain-orders/{router['sys_id']}/resume")["state"] == "in_progress"


def test_a_closure_request_is_a_marker_on_the_domain_order(om, people):
    order = people.approved_order()
    router = by_specification(om, order, "Managed Router")
    people.do(f"domain-orders/{router['sys_id']}/request-closure")
    assert by_specification(om, order, "Managed Router")["u_closure_request"] == "requested"
    assert om.change(DOMAIN_ORDER, router["sys_id"], u_closure_request="")["u_closure_request"] == ""


@pytest.fixture
def running(om, people):
    """An order of one line that is in progress, and a way to revise it and wait for the outcome."""
    placed = people.do("orders", locations=["Berlin Mitte"])
    people.do(f"orders/{placed['order']}/approve")
    people.wait(5)

    def revise(**body):
        people.do(f"orders/{placed['order']}/revise", **body)
        people.wait(5)

    return placed, revise


def tops(om, order, **fields) -> list[dict]:
    return om.list(DOMAIN_ORDER, f"order={order['order']}^parentISEMPTY^ORDERBYnumber", **fields)


def test_a_higher_quantity_is_decomposed_further_and_a_lower_one_cancels_the_surplus(om, running):
    placed, revise = running
    revise(changes={"quantity": "3"})
    assert [row["state"] for row in tops(om, placed)] == ["in_progress"] * 3
    revise(changes={"quantity": "1"})
    assert [row["state"] for row in tops(om, placed)] == ["in_progress", "canceled", "canceled"]
    assert Counter(row["state"] for row in domain_orders(om, placed)) == {"in_progress": 4, "canceled": 8}


def test_a_revision_adds_a_line_and_drops_another(om, running):
    placed, revise = running
    revise(add_lines=["Hamburg Altona"])
    revise(drop_lines=placed["lines"])
    lines = om.list(LINE, f"order={placed['order']}^ORDERBYnumber", sysparm_fields="location.name,state")
    assert [(line["location.name"], line["state"]) for line in lines] == [
        ("Berlin Mitte", "canceled"),
        ("Hamburg Altona", "in_progress"),
    ]
    assert [row["state"] for row in tops(om, placed)] == ["canceled", "in_progress"]
    assert state(om, ORDER, placed["order"]) == "in_progress"


def test_a_rejected_revision_leaves_no_line_and_drops_none(om, people, running):
    placed, revise = running
    change = {
        "characteristics": {"speed": "1000"},
        "add_lines": ["Hamburg Altona"],
        "drop_lines": placed["lines"],
    }
    people.do(f"orders/{placed['order']}/characteristics", values={"speed": "100"})
    revise(**change, approve=False)
    people.do(f"orders/{placed['order']}/reject")
    people.wait(5)
    lines = om.list(LINE, f"order={placed['order']}^ORDERBYnumber")
    assert [line["state"] for line in lines] == ["in_progress", "canceled"]
    assert (
        om.one(CHARACTERISTIC, f"order_line_item={placed['lines'][0]}")["characteristic_option_value"]
        == "100"
    )


def test_a_move_ceases_at_the_old_place_and_provides_at_the_new_one(om, people):
    placed = people.do("orders", locations=["Munich Sendling"], move_from="Berlin Mitte", action="change")
    people.do(f"orders/{placed['order']}/approve")
    people.wait(5)
    made = tops(om, placed, sysparm_fields="action,location.name")
    assert [(row["action"], row["location.name"]) for row in made] == [
        ("change", "Berlin Mitte"),
        ("add", "Munich Sendling"),
    ]
    people.do(f"orders/{placed['order']}/revise", changes={"priority": "1"})
    people.wait(5)
    made = tops(om, placed, sysparm_fields="action,location.name,priority,state")
    assert {(row["location.name"], row["priority"], row["state"]) for row in made} == {
        ("Berlin Mitte", "1", "in_progress"),
        ("Munich Sendling", "1", "in_progress"),
    }


def test_a_domain_order_may_appear_late_even_after_the_point_of_no_return(om, people, running):
    placed, _ = running
    people.do(f"ponr/{LINE}/{placed['lines'][0]}", value=True)
    people.do(f"orders/{placed['order']}/decompose-further", specification="Managed Router")
    routers = om.list(DOMAIN_ORDER, f"order={placed['order']}^specification.name=Managed Router")
    assert [row["state"] for row in routers] == ["in_progress"] * 2
    assert all(row["parent"] for row in routers)


@pytest.mark.parametrize("what", ["orders", "domain-orders"])
def test_what_was_cancelled_can_be_approved_again_at_a_higher_version(om, people, running, what):
    placed, _ = running
    id = placed["order"] if what == "orders" else by_specification(om, placed, "Fiber Access")["sys_id"]
    people.do(f"{what}/{id}/cancel")
    people.wait(5)
    people.do(f"{what}/{id}/reinstate")
    assert {row["state"] for row in domain_orders(om, placed)} == {"in_progress"}
    assert int(om.one(ORDER, f"sys_id={placed['order']}")["version"]) >= 2


def test_where_the_instance_says_so_nobody_cancels_work_that_is_in_progress(fsm, people, running, om):
    placed, _ = running
    subject = by_specification(om, placed, "Fiber Access")
    made = people.do("work-orders", domain_order=subject["sys_id"])
    people.do(f"work-orders/{made['sys_id']}/advance", to="in_progress")
    people.do("settings", cancel_in_progress=False)
    reply = fsm.try_change("wm_order", made["sys_id"], state="7", work_notes="no")
    assert (reply.status_code, "aborted by Business Rule" in reply.text) == (403, True)
