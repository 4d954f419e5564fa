"""Contract of the store: a whole state moves into another database, whichever of the two it is, and goes on there."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine, text

from mappings.model import Kind
from state.schema import concluded, metadata
from state.store import LedgerEntry, Parked, StateError, StateLocked, Store, copy_state, run_lock
from tests.postgres import drop_database, make_database, url_of


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def target(request, tmp_path):
    """An empty place of either kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'target.db'}"
        return
    server = request.getfixturevalue("postgres")
    name = make_database(server)
    yield url_of(server, name)
    drop_database(server, name)


@pytest.fixture
def full(store, url, make, intend, claim, settle, d1, clock):
    """A state in which something of most kinds is."""
    intend(make.effect("a", values={"text": "Grüße\n\u0000"}), make.effect("b", subject="d1"))
    settle(claim()["a"], Parked("refused"))
    with store.deciding() as tx:
        tx.record(make.record(Kind.WORK_ORDER, "w1", version=7, text="ß"))
        tx.link(make.link())
        tx.remember(LedgerEntry("seen", subject="d1", data={"changes": ["x"], "n": 1}))
        tx.quarantine(Kind.DOMAIN_ORDER.system, Kind.DOMAIN_ORDER, "d9", clock(), "state", "bad \ud800", "{}")
    store.take_lease("gate", "somebody", 60)
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    kept = {"key": b"\x00\xff", "subject": b"s", "what": b"w", "done": True, "attempts": 0}
    with engine.begin() as connection:
        connection.execute(concluded.insert(), kept)
    engine.dispose()
    return store


def rows(url):
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        found = {
            table.name: sorted(repr(tuple(row)) for row in connection.execute(table.select()))
            for table in metadata.sorted_tables
        }
    engine.dispose()
    return found


def test_everything_arrives_but_the_leases(full, url, target):
    counts = copy_state(url, target)
    before, after = rows(url), rows(target)
    assert (before.pop("leases"), after.pop("leases")) != ([], [])
    assert after == before
    assert (counts["outbox"], counts["concluded"]) == (2, 1)
    assert counts["ledger"] > 0


def test_what_was_copied_goes_on(full, url, target, make, clock):
    """Ids that the source gave out are not given out again, the deleted ones neither."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        last = connection.scalar(text("SELECT max(id) FROM outbox"))
        connection.execute(text("DELETE FROM outbox WHERE id = :last"), {"last": last})
    engine.dispose()
    copy_state(url, target)
    store = Store(target, clock, "run-2", database_clock=False)
    with store.deciding() as tx:
        assert tx.apply(make.decision(make.effect("c"))) == ("c",)
        tx.remember(LedgerEntry("seen", subject="d1"))
    store.close()
    engine = create_engine(target.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT id FROM outbox WHERE key = 'c'")) > last
    engine.dispose()


def test_only_an_empty_database_is_a_target(full, url, target):
    copy_state(url, target)
    with pytest.raises(StateError, match="is not empty"):
        copy_state(url, target)
    with pytest.raises(StateError, match="is the state itself"):
        copy_state(url, url)


def test_nothing_is_copied_while_a_daemon_runs(full, url, target):
    with run_lock(url), pytest.raises(StateLocked):
        copy_state(url, target)
