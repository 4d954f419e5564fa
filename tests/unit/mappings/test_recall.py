"""What notes tell a state that does not remember writing them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings import recall
from mappings.amendment import amendments
from mappings.changes import Change, FieldChange, What
from mappings.decisions import found_again
from mappings.effects import Effect, EffectKind, Reference
from mappings.keys import marker
from mappings.model import Kind, System
from mappings.status import content, seen_again, status_notes

A, B = FieldChange("priority", "3", "1"), FieldChange("location", "Berlin", "Paris")


def note(mark, text="said", key=""):
    return Effect(
        key=key or mark,
        kind=EffectKind.WRITE_NOTE,
        system=System.ORDER_MANAGEMENT,
        subject_kind=Kind.DOMAIN_ORDER,
        subject="do1",
        target_kind=Kind.DOMAIN_ORDER,
        target="do1",
        because="test",
        text=f"{text}\n{marker(mark)}",
        marker=marker(mark),
    )


def left(effect, *standing, remembered=()):
    texts = [f"text\n{marker(mark)}" for mark in standing]
    return recall.remaining(effect, texts, {marker(mark) for mark in remembered})


CASES = {
    "the same": ("kept:wo1:do1:ord1:4", ["kept:wo1:do1:ord1:4"], True),
    "nothing": ("kept:wo1:do1:ord1:4", [], False),
    "another version": ("kept:wo1:do1:ord1:4", ["kept:wo1:do1:ord1:2"], True),
    "another source": ("kept:wo1:do1:ord1:4", ["kept:wo1:do1:do1:2"], False),
    "a flag": ("flagged:do1:do1:7", ["flagged:do1:do1:5"], True),
    "a refusal": ("refusal:update:wo1:do1:7:0badcafe", ["refusal:update:wo1:do1:5:0badcafe"], True),
    "another reason": ("refusal:update:wo1:do1:7:0badcafe", ["refusal:update:wo1:do1:5:deadbeef"], False),
    "a status": ("status:wo1:9:aaaaaaaa", ["status:wo1:4:aaaaaaaa"], True),
    "a status since left": (
        "status:wo1:9:aaaaaaaa",
        ["status:wo1:10:bbbbbbbb", "status:wo1:4:aaaaaaaa"],
        False,
    ),
    "history that was told": ("status:wo1:5:aaaaaaaa:passed", ["status:wo1:9:bbbbbbbb"], True),
    "history after the newest note": ("status:wo1:5:aaaaaaaa:passed", ["status:wo1:4:aaaaaaaa"], False),
    "history of which nothing stands": ("status:wo1:5:aaaaaaaa:passed", [], False),
    "another work order": ("status:wo1:9:aaaaaaaa", ["status:wo2:4:aaaaaaaa"], False),
    "held": ("held:do1:20260601T1", ["held:do1:20260601T0"], True),
    "held, then released": ("held:do1:20260601T1", ["held:do1:2026", "released:close:do1:2026"], False),
    "released": ("released:close:do1:20260601T1", ["held:do1:2026", "released:do1:2026"], True),
    "released elsewhere": ("released:do1:20260601T1", ["released:do2:2026"], False),
}


@pytest.mark.parametrize(("mark", "standing", "stands"), CASES.values(), ids=CASES)
def test_a_note_of_another_life_counts_whatever_version_it_answers(mark, standing, stands):
    assert (left(note(mark), *standing) == "") is stands


def test_a_note_that_the_state_remembers_answers_its_own_effect_only():
    assert left(note("flagged:do1:do1:7"), "flagged:do1:do1:5", remembered=["flagged:do1:do1:5"])


# -- notes with parts


def naming(*ids, text="Work orders created:\n- one\n- two"):
    return note(recall.naming_mark("created", "do1", [(id, "aaaaaaaa") for id in ids]), text)


def mark_of(effect):
    return effect.marker[len("[syncd:1:") : -1]


def test_a_typed_note_that_reached_one_work_order_still_goes_to_the_next():
    """It has one marker on each."""
    mark = "mirrored:note1"
    assert left(note(mark, key="mirrored:note1:wo2"), remembered=(mark,)) != ""


def test_work_orders_named_by_several_notes_are_named():
    assert left(naming("wo1", "wo2"), mark_of(naming("wo2")), mark_of(naming("wo1"))) == ""


def test_a_work_order_that_no_note_names_is_named_alone():
    rest = left(naming("wo1", "wo2"), mark_of(naming("wo1")))
    assert rest.startswith("Work orders created:\n- two\n[syncd:1:created:do1:")


def test_a_note_whose_lines_do_not_tell_its_parts_is_written_whole():
    whole = naming("wo1", "wo2", text="Work orders created: ... (shortened)")
    assert left(whole, mark_of(naming("wo1"))) == whole.text


def test_a_long_list_is_recognised_as_a_whole():
    ids = [f"wo{number}" for number in range(recall.MARKED + 1)]
    assert left(naming(*ids), mark_of(naming(*ids))) == ""
    assert len(mark_of(naming(*ids))) < 30


def test_a_note_tells_that_a_work_order_stood():
    standing = [naming("wo1", "wo2").text, "somebody's note", note("status:wo3:1:aaaaaaaa").text]
    assert [recall.names(id, standing) for id in ("wo1", "wo2", "wo3")] == [True, True, False]


def amended(version, *fields, head="amended:update:wo1:do1"):
    lines = "\n".join(f"- {field.name}" for field in fields)
    return note(recall.fields_mark(f"{head}:{version}", fields), f"updated:\n{lines}")


def test_fields_noted_one_by_one_are_noted():
    assert left(amended(9, B, A), mark_of(amended(4, A)), mark_of(amended(5, B))) == ""


def test_a_field_that_is_not_noted_is_noted_alone():
    assert "- priority" not in left(amended(9, B, A), mark_of(amended(4, A)))


def test_a_value_that_another_one_followed_is_noted_again():
    back = FieldChange("priority", "1", "3")
    assert left(amended(9, back), mark_of(amended(4, back)), mark_of(amended(5, A)))


def test_many_fields_are_recognised_by_their_key():
    many = [FieldChange(f"f{number}", "", "x") for number in range(recall.MARKED + 1)]
    assert recall.fields_mark("k", many) == "k"


@pytest.mark.parametrize(
    ("other", "stands"),
    [("amended:update:wo1:do1", True), ("refused:do1:ordl1", True), ("amended:wo1:do1:do1", False)],
)
def test_a_refused_field_that_was_sent_or_refused_before_is_not_noted(other, stands):
    refused = amended(9, A, head="refused:do1:ordl1")
    assert (left(refused, mark_of(amended(4, A, head=other))) == "") is stands


def test_a_field_noted_on_an_adopted_work_order_is_noted():
    head = "amended:hand1:do1:ordl1"
    assert left(amended(9, A, head=head), mark_of(amended(4, A, head=head))) == ""


# -- writes to work orders


def update(**before):
    return replace(
        note("update:wo1:do1:9"),
        kind=EffectKind.UPDATE_WORK_ORDER,
        target="wo1",
        values={"priority": "1"},
        references={"location": Reference("location", "name", "Paris")},
        before=before,
    )


def test_an_update_that_is_noted_was_carried():
    both = update(priority="3", location="Berlin")
    standing = [amended(4, A).text, amended(5, B).text]
    assert recall.carried(both, standing, ())
    assert not recall.carried(both, standing[:1], ())
    assert not recall.carried(both, standing, {amended(5, B).marker})
    assert not recall.carried(update(), standing, ())


def test_an_update_whose_own_note_was_followed_by_newer_ones_was_carried():
    later = FieldChange("priority", "1", "2")
    own, other = amended(9, A).text, amended(4, A).text
    assert recall.carried(update(priority="3"), [own, amended(12, later).text], ())
    assert not recall.carried(update(priority="3"), [other, amended(12, later).text], ())


def test_a_cancel_that_was_asked_for_under_another_version_was_asked_for():
    cancel, earlier = note("cancel:wo1:do1:9"), note("cancel:wo1:do1:4")
    assert recall.cancel_asked(cancel, [earlier.text], ())
    assert recall.cancel_asked(cancel, [cancel.text], {cancel.marker})
    assert not recall.cancel_asked(cancel, [earlier.text], {earlier.marker})


# -- a work order seen again


def test_a_status_that_is_seen_again_and_its_change_are_one_note(make):
    facts, now = make.in_play(), make.later(make.work_order(), "accepted")
    change = Change(What.STATUS_CHANGED, now, make.work_order())
    (changed,) = status_notes((change,), facts, make.policy()).effects
    (seen,) = seen_again(now, facts, make.policy()).effects
    assert seen.key == changed.key
    assert mark_of(seen) == f"{mark_of(changed)}:{recall.SEEN}"


@pytest.mark.parametrize(
    ("standing", "due"), [("none", False), ("named so", False), ("named otherwise", True), ("noted", False)]
)
def test_a_status_is_noted_where_older_notes_say_something_else(make, standing, due):
    record, policy = make.work_order(), make.policy()
    (seen,) = seen_again(record, make.in_play(), policy).effects
    told = {
        "none": [],
        "named so": [recall.naming_mark("created", "do1", [("wo1", content(record, policy))])],
        "named otherwise": [recall.naming_mark("created", "do1", [("wo1", "00000000")])],
        "noted": [mark_of(seen).replace(":1:", ":0:")],
    }[standing]
    assert bool(left(seen, *told)) is due


def test_a_work_order_of_a_cancelled_order_that_is_found_again_is_cancelled(make):
    facts = replace(make.in_play(subject=make.domain_order("canceled")), catching_up=True)
    kinds = [e.kind for e in found_again(make.work_order(), make.link(), facts, make.policy()).effects]
    assert EffectKind.CANCEL_WORK_ORDER in kinds
    adopted = found_again(make.work_order(), make.adopted("wo1"), facts, make.policy()).effects
    assert {e.kind for e in adopted} == {EffectKind.WRITE_NOTE}


def test_a_work_order_of_an_open_order_that_is_found_again_is_named(make):
    facts = replace(make.in_play(), catching_up=True)
    effects = found_again(make.work_order(), make.link(), facts, make.policy()).effects
    assert [e.key.partition(":")[0] for e in effects] == ["created", "status"]


# -- the point of no return


def flagged(make, catching_up, **shown):
    before = make.line(ponr="false")
    line = make.later(before, ponr="true")
    was = make.domain_order()
    now = make.later(was, location="Paris", remark="new")
    facts = make.in_play(subject=now, line=line, work_orders=(make.work_order(**shown),))
    changes = (Change(What.PONR_REACHED, line, before), Change(What.AMENDED, now, was))
    return amendments(changes, replace(facts, catching_up=catching_up), make.policy()).effects


def test_past_the_point_what_field_service_has_already_is_not_called_refused(make):
    assert flagged(make, True, location_name="Paris", remark="new") == ()
    assert len(flagged(make, False, location_name="Paris", remark="new")) == 1


def test_past_the_point_what_field_service_has_not_is_refused(make):
    (refused,) = flagged(make, True, location_name="Paris", remark="old")
    assert "location" not in refused.text
    assert "- remark: (empty) -> new" in refused.text


def test_a_review_takes_what_field_service_has_for_the_content_of_a_frozen_line(make):
    facts = make.in_play(line=make.line(ponr="true"), work_orders=(make.work_order(priority="9"),))
    assert amendments((), facts, make.policy()).effects == ()
