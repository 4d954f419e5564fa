"""Contract of the store: how an effect is born, claimed, settled, lost and released, and who goes first."""

from datetime import timedelta

import pytest

from mappings.effects import MOVES, EffectKind, Reference
from mappings.model import EffectStatus, Kind, Link, Origin, System
from state.store import Done, InDoubt, NotSent, Overtaken, Parked

SETTLE = {System.ORDER_MANAGEMENT: 40.0, System.FIELD_SERVICE: 90.0}


@pytest.fixture
def claim(store):
    """Claims for a minute; the claims by effect key."""

    def claimed(owner="worker-1", limit=10):
        return {one.effect.key: one for one in store.claim(owner, limit, 60, SETTLE)}

    return claimed


@pytest.fixture
def status(store):
    """The states of all open effects of d1, by key."""

    def seen(subject="d1"):
        with store.deciding() as transaction:
            if transaction.snapshot(Kind.DOMAIN_ORDER, subject) is None:
                return {}
            return {e.key: e.status.value for e in transaction.facts_for(Kind.DOMAIN_ORDER, subject).effects}

    return seen


@pytest.fixture(autouse=True)
def d1(store, make):
    with store.deciding() as transaction:
        transaction.record(make.record(Kind.DOMAIN_ORDER, "d1"))


class TestBirth:
    def test_an_effect_comes_back_as_it_was_intended(self, make, intend, claim):
        effect = make.effect(
            "create:d1:fibre:1:1",
            kind=EffectKind.CREATE_WORK_ORDER,
            values={"priority": "2", "text": "Grüße\n\u0000"},
            references={"template": Reference("template", "name", "Install", required=True)},
            before={"priority": "3"},
            text="created by syncd",
            marker="[syncd:1:create:d1:fibre:1:1]",
            link=Link("d1", "w1", Origin.CREATED, "fibre", 1, 1, noted=True),
        )
        assert intend(effect) == ("create:d1:fibre:1:1",)
        assert claim()["create:d1:fibre:1:1"].effect == effect

    def test_deciding_twice_intends_once(self, store, make, intend):
        assert intend(make.effect("a"), make.effect("b")) == ("a", "b")
        assert intend(make.effect("a"), make.effect("c")) == ("c",)
        assert store.summary().effects == {("update_work_order", "pending"): 3}

    def test_a_done_effect_is_not_intended_again(self, make, intend, claim, settle):
        intend(make.effect("a"))
        assert settle(claim()["a"], Done())
        assert intend(make.effect("a")) == ()
        assert claim() == {}

    def test_a_superseded_effect_is_wanted_again_at_the_end_of_its_queue(self, make, intend, claim, status):
        intend(make.effect("v1"))
        intend(make.effect("v2"), supersede=("v1",))
        assert status() == {"v2": "pending"}
        assert intend(make.effect("v1")) == ("v1",)
        assert list(status()) == ["v2", "v1"]
        assert list(claim()) == ["v2"]

    def test_what_was_sent_before_it_was_superseded_is_probed_when_wanted_again(
        self, make, intend, claim, settle
    ):
        intend(make.effect("a"))
        settle(claim()["a"], Parked("refused"))
        intend(supersede=("a",))
        intend(make.effect("a"))
        again = claim()["a"]
        assert (again.probing, again.attempt) == (True, 2)

    @pytest.mark.parametrize("sent", [True, False], ids=["in flight", "pending"])
    def test_only_unsent_effects_are_superseded(self, make, intend, claim, status, sent):
        intend(make.effect("a"))
        if sent:
            claim()
        intend(supersede=("a",))
        assert status() == ({"a": "in_flight"} if sent else {})

    def test_an_effect_in_doubt_is_not_superseded(self, make, intend, claim, settle, status):
        intend(make.effect("a"))
        settle(claim()["a"], InDoubt("timeout", 90))
        intend(supersede=("a",))
        assert status() == {"a": "in_doubt"}

    def test_a_parked_effect_is_superseded(self, make, intend, claim, settle, status):
        intend(make.effect("a"))
        settle(claim()["a"], Parked("refused"))
        intend(supersede=("a",))
        assert status() == {}


