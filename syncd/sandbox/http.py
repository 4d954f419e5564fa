"""The wire: one ASGI application per port, and the faults that only a wire can have.

Run by `server` under uvicorn. Reads a request whole, lets `api` or `control` answer it synchronously, and sends the
answer, unless a fault says otherwise.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
import struct
import time
from collections.abc import Mapping
from email.utils import format_datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from syncd.sandbox.control import Control
from syncd.sandbox.errors import ApiError
from syncd.sandbox.faults import AFTER_KINDS, BEFORE_KINDS, Fault
from syncd.sandbox.messages import Reply, Request, error_reply

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from syncd.sandbox.world import World

LONGEST_URL = 16_384
BODY_LIMIT = 10 * 1024 * 1024
_HTML = "text/html;charset=UTF-8"
_HIBERNATING = b"<html><head><title>Instance Hibernating page</title></head><body>Your instance is hibernating.</body></html>"


class Aborted(Exception):
    """The connection is to be torn down without an answer."""


class Port:
    """The application behind one port of the sandbox."""

    def __init__(self, world: World, system: str, latency_s: float = 0.0) -> None:
        self._world = world
        self._api = world.apis[system]
        self._control = Control(world)
        self._system = system
        self._latency_s = latency_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            reply = await self._answer(scope, receive)
        except Aborted:
            await _tear_down(send)
            return
        await self._respond(reply)(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Reply:
        http = HttpRequest(scope, receive)
        if len(scope["raw_path"]) + len(scope["query_string"]) > LONGEST_URL:
            return Reply(
                414, raw=b"<html><body><h1>414 Request-URI Too Long</h1></body></html>", content_type=_HTML
            )
        body = await http.body()
        self._world.agenda.run_due()
        if len(body) > BODY_LIMIT:
            return error_reply(ApiError(413, "Request entity too large", None))
        request = _request(http, body)
        if request.path == "/sandbox" or request.path.startswith("/sandbox/"):
            return self._control.serve(request)
        if not request.path.startswith("/api/") and request.path != "/oauth_token.do":
            return Reply(404, raw=b"<html><body>Page not found</body></html>", content_type=_HTML)
        served, headers = self._world.rates.take(self._system)
        if not served:
            reply = error_reply(
                ApiError(429, "Rate limit exceeded", "Rate limit of the rule sandbox exceeded")
            )
        else:
            reply = await self._with_faults(request)
        reply.headers.update(headers)
        return reply

    async def _with_faults(self, request: Request) -> Reply:
        target = self._api.instance.dialect.inner_table(_table(request))
        if self._latency_s:
            await asyncio.sleep(self._latency_s)
        for fault in self._world.faults.take(BEFORE_KINDS, self._system, request.method, target):
            if fault.kind == "latency":
                await asyncio.sleep(fault.number("ms", fault.number("latency_ms", 100)) / 1000)
            else:
                return _instead(fault)
        reply = self._api.serve(request)
        kinds = [kind for kind, methods in AFTER_KINDS.items() if request.method in methods]
        for fault in self._world.faults.take(kinds, self._system, request.method, target):
            if "above" not in fault.options or _rows_asked(request) > fault.number("above", 0):
                reply = await _afterwards(fault, reply)
        return reply

    def _respond(self, reply: Reply) -> Response:
        headers = {
            "Date": format_datetime(self._world.clock.now(), usegmt=True),
            "Server": "snow_adc",
            "Cache-Control": "no-cache,no-store,must-revalidate,max-age=-1",
            **reply.headers,
        }
        content = b"" if reply.status == 204 else reply.content()
        response = Response(content, reply.status, headers)
        if content or reply.status != 204:
            response.headers["Content-Type"] = reply.content_type
        return response


def _request(http: HttpRequest, body: bytes) -> Request:
    host = http.headers.get("host", "")
    return Request(
        http.method,
        unquote(http.scope["raw_path"].decode("latin-1").partition("?")[0]),
        dict(http.query_params),
        dict(http.headers),
        body,
        f"{http.url.scheme}://{host}",
    )


def _table(request: Request) -> str:
    """The table of a request for matching faults: "" where there is none."""
    parts = [part for part in request.path.split("/") if part]
    return next((after for at, after in itertools.pairwise(parts) if at in {"table", "stats"}), "")


def _rows_asked(request: Request) -> int:
    """How many rows a request asks for; one where it names a record and no limit."""
    text = request.params.get("sysparm_limit", "")
    return int(text) if text.isdecimal() else 1


def _instead(fault: Fault) -> Reply:
    """What a fault answers in place of the system; nothing is executed."""
    if fault.kind == "reset" or (fault.kind == "outage" and fault.text("mode") in {"reset", "refuse"}):
        raise Aborted
    if fault.kind == "html_200":
        return Reply(200, raw=_HIBERNATING, content_type=_HTML)
    if fault.kind == "dropped_202":
        return Reply(202)
    if fault.kind == "redirect":
        target = fault.text("location", "http://elsewhere.invalid/login.do")
        return Reply(
            302, raw=b"<html><body>Moved</body></html>", content_type=_HTML, headers={"Location": target}
        )
    return _refusal(fault)


def _refusal(fault: Fault) -> Reply:
    default = {"outage": 503, "rate_limit": 429}.get(fault.kind, 500)
    status = int(fault.number("status", default))
    headers: dict[str, str] = {}
    if "retry_after" in fault.options:
        headers["Retry-After"] = fault.text("retry_after")
        limits = {
            "Limit": "100",
            "Rule": "sandbox",
            "Reset": str(int(time.time() + fault.number("retry_after", 1))),
        }
        headers |= {f"X-RateLimit-{name}": value for name, value in limits.items()} if status == 429 else {}
    words: Mapping[int, tuple[str, str | None]] = {
        401: ("User Not Authenticated", "Required to provide Auth information"),
        429: ("Rate limit exceeded", "Rate limit of 100 requests per hour for sandbox exceeded"),
    }
    message, detail = words.get(
        status, (fault.text("message", "Simulated failure"), fault.text("detail") or None)
    )
    reply = error_reply(ApiError(status, message, detail))
    reply.headers |= headers
    return reply


async def _afterwards(fault: Fault, reply: Reply) -> Reply:
    """What a fault makes of an answer whose work is done."""
    if fault.kind == "reset_after_commit":
        raise Aborted
    if fault.kind == "hang_after_commit":
        await asyncio.sleep(fault.number("seconds", 30))
        return reply
    if fault.kind == "error_after_commit":
        status = int(fault.number("status", 500))
        return error_reply(ApiError(status, "Transaction cancelled: maximum execution time exceeded", None))
    content = reply.content()
    if fault.kind in {"truncated_200", "truncated_after_commit"}:
        return Reply(reply.status, raw=content[: max(1, len(content) // 2)])
    cut = b',"error":{"message":"Transaction cancelled: maximum execution time exceeded","detail":null},"status":"failure"}'
    return Reply(reply.status, raw=content.rstrip()[:-1] + cut, headers=reply.headers)


async def _tear_down(send: Send) -> None:
    """Aborts the transport, so that the client sees a reset and no answer."""
    cycle = getattr(send, "__self__", None)
    transport = getattr(cycle, "transport", None)
    if transport is None:
        raise RuntimeError("the server does not show its transport")
    linger = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()
    while not getattr(cycle, "disconnected", True):
        await asyncio.sleep(0)
