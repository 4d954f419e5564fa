"""Contract of the store: what it remembers of the remote systems, and what a decision may look at."""

from datetime import timedelta

import pytest

from mappings.model import Kind, Link, Origin, Plan, PlannedWorkOrder, System
from state.store import Baseline, LedgerEntry, StateError

DO, TASK, LINE, ORDER, WO, WT = (
    Kind.DOMAIN_ORDER,
    Kind.ORDER_TASK,
    Kind.ORDER_LINE,
    Kind.CUSTOMER_ORDER,
    Kind.WORK_ORDER,
    Kind.WORK_TASK,
)


class TestBeginning:
    def test_a_new_state_has_no_baseline(self, bare):
        assert bare.baseline() is None
        assert bare.identities() == {}
        assert bare.watermark("work_order") is None

    def test_initialising_stores_baseline_identities_and_positions(self, store, clock):
        assert store.baseline() == Baseline(clock(), clock())
        assert store.identities()[System.FIELD_SERVICE].id == "field_service-1"
        position = store.watermark("work_order")
        assert (position.stamp, position.id, position.passed_until) == (clock(), "", None)

    def test_a_baseline_is_never_stored_twice(self, store, clock):
        with pytest.raises(StateError, match="has a baseline already"):
            store.initialise(Baseline(clock() - timedelta(days=9), clock()), {}, {})
        assert store.baseline().at == clock()


class TestWatermarks:
    @pytest.mark.parametrize(
        ("seconds", "id", "expected"),
        [
            pytest.param(5, "a", (5, "a"), id="forward in time"),
            pytest.param(0, "z", (0, "z"), id="forward in id at one stamp"),
            pytest.param(0, "a", (0, "m"), id="not backwards in id"),
            pytest.param(-5, "z", (0, "m"), id="not backwards in time"),
        ],
    )
    def test_a_watermark_never_moves_backwards(self, store, clock, seconds, id, expected):
        with store.deciding() as transaction:
            transaction.advance("work_order", clock(), "m")
        with store.deciding() as transaction:
            transaction.advance("work_order", clock() + timedelta(seconds=seconds), id)
        position = store.watermark("work_order")
        assert (position.stamp - clock(), position.id) == (timedelta(seconds=expected[0]), expected[1])

    def test_the_passed_instant_is_kept_and_never_moves_backwards(self, store, clock):
        for seconds in (10, 3, None):
            with store.deciding() as transaction:
                until = None if seconds is None else clock() + timedelta(seconds=seconds)
                transaction.advance("work_order", clock(), "m", until)
        assert store.watermark("work_order").passed_until == clock() + timedelta(seconds=10)


