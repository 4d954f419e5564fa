"""What the sweep and the safety stop remember: runs, records not found, links let go, lanes that wait for a person."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings.effects import EffectKind
from mappings.model import Kind, Plan, PlannedWorkOrder, System
from state.outbox import SHOWN_TRIES
from state.store import Overtaken, VanishedLink


@pytest.fixture
def sweep(store):
    """Numbers a run of the sweep."""

    def begun():
        with store.deciding() as tx:
            return tx.begin_sweep()

    return begun


@pytest.fixture
def vanished(store, make, sweep):
    """w1, linked to d1 and not found by two sweeps."""
    with store.deciding() as tx:
        tx.record(make.record(Kind.DOMAIN_ORDER, "d1"))
        tx.record(make.record(Kind.WORK_ORDER, "w1"))
        tx.link(make.link())
    for _ in range(2):
        number = sweep()
        with store.deciding() as tx:
            tx.missed(Kind.WORK_ORDER, ["w1"], number)
    with store.history() as history:
        (found,) = history.vanished_links()
    return found


class TestSweeps:
    def test_runs_are_numbered_and_only_a_finished_one_counts(self, store, sweep):
        first, second = sweep(), sweep()
        assert second == first + 1
        with store.deciding() as tx:
            tx.finish_sweep(first)
        with store.history() as history:
            assert history.last_sweep().number == first

    def test_what_one_sweep_misses_twice_has_not_vanished(self, store, sweep):
        number = sweep()
        with store.deciding() as tx:
            assert tx.missed(Kind.WORK_ORDER, ["w1"], number) == (["w1"], [])
            assert tx.missed(Kind.WORK_ORDER, ["w1"], number) == ([], [])

    def test_what_two_sweeps_miss_has_vanished_once(self, store, sweep):
        found = []
        for _ in range(3):
            number = sweep()
            with store.deciding() as tx:
                found.append(tx.missed(Kind.WORK_ORDER, ["w1", "w2"], number))
        news = [(sorted(first), sorted(second)) for first, second in found]
        assert news == [(["w1", "w2"], []), ([], ["w1", "w2"]), ([], [])]

    def test_what_is_found_between_two_misses_has_not_vanished(self, store, sweep):
        with store.deciding() as tx:
            tx.missed(Kind.WORK_ORDER, ["w1"], tx.begin_sweep())
        with store.deciding() as tx:
            assert tx.found(Kind.WORK_ORDER, ["w1"]) == []
        with store.deciding() as tx:
            assert tx.missed(Kind.WORK_ORDER, ["w1"], tx.begin_sweep()) == (["w1"], [])

    def test_what_is_back_after_it_had_vanished_is_said(self, store, vanished):
        with store.deciding() as tx:
            assert tx.found(Kind.WORK_ORDER, ["w1"]) == ["w1"]
        with store.history() as history:
            assert history.vanished_links() == ()

    def test_open_records_are_walked_by_id(self, store, make):
        with store.deciding() as tx:
            for id in ("a", "b", "c", "d"):
                tx.record(make.record(Kind.DOMAIN_ORDER, id))
            tx.record(replace(make.record(Kind.DOMAIN_ORDER, "e"), state="closed"))
        with store.history() as history:
            assert history.open_ids(Kind.DOMAIN_ORDER, "a", "c", {"closed"}) == ["b", "c"]
            assert history.open_ids(Kind.DOMAIN_ORDER, "b", "", {"closed"}) == ["c", "d"]
            assert history.open_ids(Kind.DOMAIN_ORDER, "", "", set(), limit=2) == ["a", "b"]
        with store.deciding() as tx:
            assert tx.known_open(Kind.DOMAIN_ORDER, {"closed"}) == 4

    def test_linked_work_orders_are_walked_by_id_each_once(self, store, make):
        with store.deciding() as tx:
            for subject, work_order in (("d1", "w1"), ("d2", "w1"), ("d1", "w2")):
                tx.link(make.link(subject, work_order))
        with store.history() as history:
            assert history.linked_ids("", "") == ["w1", "w2"]
            assert history.linked_ids("", "w1") == ["w1"]
            assert history.linked_ids("w1", "") == ["w2"]

    def test_work_orders_that_name_something_are_walked_by_id(self, store, make):
        named = {
            "b": {"initiated_from": "d1"},
            "c": {"initiated_from": ""},
            "a": {"initiated_from": "x"},
            "d": {},
        }
        with store.deciding() as tx:
            for id, fields in named.items():
                tx.record(make.record(Kind.WORK_ORDER, id, **fields))
            tx.record(make.record(Kind.DOMAIN_ORDER, "e", initiated_from="d1"))
        with store.history() as history:
            assert history.naming("initiated_from", "", 9) == ["a", "b"]
            assert history.naming("initiated_from", "", 1) == ["a"]
            assert history.naming("initiated_from", "a", 9) == ["b"]

    def test_twins_answer_the_same_slot(self, store, make):
        with store.deciding() as tx:
            for work_order in ("w1", "w2"):
                tx.link(make.link("d1", work_order))
            tx.link(make.link("d2", "w3"))
        with store.history() as history:
            assert history.twins() == [("d1", ("w1", "w2"))]


class TestVanishedLinks:
    def test_facts_name_what_has_vanished(self, store, vanished):
        assert isinstance(vanished, VanishedLink)
        with store.deciding() as tx:
            assert tx.facts_for(Kind.DOMAIN_ORDER, "d1").vanished == {"w1"}

    def test_a_dropped_link_is_gone_and_its_slot_waived(self, store, make, vanished):
        plan = Plan("d1", "t", "h", (PlannedWorkOrder("fibre", 1, "Fibre"),))
        with store.deciding() as tx:
            tx.apply(make.decision(plan=plan))
            assert tx.drop_link(vanished, "A. Meier", "deleted by mistake")
        with store.deciding() as tx:
            facts = tx.facts_for(Kind.DOMAIN_ORDER, "d1")
            assert (facts.links, facts.vanished, facts.waived) == ((), frozenset(), {("fibre", 1)})
            assert not tx.drop_link(vanished, "A. Meier", "again")


class TestSafetyStops:
    def test_a_stopped_lane_waits_until_somebody_lets_it_go_on(self, store):
        with store.deciding() as tx:
            tx.stop_lane("sweep", {"cancel_work_order": 70}, 100)
        with store.history() as history:
            (stop,) = history.stops()
        assert (stop.lane, stop.counts, stop.known) == ("sweep", {"cancel_work_order": 70}, 100)
        assert stop.allowed_at is None
        with store.deciding() as tx:
            assert tx.allow_lane("sweep", "A. Meier", "migration")
            assert not tx.allow_lane("sweep", "B. Schulz", "too late")
            assert not tx.allow_lane("domain_order", "A. Meier", "not stopped")
        with store.deciding() as tx:
            stop = tx.stop_of("sweep")
        assert (stop.allowed_by, stop.allowed_reason) == ("A. Meier", "migration")
        assert stop.allowed_at is not None

    def test_a_lane_that_stops_again_waits_again(self, store):
        with store.deciding() as tx:
            tx.stop_lane("sweep", {"cancel_work_order": 70}, 100)
            tx.allow_lane("sweep", "A. Meier", "migration")
            tx.stop_lane("sweep", {"cancel_work_order": 700}, 1000)
            assert tx.stop_of("sweep").allowed_at is None

    def test_a_cleared_lane_is_as_if_it_had_never_stopped(self, store):
        with store.deciding() as tx:
            tx.stop_lane("sweep", {}, 0)
            tx.clear_lane("sweep")
            assert tx.stop_of("sweep") is None


class TestRevival:
    def test_what_was_given_up_is_not_wanted_again_by_a_review(self, store, make, intend, d1):
        intend(make.effect("a"))
        intend(supersede=("a",))
        with store.deciding() as tx:
            assert tx.apply(make.decision(make.effect("a")), revive=False) == ()
            assert tx.apply(make.decision(make.effect("a"))) == ("a",)

    def test_what_shows_work_orders_is_tried_again_but_not_for_ever(self, store, make, claim, settle, d1):
        shown = make.effect(
            "a",
            kind=EffectKind.SHOW_WORK_ORDERS,
            system=System.ORDER_MANAGEMENT,
            target_kind=Kind.DOMAIN_ORDER,
        )
        for _ in range(SHOWN_TRIES):
            with store.deciding() as tx:
                assert tx.apply(make.decision(shown), revive=False) == ("a",)
            settle(claim()["a"], Overtaken("refused"))
        with store.deciding() as tx:
            assert tx.apply(make.decision(shown), revive=False) == ()
