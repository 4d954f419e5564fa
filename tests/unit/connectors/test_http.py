"""One exchange with one origin, against real sockets on loopback."""

from __future__ import annotations

import gzip
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from connectors.errors import Doubtful, Misconfigured, Unreachable, Unsafe
from connectors.exchanges import Exchange, folded, recorded
from connectors.http import Limits, RequestSeen, Transport, is_loopback
from connectors.strict_json import BadJson

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Mon, 01 Jun 2026 10:00:00 GMT\r\n"


class Server:
    """Answers each connection's requests with what `answer` does to the socket; keeps what was received."""

    def __init__(self, answer: Callable[[socket.socket], None]) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.received: list[bytes] = []
        self.connections = 0
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []

    def run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            connection.close()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:  # also one that was accepted while the server stopped
                self._converse(connection)
        except OSError:
            return

    def _converse(self, connection: socket.socket) -> None:
        while True:
            request = b""
            while b"\r\n\r\n" not in request:
                piece = connection.recv(65536)
                if not piece:
                    return
                request += piece
            self.received.append(request)
            self._answer(connection)


@contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[Server]:
    server = Server(answer)
    threading.Thread(target=server.run, daemon=True).start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def transport_to(url: str, **options: object) -> Iterator[Transport]:
    transport = Transport(url, system="order_management", **options)
    try:
        yield transport
    finally:
        transport.close()


