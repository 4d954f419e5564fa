"""What a reply means: every class of error, for reads and for writes, over the Table API."""

from __future__ import annotations

import httpx
import pytest

from connectors.auth import Basic
from connectors.errors import (
    Busy,
    Conflict,
    Doubtful,
    Misconfigured,
    Missing,
    Refused,
    Unreachable,
)
from connectors.http import Limits, Transport
from connectors.paging import BadPage
from connectors.servicenow.table_api import TableApi

ID = "a" * 32
DATE = "Mon, 01 Jun 2026 10:00:00 GMT"
RULE = "Operation against file 'wm_order' was aborted by Business Rule 'Close gate^1a2b'. Business Rule Stack:Close gate"


def error(status: int, message: str, detail: str | None = None, **headers: str) -> httpx.Response:
    body = {"error": {"message": message, "detail": detail}, "status": "failure"}
    return httpx.Response(status, json=body, headers={"Date": DATE} | headers)


def text(status: int, content: str, kind: str = "application/json") -> httpx.Response:
    return httpx.Response(status, text=content, headers={"Content-Type": kind})


NO_RECORD = error(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
NO_TABLE = error(400, "Invalid table wm_odrer")
NO_PATH = error(400, "Requested URI does not represent any resource")
ACL = error(403, "Operation Failed", "ACL Exception Insert Failed due to security constraints")
HTML = text(200, "<html>maintenance</html>", "text/html")

READS = {
    "401": (error(401, "User Not Authenticated"), Misconfigured),
    "403 rights": (error(403, "Insufficient rights to query records"), Misconfigured),
    "404 record": (NO_RECORD, Missing),
    "404 path": (text(404, "<html>", "text/html"), Misconfigured),
    "400 table": (NO_TABLE, Misconfigured),
    "400 path": (NO_PATH, Misconfigured),
    "405": (error(405, "Method not Supported"), Misconfigured),
    "302": (httpx.Response(302, headers={"Location": "https://login.example.test"}), Misconfigured),
    "408": (httpx.Response(408), Unreachable),
    "429": (error(429, "Rate limit exceeded"), Busy),
    "503": (httpx.Response(503), Busy),
    "500": (error(500, "Oh"), Unreachable),
    "502": (text(502, "<html>", "text/html"), Unreachable),
    "202": (httpx.Response(202), Unreachable),
    "html": (HTML, Unreachable),
    "truncated": (text(200, '{"result":{"sys_id":"'), Unreachable),
    "error inside": (text(200, '{"result":{},"error":{"message":"x"}}'), Unreachable),
    "list": (text(200, '{"result":[]}'), Unreachable),
    "no result": (text(200, "{}"), Unreachable),
    "refused": (httpx.ConnectError("x"), Unreachable),
    "timeout": (httpx.ReadTimeout("x"), Unreachable),
    "reset": (httpx.ReadError("x"), Unreachable),
}

WRITES = {
    "401": (error(401, "User Not Authenticated"), Misconfigured),
    "401 html": (text(401, "<html>", "text/html"), Misconfigured),
    "403 business rule": (error(403, RULE), Refused),
    "403 both": (error(403, "Operation Failed: ACL Exception", RULE), Refused),
    "403 data policy": (error(403, "Data Policy Exception: close notes are mandatory"), Refused),
    "403 access": (ACL, Misconfigured),
    "403 other": (error(403, "You shall not pass"), Refused),
    "403 silent": (text(403, "<html>", "text/html"), Doubtful),
    "400 text": (error(400, "Invalid state"), Refused),
    "400 table": (NO_TABLE, Misconfigured),
    "400 path": (NO_PATH, Misconfigured),
    "400 html": (text(400, "<html>", "text/html"), Doubtful),
    "404 record": (NO_RECORD, Missing),
    "404 table": (error(404, "Invalid table"), Misconfigured),
    "404 html": (text(404, "<html>", "text/html"), Doubtful),
    "405": (error(405, "Method not Supported"), Misconfigured),
    "409": (error(409, "x"), Conflict),
    "412": (httpx.Response(412), Conflict),
    "duplicate key": (
        error(500, "Unique Key violation detected by database ((conn=1) Duplicate entry)"),
        Conflict,
    ),
    "429": (error(429, "Rate limit exceeded"), Busy),
    "408": (httpx.Response(408), Doubtful),
    "500": (error(500, "Transaction cancelled: maximum execution time exceeded"), Doubtful),
    "503": (error(503, "busy"), Doubtful),
    "202": (httpx.Response(202), Doubtful),
    "204": (httpx.Response(204), Doubtful),
    "302": (httpx.Response(302, headers={"Location": "https://login.example.test"}), Doubtful),
    "html": (HTML, Doubtful),
    "truncated": (text(201, '{"result":{"sys_id":"'), Doubtful),
    "hostile": (text(201, '{"result":{"a":1,"a":2}}'), Doubtful),
    "error inside": (text(201, '{"result":{},"error":{"message":"x"}}'), Doubtful),
    "wrong success": (text(200, '{"result":{"sys_id":"x"}}'), Doubtful),
    "refused": (httpx.ConnectError("x"), Unreachable),
    "no connection in time": (httpx.ConnectTimeout("x"), Unreachable),
    "timeout": (httpx.ReadTimeout("x"), Doubtful),
    "reset": (httpx.ReadError("x"), Doubtful),
    "broken pipe": (httpx.WriteError("x"), Doubtful),
    "hung up": (httpx.RemoteProtocolError("x"), Doubtful),
}


@pytest.fixture
def api():
    transport = Transport("http://127.0.0.1", system="order_management", limits=Limits(reply_bytes=10_000))
    yield TableApi(transport, Basic("ann", "hunter2"))
    transport.close()


def answering(router, answer) -> None:
    route = router.route(host="127.0.0.1")
    if isinstance(answer, Exception):
        route.mock(side_effect=answer)
    else:
        route.mock(return_value=answer)


@pytest.mark.parametrize(("answer", "expected"), READS.values(), ids=READS)
def test_a_read_is_classed_by_the_next_move(api, router, answer, expected):
    answering(router, answer)
    with pytest.raises(expected) as caught:
        api.read("wm_order", ID, columns=("sys_id",))
    assert type(caught.value) is expected
    assert caught.value.system == "order_management"


@pytest.mark.parametrize(("answer", "expected"), WRITES.values(), ids=WRITES)
def test_a_write_is_classed_by_the_next_move_and_sent_once(api, router, answer, expected):
    answering(router, answer)
    with pytest.raises(expected) as caught:
        api.insert("wm_order", {"short_description": "private text"}, columns=("sys_id",))
    assert type(caught.value) is expected
    assert len(router.calls) == 1
    assert "private" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        HTML,
        text(200, '{"result":[{"a":'),
        text(200, '{"result":[],"error":{"message":"Transaction cancelled"}}'),
        text(200, '{"result":{}}'),
        text(200, "[]"),
        text(200, '{"result":["' + "x" * 10_000 + '"]}'),
        error(500, "Transaction cancelled: maximum execution time exceeded"),
    ],
    ids=["html", "truncated", "error inside", "no list", "no object", "too large", "cancelled"],
)
def test_a_page_that_half_its_size_might_mend_says_so(api, router, answer):
    answering(router, answer)
    with pytest.raises(BadPage):
        api.list("wm_order", query="", columns=("sys_id",), limit=10)


