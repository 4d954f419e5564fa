"""Contract of the store: what `explain` and `quarantine` look back at."""

from datetime import timedelta

import pytest

from mappings.effects import Decision
from mappings.model import EffectStatus, Kind, Plan, System
from state.store import Done, InDoubt, LedgerEntry, NotSent, Parked

DO, LINE, ORDER = Kind.DOMAIN_ORDER, Kind.ORDER_LINE, Kind.CUSTOMER_ORDER


@pytest.fixture
def known(store, make):
    """Order o1, its line l1, its domain order d1, each with its id in capitals as number."""
    with store.deciding() as transaction:
        transaction.record(make.record(ORDER, "o1"))
        transaction.record(make.record(LINE, "l1", order="o1"))
        transaction.record(make.record(DO, "d1", order="o1", order_line="l1"))


def remembered(store, *entries):
    with store.deciding() as transaction:
        for entry in entries:
            transaction.remember(entry)


@pytest.mark.usefixtures("known")
class TestRecords:
    @pytest.mark.parametrize("name", ["D1", "d1"], ids=["number", "id"])
    def test_a_record_of_any_kind_is_found_by_its_number_or_its_id(self, store, name):
        with store.history() as history:
            assert [(found.kind, found.number) for found in history.named(name)] == [(DO, "D1")]

    def test_every_record_below_an_order_leads_to_it(self, store, make):
        with store.deciding() as transaction:
            transaction.record(make.record(DO, "d2", order_line="l1"))
            transaction.record(make.record(DO, "d3", parent="d2"))
            transaction.record(make.record(Kind.ORDER_TASK, "t1", domain_order="d3"))
            transaction.record(make.record(Kind.WORK_ORDER, "w1"))
            transaction.record(make.record(Kind.WORK_TASK, "wt1", work_order="w1"))
            transaction.record(make.record(Kind.WORK_ORDER, "w2"))
            transaction.record(make.record(DO, "d8", parent="d9"))
            transaction.record(make.record(DO, "d9", parent="d8"))
            transaction.link(make.link("t1", "w1"))
        with store.history() as history:
            below = ("o1", "l1", "d1", "d2", "d3", "t1", "w1", "wt1")
            assert {id: history.order_of(id) for id in below} == dict.fromkeys(below, ("o1", "O1"))
            assert [history.order_of(id) for id in ("w2", "d8", "nowhere")] == [None, None, None]

    def test_all_records_with_one_number_are_found(self, store, make):
        with store.deciding() as transaction:
            transaction.record(make.record(Kind.WORK_ORDER, "D1"))
        with store.history() as history:
            assert [found.kind for found in history.named("D1")] == [DO, Kind.WORK_ORDER]

    def test_an_unknown_name_finds_nothing(self, store):
        with store.history() as history:
            assert history.named("DO404") == ()
            assert history.record(DO, "o1") is None

    def test_facts_and_subjects_are_those_of_a_decision(self, store):
        with store.deciding() as transaction:
            facts = transaction.facts_for(DO, "d1")
        with store.history() as history:
            assert history.subjects_of(ORDER, "o1") == ((DO, "d1"),)
            assert history.facts_for(DO, "d1") == facts

    def test_where_the_feeds_stand_is_told_too(self, store):
        with store.history() as history:
            assert history.baseline() == store.baseline()
            assert history.watermark("domain_order") == store.watermark("domain_order")
            assert history.watermark("nothing") is None


class TestEntries:
    def test_the_history_of_several_records_has_each_entry_once_and_in_order(self, store):
        first, second, third = (
            LedgerEntry("seen", "o1"),
            LedgerEntry("decided", "d1", "o1"),
            LedgerEntry("done", "d1", work_order="w1", effect_key="create"),
        )
        remembered(store, first, second, third, LedgerEntry("seen", "d2"), LedgerEntry("seen"))
        with store.history() as history:
            assert [entry.event for entry in history.entries(["w1", "o1", "d1", ""])] == [
                "seen",
                "decided",
                "done",
            ]
            assert history.entries([]) == ()

    def test_more_records_than_one_statement_takes_are_found(self, store):
        remembered(store, *(LedgerEntry("seen", f"d{n}") for n in range(1203)))
        with store.history() as history:
            assert len(history.entries(f"d{n}" for n in range(1203))) == 1203


