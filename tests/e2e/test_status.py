"""`syncd status` beside a real daemon: what works, what is kept from working, and looking on."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from syncd.demo.processes import Playground, wait_for
from syncd.demo.world import Sandbox


@pytest.fixture
def sandbox(playground: Playground) -> Sandbox:
    started = playground.start_sandbox("--decomposition-delay-ms", "0")
    done = playground.verb("state", "init", "--from", "now")
    assert done.returncode == 0, done.stderr
    playground.start_daemon()
    log = playground.folder / "daemon.log"
    wait_for("the end of the catch-up", lambda: "catch_up.finished" in log.read_text("utf-8"), limit_s=60)
    return started


def status(playground: Playground) -> Any:
    done = playground.verb("status", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["schema_version"] == 1
    return found


def test_a_daemon_that_is_well(playground: Playground, sandbox: Sandbox) -> None:
    order = sandbox.control("POST", "orders", {"locations": ["Berlin Mitte"]})
    sandbox.control("POST", f"orders/{order['order']}/approve")
    done = {"kind": "create_work_order", "status": "done"}

    def created() -> Any:
        found = status(playground)
        return found if any(done.items() <= effect.items() for effect in found["effects"]) else None

    found = wait_for("a work order", created)
    assert {feed["feed"]: feed["waits_for"] for feed in found["feeds"]} == dict.fromkeys(
        ("customer_order", "domain_order", "order_line", "order_task", "work_order", "work_task")
    )
    assert all(feed["lag_s"] < 30 for feed in found["feeds"])
    assert {lane["lane"] for lane in found["lanes"] if lane["worked_at"]} == {"delivery"}
    text = playground.verb("status").stdout
    assert "feed            read up to            lag" in text


def test_a_system_that_is_away_and_comes_back(playground: Playground, sandbox: Sandbox) -> None:
    sandbox.control("POST", "faults", {"kind": "status", "status": 503, "system": "fsm"})

    def waits() -> dict[str, str]:
        feeds = status(playground)["feeds"]
        return {feed["feed"]: feed["waits_for"] for feed in feeds if feed["waits_for"]}

    found = wait_for("the outage", waits, limit_s=60)
    assert found.keys() == {"work_order", "work_task"}
    assert found["work_order"].startswith("field service: ")
    assert ", tried again 20" in found["work_order"]
    assert "kept from working" in playground.verb("status").stdout
    sandbox.control("DELETE", "faults")
    wait_for("the recovery", lambda: not waits(), limit_s=60)


def test_watching_writes_a_line_each_time_and_ends_well(playground: Playground, sandbox: Sandbox) -> None:
    command = [
        sys.executable,
        "-m",
        "syncd",
        "status",
        "--watch",
        "--every",
        "200ms",
        "-c",
        str(playground.config),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        lines = [watching.stdout.readline() for _ in range(2)]
        watching.send_signal(signal.SIGINT)
        assert watching.wait(60) == 0
    assert all("  lag " in line and "  waiting 0  " in line for line in lines)


def pieces(terminal: int) -> Iterator[bytes]:
    """What is written to a terminal, until nobody has it open on the other side."""
    with suppress(OSError):  # Linux says so by EIO
        while piece := os.read(terminal, 65_536):
            yield piece


def test_watching_on_a_terminal_draws_the_page_anew(playground: Playground, sandbox: Sandbox) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "syncd", "status", "--watch", "--every", "200ms"]
    with subprocess.Popen([*command, "-c", str(playground.config)], stdout=theirs) as watching:
        os.close(theirs)
        drawn = b""
        pages = pieces(ours)
        while drawn.count(b"syncd status at") < 2:
            drawn += next(pages)
        watching.send_signal(signal.SIGINT)
        drawn += b"".join(pages)  # nobody can leave a terminal that takes nothing any more
        assert watching.wait(60) == 0
    os.close(ours)
    assert b"\x1b[?1049h" in drawn  # a screen of its own, so that the shell's is back afterwards
    assert b"waits for" in drawn
