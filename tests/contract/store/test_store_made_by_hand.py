"""Links that people move, tasks of work orders, and fields that wait for field service, on every database."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings.effects import Reference
from mappings.model import Kind, Origin
from mappings.references import Unresolved

BERLIN = Reference("location", "name", "Berlin")


@pytest.mark.usefixtures("d1")
class TestMadeByHand:
    def test_a_link_that_people_made_can_be_taken_away_and_ours_can_not(self, store, make):
        with store.deciding() as tx:
            tx.link(replace(make.link(), origin=Origin.ADOPTED))
            tx.link(make.link(work_order="w2"))
            assert tx.unlink("d1", "w1")
            assert not tx.unlink("d1", "w1")
            assert not tx.unlink("d1", "w2")

    def test_others_that_share_a_work_order_are_facts_with_what_they_stand_with(self, store, make):
        with store.deciding() as tx:
            tx.record(make.record(Kind.CUSTOMER_ORDER, "o2"))
            tx.record(make.record(Kind.DOMAIN_ORDER, "d2", order="o2"))
            tx.link(make.link())
            tx.link(make.link("d2"))
            ((other, order),) = tx.facts_for(Kind.DOMAIN_ORDER, "d1").elsewhere["w1"]
        assert (other.id, order.id) == ("d2", "o2")

    def test_the_tasks_of_work_orders_are_found(self, store, make):
        with store.deciding() as tx:
            for id, work_order in (("t1", "w1"), ("t2", "w1"), ("t3", "w2")):
                tx.record(make.record(Kind.WORK_TASK, id, work_order=work_order))
            assert [task.id for task in tx.tasks_of(["w1"])] == ["t1", "t2"]

    def test_a_field_waits_until_it_is_written_or_given_up(self, store, make):
        effect = replace(make.effect("e1"), subject="d1", references={"location": BERLIN, "account": BERLIN})
        with store.deciding() as tx:
            tx.link(make.link())
            tx.keep_unresolved(effect, "w1", {"location": BERLIN, "account": BERLIN})
            assert tx.facts_for(Kind.DOMAIN_ORDER, "d1").unresolved == {
                ("w1", "location"): "Berlin",
                ("w1", "account"): "Berlin",
            }
            tx.keep_unresolved(effect, "w1", {"location": BERLIN})
        with store.history() as history:
            (one,) = history.unresolved()
        assert replace(one, since=None) == Unresolved(Kind.DOMAIN_ORDER, "d1", "w1", "location", BERLIN)
        with store.deciding() as tx:
            tx.forget_unresolved(one)
            assert tx.facts_for(Kind.DOMAIN_ORDER, "d1").unresolved == {}
