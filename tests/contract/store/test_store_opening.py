"""Contract of the store: what is found when a state is opened, and how it is created and brought up to date."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, text

from state.schema import HEAD, metadata
from state.store import StateMissing, StateNewer, StateOutdated, Store, create_or_migrate


@pytest.fixture
def database(url):
    """A plain connection to the migrated state."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def at_revision(url):
    """Makes the state claim another revision, for the time of a test."""

    def claim(revision):
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        with engine.begin() as connection:
            connection.execute(
                text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision}
            )
        engine.dispose()

    yield claim
    claim(HEAD)


def test_a_state_that_was_never_created_is_missing(empty_url, clock):
    with pytest.raises(StateMissing, match="run `syncd state init"):
        Store(empty_url, clock)


def test_a_created_state_opens_and_is_empty(empty_url, clock):
    create_or_migrate(empty_url)
    store = Store(empty_url, clock)
    assert store.baseline() is None
    assert store.summary().effects == {}
    store.close()


def test_creating_again_changes_nothing(store, url, clock):
    create_or_migrate(url)
    assert store.baseline().at == clock()


def test_an_older_state_names_the_command_that_brings_it_up_to_date(url, clock, at_revision):
    at_revision("0000")
    with pytest.raises(
        StateOutdated, match=f"at revision 0000, this syncd needs {HEAD}; run `syncd state migrate`"
    ):
        Store(url, clock)


@pytest.mark.parametrize("revision", ["9999", "other"])
def test_a_newer_state_is_neither_opened_nor_migrated(url, clock, at_revision, revision):
    at_revision(revision)
    with pytest.raises(StateNewer, match=f"at revision {revision}"):
        Store(url, clock)
    with pytest.raises(StateNewer, match="install the newer syncd"):
        create_or_migrate(url)


def test_the_migrations_build_the_tables_that_the_code_describes(database):
    context = MigrationContext.configure(database, opts={"compare_type": True})
    assert compare_metadata(context, metadata) == []


def test_the_decider_row_is_there(database):
    assert database.scalar(text("SELECT count(*) FROM decider WHERE id = 1")) == 1
