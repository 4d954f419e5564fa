"""How a request proves who sends it."""

from __future__ import annotations

import base64
import threading
from collections.abc import Mapping
from urllib.parse import parse_qs

import httpx
import orjson
import pytest

from connectors.auth import Basic, Exchangeable, OAuth
from connectors.errors import Busy, Misconfigured, Unreachable
from connectors.http import Reply, Transport
from connectors.servicenow.table_api import TableApi


class TokenServer:
    """Issues numbered tokens; `replies` are answered first."""

    def __init__(self, *replies: Reply, expires_in: object = 1799) -> None:
        self.replies = list(replies)
        self.expires_in = expires_in
        self.forms: list[Mapping[str, str]] = []
        self._lock = threading.Lock()

    def post(self, path: str, form: Mapping[str, str]) -> Reply:
        assert path == "/oauth_token.do"
        with self._lock:
            self.forms.append(form)
            if self.replies:
                return self.replies.pop(0)
            return reply(200, {"access_token": f"t{len(self.forms)}", "expires_in": self.expires_in})


def reply(status: int, body: object, kind: str = "application/json") -> Reply:
    return Reply(status, {"content-type": kind}, orjson.dumps(body), 0.0, None)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def oauth(clock: Clock | None = None, **options: object) -> OAuth:
    return OAuth("id", "s3cret", monotonic=clock or Clock(), **options)


class TestBasic:
    def test_user_and_password_travel_in_every_request(self):
        header = Basic("ann", "pä:ss").current(TokenServer().post).header
        assert base64.b64decode(header.removeprefix("Basic ")).decode() == "ann:pä:ss"

    def test_there_is_nothing_to_renew(self):
        auth, server = Basic("ann", "x"), TokenServer()
        assert auth.renewed(auth.current(server.post), server.post) is None

    def test_a_colon_in_the_name_is_refused(self):
        with pytest.raises(Misconfigured):
            Basic("a:b", "x")


class TestExchangeable:
    def test_what_was_refused_for_the_old_password_goes_out_with_the_new(self):
        auth, server = Exchangeable(Basic("ann", "old")), TokenServer()
        rejected = auth.current(server.post)
        auth.exchange(Basic("bob", "new", told='user "bob"'))
        renewed = auth.renewed(rejected, server.post)
        assert renewed is not None
        assert renewed.header == Basic("bob", "new").current(server.post).header
        assert auth.renewed(renewed, server.post) is None
        assert auth.told == 'user "bob"'

    def test_a_token_is_still_renewed_once_for_all(self):
        auth, server = Exchangeable(oauth()), TokenServer()
        rejected = auth.current(server.post)
        assert {auth.renewed(rejected, server.post).header for _ in range(3)} == {"Bearer t2"}
        assert len(server.forms) == 2


