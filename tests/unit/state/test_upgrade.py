"""An older state is migrated after a copy of it was kept; a newer one is refused with the way out."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from state import migrations
from state.schema import HEAD
from state.store import StateError, StateNewer, Store, create_or_migrate, upgrade

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
OLD = "0004"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "syncd.db"


@pytest.fixture
def url(path):
    return f"sqlite:///{path}"


@pytest.fixture
def old(url, monkeypatch):
    """A state of the first release that had a sweep."""
    with monkeypatch.context() as earlier:
        earlier.setattr(migrations, "HEAD", OLD)
        create_or_migrate(url)
    return url


def revision_of(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]


def test_an_older_state_is_kept_and_then_migrated(old, path):
    done = upgrade(old, NOON)
    assert (done.found, done.now) == (OLD, HEAD)
    kept = path.with_name(done.kept)
    assert kept.name == f"syncd.db.revision-{OLD}-20260601T120000Z"
    assert (revision_of(kept), revision_of(path)) == (OLD, HEAD)
    assert kept.stat().st_mode & 0o777 == 0o600
    Store(old, lambda: NOON).close()


def test_a_state_that_is_up_to_date_or_not_there_is_left_alone(url, path):
    assert upgrade(url, NOON) is None
    assert not path.exists()
    create_or_migrate(url)
    assert upgrade(url, NOON) is None
    assert [one.name for one in path.parent.glob("*revision*")] == []


def test_without_room_for_a_copy_nothing_is_migrated(old, path):
    path.with_name(f"syncd.db.revision-{OLD}-20260601T120000Z").write_text("taken")
    with pytest.raises(StateError, match="is there already"):
        upgrade(old, NOON)
    assert revision_of(path) == OLD


def test_a_newer_state_is_refused_with_the_way_out(url, path):
    create_or_migrate(url)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(StateNewer, match="install the newer syncd again, or put back the copy"):
        upgrade(url, NOON)