class TestSnapshots:
    def test_a_record_comes_back_as_it_was(self, store, make):
        record = make.record(DO, "d1", order="o1", note="Grüße \u0000 \U0001f6e0", empty="")
        with store.deciding() as transaction:
            assert transaction.snapshot(DO, "d1") is None
            assert transaction.record(record)
            assert transaction.snapshot(DO, "d1") == record
        with store.deciding() as transaction:
            assert transaction.snapshot(DO, "d1") == record
            assert transaction.snapshot(TASK, "d1") is None

    def test_a_feed_never_moves_a_version_backwards(self, store, make):
        with store.deciding() as transaction:
            transaction.record(make.record(DO, "d1", 7))
        with store.deciding() as transaction:
            assert not transaction.record(make.record(DO, "d1", 6))
            assert transaction.snapshot(DO, "d1").version == 7
        with store.deciding() as transaction:
            assert transaction.snapshot(DO, "d1").version == 7

    def test_without_versions_the_older_stamp_is_the_older_record(self, store, make, clock):
        newer = make.record(DO, "d1", 0)
        clock.move(-60)
        with store.deciding() as transaction:
            transaction.record(newer)
            assert not transaction.record(make.record(DO, "d1", 0))

    def test_a_read_by_id_may_move_a_version_backwards(self, store, make):
        with store.deciding() as transaction:
            transaction.record(make.record(DO, "d1", 7))
        with store.deciding() as transaction:
            assert transaction.record(make.record(DO, "d1", 6), by_id=True)
        with store.deciding() as transaction:
            assert transaction.snapshot(DO, "d1").version == 6

    def test_the_same_version_with_another_content_is_stored(self, store, make):
        with store.deciding() as transaction:
            transaction.record(make.record(DO, "d1", 1, site="a"))
            assert transaction.record(make.record(DO, "d1", 1, site="b"))
        with store.deciding() as transaction:
            assert transaction.snapshot(DO, "d1").get("site") == "b"

    def test_preloading_hides_nothing_that_was_recorded_before(self, store, make):
        with store.deciding() as transaction:
            transaction.record(make.record(DO, "d1", 1))
        with store.deciding() as transaction:
            transaction.record(make.record(DO, "d1", 2))
            transaction.preload(DO, ["d1", "d2", "d1"])
            assert transaction.snapshot(DO, "d1").version == 2
            assert transaction.snapshot(DO, "d2") is None

    def test_a_row_that_was_read_before_is_the_same_record(self, store, make):
        with store.deciding() as transaction:
            transaction.record(make.record(DO, "d1", 1, site="a"))

        def read():
            with store.deciding() as transaction:
                return transaction.snapshot(DO, "d1")

        first = read()
        assert read() is first
        with store.deciding() as transaction:
            transaction.record(make.record(DO, "d1", 2, site="b"))
        assert (first.get("site"), read().get("site"), read().version) == ("a", "b", 2)

    def test_what_stands_where_is_as_this_transaction_has_seen_it(self, store, make):
        with store.deciding() as transaction:
            transaction.record(make.record(DO, "d1", 1, order_line="l1"))
            transaction.record(make.record(DO, "d2", 1, order_line="l1"))
            transaction.link(Link("d1", "w1", Origin.ADOPTED))
        with store.deciding() as transaction:
            transaction.record(make.record(DO, "d1", 2, order_line="l2"))
            transaction.record(make.record(DO, "d3", 1, order_line="l1"))
            assert transaction.subjects_of(LINE, "l1") == ((DO, "d2"), (DO, "d3"))
            assert transaction.subjects_of(LINE, "l2") == ((DO, "d1"),)
            transaction.record(make.record(DO, "d1", 3, order_line="l1"))
            assert transaction.subjects_of(LINE, "l2") == ()
            assert transaction.subjects_of(WO, "w1") == ((DO, "d1"),)
            assert transaction.facts_for(DO, "d1").work_orders == ()
            transaction.record(make.record(WO, "w1", 1))
            assert [one.version for one in transaction.facts_for(DO, "d1").work_orders] == [1]
            transaction.record(make.record(WT, "t1", 1, work_order="w1"))
            assert [task.id for task in transaction.tasks_of(["w1"])] == ["t1"]
        with store.deciding() as transaction:
            transaction.record(make.record(WO, "w1", 2))
            assert [one.version for one in transaction.facts_for(DO, "d1").work_orders] == [2]
            assert transaction.subjects_of(LINE, "l1") == ((DO, "d1"), (DO, "d2"), (DO, "d3"))

    def test_several_kinds_are_preloaded_at_once(self, store, make):
        with store.deciding() as transaction:
            for id in ("d1", "d2"):
                transaction.record(make.record(DO, id, 1))
            transaction.record(make.record(TASK, "t1", 1))
        with store.deciding() as transaction:
            transaction.record(make.record(DO, "d1", 2))
            transaction.preload_all([(DO, "d1"), (TASK, "t1"), (DO, "t1"), (TASK, "absent"), (DO, "d1")])
            assert transaction.snapshot(DO, "d1").version == 2
            assert transaction.snapshot(TASK, "t1").version == 1
            assert transaction.snapshot(DO, "t1") is None
            assert transaction.snapshot(TASK, "absent") is None
            assert transaction.snapshot(DO, "d2").version == 1, "what was not asked for is there all the same"

    def test_a_link_is_made_once_however_it_is_known(self, store, make):
        link = Link("d1", "w1", Origin.ADOPTED)
        with store.deciding() as transaction:
            assert transaction.link(link)
            assert not transaction.link(link)
        with store.deciding() as transaction:
            transaction.preload_links(["w1", "w2"])
            assert not transaction.link(link)
            assert transaction.link(Link("d2", "w1", Origin.ADOPTED))
            assert transaction.unlink("d1", "w1")
            assert transaction.link(link), "it was taken away meanwhile"

    def test_a_page_larger_than_one_statement_is_known_whole(self, store, make):
        ids = [f"d{n}" for n in range(1203)]
        with store.deciding() as transaction:
            for id in ids:
                transaction.record(make.record(DO, id))
        assert store.known(DO, [*ids, "absent"]) == frozenset(ids)
        assert store.known(TASK, ids) == frozenset()
        assert store.known(DO, []) == frozenset()
        assert store.bodies({DO: [*ids, "absent"], TASK: ids[:2], Kind.ORDER_LINE: []}) == {
            (DO, id): True for id in ids
        }
        assert store.bodies({TASK: ids, DO: ids[:1]}) == {(DO, "d0"): True}, "as each kind was asked"
        assert store.bodies({DO: []}) == {}

    def test_a_transaction_that_fails_leaves_nothing(self, store, make, clock):
        with pytest.raises(LookupError), store.deciding() as transaction:
            transaction.record(make.record(DO, "d1"))
            transaction.link(make.link())
            transaction.apply(make.decision(make.effect("update:w1:1")))
            transaction.advance("work_order", clock() + timedelta(days=1), "x")
            transaction.remember(LedgerEntry("work_order.created", subject="d1"))
            raise LookupError("the lane stumbled")
        counted = store.summary()
        assert (counted.snapshots, counted.links, counted.effects) == ({}, 0, {})
        assert store.watermark("work_order").stamp == clock()
        assert store.ledger_of("d1") == ()


