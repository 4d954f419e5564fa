"""What is made anew when an order is cancelled and comes back, and what only a person has made anew."""

from __future__ import annotations

import pytest

from mappings.keys import Correlation, parse_correlation
from mappings.model import Kind
from syncd import logs
from syncd.recreate import Unnamed, Wish, recreate


@pytest.fixture
def made(world):
    """One work order, made and noted."""
    world.order("Fiber Access")
    world.settle_down(2)
    assert len(world.work_orders) == 1
    return world


def generations(world):
    """The states of all work orders of DO1, by generation."""
    found = [(parse_correlation(record.get("correlation_id")), record.state) for record in world.work_orders]
    return {ours.generation: state for ours, state in found if ours}


def cancel(world):
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), "canceled")
    world.settle_down(3)


def back(world, *, revised):
    if revised:
        world.om.edit(Kind.CUSTOMER_ORDER, world.id("ORD1"))
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), "in_progress")
    world.settle_down(3)


def ask(world, name="DO1", *, dry_run=False, rule="fiber"):
    wish = Wish(name, rule, 1, "A. Meier", "lost")
    return recreate(world.store, world.fsm, world.policy, wish, logs.get(), dry_run=dry_run)


class TestByItself:
    def test_a_revised_order_that_comes_back_gets_the_next_generation_once(self, made):
        cancel(made)
        back(made, revised=True)
        made.settle_down()
        assert generations(made) == {1: "canceled", 2: "ready"}

    def test_again_and_again(self, made):
        for _ in range(2):
            cancel(made)
            back(made, revised=True)
        assert generations(made) == {1: "canceled", 2: "canceled", 3: "ready"}

    def test_the_memory_outlives_the_daemon_and_steps_between(self, made):
        """It comes back by way of a state in which nothing is created."""
        cancel(made)
        made.start()
        made.om.edit(Kind.DOMAIN_ORDER, made.id("DO1"), "draft")
        made.settle_down(2)
        back(made, revised=True)
        assert generations(made) == {1: "canceled", 2: "ready"}

    def test_without_a_revision_a_person_decides(self, made):
        cancel(made)
        back(made, revised=False)
        assert generations(made) == {1: "canceled"}

    def test_a_cancellation_that_is_taken_back_in_time_changes_nothing(self, made):
        """The cancel was never sent, and a later revision is none of its business."""
        made.om.edit(Kind.DOMAIN_ORDER, made.id("DO1"), "canceled")
        made.take_in()
        back(made, revised=False)
        made.fsm.advance(made.work_orders[0].id, "closed_complete")
        back(made, revised=True)
        assert generations(made) == {1: "closed_complete"}

    def test_a_person_who_cancels_in_field_service_is_not_overruled(self, made):
        made.fsm.advance(made.work_orders[0].id, "canceled")
        made.settle_down(2)
        back(made, revised=True)
        assert generations(made) == {1: "canceled"}


class TestByHand:
    @pytest.fixture
    def ended(self, made):
        made.fsm.advance(made.work_orders[0].id, "canceled")
        made.settle_down(2)
        return made

    @pytest.mark.parametrize("name", ["DO1", "its id", "its work order"])
    def test_a_person_has_it_made_anew(self, ended, events, name):
        named = {"its id": ended.id("DO1"), "its work order": ended.work_orders[0].number}.get(name, name)
        answer = ask(ended, named)
        assert (answer.number, answer.key) == ("DO1", Correlation(ended.id("DO1"), "fiber", 1, 2).key)
        ended.settle_down()
        assert generations(ended) == {1: "canceled", 2: "ready"}
        assert [e["reason"] for e in events if e["event"] == "work_order.recreated"] == ["lost"]
        assert "work_order.recreated" in [e.event for e in ended.store.ledger_of(ended.id("DO1"))]

    def test_a_dry_run_changes_nothing(self, ended):
        assert ask(ended, dry_run=True).key
        ended.settle_down(2)
        assert generations(ended) == {1: "canceled"}

    def test_what_field_service_has_and_the_state_does_not_know_counts(self, ended):
        ours = Correlation(ended.id("DO1"), "fiber", 1, 2)
        ended.fsm.put(Kind.WORK_ORDER, "WO-old", "canceled", correlation_id=str(ours))
        assert ask(ended).key.endswith(":3")

    def test_while_the_old_one_is_open_it_is_refused(self, made):
        answer = ask(made)
        assert (answer.key, "has not ended" in answer.why) == ("", True)

    @pytest.mark.parametrize("name", ["DO9", "ORD1"])
    def test_what_is_not_known_is_named(self, ended, name):
        with pytest.raises(Unnamed, match="nothing that the state knows"):
            ask(ended, name)
