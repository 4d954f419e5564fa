"""How a request proves who sends it: `Basic`, or `OAuth` with a token that all threads share.

Called by `servicenow.table_api` before each request and after a 401. Secrets never appear in a repr, and the token
endpoint is reached through the same transport as everything else, so it is bound to the configured origin.
"""

from __future__ import annotations

import base64
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from connectors.errors import Busy, Misconfigured, Unreachable
from connectors.http import Reply
from connectors.strict_json import BadJson

TOKEN_PATH = "/oauth_token.do"  # noqa: S105 - a path, not a password

PostForm = Callable[[str, Mapping[str, str]], Reply]
"""Posts a form to a path of the same origin."""


@dataclass(frozen=True, slots=True)
class Pass:
    """The value of the `Authorization` header, and which issue of it this is."""

    header: str = field(repr=False)
    issue: int = 0


class Auth(Protocol):
    """What proves who we are. Safe to call from any thread."""

    @property
    def told(self) -> str:
        """Who that is and where the secret comes from, for a person; never the secret."""

    def current(self, post: PostForm) -> Pass:
        """The pass to send now; fetched or refreshed when it must be."""

    def renewed(self, rejected: Pass, post: PostForm) -> Pass | None:
        """A newer pass than the rejected one, or None when there can be none."""


class Basic:
    """User name and password in every request."""

    def __init__(self, username: str, password: str, *, told: str = "") -> None:
        if ":" in username:
            raise Misconfigured("a user name for basic authentication must not contain a colon")
        self._username = username
        self.told = told or f'user "{username}"'
        token = base64.b64encode(f"{username}:{password}".encode()).decode()
        self._pass = Pass(f"Basic {token}")

    def __repr__(self) -> str:
        return f"Basic(username={self._username!r})"

    def current(self, post: PostForm) -> Pass:  # noqa: ARG002 - the protocol's signature
        return self._pass

    def renewed(self, rejected: Pass, post: PostForm) -> Pass | None:  # noqa: ARG002 - the protocol's signature
        return None


class OAuth:
    """A bearer token by client credentials or by password grant, renewed ahead of its expiry by one thread for all."""

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        *,
        grant: Literal["client_credentials", "password"] = "client_credentials",
        username: str = "",
        password: str = "",
        token_path: str = TOKEN_PATH,
        ahead_s: float = 60.0,
        monotonic: Callable[[], float] = time.monotonic,
        told: str = "",
    ) -> None:
        self.told = told or f'client "{client_id}"'
        self._form = {"grant_type": grant, "client_id": client_id, "client_secret": client_secret}
        if grant == "password":
            self._form |= {"username": username, "password": password}
        self._client_id = client_id
        self._grant = grant
        self._token_path = token_path
        self._ahead_s = ahead_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._pass: Pass | None = None
        self._until = 0.0

    def __repr__(self) -> str:
        return f"OAuth(client_id={self._client_id!r}, grant={self._grant!r})"

    def current(self, post: PostForm) -> Pass:
        with self._lock:  # held while fetching: the other threads wait for this one token
            if self._pass is not None and self._monotonic() < self._until:
                return self._pass
            return self._fetch(post)

    def renewed(self, rejected: Pass, post: PostForm) -> Pass | None:
        with self._lock:
            if self._pass is not None and self._pass.issue > rejected.issue:
                return self._pass
            return self._fetch(post)

    def _fetch(self, post: PostForm) -> Pass:
        began = self._monotonic()
        token, lifetime = _token_of(post(self._token_path, self._form))
        issue = self._pass.issue + 1 if self._pass else 1
        self._pass = Pass(f"Bearer {token}", issue)
        # A lifetime shorter than the margin must not make every request fetch a token.
        self._until = began + max(lifetime - self._ahead_s, lifetime / 2)
        return self._pass


class Exchangeable:
    """An `Auth` in whose place another may be put while requests are under way: a password that was changed."""

    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    @property
    def told(self) -> str:
        return self._auth.told

    def exchange(self, auth: Auth) -> None:
        """From the next request on; one that is refused for the old one is sent again."""
        self._auth = auth

    def current(self, post: PostForm) -> Pass:
        return self._auth.current(post)

    def renewed(self, rejected: Pass, post: PostForm) -> Pass | None:
        auth = self._auth
        now = auth.current(post)
        return now if now.header != rejected.header else auth.renewed(rejected, post)


def _token_of(reply: Reply) -> tuple[str, float]:
    """The token and its lifetime in seconds. Raises what the caller should do instead; never quotes the reply."""
    if reply.status in {429, 503}:
        raise Busy("the token endpoint asks us to wait", status=reply.status)
    if reply.status >= 500:
        raise Unreachable("the token endpoint failed", status=reply.status)
    if reply.status != 200:
        raise Misconfigured("the token endpoint refused our credentials", status=reply.status)
    try:
        answer = reply.json()
    except BadJson:
        raise Unreachable("the token endpoint did not answer with JSON", status=200) from None
    token = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
        raise Misconfigured("the token endpoint answered without an access token", status=200)
    return token, _seconds(answer.get("expires_in"))


def _seconds(lifetime: object) -> float:
    try:
        seconds = float(str(lifetime))
    except ValueError:
        return 300.0
    return min(max(seconds, 1.0), 86_400.0) if math.isfinite(seconds) else 300.0
