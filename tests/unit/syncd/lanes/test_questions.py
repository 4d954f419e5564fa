"""What a turn asks of the state: together where nothing comes between, and nothing that nobody needs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings.closure import ClosureSettings
from mappings.model import Kind
from state import requests, snapshots
from state.engine import Database


@pytest.fixture
def begun(monkeypatch):
    """How each transaction began since the list was last cleared."""
    found = []

    def watch(how):
        original = getattr(Database, how)

        def begin(self, *args):
            found.append(how)
            return original(self, *args)

        monkeypatch.setattr(Database, how, begin)

    for how in ("reading", "writing", "deciding"):
        watch(how)
    return found


def test_a_page_is_looked_up_in_one_question_before_its_transaction(world, begun):
    world.order("Fiber Access", "Fiber Access")
    world.settle_down(2)
    for kind in (Kind.DOMAIN_ORDER, Kind.WORK_ORDER):
        begun.clear()
        assert world.intake.run_pass(kind).fetched == 2
        assert begun == ["reading", "reading", "deciding"], "where the feed stands, what is known, the page"


def test_a_page_is_written_at_once(world, monkeypatch):
    """However many of its records have changed, and are decided on one after the other."""
    world.order(*["Fiber Access"] * 5)
    world.settle_down(3)
    for work_order in world.work_orders:
        world.fsm.advance(work_order.id, "assigned")
    for number in range(1, 6):
        world.om.edit(Kind.DOMAIN_ORDER, world.id(f"DO{number}"), location="there")
    written = []
    original = snapshots.insert_or_replace
    monkeypatch.setattr(snapshots, "insert_or_replace", lambda *args: written.append(args) or original(*args))
    for kind in (Kind.WORK_ORDER, Kind.DOMAIN_ORDER):
        written.clear()
        passed = world.intake.run_pass(kind)
        assert (passed.sightings.changed, passed.pages) == (5, 2)
        assert len(written) == 2


def test_what_notes_may_tell_is_asked_once_for_all_claims_that_read_notes(world, monkeypatch):
    world.order("Fiber Access", "Fiber Access")
    world.restart()
    asked, original = [], world.store.remembered

    def remembered(*subjects):
        asked.append({*subjects})
        return original(*subjects)

    monkeypatch.setattr(world.store, "remembered", remembered)
    world.settle_down(3)
    assert len(world.work_orders) == 2
    assert asked == [{world.id("DO1"), world.id("DO2")}], "for the notes, not for the creates"


def test_the_gate_writes_nothing_while_a_request_stands_as_it_did(world, monkeypatch):
    closure = ClosureSettings(marker=("closure_request", "requested"), release={"state": "closed_complete"})
    world.policy = replace(world.policy, closure=closure)
    world.order("Fiber Access")
    world.settle_down(2)
    world.om.put(Kind.DOMAIN_ORDER, "DO1", "in_progress", closure_request="requested")
    world.settle_down(3)
    moved = []
    monkeypatch.setattr(requests, "put", lambda *args: moved.append(args))
    before = world.store.requests()
    assert world.gate.answer_all() == (0, [])
    assert (moved, world.store.requests()) == ([], before)
