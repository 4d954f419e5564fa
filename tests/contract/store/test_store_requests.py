"""Requests for closure outlive a life of the daemon, and a newer request takes the place of an older one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from mappings.model import Kind
from mappings.requests import RequestStatus


class TestRequests:
    def test_an_opened_request_waits_until_it_is_over(self, store, clock):
        with store.deciding() as tx:
            tx.open_request(Kind.DOMAIN_ORDER, "d1", clock())
        (request,) = store.requests()
        assert (request.subject, request.stamp, request.status) == ("d1", clock(), RequestStatus.WAITING)
        with store.deciding() as tx:
            assert tx.end_request("d1", "withdrawn")
        assert store.requests() == ()

    def test_every_field_survives_the_round_trip(self, store, clock):
        with store.deciding() as tx:
            tx.open_request(Kind.DOMAIN_ORDER, "d1", clock())
            full = replace(
                tx.request_of("d1"),
                status=RequestStatus.HELD,
                reasons=("work order WO1 is Assigned",),
                search_from=clock(),
                retry_after=clock() + timedelta(seconds=5),
                overridden_by="A. Meier",
                override_reason="returned",
            )
            assert tx.move_request(full)
        assert store.requests() == (full,)

    def test_the_same_request_seen_again_changes_nothing(self, store, clock):
        with store.deciding() as tx:
            tx.open_request(Kind.DOMAIN_ORDER, "d1", clock())
            tx.move_request(replace(tx.request_of("d1"), status=RequestStatus.HELD))
            tx.open_request(Kind.DOMAIN_ORDER, "d1", clock())
        assert [r.status for r in store.requests()] == [RequestStatus.HELD]

    def test_who_answers_an_older_request_writes_nothing(self, store, clock):
        with store.deciding() as tx:
            tx.open_request(Kind.DOMAIN_ORDER, "d1", clock())
            old = tx.request_of("d1")
        clock.move(60)
        with store.deciding() as tx:
            tx.open_request(Kind.DOMAIN_ORDER, "d1", clock())
            assert not tx.move_request(replace(old, status=RequestStatus.RELEASED))
        assert [(r.stamp, r.status) for r in store.requests()] == [(clock(), RequestStatus.WAITING)]

    def test_what_is_over_does_not_end_twice(self, store, clock):
        with store.deciding() as tx:
            tx.open_request(Kind.DOMAIN_ORDER, "d1", clock())
            assert tx.end_request("d1", "withdrawn")
            assert not tx.end_request("d1", "withdrawn")
            assert not tx.end_request("d2", "withdrawn")

    def test_after_a_start_an_open_request_may_have_been_answered(self, store, clock):
        """By a life that a restored state does not remember: the notes that stand are looked at before another is written."""
        with store.deciding() as tx:
            tx.open_request(Kind.DOMAIN_ORDER, "d1", clock())
            assert not tx.request_of("d1").unremembered
        store.begin_catch_up()
        with store.deciding() as tx:
            assert tx.request_of("d1").unremembered
