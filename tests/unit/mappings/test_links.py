"""A work order says itself whom it belongs to."""

from __future__ import annotations

import pytest

from mappings.links import LinkClaim, LinkSettings, link_for
from mappings.model import Link, Origin

OURS = "syncd:1:do1:fiber:2:3"
CREATED = LinkClaim("id", "do1", Origin.CREATED, "fiber", 2, 3)


@pytest.mark.parametrize(
    ("fields", "settings", "claim"),
    [
        ({"correlation_id": OURS}, LinkSettings(), CREATED),
        ({"correlation_id": OURS, "initiated_from": "do2"}, LinkSettings(), CREATED),
        ({"initiated_from": " do2 "}, LinkSettings(), LinkClaim("id", "do2", Origin.ADOPTED)),
        ({"order_no": "DO2"}, LinkSettings("order_no", "number"), LinkClaim("number", "DO2", Origin.ADOPTED)),
        (
            {"correlation_id": "ERP-7", "initiated_from": "do2"},
            LinkSettings(),
            LinkClaim("id", "do2", Origin.ADOPTED),
        ),
        ({"initiated_from": "  "}, LinkSettings(), None),
        ({"initiated_from": "do2"}, LinkSettings(field=""), None),
        ({}, LinkSettings(), None),
    ],
    ids=["ours", "ours wins", "by hand", "by number", "foreign correlation", "blank", "no field", "nothing"],
)
def test_a_work_order_claims(make, fields, settings, claim):
    assert link_for(make.work_order(**fields), settings) == claim


def test_a_claim_becomes_a_link_once_the_subject_is_found():
    assert CREATED.link("wo1", "do1") == Link("do1", "wo1", Origin.CREATED, "fiber", 2, 3)