@pytest.fixture
def family(store, make):
    """Order o1 with line l1; d1 of it, its task t1, its child d2 (no fields of its own), d2's task t2; w1 by link."""
    records = [
        make.record(ORDER, "o1"),
        make.record(LINE, "l1", order="o1"),
        make.record(DO, "d1", order="o1", order_line="l1"),
        make.record(TASK, "t1", domain_order="d1"),
        make.record(DO, "d2", parent="d1"),
        make.record(TASK, "t2", domain_order="d2"),
        make.record(DO, "d9", order="o9"),
        make.record(WO, "w1"),
        make.record(WT, "k1", work_order="w1"),
    ]
    with store.deciding() as transaction:
        for record in records:
            transaction.record(record)
        transaction.link(make.link("d1", "w1"))
        transaction.link(Link("t2", "w1", Origin.ADOPTED))
        transaction.link(Link("never-seen", "w1", Origin.ADOPTED))
    return {record.id: record for record in records}


EVERYTHING = ((DO, "d1"), (DO, "d2"), (TASK, "t1"), (TASK, "t2"))


@pytest.mark.usefixtures("family")
class TestWhatARecordConcerns:
    @pytest.mark.parametrize(
        ("kind", "id", "subjects"),
        [
            pytest.param(DO, "d1", EVERYTHING, id="a domain order and all below it"),
            pytest.param(DO, "d2", ((DO, "d2"), (TASK, "t2")), id="a child and its task"),
            pytest.param(TASK, "t1", ((TASK, "t1"),), id="an order task"),
            pytest.param(LINE, "l1", EVERYTHING, id="a line"),
            pytest.param(ORDER, "o1", EVERYTHING, id="an order"),
            pytest.param(WO, "w1", ((DO, "d1"), (TASK, "t2")), id="a work order, those linked and seen"),
            pytest.param(WT, "k1", ((DO, "d1"), (TASK, "t2")), id="a task of a work order"),
            pytest.param(WT, "unseen", (), id="an unknown task"),
            pytest.param(ORDER, "unseen", (), id="an unknown order"),
        ],
    )
    def test_subjects(self, store, kind, id, subjects):
        with store.deciding() as transaction:
            assert transaction.subjects_of(kind, id) == subjects

    def test_what_was_recorded_in_this_transaction_counts(self, store, make):
        with store.deciding() as transaction:
            transaction.record(make.record(DO, "d3", order_line="l1"))
            assert (DO, "d3") in transaction.subjects_of(LINE, "l1")

    def test_domain_orders_that_name_each_other_end(self, store, make):
        with store.deciding() as transaction:
            transaction.record(make.record(DO, "a", parent="b"))
            transaction.record(make.record(DO, "b", parent="a"))
            assert transaction.subjects_of(DO, "a") == ((DO, "a"), (DO, "b"))
            assert transaction.facts_for(DO, "a").line is None


