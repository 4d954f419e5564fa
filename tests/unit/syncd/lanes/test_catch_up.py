"""A state that is older than the world: whatever was done since is found, never done again, and what is missing is done."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mappings.closure import ClosureSettings
from mappings.links import LinkSettings
from mappings.model import Kind, System
from state.store import Baseline, Identity, Store, create_or_migrate

_MARKER = re.compile(r"\[syncd:1:([^\]]+)\]\Z")


def copy(world, to):
    """The state as a backup would have it at this moment."""
    path = world.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as live, closing(sqlite3.connect(to)) as kept:
        live.backup(kept)


def put_back(world, backup):
    world.store.close()
    path = world.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(backup)) as kept, closing(sqlite3.connect(path)) as live:
        kept.backup(live)


def fresh(world, folder):
    """An empty state with the same baseline."""
    world.store.close()
    baseline = Baseline(world.observer._baseline, world.time.now)
    world.url = f"sqlite:///{folder / 'fresh.db'}"
    create_or_migrate(world.url)
    store = Store(world.url, world.time)
    identities = {system: Identity(system, "x", "http://127.0.0.1") for system in System}
    store.initialise(baseline, identities, {})
    store.close()


# -- the story ---------------------------------------------------------------------------------------------------------


def ordered(world):
    world.order("Managed Router", state="new")
    world.om.edit(Kind.ORDER_LINE, world.id("ORDL1"), priority="3")


def approved(world):
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), "in_progress", priority="3")


def work_began(world):
    world.fsm.advance(sorted(w.id for w in world.work_orders)[0], "assigned")


def amended(world):
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), priority="1")


def went_on(world):
    world.fsm.advance(sorted(w.id for w in world.work_orders)[0], "in_progress")


def point_of_no_return(world):
    world.om.edit(Kind.ORDER_LINE, world.id("ORDL1"), ponr="true")


def too_late(world):
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), priority="2")


def made_by_hand(world):
    world.fsm.put(Kind.WORK_ORDER, "WO-HAND", "assigned", initiated_from=world.id("DO1"))


def asked_to_close(world):
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), closure_request="requested")


def work_ended(world):
    for record in world.work_orders:
        world.fsm.advance(record.id, "closed_complete")


def unponred_and_cancelled(world):
    world.om.edit(Kind.ORDER_LINE, world.id("ORDL1"), ponr="false")
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), "canceled")


DELIVERED = (ordered, approved, work_began, amended, went_on, point_of_no_return, too_late, made_by_hand)


def cancelled(world):
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), "canceled")


STORIES = {
    "closed": (*DELIVERED, asked_to_close, work_ended),
    "cancelled": (ordered, approved, work_began, amended, went_on, unponred_and_cancelled),
    "cancelled past the point": (ordered, approved, work_began, point_of_no_return, cancelled),
    "by hand": (ordered, approved, made_by_hand, amended, cancelled),
}


def tell(world, story, folder=None):
    """Plays a story; with a folder it keeps a backup before, between and after everything that the daemon does."""
    backups: list[Path] = []

    def keep():
        if folder is not None:
            backups.append(folder / f"{len(backups)}.db")
            copy(world, backups[-1])

    for act in story:
        act(world)
        for _ in range(3):
            world.look()
            keep()
            world.gate.answer_all()
            world.deliver()
            keep()
            world.time.pass_(100)
    return backups


# -- what must hold ----------------------------------------------------------------------------------------------------


def saying(notes):
    """What notes say, without the version that each answers and without markers."""
    return Counter(_MARKER.sub("", text).strip() for text in notes)


def truth(world):
    """Both systems as people see them."""
    return {
        "work orders": sorted(
            (w.get("correlation_id") or w.number, w.state, w.get("priority")) for w in world.work_orders
        ),
        "notes on the order": saying(world.notes_on("DO1")),
        "notes on work orders": {
            w.number: saying(note.text for note in world.fsm.journal.get(w.id, [])) for w in world.work_orders
        },
        "domain order": world.om.records[Kind.DOMAIN_ORDER, world.id("DO1")].state,
    }


@pytest.fixture
def closing_world(world):
    """One in which domain orders ask for closure, and a release is written."""
    settings = ClosureSettings(("closure_request", "requested"), "release", {"closure_request": "released"})
    world.policy = replace(world.policy, closure=settings)
    world.restart()
    world.settle_down(2)
    return world


@pytest.mark.parametrize("story", STORIES)
def test_any_earlier_backup_doubles_and_loses_nothing(closing_world, tmp_path, story):
    """Told once and settled, then each backup of it is put back into the world as it has become."""
    world = closing_world
    backups = tell(world, STORIES[story], tmp_path)
    settled = truth(world)
    assert len(backups) >= 30
    for backup in backups:
        put_back(world, backup)
        world.restart()
        world.settle_down(3)
        assert truth(world) == settled, f"after {backup.name}"
        assert not world.store.catching_up()


@pytest.mark.parametrize("story", STORIES)
def test_a_fresh_state_with_the_same_baseline_doubles_nothing(closing_world, tmp_path, story):
    world = closing_world
    tell(world, STORIES[story])
    settled = truth(world)
    fresh(world, tmp_path)
    world.restart()
    world.settle_down(5)
    assert truth(world) == settled


# -- one thing at a time -----------------------------------------------------------------------------------------------


def test_a_work_order_that_a_note_names_and_that_is_gone_is_not_made_again(world, tmp_path):
    ordered(world)
    world.settle_down(1)
    copy(world, tmp_path / "kept.db")
    tell(world, (approved,))
    gone = world.work_orders[0]
    del world.fsm.records[Kind.WORK_ORDER, gone.id]
    put_back(world, tmp_path / "kept.db")
    world.restart()
    world.settle_down(4)
    assert gone.id not in {w.id for w in world.work_orders}
    assert ["it stood once" in parked.reason for parked in world.store.summary().parked] == [True]
    assert sum("Work orders created" in text for text in world.notes_on("DO1")) == 1


def test_a_stored_work_order_without_a_link_is_linked(world):
    """Whatever the outbox remembers, and although no feed shows it again."""
    tell(world, (ordered, approved))
    path = world.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as database:
        database.execute("DELETE FROM links")
        database.commit()
    world.time.pass_(1000)
    world.restart()
    world.look()
    assert world.store.summary().links == 2


def test_nothing_is_sent_before_every_feed_has_passed(world):
    ordered(world)
    approved(world)
    world.restart()
    world.catch_up.ask_time(System.FIELD_SERVICE)
    world.catch_up.ask_time(System.ORDER_MANAGEMENT)
    world.take_in(Kind.CUSTOMER_ORDER, Kind.ORDER_LINE, Kind.DOMAIN_ORDER, Kind.ORDER_TASK)
    assert not world.catch_up.finish()
    world.deliver()
    assert world.work_orders == []
    world.take_in(Kind.WORK_ORDER, Kind.WORK_TASK)
    assert world.catch_up.finish()
    world.deliver()
    assert len(world.work_orders) == 2


def test_a_system_whose_time_nobody_could_ask_prolongs_it(world):
    world.restart()
    world.catch_up.ask_time(System.FIELD_SERVICE)
    world.take_in()
    assert not world.catch_up.finish()


def test_field_service_is_read_first_or_at_least_tried(world):
    world.restart()
    assert not world.catch_up.is_turn_of(System.ORDER_MANAGEMENT)
    world.catch_up.looked(System.FIELD_SERVICE)
    assert world.catch_up.is_turn_of(System.ORDER_MANAGEMENT)


def test_what_the_replaced_life_may_still_be_sending_is_not_looked_for_yet(world):
    """A note that it sent just before it was killed may stand a moment after the restore."""
    ordered(world)
    world.settle_down(1)
    world.start()
    world.store.begin_catch_up(world.time() + timedelta(seconds=90))
    approved(world)
    world.look()
    assert world.deliver().by_kind == {}
    world.time.pass_(90)
    assert world.deliver().by_kind["create_work_order"] == 2


def test_the_gate_holds_while_catching_up(closing_world):
    world = closing_world
    tell(world, DELIVERED)
    world.restart()
    asked_to_close(world)
    work_ended(world)
    world.take_in()
    world.gate.answer_all()
    (request,) = world.store.requests()
    assert "syncd is catching up with both systems after a start" in request.reasons
    world.settle_down(4)
    assert sum("Closure released" in text for text in world.notes_on("DO1")) == 1


def test_an_update_of_a_replaced_life_does_not_come_back(world, tmp_path):
    """The restored outbox holds an update to a value that was sent, noted, and amended again since."""
    tell(world, (ordered, approved))
    amended(world)
    world.look()
    copy(world, tmp_path / "kept.db")
    world.settle_down(2)
    too_late(world)
    world.settle_down(2)
    seen = []
    update = world.fsm.update
    world.fsm.update = lambda kind, id, values: seen.append(dict(values)) or update(kind, id, values)
    put_back(world, tmp_path / "kept.db")
    world.restart()
    world.settle_down(4)
    assert seen == []
    assert {w.get("priority") for w in world.work_orders} == {"2"}


def test_an_ordinary_restart_does_not_take_an_old_note_for_a_new_one(world):
    """Cancelled past the point of no return, revived and cancelled again while nothing ran: a person is told twice."""
    tell(world, (ordered, approved, point_of_no_return, cancelled))
    told = sum("past the point" in text for text in world.notes_on("DO1"))
    approved(world)
    world.settle_down(1)
    cancelled(world)
    world.look()
    world.restart()
    world.settle_down(3)
    assert sum("past the point" in text for text in world.notes_on("DO1")) == told + 1 == 2


def test_what_did_not_parse_while_a_fresh_state_caught_up_is_not_taken_for_new(world, tmp_path):
    """The work order closed since its creation was noted; nobody could read it until the catch-up was over."""
    tell(world, (ordered, approved))
    work_order, other = world.work_orders
    world.fsm.advance(work_order.id, "closed_complete")
    world.fsm.unreadable.add(work_order.id)
    fresh(world, tmp_path)
    world.restart()
    world.settle_down(4)
    assert not world.store.catching_up()
    before = world.notes_on("DO1")
    world.fsm.unreadable.clear()
    world.fsm.edit(Kind.WORK_ORDER, work_order.id, note="mended")
    world.settle_down(4)
    (note,) = [note for note in world.notes_on("DO1") if note not in before]
    assert "closed_complete" in note
    assert [row.id for row in world.work_orders] == [work_order.id, other.id]


def test_a_status_of_before_is_told_when_a_create_finds_what_another_life_has_made(world, tmp_path):
    """Nobody could read its domain order until the catch-up was over: the look of the create shows that it is closed."""
    tell(world, (ordered, approved))
    work_order, _ = world.work_orders
    before = world.notes_on("DO1")
    world.fsm.advance(work_order.id, "closed_complete")
    world.om.unreadable.add(world.id("DO1"))
    fresh(world, tmp_path)
    world.restart()
    world.settle_down(4)
    assert not world.store.catching_up()
    world.om.unreadable.clear()
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), note="mended")
    world.settle_down(4)
    (note,) = [note for note in world.notes_on("DO1") if note not in before]
    assert "closed_complete" in note


def test_a_work_order_of_an_order_on_hold_that_is_gone_is_not_made_again_when_the_hold_ends(world, tmp_path):
    """The state is new, and the first plan is decided after its catch-up: a note names the work order that people deleted."""
    tell(world, (ordered, approved))
    gone, kept = world.work_orders
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), "on_hold")
    del world.fsm.records[Kind.WORK_ORDER, gone.id]
    fresh(world, tmp_path)
    world.restart()
    world.settle_down(4)
    assert not world.store.catching_up()
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), "in_progress")
    world.settle_down(4)
    assert [row.id for row in world.work_orders] == [kept.id]
    (parked,) = world.store.summary().parked
    assert "it stood once" in parked.reason


def test_what_another_life_has_named_is_not_named_again_by_a_hold(world, tmp_path):
    """The creates of the new state wait for their looks still when the order is held: its work orders are named then."""
    tell(world, (ordered, approved))
    before = world.notes_on("DO1")
    fresh(world, tmp_path)
    world.restart()
    while world.store.catching_up():
        world.look()
        world.time.pass_(20)
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), "on_hold")
    world.look()
    world.settle_down(4)
    assert ["is held" in note for note in world.notes_on("DO1")[len(before) :]] == [True]


def test_a_merge_that_another_life_has_told_is_not_told_again(world, tmp_path):
    """What the work order was merged into did not parse while the new state caught up."""
    links = LinkSettings("initiated_from", "id", merged="parent")
    world.policy = replace(world.policy, links=links)
    world.start()
    tell(world, (ordered, approved))
    big = world.fsm.put(Kind.WORK_ORDER, "WO-BIG", "assigned")
    gone, _ = world.work_orders[:2]
    world.fsm.edit(Kind.WORK_ORDER, gone.id, "canceled", parent=big.id)
    world.settle_down(3)
    assert sum("[syncd:1:merged:" in note for note in world.notes_on("DO1")) == 1
    world.fsm.unreadable.add(big.id)
    fresh(world, tmp_path)
    world.restart()
    world.settle_down(4)
    assert not world.store.catching_up()
    world.fsm.unreadable.clear()
    world.time.pass_(300)
    world.settle_down(2)
    world.fsm.edit(Kind.WORK_ORDER, gone.id, note="looked at again")
    world.settle_down(4)
    with world.store.deciding() as tx:
        assert big.id in {link.work_order for link in tx.links_of(world.id("DO1"))}
    assert sum("[syncd:1:merged:" in note for note in world.notes_on("DO1")) == 1
