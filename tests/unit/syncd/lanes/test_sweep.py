"""The sweep finds what no feed shows, and a second one finds nothing more."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from connectors.errors import Doubtful, Unreachable
from mappings.effects import Decision
from mappings.keys import Correlation
from mappings.model import Kind, Origin
from syncd.sweep_findings import What


@pytest.fixture
def settled(world):
    """Three domain orders with a work order each, and everybody at rest; the feeds have long passed the first two."""
    world.order("Fiber Access", "Fiber Access", "Fiber Access")
    world.settle_down(3)
    world.time.pass_(1000)
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO3"), remark="x")
    world.fsm.edit(Kind.WORK_ORDER, link_of(world, "DO3").work_order, remark="x")
    world.settle_down(1)
    assert len(world.work_orders) == 3
    return world


def found(swept, *, without=(What.INTENDED,)):
    return [(finding.what, finding.number) for finding in swept.findings if finding.what not in without]


def link_of(world, name="DO1"):
    with world.store.deciding() as tx:
        (link,) = tx.facts_for(Kind.DOMAIN_ORDER, world.id(name)).links
    return link


def test_a_sweep_over_what_is_known_finds_and_writes_nothing(settled):
    writes = list(settled.om.writes), list(settled.fsm.writes)
    swept = settled.sweep_up()
    assert swept.complete
    assert swept.findings == []
    assert swept.read == 8
    assert settled.deliver().by_kind == {}
    assert (settled.om.writes, settled.fsm.writes) == writes


def test_a_row_that_committed_later_than_the_overlap_is_found_and_decided(settled):
    late = settled.om.put(
        Kind.DOMAIN_ORDER,
        "LATE",
        "in_progress",
        order=settled.id("ORD1"),
        order_line=settled.id("ORDL1"),
        specification="Fiber Access",
    )
    key = Kind.DOMAIN_ORDER, late.id
    settled.om.records[key] = replace(late, updated_at=late.updated_at - timedelta(seconds=900))
    settled.settle_down(2)
    assert len(settled.work_orders) == 3
    assert found(settled.sweep_up()) == [(What.UNKNOWN, "LATE")]
    settled.settle_down(2)
    assert len(settled.work_orders) == 4
    assert settled.sweep_up().findings == []


def test_a_change_without_a_stamp_is_found_and_noted(settled):
    work_order = link_of(settled).work_order
    settled.fsm.change_silently(Kind.WORK_ORDER, work_order, "assigned")
    settled.settle_down(2)
    before = len(settled.notes_on("DO1"))
    (finding,) = [one for one in settled.sweep_up().findings if one.what is What.DIFFERENT]
    assert finding.detail == "state"
    settled.settle_down(2)
    assert len(settled.notes_on("DO1")) == before + 1
    assert "Assigned" in settled.notes_on("DO1")[-1]


def test_a_task_that_committed_later_than_the_overlap_is_found_and_noted(settled):
    settled.policy = replace(settled.policy, task_note_fields=("state",))
    settled.fsm.put(Kind.WORK_TASK, "T1", "assigned", work_order=link_of(settled).work_order)
    settled.fsm.put(Kind.WORK_TASK, "T2", "assigned", work_order=link_of(settled).work_order)
    settled.settle_down(2)
    settled.time.pass_(1000)
    settled.fsm.put(Kind.WORK_TASK, "T3", "assigned", work_order=link_of(settled).work_order)
    settled.settle_down(1)
    before = len(settled.notes_on("DO1"))
    settled.fsm.change_silently(Kind.WORK_TASK, settled.id("T1"), "accepted")
    settled.fsm.change_silently(Kind.WORK_TASK, settled.id("T2"), "closed_complete")
    settled.settle_down(2)
    assert len(settled.notes_on("DO1")) == before
    assert found(settled.sweep_up()) == [(What.DIFFERENT, "T1"), (What.DIFFERENT, "T2")]
    settled.settle_down(2)
    assert len(settled.notes_on("DO1")) == before + 2
    assert settled.sweep_up().findings == []


def test_a_cancellation_that_no_feed_showed_is_carried(settled):
    settled.om.change_silently(Kind.DOMAIN_ORDER, settled.id("DO1"), "canceled")
    settled.settle_down(2)
    settled.sweep_up()
    settled.settle_down(2)
    assert [w.state for w in settled.work_orders].count("canceled") == 1


def test_content_that_drifted_is_written_again(settled):
    work_order = link_of(settled).work_order
    settled.fsm.edit(Kind.WORK_ORDER, work_order, location="elsewhere")
    settled.settle_down(2)
    settled.om.edit(Kind.DOMAIN_ORDER, settled.id("DO1"), priority="1")
    settled.settle_down(2)
    settled.fsm.edit(Kind.WORK_ORDER, work_order, priority="9")
    settled.settle_down(2)
    settled.sweep_up()
    settled.settle_down(2)
    assert settled.fsm.records[Kind.WORK_ORDER, work_order].get("priority") == "1"


def test_what_waits_for_a_person_is_not_reviewed(settled):
    work_order = link_of(settled).work_order
    settled.om.edit(Kind.DOMAIN_ORDER, settled.id("DO1"), priority="1")
    settled.take_in()
    updates = settled.fsm.writes.count("update")
    swept = settled.sweep_up()
    assert [one for one in swept.findings if one.what is What.INTENDED] == []
    settled.deliver()
    assert settled.fsm.writes.count("update") == updates + 1
    assert settled.fsm.records[Kind.WORK_ORDER, work_order].get("priority") == "1"


def test_a_work_order_with_our_correlation_and_no_link_is_linked(settled):
    """Somebody copied it with all its fields; it is closed, and older than any page of the feed."""
    original = settled.fsm.records[Kind.WORK_ORDER, link_of(settled).work_order]
    settled.om.put(Kind.DOMAIN_ORDER, "DO4", "in_progress", order=settled.id("ORD1"))
    settled.settle_down(2)
    foreign = Correlation(settled.id("DO4"), "fiber", 1, 1)
    copy = replace(
        original,
        id=settled.id("COPY"),
        number="COPY",
        state="closed_complete",
        created_at=settled.om.records[Kind.DOMAIN_ORDER, settled.id("DO4")].created_at,
        fields={"correlation_id": str(foreign)},
    )
    settled.fsm.records[Kind.WORK_ORDER, copy.id] = copy
    swept = settled.sweep_up()
    assert (What.LINKED, "COPY") in found(swept)
    assert link_of(settled, "DO4").origin is Origin.CREATED


def test_a_link_that_the_state_has_lost_is_made_again(settled):
    """The work order equals its snapshot, so no feed would look at it again."""
    gone = link_of(settled)
    with settled.store.deciding() as tx:
        tx.missed(Kind.WORK_ORDER, [gone.work_order], 1)
    with settled.store.deciding() as tx:
        tx.missed(Kind.WORK_ORDER, [gone.work_order], 2)
    with settled.store.history() as history:
        (vanished,) = history.vanished_links()
    with settled.store.deciding() as tx:
        tx.drop_link(vanished, "A. Meier", "by mistake")
    settled.take_in()
    swept = settled.sweep_up()
    assert {what for what, _ in found(swept)} == {What.LINKED, What.BACK}
    assert link_of(settled) == replace(gone, noted=link_of(settled).noted)


# -- rolled back


def test_a_record_that_was_rolled_back_is_told_loudly_and_taken(settled, events):
    id = settled.id("DO1")
    now = settled.om.records[Kind.DOMAIN_ORDER, id]
    settled.om.records[Kind.DOMAIN_ORDER, id] = replace(now, version=0, state="on_hold")
    swept = settled.sweep_up()
    assert (What.ROLLED_BACK, "DO1") in found(swept)
    (told,) = [e for e in events if e["event"] == "record.rolled_back"]
    assert (told["found"], told["level"]) == (0, "error")
    with settled.store.deciding() as tx:
        assert tx.snapshot(Kind.DOMAIN_ORDER, id).state == "on_hold"


def test_a_feed_that_was_faster_is_no_rollback(settled, events):
    """The page that the sweep holds is older than what intake has stored meanwhile."""
    id = settled.id("DO1")
    old = settled.om.records[Kind.DOMAIN_ORDER, id]
    settled.om.edit(Kind.DOMAIN_ORDER, id, priority="1")
    settled.take_in()
    walk = settled.om.walk

    def stale(kind, place, limit, wanted):
        stretch = walk(kind, place, limit, wanted)
        return replace(stretch, records=tuple(old if r.id == id else r for r in stretch.records))

    settled.om.walk = stale
    settled.sweep_up()
    assert not [e for e in events if e["event"] == "record.rolled_back"]
    with settled.store.deciding() as tx:
        assert tx.snapshot(Kind.DOMAIN_ORDER, id).get("priority") == "1"


# -- vanished


def test_a_work_order_that_two_sweeps_do_not_find_is_noted_once_and_not_made_again(settled, events):
    gone = link_of(settled).work_order
    settled.fsm.delete(Kind.WORK_ORDER, gone)
    before = len(settled.notes_on("DO1"))
    assert [what for what, _ in found(settled.sweep_up())] == [What.MISSING]
    settled.settle_down(2)
    assert len(settled.notes_on("DO1")) == before
    assert [what for what, _ in found(settled.sweep_up())] == [What.VANISHED]
    settled.settle_down(2)
    assert settled.sweep_up().findings == []
    settled.settle_down(2)
    notes = settled.notes_on("DO1")[before:]
    assert len(notes) == 1
    assert "is gone from field service" in notes[0]
    assert len(settled.work_orders) == 2
    assert len([e for e in events if e["event"] == "work_order.vanished"]) == 1


def test_a_vanished_work_order_gets_no_writes_that_would_be_refused(settled):
    settled.fsm.delete(Kind.WORK_ORDER, link_of(settled).work_order)
    for _ in range(2):
        settled.sweep_up()
    settled.settle_down(2)
    settled.om.edit(Kind.DOMAIN_ORDER, settled.id("DO1"), priority="1")
    settled.settle_down(2)
    settled.om.edit(Kind.DOMAIN_ORDER, settled.id("DO1"), "canceled")
    settled.settle_down(2)
    assert settled.store.summary().parked == ()


def test_a_work_order_that_is_hidden_is_not_gone(settled):
    settled.fsm.hidden = {link_of(settled).work_order}
    for _ in range(3):
        assert settled.sweep_up().findings == []


def test_nothing_is_gone_while_no_other_record_of_the_table_is_found(settled):
    """Access rules, or a wrong table, take all of them at once."""
    for work_order in settled.work_orders:
        settled.fsm.delete(Kind.WORK_ORDER, work_order.id)
    for _ in range(3):
        assert settled.sweep_up().findings == []


def test_one_that_has_ended_is_witness_enough(settled):
    """Nothing else is open, so the walk shows nothing."""
    for name in ("DO2", "DO3"):
        settled.om.edit(Kind.DOMAIN_ORDER, settled.id(name), "canceled")
    settled.settle_down(2)
    assert any("DO1 is gone from order management" in text for text in notes_when_gone(settled, rounds=1))


def test_one_that_is_back_is_as_if_it_had_never_been_missed(settled):
    work_order = link_of(settled).work_order
    record = settled.fsm.records[Kind.WORK_ORDER, work_order]
    settled.fsm.delete(Kind.WORK_ORDER, work_order)
    settled.sweep_up()
    settled.sweep_up()
    settled.fsm.records[Kind.WORK_ORDER, work_order] = record
    assert [what for what, _ in found(settled.sweep_up())] == [What.BACK]
    with settled.store.deciding() as tx:
        assert tx.facts_for(Kind.DOMAIN_ORDER, settled.id("DO1")).vanished == frozenset()


def notes_when_gone(settled, *, rounds):
    """What stands on DO1's work order after DO1 was deleted and three sweeps have looked, with `rounds` after each."""
    settled.om.delete(Kind.DOMAIN_ORDER, settled.id("DO1"))
    for _ in range(3):
        settled.sweep_up()
        settled.settle_down(rounds)
    return [note.text for note in settled.fsm.journal[link_of(settled).work_order]]


