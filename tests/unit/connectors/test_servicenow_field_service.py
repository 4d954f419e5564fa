"""Creating and cancelling work orders."""

from __future__ import annotations

import json
from dataclasses import replace

import httpx
import pytest

from connectors.errors import Conflict, Doubtful, Misconfigured, Missing, Refused, Unreachable
from mappings.model import Kind

ID = "0123456789abcdef0123456789abcdef"
CORRELATION = "syncd:1:abc:install:1:1"


def test_a_work_order_is_created_under_the_id_that_we_choose(fsm, fsm_server):
    record = fsm.create_work_order(ID, {"correlation_id": CORRELATION, "priority": "2"})
    assert (record.id, record.get("correlation_id"), record.get("priority")) == (ID, CORRELATION, "2")
    assert fsm.read(Kind.WORK_ORDER, ID) == record
    (request,) = fsm_server.sent("POST")
    assert json.loads(request.content) == {"sys_id": ID, "correlation_id": CORRELATION, "priority": "2"}


def test_an_id_that_the_server_chose_comes_back(fsm, fsm_server):
    fsm.start()
    other = fsm_server.add(Kind.WORK_ORDER)
    answer = fsm_server.reply(201, {"result": dict(fsm_server.row(Kind.WORK_ORDER, other))})
    fsm_server.fail_once(answer, method="POST")
    assert fsm.create_work_order(ID, {}).id == other


def test_no_id_is_sent_where_the_profile_says_that_the_server_chooses(fsm, fsm_server):
    fsm._profile = replace(fsm._profile, creates="correlation")
    fsm.create_work_order(ID, {"correlation_id": CORRELATION})
    (request,) = fsm_server.sent("POST")
    assert json.loads(request.content) == {"correlation_id": CORRELATION}


def test_the_same_id_twice_is_a_conflict(fsm):
    fsm.create_work_order(ID, {})
    with pytest.raises(Conflict):
        fsm.create_work_order(ID, {})


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (httpx.ReadTimeout("x"), Doubtful),
        (httpx.ConnectError("x"), Unreachable),
        (httpx.Response(202), Doubtful),
        (httpx.Response(201, json={"result": {"sys_id": ID}}), Doubtful),
    ],
    ids=["timeout", "refused", "queued", "unreadable answer"],
)
def test_a_create_is_sent_once_and_its_failure_named(fsm, fsm_server, failure, error):
    fsm.start()
    fsm_server.fail_once(failure, method="POST")
    with pytest.raises(error):
        fsm.create_work_order(ID, {})
    assert len(fsm_server.sent("POST")) == 1


def test_an_id_of_another_shape_is_never_sent(fsm, fsm_server):
    with pytest.raises(Misconfigured):
        fsm.create_work_order("../x", {})
    assert not fsm_server.sent("POST")


def test_a_cancel_carries_its_reason_as_a_note_in_the_same_request(fsm, fsm_server):
    id = fsm_server.add(Kind.WORK_ORDER, state="assigned")
    assert fsm.cancel_work_order(id, "order cancelled [m]").state == "canceled"
    (request,) = fsm_server.sent("PATCH")
    assert json.loads(request.content) == {"state": "7", "work_notes": "order cancelled [m]"}
    assert [note.text for note in fsm.notes(Kind.WORK_ORDER, id, "[m]")] == ["order cancelled [m]"]


def test_a_cancel_that_a_rule_refuses_carries_its_text(fsm, fsm_server):
    id = fsm_server.add(Kind.WORK_ORDER)
    fsm.start()
    refusal = fsm_server.error(403, "Operation against file 'wm_order' was aborted by Business Rule 'No'")
    fsm_server.fail_once(refusal, method="PATCH")
    with pytest.raises(Refused) as caught:
        fsm.cancel_work_order(id, "why")
    assert "aborted by Business Rule" in caught.value.reason


def test_an_absent_work_order_cannot_be_cancelled(fsm):
    with pytest.raises(Missing):
        fsm.cancel_work_order("f" * 32, "why")
    with pytest.raises(Missing):
        fsm.cancel_work_order("no id", "why")


def test_an_instance_without_a_cancelled_state_is_misconfigured(fsm, fsm_server):
    for row in fsm_server.tables["sys_choice"].values():
        if row["value"] == "7":
            row["label"] = "Gone"
    with pytest.raises(Misconfigured, match="canceled"):
        fsm.cancel_work_order(fsm_server.add(Kind.WORK_ORDER), "why")
