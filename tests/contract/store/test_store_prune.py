"""Contract of the store: bodies and history are given up, on both databases, and what they came to stays."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mappings.changes import default_lifecycles
from mappings.model import Kind
from mappings.retention import is_reduced
from state.store import Done, LedgerEntry

ENDED = {kind: frozenset(default_lifecycles()[kind].ended) for kind in Kind}


@pytest.fixture
def order(store, make, intend, claim, settle, clock):
    """A closed order with a line, a domain order, and a done effect."""
    from dataclasses import replace

    def put(kind, id, state, **fields):
        with store.deciding() as tx:
            tx.record(replace(make.record(kind, id, **fields), state=state))

    put(Kind.CUSTOMER_ORDER, "o1", "completed", account="acme")
    put(Kind.ORDER_LINE, "l1", "completed", order="o1")
    put(Kind.DOMAIN_ORDER, "d1", "closed_complete", order="o1", order_line="l1", text="x" * 500)
    put(Kind.WORK_ORDER, "w1", "closed_complete", text="y" * 500)
    with store.deciding() as tx:
        tx.link(make.link())
        tx.remember(LedgerEntry("seen", subject="d1", data={"long": "z" * 500}))
    intend(make.effect("u", values={"priority": "1"}, marker="[syncd:1:u]", text="a note"))
    settle(claim()["u"], Done())
    clock.move(100 * 86_400)
    return put


@pytest.fixture
def prune(store, clock):
    def pruned(days=90, **options):
        return store.prune(ENDED, clock() - timedelta(days=days), **options)

    return pruned


def test_bodies_go_and_keys_stay(store, order, prune):
    done = prune()
    assert (done.orders, done.records, done.effects) == (1, 4, 1)
    assert done.entries >= 1
    store.shrink()
    with store.history() as history:
        assert all(
            is_reduced(history.record(kind, id))
            for kind, id in ((Kind.CUSTOMER_ORDER, "o1"), (Kind.DOMAIN_ORDER, "d1"), (Kind.WORK_ORDER, "w1"))
        )
        assert history.effect("u").effect.values == {}
    assert store.remembered("d1") == {"[syncd:1:u]"}
    assert store.known(Kind.DOMAIN_ORDER, ["d1"]) == frozenset()
    assert (prune().orders, prune().last) == (0, "")


def test_a_record_is_at_rest_while_it_says_the_same(store, order, prune):
    from dataclasses import replace

    with store.history() as history:
        record = history.record(Kind.DOMAIN_ORDER, "d1")
    assert store.at_rest([record]) == frozenset()
    prune()
    assert store.at_rest([record]) == {(Kind.DOMAIN_ORDER, "d1")}
    assert store.at_rest([replace(record, version=9)]) == frozenset()


def test_a_body_comes_back(store, order, prune):
    with store.history() as history:
        record = history.record(Kind.CUSTOMER_ORDER, "o1")
    prune()
    with store.deciding() as tx:
        tx.restore(record)
        assert tx.snapshot(Kind.CUSTOMER_ORDER, "o1") == record
    assert store.known(Kind.CUSTOMER_ORDER, ["o1"]) == {"o1"}


def test_what_is_on_its_way_keeps_its_order(store, order, prune, make, intend):
    intend(make.effect("later"))
    assert prune().orders == 0


def test_a_work_order_of_another_order_too_stays_whole(store, order, prune, make):
    with store.deciding() as tx:
        tx.link(make.link("d2", "w1"))
    assert prune().records == 3
    with store.history() as history:
        assert not is_reduced(history.record(Kind.WORK_ORDER, "w1"))


def test_orders_are_taken_in_turns(store, order, prune):
    order(Kind.CUSTOMER_ORDER, "o2", "completed")
    first = prune(days=-1, limit=1)
    assert (first.orders, first.last) == (1, "o1")
    assert prune(days=-1, limit=1, after=first.last).last == "o2"