class TestOAuth:
    def test_client_credentials_are_sent_as_a_form_and_the_token_is_kept(self):
        server, auth = TokenServer(), oauth()
        assert [auth.current(server.post).header for _ in range(3)] == ["Bearer t1"] * 3
        assert server.forms == [
            {"grant_type": "client_credentials", "client_id": "id", "client_secret": "s3cret"}
        ]

    def test_the_password_grant_adds_user_and_password(self):
        server = TokenServer()
        oauth(grant="password", username="ann", password="pw").current(server.post)
        assert (server.forms[0]["grant_type"], server.forms[0]["username"], server.forms[0]["password"]) == (
            "password",
            "ann",
            "pw",
        )

    def test_a_token_is_fetched_again_ahead_of_its_expiry(self):
        clock, server = Clock(), TokenServer()
        auth = oauth(clock)
        auth.current(server.post)
        clock.now = 1738.0
        assert auth.current(server.post).header == "Bearer t1"
        clock.now = 1740.0
        assert auth.current(server.post).header == "Bearer t2"

    @pytest.mark.parametrize("expires_in", [10, "10", None, "soon", "nan", -5])
    def test_a_strange_lifetime_never_means_a_token_per_request(self, expires_in):
        server, auth = TokenServer(expires_in=expires_in), oauth()
        auth.current(server.post)
        auth.current(server.post)
        assert len(server.forms) == 1

    def test_threads_that_need_a_token_at_once_fetch_it_once(self):
        server, auth, gate, headers = TokenServer(), oauth(), threading.Barrier(8), []

        def work() -> None:
            gate.wait()
            headers.append(auth.current(server.post).header)

        run_in_threads(work, 8)
        assert (headers, len(server.forms)) == (["Bearer t1"] * 8, 1)

    def test_threads_that_were_rejected_with_one_token_renew_it_once(self):
        server, auth, gate, headers = TokenServer(), oauth(), threading.Barrier(8), []
        rejected = auth.current(server.post)

        def work() -> None:
            gate.wait()
            headers.append(auth.renewed(rejected, server.post).header)

        run_in_threads(work, 8)
        assert (headers, len(server.forms)) == (["Bearer t2"] * 8, 2)

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (reply(401, {"error": "invalid_client"}), Misconfigured),
            (reply(400, {"error": "x"}), Misconfigured),
            (reply(302, {}), Misconfigured),
            (reply(429, {}), Busy),
            (reply(503, {}), Busy),
            (reply(500, {}), Unreachable),
            (reply(200, "<html>", "text/html"), Unreachable),
            (reply(200, {"token": "x"}), Misconfigured),
            (reply(200, {"access_token": "a\nb"}), Misconfigured),
            (reply(200, ["x"]), Misconfigured),
        ],
        ids=lambda value: value.__name__ if isinstance(value, type) else str(value.status),
    )
    def test_what_the_token_endpoint_answers_is_named_by_the_next_move(self, answer, error):
        with pytest.raises(error):
            oauth().current(TokenServer(answer).post)

    def test_after_a_failure_the_next_request_tries_again(self):
        server, auth = TokenServer(reply(500, {})), oauth()
        with pytest.raises(Unreachable):
            auth.current(server.post)
        assert auth.current(server.post).header == "Bearer t2"


def test_secrets_are_in_no_repr():
    server, auth = TokenServer(), oauth(grant="password", username="ann", password="hunter2")
    issued = auth.current(server.post)
    basic = Basic("ann", "hunter2")
    text = f"{auth!r} {auth} {issued!r} {basic!r} {basic.current(server.post)!r}"
    assert not any(secret in text for secret in ("hunter2", "s3cret", "t1", issued.header))


class TestAfterA401:
    """The Table API asks for one renewal and sends once more."""

    def api(self, router, auth, accepted: set[str]) -> tuple[TableApi, list[str]]:
        seen: list[str] = []
        count = iter(range(1, 99))

        def answer(request: httpx.Request) -> httpx.Response:
            if request.url.path == "/oauth_token.do":
                assert parse_qs(request.content.decode())["client_id"] == ["id"]
                return httpx.Response(200, json={"access_token": f"t{next(count)}", "expires_in": 1799})
            seen.append(request.headers["Authorization"])
            if request.headers["Authorization"] in accepted:
                return httpx.Response(200, json={"result": {"sys_id": "x"}})
            return httpx.Response(401, json={"error": {"message": "User Not Authenticated"}})

        router.route(host="127.0.0.1").mock(side_effect=answer)
        return TableApi(Transport("http://127.0.0.1", system="order_management"), auth), seen

    def test_an_expired_token_is_renewed_once_and_the_write_sent_again(self, router):
        api, seen = self.api(router, oauth(), {"Bearer t2"})
        assert api.patch("t", "a" * 32, {"x": "1"}, columns=("sys_id",)).row == {"sys_id": "x"}
        assert seen == ["Bearer t1", "Bearer t2"]

    def test_a_second_401_is_a_matter_of_configuration(self, router):
        api, seen = self.api(router, oauth(), set())
        with pytest.raises(Misconfigured, match="credentials"):
            api.read("t", "a" * 32, columns=("sys_id",))
        assert len(seen) == 2

    def test_a_wrong_password_is_sent_once(self, router):
        api, seen = self.api(router, Basic("ann", "wrong"), set())
        with pytest.raises(Misconfigured, match="credentials") as caught:
            api.patch("t", "a" * 32, {"x": "1"}, columns=("sys_id",))
        assert len(seen) == 1
        assert caught.value.system == "order_management"


def run_in_threads(work, count: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
