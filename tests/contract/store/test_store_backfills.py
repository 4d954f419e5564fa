"""Contract of the store: how far a backfill came, and that what it intends waits for what is live."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mappings.model import Kind
from state.store import Backfill


@pytest.fixture
def wanted(clock):
    return Backfill(
        "spring", clock() - timedelta(days=9), clock(), Kind.DOMAIN_ORDER, clock() - timedelta(days=9)
    )


@pytest.fixture
def begun(store, wanted):
    with store.deciding() as tx:
        return tx.begin_backfill(wanted)


def stored(store, name="spring"):
    with store.history() as history:
        return history.backfill(name)


def test_a_backfill_begins_once_under_a_name(store, wanted, begun):
    assert begun == wanted
    with store.deciding() as tx:
        again = tx.begin_backfill(replace(wanted, since=wanted.until))
    assert again == wanted == stored(store)
    assert stored(store, "autumn") is None


def test_a_backfill_moves_from_where_it_stands(store, begun):
    further = replace(begun, stamp=begun.until, id="d7", skip=3, read=50, counts={"linked": 2})
    with store.deciding() as tx:
        assert tx.move_backfill(begun, further)
    assert stored(store) == further


def test_what_another_process_has_moved_is_not_moved_again(store, begun):
    with store.deciding() as tx:
        assert tx.move_backfill(begun, replace(begun, id="d7"))
        assert not tx.move_backfill(begun, replace(begun, id="d9"))
    assert stored(store).id == "d7"


def test_a_finished_backfill_does_not_move(store, begun, clock):
    with store.deciding() as tx:
        assert tx.move_backfill(begun, begun, finished=True)
        assert not tx.move_backfill(begun, replace(begun, id="d9"))
    assert stored(store).finished_at == clock()
    with store.history() as history:
        assert [one.name for one in history.backfills()] == ["spring"]


@pytest.mark.usefixtures("d1")
class TestBackground:
    @pytest.fixture
    def both(self, store, make):
        """A backfill intends something, then live does, for other orders."""
        with store.deciding() as tx, tx.in_background():
            tx.apply(make.decision(make.effect("old", subject="d2", target="w2"), subject="d2"))
        with store.deciding() as tx:
            tx.apply(make.decision(make.effect("new", subject="d3", target="w3"), subject="d3"))

    def test_what_is_live_goes_first(self, both, claim):
        assert list(claim(limit=1)) == ["new"]
        assert list(claim(limit=1)) == ["old"]

    def test_within_a_queue_birth_decides(self, store, make, claim):
        with store.deciding() as tx, tx.in_background():
            tx.apply(make.decision(make.effect("first")))
        with store.deciding() as tx:
            tx.apply(make.decision(make.effect("second")))
        assert list(claim()) == ["first"]
