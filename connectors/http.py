"""One exchange with one origin: send a request, get a bounded `Reply`, or an error that says whether it may have run.

The only module that imports httpx. Called by the adapters (`servicenow.table_api`) and by `auth`. Never follows a
redirect or a link, never keeps a cookie, never looks at proxy variables, never retries, and never puts a credential, a
query value or a body into an error.
"""

from __future__ import annotations

import base64
import ipaddress
import logging
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any, NoReturn

import httpcore
import httpx
import orjson

from connectors import exchanges, strict_json
from connectors.budget import Limiter
from connectors.deadline import Deadline, DeadlineBackend
from connectors.errors import Doubtful, Misconfigured, RemoteError, Unreachable, Unsafe
from connectors.strict_json import BadJson

logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it logs whole URLs, and with them query values

_SURELY_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_CAUSES = 10
"""How deep a chain of causes is followed; one that was raised again may be a ring."""
_TRANSIENT_TLS = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. Header names are lower-case. `flaw` says why the body is not whole, "" when it is.

    `duration` covers the exchange from the first byte sent to the last byte read, in seconds; `date` is the server's.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    duration: float
    date: datetime | None
    flaw: str = ""
    proof: str = field(default="", repr=False)
    """The `Authorization` header that was sent."""

    def unechoed(self, text: str) -> str:
        """What the server says, without what we proved ourselves with: a proxy may quote the request that it refuses."""
        for secret in _secrets(self.proof):
            text = text.replace(secret, "***")
        return text

    def json(self) -> Any:
        """The decoded body. Raises `BadJson` when it is not whole, not JSON by its type, or not acceptable."""
        self._check_json()
        return strict_json.decode(self.body)

    def salvage(self) -> Any:
        """The decoded body with a `Flaw` in place of each unacceptable object. Raises `BadJson`."""
        self._check_json()
        return strict_json.salvage(self.body)

    def _check_json(self) -> None:
        if self.flaw:
            raise BadJson(self.flaw)
        media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json" and not media_type.endswith("+json"):
            raise BadJson(f"{media_type or 'no content type'} instead of JSON")


