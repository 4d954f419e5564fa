"""SQLite as the state uses it, URLs, and what the errors say."""

import os
import sqlite3
import stat
from datetime import UTC, datetime

import pytest

from mappings.model import Kind
from state.engine import Database, parse_url
from state.store import StateError, StateLocked, StateMissing, Store, create_or_migrate, run_lock


def now():
    return datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def umask():
    """The usual one, under which a new file is readable by everybody."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "syncd.db"
    create_or_migrate(f"sqlite:///{path}")
    return path


def modes(directory):
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}


class TestFiles:
    def test_all_files_are_private_while_the_state_is_open(self, file, tmp_path):
        store = Store(f"sqlite:///{file}", now)
        with store.deciding() as transaction, run_lock(f"sqlite:///{file}"):
            transaction.advance("work_order", now(), "")
            assert modes(tmp_path) == dict.fromkeys(
                ["syncd.db", "syncd.db-wal", "syncd.db-shm", "syncd.db.lock"], 0o600
            )
        store.close()

    def test_a_file_that_was_copied_in_is_tightened(self, file):
        file.chmod(0o644)
        Store(f"sqlite:///{file}", now).close()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_opening_never_creates_a_file(self, tmp_path):
        with pytest.raises(StateMissing):
            Store(f"sqlite:///{tmp_path}/syncd.db", now)
        assert list(tmp_path.iterdir()) == []

    def test_a_file_that_vanished_is_not_replaced_by_an_empty_one(self, file, tmp_path):
        database = Database(f"sqlite:///{file}")
        file.unlink()
        with pytest.raises(StateError), database.reading():
            pass
        database.close()
        assert not file.exists()

    def test_a_path_with_spaces_and_signs_is_one_path(self, tmp_path):
        home = tmp_path / "a b#é"
        home.mkdir()
        create_or_migrate(f"sqlite:///{home}/s.db")
        Store(f"sqlite:///{home}/s.db", now).close()
        assert [path.name for path in tmp_path.iterdir()] == [home.name]


class TestDurability:
    @pytest.mark.parametrize(
        ("pragma", "value"),
        [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 10_000)],
    )
    def test_each_connection_is_durable_and_patient(self, file, pragma, value):
        database = Database(f"sqlite:///{file}")
        with database.reading() as connection:
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value
        database.close()

    def test_a_deciding_transaction_holds_the_write_lock_before_its_first_read(self, file):
        store = Store(f"sqlite:///{file}", now)
        other = sqlite3.connect(file, timeout=0, isolation_level=None)
        with store.deciding(), pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.execute("BEGIN IMMEDIATE")
        other.close()
        store.close()

    def test_a_transaction_is_one_transaction(self, file):
        """The driver of the standard library commits and begins behind one's back unless it is told not to."""
        store = Store(f"sqlite:///{file}", now)
        other = sqlite3.connect(file, timeout=0)
        with store.deciding() as transaction:
            transaction.advance("work_order", now(), "")
            assert other.execute("SELECT count(*) FROM watermarks").fetchone() == (0,)
        assert other.execute("SELECT count(*) FROM watermarks").fetchone() == (1,)
        other.close()
        store.close()


class TestUrls:
    @pytest.mark.parametrize(
        "url", ["", "syncd.db", "sqlite://", "sqlite:///:memory:", "mysql://localhost/syncd"]
    )
    def test_what_is_no_state_is_refused_with_an_example(self, url):
        with pytest.raises(StateError, match=r"write sqlite:////var/lib/syncd/syncd.db or postgresql://"):
            parse_url(url)

    @pytest.mark.parametrize(
        ("url", "driver"),
        [
            ("sqlite:////var/lib/syncd/syncd.db", "sqlite+pysqlite"),
            ("postgresql://localhost/syncd", "postgresql+psycopg"),
            ("postgresql+asyncpg://localhost/syncd", "postgresql+psycopg"),
        ],
    )
    def test_the_driver_is_ours(self, url, driver):
        assert parse_url(url).drivername == driver


class TestErrors:
    def test_a_file_that_is_no_database(self, tmp_path):
        path = tmp_path / "syncd.db"
        path.write_text("a letter, not a database, and long enough to have a header" * 20)
        with pytest.raises(
            StateError, match=r"syncd\.db is not a SQLite database; .*: syncd state restore FILE"
        ):
            Store(f"sqlite:///{path}", now)

    def test_a_directory_that_is_not_there_is_named_without_its_path(self, tmp_path):
        with pytest.raises(
            StateError, match=r"the state file syncd\.db cannot be opened: No such file"
        ) as caught:
            create_or_migrate(f"sqlite:///{tmp_path}/absent/syncd.db")
        assert str(tmp_path) not in str(caught.value)
        with (
            pytest.raises(StateError, match="the lock file"),
            run_lock(f"sqlite:///{tmp_path}/absent/syncd.db"),
        ):
            pass

    def test_an_error_of_the_database_carries_no_values(self, file):
        database = Database(f"sqlite:///{file}")
        with (
            pytest.raises(StateError, match="UNIQUE constraint failed") as caught,
            database.deciding() as connection,
        ):
            for _ in range(2):
                connection.exec_driver_sql(
                    "INSERT INTO identities (system, id, url) VALUES ('om', ?, '')", ("secret",)
                )
        assert "secret" not in str(caught.value)
        database.close()

    def test_a_server_that_is_not_there(self):
        with pytest.raises(StateError, match="the state syncd failed"):
            Store("postgresql://user:hush@127.0.0.1:1/syncd", now)
        with pytest.raises(StateError) as caught:
            Store("postgresql://user:hush@127.0.0.1:1/syncd", now)
        assert "hush" not in str(caught.value)

    def test_a_writer_that_holds_on_too_long(self, file):
        store = Store(f"sqlite:///{file}", now)
        with store._database.reading() as connection:  # the pool's only connection, without its patience
            connection.exec_driver_sql("PRAGMA busy_timeout = 0")
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateLocked, match=r"syncd\.db is busy"), store.deciding() as transaction:
            transaction.snapshot(Kind.WORK_ORDER, "w1")
        other.close()
        store.close()
