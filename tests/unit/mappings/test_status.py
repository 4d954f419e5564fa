"""Every status of a work order is written into its domain order once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings.changes import What, default_lifecycles, detect
from mappings.decisions import decide
from mappings.effects import EffectKind
from mappings.model import Kind, System
from mappings.notes import markers

LIFECYCLE = default_lifecycles()[Kind.WORK_ORDER]


def _noted(make, before, after, facts=None, policy=None):
    facts = facts or make.in_play(work_orders=(after,))
    return decide(detect(before, after, LIFECYCLE), facts, policy or make.policy()).effects


def test_a_changed_state_is_noted_with_old_and_new(make):
    before = make.work_order(state="assigned", version=6)
    (note,) = _noted(make, before, make.later(before, "accepted"))
    assert (note.kind, note.system, note.target) == (EffectKind.WRITE_NOTE, System.ORDER_MANAGEMENT, "do1")
    assert note.key == "status:do1:wo1:7"
    assert note.text.startswith("Work order WO1 (Fiber Installation): Assigned -> Accepted\n")
    (mark,) = markers(note.text)
    assert mark.startswith("status:wo1:7:")
    assert note.marker == f"[syncd:1:{mark}]"


@pytest.mark.parametrize("state", ["closed_complete", "canceled", "draft", "unknown", "never_heard_of"])
def test_any_move_is_noted_backwards_and_unknown_ones_too(make, state):
    before = make.work_order(state="accepted")
    assert len(_noted(make, before, make.later(before, state))) == 1


def test_the_first_sight_is_not_noted(make):
    policy = make.policy(status_note_fields=("assigned_to",))
    assert _noted(make, None, make.work_order(assigned_to="ann"), policy=policy) == ()


def test_a_change_of_other_fields_is_not_noted(make):
    before = make.work_order()
    assert _noted(make, before, make.later(before, assigned_to="ann")) == ()


def test_a_field_that_the_config_names_is_noted_like_the_state(make):
    before = make.work_order(assigned_to="")
    policy = make.policy(status_note_fields=("assigned_to", "window_start"))
    (note,) = _noted(make, before, make.later(before, assigned_to="ann"), policy=policy)
    assert note.text.startswith(
        "Work order WO1 (Fiber Installation): Assigned\n- assigned to: (empty) -> ann\n"
    )


def test_state_and_fields_that_change_together_make_one_note(make):
    before = make.work_order(assigned_to="")
    policy = make.policy(status_note_fields=("assigned_to",))
    (note,) = _noted(make, before, make.later(before, "accepted", assigned_to="ann"), policy=policy)
    assert "Assigned -> Accepted\n- assigned to: (empty) -> ann" in note.text


def test_the_marker_tells_contents_apart_and_recognises_the_same(make):
    """A restored state asks whether the newest note says what it would say."""
    before = make.work_order()
    policy = make.policy(status_note_fields=("assigned_to",))

    def hash_of(after):
        return _noted(make, before, after, policy=policy)[0].marker.removesuffix("]").split(":")[-1]

    accepted = make.later(before, "accepted")
    assert hash_of(accepted) == hash_of(replace(accepted, version=9))
    assert (
        len(
            {
                hash_of(accepted),
                hash_of(make.later(before, "draft")),
                hash_of(make.later(before, "accepted", assigned_to="x")),
            }
        )
        == 3
    )


def test_a_work_order_of_two_domain_orders_is_noted_on_both(make):
    before = make.work_order()
    after = make.later(before, "accepted")
    other = replace(make.domain_order(), id="do2")
    keys = {
        _noted(make, before, after, make.in_play(work_orders=(after,), subject=subject))[0].key
        for subject in (make.domain_order(), other)
    }
    assert keys == {"status:do1:wo1:2", "status:do2:wo1:2"}


def test_a_work_order_that_is_not_linked_is_not_noted(make):
    before = make.work_order("wo9")
    assert _noted(make, before, make.later(before, "accepted"), make.in_play()) == ()


def test_a_work_order_task_is_not_noted(make):
    before = make.record(Kind.WORK_TASK, "wo1", "assigned")
    assert _noted(make, before, make.later(before, "accepted"), make.in_play()) == ()


@pytest.mark.parametrize("subject", ["on_hold", "closed_complete", "canceled", "draft"])
def test_status_is_noted_whatever_the_state_of_the_order(make, subject):
    before = make.work_order()
    after = make.later(before, "accepted")
    facts = make.in_play(work_orders=(after,), subject=make.domain_order(subject), historic=True)
    assert len(_noted(make, before, after, facts)) == 1


def test_a_work_order_that_ended_with_its_order_says_so(make):
    before = make.work_order()
    facts = make.in_play(order=make.order("canceled"))
    for state, said in (("canceled", True), ("accepted", False)):
        (note,) = _noted(make, before, make.later(before, state), facts)
        assert (", because Order ORD1 was cancelled" in note.text) is said


@pytest.mark.parametrize(
    ("fields", "title"),
    [
        ({"template_name": "Repair", "short_description": "x"}, "WO1 (Repair)"),
        ({"short_description": "Leaking roof"}, "WO1 (Leaking roof)"),
        ({}, "WO1"),
    ],
    ids=["template", "description", "nothing"],
)
def test_an_adopted_work_order_is_named_by_what_it_says_of_itself(make, fields, title):
    before = make.work_order(**fields)
    facts = make.in_play(links=(make.adopted("wo1"),))
    (note,) = _noted(make, before, make.later(before, "accepted"), facts)
    assert note.text.startswith(f"Work order {title}: Assigned")


def test_the_cause_is_the_status_change(make):
    before = make.work_order()
    (note,) = _noted(make, before, make.later(before, "accepted"))
    assert note.because == f"WO1 {What.STATUS_CHANGED.replace('_', ' ')}"


# -- tasks and labels --------------------------------------------------------------------------------------------------


def _task(make, state="assigned", **fields):
    given = {"work_order": "wo1", "short_description": "Pull the fiber", **fields}
    return make.record(Kind.WORK_TASK, "wot1", state, **given)


def test_a_task_is_noted_with_its_work_order_where_the_config_names_its_fields(make):
    before = _task(make)
    after = make.later(before, "accepted", window_start="2026-06-02 08:00:00", remark="x")
    policy = make.policy(task_note_fields=("state", "window_start", "window_end"))
    (note,) = _noted(make, before, after, make.in_play(), policy)
    assert note.key == "status:do1:wot1:2"
    assert note.text.startswith(
        "Work order WO1 (Fiber Installation), task WOT1 (Pull the fiber):\n"
        "- state: Assigned -> Accepted\n- window start: (empty) -> 2026-06-02 08:00:00\n[syncd:1:status:wot1:2:"
    )


@pytest.mark.parametrize(
    ("fields", "first", "parent"),
    [
        ((), False, "wo1"),
        (("remark",), False, "wo1"),
        (("state",), True, "wo1"),
        (("state",), False, "other"),
    ],
    ids=["no field is named", "another field is", "first sight", "a task of nobody"],
)
def test_a_task_is_not_noted_otherwise(make, fields, first, parent):
    before = _task(make, work_order=parent)
    after = make.later(before, "accepted")
    assert _noted(make, None if first else before, after, policy=make.policy(task_note_fields=fields)) == ()


def test_a_task_whose_work_order_was_not_seen_is_noted_all_the_same(make):
    before = _task(make)
    facts = make.in_play(work_orders=())
    change = make.change(What.STATUS_CHANGED, make.later(before, "accepted"), before)
    (note,) = decide([change], facts, make.policy(task_note_fields=("state",))).effects
    assert note.text.startswith("Work order wo1, task WOT1 ")


def test_fields_are_called_what_people_call_them(make):
    before = make.work_order(assigned_to_name="", expected_start="")
    after = make.later(before, assigned_to_name="Ann", expected_start="2026-06-02 08:00:00")
    policy = make.policy(
        status_note_fields=("assigned_to_name", "expected_start"),
        note_labels={"expected_start": "visit from"},
    )
    (note,) = _noted(make, before, after, policy=policy)
    assert "\n- assigned to: (empty) -> Ann\n- visit from: (empty) -> 2026-06-02 08:00:00\n" in note.text
