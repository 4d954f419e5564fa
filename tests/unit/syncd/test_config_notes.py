"""What a config says about notes reaches the rules, and what cannot be is named."""

from __future__ import annotations

import re
from importlib import resources

from mappings.model import Kind, System
from syncd.policies import policy_of


def test_no_note_is_mirrored_by_default(folder):
    policy = policy_of(folder.load())
    assert policy.mirror_from == frozenset()
    assert policy.not_mirrored == {"syncd"}


def test_mirrored_sides_and_authors_reach_the_rules(folder):
    folder.add('\n[notes]\nmirror_from = ["field_service"]\nignore_authors = ["other"]\n')
    policy = policy_of(folder.load())
    assert policy.mirror_from == {System.FIELD_SERVICE}
    assert policy.not_mirrored == {"syncd", "other"}


def test_a_history_that_the_profile_does_not_have_cannot_be_read(folder):
    text = (resources.files("connectors") / "profiles" / "servicenow-fsm.toml").read_text("utf-8")
    folder.write("mine.toml", re.sub(r"\[history\]\n.*\n", "", text))
    folder.change('profile = "servicenow-fsm"', 'profile = "mine.toml"')
    folder.add("\n[notes]\nhistory = true\n")
    (problem,) = folder.problems()
    assert "profile mine has no [history], so what lies between two polls cannot be read" in problem


def test_a_history_is_read_only_where_the_config_says_so(folder):
    assert policy_of(folder.load()).history_limit == 0
    folder.add("\n[notes]\nhistory = true\nhistory_limit = 7\n")
    assert policy_of(folder.load()).history_limit == 7


def test_rows_that_relate_work_orders_need_one_instance_and_a_table(folder):
    folder.add("\n[details]\nrelations = true\n")
    (problem,) = folder.problems()
    assert "only where both systems are one instance" in problem
    text = (resources.files("connectors") / "profiles" / "servicenow-om.toml").read_text("utf-8")
    folder.write("mine.toml", re.sub(r"\[relation\]\n(\w+ = .*\n)+", "", text))
    folder.change('profile = "servicenow-om"', 'profile = "mine.toml"')
    assert "profile mine has no [relation], so no table is known" in "".join(folder.problems())


def test_a_relation_is_typed_as_the_config_says(folder):
    assert policy_of(folder.load()).relation_type is None
    folder.add('\n[rules]\nshared_instance = true\n[details]\nrelations = true\nrelation_type = ""\n')
    assert policy_of(folder.load()).relation_type == ""


def test_notes_of_a_profile_without_a_journal_cannot_be_mirrored(folder):
    text = (resources.files("connectors") / "profiles" / "servicenow-fsm.toml").read_text("utf-8")
    folder.write("mine.toml", re.sub(r"\[journal\]\n.*\n", "", text))
    folder.change('profile = "servicenow-fsm"', 'profile = "mine.toml"')
    assert folder.problems() == []
    folder.add('\n[notes]\nmirror_from = ["order_management", "field_service"]\n')
    (problem,) = folder.problems()
    assert "profile mine has no [journal], so the notes of field_service cannot be read" in problem


def test_a_note_needs_room_for_its_marker(folder):
    folder.add("\n[notes]\nlimit = 499\n")
    assert folder.problems() != []


def test_noted_and_shown_fields_reach_the_rules(folder):
    folder.add(
        '\n[notes]\nwork_order_fields = ["expected_start"]\ntask_fields = ["state"]\n'
        'labels = { expected_start = "visit from" }\n[details]\ntask_field = "description"\nlimit = 255\n'
    )
    policy = policy_of(folder.load())
    assert policy.status_note_fields == ("expected_start",)
    assert policy.task_note_fields == ("state",)
    assert policy.note_labels == {"expected_start": "visit from"}
    assert policy.details_fields == {Kind.ORDER_TASK: "description"}
    assert policy.details_limit == 255


def test_fields_that_a_profile_lacks_are_named(folder):
    folder.add(
        '\n[notes]\nwork_order_fields = ["expectd_start"]\ntask_fields = ["nobody"]\n[details]\nfield = "wos"\n'
    )
    first, second, third = folder.problems()
    assert (
        'a work order has no field "expectd_start", named in [notes]; did you mean "expected_start"?' in first
    )
    assert 'a work task has no field "nobody"' in second
    assert 'a domain order has no field "wos", named in [details]' in third
