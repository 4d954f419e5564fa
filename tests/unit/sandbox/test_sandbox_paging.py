"""Windows, their headers, and access rules that come after the limit."""

from __future__ import annotations

import re

import pytest


@pytest.fixture(scope="module", autouse=True)
def seven_locations(sandbox, client):
    for number in range(7):
        body = {"name": f"Depot {number}", "zip": "00000"}
        assert client.post(f"{sandbox.om_url}/api/now/table/cmn_location", json=body).status_code == 201


QUERY = "zip=00000^ORDERBYname"


def links(reply) -> dict[str, str]:
    return {name: url for url, name in re.findall(r'<([^>]+)>;rel="(\w+)"', reply.headers.get("link", ""))}


def page(om, **params):
    return om.call(
        "GET", "table/cmn_location", params={"sysparm_query": QUERY, "sysparm_fields": "name", **params}
    )


def test_a_middle_page_links_to_all_others(om):
    reply = page(om, sysparm_limit=2, sysparm_offset=2)
    assert [row["name"] for row in reply.json()["result"]] == ["Depot 2", "Depot 3"]
    assert reply.headers["x-total-count"] == "7"
    offsets = {name: re.search(r"sysparm_offset=(\d+)", url)[1] for name, url in links(reply).items()}
    assert offsets == {"first": "0", "prev": "0", "next": "4", "last": "6"}


def test_following_next_visits_every_row_once(om):
    reply, seen = page(om, sysparm_limit=3), []
    while True:
        seen += [row["name"] for row in reply.json()["result"]]
        if "next" not in links(reply):
            break
        reply = om.http.get(links(reply)["next"])
    assert seen == [f"Depot {number}" for number in range(7)]


def test_one_page_has_no_links(om):
    assert "link" not in page(om).headers


def test_links_and_count_can_be_declined(om):
    suppressed = page(om, sysparm_limit=2, sysparm_suppress_pagination_header="true")
    assert "link" not in suppressed.headers
    assert suppressed.headers["x-total-count"] == "7"
    uncounted = page(om, sysparm_limit=2, sysparm_no_count="true")
    assert "x-total-count" not in uncounted.headers
    assert set(links(uncounted)) == {"first", "next"}


def test_the_limit_is_applied_before_access_rules(om, people):
    rows = om.list("cmn_location", QUERY)
    people.do("faults", kind="hidden", system="om", sys_ids=[row["sys_id"] for row in rows[:3]])
    first, second = page(om, sysparm_limit=2), page(om, sysparm_limit=2, sysparm_offset=2)
    assert first.json()["result"] == []
    assert "next" in links(first)
    assert first.headers["x-total-count"] == "7"
    assert [row["name"] for row in second.json()["result"]] == ["Depot 3"]
    assert om.call("GET", f"table/cmn_location/{rows[0]['sys_id']}").status_code == 404


def test_an_offset_behind_the_end_is_an_empty_page(om):
    reply = page(om, sysparm_limit=2, sysparm_offset=50)
    assert reply.json()["result"] == []
    assert "next" not in links(reply)
