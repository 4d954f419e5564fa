"""Contract of the store: permits for requests, shared by whoever is on the state."""

import pytest

from mappings.budget import Purpose, Terms
from mappings.model import System
from state.store import Store

OM, FSM = System.ORDER_MANAGEMENT, System.FIELD_SERVICE
TERMS = Terms(requests=100, per_s=3600, background=0.5)


@pytest.fixture
def lease(store):
    def leased(wanted=10, purpose=Purpose.LIVE, system=OM, of=store, terms=TERMS):
        return of.lease_requests(system, purpose, wanted, terms)

    return leased


def test_a_budget_ends_and_says_when_to_ask_again(lease, clock):
    assert lease(60).count == 60
    clock.move(100)
    assert lease(60).count == 36
    assert lease(1).count == 0
    assert lease(1).retry_s == pytest.approx(TERMS.window_s - 100)


def test_a_block_counts_for_a_window_from_its_last_possible_use(lease, clock):
    lease(96)
    clock.move(TERMS.per_s + TERMS.valid_s - 1)
    assert lease(1).count == 0
    clock.move(1)
    assert lease(1).count == 1


def test_what_is_urgent_has_a_reserve(lease):
    lease(96)
    assert lease(9).count == 0
    assert lease(9, Purpose.URGENT).count == 4


def test_the_background_has_its_share_and_waits_for_its_own_blocks(lease, clock):
    lease(10)
    clock.move(50)
    assert lease(80, Purpose.BACKGROUND).count == 50
    denied = lease(1, Purpose.BACKGROUND)
    assert (denied.count, denied.retry_s) == (0, pytest.approx(TERMS.window_s))
    assert lease(80).count == 36


def test_a_share_of_nothing_gets_nothing(lease):
    denied = lease(1, Purpose.BACKGROUND, terms=Terms(100, 3600, 0.0))
    assert (denied.count, denied.retry_s) == (0, 3600)


def test_systems_have_budgets_of_their_own(lease):
    lease(96)
    assert lease(5, system=FSM).count == 5


def test_several_processes_share_a_budget(lease, url, clock):
    other = Store(url, clock, "run-2", database_clock=False)
    lease(90)
    assert lease(90, of=other).count == 6
    other.close()


def test_what_is_given_back_may_be_used_by_others(store, lease):
    block = lease(96)
    store.give_back_requests(block.id, 40)
    assert lease(96).count == 40
    store.give_back_requests(block.id, 56)
    assert store.budget_use(OM, TERMS).used == 40


def test_the_use_is_told(store, lease):
    lease(7)
    lease(3, Purpose.BACKGROUND)
    use = store.budget_use(OM, TERMS)
    assert (use.requests, use.used, use.background) == (100, 10, 3)
    assert store.budget_use(FSM, TERMS).used == 0


def test_a_clock_that_is_set_back_ends_no_budget_for_long(lease, clock):
    lease(96)
    clock.move(-1_000_000)
    assert lease(1).retry_s <= TERMS.window_s
    clock.move(TERMS.window_s)
    assert lease(1).count == 1


class TestClaims:
    @pytest.fixture(autouse=True)
    def effects(self, store, make, d1):
        from mappings.effects import EffectKind

        with store.deciding() as tx, tx.in_background():
            kind = EffectKind.CREATE_WORK_ORDER
            tx.apply(
                make.decision(make.effect("old create", kind=kind, subject="d2", target="w2"), subject="d2")
            )
        with store.deciding() as tx:
            tx.apply(make.decision(make.effect("create", kind=kind, subject="d3", target="w3"), subject="d3"))
            tx.apply(make.decision(make.effect("update", subject="d4", target="w4"), subject="d4"))

    def test_a_scarce_system_gets_what_is_urgent(self, store):
        found = store.claim("me", 10, 60, scarce=[FSM])
        assert {one.effect.key for one in found} == {"old create", "create"}

    def test_an_idle_one_gets_nothing_of_a_backfill(self, store):
        found = store.claim("me", 10, 60, idle=[FSM])
        assert {one.effect.key: one.background for one in found} == {"create": False, "update": False}
        assert [one.background for one in store.claim("me", 10, 60)] == [True]
