"""The listener answers what it was given, on this machine, and is not held up by who asks badly."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from syncd import listener as module
from syncd.listener import Answer, Listener


@contextmanager
def listening() -> Iterator[Listener]:
    made = Listener("127.0.0.1", 0, {"/health": lambda: Answer(503, "text/plain", b"not well")})
    made.start()
    yield made
    made.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as made:
        yield made


def ask(listener: Listener, method: str, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", listener.port, timeout=60)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("GET", "/health", (503, b"not well")),
        ("GET", "/health?verbose", (503, b"not well")),
        ("HEAD", "/health", (503, b"")),
        ("GET", "/metrics", (404, b"not here\n")),
    ],
)
def test_it_answers_its_paths_only(listener, method, path, answer):
    assert ask(listener, method, path) == answer


def test_it_takes_nothing_in(listener):
    assert ask(listener, "POST", "/health")[0] == 501


def test_clients_that_say_nothing_do_not_keep_others_out(monkeypatch):
    monkeypatch.setattr(module, "TIMEOUT_S", 0.5)
    monkeypatch.setattr(module, "GRACE_S", 60.0)
    with listening() as listener:
        silent = [socket.create_connection(("127.0.0.1", listener.port)) for _ in range(module.AT_ONCE)]
        assert ask(listener, "GET", "/health")[0] == 503
        for one in silent:
            one.close()
