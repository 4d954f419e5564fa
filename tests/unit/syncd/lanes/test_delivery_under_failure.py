"""Delivery when the state, a worker or a rule fails: every outcome is settled in the end, and no effect waits for another."""

from __future__ import annotations

import threading
from concurrent.futures import Executor, Future
from contextlib import contextmanager

import pytest

from connectors.errors import Doubtful, Unreachable
from mappings.keys import Correlation
from mappings.model import Kind
from state.store import StateLocked, Store


class Flaky(Store):
    """A store whose next transactions of a kind fail."""

    def __init__(self, url, now):
        super().__init__(url, now)
        self.claims_fail = 0
        self.decisions_fail = 0

    def claim(self, *arguments, **named):
        if self.claims_fail:
            self.claims_fail -= 1
            raise StateLocked("busy")
        return super().claim(*arguments, **named)

    @contextmanager
    def deciding(self):
        if self.decisions_fail:
            self.decisions_fail -= 1
            raise StateLocked("busy")
        with super().deciding() as tx:
            yield tx


class Later(Executor):
    """Keeps what is submitted until it is asked to run it."""

    def __init__(self):
        self.waiting = []
        self.after_submit = lambda: None

    def submit(self, fn, /, *arguments, **keywords):
        future = Future()
        self.waiting.append((future, lambda: fn(*arguments, **keywords)))
        self.after_submit()
        return future

    def run(self):
        waiting, self.waiting = self.waiting, []
        for future, act in waiting:
            future.set_result(act())


@pytest.fixture
def flaky(world):
    store = Flaky(world.url, world.time)
    yield store
    store.close()


def drained_in_time(delivery):
    """Runs a drain on a thread of its own, so that one that waits for ever fails and does not hang."""
    thread = threading.Thread(target=lambda: delivery.drain(lambda: False), daemon=True)
    thread.start()
    thread.join(60)
    return not thread.is_alive()


def test_an_outcome_that_could_not_be_stored_is_stored_by_the_next_drain(world, flaky):
    """The database was busy at that moment; nothing is sent a second time for it."""
    world.order("Fiber Access")
    world.take_in()
    executor = Later()
    executor.after_submit = executor.run
    delivery = world.delivery_with(flaky, executor)
    flaky.decisions_fail = 1
    with pytest.raises(StateLocked):
        delivery.drain(lambda: False)
    delivery.drain(lambda: False)
    assert world.fsm.writes == ["create_work_order"]
    assert world.om.writes == ["write_note"]
    assert world.store.summary().in_doubt == 0


def test_what_is_in_flight_counts_when_a_claim_fails(world, flaky):
    """Otherwise a busy database would let the lane claim more than its workers can begin before their leases end."""
    world.order("Fiber Access", "Fiber Access", "Fiber Access", "Fiber Access")
    world.take_in()
    executor = Later()
    delivery = world.delivery_with(flaky, executor)

    def one_is_done():
        if len(executor.waiting) == 2:
            future, act = executor.waiting.pop()
            future.set_result(act())
            flaky.claims_fail = 1

    executor.after_submit = one_is_done
    with pytest.raises(StateLocked):
        delivery.drain(lambda: False)
    executor.after_submit = lambda: most.append(len(executor.waiting)) or executor.run()
    most: list[int] = []
    assert len(executor.waiting) == 1
    delivery.drain(lambda: False)
    assert max(most) == 2
    assert len(world.work_orders) == 4
    assert world.store.summary().effects["create_work_order", "done"] == 4


def test_a_slow_answer_holds_up_no_other_order(world):
    """One of two workers waits for its server; what becomes due meanwhile goes to the other."""
    world.order("Fiber Access")
    world.take_in()
    executor = Later()

    def second_order_comes():
        if len(executor.waiting) == 1:
            world.om.put(
                Kind.DOMAIN_ORDER,
                "DO2",
                "in_progress",
                order_line=world.id("ORDL1"),
                order=world.id("ORD1"),
                specification="Fiber Access",
            )
            world.take_in()
        else:
            executor.after_submit = executor.run
            executor.run()

    executor.after_submit = second_order_comes
    assert drained_in_time(world.delivery_with(world.store, executor))
    assert len(world.work_orders) == 2


