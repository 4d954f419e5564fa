"""Contract of the store when several processes use it at once: each with its own connections, here two stores in threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from mappings.model import System
from state.store import Done, StateLocked, Store, run_lock

SETTLE = {System.ORDER_MANAGEMENT: 40.0, System.FIELD_SERVICE: 90.0}
pytestmark = pytest.mark.usefixtures("d1")


@pytest.fixture
def two(url, store, clock):
    """Two daemons' stores on one state."""
    other = Store(url, clock, "run-2", database_clock=False)
    yield {"run:1": store, "run:2": other}
    other.close()


def at_once(*works):
    """Runs all works in threads that begin together; what each returned."""
    gate = threading.Barrier(len(works))

    def begin(work):
        gate.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return [one.result() for one in [pool.submit(begin, work) for work in works]]


def drained(store, owner):
    """Claims and settles until nothing is left to claim; the keys in order."""
    done = []
    while claims := store.claim(owner, 2, 60, SETTLE):
        for claim in claims:
            with store.deciding() as transaction:
                assert transaction.settle(claim, Done())
            done.append(claim.effect.key)
    return done


def test_two_daemons_perform_each_effect_once_and_each_queue_in_order(make, intend, two):
    for queue in range(6):
        subject = f"q{queue}"
        intend(*(make.effect(f"{queue}:{n}", subject=subject) for n in range(4)), subject=subject)
    first, second = at_once(*(lambda o=o, s=s: drained(s, o) for o, s in two.items()))
    rest = drained(two["run:1"], "run:1")
    assert sorted([*first, *second, *rest]) == [f"{queue}:{n}" for queue in range(6) for n in range(4)]
    for done in (first, second):
        for queue in range(6):
            mine = [key for key in done if key.startswith(f"{queue}:")]
            assert mine == sorted(mine)


def test_one_of_many_who_ask_at_once_gets_a_lease(two):
    asked = [
        lambda owner=f"{name}:{n}", store=store: store.take_lease("feed:work_order", owner, 60)
        for name, store in two.items()
        for n in range(4)
    ]
    assert at_once(*asked).count(True) == 1


def test_what_a_lost_daemon_had_is_doubt_after_its_lease_and_its_late_word_counts_for_nothing(
    make, intend, two, clock
):
    intend(make.effect("a"))
    (late,) = two["run:1"].claim("run:1", 1, 60, SETTLE)
    clock.move(59)
    assert two["run:2"].claim("run:2", 1, 60, SETTLE) == ()
    clock.move(1)
    two["run:2"].claim("run:2", 1, 60, SETTLE)
    clock.move(90)
    (probe,) = two["run:2"].claim("run:2", 1, 60, SETTLE)
    assert (probe.effect.key, probe.probing, probe.silence_s) == ("a", True, 150)
    with two["run:1"].deciding() as transaction:
        assert not transaction.settle(late, Done())
    with two["run:2"].deciding() as transaction:
        assert transaction.settle(probe, Done())


def test_a_daemon_whose_clock_is_an_hour_ahead_takes_nothing_over_on_a_shared_state(
    url, store, make, intend, clock
):
    """By the database's clock no time has passed. A SQLite file has one machine and one clock."""
    if not store.is_shared:
        assert not Store(url, clock)._database_clock
        return
    right = Store(url, clock)
    fast = Store(url, lambda: clock() + timedelta(hours=1))
    intend(make.effect("a"))
    (claim,) = right.claim("run:1", 1, 60, SETTLE)
    assert fast.claim("run:2", 1, 60, SETTLE) == ()
    assert right.take_lease("gate", "run:1", 60)
    assert not fast.take_lease("gate", "run:2", 60)
    with fast.deciding() as transaction:
        assert transaction.settle(claim, Done())
    right.close()
    fast.close()


def test_daemons_share_a_run_lock_where_they_share_a_state_and_who_needs_it_alone_waits(url, store):
    with run_lock(url, shared=True):
        if store.is_shared:
            with run_lock(url, shared=True):
                pass
        else:
            with pytest.raises(StateLocked), run_lock(url, shared=True):
                pass
        with pytest.raises(StateLocked), run_lock(url):
            pass
    with run_lock(url), pytest.raises(StateLocked), run_lock(url, shared=True):
        pass
