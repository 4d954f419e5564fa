"""`syncd backfill` as a real process: killed at random, beside the daemon, twice; the servers tell what came of it."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from syncd.demo.processes import Playground, ProcessError, wait_for
from syncd.demo.truth import PRESCRIBED, read_truth
from syncd.demo.world import Sandbox

OLD = 60
SLOWLY = "10"
"""Domain orders a second: all of them take six seconds, so the first run is killed on its way."""
TODAY = datetime.now(UTC).date()
PERIOD = ("--since", str(TODAY - timedelta(days=500)), "--until", str(TODAY))
SETTINGS = {'page_size = 5\noverlap = "2s"\npoll_interval': "poll_interval"}
"""A page on which every row is younger than the overlap is read again until one is not; here nothing commits late."""


@pytest.fixture
def sandbox(playground: Playground) -> Sandbox:
    """Old domain orders, older than the baseline, half of them with a work order that people made."""
    sandbox = playground.start_sandbox("--history", str(OLD))
    for new, old in SETTINGS.items():
        text = playground.config.read_text(encoding="utf-8")
        playground.config.write_text(text.replace(old, new), encoding="utf-8")
    assert playground.verb("state", "init", "--from", "now", "--history", "1d").returncode == 0
    return sandbox


def start(playground: Playground, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "syncd", "backfill", *PERIOD, *options]
    return playground._spawn("backfill", [*command, "--config", str(playground.config)])


def once(playground: Playground) -> None:
    for _ in range(3):
        assert playground.verb("once").returncode == 0


def made(sandbox: Sandbox) -> dict[str, Any]:
    """What each old domain order came to: the work orders that a rule made, and the notes that name them."""
    truth = read_truth(sandbox)
    return {
        subject.number: (
            sorted((truth.names[w["template"]], w["priority"], w["state"]) for w in subject.work_orders),
            sum("[syncd:1:created:" in note for note in subject.notes),
            sum("[syncd:1:status:" in note for note in subject.notes),
        )
        for subject in truth.subjects
    }


def differing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Where two worlds are not the same, for who has to find out why."""
    return [
        f"{number}: {one.get(number)}, not {other.get(number)}"
        for number in sorted({*one, *other})
        if one.get(number) != other.get(number)
    ]


def has_linked(playground: Playground) -> bool:
    """Whether a page has been stored: the first one holds domain orders with work orders that people made."""
    with closing(sqlite3.connect(f"file:{playground.folder / 'syncd.db'}?mode=ro", uri=True)) as state:
        return state.execute("SELECT count(*) FROM links").fetchone() != (0,)


def missing(sandbox: Sandbox) -> list[str]:
    """Old domain orders in progress that lack what the tables prescribe, or have too much."""
    truth = read_truth(sandbox)
    states = {row["sys_id"]: row["state_name"] for row in sandbox.report()["domain_orders"]}
    return [
        subject.number
        for subject in truth.subjects
        if subject.templates != (PRESCRIBED[subject.what] if states[subject.id] == "in_progress" else ())
    ]


def raise_priority(sandbox: Sandbox) -> None:
    """Somebody changes every old line."""
    for line in sandbox.report()["order_lines"]:
        table = "sn_ind_tmt_orm_order_line_item"
        sandbox.control(
            "POST", f"records/{table}/{line['sys_id']}", {"values": {"priority": "1"}, "system": "om"}
        )


