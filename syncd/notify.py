"""Talking to the service manager: sd_notify messages on the datagram socket that NOTIFY_SOCKET names.

Called by `daemon`. Without such a socket every message is dropped, and one that cannot be sent is lost: a service manager
that went away must not stop a lane. Knows nothing of the lanes.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

STATUS_LIMIT = 500
"""Characters of one status line."""


class Notify:
    """`address` as in NOTIFY_SOCKET: a path, or "@" and an abstract name; "" for nobody. `watchdog_s`: how long the manager
    waits for a ping; None when it waits for none."""

    def __init__(
        self,
        address: str = "",
        watchdog_s: float | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._every_s = None if watchdog_s is None else watchdog_s / 3
        self._monotonic = monotonic
        self._pinged_at: float | None = None
        self._status = ""
        self._socket: socket.socket | None = None
        if address.startswith(("/", "@")):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.settimeout(0)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], pid: int) -> Notify:
        """As the service manager set it up for this process."""
        meant = environ.get("WATCHDOG_PID", str(pid)) == str(pid)
        limit = environ.get("WATCHDOG_USEC", "")
        watchdog_s = int(limit) / 1e6 if meant and limit.isdigit() and int(limit) else None
        return cls(environ.get("NOTIFY_SOCKET", ""), watchdog_s)

    def ready(self, status: str) -> None:
        """The start, or a reload, is over."""
        self._status = status
        self._send("READY=1", f"STATUS={_line(status)}")

    def status(self, text: str) -> None:
        """One line for `systemctl status`; sent when it says something new."""
        if text != self._status:
            self._status = text
            self._send(f"STATUS={_line(text)}")

    def reloading(self) -> None:
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={now}", "STATUS=reloading")

    def stopping(self, status: str) -> None:
        self._send("STOPPING=1", f"STATUS={_line(status)}")

    def ping(self) -> None:
        """A sign of life. May be called at every turn of a loop: a third of the watchdog's time lies between two pings."""
        now = self._monotonic()
        if self._every_s is None or (self._pinged_at is not None and now - self._pinged_at < self._every_s):
            return
        self._pinged_at = now
        self._send("WATCHDOG=1")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, *lines: str) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.sendto("\n".join(lines).encode(), self._address)


def _line(text: str) -> str:
    """One line of printable characters: a line break would begin another field."""
    return "".join(c if c.isprintable() else " " for c in text)[:STATUS_LIMIT]
