"""The daemon as a service: signals, the socket of the service manager, a reload that loses nothing, a watchdog that sees
what hangs. Real processes throughout."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from syncd.demo.processes import wait_for

TABLE = """\
[table]
name = "One for each"
applies_to = "domain_order"

[[rule]]
id = "each"
when = { action = "add" }
create = [ { template = "Fiber Installation" } ]
"""
WATCHDOG_S = 3.0


class Manager:
    """A service manager that listens on a socket of its own, all the time: what finds the queue full is lost."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.heard: list[dict[str, str]] = []
        """Everything that was said so far, oldest first."""
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while message := self._socket.recv(4096).decode():
            self.heard.append(dict(line.split("=", 1) for line in message.splitlines()))

    def said(self, name: str) -> list[str]:
        return [message[name] for message in list(self.heard) if name in message]

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Any:
    made = Manager(f"@syncd-test-{tmp_path.name}-{time.monotonic_ns()}")
    yield made
    made.close()


@pytest.fixture
def site(make_site: Any, manager: Manager, tmp_path: Path) -> Any:
    """A daemon under a service manager with a watchdog."""
    environ = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6))}
    return make_site(tmp_path, {}, environ=environ)


def change(site: Any, old: str, new: str) -> None:
    text = site.ground.config.read_text(encoding="utf-8")
    assert old in text
    site.ground.config.write_text(text.replace(old, new), encoding="utf-8")


def reload(site: Any, event: str = "config.reloaded") -> dict[str, Any]:
    """Asks for a reload and waits for what the daemon says about it."""
    before = len(site.events(event))
    site.daemon.send_signal(signal.SIGHUP)
    site.wait_for(event, lambda: len(site.events(event)) > before)
    told: dict[str, Any] = site.events(event)[-1]
    return told


def test_the_service_manager_hears_of_start_reload_and_stop(site: Any, manager: Manager) -> None:
    site.wait_for("READY", lambda: manager.said("READY"))
    assert "read" in manager.said("STATUS")[0]
    reload(site)
    site.wait_for("the second READY", lambda: len(manager.said("READY")) == 2)
    (since,) = manager.said("MONOTONIC_USEC")
    assert 0 < int(since) <= time.monotonic_ns() // 1000
    assert site.ground.stop(site.daemon) == 0
    wait_for("STOPPING", lambda: manager.said("STOPPING"))
    order = [name for said in manager.heard for name in ("READY", "RELOADING", "STOPPING") if name in said]
    assert order == ["READY", "RELOADING", "READY", "STOPPING"]


def test_the_status_names_a_system_that_fails(site: Any, manager: Manager) -> None:
    site.fault(system="fsm", kind="outage")
    site.wait_for("a status", lambda: "field_service fails (Busy)" in manager.said("STATUS")[-1])


def test_a_table_comes_into_force_without_a_restart(site: Any) -> None:
    started = site.events("daemon.started")[0]["config"]
    (site.ground.folder / "one.toml").write_text(TABLE, encoding="utf-8")
    change(site, "[work_order_fields]", '[tables]\ndomain_order = ["one.toml"]\n\n[work_order_fields]')
    told = reload(site)
    assert (told["config_from"], told["fields"]) == (started, ["tables.domain_order"])
    site.approve()
    site.wait_for(
        "its plan", lambda: "One for each" in {line["table"] for line in site.events("plan.pinned")}
    )
    with closing(sqlite3.connect(site.ground.folder / "syncd.db")) as state:
        rows = state.execute("SELECT DISTINCT config FROM ledger WHERE event = 'decided'").fetchall()
    assert rows == [(told["config"],)]


def test_a_config_with_problems_is_not_used_and_says_where(site: Any, manager: Manager) -> None:
    change(site, "[closure]", "[closure]\nfeild = 3")
    told = reload(site, "config.rejected")
    line = site.ground.config.read_text(encoding="utf-8").splitlines().index("feild = 3") + 1
    assert (
        f'config.toml:{line}:1: unknown key "feild" in [closure]; did you mean "field"?' in told["reason"][0]
    )
    site.wait_for("a status", lambda: "config rejected" in manager.said("STATUS")[-1])
    site.approve()
    site.wait_for("the daemon goes on", lambda: len(site.truth().work_orders) == 4)
    site.wait_for("its notes", lambda: not site.truth().problems())


def test_another_instance_is_not_reached_by_a_reload(site: Any) -> None:
    change(site, 'id = "fsm-sandbox"', 'id = "fsm-other"')
    told = reload(site, "config.rejected")
    assert '"id" in [field_service] cannot change by a reload' in told["reason"][0]