def test_a_plan_writes_nothing_and_the_run_does_what_it_said(
    playground: Playground, sandbox: Sandbox
) -> None:
    before = sandbox.writes()
    planned = playground.verb("backfill", *PERIOD, "--plan", "--json")
    assert planned.returncode == 4, planned.stderr
    counts = json.loads(planned.stdout)["counts"]
    assert counts["create_work_order"] > 10
    assert playground.verb("backfill", *PERIOD, "--plan").stdout.count("create work order") > 10
    assert sandbox.writes() == before
    done = playground.verb("backfill", *PERIOD, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"] == counts
    assert sandbox.writes() == before
    once(playground)
    assert missing(sandbox) == []
    again = playground.verb("backfill", *PERIOD)
    assert (again.returncode, "is complete" in again.stdout) == (0, True)


def test_killed_at_random_beside_the_daemon_it_makes_the_same_world(
    playground: Playground, sandbox: Sandbox, make_other: Callable[[], tuple[Playground, Sandbox]]
) -> None:
    """Every line changes while the first run is between two pages: what was read and what is to come must both follow."""
    calm_ground, calm = make_other()
    raise_priority(calm)
    assert calm_ground.verb("backfill", *PERIOD).returncode == 0
    once(calm_ground)
    assert missing(calm) == []

    seed = random.SystemRandom().randrange(10**6)
    chance = random.Random(seed)
    daemon = playground.start_daemon()
    deaths = 0
    for number in range(6):
        process = start(playground, "--rate", SLOWLY)
        if number == 0:
            wait_for("its first page", lambda: has_linked(playground))
            raise_priority(sandbox)
        try:
            assert process.wait(chance.uniform(0.5, 2.5)) == 0
            break
        except subprocess.TimeoutExpired:
            playground.kill(process)
            deaths += 1
    told = f"seed {seed}, {deaths} deaths"
    rival = start(playground)
    assert start(playground).wait(120) in (0, 75), told
    assert rival.wait(120) in (0, 75), told
    assert start(playground).wait(120) == 0, told
    with suppress(ProcessError):  # what differs says more than the time that it took
        wait_for("the same world", lambda: made(sandbox) == made(calm), limit_s=90)
    different = differing(made(sandbox), made(calm))
    assert not different, "\n".join((told, *different))
    assert missing(sandbox) == [], told
    twice = Counter(row["correlation_id"] for row in read_truth(sandbox).work_orders if row["correlation_id"])
    assert max(twice.values()) == 1, told
    assert all(notes == 0 for *_, notes in made(sandbox).values()), told
    assert playground.stop(daemon) == 0


@pytest.fixture
def make_other(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Any:
    """Another world with the same past."""

    def make() -> tuple[Playground, Sandbox]:
        ground = Playground(tmp_path_factory.mktemp("calm"), poll="300ms")
        request.addfinalizer(ground.close)
        other = ground.start_sandbox("--history", str(OLD))
        assert ground.verb("state", "init", "--from", "now", "--history", "1d").returncode == 0
        return ground, other

    return make


def test_a_signal_ends_it_behind_its_page_and_it_goes_on(playground: Playground, sandbox: Sandbox) -> None:
    process = start(playground, "--rate", "1", "--name", "slow")
    wait_for("its first page", lambda: has_linked(playground))
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    assert '"outcome":"cut short"' in (playground.folder / "backfill.log").read_text(encoding="utf-8")
    done = playground.verb("backfill", *PERIOD, "--name", "slow", "--json")
    assert (done.returncode, json.loads(done.stdout)["read"]) == (0, OLD)


@pytest.mark.usefixtures("sandbox")
def test_what_is_asked_wrongly_is_told(playground: Playground) -> None:
    assert playground.verb("backfill", "--since", "2026-02-01", "--until", "2026-01-01").returncode == 2
    assert "2026-01-31" in playground.verb("backfill", "--since", "spring", "--until", "2026-01-01").stderr
    assert playground.verb("backfill", *PERIOD, "--name", "a b").returncode == 2
    assert playground.verb("backfill", *PERIOD, "--name", "x").returncode == 0
    other = playground.verb("backfill", "--since", "2026-01-01", "--until", "2026-02-01", "--name", "x")
    assert (other.returncode, "another --name" in other.stderr) == (2, True)


def test_a_system_that_is_away_ends_it_with_69_and_a_mass_change_with_4(
    playground: Playground, sandbox: Sandbox
) -> None:
    sandbox.control("POST", "faults", {"kind": "outage", "system": "fsm"})
    assert playground.verb("backfill", *PERIOD).returncode == 69
    sandbox.control("DELETE", "faults")
    with playground.config.open("a", encoding="utf-8") as config:
        config.write("\n[safety]\nfloor = 1\nshare = 0.0\n")
    stopped = playground.verb("backfill", *PERIOD, "--name", "all")
    assert stopped.returncode == 4
    assert "syncd safety allow backfill:all" in stopped.stdout
    said = ("--by", "A. Meier", "--reason", "as planned")
    assert playground.verb("safety", "allow", "backfill:all", *said).returncode == 0
    assert playground.verb("backfill", *PERIOD, "--name", "all").returncode == 0
    once(playground)
    assert missing(sandbox) == []