class TestQueues:
    def test_each_queue_gives_its_head(self, make, intend, claim, settle):
        om = {"system": System.ORDER_MANAGEMENT, "kind": EffectKind.WRITE_NOTE, "target": "d1"}
        intend(make.effect("f1"), make.effect("f2"), make.effect("n1", **om), make.effect("n2", **om))
        intend(make.effect("x1", subject="d2"), subject="d2")
        heads = claim()
        assert sorted(heads) == ["f1", "n1", "x1"]
        assert claim() == {}
        settle(heads["f1"], Done())
        assert list(claim()) == ["f2"]

    def test_a_limit_takes_the_oldest_heads(self, make, intend, claim):
        for n in (1, 2, 3):
            intend(make.effect(f"e{n}", subject=f"d{n}"), subject=f"d{n}")
        assert list(claim(limit=2)) == ["e1", "e2"]

    @pytest.mark.parametrize(
        ("outcome", "next_one"),
        [
            pytest.param(NotSent("connection refused", 30), [], id="a retry keeps its place"),
            pytest.param(InDoubt("timeout", 30), [], id="doubt blocks"),
            pytest.param(Parked("refused"), ["other target"], id="parked blocks its own target"),
            pytest.param(Overtaken("cancelled"), ["same target"], id="overtaken lets go"),
            pytest.param(Done(), ["same target"], id="done lets go"),
        ],
    )
    def test_what_the_next_of_a_queue_waits_for(self, make, intend, claim, settle, outcome, next_one):
        intend(make.effect("first"), make.effect("same target"), make.effect("other target", target="w2"))
        settle(claim()["first"], outcome)
        assert list(claim()) == next_one

    def test_a_parked_effect_does_not_block_earlier_ones(self, make, intend, claim, settle, store):
        intend(make.effect("v1"), make.effect("v2"))
        settle(claim()["v1"], Parked("refused"))
        with store.deciding() as transaction:
            transaction.drop("v1", "given up")
        settle(claim()["v2"], Parked("refused"))
        intend(make.effect("v1"))
        assert claim() == {}
        with store.deciding() as transaction:
            transaction.drop("v2", "given up")
        assert list(claim()) == ["v1"]

    @pytest.fixture
    def gate(self, make):
        return make.effect(
            "gate",
            kind=EffectKind.CLOSE_DOMAIN_ORDER,
            system=System.ORDER_MANAGEMENT,
            target_kind=Kind.DOMAIN_ORDER,
            target="d1",
        )

    @pytest.fixture
    def note(self, make):
        return make.effect("note", kind=EffectKind.WRITE_NOTE, system=System.ORDER_MANAGEMENT, target="d1")

    def test_gate_answers_go_first(self, intend, claim, note, gate):
        intend(note)
        intend(gate)
        assert list(claim()) == ["gate"]

    def test_a_gate_answer_waits_for_what_is_in_flight(self, intend, claim, settle, note, gate):
        intend(note)
        sent = claim()["note"]
        intend(gate)
        assert claim() == {}
        settle(sent, Done())
        assert list(claim()) == ["gate"]

    def test_a_gate_answer_passes_a_parked_note(self, intend, claim, settle, note, gate):
        intend(note)
        settle(claim()["note"], Parked("refused"))
        intend(gate)
        assert list(claim()) == ["gate"]

    def test_doubt_goes_before_a_gate_answer(self, intend, claim, settle, clock, note, gate):
        intend(note)
        settle(claim()["note"], InDoubt("timeout", 40))
        intend(gate)
        assert claim() == {}
        clock.move(41)
        assert list(claim()) == ["note"]


