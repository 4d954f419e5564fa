"""Of each attempt its requests, with their ids and answers; of the closure gate its verdicts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mappings.closure import ClosureSettings
from mappings.keys import request_name
from mappings.model import Kind
from state.store import LedgerEntry
from syncd.explain import explain
from syncd.explain.moments import moments
from syncd.explain.story import Names

NOON = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def tell(world):
    def told(name):
        with world.store.history() as history:
            return explain(history, name, world.policy, world.time.now, lambda _: "number")

    return told


class TestRequests:
    @staticmethod
    def details(requests, names=None):
        data = {"kind": "create_work_order", "attempt": 2, "detail": "", "ms": 1500, "requests": requests}
        entry = LedgerEntry("done", "do1", effect_key="create:do1:fiber:1:1", data=data, at=NOON)
        sent, answered = moments([entry], Names())
        assert (sent.at, answered.at) == (NOON - timedelta(milliseconds=1500), NOON)
        return sent.details

    def test_each_has_its_id_and_its_answer(self):
        name = request_name("create:do1:fiber:1:1", 2)
        assert self.details([["GET", 404, 3], ["POST", 201, 43]]) == (
            f"GET -> 404 in 3 ms (request {name}.1)",
            f"POST -> 201 in 43 ms (request {name}.2)",
        )

    def test_those_that_were_answered_alike_are_one_line(self):
        name = request_name("create:do1:fiber:1:1", 2)
        assert self.details([["GET", 200, 7, 2], ["POST", None, 800]]) == (
            f"2 x GET -> 200 in 7 ms (requests {name}.1 to 2)",
            f"POST -> no answer in 800 ms (request {name}.3)",
        )


class TestTheGate:
    def test_its_verdict_is_a_moment_of_its_own(self, world, tell):
        marker = ClosureSettings(marker=("close_me", "true"), release={"state": "closed_complete"})
        world.policy = replace(world.policy, closure=marker)
        world.order("Fiber Access")
        world.settle_down(2)
        world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), close_me="true")
        world.settle_down(3)
        gate = [m for m in tell("DO1").stories[0].moments if m.word == "gate"]
        assert [m.text for m in gate] == ["closure of DO1 is held, and a note says what is open"]
        assert "Ready for Dispatch" in " ".join(gate[0].details)
        (work_order,) = world.work_orders
        world.fsm.advance(work_order.id, "closed_complete")
        world.settle_down(3)
        gate = [m.text for m in tell("DO1").stories[0].moments if m.word == "gate"]
        assert gate[-1] == "closure of DO1 may pass"
