"""Who asks: basic credentials and OAuth tokens.

Called by `api` before anything else. Passwords are kept as digests beside the tables, tokens in memory; asking again
during a token's life returns the same token with a new expiry, as the platform does.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from syncd.sandbox.errors import not_allowed, not_authenticated
from syncd.sandbox.instance import Session
from syncd.sandbox.messages import Reply, Request

if TYPE_CHECKING:
    from syncd.sandbox.instance import Instance

CLIENT_CREDENTIALS_SWITCH = "glide.oauth.inbound.client.credential.grant_type.enabled"
_CACHE = "no-store"


def digest(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()


@dataclass(slots=True)
class Token:
    """An access token of one user and client."""

    value: str
    user: str
    client: str
    expires_at: datetime


@dataclass(slots=True)
class Authority:
    """Checks credentials of one instance and hands out tokens."""

    instance: Instance
    tokens: dict[str, Token] = field(default_factory=dict)
    refreshers: dict[str, Token] = field(default_factory=dict)

    def identify(self, headers: Mapping[str, str]) -> Session:
        """The session of a request; raises 401 for missing, wrong or expired credentials."""
        kind, _, credentials = headers.get("authorization", "").partition(" ")
        checks = {"basic": self._basic, "bearer": self._bearer}
        user = checks[kind.lower()](credentials.strip()) if kind.lower() in checks else None
        if user is None or not self._may_log_in(user):
            raise not_authenticated()
        return Session(self.instance, user)

    def serve_token(self, request: Request) -> Reply:
        """`POST /oauth_token.do`, form-encoded."""
        if request.method != "POST":
            raise not_allowed()
        form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        form = {**self._client_from_header(request), **form}
        if "form" not in request.headers.get("content-type", ""):
            return _refused("invalid_request", "Content type must be application/x-www-form-urlencoded", 400)
        client = self._client(form)
        if client is None:
            return _refused("invalid_client", "access_denied")
        grants = {"password": self._password, "client_credentials": self._own, "refresh_token": self._refresh}
        grant = grants.get(form.get("grant_type", ""))
        if grant is None:
            return _refused("unsupported_grant_type", "access_denied")
        return grant(form, client)

    def expire_all(self) -> None:
        self.tokens.clear()

    def _basic(self, credentials: str) -> str | None:
        try:
            name, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return name if self._password_fits(name, password) else None

    def _bearer(self, value: str) -> str | None:
        token = self.tokens.get(value)
        return token.user if token is not None and token.expires_at > self.instance.clock.now() else None

    def _password_fits(self, name: str, password: str) -> bool:
        known = self.instance.passwords.get(name, "")
        return hmac.compare_digest(known, digest(password))

    def _may_log_in(self, name: str) -> bool:
        row = self.instance.store.first("sys_user", user_name=name)
        return row is not None and row["active"] == "true" and row["locked_out"] != "true"

    def _client(self, form: Mapping[str, str]) -> str | None:
        id, secret = form.get("client_id", ""), form.get("client_secret", "")
        known = self.instance.store.first("oauth_entity", client_id=id) if id else None
        if known is None or known["active"] != "true":
            return None
        fits = hmac.compare_digest(self.instance.passwords.get(f"oauth:{id}", ""), digest(secret))
        return id if fits else None

    def _client_from_header(self, request: Request) -> dict[str, str]:
        kind, _, credentials = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "basic":
            return {}
        try:
            id, _, secret = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return {}
        return {"client_id": id, "client_secret": secret}

    def _password(self, form: Mapping[str, str], client: str) -> Reply:
        name = form.get("username", "")
        if not self._password_fits(name, form.get("password", "")) or not self._may_log_in(name):
            return _refused("invalid_grant", "access_denied")
        return self._grant(name, client, refreshable=True)

    def _own(self, _: Mapping[str, str], client: str) -> Reply:
        entity = self.instance.store.first("oauth_entity", client_id=client)
        user = self.instance.store.get("sys_user", entity["user"]) if entity else None
        if user is None or not self.instance.flag(CLIENT_CREDENTIALS_SWITCH):
            return _refused("unsupported_grant_type", "access_denied")
        return self._grant(user["user_name"], client, refreshable=False)

    def _refresh(self, form: Mapping[str, str], client: str) -> Reply:
        token = self.refreshers.get(form.get("refresh_token", ""))
        if token is None or token.client != client or token.expires_at <= self.instance.clock.now():
            return _refused("invalid_grant", "access_denied")
        return self._grant(token.user, client, refreshable=False, refresher=token.value)

    def _grant(self, user: str, client: str, *, refreshable: bool, refresher: str = "") -> Reply:
        now, life = self.instance.clock.now(), self._lifespan(client, "access_token_lifespan")
        token = next(
            (t for t in self.tokens.values() if (t.user, t.client) == (user, client) and t.expires_at > now),
            None,
        )
        if token is None:
            token = Token(self._secret(), user, client, now)
            self.tokens[token.value] = token
        token.expires_at = now + timedelta(seconds=life)
        data = {
            "access_token": token.value,
            "scope": "useraccount",
            "token_type": "Bearer",
            "expires_in": life - 1,
        }
        if refreshable:
            refresher = self._refresher(user, client).value
        if refresher:
            data["refresh_token"] = refresher
        return Reply(200, data, {"Cache-Control": _CACHE})

    def _refresher(self, user: str, client: str) -> Token:
        now = self.instance.clock.now()
        for token in self.refreshers.values():
            if (token.user, token.client) == (user, client) and token.expires_at > now:
                return token
        life = timedelta(seconds=self._lifespan(client, "refresh_token_lifespan"))
        token = Token(self._secret(), user, client, now + life)
        self.refreshers[token.value] = token
        return token

    def _lifespan(self, client: str, field: str) -> int:
        entity = self.instance.store.first("oauth_entity", client_id=client)
        return int(entity[field] if entity else "1800")

    def _secret(self) -> str:
        """Tokens come from the instance's generator: a seeded world hands out the same ones."""
        raw = self.instance.random.getrandbits(512).to_bytes(64, "big")
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _refused(error: str, description: str, status: int = 401) -> Reply:
    return Reply(status, {"error": error, "error_description": description}, {"Cache-Control": _CACHE})
