"""The journals' lane: what people type is taken in once, whatever fails, restarts or is forgotten in between."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from connectors.errors import Doubtful, Refused, Unreachable
from mappings.model import Kind, System
from state.store import Baseline, Identity, Store, create_or_migrate
from syncd.journals import feed_of

DO = Kind.DOMAIN_ORDER


@pytest.fixture
def mirroring(world):
    """Both sides are mirrored, and one order has its work order."""
    world.policy = replace(world.policy, mirror_from=frozenset(System), not_mirrored=frozenset({"syncd"}))
    world.hear()
    world.order("Fiber Access")
    world.settle_down(3)
    world.hear()
    return world


def type_there(world, text="the dog bites", **given):
    return world.om.type(DO, world.id("DO1"), text, **given)


def texts(system, id):
    return [note.text for note in system.journal.get(id, []) if "[syncd:1:mirrored:" in note.text]


def there(world):
    """What was mirrored to the work order."""
    (work_order,) = world.work_orders
    return texts(world.fsm, work_order.id)


def here(world):
    """What was mirrored to the domain order."""
    return texts(world.om, world.id("DO1"))


def rounds(world, count=4):
    for _ in range(count):
        world.look()
        world.hear()
        world.deliver()
        world.time.pass_(20)


def test_a_typed_note_reaches_the_other_side_once(mirroring):
    type_there(mirroring)
    (work_order,) = mirroring.work_orders
    mirroring.fsm.type(Kind.WORK_ORDER, work_order.id, "key is at the desk", author="bob")
    rounds(mirroring, 8)
    (on_work_order,) = there(mirroring)
    (on_domain_order,) = here(mirroring)
    assert on_work_order.startswith("Domain order DO1, note of ann, 2026-06-01 ")
    assert "\nthe dog bites\n" in on_work_order
    assert "note of bob" in on_domain_order and "\nkey is at the desk\n" in on_domain_order


def test_notes_of_one_second_come_page_by_page(mirroring):
    for number in range(8):
        type_there(mirroring, f"note {number}")
    rounds(mirroring, 10)
    assert sorted(text.splitlines()[1] for text in there(mirroring)) == [f"note {n}" for n in range(8)]


def test_what_was_typed_before_mirroring_began_stays_where_it_is(world):
    world.order("Fiber Access")
    world.settle_down(3)
    type_there(world, "long ago")
    world.time.pass_(10)
    world.policy = replace(world.policy, mirror_from=frozenset(System))
    rounds(world)
    type_there(world, "now")
    rounds(world)
    assert [text.splitlines()[1] for text in there(world)] == ["now"]


def test_nothing_is_read_where_nothing_is_mirrored(world):
    assert world.journals.wanted() == ()
    assert world.hear() == []


def test_a_note_that_commits_late_is_still_seen(mirroring):
    rounds(mirroring)
    late = type_there(mirroring)
    mirroring.om.typed.remove(late)
    type_there(mirroring, "in time")
    mirroring.time.pass_(2)
    mirroring.hear()
    mirroring.om.typed.append(late)
    rounds(mirroring)
    assert sorted(text.splitlines()[1] for text in there(mirroring)) == ["in time", "the dog bites"]


def test_a_note_on_an_order_line_reaches_every_work_order_below(world):
    world.policy = replace(world.policy, mirror_from=frozenset(System))
    world.hear()
    world.order("Fiber Access", "Managed Router")
    world.settle_down(3)
    world.om.type(Kind.ORDER_LINE, world.id("ORDL1"), "ring twice")
    rounds(world, 6)
    assert [len(texts(world.fsm, work_order.id)) for work_order in world.work_orders] == [1, 1, 1]


def test_a_note_reaches_a_work_order_that_is_on_its_way(mirroring):
    mirroring.om.put(DO, "DO2", "in_progress", order=mirroring.id("ORD1"), specification="Fiber Access")
    mirroring.look()
    mirroring.om.type(DO, mirroring.id("DO2"), "ring twice")
    rounds(mirroring)
    made = max(mirroring.work_orders, key=lambda record: record.number)
    assert len(texts(mirroring.fsm, made.id)) == 1


def test_an_unreadable_note_is_kept_and_the_others_pass(mirroring):
    mirroring.om.unreadable.add(type_there(mirroring, "garbled").id)
    type_there(mirroring, "clear")
    rounds(mirroring)
    assert [text.splitlines()[1] for text in there(mirroring)] == ["clear"]
    assert [(one.kind, one.field) for one in mirroring.store.quarantined()] == [(DO, "record")]


def test_hidden_notes_are_told_once(mirroring, events):
    mirroring.om.hidden.add(type_there(mirroring, "hidden").id)
    type_there(mirroring, "shown")
    rounds(mirroring, 2)
    told = [event for event in events if event["event"] == "rows.hidden"]
    assert [(event["feed"], event["rows"]) for event in told] == [(feed_of(System.ORDER_MANAGEMENT), 1)]


def test_what_a_person_gave_up_is_not_taken_up_again(mirroring):
    type_there(mirroring)
    mirroring.fsm.fail("write_note", Refused("no", reason="closed for notes"))
    mirroring.hear()
    mirroring.deliver()
    with mirroring.store.deciding() as tx:
        (parked,) = tx.facts_for(DO, mirroring.id("DO1")).effects
        assert tx.drop(parked.key, "not needed")
    rounds(mirroring)
    assert there(mirroring) == []


# -- failures, restarts, other lives -----------------------------------------------------------------------------------


def test_a_feed_that_fails_goes_on_where_it_was(mirroring):
    type_there(mirroring)
    mirroring.om.fail("journal_since", Unreachable("down"))
    with pytest.raises(Unreachable):
        mirroring.hear()
    rounds(mirroring)
    assert len(there(mirroring)) == 1


def test_an_answer_that_was_lost_doubles_nothing(mirroring):
    type_there(mirroring)
    mirroring.fsm.fail("write_note", Doubtful("reset"), committed=True)
    rounds(mirroring, 12)
    assert len(there(mirroring)) == 1


@pytest.mark.parametrize("delivered", [False, True], ids=["before it was written", "after it was written"])
def test_a_restart_doubles_nothing(mirroring, delivered):
    type_there(mirroring)
    mirroring.hear()
    if delivered:
        mirroring.deliver()
    mirroring.restart()
    rounds(mirroring, 10)
    assert len(there(mirroring)) == 1


def test_a_restored_backup_doubles_nothing(mirroring, tmp_path):
    path = mirroring.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as live, closing(sqlite3.connect(tmp_path / "kept.db")) as kept:
        live.backup(kept)
    type_there(mirroring, "typed and mirrored since")
    rounds(mirroring, 6)
    mirroring.store.close()
    type_there(mirroring, "typed meanwhile")
    with closing(sqlite3.connect(tmp_path / "kept.db")) as kept, closing(sqlite3.connect(path)) as live:
        kept.backup(live)
    mirroring.restart()
    rounds(mirroring, 12)
    said = sorted(text.splitlines()[1] for text in there(mirroring))
    assert said == ["typed and mirrored since", "typed meanwhile"]


def test_a_fresh_state_with_the_same_baseline_doubles_nothing_and_loses_nothing(mirroring, tmp_path):
    type_there(mirroring, "typed and mirrored")
    (work_order,) = mirroring.work_orders
    mirroring.fsm.type(Kind.WORK_ORDER, work_order.id, "and back", author="bob")
    rounds(mirroring, 8)
    mirroring.store.close()
    type_there(mirroring, "typed meanwhile")
    mirroring.url = f"sqlite:///{tmp_path / 'fresh.db'}"
    create_or_migrate(mirroring.url)
    store = Store(mirroring.url, mirroring.time)
    baseline = Baseline(mirroring.observer._baseline, mirroring.time.now)
    identities = {system: Identity(system, "x", "http://127.0.0.1") for system in System}
    store.initialise(baseline, identities, {feed_of(system): baseline.at for system in System})
    store.close()
    mirroring.restart()
    rounds(mirroring, 14)
    assert sorted(t.splitlines()[1] for t in there(mirroring)) == ["typed and mirrored", "typed meanwhile"]
    assert [t.splitlines()[1] for t in here(mirroring)] == ["and back"]


def test_a_catch_up_lasts_until_the_journals_were_read(mirroring):
    mirroring.restart()
    mirroring.time.pass_(5)
    mirroring.om.fail("journal_since", Unreachable("down"))
    with pytest.raises(Unreachable):
        mirroring.look()
    assert mirroring.catch_up.lasts()
    mirroring.time.pass_(5)
    mirroring.look()
    assert not mirroring.catch_up.lasts()


def test_in_a_catch_up_records_are_read_before_what_is_typed_on_them(mirroring):
    mirroring.restart()
    assert not mirroring.catch_up.knows_records()
    mirroring.time.pass_(5)
    mirroring.look()
    assert mirroring.catch_up.knows_records()


@pytest.fixture
def early(world):
    """Both sides are mirrored, and nothing was ordered yet."""
    world.policy = replace(world.policy, mirror_from=frozenset(System), not_mirrored=frozenset({"syncd"}))
    world.hear()
    world.time.pass_(300)
    return world


def go_on(system, kind):
    """The journal goes on behind what was typed: something is written elsewhere."""
    record = system.put(kind, "ELSEWHERE", "draft")
    system.type(kind, record.id, "of no concern", author="syncd")


def parses_again(world):
    """What field service shows can be read again, and is."""
    world.fsm.unreadable.clear()
    world.time.pass_(300)
    rounds(world, 8)


def test_a_note_typed_before_there_is_a_work_order_waits_for_the_first(early):
    early.order("Fiber Access", state="draft")
    rounds(early, 2)
    type_there(early, "ring twice")
    rounds(early, 4)
    early.om.edit(DO, early.id("DO1"), "in_progress")
    rounds(early, 8)
    (text,) = there(early)
    assert "\nring twice\n" in text
    type_there(early, "later")
    rounds(early, 4)
    assert len(there(early)) == 2


def test_a_note_on_a_work_order_that_no_domain_order_is_known_for_waits_for_it(early):
    early.fsm.put(Kind.WORK_ORDER, "WO9", "assigned", initiated_from=early.id("DO1"))
    early.fsm.type(Kind.WORK_ORDER, early.id("WO9"), "gate is locked")
    rounds(early, 4)
    early.order("Voice")
    rounds(early, 8)
    (text,) = here(early)
    assert "\ngate is locked\n" in text


def test_a_note_on_a_work_order_that_does_not_parse_waits_for_it(early):
    early.order("Fiber Access")
    early.take_in()
    early.fsm.fail("create_work_order", Doubtful("timeout"), committed=True)
    early.deliver()
    (work_order,) = early.work_orders
    early.fsm.unreadable.add(work_order.id)
    early.fsm.type(Kind.WORK_ORDER, work_order.id, "dog in the yard")
    rounds(early, 4)
    parses_again(early)
    (text,) = here(early)
    assert "\ndog in the yard\n" in text


def test_a_note_on_a_closed_order_waits_for_a_work_order_that_a_restored_state_does_not_know(early, tmp_path):
    path = early.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as live, closing(sqlite3.connect(tmp_path / "kept.db")) as kept:
        live.backup(kept)
    early.order("Fiber Access")
    rounds(early, 4)
    (work_order,) = early.work_orders
    early.om.edit(DO, early.id("DO1"), "closed_complete")
    rounds(early, 4)
    early.store.close()
    with closing(sqlite3.connect(tmp_path / "kept.db")) as kept, closing(sqlite3.connect(path)) as live:
        kept.backup(live)
    early.fsm.unreadable.add(work_order.id)
    type_there(early, "bring the router back")
    early.restart()
    rounds(early, 6)
    early.time.pass_(3600)
    go_on(early.om, DO)
    rounds(early, 2)
    parses_again(early)
    (text,) = there(early)
    assert "\nbring the router back\n" in text


@pytest.mark.parametrize(
    ("wait", "arrived"), [(timedelta(0), 0), (timedelta(minutes=5), 0), (timedelta(hours=2), 1)]
)
def test_a_note_waits_as_long_as_the_config_says(early, wait, arrived):
    early.policy = replace(early.policy, mirror_wait=wait)
    early.order("Fiber Access", state="draft")
    rounds(early, 2)
    type_there(early)
    rounds(early, 2)
    early.time.pass_(3600)
    go_on(early.om, DO)
    rounds(early, 2)
    early.om.edit(DO, early.id("DO1"), "in_progress")
    rounds(early, 8)
    assert len(there(early)) == arrived


def test_a_note_on_a_foreign_work_order_waits_for_nobody(early):
    early.fsm.put(Kind.WORK_ORDER, "WO9", "assigned")
    rounds(early, 2)
    early.fsm.type(Kind.WORK_ORDER, early.id("WO9"), "not ours")
    rounds(early, 4)
    early.time.pass_(3600)
    go_on(early.fsm, Kind.WORK_ORDER)
    rounds(early, 2)
    early.fsm.edit(Kind.WORK_ORDER, early.id("WO9"), initiated_from=early.id("DO1"))
    early.order("Voice")
    rounds(early, 8)
    assert here(early) == []
