"""A stop ends the daemon in order and in time, whenever it comes, and a lane that hangs is not pinged for; each case is a process
of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest

LIFE = """
import os, signal, sys, threading
from contextlib import contextmanager
from types import SimpleNamespace
from mappings.model import System
from syncd import logs
from syncd.daemon import Daemon
from syncd.cycles import Cycles
from syncd.delivery import Drained
from syncd.figures import Figures
from syncd.intake import FEEDS, Pass
from syncd.notify import Notify
from syncd.pulse import Pulse
from state.store import Backlog

logs.configure(format="json")
case, never = sys.argv[1], threading.Event()

def say(text):
    os.write(1, text.encode() + b"\\n")  # whole lines, though several threads may speak

def feed(kind):
    if case == "feed hangs":
        say("ready")
    if case in ("feed hangs", "long pass"):
        never.wait()
    return Pass(kind, None)

def drain(stopping, turned, **_):
    if case == "delivery hangs":
        say("ready")
        never.wait()
    if case == "everything raises":
        raise RuntimeError("a defect")
    return Drained()

def answer_all():
    if case == "idle":
        say("ready")
    if case == "everything raises":
        tries.append(1)
        if len(tries) == 5:
            say("ready")
        raise RuntimeError("a defect")
    if case == "long pass":
        tries.append(1)
        if len(tries) == 5:
            say("ready")
    return 0, ()

tries = []

@contextmanager
def history():
    yield SimpleNamespace(last_sweep=lambda: None, baseline=lambda: None, stops=tuple)

store = SimpleNamespace(history=history, backlog=lambda: Backlog(0, 0, 0, 0, 0.0))
pulse = Pulse(lambda: float(sys.argv[2]))
# what hangs is waited for until the timeout; what only takes its time on a busy machine is not cut short by it
drain_timeout_s = 0.5 if case in ("feed hangs", "delivery hangs", "long pass") else 60
app = SimpleNamespace(
    store=store, pulse=pulse, cycles=Cycles(logs.get(), store, pulse),
    log=logs.get(), recover=lambda: 0, vitals=SimpleNamespace(keep=lambda: None),
    figures=lambda: Figures(page_size={}, poll_interval_s={system: 0.05 for system in System}, workers=1, lease_s=60,
                            drain_timeout_s=drain_timeout_s, longest_pause_s=60, sweep_every_s=3600),
    health=SimpleNamespace(pause_s=lambda *_: 0, worked=lambda *_: None, down=dict),
    intake=SimpleNamespace(feeds=lambda system: FEEDS[system], begin=feed, take_page=lambda current: False),
    delivery=SimpleNamespace(drain=drain),
    gate=SimpleNamespace(answer_all=answer_all), journals=SimpleNamespace(wanted=lambda: ()),
    budgets=SimpleNamespace(stop=lambda: None),
    turns=SimpleNamespace(take=lambda name: True, give_back=lambda: None),
    identities=SimpleNamespace(recognise=lambda system: None),
    catch_up=SimpleNamespace(
        lasts=lambda: False, is_turn_of=lambda system: True, wait_for_turn=lambda system: None,
        ask_time=lambda system: None, looked=lambda system: None, finish=lambda: True,
    ),
)
sys.exit(Daemon(app, notify=Notify.from_environment(os.environ, os.getpid())).run())
"""


HANGS_AFTER_S = 3.0
"""Longer than a busy machine keeps a lane from going on that does not hang."""


@pytest.fixture
def life():
    """Starts a daemon on fakes, stops it when it says so, and returns its exit code and log."""

    def run(case, number=signal.SIGTERM):
        with subprocess.Popen(
            [sys.executable, "-c", LIFE, case, "60"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            never_ready = threading.Timer(60, process.kill)
            never_ready.start()
            try:
                assert process.stdout.readline() == "ready\n"
                process.send_signal(number)
                _, log = process.communicate(timeout=60)
            finally:
                never_ready.cancel()
                process.kill()
        return process.returncode, log

    return run


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_daemon_ends_in_order(life, number):
    code, log = life("idle", number)
    assert code == 0
    assert f'"signal":"{number.name}"' in log.replace(" ", "")
    assert '"outcome":"drained"' in log.replace(" ", "")


@pytest.mark.parametrize("case", ["feed hangs", "delivery hangs"])
def test_a_server_that_does_not_answer_holds_a_stop_up_for_the_drain_timeout_at_most(life, case):
    code, log = life(case)
    assert code == 0
    assert '"outcome":"cutshort"' in log.replace(" ", "")


def test_a_defect_that_every_tick_meets_is_told_once(life):
    code, log = life("everything raises")
    assert code == 0
    assert log.count("gate.failed") == 1
    assert log.count("delivery.failed") == 1


def test_ticks_that_are_skipped_during_a_long_pass_are_no_warnings(life):
    """A pass takes longer than five intervals, which is usual in a catch-up."""
    _, log = life("long pass")
    assert "library.logged" not in log


def test_a_stop_during_the_start_ends_with_zero(tmp_path):
    """The config is still being read; nothing is in flight."""
    pipe = tmp_path / "config.toml"
    os.mkfifo(pipe)
    process = subprocess.Popen([sys.executable, "-m", "syncd", "run", "--config", str(pipe)])
    try:
        with pipe.open("w"):  # opens when the other side does
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("case", "lanes"),
    [
        pytest.param("feed hangs", ["intake field_service", "intake order_management"], id="intake"),
        pytest.param("delivery hangs", ["delivery"], id="delivery"),
    ],
)
def test_a_lane_that_hangs_is_told_once_and_not_pinged_for(tmp_path, case, lanes):
    """The service manager will end the process; until it does the other lanes go on."""
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(tmp_path / "notify"))
    manager.settimeout(0.1)
    environ = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "600000"}
    command = [sys.executable, "-c", LIFE, case, str(HANGS_AFTER_S)]
    told = tmp_path / "log"
    with (
        manager,
        told.open("wb") as log,
        subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=log) as life,
    ):
        try:
            assert life.stdout.readline() == b"ready\n"
            until(lambda: pings(manager))  # before, all was well
            until(lambda: len(hung(told)) >= len(lanes))
            pings(manager)  # what was sent before
            time.sleep(1.5)  # seven pings long
            assert not pings(manager)
        finally:
            life.kill()
    assert sorted(hung(told)) == lanes


def hung(log):
    """The lanes that are told to hang; whole lines only."""
    text = log.read_text()
    lines = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
    return [line["lane"] for line in lines if line["event"] == "lane.hung"]


def until(so, limit_s=60):
    end = time.monotonic() + limit_s
    while not so():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def pings(manager):
    """How many the manager has heard meanwhile: waits a moment for one, and not for the next."""
    heard = 0
    with suppress(TimeoutError, BlockingIOError):
        while True:
            heard += b"WATCHDOG=1" in manager.recv(4096)
    return heard
