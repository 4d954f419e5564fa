"""Which columns rules and texts may name follows from what the profile reads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.profile import KindProfile, load_profile
from mappings.model import Kind
from syncd.config.columns import Columns, known_columns, traits_of

FIELDS = {"order_line": "order_line_item", "name": "characteristics", "value": "characteristic_option_value"}
ROWS = KindProfile(Kind.CHARACTERISTIC, "t", "", "", FIELDS, {}, {}, {})
CONTACTS = replace(ROWS, kind=Kind.LINE_CONTACT, fields={"order_line": "order_line_item", "email": "email"})


@pytest.fixture
def profile():
    packaged, _ = load_profile("servicenow-om")
    return replace(packaged, kinds={**packaged.kinds, Kind.CHARACTERISTIC: ROWS, Kind.LINE_CONTACT: CONTACTS})


@pytest.mark.parametrize(
    ("column", "known"),
    [
        ("specification", True),
        ("line.mrc", True),
        ("characteristic.Download speed", True),
        ("characteristic.", False),
        ("line_contact.email", True),
        ("line_contact.fax", False),
        ("related_item.site", False),
    ],
)
def test_names_of_characteristics_are_data_and_everything_else_is_checked(profile, column, known):
    columns = known_columns(profile, Kind.DOMAIN_ORDER)
    assert (column in columns) is known
    assert (column in (columns | frozenset({"number"}))) is known
    assert (column in Columns.union_of([columns, known_columns(profile, Kind.ORDER_TASK)])) is known
    assert 7 not in columns


def test_the_rows_that_a_profile_reads_are_found_by_the_fields_that_name_their_owner(profile):
    assert traits_of(profile) == {
        Kind.CHARACTERISTIC: ("order_line",),
        Kind.LINE_CONTACT: ("order_line",),
    }
    assert traits_of(load_profile("servicenow-om")[0]) == {}