def test_the_open_work_orders_of_a_vanished_domain_order_are_flagged_and_stay(settled, events):
    (note,) = notes_when_gone(settled, rounds=1)
    assert settled.fsm.records[Kind.WORK_ORDER, link_of(settled).work_order].state == "ready"
    assert "DO1 is gone from order management" in note
    assert len([e for e in events if e["event"] == "domain_order.vanished"]) == 1


def test_a_closed_domain_order_with_open_work_is_missed_too(settled):
    """Somebody closed it past the gate, and somebody else deleted it."""
    settled.om.edit(Kind.DOMAIN_ORDER, settled.id("DO1"), "closed_complete")
    settled.settle_down(2)
    assert any("DO1 is gone from order management" in text for text in notes_when_gone(settled, rounds=1))


@pytest.mark.parametrize("change", [{"priority": "1"}, {"state": "canceled"}], ids=["update", "cancel"])
def test_a_write_in_doubt_for_a_vanished_domain_order_holds_nothing_up(settled, change):
    """It never arrived, and what it was for can never be read again."""
    settled.fsm.fail("update", Doubtful("timeout"))
    settled.fsm.fail("cancel_work_order", Doubtful("timeout"))
    settled.om.edit(Kind.DOMAIN_ORDER, settled.id("DO1"), **change)
    settled.take_in()
    settled.deliver()
    assert any("DO1 is gone from order management" in text for text in notes_when_gone(settled, rounds=12))
    assert settled.store.summary().in_doubt == 0