@pytest.mark.usefixtures("d1")
class TestEffects:
    def test_an_open_effect_is_told_with_its_times(self, store, make, intend, claim, settle, clock):
        intend(make.effect("a"))
        born = clock()
        clock.move(5)
        settle(claim()["a"], InDoubt("timeout", 90))
        with store.history() as history:
            (found,) = history.effects_of("d1")
        assert found.effect == make.effect("a")
        assert (found.status, found.attempts, found.reason) == (EffectStatus.IN_DOUBT, 1, "timeout")
        assert (found.born_at, found.first_sent_at, found.moved_at) == (born, clock(), clock())
        assert found.not_before == clock() + timedelta(seconds=90)
        assert (found.lease_until, found.settled_at) == (None, None)

    def test_what_is_in_flight_shows_the_end_of_its_lease(self, store, make, intend, claim, clock):
        intend(make.effect("a"))
        claim()
        with store.history() as history:
            assert history.effect("a").lease_until == clock() + timedelta(seconds=60)

    def test_what_was_not_sent_shows_when_it_is_tried_again(self, store, make, intend, claim, settle, clock):
        intend(make.effect("a"))
        settle(claim()["a"], NotSent("connection refused", 30))
        with store.history() as history:
            found = history.effect("a")
        assert (found.status, found.first_sent_at) == (EffectStatus.PENDING, None)
        assert found.not_before == clock() + timedelta(seconds=30)

    def test_done_effects_are_those_that_the_ledger_names(self, store, make, intend, claim, settle):
        intend(make.effect("a"), make.effect("b"), make.effect("x", subject="d2", target="w2"))
        settle(claim()["a"], Done())
        remembered(store, LedgerEntry("decided", "d1", data={"effects": ["a", "b", "x"], "superseded": []}))
        with store.history() as history:
            found = history.effects_of("d1")
        assert [(one.effect.key, one.status.value) for one in found] == [("a", "done"), ("b", "pending")]

    def test_a_superseded_effect_is_found_by_the_decision_that_voided_it(self, store, make, intend):
        intend(make.effect("a"))
        intend(supersede=("a",))
        remembered(store, LedgerEntry("decided", "d1", data={"effects": [], "superseded": ["a"]}))
        with store.history() as history:
            assert [one.status for one in history.effects_of("d1")] == [EffectStatus.SUPERSEDED]

    def test_parked_effects_of_all_orders_are_listed_oldest_first(self, store, make, intend, claim, settle):
        intend(make.effect("a"))
        intend(make.effect("b", subject="d2", target="w2"), subject="d2")
        claims = claim()
        settle(claims["b"], Parked("no template"))
        settle(claims["a"], Parked("not allowed"))
        with store.history() as history:
            assert [(one.effect.key, one.reason) for one in history.parked()] == [
                ("a", "not allowed"),
                ("b", "no template"),
            ]
            assert history.effect("none") is None


class TestForgetting:
    def test_a_record_is_put_away_by_its_key_even_without_an_id(self, store):
        with store.deciding() as transaction:
            for body in ("{1}", "{2}"):
                transaction.quarantine(System.ORDER_MANAGEMENT, DO, "", None, "", "not an object", body)
        with store.history() as history:
            one, other = history.quarantined()
        with store.deciding() as transaction:
            assert transaction.forget_quarantined(DO, one.key)
            assert not transaction.forget_quarantined(DO, one.key)
        assert store.quarantined() == (other,)


def test_the_subjects_that_a_table_has_decided_are_found_by_their_creation(store, make):
    with store.deciding() as transaction:
        for id, table in (("d1", "one"), ("d2", "one, two"), ("d3", "two")):
            transaction.record(make.record(DO, id))
            transaction.apply(Decision(DO, id, plan=Plan(id, table, "hash")))
    with store.history() as history:
        created = history.record(DO, "d1").created_at
        assert history.planned_by("one", created) == ((DO, "d1"), (DO, "d2"))
        assert history.planned_by("two", created) == ((DO, "d2"), (DO, "d3"))
        assert history.planned_by("one", created + timedelta(seconds=1)) == ()
