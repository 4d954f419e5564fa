"""Feeds whose rows move while they are read: nothing is jumped over, and nothing old takes the place of something new."""

from __future__ import annotations

from dataclasses import replace

from connectors.paging import next_position, sure_until
from connectors.ports import Cursor, Position
from mappings.decisions import LinkSettings
from mappings.model import Kind


def committed_between_sort_and_answer(system, kind, id, *, stamp):
    """As `edited_between_sort_and_answer`, but the edit carries the stamp at which its transaction began."""
    asked = system.changes_since
    left = [True]

    def changes_since(wanted, position, limit):
        page = asked(wanted, position, limit)
        if wanted is not kind or not left or all(record.id != id for record in page.records):
            return page
        left.clear()
        before = system.records[kind, id]
        now = system.records[kind, id] = replace(before, version=before.version + 1, updated_at=stamp)
        records = tuple(now if record.id == id else record for record in page.records)
        places = [Cursor(record.updated_at, record.id) for record in records]
        settled = page.asked_at - system.overlap
        following = next_position(position, places, limit=limit, settled=settled)
        return replace(
            page,
            records=records,
            next=following if page.next else None,
            sure_until=sure_until(position, places, settled=settled),
        )

    system.changes_since = changes_since


def edited_between_sort_and_answer(system, kind, id):
    """The server sorts a page, then a user edits one of its rows, then the rows are written out: the row shows its new
    stamp at its old place. The connector goes on behind the last row that is older than the question."""
    asked = system.changes_since
    left = [True]

    def changes_since(wanted, position, limit):
        page = asked(wanted, position, limit)
        if wanted is not kind or not left or all(record.id != id for record in page.records):
            return page
        left.clear()
        system.time.pass_(1)
        before = system.records[kind, id]
        now = replace(before, version=before.version + 1, updated_at=system.server_time())
        system.records[kind, id] = now
        records = tuple(now if record.id == id else record for record in page.records)
        older = [record for record in records if record.updated_at < page.asked_at]
        behind = Position(Cursor(older[-1].updated_at, older[-1].id))
        return replace(page, records=records, next=behind if page.next else None)

    system.changes_since = changes_since


def test_a_row_edited_while_a_page_is_read_does_not_end_the_pass(world):
    """A backlog of several pages: what lies behind the edited row is older, and still to be read."""
    for number in range(1, 11):
        world.om.put(Kind.CUSTOMER_ORDER, f"ORD{number:02}", "in_progress")
        world.time.pass_(60)
    world.time.pass_(3600)
    edited_between_sort_and_answer(world.om, Kind.CUSTOMER_ORDER, world.id("ORD02"))
    world.take_in(Kind.CUSTOMER_ORDER)
    seen = world.store.known(Kind.CUSTOMER_ORDER, [world.id(f"ORD{n:02}") for n in range(1, 11)])
    assert len(seen) == 10


def test_the_watermark_never_passes_a_row_that_was_not_read(world):
    """A crash after the page with the edited row: the next life finds the rest behind the watermark."""
    for number in range(1, 11):
        world.om.put(Kind.CUSTOMER_ORDER, f"ORD{number:02}", "in_progress")
        world.time.pass_(60)
    world.time.pass_(3600)
    edited_between_sort_and_answer(world.om, Kind.CUSTOMER_ORDER, world.id("ORD02"))
    world.intake.take_page(world.intake.begin(Kind.CUSTOMER_ORDER))
    world.start()
    world.take_in(Kind.CUSTOMER_ORDER)
    assert len(world.store.known(Kind.CUSTOMER_ORDER, [world.id(f"ORD{n:02}") for n in range(1, 11)])) == 10


def test_a_late_commit_to_the_last_row_of_a_page_jumps_over_nothing(world):
    """ORD03 is sorted at 12:02 and shown at 12:59:50, as its transaction began; seven rows of the last minute follow."""
    for number in range(1, 11):
        world.om.put(Kind.CUSTOMER_ORDER, f"ORD{number:02}", "in_progress")
        world.time.pass_(60 if number < 3 else 1)
    began = world.om.server_time()
    world.time.pass_(10)
    committed_between_sort_and_answer(world.om, Kind.CUSTOMER_ORDER, world.id("ORD03"), stamp=began)
    world.take_in(Kind.CUSTOMER_ORDER)
    seen = world.store.known(Kind.CUSTOMER_ORDER, [world.id(f"ORD{n:02}") for n in range(1, 11)])
    assert len(seen) == 10


def test_a_page_whose_rows_all_changed_under_the_servers_hands_promises_nothing(world):
    """A script edits every row of the first page while it is read: the rows behind them are read by the next pass."""
    for number in range(1, 7):
        world.om.put(Kind.CUSTOMER_ORDER, f"ORD{number:02}", "in_progress")
        world.time.pass_(60)
    world.time.pass_(3600)
    asked = world.om.changes_since

    def changes_since(kind, position, limit):
        page = asked(kind, position, limit)
        world.om.changes_since = asked
        stamp = world.om.server_time()
        ids = {record.id for record in page.records}
        now = tuple(replace(r, version=r.version + 1, updated_at=stamp) for r in page.records)
        world.om.records |= {(kind, record.id): record for record in now if record.id in ids}
        last = now[-1]
        return replace(
            page, records=now, next=Position(Cursor(stamp, last.id)), sure_until=position.after.stamp
        )

    world.om.changes_since = changes_since
    world.intake.run_pass(Kind.CUSTOMER_ORDER)
    passed = world.store.watermark(Kind.CUSTOMER_ORDER.value).passed_until
    ids = [world.id(f"ORD{n:02}") for n in range(1, 7)]
    assert (len(world.store.known(Kind.CUSTOMER_ORDER, ids)), passed.year) == (3, 1970)
    world.take_in(Kind.CUSTOMER_ORDER)
    assert len(world.store.known(Kind.CUSTOMER_ORDER, ids)) == 6


