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
