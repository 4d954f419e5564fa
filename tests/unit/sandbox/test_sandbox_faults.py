"""Faults: what a client sees, and whether the write behind it happened."""

from __future__ import annotations

import json
import socket
import time

import httpx
import pytest


def write(fsm, text: str, **kwargs: object) -> httpx.Response:
    return fsm.call("POST", "table/wm_order", json={"short_description": text}, **kwargs)


def written(fsm, text: str) -> int:
    return len(fsm.list("wm_order", f"short_description={text}"))


def test_a_reset_after_commit_breaks_the_connection_and_keeps_the_record(fsm, people):
    people.do("faults", kind="reset_after_commit", system="fsm", count=1)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        write(fsm, "reset")
    assert written(fsm, "reset") == 1
    assert write(fsm, "reset").status_code == 201


def test_a_reset_before_leaves_nothing(fsm, people):
    people.do("faults", kind="reset", system="fsm", count=1)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        write(fsm, "reset before")
    assert written(fsm, "reset before") == 0


def test_an_error_after_commit_keeps_the_record(fsm, people):
    people.do("faults", kind="error_after_commit", system="fsm", count=1)
    reply = write(fsm, "error")
    assert reply.status_code == 500
    assert "Transaction cancelled" in reply.json()["error"]["message"]
    assert written(fsm, "error") == 1


def test_a_client_that_gives_up_waiting_finds_its_record(fsm, people):
    people.do("faults", kind="hang_after_commit", system="fsm", count=1, seconds=10)
    with pytest.raises(httpx.ReadTimeout):
        write(fsm, "hang", timeout=0.2)
    assert written(fsm, "hang") == 1


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"kind": "outage"}, 503),
        ({"kind": "rate_limit", "retry_after": 7}, 429),
        ({"kind": "status", "status": 502}, 502),
        ({"kind": "status", "status": 401}, 401),
        ({"kind": "dropped_202"}, 202),
        ({"kind": "html_200"}, 200),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else str(value),
)
def test_a_request_that_is_not_executed_writes_nothing(fsm, people, fault, status):
    people.do("faults", system="fsm", count=1, **fault)
    reply = write(fsm, "not executed")
    assert reply.status_code == status
    assert reply.headers.get("retry-after") == ("7" if status == 429 else None)
    assert written(fsm, "not executed") == 0


def test_html_comes_with_its_own_content_type(fsm, people):
    people.do("faults", kind="html_200", system="fsm", count=1)
    reply = fsm.call("GET", "table/wm_order")
    assert reply.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("kind", ["truncated_200", "error_in_200"])
def test_a_read_that_breaks_off_has_status_200(fsm, people, kind):
    people.do("faults", kind=kind, system="fsm", table="wm_order", count=1)
    reply = fsm.call("GET", "table/wm_order")
    assert reply.status_code == 200
    if kind == "truncated_200":
        with pytest.raises(json.JSONDecodeError):
            reply.json()
    else:
        assert set(reply.json()) == {"result", "error", "status"}


def test_a_fault_concerns_only_its_system_method_and_table(om, fsm, people):
    people.do("faults", kind="status", status=500, system="fsm", method="GET", table="wm_task")
    assert fsm.call("GET", "table/wm_order").status_code == 200
    assert om.call("GET", "table/problem").status_code == 200
    assert fsm.call("GET", "table/wm_task").status_code == 500


def test_a_fault_can_let_requests_pass_first_and_ends_by_count(fsm, people):
    people.do("faults", kind="status", status=500, system="fsm", skip=1, count=2)
    seen = [fsm.call("GET", "table/wm_order").status_code for _ in range(4)]
    assert seen == [200, 500, 500, 200]


def test_a_fault_ends_with_its_time(fsm, people):
    people.do("faults", kind="outage", system="fsm", for_s=30)
    assert fsm.call("GET", "table/wm_order").status_code == 503
    people.wait(31)
    assert fsm.call("GET", "table/wm_order").status_code == 200


def test_a_closed_port_refuses_and_opens_again(fsm, people):
    people.do("faults", kind="outage", mode="refuse", system="fsm")
    assert until(lambda: refused(fsm))
    people.do("faults", "DELETE")
    assert until(lambda: not refused(fsm))
    assert fsm.call("GET", "table/wm_order").status_code == 200


