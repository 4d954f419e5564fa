"""The audit: one entry for each field of each update of a work order."""

from __future__ import annotations


def test_an_update_leaves_an_entry_for_each_field_with_its_version(fsm):
    row = fsm.create("wm_order", priority="3")
    fsm.change("wm_order", row["sys_id"], priority="1", short_description="x")
    after = fsm.change("wm_order", row["sys_id"], priority="2")
    entries = fsm.list(
        "sys_audit", f"documentkey={row['sys_id']}^fieldname=priority^ORDERBYrecord_checkpoint"
    )
    assert [(one["oldvalue"], one["newvalue"]) for one in entries] == [("3", "1"), ("1", "2")]
    assert [one["record_checkpoint"] for one in entries] == ["1", after["sys_mod_count"]]
    assert entries[1]["sys_created_on"] == after["sys_updated_on"]


def test_what_the_platform_keeps_and_tables_that_are_not_audited_have_none(fsm):
    row = fsm.create("wm_order")
    fsm.change("wm_order", row["sys_id"], work_notes="x")
    place = fsm.create("cmn_location", name="here")
    fsm.change("cmn_location", place["sys_id"], name="there")
    ids = f"documentkeyIN{row['sys_id']},{place['sys_id']}"
    assert fsm.list("sys_audit", ids) == []