def test_a_defect_in_what_follows_parks_its_effect_and_no_other(world, events):
    """A rule that raises while one of two creates is settled must not undo the other, nor come back for ever."""
    world.order("Fiber Access", "Managed Router")
    world.take_in()

    right = world.observer.apply

    def apply(tx, decision, sightings, **named):
        if decision.subject == world.id("DO1") and decision.noted:
            raise ValueError("a defect")
        right(tx, decision, sightings, **named)

    world.observer.apply = apply
    for _ in range(3):
        world.deliver()
        world.time.pass_(200)
    assert [p.subject for p in world.store.summary().parked] == [world.id("DO1")]
    assert len(world.notes_on("DO2")) == 1
    assert [e["event"] for e in events].count("delivery.failed") == 1


def test_a_parked_effect_whose_defect_was_corrected_goes_on(world):
    world.order("Fiber Access")
    world.take_in()
    right = world.observer.apply

    def apply(tx, decision, sightings, **named):
        if decision.noted:
            raise ValueError("a defect")
        right(tx, decision, sightings, **named)

    world.observer.apply = apply
    world.deliver()
    world.observer.apply = right
    (parked,) = world.store.summary().parked
    with world.store.deciding() as tx:
        assert tx.retry(parked.key)
    world.settle_down()
    assert len(world.work_orders) == 1
    assert len(world.notes_on("DO1")) == 1


def test_a_worker_that_breaks_leaves_doubt_for_the_settle_time(world):
    """It may have sent: a look that comes before the settle time would not be believed."""
    world.order("Fiber Access")
    world.take_in()
    world.deliver()
    world.om.put(
        Kind.DOMAIN_ORDER, "DO2", "in_progress", order=world.id("ORD1"), specification="Fiber Access"
    )
    write_note = world.om.write_note

    def breaks(kind, id, text):
        write_note(kind, id, text)
        raise TypeError("a defect in the connector")

    world.om.write_note = breaks
    world.settle_down(1)
    world.om.write_note = write_note
    world.time.pass_(-100 + 80)
    assert world.deliver().by_kind == {}
    world.time.pass_(20)
    assert world.deliver().by_kind == {"write_note": 1}
    assert len(world.notes_on("DO2")) == 1


def test_a_note_whose_look_outlasts_its_lease_is_not_written_by_the_late_worker(world):
    """The look took longer than the lease; the next turn probes again before it writes."""
    world.order("Fiber Access")
    world.om.fail("write_note", Doubtful("timeout"))
    world.take_in()
    world.deliver()
    world.time.pass_(100)
    looked = world.om.notes

    def slow(kind, id, containing):
        found = looked(kind, id, containing)
        world.time.pass_(70)
        return found

    world.om.notes = slow
    world.deliver()
    assert world.notes_on("DO1") == []
    world.om.notes = looked
    world.settle_down()
    assert len(world.notes_on("DO1")) == 1


def test_a_create_in_doubt_that_a_cancellation_overtakes_ends(world):
    """It never ran: a look after the settle time shows it. The cancel that waited for it ends too."""
    world.order("Managed Router")
    world.fsm.fail("create_work_order", Doubtful("timeout"))
    world.take_in()
    world.deliver()
    world.om.put(Kind.DOMAIN_ORDER, "DO1", "canceled")
    world.settle_down()
    summary = world.store.summary()
    assert (summary.in_doubt, summary.parked) == (0, ())
    assert {kind: n for kind, n in summary.effects.items() if kind[1] == "pending"} == {}
    assert world.work_orders == []


def test_a_create_in_doubt_is_not_given_up_before_the_settle_time(world):
    """The server may still be busy with it."""
    world.order("Fiber Access")
    world.fsm.fail("create_work_order", Doubtful("timeout"))
    world.take_in()
    world.deliver()
    world.om.put(Kind.DOMAIN_ORDER, "DO1", "canceled")
    world.take_in()
    for _ in range(3):
        world.time.pass_(20)
        world.deliver()
    assert world.store.summary().in_doubt == 1


def test_a_create_that_lands_late_on_a_cancelled_order_is_cancelled(world):
    world.order("Fiber Access")
    world.fsm.fail("create_work_order", Doubtful("timeout"))
    world.take_in()
    (claim,) = world.store.claim("run:1", 1, 60)
    with world.store.deciding() as tx:
        tx.settle(claim, world.dispatch.perform(claim).outcome)
    world.om.put(Kind.DOMAIN_ORDER, "DO1", "canceled")
    world.take_in()
    world.time.pass_(50)
    world.deliver()
    world.fsm.create_work_order(claim.effect.target, dict(claim.effect.values))
    world.settle_down()
    assert [w.state for w in world.work_orders] == ["canceled"]