@pytest.mark.parametrize(
    "name", ["401", "403 rights", "400 table", "302", "429", "503", "500", "refused", "timeout"]
)
def test_a_page_fails_otherwise_like_any_read(api, router, name):
    answer, expected = READS[name]
    answering(router, answer)
    with pytest.raises(expected):
        api.list("wm_order", query="", columns=("sys_id",), limit=10)


def test_a_refusal_carries_the_systems_reason_bounded_and_plain(api, router):
    answering(router, error(403, "aborted by Business Rule\r\n\x1b[31m" + "x" * 5000, "why"))
    with pytest.raises(Refused) as caught:
        api.patch("wm_order", ID, {"state": "3"}, columns=("sys_id",))
    assert caught.value.reason.startswith("aborted by Business Rule [31mx")
    assert len(caught.value.reason) == 500
    assert "xxx" not in str(caught.value)


def test_a_refusal_that_quotes_our_request_is_told_without_what_proves_who_we_are(api, router):
    told = "rejected: Authorization: Basic YW5uOmh1bnRlcjI= (ann:hunter2)"
    answering(router, error(403, "aborted by Business Rule", told))
    with pytest.raises(Refused) as caught:
        api.patch("wm_order", ID, {"state": "3"}, columns=("sys_id",))
    assert caught.value.reason == "aborted by Business Rule: rejected: Authorization: Basic *** (ann:***)"


def test_an_error_given_as_plain_text_is_a_reason_too(api, router):
    answering(router, httpx.Response(400, json={"error": "bad value"}))
    with pytest.raises(Refused) as caught:
        api.patch("wm_order", ID, {"state": "3"}, columns=("sys_id",))
    assert caught.value.reason == "bad value"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "999999999"}, 86_400.0),
        ({"Retry-After": "Mon, 01 Jun 2026 10:00:30 GMT"}, 30.0),
        ({"Retry-After": "Mon, 01 Jun 2026 09:00:00 GMT"}, 0.0),
        ({"X-RateLimit-Reset": "1780308060"}, 60.0),
        ({"Retry-After": "soon", "X-RateLimit-Reset": "x"}, None),
        ({}, None),
    ],
    ids=["seconds", "absurd", "date", "past", "reset", "nonsense", "nothing"],
)
def test_how_long_to_wait_is_read_by_the_servers_clock(api, router, headers, expected):
    answering(router, error(429, "Rate limit exceeded", None, **headers))
    with pytest.raises(Busy) as caught:
        api.read("wm_order", ID, columns=("sys_id",))
    assert caught.value.retry_after == expected


def test_raw_values_and_the_wanted_columns_are_asked_for(api, router):
    answering(router, httpx.Response(200, json={"result": []}))
    api.list("wm_order", query="a=b^ORDERBYc", columns=("sys_id", "location.name"), limit=10, offset=20)
    assert dict(router.calls.last.request.url.params) == {
        "sysparm_fields": "sys_id,location.name",
        "sysparm_display_value": "false",
        "sysparm_exclude_reference_link": "true",
        "sysparm_limit": "10",
        "sysparm_query": "a=b^ORDERBYc",
        "sysparm_offset": "20",
    }