def test_a_pass_ends_when_rows_keep_coming(world):
    """Somebody edits faster than we read: the upper bound of the first page ends the pass."""
    asked = world.om.changes_since

    def changes_since(kind, position, limit):
        page = asked(kind, position, limit)
        world.time.pass_(2)
        for number in range(4):
            world.om.put(Kind.CUSTOMER_ORDER, f"ORD{number}", "in_progress")
        return page

    world.om.changes_since = changes_since
    for number in range(4):
        world.om.put(Kind.CUSTOMER_ORDER, f"ORD{number}", "in_progress")
    assert world.intake.run_pass(Kind.CUSTOMER_ORDER).pages < 5


def test_a_page_of_hidden_rows_moves_no_watermark(world):
    for number in range(1, 8):
        world.om.put(Kind.CUSTOMER_ORDER, f"ORD{number}", "in_progress")
    world.om.hidden = {world.id(f"ORD{number}") for number in range(1, 4)}
    current = world.intake.begin(Kind.CUSTOMER_ORDER)
    assert world.intake.take_page(current)
    assert world.store.watermark("customer_order") is None
    world.take_in(Kind.CUSTOMER_ORDER)
    assert len(world.store.known(Kind.CUSTOMER_ORDER, [world.id(f"ORD{n}") for n in range(1, 8)])) == 4


def test_a_parent_read_by_id_does_not_undo_what_the_feed_brought_meanwhile(world):
    """The other poller stores the cancelled domain order between our read and our transaction."""
    world.order("Fiber Access")
    world.fsm.put(Kind.WORK_ORDER, "WO-HAND", "assigned", initiated_from=world.id("DO1"))
    read_many = world.om.read_many

    def reading(kind, ids):
        found = read_many(kind, ids)
        if kind is Kind.DOMAIN_ORDER:
            world.om.put(Kind.DOMAIN_ORDER, "DO1", "canceled")
            world.take_in(Kind.CUSTOMER_ORDER, Kind.ORDER_LINE, Kind.DOMAIN_ORDER)
        return found

    world.om.read_many = reading
    world.take_in(Kind.WORK_ORDER)
    with world.store.deciding() as tx:
        assert tx.snapshot(Kind.DOMAIN_ORDER, world.id("DO1")).state == "canceled"


def test_a_hand_made_work_order_finds_an_order_task_that_no_feed_has_brought_yet(world):
    """Field service is polled before order management: nobody knows yet what kind of record the id names."""
    world.order("IP Address Block")
    world.om.put(Kind.ORDER_TASK, "TASK1", "open", domain_order=world.id("DO1"))
    world.fsm.put(Kind.WORK_ORDER, "WO-HAND", "assigned", initiated_from=world.id("TASK1"))
    world.take_in(Kind.WORK_ORDER)
    world.settle_down(2)
    assert "WO-HAND" in world.notes_on("TASK1")[0]


def test_a_record_garbled_once_leaves_quarantine_although_it_never_changed(world):
    """The same version was read well before and after; a proxy broke one answer in between."""
    world.order("IP Address Block")
    world.settle_down(1)
    world.time.pass_(-90)
    world.om.unreadable = {world.id("DO1")}
    world.take_in(Kind.DOMAIN_ORDER)
    assert len(world.store.quarantined()) == 1
    world.om.unreadable = set()
    world.take_in(Kind.DOMAIN_ORDER)
    assert world.store.quarantined() == ()


def test_a_record_that_was_garbled_before_a_restart_leaves_quarantine_too(world):
    world.order("IP Address Block")
    world.settle_down(1)
    world.time.pass_(-90)
    world.om.unreadable = {world.id("DO1")}
    world.take_in(Kind.DOMAIN_ORDER)
    world.om.unreadable = set()
    world.start()
    world.take_in(Kind.DOMAIN_ORDER)
    assert world.store.quarantined() == ()


def test_a_hand_made_work_order_is_linked_when_the_number_that_it_names_becomes_known(world):
    """A number cannot be fetched by id; the work order itself does not change again."""
    world.policy = replace(world.policy, links=LinkSettings("initiated_from", "number"))
    world.start()
    world.fsm.put(Kind.WORK_ORDER, "WO-HAND", "assigned", initiated_from="DO1")
    world.take_in(Kind.WORK_ORDER)
    world.order("IP Address Block")
    world.settle_down(2)
    assert "WO-HAND" in world.notes_on("DO1")[0]


def test_an_unreadable_row_near_the_watermark_is_told_once(world, events):
    """Each pass reads it again, for as long as nothing newer comes."""
    world.order("IP Address Block")
    world.om.unreadable = {world.id("DO1")}
    for _ in range(4):
        world.take_in(Kind.DOMAIN_ORDER)
    world.start()
    world.take_in(Kind.DOMAIN_ORDER)
    assert [e["event"] for e in events].count("record.quarantined") == 1


def test_hidden_rows_near_the_watermark_are_told_once(world, events):
    for number in range(1, 6):
        world.om.put(Kind.CUSTOMER_ORDER, f"ORD{number}", "in_progress")
    world.om.hidden = {world.id("ORD1"), world.id("ORD5")}
    for _ in range(4):
        world.take_in(Kind.CUSTOMER_ORDER)
    assert [e["rows"] for e in events if e["event"] == "rows.hidden"] == [2]
