"""What does not move is told once, within three polls, and once more when it moves again; an idle source is never told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.errors import Misconfigured, Unreachable
from connectors.ports import Page
from mappings.closure import ClosureSettings
from mappings.model import Kind, System
from syncd import logs
from syncd.figures import Thresholds
from syncd.intake import FEEDS
from syncd.observe import Sightings
from syncd.safety import Tally
from syncd.stuck import Stuck

STUCK = {"order.unsynced", "feed.stuck", "retries.storming", "closure.waiting", "stuck.ended"}


class Watched:
    """The lanes as a daemon turns them, and what the watch says after each poll."""

    def __init__(self, world, events) -> None:
        self.world = world
        self.events = events
        self.stuck = self.watch()

    def watch(self, **thresholds):
        world = self.world
        made = Stuck(
            world.systems,
            world.store,
            world.intake,
            world.journals,
            world.delivery,
            world.observer,
            world.health,
            lambda: world.policy,
            logs.get(),
            lambda: Thresholds(**thresholds),
            world.time,
            world.time.monotonic,
        )
        self.stuck = made
        return made

    def poll(self, times=1, *, deliver=True, seconds=10):
        """A turn of every lane, and a look."""
        for _ in range(times):
            for system in System:
                self.take_in(system)
            self.hear()
            self.world.gate.answer_all()
            if deliver:
                self.world.deliver()
            self.stuck.look()
            self.world.time.pass_(seconds)

    def take_in(self, system):
        try:
            for kind in FEEDS[system]:
                self.world.intake.run_pass(kind)
        except (Unreachable, Misconfigured) as error:
            self.world.health.failed(system, f"intake of {system}", error)
        else:
            self.world.health.worked(system, f"intake of {system}")

    def hear(self):
        for system in self.world.journals.wanted():
            try:
                current = self.world.journals.begin(system)
                while self.world.journals.take_page(current):
                    pass
            except Unreachable as error:
                self.world.health.failed(system, "notes", error)
            else:
                self.world.health.worked(system, "notes")

    def said(self):
        return [(e["event"], e) for e in self.events if e["event"] in STUCK]

    def names(self):
        return [name for name, _ in self.said()]


@pytest.fixture
def watched(world, events):
    return Watched(world, events)


def fail_feeds(world, *kinds, times=99):
    """These tables cannot be read, the rest of their systems can."""
    error = Unreachable("GET /x: 500")
    remote = world.systems[kinds[0].system]
    changes = remote.changes_since
    left = [times]

    def failing(asked, position, limit):
        if asked in kinds and left[0]:
            left[0] -= 1
            raise error
        return changes(asked, position, limit)

    remote.changes_since = failing


class TestAnIdleSource:
    def test_nothing_is_told_in_an_hour_of_nothing(self, watched):
        watched.poll(60, seconds=60)
        assert watched.said() == []

    def test_nor_in_an_hour_after_work(self, world, watched):
        world.order("Fiber Access")
        watched.poll(60, seconds=60)
        assert watched.said() == []


class TestAFeed:
    def test_that_fails_while_its_system_answers_is_told_in_three_polls(self, world, watched):
        watched.poll()
        fail_feeds(world, Kind.DOMAIN_ORDER)
        watched.poll(2)
        assert watched.said() == []
        watched.poll()
        ((name, event),) = watched.said()
        assert (name, event["feed"]) == ("feed.stuck", Kind.DOMAIN_ORDER)
        assert event["reason"] == "3 passes did not move it, while its system answers: GET /x: 500"

    def test_it_is_told_once_and_once_when_it_moves_again(self, world, watched):
        watched.poll()
        fail_feeds(world, Kind.DOMAIN_ORDER, times=9)
        watched.poll(30)
        assert watched.names() == ["feed.stuck", "stuck.ended"]

    def test_a_system_that_is_away_is_no_feed_that_is_stuck(self, world, watched):
        watched.poll()
        fail_feeds(world, Kind.WORK_ORDER, Kind.WORK_TASK, times=999)
        watched.poll(30)
        assert watched.said() == []

    def test_a_system_that_comes_back_at_the_moment_it_is_asked_is_given_one_more_pass(self, world, watched):
        watched.poll()
        fail_feeds(world, Kind.WORK_ORDER, times=2)
        watched.poll(10)
        assert watched.said() == []

    def test_one_that_waits_for_a_person_was_told_when_it_stopped(self, world, watched):
        watched.poll()
        world.safety.stop("domain_order", Tally())
        watched.poll(10)
        assert watched.said() == []

    def test_one_that_passes_a_change_without_showing_it_is_told(self, world, watched):
        world.order("Fiber Access")
        watched.poll(30)
        changes = world.fsm.changes_since
        world.fsm.changes_since = lambda kind, position, limit: Page((), None, world.fsm.server_time())
        work_order = world.work_orders[0]
        world.fsm.advance(work_order.id, "assigned")
        with world.store.deciding() as tx:
            world.observer.observe(tx, world.fsm.read(Kind.WORK_ORDER, work_order.id), Sightings())
        watched.poll(12)
        ((name, event),) = watched.said()
        assert (name, event["feed"]) == ("feed.stuck", Kind.WORK_ORDER)
        assert f"it does not show {work_order.number}" in event["reason"]
        world.fsm.changes_since = changes
        watched.poll(3)
        assert watched.names() == ["feed.stuck", "stuck.ended"]

    def test_a_record_that_was_deleted_since_is_none_that_a_feed_hides(self, world, watched):
        world.order("Fiber Access")
        watched.poll(1)
        del world.fsm.records[Kind.WORK_ORDER, world.work_orders[0].id]
        watched.poll(30)
        assert "feed.stuck" not in watched.names()


class TestAJournal:
    @pytest.fixture
    def mirrored(self, world, watched):
        world.policy = replace(world.policy, mirror_from=frozenset({System.ORDER_MANAGEMENT}))
        watched.poll(10)
        assert watched.said() == [], "nobody has typed anything: an idle source"

    def test_that_cannot_be_read_while_its_system_answers_is_told(self, world, watched, mirrored):
        def failing(position, limit):
            raise Unreachable("GET /journal: 500")

        whole = world.om.journal_since
        world.om.journal_since = failing
        watched.poll(6)
        ((name, event),) = watched.said()
        assert (name, event["feed"], event["system"]) == (
            "feed.stuck",
            "notes:order_management",
            System.ORDER_MANAGEMENT,
        )
        assert event["reason"].endswith("while its system answers: GET /journal: 500")
        world.om.journal_since = whole
        watched.poll(2)
        assert watched.names() == ["feed.stuck", "stuck.ended"]

    def test_that_is_wanted_no_more_is_not_stuck(self, world, watched, mirrored):
        world.journals.take_page = lambda current: False  # no pass comes to its end
        watched.poll(5)
        world.policy = replace(world.policy, mirror_from=frozenset())
        watched.poll()
        assert watched.names() == ["feed.stuck", "stuck.ended"]


class TestTheOldest:
    def test_an_effect_that_waits_for_too_long_is_told_with_what_to_do(self, world, watched):
        world.order("Fiber Access")
        world.fsm.fail("create_work_order", Unreachable("no connection"), times=999)
        watched.poll(31, seconds=60)
        told = [event for name, event in watched.said() if name == "order.unsynced"]
        assert len(told) == 1
        assert (told[0]["number"], told[0]["oldest_s"]) == ("ORD1", 1800)
        assert told[0]["reason"] == "no connection"
        assert told[0]["next"] == "syncd explain DO1"

    def test_it_ends_when_the_order_is_in_step(self, world, watched):
        world.order("Fiber Access")
        world.fsm.fail("create_work_order", Unreachable("no connection"), times=999)
        watched.poll(33, seconds=60)
        world.fsm.faults.clear()
        watched.poll(20)
        assert [n for n in watched.names() if n != "retries.storming"] == ["order.unsynced", "stuck.ended"]

    def test_what_waits_for_a_hold_is_not_stuck(self, world, watched):
        world.order("Fiber Access")
        world.take_in()
        world.om.edit(Kind.ORDER_LINE, world.id("ORDL1"), "on_hold")
        watched.poll(40, seconds=60)
        assert "order.unsynced" not in watched.names()

    def test_an_order_that_is_parked_for_a_broken_promise_was_told_then(self, world, watched):
        world.order("Fiber Access")
        world.take_in()
        with world.store.deciding() as tx:
            tx.halt(Kind.DOMAIN_ORDER, world.id("DO1"), "S1", "two work orders for one slot")
        watched.poll(40, seconds=60)
        assert watched.said() == []

    def test_a_parked_effect_was_told_when_it_was_parked(self, world, watched):
        world.order("Fiber Access")
        world.fsm.resolve = lambda entity, match, value: None
        watched.poll(40, seconds=60)
        assert "order.unsynced" not in watched.names()


class TestRetries:
    def test_a_storm_is_told_with_its_count_and_its_end(self, world, watched):
        watched.watch(retries=6, window_s=60)
        world.order("Fiber Access", "Managed Router")
        world.fsm.fail("create_work_order", Unreachable("no connection"), times=9)
        watched.poll(30)
        assert watched.names() == ["retries.storming", "stuck.ended"]
        assert watched.said()[0][1]["failures"] >= 6

    def test_a_few_tries_are_none(self, world, watched):
        world.order("Fiber Access")
        world.fsm.fail("create_work_order", Unreachable("no connection"), times=5)
        watched.poll(60)
        assert watched.said() == []


class TestTheGate:
    @pytest.fixture
    def asked(self, world, watched):
        marker = ClosureSettings(marker=("close_me", "true"), release={"state": "closed_complete"})
        world.policy = replace(world.policy, closure=marker)
        world.order("Fiber Access")
        watched.poll(30)
        world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), close_me="true")

    def test_a_request_that_it_cannot_judge_is_told(self, world, watched, asked):
        world.fsm.search_lag *= 100_000
        watched.poll(17, seconds=60)
        ((name, event),) = watched.said()
        assert (name, event["number"], event["next"]) == ("closure.waiting", "DO1", "syncd explain DO1")
        assert "the search for work orders made by hand is not settled yet" in event["because"]
        world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), close_me="false")
        watched.poll(2)
        assert watched.names() == ["closure.waiting", "stuck.ended"]

    def test_one_that_is_held_by_open_work_is_not(self, watched, asked):
        watched.poll(30, seconds=60)
        assert watched.said() == []
