"""Contract of the store: what is lost with a process, when the next effect is due, and the table of moves."""

from datetime import timedelta

import pytest

from mappings.effects import MOVES, EffectKind
from mappings.model import EffectStatus, System
from state.store import Done, InDoubt, NotSent, Overtaken, Parked

SETTLE = {System.ORDER_MANAGEMENT: 40.0, System.FIELD_SERVICE: 90.0}
pytestmark = pytest.mark.usefixtures("d1")


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
            "forgotten": lambda _: store.begin_catch_up(),
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