def test_a_port_that_somebody_else_has_for_a_moment_opens_when_it_is_free(fsm, people):
    people.do("faults", kind="outage", mode="refuse", system="fsm")
    assert until(lambda: refused(fsm))
    with socket.create_server(("127.0.0.1", httpx.URL(fsm.url).port)):
        people.do("faults", "DELETE")
        time.sleep(0.3)  # many ticks; with fewer of them the test would only prove less
    assert until(lambda: not refused(fsm))
    assert fsm.call("GET", "table/wm_order").status_code == 200


def refused(fsm) -> bool:
    try:
        fsm.call("GET", "table/wm_order")
    except httpx.ConnectError:
        return True
    except httpx.TransportError:
        return False
    return False


def until(reached, timeout_s: float = 60) -> bool:
    """Asks again and again: the port follows its fault within a tick of the server."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if reached():
            return True
    return False


def test_one_row_can_read_badly(fsm, people):
    good, bad = fsm.create("wm_order"), fsm.create("wm_order")
    people.do("faults", kind="malformed_row", system="fsm", sys_id=bad["sys_id"])
    stamps = {row["sys_id"]: row["sys_updated_on"] for row in fsm.list("wm_order")}
    assert stamps[bad["sys_id"]] == "garbage"
    assert stamps[good["sys_id"]] == good["sys_updated_on"]


def test_fields_can_be_dropped_silently(fsm, people):
    people.do("faults", kind="drop_fields", system="fsm", table="wm_order", fields=["description"])
    row = fsm.create("wm_order", description="lost", short_description="kept")
    assert (row["description"], row["short_description"]) == ("", "kept")


def test_a_filter_can_be_ignored(fsm, people):
    fsm.create("wm_order")
    people.do("faults", kind="ignore_query", system="fsm", table="wm_order")
    assert fsm.list("wm_order", "number=nonsense^ORDERBYsys_id") != []


def test_a_late_commit_is_stamped_in_the_past(fsm, people):
    before = fsm.create("wm_order")
    people.do("faults", kind="late_commit", system="fsm", seconds=30)
    late = fsm.create("wm_order")
    assert late["sys_updated_on"] < before["sys_updated_on"]


def test_the_server_may_choose_the_ids(fsm, people):
    people.do("faults", kind="server_ids", system="fsm")
    assert fsm.create("wm_order", sys_id="c" * 32)["sys_id"] != "c" * 32


def test_an_unknown_fault_is_refused_by_name(people):
    reply = people.ask("faults", kind="gremlins")
    assert reply.status_code == 400
    assert "gremlins" in reply.json()["error"]


def test_faults_are_listed_and_cleared_one_by_one(people):
    first = people.do("faults", kind="latency", ms=1)
    second = people.do("faults", kind="outage", system="fsm")
    people.do(f"faults/{first['id']}", "DELETE")
    assert [f["id"] for f in people.do("faults", "GET")["faults"]] == [second["id"]]


def test_a_page_can_be_readable_only_when_it_is_small(fsm, people):
    people.do("faults", kind="truncated_200", system="fsm", table="wm_order", above=60)
    with pytest.raises(json.JSONDecodeError):
        fsm.call("GET", "table/wm_order", params={"sysparm_limit": "100"}).json()
    assert "result" in fsm.call("GET", "table/wm_order", params={"sysparm_limit": "60"}).json()


def test_a_redirect_names_another_host_and_executes_nothing(fsm, people):
    people.do("faults", kind="redirect", system="fsm", count=1)
    reply = write(fsm, "redirected", follow_redirects=False)
    assert (reply.status_code, reply.headers["location"]) == (302, "http://elsewhere.invalid/login.do")
    assert written(fsm, "redirected") == 0


@pytest.mark.parametrize("kind", ["truncated_after_commit", "error_in_success_after_commit"])
def test_the_answer_to_a_write_can_break_off_after_the_commit(fsm, people, kind):
    people.do("faults", kind=kind, system="fsm", count=1)
    reply = write(fsm, kind)
    assert reply.status_code == 201
    if kind == "truncated_after_commit":
        with pytest.raises(json.JSONDecodeError):
            reply.json()
    else:
        assert "error" in reply.json()
    assert written(fsm, kind) == 1


def test_the_truth_is_read_beside_faults_and_in_the_order_of_writing(fsm, people):
    made = [fsm.create("wm_order", short_description="truth")["sys_id"] for _ in range(5)]
    people.do("faults", kind="hidden", system="fsm", table="wm_order")
    people.do("faults", kind="outage", system="fsm")
    rows = people.do("rows", system="fsm", table="wm_order", query="short_description=truth")["rows"]
    assert [row["sys_id"] for row in rows] == made
    assert rows[0]["closed_at"] == ""