class TestFacts:
    def test_a_domain_order_that_was_never_seen_has_no_facts(self, store):
        with store.deciding() as transaction:
            assert transaction.facts_for(DO, "d1") is None

    @pytest.mark.parametrize(
        ("kind", "id", "parent"),
        [(DO, "d1", None), (TASK, "t1", "d1"), (DO, "d2", "d1"), (TASK, "t2", "d2")],
        ids=["own fields", "a task's parent's", "a child's parent's", "a child's task's"],
    )
    def test_line_order_and_parent(self, store, family, kind, id, parent):
        with store.deciding() as transaction:
            facts = transaction.facts_for(kind, id)
        assert facts.subject == family[id]
        assert facts.parent == family.get(parent)
        assert (facts.line, facts.order) == (family["l1"], family["o1"])

    def test_the_order_is_found_through_the_line(self, store, make, family):
        with store.deciding() as transaction:
            transaction.record(make.record(DO, "d5", order_line="l1"))
            assert transaction.facts_for(DO, "d5").order == family["o1"]

    def test_a_child_keeps_its_own_line_and_takes_only_what_it_lacks(self, store, make, family):
        with store.deciding() as transaction:
            transaction.record(make.record(LINE, "l2"))
            transaction.record(make.record(DO, "d5", order_line="l2", parent="d1"))
            facts = transaction.facts_for(DO, "d5")
        assert (facts.line.id, facts.order) == ("l2", family["o1"])

    def test_plan_links_work_orders_and_open_effects(self, store, make, family):
        plan = Plan(
            "d1",
            "fibre.toml",
            "hash",
            (PlannedWorkOrder("fibre", 1, "Install", 2, {"priority": "{order.priority}"}),),
            {"product": "fibre"},
        )
        with store.deciding() as transaction:
            transaction.apply(make.decision(make.effect("update:w1:1"), plan=plan, noted=("w1",)))
            transaction.link(make.link("d1", "w-unseen"))
        with store.deciding() as transaction:
            facts = transaction.facts_for(DO, "d1")
        assert facts.plan == plan
        assert [(link.work_order, link.noted) for link in facts.links] == [("w-unseen", False), ("w1", True)]
        assert facts.links[1].origin is Origin.CREATED
        assert facts.work_orders == (family["w1"],)
        assert [(e.key, e.kind, e.status.value, e.target) for e in facts.effects] == [
            ("update:w1:1", "update_work_order", "pending", "w1")
        ]

    def test_a_later_plan_replaces_the_pinned_one(self, store, make, family):
        with store.deciding() as transaction:
            transaction.apply(make.decision(plan=Plan("d1", "old.toml", "1")))
            transaction.apply(make.decision(plan=Plan("d1", "new.toml", "2")))
            transaction.apply(make.decision())
            assert transaction.facts_for(DO, "d1").plan == Plan("d1", "new.toml", "2")

    @pytest.mark.parametrize(("seconds", "historic"), [(-1, True), (0, False), (1, False)])
    def test_created_before_the_baseline_is_historic(self, store, make, clock, seconds, historic):
        clock.move(seconds)
        with store.deciding() as transaction:
            transaction.record(make.record(DO, "d1"))
            assert transaction.facts_for(DO, "d1").historic is historic

    def test_what_was_decided_is_historic_no_more(self, store, make, clock):
        """Only a backfill decides what is older than the baseline; its later changes count as those of any other."""
        clock.move(-1)
        with store.deciding() as transaction:
            transaction.record(make.record(DO, "d1"))
            transaction.apply(make.decision(plan=Plan("d1", "old.toml", "1")))
            assert not transaction.facts_for(DO, "d1").historic

    def test_without_a_baseline_everything_is_historic(self, bare, make):
        with bare.deciding() as transaction:
            transaction.record(make.record(DO, "d1"))
            assert transaction.facts_for(DO, "d1").historic


class TestLinks:
    def test_a_link_is_stored_once_and_not_overwritten(self, store, make):
        with store.deciding() as transaction:
            transaction.record(make.record(DO, "d1"))
            assert transaction.link(make.link())
            assert not transaction.link(Link("d1", "w1", Origin.ADOPTED))
            assert transaction.facts_for(DO, "d1").links == (make.link(),)
