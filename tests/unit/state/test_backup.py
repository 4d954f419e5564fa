"""A copy of a state, one put back, and what is wrong with a state."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from mappings.model import System
from state.backup import INVARIANTS, backup, restore, verify
from state.store import (
    Baseline,
    Identity,
    StateError,
    StateLocked,
    StateMissing,
    Store,
    create_or_migrate,
    run_lock,
)

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def url(tmp_path):
    url = f"sqlite:///{tmp_path / 'syncd.db'}"
    create_or_migrate(url)
    store = Store(url, lambda: NOON)
    identities = {system: Identity(system, "x", "http://127.0.0.1") for system in System}
    store.initialise(Baseline(NOON, NOON), identities, {"domain_order": NOON})
    store.close()
    return url


def feeds(url):
    store = Store(url, lambda: NOON)
    try:
        return [mark.feed for mark in store.summary().feeds]
    finally:
        store.close()


def advance(url, feed):
    store = Store(url, lambda: NOON)
    with store.deciding() as tx:
        tx.advance(feed, NOON, "")
    store.close()


def test_a_copy_holds_what_stood_when_it_was_made(url, tmp_path):
    copy = tmp_path / "copy.db"
    advance(url, "work_order")
    backup(url, copy)
    advance(url, "work_task")
    assert feeds(f"sqlite:///{copy}") == ["domain_order", "work_order"]
    assert copy.stat().st_mode & 0o777 == 0o600


def test_a_copy_is_made_beside_a_daemon(url, tmp_path):
    with run_lock(url):
        backup(url, tmp_path / "copy.db")


def test_a_copy_overwrites_nothing(url, tmp_path):
    (tmp_path / "copy.db").write_text("mine")
    with pytest.raises(StateError, match=r"copy\.db is there already"):
        backup(url, tmp_path / "copy.db")


def test_a_state_on_postgresql_names_its_own_tool(tmp_path):
    with pytest.raises(StateError, match="pg_dump"):
        backup("postgresql://nobody@127.0.0.1/none", tmp_path / "copy.db")


def test_a_restore_puts_the_copy_back_and_keeps_what_it_replaced(url, tmp_path):
    backup(url, tmp_path / "copy.db")
    advance(url, "work_order")
    kept = restore(url, tmp_path / "copy.db", NOON)
    assert kept == "syncd.db.replaced-20260601T120000Z"
    assert feeds(url) == ["domain_order"]
    assert feeds(f"sqlite:///{tmp_path / kept}") == ["domain_order", "work_order"]


def test_a_restore_where_nothing_was_left_keeps_nothing(url, tmp_path):
    backup(url, tmp_path / "copy.db")
    for file in tmp_path.glob("syncd.db*"):
        file.unlink()
    assert restore(url, tmp_path / "copy.db", NOON) == ""
    assert feeds(url) == ["domain_order"]


def overwritten(data, first):
    """The file with every seventh byte from the page `first` on replaced by one that no text holds."""
    return bytes(0xA3 if at >= first * 4096 and at % 7 == 0 else byte for at, byte in enumerate(data))


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: b"not a database" * 400, id="no database"),
        pytest.param(lambda data: overwritten(data, 1), id="a schema that cannot be read"),
        pytest.param(lambda data: data[: len(data) // 2], id="cut short"),
    ],
)
def test_a_damaged_state_is_kept_and_the_copy_put_back(url, tmp_path, damage):
    """That is when a person needs a restore."""
    backup(url, tmp_path / "copy.db")
    file = tmp_path / "syncd.db"
    broken = damage(file.read_bytes())
    file.write_bytes(broken)
    (tmp_path / "syncd.db-wal").write_bytes(b"of the damaged one")
    kept = restore(url, tmp_path / "copy.db", NOON)
    assert feeds(url) == ["domain_order"]
    assert verify(url) == []
    assert (tmp_path / kept).stat().st_size == len(broken)


@pytest.mark.parametrize("ask", [feeds, verify], ids=["status", "verify"])
def test_a_damaged_state_names_the_restore(url, tmp_path, ask):
    file = tmp_path / "syncd.db"
    file.write_bytes(overwritten(file.read_bytes(), 1))
    with pytest.raises(StateError, match=r"syncd\.db is damaged .*: syncd state restore FILE"):
        ask(url)


def test_a_copy_of_nothing_names_the_state_and_not_the_copy(tmp_path):
    with pytest.raises(StateMissing, match=r"no state file syncd\.db"):
        backup(f"sqlite:///{tmp_path}/syncd.db", tmp_path / "copy.db")
    (tmp_path / "syncd.db").write_text("garbage" * 900)
    with pytest.raises(StateError, match=r"^syncd\.db is not a SQLite database"):
        backup(f"sqlite:///{tmp_path}/syncd.db", tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def test_a_restore_under_a_running_daemon_is_refused(url, tmp_path):
    backup(url, tmp_path / "copy.db")
    with run_lock(url), pytest.raises(StateLocked):
        restore(url, tmp_path / "copy.db", NOON)


@pytest.mark.parametrize("content", [b"not a database, whatever its name says", None], ids=["text", "empty"])
def test_only_a_state_is_put_back(url, tmp_path, content):
    other = tmp_path / "other.db"
    if content is None:
        with closing(sqlite3.connect(other)) as connection:
            connection.execute("CREATE TABLE t (x)")
    else:
        other.write_bytes(content)
    with pytest.raises(StateError, match=r"other\.db"):
        restore(url, other, NOON)
    assert feeds(url) == ["domain_order"]


def test_a_file_that_is_not_there_is_named(url, tmp_path):
    with pytest.raises(StateMissing, match=r"gone\.db"):
        restore(url, tmp_path / "gone.db", NOON)


def test_a_sound_state_has_no_problems(url):
    assert verify(url) == []


BROKEN = {
    "there is no baseline": "DELETE FROM baseline",
    "a system without identity": "DELETE FROM identities WHERE system = 'field_service'",
    "several work orders of one slot and generation": (
        "INSERT INTO links SELECT 'do1', 'wo' || value, 'created', 'r', 1, 1, 0, '' FROM json_each('[1, 2]')"
    ),
    "a link of an unknown domain order": "INSERT INTO links VALUES ('do1', 'wo1', 'created', 'r', 1, 1, 0, '')",
    "a finished create without its link": "{effect} 'create_work_order', 'done', '', '', 'x')",
    "an effect of an unknown domain order": "{effect} 'write_note', 'pending', '', NULL, NULL)",
    "an effect in a state that does not exist": "{effect} 'write_note', 'odd', '', NULL, NULL)",
    "an effect in flight without owner or lease": "{effect} 'write_note', 'in_flight', '', NULL, NULL)",
    "an effect at rest without the time of it": "{effect} 'write_note', 'superseded', '', NULL, NULL)",
}
EFFECT = (
    "INSERT INTO outbox (key, priority, subject, system, target, moved_at, effect, because, attempts, fence, born_at,"
    " reason, kind, status, owner, lease_until, settled_at) VALUES ('k', 1, 'do1', 's', 't', '', '{}', '', 0, 0, '', '',"
)


@pytest.mark.parametrize("meaning", INVARIANTS)
def test_what_is_broken_is_named(url, tmp_path, meaning):
    with closing(sqlite3.connect(tmp_path / "syncd.db")) as connection:
        connection.execute(BROKEN[meaning].replace("{effect}", EFFECT))
        connection.commit()
    assert meaning in {problem.partition(": ")[0] for problem in verify(url)}
