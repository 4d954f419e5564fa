"""Mirrored notes: what people type reaches the other side once, plain, with author and time, and never comes back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mappings.keys import Correlation
from mappings.mirror import TypedNote, goes_further, may_be_read_later, mirrored
from mappings.model import EffectStatus, Kind, System
from mappings.notes import is_ours, plain, typed
from mappings.notes import mirrored as wording

NOON = datetime(2026, 6, 1, 12, 30, 5, tzinfo=UTC)
BOTH = frozenset(System)


def note(
    text: str = "the dog bites", kind: Kind = Kind.DOMAIN_ORDER, record: str = "do1", **given
) -> TypedNote:
    return TypedNote(
        **{"id": "e1", "kind": kind, "record": record, "text": text, "author": "ann", "created_at": NOON}
        | given
    )


def on_work_order(**given) -> TypedNote:
    return note(kind=Kind.WORK_ORDER, record="wo1", **given)


# -- whose notes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "goes"),
    [
        (note(), True),
        (note("  \n"), False),
        (note("[code][/code]"), False),
        (note("said\n[syncd:1:mirrored:e0]"), False),
        (note("see [syncd:1:created:fake] there"), True),
        (note(author="syncd"), False),
        (on_work_order(), False),
    ],
    ids=[
        "a person's",
        "empty",
        "empty markup",
        "ours",
        "quotes a marker",
        "our user's",
        "a side that is not mirrored",
    ],
)
def test_only_what_a_person_typed_on_a_mirrored_side_goes_further(make, one, goes):
    policy = make.policy(mirror_from=frozenset({System.ORDER_MANAGEMENT}), not_mirrored=frozenset({"syncd"}))
    assert goes_further(one, policy) is goes


@pytest.mark.parametrize(
    ("one", "record", "waits"),
    [
        (note(), None, True),
        (note(), ("in_progress", {}), True),
        (note(), ("closed_complete", {}), True),
        (on_work_order(), None, True),
        (on_work_order(), ("assigned", {"correlation_id": "syncd:1:do1:fibre:1:1"}), True),
        (on_work_order(), ("assigned", {"initiated_from": "do1"}), True),
        (on_work_order(), ("assigned", {}), False),
        (note(kind=Kind.ORDER_LINE), ("in_progress", {}), False),
    ],
    ids=[
        "not seen yet",
        "open",
        "closed",
        "work order not seen yet",
        "made by us",
        "names an order",
        "foreign",
        "on a line",
    ],
)
def test_a_note_that_reaches_nobody_waits_where_somebody_may_come(make, one, record, waits):
    known = make.record(one.kind, one.record, record[0], **record[1]) if record else None
    assert may_be_read_later(one, known, make.policy()) is waits


def test_nothing_goes_further_by_default(make):
    assert not goes_further(note(), make.policy())


def test_what_was_mirrored_never_comes_back(make):
    policy = make.policy(mirror_from=BOTH)
    (there,) = mirrored(note(), make.in_play(), policy).effects
    back = on_work_order(text=there.text, author="whoever", id="e2")
    assert is_ours(there.text)
    assert not goes_further(back, policy)


# -- to work orders ----------------------------------------------------------------------------------------------------


def test_a_note_says_who_typed_it_where_and_when(make):
    (effect,) = mirrored(note(), make.in_play(), make.policy()).effects
    assert (effect.system, effect.target_kind, effect.target) == (
        System.FIELD_SERVICE,
        Kind.WORK_ORDER,
        "wo1",
    )
    assert effect.text == (
        "Domain order DO1, note of ann, 2026-06-01 12:30:05 UTC:\nthe dog bites\n[syncd:1:mirrored:e1]"
    )
    assert effect.marker == "[syncd:1:mirrored:e1]"


def test_every_linked_work_order_is_reached_but_for_those_that_are_gone(make):
    facts = make.in_play(
        links=(make.link("wo1"), make.adopted("hand1"), make.link("wo3", slot=2), make.adopted("closed")),
        work_orders=(make.work_order("wo1"), make.work_order("closed", "closed_complete")),
        vanished=frozenset({"wo3"}),
    )
    assert [e.target for e in mirrored(note(), facts, make.policy()).effects] == ["wo1", "hand1", "closed"]


def test_a_work_order_on_its_way_is_reached_under_the_key_that_it_keeps(make):
    coming = make.facts(plan=make.plan(), effects=(make.known_create(EffectStatus.PENDING),))
    (before,) = mirrored(note(), coming, make.policy()).effects
    (after,) = mirrored(note(), make.in_play(links=(make.link("another id"),)), make.policy()).effects
    assert before.target == Correlation("do1", "fiber", 1, 1).own_id("om-test")
    assert before.key == after.key


def test_a_work_order_of_several_subjects_is_reached_once(make):
    ours = str(Correlation("do1", "fiber", 1, 1))
    shared = make.in_play(links=(make.adopted("wo1"),), work_orders=(make.work_order(correlation_id=ours),))
    one = note(kind=Kind.CUSTOMER_ORDER, record="ord1")
    (here,) = mirrored(one, shared, make.policy()).effects
    (there,) = mirrored(one, make.in_play(), make.policy()).effects
    assert here.key == there.key


@pytest.mark.parametrize(
    ("kind", "record", "said"),
    [
        (Kind.CUSTOMER_ORDER, "ord1", "Order ORD1, "),
        (Kind.ORDER_LINE, "ordl1", "Order line ORDL1, "),
        (Kind.ORDER_LINE, "other", "Record other, "),
    ],
)
def test_a_note_on_a_record_above_names_it(make, kind, record, said):
    (effect,) = mirrored(note(kind=kind, record=record), make.in_play(), make.policy()).effects
    assert effect.text.startswith(said)


def test_a_note_on_an_order_task_reaches_its_work_orders(make):
    facts = make.facts(make.order_task(), links=(make.link("wo9"),))
    (effect,) = mirrored(note(kind=Kind.ORDER_TASK, record="task1"), facts, make.policy()).effects
    assert effect.text.startswith("Order task TASK1, ")
    assert (effect.subject, effect.target) == ("task1", "wo9")


# -- to domain orders --------------------------------------------------------------------------------------------------


def test_a_note_on_a_work_order_reaches_its_subject(make):
    (effect,) = mirrored(on_work_order(), make.in_play(), make.policy()).effects
    assert (effect.system, effect.target) == (System.ORDER_MANAGEMENT, "do1")
    assert effect.text.startswith(
        "Work order WO1 (Fiber Installation), note of ann, 2026-06-01 12:30:05 UTC:\n"
    )
    assert effect.key == "mirrored:e1:do1"


def test_a_note_on_a_work_order_that_was_not_seen_yet_waits_for_nobody(make):
    assert mirrored(on_work_order(), make.in_play(work_orders=()), make.policy()).effects == ()


# -- the text ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a &amp;amp; b &lt;c&gt;", "a &amp; b <c>"),
        ("[code]<p>one</p><b onclick='x'>two</b><br/>three[/code] [CODE]<i>4[/CODE]", "one\ntwo\nthree 4"),
        ("<b>not code</b>", "<b>not code</b>"),
        ("a\n\n \n\nb", "a\n\nb"),
        ("1 < 2", "1 < 2"),
    ],
    ids=["entities once", "code", "tags outside of code", "blank lines", "arithmetic"],
)
def test_markup_is_taken_out_and_entities_are_read_once(text, said):
    assert typed(text) == said


@pytest.mark.parametrize(
    "evil", ["&#91;code&#93;<script>", "[syncd:1:created:do1]", "[/code]<b>[code]", "\x1b[2J"]
)
def test_nothing_typed_can_format_or_pretend(evil):
    text = plain(wording("Domain order DO1", "ann", NOON, evil), 500, "[syncd:1:mirrored:e1]")
    assert text.count("[syncd:") == 1
    assert "[code" not in text.lower()
    assert "<" not in text


def test_a_long_note_is_cut_and_says_where_the_rest_is(make):
    long = note("x" * 10_000)
    (there,) = mirrored(long, make.in_play(), make.policy(note_limit=500)).effects
    assert len(there.text) == 500
    assert " ... (shortened; the rest is on Domain order DO1)\n[syncd:1:mirrored:e1]" in there.text
    (back,) = mirrored(on_work_order(text="y" * 10_000), make.in_play(), make.policy(note_limit=500)).effects
    assert " ... (shortened; the rest is on WO1)" in back.text


def test_an_author_without_a_name_is_somebody(make):
    (effect,) = mirrored(note(author=""), make.in_play(), make.policy()).effects
    assert "note of somebody, " in effect.text
