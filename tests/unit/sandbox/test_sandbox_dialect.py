"""A dialect: everything is called differently for clients, and the old names do not exist."""

from __future__ import annotations

import httpx
import pytest

from syncd.sandbox.dialect import Names
from syncd.sandbox.server import SandboxOptions, running_sandbox
from syncd.sandbox.world import PASSWORD, USERNAME

NAMES = Names(
    tables={"wm_order": "x_job", "cmn_location": "x_place", "sn_ind_tmt_orm_resource_order": "x_part"},
    columns={
        "wm_order": {"state": "u_stage"},
        "sm_order": {"initiated_from": "u_source"},
        "task": {"location": "u_place", "short_description": "u_title", "number": "u_no"},
        "cmn_location": {"name": "u_name"},
    },
    states={"wm_order": {"draft": "D", "canceled": "X"}},
    labels={"wm_order": {"draft": "Entwurf"}},
)


@pytest.fixture(scope="module")
def fsm():
    with (
        running_sandbox(SandboxOptions(names=NAMES)) as sandbox,
        httpx.Client(
            auth=(USERNAME, PASSWORD), timeout=10, base_url=f"{sandbox.fsm_url}/api/now/table"
        ) as client,
    ):
        yield client


def rows(fsm, table: str, query: str = "", **params: str) -> list[dict]:
    given = {"sysparm_query": query, "sysparm_exclude_reference_link": "true", **params}
    reply = fsm.get(f"/{table}", params=given)
    assert reply.status_code == 200, reply.text
    return reply.json()["result"]


def test_a_record_is_written_and_read_in_the_words_of_the_dialect(fsm):
    (place,) = rows(fsm, "x_place", "u_name=Berlin Mitte")
    made = fsm.post("/x_job", json={"u_title": "dig", "u_place": place["sys_id"], "location": "ignored"})
    assert made.status_code == 201
    assert "/table/x_job/" in made.headers["Location"]
    asked = "u_title,u_place.u_name,u_stage,short_description"
    (found,) = rows(fsm, "x_job", "u_title=dig^u_place.u_name=Berlin Mitte", sysparm_fields=asked)
    assert found == {"u_title": "dig", "u_place.u_name": "Berlin Mitte", "u_stage": "D"}


def test_a_reference_links_to_the_table_by_its_new_name(fsm):
    (place,) = rows(fsm, "x_place", "u_name=Hamburg Altona")
    reply = fsm.post("/x_job", json={"u_place": place["sys_id"]})
    assert "/table/x_place/" in reply.json()["result"]["u_place"]["link"]


def test_the_old_name_of_a_table_is_unknown(fsm):
    reply = fsm.get("/wm_order")
    assert reply.status_code == 400
    assert reply.json()["error"]["message"] == "Invalid table wm_order"


def test_the_old_name_of_a_column_is_ignored_like_any_that_never_was(fsm):
    fsm.post("/x_job", json={"u_title": "one"})
    fsm.post("/x_job", json={"u_title": "two"})
    assert len(rows(fsm, "x_job", "short_description=one^ORDERBYsys_id")) == len(rows(fsm, "x_job"))


def test_the_describing_tables_speak_the_dialect(fsm):
    assert [row["name"] for row in rows(fsm, "sys_db_object", "nameINx_job,wm_order")] == ["x_job"]
    described = rows(fsm, "sys_dictionary", "name=x_job^elementINu_stage,state")
    assert [row["element"] for row in described] == ["u_stage"]
    choices = {row["value"]: row["label"] for row in rows(fsm, "sys_choice", "name=x_job^element=u_stage")}
    assert (choices["D"], choices["X"]) == ("Entwurf", "Canceled")


def test_order_alternatives_and_pages_are_understood(fsm):
    for title in ("a", "b", "c"):
        fsm.post("/x_job", json={"u_title": f"page {title}"})
    query = "u_titleSTARTSWITHpage^u_title=page a^ORu_title=page b^NQu_title=page c^ORDERBYDESCu_title"
    assert [row["u_title"] for row in rows(fsm, "x_job", query)] == ["page c", "page b", "page a"]
    reply = fsm.get(
        "/x_job", params={"sysparm_query": query, "sysparm_limit": "1", "sysparm_fields": "u_title"}
    )
    link = reply.headers["Link"].split(";")[0].strip("<>")
    assert "/table/x_job?" in link
    assert fsm.get(link).json()["result"] == [{"u_title": "page c"}]