@dataclass(frozen=True, slots=True)
class RequestSeen:
    """One request, for counters and debug logs. `status` is None where no answer came."""

    system: str
    method: str
    path: str
    status: int | None
    seconds: float
    received: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one exchange."""

    connect_s: float = 10.0
    timeout_s: float = 30.0
    """For one read or write on the socket."""
    deadline_s: float = 90.0
    """For the whole exchange."""
    reply_bytes: int = 32 * 1024 * 1024
    """Of the decoded body."""


class Transport:
    """Sends requests to the one configured origin; one client per thread, safe to call from any."""

    def __init__(
        self,
        base_url: str,
        *,
        system: str,
        limits: Limits = Limits(),
        ca_file: str | Path | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        on_request: Callable[[RequestSeen], None] | None = None,
        read_only: bool = False,
        limiter: Limiter | None = None,
        timeout_s: Callable[[], float] | None = None,
    ) -> None:
        """`limiter` says when a request may leave; with none, at once. `timeout_s` is asked before each, instead of the limit. With `read_only` whatever is not a read by its method, or said to be none by its caller (a token is
        asked for by POST), raises `Unsafe` before a byte of it leaves."""
        self.system = system
        self._read_only = read_only
        self._limiter = limiter or Limiter(system, monotonic=monotonic)
        self._base = _checked_origin(base_url, system)
        self._limits = limits
        self._timeout_s = timeout_s or (lambda: limits.timeout_s)
        self._tls = _tls_context(ca_file, system) if self._base.scheme == "https" else None
        self._monotonic = monotonic
        self._on_request = on_request
        self._local = threading.local()
        self._clients: dict[threading.Thread, httpx.Client] = {}
        self._lock = threading.Lock()

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: object = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        write: bool | None = None,
    ) -> Reply:
        """One request, one reply of any status. `write` defaults to what the method says.

        Raises `Unreachable` when it surely was not executed or only reads, `Doubtful` when a write may have been
        executed, `Misconfigured` when TLS does not accept the server, `Exhausted` when it may not leave now.
        """
        write = method not in _SAFE_METHODS if write is None else write
        if self._read_only and write:
            raise Unsafe(f"{method} {path}: this connector may only read")
        self._limiter.take()
        client, deadline = self._client()
        record = exchanges.current()
        named = {} if record is None else {exchanges.HEADER: record.next_id()}
        request = client.build_request(
            method,
            self._url(path),
            params=params,
            data=form,
            content=_body(json),
            headers={**_headers(headers, json), **named},
            timeout=httpx.Timeout(self._timeout_s(), connect=self._limits.connect_s),
        )
        deadline.begin(self._limits.deadline_s)
        began = self._monotonic()
        reply: Reply | None = None
        try:
            reply = self._exchange(client, request, began)
        except httpx.HTTPError as error:
            self._raise(error, method, path, write=write)
        finally:
            seconds = self._monotonic() - began
            if record is not None:
                record.note(method, None if reply is None else reply.status, seconds)
            self._report(method, path, reply, seconds)
        self._limiter.saw(reply.status, reply.headers, reply.date)
        return reply

    def close(self) -> None:
        """Closes the clients of all threads. A later `send` opens new ones."""
        with self._lock:
            clients = list(self._clients.values())
            self._clients.clear()
            self._local = threading.local()
        for client in clients:
            client.close()

    def _exchange(self, client: httpx.Client, request: httpx.Request, began: float) -> Reply:
        response = client.send(request, stream=True)
        try:
            body, flaw = _read_body(response, self._limits.reply_bytes)
        finally:
            response.close()
        return Reply(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=body,
            duration=self._monotonic() - began,
            date=_parse_date(response.headers.get("date", "")),
            flaw=flaw,
            proof=request.headers.get("authorization", ""),
        )

    def _url(self, path: str) -> httpx.URL:
        if (
            not path.startswith("/")
            or path.startswith("//")
            or any(bad in path for bad in ("..", "?", "#", "\\", "@"))
        ):
            raise Misconfigured("a path that leaves the base URL was refused", system=self.system)
        url = httpx.URL(f"{str(self._base).rstrip('/')}{path}")
        if (url.scheme, url.host, url.port) != (self._base.scheme, self._base.host, self._base.port):
            raise Misconfigured("a request to another origin was refused", system=self.system)
        return url

    def _client(self) -> tuple[httpx.Client, Deadline]:
        found: tuple[httpx.Client, Deadline] | None = getattr(self._local, "client", None)
        if found is not None:
            return found
        deadline = Deadline(self._monotonic)
        client = httpx.Client(
            transport=_transport(self._tls, deadline),
            trust_env=False,
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"User-Agent": "syncd", "Accept": "application/json", "Accept-Encoding": "gzip"},
        )
        with self._lock:
            for thread in [thread for thread in self._clients if not thread.is_alive()]:
                self._clients.pop(thread).close()
            self._clients[threading.current_thread()] = client
            self._local.client = client, deadline
        return client, deadline

    def _raise(self, error: httpx.HTTPError, method: str, path: str, *, write: bool) -> NoReturn:
        # The texts of httpx quote URLs: only the name of what happened is passed on, and no cause is chained.
        what = f"{method} {path}: {_name_of(error)}"
        failed: RemoteError
        if _refused_by_tls(error):
            failed = Misconfigured(
                f"{method} {path}: the server's certificate or TLS was refused", system=self.system
            )
        elif write and not isinstance(error, _SURELY_NOT_SENT):
            failed = Doubtful(what, system=self.system)
        else:
            failed = Unreachable(what, system=self.system)
        raise failed from None

    def _report(self, method: str, path: str, reply: Reply | None, seconds: float) -> None:
        if self._on_request is not None:
            status = reply.status if reply else None
            received = len(reply.body) if reply else 0
            self._on_request(RequestSeen(self.system, method, path, status, seconds, received))


def _transport(tls: ssl.SSLContext | None, deadline: Deadline) -> httpx.HTTPTransport:
    # Without https the context is never used, and loading the certificates would cost 20 ms a thread.
    context = tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    transport = httpx.HTTPTransport(verify=context, trust_env=False)
    transport._pool = httpcore.ConnectionPool(  # httpx has no door for a network backend
        ssl_context=context, max_connections=1, retries=0, network_backend=DeadlineBackend(deadline)
    )
    return transport


def _checked_origin(base_url: str, system: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        raise Misconfigured("the base URL is not a URL", system=system) from None
    if url.userinfo or url.query or url.fragment:
        raise Misconfigured("the base URL must not carry credentials, a query or a fragment", system=system)
    if not url.host or url.scheme not in ("http", "https"):
        raise Misconfigured("the base URL needs https:// and a host", system=system)
    if url.scheme == "http" and not is_loopback(url.host):
        raise Misconfigured("http is allowed to loopback addresses only; use https", system=system)
    return url


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only be this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _tls_context(ca_file: str | Path | None, system: str) -> ssl.SSLContext:
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()  # what the administrator of this machine trusts, beside the bundled roots
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=str(ca_file))
        except (OSError, ssl.SSLError):
            raise Misconfigured("the CA file cannot be read as certificates", system=system) from None
    return context


def _secrets(proof: str) -> list[str]:
    """The token of an `Authorization` header, and the password inside one of basic authentication."""
    _, _, token = proof.partition(" ")
    try:
        password = base64.b64decode(token, validate=True).decode().partition(":")[2]
    except ValueError:
        password = ""
    return [secret for secret in (token, password) if secret]


def _body(json: object) -> bytes | None:
    return None if json is None else orjson.dumps(json)


def _headers(headers: Mapping[str, str] | None, json: object) -> dict[str, str]:
    return {**(headers or {}), **({} if json is None else {"Content-Type": "application/json"})}


def _read_body(response: httpx.Response, cap: int) -> tuple[bytes, str]:
    """The decoded body up to the cap, and what is wrong with it. A body cut short by the server is a flaw, not an
    error: status and headers are known, so that the caller can read a smaller page or class the write."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        return b"", f"{encoding} as content encoding"
    unzip = zlib.decompressobj(31) if encoding == "gzip" else None
    parts: list[bytes] = []
    size = 0
    try:
        for chunk in response.iter_raw():
            # We inflate ourselves, because one received piece may become a thousand times its size.
            piece = unzip.decompress(chunk, cap - size + 1) if unzip else chunk
            size += len(piece)
            if size > cap:
                return b"", f"a body of more than {cap} bytes"
            parts.append(piece)
    except httpx.RemoteProtocolError:
        return b"", "a body that ended early"
    except zlib.error:
        return b"", "a body that is not gzip"
    if unzip is not None and not unzip.eof:
        return b"", "a body that ended early"
    return b"".join(parts), ""


def _parse_date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)


def _name_of(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "no connection in time" if isinstance(error, _SURELY_NOT_SENT) else "no answer in time"
    return "no connection" if isinstance(error, _SURELY_NOT_SENT) else "the connection broke"


def _refused_by_tls(error: BaseException) -> bool:
    cause: BaseException | None = error
    for _ in range(_CAUSES):
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, _TRANSIENT_TLS):
            return isinstance(error, httpx.ConnectError)
        cause = (cause.__cause__ or cause.__context__) if cause else None
    return False
