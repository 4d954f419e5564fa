"""`syncd state` as real processes: an upgrade at the start, a move to another database."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from state import migrations
from state.schema import HEAD
from state.store import create_or_migrate
from syncd.demo.processes import Playground, wait_for
from syncd.demo.truth import read_truth
from syncd.demo.world import Sandbox
from tests.postgres import drop_database, make_database, postgres, url_of

__all__ = ["postgres"]
OLD = "0005"


def sql(path: Path, statement: str) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute(statement).fetchall()
        connection.commit()
    return found


def events(playground: Playground, name: str) -> list[dict[str, str]]:
    text = (playground.folder / "daemon.log").read_text(encoding="utf-8")
    lines = (json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines())
    return [line for line in lines if line["event"] == name]


@pytest.fixture
def state(playground: Playground) -> Path:
    return playground.folder / "syncd.db"


@pytest.fixture
def sandbox(playground: Playground) -> Sandbox:
    sandbox = playground.start_sandbox()
    assert playground.verb("state", "init", "--from", "now").returncode == 0
    return sandbox


def approve(sandbox: Sandbox) -> None:
    order = sandbox.control("POST", "orders", {"locations": ["Berlin Mitte"]})
    sandbox.control("POST", f"orders/{order['order']}/approve")


def test_a_start_migrates_an_older_state_and_keeps_a_copy(
    playground: Playground, sandbox: Sandbox, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {table: sql(state, f"SELECT * FROM {table}") for table in ("baseline", "identities")}
    state.unlink()
    with monkeypatch.context() as earlier:
        earlier.setattr(migrations, "HEAD", OLD)
        create_or_migrate(f"sqlite:///{state}")
    with closing(sqlite3.connect(state)) as connection:
        for table, rows in known.items():
            for row in rows:
                connection.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(row))})", row)
        connection.commit()
    assert playground.verb("status").returncode == 78
    again = playground.verb("state", "init", "--from", "now")
    assert (again.returncode, "syncd state migrate" in again.stderr) == (78, True)
    assert sql(state, "SELECT version_num FROM alembic_version") == [(OLD,)], "migrated without a copy"
    daemon = playground.start_daemon()
    (told,) = wait_for("the migration", lambda: events(playground, "state.migrated"))
    assert (told["found"], told["expected"]) == (OLD, HEAD)
    assert sql(state.with_name(told["file"]), "SELECT version_num FROM alembic_version") == [(OLD,)]
    approve(sandbox)
    wait_for(
        "the work orders", lambda: not read_truth(sandbox).problems() and read_truth(sandbox).work_orders
    )
    assert playground.stop(daemon) == 0


def test_a_newer_state_ends_with_78_and_the_way_out(
    playground: Playground, sandbox: Sandbox, state: Path
) -> None:
    copy = state.with_name("copy.db")
    shutil.copy(state, copy)
    sql(state, "UPDATE alembic_version SET version_num = '9999'")
    daemon = playground.start_daemon()
    assert daemon.wait(60) == 78
    assert "syncd state restore FILE" in (playground.folder / "daemon.log").read_text(encoding="utf-8")
    migrated = playground.verb("state", "migrate")
    assert (migrated.returncode, "install the newer syncd" in migrated.stderr) == (78, True)


def test_old_orders_are_pruned_and_nothing_follows_when_they_are_read_again(
    playground: Playground, sandbox: Sandbox, state: Path
) -> None:
    """What the sandbox calls history is over; a backfill has taken it in, and takes it in once more."""
    sandbox.control("POST", "history", {"domain_orders": 40})
    for row in sandbox.report()["work_orders"]:
        if not row["state_name"].startswith("closed"):
            sandbox.control("POST", f"work-orders/{row['sys_id']}/cancel", {"reason": "over"})
    today = datetime.now(UTC).date()
    period = ("--since", str(today - timedelta(days=500)), "--until", str(today))
    assert playground.verb("backfill", *period).returncode == 0
    for _ in range(3):
        assert playground.verb("once").returncode == 0
    full = sql(state, "SELECT count(*) FROM snapshots WHERE fields LIKE '{\"\":%'")
    told = playground.verb("state", "prune", "--older-than", "1s", "--dry-run")
    assert " would be given up, " in told.stdout, told.stderr
    assert sql(state, "SELECT count(*) FROM snapshots WHERE fields LIKE '{\"\":%'") == full
    done = playground.verb("state", "prune", "--older-than", "1s")
    assert done.returncode == 0, done.stderr
    assert done.stdout == told.stdout.replace(" would be given up, ", " were given up, ")
    assert not done.stdout.startswith("0 ")
    assert sql(state, "SELECT count(*) FROM snapshots WHERE fields LIKE '{\"\":%'") > full
    writes = sandbox.writes()
    assert playground.verb("backfill", *period, "--name", "again").returncode == 0
    assert playground.verb("sweep").returncode == 0
    assert playground.verb("once").returncode == 0
    assert sandbox.writes() == writes
    assert playground.verb("state", "verify").returncode == 0


@pytest.mark.postgres
def test_a_state_moves_to_postgresql_and_goes_on(
    playground: Playground, sandbox: Sandbox, state: Path, request: pytest.FixtureRequest
) -> None:
    server: str = request.getfixturevalue("postgres")
    daemon = playground.start_daemon()
    approve(sandbox)
    wait_for(
        "the work orders", lambda: not read_truth(sandbox).problems() and read_truth(sandbox).work_orders
    )
    name = make_database(server)
    target = url_of(server, name)
    try:
        assert playground.verb("state", "copy", "--to", target).returncode == 75
        assert playground.stop(daemon) == 0
        moved = playground.verb("state", "copy", "--to", target)
        assert moved.returncode == 0, moved.stderr
        assert "say the same" in moved.stdout
        again = playground.verb("state", "copy", "--to", target)
        assert (again.returncode, "is not empty" in again.stderr) == (78, True)
        text = playground.config.read_text(encoding="utf-8")
        playground.config.write_text(text.replace("sqlite:///syncd.db", target), encoding="utf-8")
        writes = sandbox.writes()
        daemon = playground.start_daemon()
        wait_for("a catch-up there", lambda: len(events(playground, "catch_up.finished")) == 2)
        assert sandbox.writes() == writes
        approve(sandbox)
        wait_for("more work orders", lambda: len(read_truth(sandbox).work_orders) == 8)
        wait_for("their notes", lambda: not read_truth(sandbox).problems())
        assert playground.stop(daemon) == 0
    finally:
        drop_database(server, name)
