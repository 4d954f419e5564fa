"""Batch, Aggregate and Attachment API."""

from __future__ import annotations

import base64
import json


def batch(om, *items: dict) -> dict:
    reply = om.call("POST", "v1/batch", json={"batch_request_id": 7, "rest_requests": list(items)})
    assert reply.status_code == 200
    return reply.json()


def item(id: str, method: str, url: str, body: object = None) -> dict:
    headers = [
        {"name": "Content-Type", "value": "application/json"},
        {"name": "Accept", "value": "application/json"},
    ]
    made = {"id": id, "method": method, "url": url, "headers": headers}
    return made | ({"body": base64.b64encode(json.dumps(body).encode()).decode()} if body is not None else {})


def body_of(answer: dict) -> dict:
    return json.loads(base64.b64decode(answer["body"]))


def test_a_batch_serves_its_items_one_after_the_other(om):
    id = "b" * 32
    answer = batch(
        om,
        item("1", "POST", "/api/now/table/problem", {"sys_id": id, "short_description": "made in a batch"}),
        item("2", "GET", f"/api/now/table/problem/{id}?sysparm_fields=short_description"),
        item("3", "DELETE", f"/api/now/table/problem/{id}"),
        item("4", "GET", f"/api/now/table/problem/{id}"),
    )
    assert answer["batch_request_id"] == "7"
    assert [a["status_code"] for a in answer["serviced_requests"]] == [201, 200, 204, 404]
    assert body_of(answer["serviced_requests"][1])["result"] == {"short_description": "made in a batch"}
    assert answer["unserviced_requests"] == []


def test_a_failing_item_does_not_undo_the_others(om):
    answer = batch(
        om,
        item("1", "POST", "/api/now/table/problem", {"short_description": "stays in spite of the next"}),
        item("2", "POST", "/api/now/table/nonsense", {}),
    )
    assert [a["status_code"] for a in answer["serviced_requests"]] == [201, 400]
    assert len(om.list("problem", "short_description=stays in spite of the next")) == 1


def test_an_item_carries_headers_unless_declined(om):
    url = "/api/now/table/problem?sysparm_limit=1"
    with_headers, without = batch(
        om, item("1", "GET", url), {**item("2", "GET", url), "exclude_response_headers": True}
    )["serviced_requests"]
    assert int({h["name"]: h["value"] for h in with_headers["headers"]}["X-Total-Count"]) > 1
    assert "headers" not in without


def stats(om, table: str, **params: str) -> object:
    return om.call("GET", f"stats/{table}", params=params).json()["result"]


def test_counts_and_extremes_are_strings(om):
    for order in (4, 20, 100):
        om.create("sc_task", short_description="counted", order=order)
    query = {"sysparm_query": "short_description=counted", "sysparm_count": "true"}
    more = {f"sysparm_{kind}_fields": "order" for kind in ("min", "max", "sum", "avg")}
    measured = stats(om, "sc_task", **query, **more)["stats"]
    assert measured["count"] == "3"
    assert (measured["min"], measured["max"], measured["sum"]) == (
        {"order": "4"},
        {"order": "100"},
        {"order": "124"},
    )
    assert measured["avg"] == {"order": "41.3333"}


def test_groups_can_be_filtered_and_ordered(om):
    grouped = stats(
        om, "problem", sysparm_count="true", sysparm_group_by="state", sysparm_display_value="all"
    )
    labels = [group["groupby_fields"][0]["display_value"] for group in grouped]
    assert labels == ["New", "Assess", "Root Cause Analysis"]
    counts = {group["groupby_fields"][0]["value"]: group["stats"]["count"] for group in grouped}
    assert sum(map(int, counts.values())) == int(stats(om, "problem", sysparm_count="true")["stats"]["count"])
    few = stats(
        om, "problem", sysparm_count="true", sysparm_group_by="state", sysparm_having="count^state^>^1000"
    )
    assert few == []
    ordered = stats(
        om, "problem", sysparm_count="true", sysparm_group_by="state", sysparm_order_by="DESCstate"
    )
    assert [g["groupby_fields"][0]["value"] for g in ordered] == ["103", "102", "101"]


def test_the_newest_stamp_and_the_count_come_in_one_call(fsm):
    fsm.create("wm_order")
    measured = stats(fsm, "wm_order", sysparm_count="true", sysparm_max_fields="sys_updated_on")["stats"]
    newest = max(row["sys_updated_on"] for row in fsm.list("wm_order"))
    assert measured["max"]["sys_updated_on"] == newest


def test_a_file_is_attached_read_and_goes_with_its_record(om):
    row = om.create("problem")
    params = {"table_name": "problem", "table_sys_id": row["sys_id"], "file_name": "a.bin"}
    content = bytes(range(256))
    headers = {"Content-Type": "application/octet-stream"}
    made = om.call("POST", "attachment/file", params=params, content=content, headers=headers)
    assert made.status_code == 201
    attached = made.json()["result"]
    assert (attached["file_name"], attached["size_bytes"]) == ("a.bin", "256")
    assert om.http.get(made.headers["location"]).content == content
    listed = om.call("GET", "attachment", params={"sysparm_query": f"table_sys_id={row['sys_id']}"})
    assert [a["sys_id"] for a in listed.json()["result"]] == [attached["sys_id"]]
    assert listed.headers["x-total-count"] == "1"
    om.call("DELETE", f"table/problem/{row['sys_id']}")
    assert om.call("GET", f"attachment/{attached['sys_id']}").status_code == 404


def test_nothing_is_attached_to_a_record_that_is_not_there(om):
    params = {"table_name": "problem", "table_sys_id": "0" * 32, "file_name": "a.bin"}
    assert om.call("POST", "attachment/file", params=params, content=b"x").status_code == 404