def test_a_change_of_a_work_order_that_was_never_made_ends(world):
    """Born in a catch-up it is in doubt, and no decision can void it; when the create is given up it has no target."""
    world.order("Fiber Access")
    world.fsm.fail("create_work_order", Doubtful("timeout"))
    world.take_in()
    world.deliver()
    world.store.begin_catch_up()
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), priority="high")
    world.take_in()
    assert world.store.summary().in_doubt == 2
    with world.store.deciding() as tx:
        tx.end_catch_up()
    world.om.put(Kind.DOMAIN_ORDER, "DO1", "closed_complete")
    world.settle_down()
    summary = world.store.summary()
    assert (summary.in_doubt, summary.parked) == (0, ())
    assert world.work_orders == []


def test_a_hold_keeps_a_create_in_doubt_until_it_can_go_on(world):
    """Held is not cancelled: it is sent when the hold ends."""
    world.order("Fiber Access")
    world.fsm.fail("create_work_order", Doubtful("timeout"))
    world.take_in()
    world.deliver()
    world.om.put(Kind.DOMAIN_ORDER, "DO1", "on_hold")
    world.settle_down(4)
    assert world.work_orders == []
    world.om.put(Kind.DOMAIN_ORDER, "DO1", "in_progress")
    world.settle_down(3)
    assert len(world.work_orders) == 1


def test_an_order_that_waits_for_weeks_does_not_fill_the_ledger(world):
    world.order("Fiber Access")
    world.take_in()
    world.om.put(Kind.DOMAIN_ORDER, "DO1", "on_hold")
    for _ in range(64):
        world.deliver()
        world.time.pass_(40)
    tries = [entry for entry in world.store.ledger_of(world.id("DO1")) if entry.event == "notsent"]
    assert 1 < len(tries) < 10


def test_a_long_outage_is_no_storm(world, events):
    """Three effects in doubt, an hour of failed looks: each doubt is told once."""
    world.order("Fiber Access", "Fiber Access", "Fiber Access")
    world.fsm.fail("create_work_order", Doubtful("timeout"), times=3)
    world.take_in()
    world.deliver()
    world.fsm.fail("read", Unreachable("away"), times=500)
    for _ in range(60):
        world.time.pass_(61)
        world.deliver()
    assert len(events) < 20


def test_a_create_that_arrives_after_it_was_given_up_is_cancelled(world):
    """A worker stood still past its lease; meanwhile the order was cancelled, and the create was found to be nowhere."""
    world.order("Fiber Access")
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), "canceled")
    world.settle_down(3)
    late = Correlation(world.id("DO1"), "fiber", 1, 1)
    world.fsm.put(Kind.WORK_ORDER, "WO-late", "ready", correlation_id=str(late))
    world.settle_down(3)
    assert [record.state for record in world.work_orders] == ["canceled"]


def test_an_update_in_doubt_that_a_hold_stops_does_not_stop_the_cancellation_of_its_line(world):
    """The domain order stays on hold while its line is cancelled: the update that waits must not keep the cancel waiting."""
    world.order("Fiber Access")
    world.settle_down(2)
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), location="there")
    world.take_in()
    world.fsm.fail("update", Doubtful("timeout"))
    world.deliver()
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), "on_hold")
    world.om.edit(Kind.ORDER_LINE, world.id("ORDL1"), "canceled")
    for _ in range(12):
        world.settle_down(1)
        world.time.pass_(60)
    assert [row.state for row in world.work_orders] == ["canceled"]


def test_a_doubt_of_a_process_that_was_relieved_is_left_to_its_lease(world):
    """Its clock is not the one by which the next process waits."""
    world.order("Fiber Access")
    world.take_in()
    world.fsm.fail("create_work_order", Doubtful("reset"))
    world.delivery.relieved = lambda: True
    world.deliver()
    effects = world.store.summary().effects
    assert effects["create_work_order", "in_flight"] == 1
    assert ("create_work_order", "in_doubt") not in effects
    world.delivery.relieved = lambda: False
    world.time.pass_(3600)
    world.settle_down()
    assert len(world.work_orders) == 1
