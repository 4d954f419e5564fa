"""The control API: edits, counts, the report, history, one instance or two."""

from __future__ import annotations

import pytest

from syncd.sandbox.tables_domain import DOMAIN_ORDER, ORDER
from syncd.sandbox.world import PASSWORD


@pytest.fixture
def both(sandbox, shared_sandbox):
    return {"two": sandbox, "shared": shared_sandbox}


def test_the_control_api_describes_itself(people):
    routes = people.do("", "GET")["routes"]
    assert any("/sandbox/orders" in line for line in routes)


def test_it_is_served_on_both_ports(sandbox, client):
    for url in (sandbox.om_url, sandbox.fsm_url):
        assert client.get(f"{url}/sandbox/clock").status_code == 200


@pytest.mark.parametrize("path", ["nonsense", "orders/0/approve", "records/nonsense/1"])
def test_what_makes_no_sense_is_refused(people, path):
    assert people.ask(path).status_code in {400, 404}


def test_an_edit_is_made_in_a_persons_name(om, people):
    order = people.approved_order()
    row = om.list(DOMAIN_ORDER, f"order={order['order']}")[0]
    values = {"priority": "1", "work_notes": "customer called"}
    people.do(f"records/{DOMAIN_ORDER}/{row['sys_id']}", values=values, user="order.agent")
    after = om.one(DOMAIN_ORDER, f"sys_id={row['sys_id']}")
    assert (after["priority"], after["sys_updated_by"]) == ("1", "order.agent")
    assert om.notes(row["sys_id"]) == ["customer called"]


def test_a_record_may_be_named_by_its_number(fsm, people):
    row = fsm.create("wm_order")
    people.do(f"records/wm_order/{row['number']}", values={"priority": "2"})
    assert fsm.one("wm_order", f"sys_id={row['sys_id']}")["priority"] == "2"
    people.do(f"records/wm_order/{row['number']}", "DELETE")
    assert fsm.list("wm_order", f"sys_id={row['sys_id']}") == []


def test_a_hand_made_work_order_names_its_domain_order(om, fsm, people):
    order = people.approved_order("Munich Sendling")
    row = om.list(DOMAIN_ORDER, f"order={order['order']}")[0]
    made = people.do("work-orders", domain_order=row["number"])
    work = fsm.one(
        "wm_order", f"sys_id={made['sys_id']}", sysparm_fields="initiated_from,location.name,correlation_id"
    )
    assert work == {"initiated_from": row["sys_id"], "location.name": "Munich Sendling", "correlation_id": ""}


def test_requests_and_writes_are_counted(om, fsm, people):
    people.do("requests", "DELETE")
    om.list("problem")
    fsm.create("wm_order")
    fsm.list("wm_order")
    counts = people.do("requests", "GET")
    assert counts["writes"] == 1
    assert {(r["system"], r["method"], r["table"], r["count"]) for r in counts["requests"]} == {
        ("order_management", "GET", "problem", 1),
        ("field_service", "POST", "wm_order", 1),
        ("field_service", "GET", "wm_order", 1),
    }


def test_the_report_tells_states_notes_and_duplicates(om, fsm, people):
    order = people.approved_order()
    row = om.list(DOMAIN_ORDER, f"order={order['order']}")[0]
    om.change(DOMAIN_ORDER, row["sys_id"], work_notes="seen")
    correlation = f"syncd:1:{row['sys_id']}:twice:1:1"
    for _ in range(2):
        fsm.create("wm_order", correlation_id=correlation)
    report = people.report()
    described = next(d for d in report["domain_orders"] if d["sys_id"] == row["sys_id"])
    assert (described["state_name"], described["state_label"]) == ("in_progress", "In progress")
    assert [note["text"] for note in described["notes"]] == ["seen"]
    assert described["names"]["specification"]
    assert report["work_orders_by_correlation"][correlation] == 2
    assert report["duplicates"] == {correlation: 2}


def test_history_is_old_and_half_of_it_has_hand_made_work_orders(om, fsm, people):
    before = len(om.list(DOMAIN_ORDER)), len(fsm.list("wm_order"))
    assert people.do("history", domain_orders=50) == {"domain_orders": 50, "work_orders": 25}
    assert (len(om.list(DOMAIN_ORDER)), len(fsm.list("wm_order"))) == (before[0] + 50, before[1] + 25)
    old = om.list(DOMAIN_ORDER, "sys_created_on<2026-05-25 00:00:00^ORDERBYsys_created_on")
    assert len(old) == 50
    assert {row["state"] for row in old} == {"closed_complete", "in_progress", "canceled"}
    hand_made = fsm.list("wm_order", "short_description=Made by hand")
    assert {row["initiated_from"] for row in hand_made} <= {row["sys_id"] for row in old}
    assert all(row["correlation_id"] == "" for row in hand_made)


def test_time_can_stand_still_and_run_again(people):
    people.do("clock", freeze=True)
    before = people.do("clock", "GET")["now"]
    people.wait(10)
    after = people.do("clock", freeze=False)["now"]
    assert after > before


def test_two_instances_have_ids_of_their_own_for_the_same_names(om, fsm):
    for table, name in (("cmn_location", "Berlin Mitte"), ("customer_account", "Nordwind Logistics")):
        here, there = om.one(table, f"name={name}"), fsm.one(table, f"name={name}")
        assert here["sys_id"] != there["sys_id"]


def test_two_instances_know_only_their_own_tables(om, fsm):
    assert om.call("GET", "table/wm_order").json()["error"]["message"] == "Invalid table wm_order"
    assert fsm.call("GET", f"table/{ORDER}").status_code == 400


def test_a_shared_instance_shows_the_same_rows_on_both_ports(shared_sandbox, client):
    made = client.post(f"{shared_sandbox.fsm_url}/api/now/table/wm_order", json={}).json()["result"]
    for url in (shared_sandbox.om_url, shared_sandbox.fsm_url):
        assert client.get(f"{url}/api/now/table/wm_order/{made['sys_id']}").status_code == 200
        assert client.get(f"{url}/api/now/table/{ORDER}").status_code == 200


def test_a_shared_instance_counts_and_fails_by_port(shared_sandbox, client):
    control = f"{shared_sandbox.om_url}/sandbox"
    client.post(f"{control}/faults", json={"kind": "outage", "system": "fsm"})
    assert client.get(f"{shared_sandbox.om_url}/api/now/table/wm_order").status_code == 200
    assert client.get(f"{shared_sandbox.fsm_url}/api/now/table/wm_order").status_code == 503
    client.request("DELETE", f"{control}/faults")


def test_a_token_of_one_instance_is_none_of_the_other(sandbox, client):
    form = {"grant_type": "password", "username": "admin", "password": PASSWORD}
    form |= {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}
    token = client.post(f"{sandbox.om_url}/oauth_token.do", data=form).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    statuses = [
        client.get(f"{url}/api/now/table/sys_user?sysparm_limit=1", headers=headers, auth=None).status_code
        for url in (sandbox.om_url, sandbox.fsm_url)
    ]
    assert statuses == [200, 401]
