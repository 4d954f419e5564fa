"""What work orders were between two polls: every state noted where the history can be read, one note where it cannot."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from connectors.errors import Busy, Misconfigured, Unreachable
from mappings.model import Kind
from syncd.histories import REST_S

WAY = ("assigned", "accepted", "work_in_progress")


@pytest.fixture
def work_order(world):
    """A linked work order, with its history read; everything about it is noted."""
    world.policy = replace(world.policy, history_limit=20)
    world.order("Fiber Access")
    world.settle_down()
    return world.work_orders[0].id


def moved(world, id, *states):
    for state in states:
        world.time.pass_(1)
        world.fsm.advance(id, state)


def told(world):
    """The first line of each status note on the domain order, without the number and the title."""
    lines = [note.split("\n")[0] for note in world.notes_on("DO1") if " -> " in note.split("\n")[0]]
    return [line.partition("): ")[2] or line.partition(": ")[2] for line in lines]


def kept_state(world, folder):
    """The state as a backup would have it at this moment."""
    with (
        closing(sqlite3.connect(folder / "syncd.db")) as live,
        closing(sqlite3.connect(folder / "kept")) as kept,
    ):
        live.backup(kept)
    return folder / "kept"


def put_back(world, backup):
    """The backup takes the place of the state, and the daemon starts."""
    world.store.close()
    with (
        closing(sqlite3.connect(backup)) as kept,
        closing(sqlite3.connect(backup.parent / "syncd.db")) as live,
    ):
        kept.backup(live)
    world.restart()


def test_every_state_between_two_polls_is_noted_once_and_in_order(world, work_order):
    moved(world, work_order, *WAY)
    world.settle_down()
    assert [line.split(",")[0] for line in told(world)] == [
        "Ready for Dispatch -> Assigned",
        "Assigned -> accepted",
        "accepted -> work_in_progress",
    ]
    world.settle_down()
    assert len(told(world)) == 3


def test_it_is_off_unless_the_config_says_otherwise(world, work_order):
    world.policy = replace(world.policy, history_limit=0)
    moved(world, work_order, *WAY)
    world.settle_down()
    assert told(world) == ["Ready for Dispatch -> work_in_progress"]
    assert world.fsm.histories == []


def test_only_a_linked_record_that_changed_several_times_is_asked_for(world, work_order):
    stranger = world.fsm.put(Kind.WORK_ORDER, "stranger", "draft").id
    world.settle_down()
    moved(world, stranger, *WAY)
    moved(world, work_order, "assigned")
    world.settle_down()
    assert world.fsm.histories == []
    assert told(world) == ["Ready for Dispatch -> Assigned"]


@pytest.mark.parametrize("error", [Misconfigured("403"), Unreachable("timeout")], ids=["refused", "slow"])
def test_a_history_that_cannot_be_read_makes_one_note_and_one_event(world, work_order, events, error):
    world.fsm.fail("history", error, times=9)
    for states in (("assigned", "accepted"), ("work_in_progress", "assigned")):
        moved(world, work_order, *states)
        world.settle_down()
        world.time.pass_(REST_S + 1)
    assert told(world) == ["Ready for Dispatch -> accepted", "accepted -> Assigned"]
    assert len(world.fsm.histories) == 2
    assert [one["event"] for one in events].count("history.unreadable") == 1


def test_a_history_that_is_empty_is_told_and_holds_nothing_up(world, work_order, events):
    moved(world, work_order, *WAY)
    world.fsm.audit.clear()
    world.settle_down()
    assert told(world) == ["Ready for Dispatch -> work_in_progress"]
    assert [one["number"] for one in events if one["event"] == "history.unreadable"] == [
        world.work_orders[0].number
    ]


def test_tasks_that_are_not_audited_hide_nothing_of_work_orders(world, work_order, events):
    world.policy = replace(world.policy, task_note_fields=("state",))
    task = world.fsm.put(Kind.WORK_TASK, "T1", "draft", work_order=work_order).id
    world.settle_down()
    for state in WAY:
        world.fsm.edit(Kind.WORK_TASK, task, state)
    del world.fsm.audit[task]
    world.settle_down(rounds=1)
    assert [one["kind"] for one in events if one["event"] == "history.unreadable"] == [Kind.WORK_TASK]
    moved(world, work_order, *WAY)
    world.settle_down(rounds=2)
    assert len(told(world)) == len(WAY)


def test_it_is_asked_again_after_a_while(world, work_order):
    world.fsm.fail("history", Misconfigured("403"))
    moved(world, work_order, "assigned", "accepted")
    world.settle_down()
    world.time.pass_(REST_S + 1)
    moved(world, work_order, "work_in_progress", "assigned")
    world.settle_down()
    assert len(told(world)) == 3


def test_a_busy_system_is_waited_for(world, work_order):
    """Nothing of the page is stored, so the history is read with the next try."""
    world.fsm.fail("history", Busy("429", retry_after=1))
    moved(world, work_order, *WAY)
    with pytest.raises(Busy):
        world.take_in(Kind.WORK_ORDER)
    world.settle_down()
    assert len(told(world)) == 3


def test_what_a_history_lacks_is_told_with_the_next_state(world, work_order):
    moved(world, work_order, *WAY)
    del world.fsm.audit[work_order][-3:-1]
    world.settle_down()
    assert told(world) == ["Ready for Dispatch -> work_in_progress"]


def test_our_own_write_after_changes_of_people_swallows_none_of_them(world, work_order):
    moved(world, work_order, "assigned", "accepted")
    world.time.pass_(1)
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), location="there")
    world.take_in(Kind.DOMAIN_ORDER)
    world.deliver()
    assert "update" in " ".join(world.fsm.writes)
    world.deliver()
    assert [line.split(",")[0] for line in told(world)] == [
        "Ready for Dispatch -> Assigned",
        "Assigned -> accepted",
    ]


def test_the_sweep_swallows_none_of_them_either(world, work_order):
    moved(world, work_order, *WAY)
    world.sweep_up()
    world.deliver()
    assert len(told(world)) == 3


def test_the_first_sight_of_a_work_order_tells_no_history(world, work_order):
    by_hand = world.fsm.put(Kind.WORK_ORDER, "by hand", "draft", initiated_from=world.id("DO1")).id
    moved(world, by_hand, *WAY)
    world.settle_down()
    assert told(world) == []


def test_what_another_life_told_in_one_note_is_not_told_again_in_steps(world, work_order, tmp_path):
    """A backup from before the changes, restored when the history has just been switched on."""
    kept = kept_state(world, tmp_path)
    world.policy = replace(world.policy, history_limit=0)
    moved(world, work_order, *WAY)
    world.settle_down()
    before = world.notes_on("DO1")
    world.policy = replace(world.policy, history_limit=20)
    put_back(world, kept)
    world.settle_down()
    assert world.fsm.histories == [(work_order,)]
    assert world.notes_on("DO1") == before


def test_a_state_that_is_older_than_the_world_doubles_nothing(world, work_order, tmp_path):
    """Restored from before the changes, it reads the same history, and finds that all of it was told."""
    kept = kept_state(world, tmp_path)
    moved(world, work_order, *WAY)
    world.settle_down()
    before = world.notes_on("DO1")
    put_back(world, kept)
    world.settle_down()
    assert world.fsm.histories == [(work_order,)] * 2
    assert world.notes_on("DO1") == before