def send(data: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(data)


def body(content: bytes, extra: bytes = b"") -> bytes:
    return OK + extra + b"Content-Length: %d\r\n\r\n" % len(content) + content


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    connection.close()


class TestReplies:
    def test_a_reply_has_status_headers_body_and_the_servers_date(self):
        with serving(send(body(b'{"a":1}'))) as server, transport_to(server.url) as transport:
            reply = transport.send("GET", "/x", params={"q": "1"})
        assert (reply.status, reply.json(), reply.date.isoformat()) == (
            200,
            {"a": 1},
            "2026-06-01T10:00:00+00:00",
        )
        assert reply.headers["content-type"] == "application/json"
        assert b"GET /x?q=1 HTTP/1.1" in server.received[0]
        assert b"accept: application/json" in server.received[0].lower()

    def test_an_error_status_is_a_reply_like_any_other(self):
        answer = send(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n")
        with serving(answer) as server, transport_to(server.url) as transport:
            assert transport.send("POST", "/x", json={}).status == 500

    def test_gzip_is_inflated(self):
        content = body(gzip.compress(b'{"a":1}'), b"Content-Encoding: gzip\r\n")
        with serving(send(content)) as server, transport_to(server.url) as transport:
            assert transport.send("GET", "/x").json() == {"a": 1}

    @pytest.mark.parametrize(
        "content",
        [
            body(gzip.compress(b"[" + b" " * 50_000_000 + b"]"), b"Content-Encoding: gzip\r\n"),
            body(b"[" + b" " * 20_000 + b"]"),
            body(zlib.compress(b"{}"), b"Content-Encoding: deflate\r\n"),
            body(b"not gzip", b"Content-Encoding: gzip\r\n"),
            body(gzip.compress(b"{}" * 50)[:20], b"Content-Encoding: gzip\r\n"),
            body(b"{}").replace(b"application/json", b"text/html"),
        ],
        ids=["gzip bomb", "too large", "unknown encoding", "broken gzip", "gzip cut short", "html"],
    )
    def test_a_body_that_is_not_acceptable_json_keeps_its_status(self, content):
        limits = Limits(reply_bytes=10_000)
        with serving(send(content)) as server, transport_to(server.url, limits=limits) as transport:
            reply = transport.send("GET", "/x")
        assert reply.status == 200
        assert len(reply.body) <= 10_000
        with pytest.raises(BadJson):
            reply.json()

    def test_a_body_cut_short_by_the_server_keeps_its_status(self):
        def half(connection: socket.socket) -> None:
            connection.sendall(body(b'{"a":1}')[:-3])
            connection.shutdown(socket.SHUT_RDWR)

        with serving(half) as server, transport_to(server.url) as transport:
            assert transport.send("GET", "/x").flaw == "a body that ended early"

    def test_a_redirect_is_not_followed(self):
        answer = send(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
        with serving(answer) as server, transport_to(server.url) as transport:
            assert transport.send("GET", "/x").status == 302
        assert len(server.received) == 1

    def test_a_cookie_is_not_kept(self):
        with (
            serving(send(body(b"{}", b"Set-Cookie: a=b; Path=/\r\n"))) as server,
            transport_to(server.url) as transport,
        ):
            transport.send("GET", "/x")
            transport.send("GET", "/x")
        assert len(server.received) == 2
        assert b"cookie" not in server.received[1].lower()


class TestFailures:
    def test_a_refused_connection_was_surely_not_sent(self):
        with serving(send(b"")) as server:
            url = server.url
        with transport_to(url) as transport, pytest.raises(Unreachable, match="no connection"):
            transport.send("POST", "/x", json={})

    @pytest.mark.parametrize(("method", "error"), [("GET", Unreachable), ("PATCH", Doubtful)])
    def test_a_reset_is_doubt_only_for_a_write(self, method, error):
        with serving(reset) as server, transport_to(server.url) as transport, pytest.raises(error):
            transport.send(method, "/x")

    @pytest.mark.parametrize(("method", "error"), [("GET", Unreachable), ("POST", Doubtful)])
    def test_silence_ends_with_the_timeout(self, method, error):
        limits = Limits(timeout_s=0.05)
        with (
            serving(lambda _: None) as server,
            transport_to(server.url, limits=limits) as transport,
            pytest.raises(error, match="no answer in time"),
        ):
            transport.send(method, "/x")

    @pytest.mark.parametrize(
        "head", [OK + b"X: ", OK + b"Content-Length: 999999\r\n\r\n"], ids=["headers", "body"]
    )
    def test_a_server_that_drips_is_cut_off_at_the_deadline(self, head):
        stop = threading.Event()

        def drip(connection: socket.socket) -> None:
            connection.sendall(head)
            while not stop.wait(0.01):
                connection.sendall(b"x")

        limits = Limits(timeout_s=5, deadline_s=0.5)
        with serving(drip) as server, transport_to(server.url, limits=limits) as transport:
            with pytest.raises(Unreachable, match="no answer in time"):
                transport.send("GET", "/x")
            stop.set()

    def test_a_form_that_only_fetches_a_token_is_no_write(self):
        with serving(reset) as server, transport_to(server.url) as transport, pytest.raises(Unreachable):
            transport.send("POST", "/token", form={"a": "b"}, write=False)

    def test_an_error_names_the_path_and_no_value(self):
        with (
            serving(reset) as server,
            transport_to(server.url) as transport,
            pytest.raises(Doubtful) as caught,
        ):
            transport.send(
                "POST",
                "/x",
                params={"q": "secret1"},
                json={"p": "secret2"},
                headers={"Authorization": "secret3"},
            )
        error = caught.value
        assert "POST /x" in str(error)
        assert "secret" not in str(error) + repr(error)
        assert error.__cause__ is None


class TestOrigin:
    @pytest.mark.parametrize(
        "url",
        [
            "http://example.test",
            "ftp://127.0.0.1",
            "https://user:pw@example.test",
            "https://example.test/?a=b",
            "https://",
            "nonsense",
            "http://127.0.0.1.example.test",
        ],
    )
    def test_an_address_that_is_not_safe_is_refused(self, url):
        with pytest.raises(Misconfigured) as caught:
            Transport(url, system="order_management")
        assert "pw" not in str(caught.value)

    @pytest.mark.parametrize(
        "path", ["//other.test/x", "x", "/../x", "/a?b", "/a#b", "/@other.test", "/\\other"]
    )
    def test_a_path_that_could_leave_the_base_is_refused(self, path):
        with transport_to("http://127.0.0.1:1/base") as transport, pytest.raises(Misconfigured):
            transport.send("GET", path)

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"])
    def test_loopback_is_recognised(self, host):
        assert is_loopback(host)

    @pytest.mark.parametrize("host", ["10.0.0.1", "localhost.example.test", "0.0.0.0", ""])
    def test_everything_else_is_not_loopback(self, host):
        assert not is_loopback(host)

    def test_a_ca_file_that_cannot_be_read_is_named_as_the_problem(self, tmp_path):
        with pytest.raises(Misconfigured, match="CA file"):
            Transport("https://example.test", system="order_management", ca_file=tmp_path / "absent.pem")

    def test_a_server_without_tls_behind_https_is_misconfigured(self):
        def plain(connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 400 Bad\r\n\r\n")

        class Plain(Server):
            def _serve(self, connection: socket.socket) -> None:
                connection.recv(10)
                plain(connection)

        server = Plain(plain)
        threading.Thread(target=server.run, daemon=True).start()
        try:
            url = server.url.replace("http:", "https:")
            with transport_to(url) as transport, pytest.raises(Misconfigured, match="TLS"):
                transport.send("POST", "/x", json={})
        finally:
            server.stop()


class TestThreads:
    def test_each_thread_keeps_a_connection_of_its_own_and_close_ends_all(self):
        with serving(send(body(b"{}"))) as server, transport_to(server.url) as transport:
            gate = threading.Barrier(4)

            def work() -> None:
                for _ in range(3):
                    gate.wait()
                    transport.send("GET", "/x")

            threads = [threading.Thread(target=work) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert (len(server.received), server.connections) == (12, 4)

    def test_after_close_a_request_opens_a_new_connection(self):
        with serving(send(body(b"{}"))) as server, transport_to(server.url) as transport:
            transport.send("GET", "/x")
            transport.close()
            assert transport.send("GET", "/x").status == 200
        assert server.connections == 2

    def test_every_request_is_reported_once_with_its_outcome(self):
        seen: list[RequestSeen] = []
        with (
            serving(send(body(b"{}"))) as server,
            transport_to(server.url, on_request=seen.append) as transport,
        ):
            transport.send("GET", "/x", params={"q": "value"})
        with transport_to(server.url, on_request=seen.append) as transport, pytest.raises(Unreachable):
            transport.send("GET", "/y")
        assert [(one.method, one.path, one.status, one.received) for one in seen] == [
            ("GET", "/x", 200, 2),
            ("GET", "/y", None, 0),
        ]


class TestReadOnly:
    @pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
    def test_a_write_is_refused_before_a_byte_of_it_leaves(self, method):
        with (
            serving(send(body(b"{}"))) as server,
            transport_to(server.url, read_only=True) as transport,
            pytest.raises(Unsafe, match=f"{method} /x: this connector may only read"),
        ):
            transport.send(method, "/x", json={})
        assert server.connections == 0

    def test_reads_and_a_form_that_fetches_a_token_pass(self):
        with serving(send(body(b"{}"))) as server, transport_to(server.url, read_only=True) as transport:
            assert transport.send("GET", "/x").status == 200
            assert transport.send("POST", "/token", form={"a": "b"}, write=False).status == 200


class TestRequestIds:
    def test_requests_of_one_piece_of_work_carry_its_name_and_are_written_down(self):
        answer = send(body(b"{}"))
        with (
            serving(answer) as server,
            transport_to(server.url) as transport,
            recorded("syncd-1a2b.3") as exchanges,
        ):
            transport.send("GET", "/x")
            transport.send("GET", "/y")
        ids = [b"x-request-id: syncd-1a2b.3.1", b"x-request-id: syncd-1a2b.3.2"]
        assert all(id in request.lower() for id, request in zip(ids, server.received, strict=True))
        assert [(one.method, one.status) for one in exchanges.sent] == [("GET", 200), ("GET", 200)]

    def test_those_that_were_answered_alike_in_a_row_are_kept_as_one(self):
        sent = [
            Exchange("GET", 200, 3),
            Exchange("GET", 200, 4),
            Exchange("POST", None, 9),
            Exchange("GET", 200, 1),
        ]
        assert folded(sent) == [["GET", 200, 7, 2], ["POST", None, 9], ["GET", 200, 1]]

    def test_a_request_without_an_answer_is_written_down_too(self):
        with (
            serving(reset) as server,
            transport_to(server.url) as transport,
            recorded("x") as exchanges,
            pytest.raises(Unreachable),
        ):
            transport.send("GET", "/x")
        assert [(one.method, one.status) for one in exchanges.sent] == [("GET", None)]

    def test_outside_of_a_record_a_request_has_no_name(self):
        with serving(send(body(b"{}"))) as server, transport_to(server.url) as transport:
            transport.send("GET", "/x")
        assert b"x-request-id" not in server.received[0].lower()
