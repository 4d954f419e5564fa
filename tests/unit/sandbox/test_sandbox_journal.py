"""Journal fields: written like values, read as entries."""

from __future__ import annotations


def test_a_note_becomes_an_entry_and_the_field_reads_empty(fsm):
    row = fsm.create("wm_order", work_notes="from the start")
    assert row["work_notes"] == ""
    after = fsm.change("wm_order", row["sys_id"], work_notes="second")
    assert after["work_notes"] == ""
    assert sorted(fsm.notes(row["sys_id"])) == ["from the start", "second"]


def test_an_entry_names_its_record(fsm):
    row = fsm.create("wm_order", comments="for the customer")
    entry = fsm.one("sys_journal_field", f"element_id={row['sys_id']}")
    assert (entry["name"], entry["element"], entry["value"]) == ("wm_order", "comments", "for the customer")
    assert entry["sys_created_by"] == "syncd.integration"
    assert entry["sys_created_on"] == row["sys_created_on"]


def test_a_note_bumps_the_record(fsm, people):
    row = fsm.create("wm_order")
    people.wait(2)
    after = fsm.change("wm_order", row["sys_id"], work_notes="x")
    assert after["sys_mod_count"] == "1"
    assert after["sys_updated_on"] > row["sys_updated_on"]


def test_the_same_text_twice_makes_two_entries(fsm):
    row = fsm.create("wm_order")
    for _ in range(2):
        fsm.change("wm_order", row["sys_id"], work_notes="again")
    assert fsm.notes(row["sys_id"]) == ["again", "again"]


def test_an_empty_note_is_none(fsm):
    row = fsm.create("wm_order")
    assert fsm.change("wm_order", row["sys_id"], work_notes="")["sys_mod_count"] == "0"
    assert fsm.notes(row["sys_id"]) == []


def test_display_mode_shows_the_history_newest_first(fsm, people):
    row = fsm.create("wm_order", work_notes="older")
    people.wait(60)
    fsm.change("wm_order", row["sys_id"], work_notes="newer")
    params = {"sysparm_display_value": "true", "sysparm_fields": "work_notes"}
    text = fsm.call("GET", f"table/wm_order/{row['sys_id']}", params=params).json()["result"]["work_notes"]
    assert "Integration User (Work notes)\nnewer" in text
    assert text.index("newer") < text.index("older")


def test_entries_are_found_by_their_text(fsm):
    row = fsm.create("wm_order", work_notes="assigned [syncd:1:note:abc]")
    query = f"element_id={row['sys_id']}^valueLIKE[syncd:1:note:abc]"
    assert len(fsm.list("sys_journal_field", query)) == 1