# -- duplicates


@pytest.fixture
def doubled(settled):
    """DO1 has a second work order under the same correlation, made a minute later."""
    original = settled.fsm.records[Kind.WORK_ORDER, link_of(settled).work_order]
    settled.fsm.put(Kind.WORK_ORDER, "TWIN", "ready", **original.fields)
    settled.settle_down(2)
    return settled


def test_the_younger_of_two_work_orders_is_flagged_once(doubled, events):
    for _ in range(2):
        doubled.sweep_up()
        doubled.settle_down(2)
    (note,) = [n.text for n in doubled.fsm.journal[doubled.id("TWIN")]]
    assert "made twice for Domain order DO1" in note
    assert doubled.fsm.records[Kind.WORK_ORDER, doubled.id("TWIN")].state == "ready"
    assert len([e for e in events if e["event"] == "work_order.duplicated"]) == 1


def test_the_younger_is_cancelled_where_the_config_says_so(doubled):
    doubled.cancel_duplicates = True
    doubled.start()
    doubled.sweep_up()
    doubled.settle_down(2)
    states = {w.number: w.state for w in doubled.work_orders}
    assert states.pop("TWIN") == "canceled"
    assert set(states.values()) == {"ready"}


# -- plan, stop, failure


def test_a_plan_tells_all_and_writes_nothing(settled, events):
    settled.om.change_silently(Kind.DOMAIN_ORDER, settled.id("DO1"), "canceled")
    settled.fsm.change_silently(Kind.WORK_ORDER, link_of(settled, "DO2").work_order, priority="9")
    settled.fsm.delete(Kind.WORK_ORDER, link_of(settled, "DO3").work_order)
    state, told = settled.store.summary(), len(events)
    writes = len(settled.om.writes) + len(settled.fsm.writes)
    first, again = settled.sweep_up(plan=True), settled.sweep_up(plan=True)
    assert first.findings == again.findings
    assert {finding.what for finding in first.findings} == {What.DIFFERENT, What.MISSING, What.INTENDED}
    assert {f.kind for f in first.findings if f.what is What.INTENDED} >= {"cancel_work_order"}
    assert settled.store.summary() == state
    assert len(events) == told
    settled.deliver()
    assert len(settled.om.writes) + len(settled.fsm.writes) == writes
    with settled.store.history() as history:
        assert history.last_sweep(finished=False) is None


def test_a_stop_ends_a_sweep_between_two_stretches(settled):
    looks = iter([False, False, True, True, True, True])
    swept = settled.sweep.run(lambda: next(looks))
    assert not swept.complete
    assert swept.stretches == 2
    with settled.store.history() as history:
        assert history.last_sweep() is None


def test_an_outage_ends_a_sweep_and_the_next_one_is_whole(settled):
    settled.fsm.fail("walk", Unreachable("away"))
    with pytest.raises(Unreachable):
        settled.sweep_up()
    assert settled.sweep_up().complete


def test_what_a_person_gave_up_is_not_taken_up_again(world):
    """A parked create that was dropped stays so, however often the sweep misses its work order."""
    world.order("Fiber Access")
    world.om.put(Kind.DOMAIN_ORDER, "DO1", "in_progress", location="nowhere")
    world.take_in()
    with world.store.deciding() as tx:
        (create,) = tx.facts_for(Kind.DOMAIN_ORDER, world.id("DO1")).effects
    with world.store.deciding() as tx:
        tx.apply(Decision(Kind.DOMAIN_ORDER, world.id("DO1"), supersede=(create.key,)))
    world.sweep_up()
    world.settle_down(2)
    assert world.work_orders == []