class TestClaimAndSettle:
    def test_a_first_claim_does_not_probe(self, make, intend, claim):
        intend(make.effect("a"))
        first = claim()["a"]
        assert (first.probing, first.attempt, first.first_sent_at) == (False, 1, None)

    def test_what_surely_never_ran_is_sent_again_later_without_a_probe(
        self, make, intend, claim, settle, clock
    ):
        intend(make.effect("a"))
        settle(claim()["a"], NotSent("connection refused", 30))
        clock.move(29)
        assert claim() == {}
        clock.move(1)
        again = claim()["a"]
        assert (again.probing, again.attempt) == (False, 2)

    def test_doubt_is_probed_and_stays_probing_until_it_is_settled(self, make, intend, claim, settle, clock):
        intend(make.effect("a"))
        sent_at = clock()
        settle(claim()["a"], InDoubt("timeout", 90))
        clock.move(90)
        probe = claim()["a"]
        assert (probe.probing, probe.first_sent_at, probe.last_sent_at) == (True, sent_at, sent_at)
        settle(probe, NotSent("connection refused", 0))
        again = claim()["a"]
        assert (again.probing, again.first_sent_at) == (True, sent_at)

    def test_done_stores_the_link_and_the_record(self, store, make, intend, claim, settle):
        intend(make.effect("a"))
        work_order = make.record(Kind.WORK_ORDER, "w1")
        assert settle(claim()["a"], Done(record=work_order, link=make.link()))
        with store.deciding() as transaction:
            facts = transaction.facts_for(Kind.DOMAIN_ORDER, "d1")
        assert (facts.links, facts.work_orders, facts.effects) == ((make.link(),), (work_order,), ())

    def test_a_reply_never_moves_a_snapshot_backwards(self, store, make, intend, claim, settle):
        intend(make.effect("a"))
        with store.deciding() as transaction:
            transaction.record(make.record(Kind.WORK_ORDER, "w1", 5))
        settle(claim()["a"], Done(record=make.record(Kind.WORK_ORDER, "w1", 4)))
        with store.deciding() as transaction:
            assert transaction.snapshot(Kind.WORK_ORDER, "w1").version == 5

    def test_a_claim_is_settled_once(self, make, intend, claim, settle, status):
        intend(make.effect("a"))
        mine = claim()["a"]
        assert settle(mine, Parked("refused"))
        assert not settle(mine, Done())
        assert status() == {"a": "parked"}

    def test_a_late_worker_is_fenced_out_and_writes_nothing(self, store, make, intend, claim, settle, clock):
        intend(make.effect("a"))
        late = claim("worker-1")["a"]
        clock.move(61)
        assert claim("worker-2") == {}
        clock.move(90)
        probe = claim("worker-2")["a"]
        assert probe.probing
        assert probe.fence > late.fence
        assert not settle(late, Done(link=make.link()))
        assert store.summary().links == 0
        assert settle(probe, Done(link=make.link()))

    def test_a_late_worker_is_fenced_out_while_its_effect_is_only_in_doubt(
        self, make, intend, claim, settle, clock
    ):
        intend(make.effect("a"))
        late = claim()["a"]
        clock.move(61)
        claim("worker-2")
        assert not settle(late, Done())


class TestLost:
    def test_an_expired_lease_is_doubt_on_the_next_claim(self, make, intend, claim, clock, status):
        intend(make.effect("a"))
        claim()
        clock.move(60)
        assert claim() == {}
        assert status() == {"a": "in_doubt"}
        clock.move(89)
        assert claim() == {}
        clock.move(1)
        assert claim()["a"].probing

    def test_without_a_settle_time_an_expired_lease_waits_for_another_lease(self, store, make, intend, clock):
        intend(make.effect("a"))
        store.claim("w", 1, 60)
        clock.move(60)
        assert store.claim("w", 1, 60) == ()
        assert store.next_due() == clock() + timedelta(seconds=60)

    def test_after_a_crash_only_the_dead_owners_effects_are_doubt(self, store, make, intend, status):
        intend(make.effect("a"))
        intend(make.effect("b", subject="d2"), subject="d2")
        store.claim("run_1%:0", 1, 60)
        store.claim("run_1:0", 1, 60)
        assert store.lose("run_1%", SETTLE) == 1
        assert status() == {"a": "in_doubt"}
        assert store.summary().in_doubt == 1

    @pytest.mark.parametrize(
        ("kind", "seconds"), [(EffectKind.CREATE_WORK_ORDER, 0), (EffectKind.UPDATE_WORK_ORDER, 90)]
    )
    def test_a_create_is_probed_at_once_and_others_after_settle(
        self, store, make, intend, clock, kind, seconds
    ):
        intend(make.effect("a", kind=kind))
        store.claim("dead", 1, 60)
        store.lose("dead", SETTLE)
        assert store.next_due() == clock() + timedelta(seconds=seconds)

    def test_a_clock_set_back_does_not_stretch_a_lease_or_a_wait(
        self, store, make, intend, settle, clock, status
    ):
        intend(make.effect("a"))
        intend(make.effect("b", subject="d2"), subject="d2")
        first = {one.effect.key: one for one in store.claim("w", 10, 60, SETTLE)}
        settle(first["b"], NotSent("connection refused", 30))
        clock.move(-3600)
        assert store.claim("w", 10, 60, SETTLE) == ()
        clock.move(30)
        assert [one.effect.key for one in store.claim("w", 10, 60, SETTLE)] == ["b"]
        clock.move(30)
        store.claim("w", 10, 60, SETTLE)
        assert status() == {"a": "in_doubt"}


