"""Contract of the store: bodies and history are given up, on both databases, and what they came to stays."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mappings.changes import default_lifecycles
from mappings.effects import EffectKind
from mappings.model import EffectStatus, Kind, System
from mappings.retention import is_reduced
from state.store import Done, LedgerEntry, Overtaken

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
    def pruned(days=90, kind=Kind.CUSTOMER_ORDER, rehearsal=False):
        before = clock() - timedelta(days=days)
        ids = store.ended(kind, ENDED, before)
        return store.prune(kind, ids, ENDED, before, rehearsal=rehearsal)

    return pruned


def test_bodies_go_and_keys_stay(store, order, prune, make, intend, claim):
    done = prune()
    assert (done.orders, done.alone, done.records, done.effects) == (1, 0, 4, 1)
    assert done.entries >= 1
    assert done.size > 1500
    store.shrink()
    with store.history() as history:
        assert all(
            is_reduced(history.record(kind, id))
            for kind, id in ((Kind.CUSTOMER_ORDER, "o1"), (Kind.DOMAIN_ORDER, "d1"), (Kind.WORK_ORDER, "w1"))
        )
        assert history.effect("u") is None
    assert store.known(Kind.DOMAIN_ORDER, ["d1"]) == frozenset()
    assert prune().records == 0
    assert intend(make.effect("u")) == (), "what is done is not born again"
    assert claim() == {}


def test_how_many_effects_there_were_is_still_known(store, order, prune):
    with store.history() as history:
        assert (history.ended(["d1"]), history.ended_count()) == ({}, 0)
    prune()
    with store.history() as history:
        assert history.ended(["d1", "d2"]) == {(EffectKind.UPDATE_WORK_ORDER, EffectStatus.DONE): 1}
        assert history.ended(["d2"]) == {}
        assert history.ended_count() == 1


def test_what_a_record_belongs_to_is_still_known(store, order, prune):
    prune()
    with store.history() as history:
        assert [one.id for one in history.above("d1")] == ["l1", "o1"]
        assert history.above("o1") == ()


def test_what_was_written_is_still_known_by_its_marker(store, order, prune):
    before, marker = store.remembered("d1")[0], "[syncd:1:u]"
    prune()
    after = store.remembered("d1")[0]
    assert marker in before
    assert marker in after
    assert "[syncd:1:v]" not in after
    assert marker not in store.remembered("d2")[0], "another order's notes are its own"


def test_a_key_that_another_effect_had_clashes_still(store, order, prune, make):
    prune()
    with store.deciding() as tx:
        assert tx.apply(make.decision(make.effect("u", subject="d2"), subject="d2")) == ()
        assert tx.take_clashes() == ("u",)


def test_what_was_given_up_may_be_wanted_again_with_its_past(
    store, order, prune, make, intend, claim, settle, clock
):
    """Whether it may have been sent decides whether it is looked for before it is sent."""
    intend(make.effect("sent"))
    settle(claim()["sent"], Overtaken("held"))
    intend(make.effect("unsent"))
    intend(supersede=("unsent",))
    clock.move(100 * 86_400)
    assert prune().effects == 3
    with store.deciding() as tx:
        assert tx.apply(make.decision(make.effect("sent")), revive=False) == ()
    assert intend(make.effect("sent"), make.effect("unsent", system=System.ORDER_MANAGEMENT)) == ("sent",)
    assert intend(make.effect("unsent")) == ("unsent",)
    (sent,) = claim().values()
    assert (sent.effect.key, sent.probing, sent.attempt) == ("sent", True, 2)
    settle(sent, Done())
    assert [(one.effect.key, one.probing) for one in claim().values()] == [("unsent", False)]
    assert intend(make.effect("sent")) == ()


def test_the_newest_create_tells_still_whose_ids_are_kept(store, order, prune, make, intend, claim, settle):
    intend(make.effect("c", kind=EffectKind.CREATE_WORK_ORDER))
    settle(claim()["c"], Done())
    assert store.own_ids_kept() is True
    assert prune(days=-1).effects == 1
    assert store.own_ids_kept() is True


def test_a_rehearsal_says_the_same_and_changes_nothing(store, order, prune):
    told = prune(rehearsal=True)
    with store.history() as history:
        assert not is_reduced(history.record(Kind.CUSTOMER_ORDER, "o1"))
        assert history.effect("u") is not None
    assert told == prune()


def test_what_belongs_to_no_order_goes_too(store, order, prune):
    order(Kind.WORK_ORDER, "w9", "closed_complete", text="not ours")
    order(Kind.WORK_TASK, "t9", "closed_complete", work_order="w9", text="not ours")
    order(Kind.WORK_ORDER, "w8", "closed_complete", correlation_id="syncd:1:d8:fibre:1:1")
    order(Kind.WORK_ORDER, "w7", "assigned")
    done = prune(days=-1, kind=Kind.WORK_ORDER)
    assert (done.orders, done.alone, done.records) == (0, 1, 2)
    with store.history() as history:
        reduced = {id for id in ("w1", "w7", "w8", "w9") if is_reduced(history.record(Kind.WORK_ORDER, id))}
    assert reduced == {"w9"}, "not one of an order, nor one that is open or waits for its order"


def test_a_record_is_at_rest_while_it_says_the_same(store, order, prune):
    from dataclasses import replace

    with store.history() as history:
        record = history.record(Kind.DOMAIN_ORDER, "d1")
    assert store.at_rest([record]) == frozenset()
    assert store.bodies({record.kind: [record.id]}) == {(record.kind, record.id): True}
    prune()
    assert store.bodies({record.kind: [record.id]}) == {(record.kind, record.id): False}
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


def test_a_work_order_of_another_order_too_stays_whole_until_that_goes(store, order, prune, make):
    order(Kind.CUSTOMER_ORDER, "o2", "in_progress")
    order(Kind.DOMAIN_ORDER, "d2", "closed_complete", order="o2")
    with store.deciding() as tx:
        tx.link(make.link("d2", "w1"))
    assert prune(days=-1).records == 3
    with store.history() as history:
        assert not is_reduced(history.record(Kind.WORK_ORDER, "w1"))
    order(Kind.CUSTOMER_ORDER, "o2", "completed")
    assert prune(days=-1).records == 3
    with store.history() as history:
        assert is_reduced(history.record(Kind.WORK_ORDER, "w1"))


def test_orders_are_taken_in_turns(store, order, clock):
    order(Kind.CUSTOMER_ORDER, "o2", "completed")
    later = clock() + timedelta(days=1)
    assert store.ended(Kind.CUSTOMER_ORDER, ENDED, later, limit=1) == ["o1"]
    assert store.ended(Kind.CUSTOMER_ORDER, ENDED, later, after="o1", limit=1) == ["o2"]
    assert store.ended(Kind.CUSTOMER_ORDER, ENDED, clock() - timedelta(days=200)) == []
