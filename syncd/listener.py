"""A door for machines that watch: health and metrics over HTTP, on this machine only, each switched on by itself.

Started by `daemon` where the config says so. Answers GET and HEAD of the paths that it was given, with bounds on time and size;
takes nothing in, and knows no lane.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TIMEOUT_S = 5.0
"""For a client to say what it wants."""
AT_ONCE = 8
"""Clients that are answered at the same time."""
GRACE_S = 1.0
"""How much longer one waits for room than a silent one may keep it: both times end in one moment otherwise."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a path says now."""

    status: int
    content_type: str
    body: bytes


Paths = Mapping[str, Callable[[], Answer]]


class Listener:
    """Serves `paths` on `host`:`port` (0: a free one) from `start` to `close`. Raises `OSError` where that is taken."""

    def __init__(self, host: str, port: int, paths: Paths) -> None:
        self._server = _Server((host, port), _handler(paths))
        self._thread = threading.Thread(target=self._server.serve_forever, name="listener", daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._room = threading.Semaphore(AT_ONCE)
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._room.acquire(timeout=TIMEOUT_S + GRACE_S):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, _request: Any, _client_address: Any) -> None:
        """A client that went away is no news."""


def _handler(paths: Paths) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = TIMEOUT_S
        server_version = "syncd"
        sys_version = ""

        def do_GET(self) -> None:
            answer = paths.get(self.path.partition("?")[0], _unknown)()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_HEAD = do_GET  # noqa: N815 - as above

        def log_message(self, format: str, *args: object) -> None:
            """Who asks is no event."""

    return Handler


def _unknown() -> Answer:
    return Answer(404, "text/plain; charset=utf-8", b"not here\n")
