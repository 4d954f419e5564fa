"""The Batch API: several requests in one, served one after the other, without a transaction around them.

Called by `api`; each item takes the same road as a request of its own.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from http import HTTPStatus

from syncd.sandbox.errors import ApiError, not_allowed
from syncd.sandbox.messages import Reply, Request

Serve = Callable[[Request], Reply]


def serve_batch(request: Request, serve: Serve) -> Reply:
    """`POST /batch`. Items inherit the credentials of the call; `serve` answers one item."""
    if request.method != "POST":
        raise not_allowed()
    body = request.json()
    items = body.get("rest_requests")
    if not isinstance(items, list):
        raise ApiError(400, "Exception while reading request", "rest_requests is missing")
    serviced: list[dict[str, object]] = []
    unserviced: list[str] = []
    for item in items:
        if isinstance(item, dict) and isinstance(item.get("url"), str):
            serviced.append(_serve_item(request, item, serve))
        else:
            unserviced.append(str(item.get("id", "")) if isinstance(item, dict) else "")
    reply = {
        "batch_request_id": str(body.get("batch_request_id", "")),
        "serviced_requests": serviced,
        "unserviced_requests": unserviced,
    }
    return Reply(200, reply)


def _serve_item(outer: Request, item: dict[str, object], serve: Serve) -> dict[str, object]:
    headers = {"authorization": outer.headers.get("authorization", ""), "accept": "application/json"}
    headers.update(_headers(item.get("headers")))
    try:
        content = base64.b64decode(str(item.get("body", "")), validate=True)
    except binascii.Error:
        content = b""
    inner = Request.from_url(
        str(item.get("method", "GET")).upper(), str(item["url"]), headers, content, outer.base
    )
    reply = serve(inner)
    answered: dict[str, object] = {
        "id": str(item.get("id", "")),
        "body": base64.b64encode(reply.content()).decode(),
        "status_code": reply.status,
        "status_text": HTTPStatus(reply.status).phrase,
        "execution_time": 1,
    }
    if not item.get("exclude_response_headers"):
        sent = {"Content-Type": reply.content_type, **reply.headers}
        answered["headers"] = [{"name": name, "value": value} for name, value in sent.items()]
    return answered


def _headers(raw: object) -> dict[str, str]:
    if not isinstance(raw, list):
        return {}
    pairs = [h for h in raw if isinstance(h, dict)]
    return {str(h.get("name", "")).lower(): str(h.get("value", "")) for h in pairs}
