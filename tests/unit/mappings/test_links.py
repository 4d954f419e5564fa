"""A work order says itself whom it belongs to."""

from __future__ import annotations

import pytest

from mappings.links import LinkClaim, LinkSettings, claims, merged_into, taken_away
from mappings.model import Link, Origin

OURS = "syncd:1:do1:fiber:2:3"
CREATED = LinkClaim("id", "do1", Origin.CREATED, "fiber", 2, 3)


BY_HAND = LinkClaim("id", "do2", Origin.ADOPTED)
NUMBERS = LinkSettings("order_no", "number")


@pytest.mark.parametrize(
    ("fields", "settings", "named"),
    [
        ({"correlation_id": OURS}, LinkSettings(), (CREATED,)),
        ({"correlation_id": OURS, "initiated_from": "do1"}, LinkSettings(), (CREATED,)),
        ({"correlation_id": OURS, "initiated_from": "do2"}, LinkSettings(), (CREATED, BY_HAND)),
        ({"initiated_from": " do2 "}, LinkSettings(), (BY_HAND,)),
        ({"order_no": "DO2"}, NUMBERS, (LinkClaim("number", "DO2", Origin.ADOPTED),)),
        (
            {"order_no": "DO2, DO3;DO2"},
            NUMBERS,
            (LinkClaim("number", "DO2", Origin.ADOPTED), LinkClaim("number", "DO3", Origin.ADOPTED)),
        ),
        ({"correlation_id": "ERP-7", "initiated_from": "do2"}, LinkSettings(), (BY_HAND,)),
        ({"initiated_from": "  "}, LinkSettings(), ()),
        ({"initiated_from": "do2"}, LinkSettings(field=""), ()),
        ({}, LinkSettings(), ()),
    ],
    ids=[
        "ours", "ours on one instance", "ours and one by hand", "by hand", "by number", "several",
        "foreign correlation", "blank", "no field", "nothing",
    ],
)  # fmt: skip
def test_a_work_order_names(make, fields, settings, named):
    assert claims(make.work_order(**fields), settings) == named


@pytest.mark.parametrize(
    ("before", "now", "gone"),
    [
        ({"initiated_from": "do2"}, {"initiated_from": "do3"}, (BY_HAND,)),
        ({"initiated_from": "do2"}, {}, (BY_HAND,)),
        ({"initiated_from": "do2"}, {"initiated_from": "do3,do2"}, ()),
        ({"initiated_from": "do2"}, {"correlation_id": "syncd:1:do2:fiber:1:1"}, ()),
        ({"correlation_id": OURS}, {"initiated_from": "do3"}, ()),
    ],
    ids=["pointed elsewhere", "emptied", "one more", "made ours", "the correlation is ours to keep"],
)
def test_what_people_take_away_is_what_people_named(make, before, now, gone):
    assert taken_away(make.work_order(**before), make.work_order(**now), LinkSettings()) == gone


@pytest.mark.parametrize(
    ("field", "value", "into"),
    [("parent", "wo2", "wo2"), ("parent", "", ""), ("parent", "wo1", ""), ("", "wo2", "")],
    ids=["another", "nobody", "itself", "not configured"],
)
def test_a_merged_work_order_names_the_one_that_goes_on(make, field, value, into):
    assert merged_into(make.work_order(parent=value), LinkSettings(merged=field)) == into


def test_a_claim_becomes_a_link_once_the_subject_is_found():
    assert CREATED.link("wo1", "do1") == Link("do1", "wo1", Origin.CREATED, "fiber", 2, 3)
