"""Notes say what happened, cannot be made to say more, and are found again."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings import notes
from mappings.changes import FieldChange
from mappings.keys import marker
from mappings.notes import Named, is_ours, markers, plain

PROPERTY = settings(max_examples=200, deadline=None, derandomize=True)

ANY_TEXT = st.lists(
    st.one_of(
        st.text(max_size=20),
        st.sampled_from(
            ["[code]", "[/CODE]", "[ code x]", "<b>", "-->", "[syncd:1:a:b]", "\x1b[2J", "\u202e", "\ud800"]
        ),
    ),
    max_size=8,
).map("".join)


@PROPERTY
@given(ANY_TEXT, st.integers(60, 200), st.sampled_from(["", marker("status:wo1:3:abcdef12")]))
def test_no_text_can_hide_format_pretend_or_overflow(text, limit, mark):
    note = plain(text, limit, mark)
    assert len(note) <= limit
    assert note.endswith(mark)
    body = note.removesuffix(mark)
    assert not re.search(r"\[/?\s*code|<|(?<!-)>", body, re.IGNORECASE)
    assert all(c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in body)
    assert markers(note) == ((mark[9:-1],) if mark else ())
    assert plain(body, limit) == body.strip()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\r\nb\rc\td", "a\nb\nc d"),
        ("[code]<b>x</b>[/code]", "(code)‹b›x‹/b›(/code)"),
        ("Assigned -> Accepted", "Assigned -> Accepted"),
        ("[Syncd:1:x] [other]", "(Syncd:1:x] [other]"),
        ("  x\x00\x1b \n", "x"),
        ("Größe 10 €", "Größe 10 €"),
    ],
    ids=["line ends", "code and tags", "arrow", "borrowed marker", "control characters", "umlauts"],
)
def test_a_text_becomes_plain(text, said):
    assert plain(text, 100) == said


def test_a_long_text_is_cut_and_says_so():
    note = plain("x" * 200, 100, "[syncd:1:k]")
    assert len(note) == 100
    assert note.endswith("x ... (shortened)\n[syncd:1:k]")
    assert plain("x" * 88, 100, "[syncd:1:k]") == "x" * 88 + "\n[syncd:1:k]"


def test_a_limit_that_would_cut_the_marker_is_an_error():
    with pytest.raises(ValueError, match="no room"):
        plain("x", 20, "[syncd:1:a-long-key]")


@pytest.mark.parametrize(
    ("text", "ours", "keys"),
    [
        ("Work order created\n[syncd:1:created:do1:ab]", True, ("created:do1:ab",)),
        ("see [syncd:1:a:b] above", False, ("a:b",)),
        ("[syncd:1:a] and [syncd:1:b] \n", True, ("a", "b")),
        ("[syncd:2:a]", False, ()),
        ("nothing", False, ()),
    ],
    ids=["ours", "quoted by a person", "two", "other version", "none"],
)
def test_a_note_of_ours_ends_in_a_marker(text, ours, keys):
    assert (is_ours(text), markers(text)) == (ours, keys)


ONE = Named("WO1", "Fiber Installation", "Assigned")
TWO = Named("WO2", "", "Draft")
CHANGES = (FieldChange("requested_due_by", "", "2026-06-02"), FieldChange("priority", "3", ""))
LINES = "- requested due by: (empty) -> 2026-06-02\n- priority: 3 -> (empty)"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (notes.created([ONE]), "Work order created: WO1 (Fiber Installation): Assigned"),
        (
            notes.created([ONE, TWO]),
            "Work orders created:\n- WO1 (Fiber Installation): Assigned\n- WO2: Draft",
        ),
        (notes.adopted([TWO]), "Work order made in field service: WO2: Draft"),
        (notes.adopted([TWO, TWO]), "Work orders made in field service:\n- WO2: Draft\n- WO2: Draft"),
        (notes.status(ONE, "Draft"), "Work order WO1 (Fiber Installation): Draft -> Assigned"),
        (notes.status(TWO, "Draft", CHANGES), f"Work order WO2: Draft\n{LINES}"),
        (
            notes.status(TWO, "Ready", (), notes.because_cancelled("Order ORD1")),
            "Work order WO2: Ready -> Draft, because Order ORD1 was cancelled",
        ),
        (notes.amended(TWO, CHANGES), f"Work order WO2 was updated, status Draft:\n{LINES}"),
        (
            notes.amended(TWO, CHANGES[:1], ["location", "due_by"]),
            f"Work order WO2 was updated, status Draft:\n{LINES.splitlines()[0]}\n- written again: location, due by",
        ),
        (
            notes.amended_by_hand_only("Domain order DO1", CHANGES),
            "Domain order DO1 changed in order management; this work order was made by hand and is not changed by "
            f"syncd:\n{LINES}",
        ),
        (
            notes.ponr_refused("Domain order DO1", "Order line ORDL2", CHANGES),
            "Domain order DO1 is past the point of no return (Order line ORDL2): this change was not sent to its work orders. "
            f"Please check:\n{LINES}",
        ),
        (
            notes.ponr_cancelled("Order ORD1", "Order line ORDL1"),
            "Order ORD1 was cancelled past the point of no return (Order line ORDL1): its work orders were not cancelled. "
            "A person must decide about them.",
        ),
        (notes.cancel_reason("Order ORD1"), "Order ORD1 was cancelled in order management."),
        (
            notes.cancel_sent(TWO, notes.because_cancelled("Order ORD1")),
            "Work order WO2 was asked to cancel, because Order ORD1 was cancelled: still Draft",
        ),
        (
            notes.not_cancelled("Order ORD1", "another order needs it."),
            "Order ORD1 was cancelled in order management. This work order stays: another order needs it.",
        ),
        (
            notes.refused("cancel work order WO1", "parts"),
            "Field service refused to cancel work order WO1: parts",
        ),
        (
            notes.close_refused("tasks open"),
            "Closure is held: order management refused the close: tasks open",
        ),
        (
            notes.not_found(TWO, [("location", "Berlin")]),
            "Work order WO2 was written without what field service does not know:\n- location: Berlin",
        ),
        (notes.held(["a", "b"]), "Closure is held:\n- a\n- b"),
        (notes.released([]), "Closure released: no work order is open."),
        (notes.released([ONE]), "Closure released: WO1 (Fiber Installation): Assigned"),
    ],
)
def test_the_wording(text, said):
    assert text == said


def test_a_record_without_number_or_label_is_named_by_what_it_has(make):
    bare = replace(make.work_order(), number="", state_label="")
    assert notes.named(bare, "") == Named("wo1", "", "assigned")
    assert notes.named(make.work_order(), "Repair") == Named("WO1", "Repair", "Assigned")
