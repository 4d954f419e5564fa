"""The audit of an instance, read as versions of records: what it lacks, and what does not parse."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings.model import Kind

FIELDS = ("state", "assigned_to_name", "assigned_to")
ANN, BOB = "a" * 32, "b" * 32


@pytest.fixture
def pair(fsm_server, fsm):
    """A work order as it was in version 3, and in version 9."""
    fsm_server.tables["sys_user"] = {}
    id = fsm_server.add(Kind.WORK_ORDER)
    fsm_server.row(Kind.WORK_ORDER, id)["sys_mod_count"] = "3"
    before = fsm.read(Kind.WORK_ORDER, id)
    return before, replace(before, version=9)


def versions(fsm_server, fsm, pair, *entries):
    for name, value, checkpoint in entries:
        fsm_server.audited({"sys_id": pair[0].id}, name, value, checkpoint)
    return fsm.history(Kind.WORK_ORDER, [pair], FIELDS).get(pair[0].id, ())


def test_each_checkpoint_is_a_version(fsm_server, fsm, pair):
    found = versions(fsm_server, fsm, pair, ("state", "scheduled", "7"), ("assigned_to", ANN, "5"))
    assert [one.version for one in found] == [5, 7]
    assert [one.get("assigned_to") for one in found] == [ANN, ANN]
    assert [one.state for one in found] == [pair[0].state, "scheduled"]


def test_what_lies_outside_of_the_two_sightings_is_left_out(fsm_server, fsm, pair):
    entries = [("assigned_to", ANN, checkpoint) for checkpoint in ("3", "10", "")]
    assert versions(fsm_server, fsm, pair, *entries) == ()


@pytest.mark.parametrize("checkpoint", ["many", "-5", "5.0", "٥"])
def test_an_entry_that_does_not_parse_is_left_out(fsm_server, fsm, pair, checkpoint):
    found = versions(fsm_server, fsm, pair, ("assigned_to", ANN, checkpoint), ("assigned_to", BOB, "6"))
    assert [one.version for one in found] == [6]


def test_names_behind_a_reference_are_looked_up(fsm_server, fsm, pair):
    """The audit has ids; notes name people."""
    fsm_server.add("sys_user", sys_id=ANN, name="Ann")
    entries = [("assigned_to", ANN, "5"), ("assigned_to", "", "6"), ("assigned_to", BOB, "7")]
    found = versions(fsm_server, fsm, pair, *entries)
    assert [one.get("assigned_to_name") for one in found] == ["Ann", "", ""]


def test_names_that_our_user_may_not_read_hide_nothing_else(fsm_server, fsm, pair):
    del fsm_server.tables["sys_user"]
    (found,) = versions(fsm_server, fsm, pair, ("assigned_to", ANN, "5"))
    assert (found.get("assigned_to"), found.get("assigned_to_name")) == (ANN, "")


def test_a_state_that_no_profile_knows_keeps_its_stored_value(fsm_server, fsm, pair):
    (found,) = versions(fsm_server, fsm, pair, ("state", "99", "5"))
    assert (found.state, found.state_label) == ("unknown", "99")


def test_a_profile_without_a_history_has_none(fsm_server, fsm, pair):
    fsm._profile = replace(fsm._profile, history=frozenset())
    assert versions(fsm_server, fsm, pair, ("assigned_to", ANN, "5")) == ()
    assert fsm_server.sent("GET", "sys_audit") == []
