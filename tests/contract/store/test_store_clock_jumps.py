"""A clock that was set while nobody ran ends no wait: what was in doubt settles anew at the next start."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mappings.effects import EffectKind
from mappings.model import System
from state.store import InDoubt

SETTLE = {System.FIELD_SERVICE: 90, System.ORDER_MANAGEMENT: 90}


def _doubt(store, key):
    (claim,) = [one for one in store.claim("run:1", 10, 60) if one.effect.key == key]
    with store.deciding() as tx:
        tx.settle(claim, InDoubt("no answer", 90))


def test_a_doubt_that_outlives_its_process_settles_anew(store, clock, make, intend):
    intend(make.effect("a"))
    _doubt(store, "a")
    clock.move(3600)

    store.lose("run:", SETTLE)
    assert store.claim("run:2", 10, 60) == ()
    clock.move(90)
    assert [probe.effect.key for probe in store.claim("run:2", 10, 60)] == ["a"]


def test_a_verb_that_finds_the_clock_set_forward_lets_doubts_settle_anew(store, clock, make, intend):
    """On PostgreSQL the clock of the database counts, whatever that of a machine says: nothing waits anew."""
    assert store.keep_time(clock(), SETTLE) is None
    intend(make.effect("a"))
    _doubt(store, "a")
    clock.move(3600)

    moved = store.keep_time(clock(), SETTLE)
    assert moved == (None if store.is_shared else timedelta(hours=1))
    if moved is not None:
        assert store.claim("run:2", 10, 60) == ()
        clock.move(90)
    assert [probe.effect.key for probe in store.claim("run:2", 10, 60)] == ["a"]


def test_verbs_that_come_again_and_again_keep_no_doubt_open(store, clock, make, intend):
    zero = clock()
    store.keep_time(zero, SETTLE)
    intend(make.effect("a"))
    _doubt(store, "a")
    for _ in range(3):
        clock.move(30)
        assert store.keep_time(zero + timedelta(milliseconds=200), SETTLE) is None
    assert [probe.effect.key for probe in store.claim("run:2", 10, 60)] == ["a"]


def test_a_create_may_be_looked_for_at_once(store, clock, make, intend):
    intend(make.effect("c", kind=EffectKind.CREATE_WORK_ORDER))
    _doubt(store, "c")
    clock.move(3600)

    store.lose("run:", SETTLE)
    assert [probe.effect.key for probe in store.claim("run:2", 10, 60)] == ["c"]


def test_what_was_never_sent_waits_for_nothing(store, make, intend):
    intend(make.effect("a"))
    store.lose("run:", SETTLE)
    assert [claim.effect.key for claim in store.claim("run:2", 10, 60)] == ["a"]


def test_a_wait_keeps_its_length_over_two_starts_and_a_clock_that_is_set_both_ways(
    store, clock, make, intend
):
    """Its length is counted from the start that made it settle anew, not from the doubt."""
    intend(make.effect("a"))
    _doubt(store, "a")
    clock.move(3600)
    store.lose("run:", SETTLE)
    clock.move(-7200)

    store.lose("run:", SETTLE)
    assert store.claim("run:3", 10, 60) == ()
    clock.move(90)
    assert [probe.effect.key for probe in store.claim("run:3", 10, 60)] == ["a"]


def assert_looked_for_after_the_wait(store, clock):
    """The catch-up ends at once; the one effect is looked for after the 90 s of the restore, and not before."""
    with store.deciding() as tx:
        tx.end_catch_up()
    assert store.claim("run:2", 10, 60) == ()
    clock.move(90)
    assert [probe.effect.key for probe in store.claim("run:2", 10, 60)] == ["a"]


@pytest.mark.parametrize("hours", [-1, 1], ids=["back", "forward"])
def test_the_wait_after_a_restore_keeps_its_length_whatever_the_clock_was_set_to(
    store, clock, intend, make, hours
):
    """Set between the restore and the start that follows it."""
    store.begin_catch_up(clock() + timedelta(seconds=90))
    intend(make.effect("a"))
    clock.move(hours * 3600)

    store.begin_catch_up()
    assert_looked_for_after_the_wait(store, clock)


def test_a_state_that_is_put_back_waits_also_when_it_was_in_a_catch_up(store, clock, intend, make):
    """What was born in it was not sent when the copy was made, and may have been since."""
    store.begin_catch_up()
    intend(make.effect("a"))

    store.begin_catch_up(clock() + timedelta(seconds=90))
    store.begin_catch_up()
    assert_looked_for_after_the_wait(store, clock)
