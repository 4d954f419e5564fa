"""Messages to the service manager are datagrams on its socket, whole and one at a time; without it nothing happens."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.notify import Notify


class Manager:
    """A service manager that only listens."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.settimeout(5)

    def heard(self) -> dict[str, str]:
        message = self._socket.recv(4096).decode()
        return dict(line.split("=", 1) for line in message.splitlines())

    def silent(self) -> bool:
        self._socket.settimeout(0)
        try:
            self._socket.recv(4096)
        except BlockingIOError:
            return True
        return False

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    made = Manager(f"@{tmp_path}" if request.param == "abstract" else str(tmp_path / "notify"))
    yield made
    made.close()


@pytest.fixture
def notify(manager: Manager) -> Iterator[Notify]:
    made = Notify(manager.address)
    yield made
    made.close()


def test_ready_comes_with_a_status(manager, notify):
    notify.ready("orders read 0 s ago")
    assert manager.heard() == {"READY": "1", "STATUS": "orders read 0 s ago"}


def test_a_status_is_sent_when_it_says_something_new(manager, notify):
    notify.ready("quiet")
    notify.status("quiet")
    notify.status("3 effects waiting")
    manager.heard()
    assert manager.heard() == {"STATUS": "3 effects waiting"}
    assert manager.silent()


def test_a_reload_tells_its_monotonic_instant(manager, notify):
    before = time.monotonic_ns() // 1000
    notify.reloading()
    heard = manager.heard()
    assert heard["RELOADING"] == "1"
    assert before <= int(heard["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000


def test_a_status_stays_one_line(manager, notify):
    notify.stopping("done\nREADY=1")
    assert manager.heard() == {"STOPPING": "1", "STATUS": "done READY=1"}


def test_three_pings_fit_into_the_time_of_the_watchdog(manager):
    now = [100.0]
    notify = Notify(manager.address, 30, lambda: now[0])
    for _ in range(25):  # a turn a second
        notify.ping()
        now[0] += 1
    notify.close()
    assert [manager.heard() for _ in range(3)] == [{"WATCHDOG": "1"}] * 3
    assert manager.silent()


@pytest.mark.parametrize(
    ("environ", "pings"),
    [
        pytest.param({"WATCHDOG_USEC": "3000000"}, True, id="asked"),
        pytest.param({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "7"}, True, id="asked of this process"),
        pytest.param({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "8"}, False, id="asked of another one"),
        pytest.param({"WATCHDOG_USEC": "soon"}, False, id="not a number"),
        pytest.param({}, False, id="not asked"),
    ],
)
def test_pings_go_to_a_watchdog_that_waits_for_them(manager, environ, pings):
    notify = Notify.from_environment({"NOTIFY_SOCKET": manager.address, **environ}, 7)
    notify.ping()
    notify.close()
    assert manager.silent() is not pings


def test_a_manager_that_went_away_stops_nobody(manager, notify):
    manager.close()
    notify.ready("still here")


def test_without_a_manager_nothing_happens():
    notify = Notify.from_environment({}, 7)
    notify.ready("nobody listens")
    notify.ping()
    notify.close()
