"""Contract of the store: how lanes do, who has which lease, and how old what waits is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mappings.model import System
from state.store import Outage

FSM, OM = System.FIELD_SERVICE, System.ORDER_MANAGEMENT


@pytest.fixture
def outage(clock):
    def made(lane="delivery", system=FSM, failures=1):
        return Outage(
            lane, system.value, clock(), clock() + timedelta(seconds=8), failures, "Unreachable", "no \ud800"
        )

    return made


def lanes(store):
    with store.history() as history:
        return {(lane.lane, lane.system): lane for lane in history.lanes()}


def test_outages_replace_those_before_and_leave_the_successes(store, clock, outage):
    with store.deciding() as tx:
        tx.worked("delivery", [FSM])
    store.keep_outages([outage(), outage("gate", OM)])
    store.keep_outages([outage(failures=2)])
    found = lanes(store)
    assert found["delivery", "field_service"].outage.failures == 2
    assert found["delivery", "field_service"].worked_at == clock()
    assert found["gate", "order_management"].outage is None


def test_a_success_leaves_what_is_kept_of_an_outage(store, outage):
    store.keep_outages([outage()])
    with store.deciding() as tx:
        tx.worked("delivery", [FSM, OM])
    found = lanes(store)
    assert found["delivery", "field_service"].outage.detail == "no \\ud800"
    assert found["delivery", "order_management"].outage is None


def test_leases_are_told_until_they_end(store, clock):
    store.take_lease("feed:work_order", "run:1", 60)
    with store.history() as history:
        assert [(one.name, one.owner) for one in history.leases()] == [("feed:work_order", "run:1")]
    clock.move(61)
    with store.history() as history:
        assert history.leases() == ()


def test_the_time_by_the_server_stays_when_a_page_does_not_tell_it(store, clock):
    read = clock() + timedelta(hours=1)
    with store.deciding() as tx:
        tx.advance("work_order", clock(), "m", read_at=read)
    with store.deciding() as tx:
        tx.advance("work_order", clock(), "n")
    assert store.watermark("work_order").read_at == read


def test_the_oldest_of_each_kind_and_status_is_told(store, clock, make, intend):
    born = clock()
    intend(make.effect("n1"))
    clock.move(5)
    intend(make.effect("n2"))
    assert store.summary().oldest == {("update_work_order", "pending"): born}