class TestNextDue:
    def test_nothing_waits(self, store):
        assert store.next_due() is None

    def test_a_head_may_go_at_once(self, store, make, intend, clock):
        intend(make.effect("a"))
        clock.move(5)
        assert store.next_due() == clock()

    def test_a_blocked_effect_does_not_count(self, store, make, intend, claim, settle, clock):
        intend(make.effect("a"), make.effect("b"))
        settle(claim()["a"], NotSent("busy", 30))
        assert store.next_due() == clock() + timedelta(seconds=30)

    def test_a_lease_in_flight_counts_until_it_ends(self, store, make, intend, claim, clock):
        intend(make.effect("a"))
        claim()
        assert store.next_due() == clock() + timedelta(seconds=60)

    def test_a_parked_effect_is_not_due(self, store, make, intend, claim, settle):
        intend(make.effect("a"), make.effect("b"))
        settle(claim()["a"], Parked("refused"))
        assert store.next_due() is None


class TestMoves:
    """Every move of the table, and none besides."""

    @pytest.fixture
    def bring(self, make, intend, claim, settle):
        """Brings a new effect into a state."""

        def brought(wanted):
            intend(make.effect("a"))
            if wanted is EffectStatus.PENDING:
                return None
            if wanted is EffectStatus.SUPERSEDED:
                intend(supersede=("a",))
                return None
            mine = claim()["a"]
            outcome = {
                EffectStatus.IN_DOUBT: InDoubt("timeout", 0),
                EffectStatus.DONE: Done(),
                EffectStatus.PARKED: Parked("refused"),
            }.get(wanted)
            if outcome is not None:
                settle(mine, outcome)
            return mine

        return brought

    @pytest.fixture
    def events(self, store, make, intend, claim, settle):
        """What may happen to an effect, by the event's name in the table."""

        def retried(_):
            with store.deciding() as transaction:
                transaction.retry("a")

        def dropped(_):
            with store.deciding() as transaction:
                transaction.drop("a", "given up")

        def settled(outcome):
            return lambda mine: mine and settle(mine, outcome)

        return {
            "claimed": lambda _: claim("worker-2"),
            "done": settled(Done()),
            "not_sent": settled(NotSent("refused", 0)),
            "doubtful": settled(InDoubt("timeout", 0)),
            "refused": settled(Parked("no")),
            "lost": lambda _: store.lose("worker-1", {}),
            "retried": retried,
            "dropped": dropped,
            "wanted_again": lambda _: intend(make.effect("a")),
        }

    @pytest.mark.parametrize("before", EffectStatus, ids=str)
    @pytest.mark.parametrize("event", sorted({event for _, event in MOVES} - {"overtaken"}))
    def test_an_event_moves_an_effect_as_the_table_says(self, store, bring, events, before, event):
        mine = bring(before)
        events[event](mine)
        expected = MOVES.get((before, event), before)
        assert store.summary().effects == {("update_work_order", expected.value): 1}

    @pytest.mark.parametrize("before", EffectStatus, ids=str)
    def test_overtaken_by_the_worker_or_by_a_decision(self, store, bring, settle, intend, before):
        mine = bring(before)
        if before is EffectStatus.IN_FLIGHT:
            settle(mine, Overtaken("cancelled in the meantime"))
        else:
            intend(supersede=("a",))
        expected = MOVES.get((before, "overtaken"), before)
        assert store.summary().effects == {("update_work_order", expected.value): 1}

    def test_a_retried_effect_is_probed(self, store, bring, claim):
        bring(EffectStatus.PARKED)
        with store.deciding() as transaction:
            assert transaction.retry("a")
            assert not transaction.retry("absent")
        assert claim()["a"].probing
