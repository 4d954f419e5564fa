"""One instance of ServiceNow behind the port: feeds, reads, searches, notes and writes."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from connectors.errors import Misconfigured, Missing, Refused, Unreachable, Unreadable
from connectors.ports import BEGINNING, Cursor, Position
from mappings.model import UNKNOWN_STATE, Kind

DOMAIN_ORDER = Kind.DOMAIN_ORDER
ABSENT = "f" * 32


def walk(system, kind, limit):
    """Every record of a feed, in order, and how many pages it took."""
    position, records, pages = Position(BEGINNING), [], 0
    while position is not None:
        page = system.changes_since(kind, position, limit)
        records += page.records
        position, pages = page.next, pages + 1
    return records, pages


class TestFeed:
    def test_rows_of_one_second_come_once_each_over_many_pages(self, om, om_server):
        ids = sorted(om_server.add(DOMAIN_ORDER) for _ in range(7))
        records, pages = walk(om, DOMAIN_ORDER, 2)
        assert [record.id for record in records] == ids
        assert pages == 4

    def test_rows_come_by_stamp_then_by_id(self, om, om_server):
        late = om_server.add(DOMAIN_ORDER, at=om_server.now - timedelta(seconds=10))
        early = om_server.add(DOMAIN_ORDER, at=om_server.now - timedelta(seconds=20))
        records, _ = walk(om, DOMAIN_ORDER, 10)
        assert [record.id for record in records] == [early, late]

    def test_a_position_with_an_id_excludes_that_row_and_keeps_its_second(self, om, om_server):
        first, second = sorted(om_server.add(DOMAIN_ORDER) for _ in range(2))
        page = om.changes_since(DOMAIN_ORDER, Position(Cursor(om_server.now, first)), 10)
        assert [record.id for record in page.records] == [second]

    def test_a_page_of_hidden_rows_is_stepped_over_and_counted(self, om, om_server):
        ids = sorted(om_server.add(DOMAIN_ORDER) for _ in range(5))
        om_server.hidden = set(ids[:4])
        first = om.changes_since(DOMAIN_ORDER, Position(BEGINNING), 2)
        assert (first.records, first.hidden, first.next) == ((), 2, Position(BEGINNING, skip=2))
        records, _ = walk(om, DOMAIN_ORDER, 2)
        assert [record.id for record in records] == ids[4:]

    def test_asked_at_is_before_the_query_began(self, om, om_server):
        page = om.changes_since(DOMAIN_ORDER, Position(BEGINNING), 2)
        assert page.asked_at == om_server.now

    def test_a_row_that_does_not_parse_is_set_aside_and_its_page_goes_on(self, om, om_server):
        good, bad = om_server.add(DOMAIN_ORDER), om_server.add(DOMAIN_ORDER)
        om_server.row(DOMAIN_ORDER, bad)["sys_mod_count"] = "many"
        page = om.changes_since(DOMAIN_ORDER, Position(BEGINNING), 10)
        assert [record.id for record in page.records] == [good]
        (unreadable,) = page.unreadable
        assert (unreadable.id, unreadable.field, unreadable.stamp) == (bad, "version", om_server.now)
        assert '"many"' in unreadable.body

    def test_half_a_surrogate_pair_costs_one_row_not_the_page(self, om, om_server):
        good, bad = om_server.add(DOMAIN_ORDER), om_server.add(DOMAIN_ORDER)
        om_server.row(DOMAIN_ORDER, bad)["short_description"] = "cut \ud83d"
        page = om.changes_since(DOMAIN_ORDER, Position(BEGINNING), 10)
        assert [record.id for record in page.records] == [good]
        assert [(one.id, one.reason) for one in page.unreadable] == [(bad, "half of a surrogate pair")]

    def test_a_page_that_does_not_parse_is_read_again_at_half_its_size(self, om, om_server):
        om.start()
        ids = sorted(om_server.add(DOMAIN_ORDER) for _ in range(4))
        om_server.fail_once(
            httpx.Response(200, text='{"result":[{"sys_id":', headers={"content-type": "application/json"})
        )
        page = om.changes_since(DOMAIN_ORDER, Position(BEGINNING), 4)
        assert [record.id for record in page.records] == ids[:2]
        assert page.next == Position(Cursor(om_server.now, ids[1]))

    def test_an_error_inside_a_success_is_no_page(self, om, om_server):
        om.start()
        body = {"result": [], "error": {"message": "Transaction cancelled: maximum execution time exceeded"}}
        om_server.fail_once(om_server.reply(200, body))
        id = om_server.add(DOMAIN_ORDER)
        page = om.changes_since(DOMAIN_ORDER, Position(BEGINNING), 4)
        assert [record.id for record in page.records] == [id]

    def test_a_page_of_one_that_does_not_parse_is_unreachable(self, om, om_server):
        om.start()
        for _ in range(3):
            om_server.fail_once(httpx.Response(200, text="<html>", headers={"content-type": "text/html"}))
        with pytest.raises(Unreachable, match="one row"):
            om.changes_since(DOMAIN_ORDER, Position(BEGINNING), 1)

    def test_a_server_that_ignores_the_filter_stops_the_feed(self, om, om_server):
        om.start()
        om_server.add(DOMAIN_ORDER)
        rows = [dict(row) for row in om_server.tables["sn_ind_tmt_orm_domain_order"].values()]
        om_server.fail_once(om_server.reply(200, {"result": rows}))
        with pytest.raises(Misconfigured, match="does not match"):
            om.changes_since(DOMAIN_ORDER, Position(Cursor(om_server.now + timedelta(hours=1))), 10)

    def test_a_server_that_ignores_the_order_stops_the_feed(self, om, om_server):
        om.start()
        om_server.add(DOMAIN_ORDER, at=om_server.now - timedelta(minutes=9))
        om_server.add(DOMAIN_ORDER, at=om_server.now - timedelta(minutes=5))
        rows = [dict(row) for row in om_server.tables["sn_ind_tmt_orm_domain_order"].values()]
        om_server.fail_once(om_server.reply(200, {"result": rows[::-1]}))
        with pytest.raises(Misconfigured, match="order"):
            om.changes_since(DOMAIN_ORDER, Position(BEGINNING), 10)

    def test_a_row_changed_while_the_server_read_moves_no_cursor_past_others(self, om, om_server):
        om.start()
        ids = sorted(om_server.add(DOMAIN_ORDER, at=om_server.now - timedelta(minutes=30)) for _ in range(3))
        rows = [dict(om_server.row(DOMAIN_ORDER, id)) for id in ids[:2]]
        rows[1]["sys_updated_on"] = om_server.now.strftime("%Y-%m-%d %H:%M:%S")
        om_server.fail_once(om_server.reply(200, {"result": rows}, Link='<x>;rel="next"'))
        page = om.changes_since(DOMAIN_ORDER, Position(BEGINNING), 2)
        assert page.next == Position(Cursor(om_server.now - timedelta(minutes=30), ids[0]))

    def test_a_foreign_watermark_never_enters_a_query(self, om, om_server):
        with pytest.raises(Misconfigured, match="watermark"):
            om.changes_since(DOMAIN_ORDER, Position(Cursor(om_server.now, "x^ORDERBYname")), 2)


class TestReading:
    def test_a_record_is_read_by_id_in_logical_names(self, om, om_server):
        id = om_server.add(
            DOMAIN_ORDER, state="in_progress", **{"location.name": "Harbour 1", "action": "add"}
        )
        record = om.read(DOMAIN_ORDER, id)
        assert (record.state, record.state_label) == ("in_progress", "In progress")
        assert (record.get("location_name"), record.get("action")) == ("Harbour 1", "add")

    def test_a_choice_that_no_label_explains_reads_as_unknown(self, om, om_server):
        om_server.choice("sn_ind_tmt_orm_domain_order", "pondering", "Pondering")
        record = om.read(DOMAIN_ORDER, om_server.add(DOMAIN_ORDER, state="pondering"))
        assert (record.state, record.state_label) == (UNKNOWN_STATE, "Pondering")

    @pytest.mark.parametrize(
        "id", [ABSENT, "../sys_user", "", "A" * 32], ids=["absent", "path", "empty", "upper case"]
    )
    def test_an_absent_or_impossible_id_is_missing(self, om, om_server, id):
        with pytest.raises(Missing):
            om.read(DOMAIN_ORDER, id)
        assert not [r for r in om_server.requests if "sys_user" in r.url.path]

    def test_a_record_that_does_not_parse_names_its_field(self, om, om_server):
        id = om_server.add(DOMAIN_ORDER)
        om_server.row(DOMAIN_ORDER, id)["sys_updated_on"] = "yesterday"
        with pytest.raises(Unreadable) as caught:
            om.read(DOMAIN_ORDER, id)
        assert caught.value.field == "updated_at"

    def test_a_record_with_hostile_json_is_unreadable_not_unreachable(self, om, om_server):
        om.start()
        text = f'{{"result":{{"sys_id":"{ABSENT}","sys_id":"x"}}}}'
        om_server.fail_once(httpx.Response(200, text=text, headers={"content-type": "application/json"}))
        with pytest.raises(Unreadable, match="not acceptable"):
            om.read(DOMAIN_ORDER, ABSENT)

    def test_a_column_hidden_by_access_rules_is_no_empty_field(self, om, om_server):
        id = om_server.add(Kind.ORDER_LINE)
        del om_server.row(Kind.ORDER_LINE, id)["ponr"]
        with pytest.raises(Unreadable, match="ponr"):
            om.read(Kind.ORDER_LINE, id)

    def test_many_are_read_in_the_order_asked_and_absent_ones_left_out(self, om, om_server):
        ids = [om_server.add(DOMAIN_ORDER) for _ in range(150)]
        wanted = [*reversed(ids), ABSENT, "no id"]
        assert [record.id for record in om.read_many(DOMAIN_ORDER, wanted)] == ids[::-1]

    def test_reads_are_retried_and_then_given_up(self, om, om_server, pauses):
        om.start()
        for _ in range(3):
            om_server.fail_once(httpx.ConnectError("refused"))
        with pytest.raises(Unreachable):
            om.read(DOMAIN_ORDER, ABSENT)
        assert len(pauses) == 2

    def test_server_time_is_the_date_of_the_server(self, om, om_server):
        om_server.tick(77)
        assert om.server_time() == om_server.now


class TestFinding:
    def test_records_are_found_by_a_logical_field_oldest_first(self, om, om_server):
        young = om_server.add(DOMAIN_ORDER, order_line_item="a" * 32)
        old = om_server.add(DOMAIN_ORDER, order_line_item="a" * 32, at=om_server.now - timedelta(days=1))
        om_server.add(DOMAIN_ORDER, order_line_item="b" * 32)
        assert [record.id for record in om.find(DOMAIN_ORDER, "order_line", "a" * 32)] == [old, young]

    def test_a_hit_by_collation_alone_is_no_hit(self, fsm, fsm_server):
        fsm_server.add(Kind.WORK_ORDER, correlation_id="SYNCD:1:X")
        assert fsm.find(Kind.WORK_ORDER, "correlation_id", "syncd:1:x") == ()

    def test_a_server_that_ignores_the_filter_is_found_out(self, fsm, fsm_server):
        fsm.start()
        id = fsm_server.add(Kind.WORK_ORDER, correlation_id="another")
        rows = [dict(fsm_server.row(Kind.WORK_ORDER, id))]
        fsm_server.fail_once(fsm_server.reply(200, {"result": rows}))
        with pytest.raises(Misconfigured, match="correlation_id"):
            fsm.find(Kind.WORK_ORDER, "correlation_id", "syncd:1:x")

    @pytest.mark.parametrize("value", ["", "a^b", "javascript:gs.now()", "a\nb"])
    def test_a_value_that_may_not_enter_a_query_finds_nothing_and_is_not_sent(self, fsm, fsm_server, value):
        fsm.start()
        before = len(fsm_server.requests)
        assert fsm.find(Kind.WORK_ORDER, "correlation_id", value) == ()
        assert len(fsm_server.requests) == before

    def test_an_unknown_field_is_a_matter_of_the_profile(self, fsm):
        with pytest.raises(Misconfigured, match="'nonsense'"):
            fsm.find(Kind.WORK_ORDER, "nonsense", "x")

    def test_more_hits_than_a_page_holds_are_all_found(self, om, om_server):
        ids = {om_server.add(DOMAIN_ORDER, parent="c" * 32) for _ in range(501)}
        assert {record.id for record in om.find(DOMAIN_ORDER, "parent", "c" * 32)} == ids


class TestNotes:
    def test_a_note_is_appended_and_found_by_a_part_of_its_text(self, om, om_server):
        id = om_server.add(DOMAIN_ORDER)
        om.write_note(DOMAIN_ORDER, id, "WO1 is Assigned [syncd:1:note:x]")
        om_server.note(id, "something else")
        (note,) = om.notes(DOMAIN_ORDER, id, "[syncd:1:note:x]")
        assert (note.text, note.author, note.created_at) == (
            "WO1 is Assigned [syncd:1:note:x]",
            "syncd",
            om_server.now,
        )

    def test_notes_of_other_records_fields_and_spellings_do_not_count(self, om, om_server):
        id = om_server.add(DOMAIN_ORDER)
        om_server.note(om_server.add(DOMAIN_ORDER), "mark")
        om_server.note(id, "mark", element="comments")
        om_server.note(id, "MARK")
        assert om.notes(DOMAIN_ORDER, id, "mark") == ()

    def test_a_text_with_a_caret_is_compared_on_our_side_only(self, om, om_server):
        id = om_server.add(DOMAIN_ORDER)
        om_server.note(id, "a^b")
        om_server.note(id, "ab")
        assert [note.text for note in om.notes(DOMAIN_ORDER, id, "a^b")] == ["a^b"]
        assert all("a^b" not in r.url.params.get("sysparm_query", "") for r in om_server.requests)

    def test_a_note_that_was_dropped_silently_is_refused(self, om, om_server):
        id = om_server.add(DOMAIN_ORDER)
        om_server.tick(60)
        om_server.ignored_columns = {"work_notes"}
        with pytest.raises(Refused, match="not written"):
            om.write_note(DOMAIN_ORDER, id, "hello")

    def test_a_note_is_sent_once_whatever_happens(self, om, om_server):
        id = om_server.add(DOMAIN_ORDER)
        om.start()
        om_server.fail_once(httpx.ConnectError("refused"), method="PATCH")
        with pytest.raises(Unreachable):
            om.write_note(DOMAIN_ORDER, id, "hello")
        assert len(om_server.sent("PATCH")) == 1


class TestUpdating:
    def test_logical_values_are_written_and_the_record_comes_back(self, fsm, fsm_server):
        id = fsm_server.add(Kind.WORK_ORDER)
        record = fsm.update(Kind.WORK_ORDER, id, {"priority": "1", "state": "closed_complete"})
        assert (record.get("priority"), record.state, record.version) == ("1", "closed_complete", 1)
        assert fsm_server.row(Kind.WORK_ORDER, id)["state"] == "3"

    @pytest.mark.parametrize(
        ("values", "named"),
        [
            ({"nonsense": "1"}, "nonsense"),
            ({"location_name": "x"}, "location_name"),
            ({"state": "asleep"}, "asleep"),
        ],
        ids=["unknown field", "dot-walked field", "unknown state"],
    )
    def test_what_cannot_be_written_is_named_and_not_sent(self, fsm, fsm_server, values, named):
        with pytest.raises(Misconfigured, match=named):
            fsm.update(Kind.WORK_ORDER, fsm_server.add(Kind.WORK_ORDER), values)
        assert not fsm_server.sent("PATCH")

    def test_an_absent_record_is_missing(self, fsm, fsm_server):
        with pytest.raises(Missing):
            fsm.update(Kind.WORK_ORDER, ABSENT, {"priority": "1"})


class TestReferences:
    def test_a_reference_is_looked_up_once(self, fsm, fsm_server):
        id = fsm_server.add("cmn_location", name="Harbour 1")
        assert {fsm.resolve("location", "name", "Harbour 1") for _ in range(3)} == {id}
        assert len(fsm_server.sent("GET", "cmn_location")) == 1

    def test_what_was_not_found_is_looked_up_again(self, fsm, fsm_server):
        assert fsm.resolve("location", "name", "Harbour 1") is None
        id = fsm_server.add("cmn_location", name="Harbour 1")
        assert fsm.resolve("location", "name", "Harbour 1") == id

    def test_several_hits_are_refused(self, fsm, fsm_server):
        for _ in range(2):
            fsm_server.add("cmn_location", name="Harbour 1")
        with pytest.raises(Refused, match="2 records"):
            fsm.resolve("location", "name", "Harbour 1")

    def test_an_id_is_only_believed_when_it_is_there(self, fsm, fsm_server):
        id = fsm_server.add("cmn_location", name="Harbour 1")
        assert fsm.resolve("location", "id", id) == id
        assert fsm.resolve("location", "id", ABSENT) is None

    def test_a_value_with_a_caret_is_not_asked_for(self, fsm, fsm_server):
        assert fsm.resolve("location", "name", "a^b") is None
        assert not fsm_server.sent("GET", "cmn_location")

    @pytest.mark.parametrize(("entity", "match"), [("planet", "name"), ("location", "colour")])
    def test_an_unknown_reference_is_a_matter_of_the_profile(self, fsm, entity, match):
        with pytest.raises(Misconfigured):
            fsm.resolve(entity, match, "x")