def test_a_reload_under_load_loses_nothing_and_doubles_nothing(site: Any, doubled: Any) -> None:
    text = site.ground.config.read_text(encoding="utf-8")
    for floor in range(100, 112):
        site.approve("Berlin Mitte", "Hamburg Altona")
        new = site.ground.folder / "new.toml"
        new.write_text(f"{text}[safety]\nfloor = {floor}\n", encoding="utf-8")
        new.replace(site.ground.config)  # as an editor does: nobody reads half a file
        site.daemon.send_signal(signal.SIGHUP)
    site.wait_for("every work order", lambda: len(site.truth().work_orders) >= 96, limit_s=60)
    site.wait_for("the truth", lambda: not site.truth().problems(), limit_s=60)
    assert len(site.truth().work_orders) == 12 * 2 * 4
    assert doubled(site.truth()) == []
    assert site.events("config.rejected") == []
    assert len(site.events("config.reloaded")) > 1


def test_usr1_writes_the_status_to_the_log(site: Any) -> None:
    site.daemon.send_signal(signal.SIGUSR1)
    site.wait_for("the status", lambda: site.events("daemon.reported"))
    (told,) = site.events("daemon.reported")
    assert set(told["lags"]) == {"order_management", "field_service"}
    assert (told["backlog"], told["parked"], told["down"]) == (0, 0, {})


def test_pings_stop_while_delivery_hangs(site: Any, manager: Manager) -> None:
    """Another process holds the state: the loop that delivers waits inside its transaction."""
    site.wait_for("pings", lambda: len(manager.said("WATCHDOG")) > 2)
    with closing(sqlite3.connect(site.ground.folder / "syncd.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(WATCHDOG_S)  # by then the loop has come to its transaction
        before = len(manager.said("WATCHDOG"))
        time.sleep(WATCHDOG_S * 1.5)
        late = len(manager.said("WATCHDOG")) - before
        other.execute("ROLLBACK")
    assert late == 0, "a hung loop was pinged for"
    before = len(manager.said("WATCHDOG"))
    site.wait_for("pings again", lambda: len(manager.said("WATCHDOG")) > before)


def test_what_the_watchdog_ends_says_where_it_stood(site: Any) -> None:
    """The interpreter tells where every thread stands without stopping any. One that runs meanwhile may make that fault, which
    no thread of a daemon that hangs does: then it is asked of another one."""
    for _ in range(5):
        site.rest()
        site.daemon.send_signal(signal.SIGABRT)
        code = site.daemon.wait(60)
        text = (site.ground.folder / "daemon.log").read_text(encoding="utf-8")
        told = text.rpartition("Fatal Python error: Aborted")[2]
        if code == -signal.SIGABRT and "Fatal Python error" not in told:
            break
        site.restart()
    assert code == -signal.SIGABRT
    assert "in _deliver" in told


def test_signals_during_the_start_end_nothing(make_site: Any, tmp_path: Path) -> None:
    """A reload that is asked for before the lanes run is carried out when they do."""
    site = make_site(tmp_path, {})
    site.ground.stop(site.daemon)
    site.restart()
    site.wait_for("its handlers", lambda: _catches_hup(site.daemon.pid))
    site.daemon.send_signal(signal.SIGHUP)
    site.wait_for("the reload", lambda: site.events("config.reloaded"))


def _catches_hup(pid: int) -> bool:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    caught = next(line for line in lines if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) & 1)


def test_health_and_metrics_of_a_daemon(make_site: Any, tmp_path: Path) -> None:
    more = '[listener]\naddress = "127.0.0.1:0"\nhealth = true\nmetrics = true\n'
    site = make_site(tmp_path, {}, more=more)
    (opened,) = site.events("listener.opened")
    site.approve()
    site.wait_for("the truth", lambda: len(site.truth().work_orders) == 4)

    def asked(path: str) -> str:
        with urlopen(f"http://{opened['address']}{path}", timeout=60) as answer:
            return str(answer.read().decode())

    assert '"well": true' in asked("/health")
    site.wait_for(
        "the count", lambda: 'syncd_effects_total{kind="create_work_order"} 4.0' in asked("/metrics")
    )
    assert 'syncd_request_seconds_count{code="200",system="order_management"}' in asked("/metrics")
    assert "syncd_state_up 1.0" in asked("/metrics")


def syncd(*words: str, path: str = "/nowhere") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "syncd", *words]
    environ = {**os.environ, "PATH": path}
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


def test_files_are_listed_and_written(tmp_path: Path) -> None:
    listed = [line.split()[0] for line in syncd("files", "list").stdout.splitlines()]
    done = syncd("files", "write", str(tmp_path))
    assert (done.returncode, done.stdout.count("wrote")) == (0, len(listed))
    assert f"{Path(sys.executable).parent}/syncd run" in (tmp_path / "syncd.service").read_text(
        encoding="utf-8"
    )


def test_ctl_without_systemd_says_so() -> None:
    done = syncd("ctl", "status")
    assert done.returncode == 1
    assert "ctl works where systemd runs the service" in done.stderr
