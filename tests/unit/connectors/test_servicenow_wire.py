"""Rows become records and values become columns, at one place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from connectors.ports import Cursor, UnreadableRecord
from connectors.profile import KindProfile
from connectors.servicenow import wire
from connectors.servicenow.wire import FieldError, StateBook, UnknownField
from connectors.strict_json import Flaw
from mappings.model import Kind

ID = "0123456789abcdef0123456789abcdef"
SPEC = KindProfile(
    kind=Kind.WORK_ORDER,
    table="wm_order",
    number="number",
    state="state",
    fields={"location": "location", "location_name": "location.name", "active": "active"},
    states={"draft": ("Draft",)},
    state_values={},
    where={},
)
BOOK = StateBook({"1": "draft"}, {"1": "Entwurf", "99": "Odd"}, {"draft": "1"})


def row(**changes: object) -> dict[str, object]:
    base = {
        "sys_id": ID,
        "sys_created_on": "2026-06-01 10:00:00",
        "sys_updated_on": "2026-06-01 10:00:07",
        "sys_mod_count": "3",
        "number": "WO1",
        "state": "1",
        "location": "",
        "location.name": "",
        "active": "true",
    }
    return base | changes


def decode(**changes: object):
    return wire.decode_record(row(**changes), SPEC, BOOK)


def test_a_row_becomes_a_record_of_strings_and_utc_instants():
    record = decode()
    assert (record.id, record.number, record.version) == (ID, "WO1", 3)
    assert record.updated_at == datetime(2026, 6, 1, 10, 0, 7, tzinfo=UTC)
    assert (record.state, record.state_label) == ("draft", "Entwurf")
    assert record.fields == {"location": "", "location_name": "", "active": "true"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"link": "https://x", "value": ID}, ID),
        ({"display_value": "Harbour", "value": ID}, ID),
        ("", ""),
        (ID, ID),
        (None, ""),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        ("a\x00b", "ab"),
    ],
    ids=["link", "display", "empty", "plain", "null", "yes", "no", "number", "NUL"],
)
def test_every_shape_of_a_value_becomes_one_string(value, expected):
    assert decode(location=value).get("location") == expected


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"sys_id": "X"}, "id"),
        ({"sys_id": ID + "0"}, "id"),
        ({"sys_mod_count": ""}, "version"),
        ({"sys_mod_count": "-1"}, "version"),
        ({"sys_mod_count": "٣"}, "version"),
        ({"sys_updated_on": ""}, "updated_at"),
        ({"sys_updated_on": "2026-06-01T10:00:00Z"}, "updated_at"),
        ({"sys_created_on": "2026-02-30 10:00:00"}, "created_at"),
        ({"sys_created_on": "2026-06-01 10:00:00 "}, "created_at"),
        ({"location": ["x"]}, "location"),
        ({"location": {"link": "x"}}, "location"),
        ({"location": 1.5}, "location"),
        ({"state": {"value": {"value": "1"}}}, "state"),
    ],
)
def test_a_value_that_cannot_be_read_is_named_by_its_field(changes, field):
    with pytest.raises(FieldError) as caught:
        decode(**changes)
    assert caught.value.field == field


def test_a_column_that_is_not_there_is_an_error_and_one_behind_a_reference_is_empty():
    without = {name: value for name, value in row().items() if name != "location.name"}
    assert wire.decode_record(without, SPEC, BOOK).get("location_name") == ""
    with pytest.raises(FieldError, match="active"):
        wire.decode_record({name: value for name, value in row().items() if name != "active"}, SPEC, BOOK)


@pytest.mark.parametrize(
    ("stored", "state", "label"), [("99", "unknown", "Odd"), ("1000", "unknown", "1000"), ("", "unknown", "")]
)
def test_a_state_that_nothing_explains_is_unknown_with_what_people_read(stored, state, label):
    record = decode(state=stored)
    assert (record.state, record.state_label) == (state, label)


@pytest.mark.parametrize(
    ("bad", "id", "stamped"),
    [
        (row(sys_mod_count="x"), ID, True),
        (row(sys_updated_on="x"), ID, False),
        (row(sys_id="x"), "", False),
        (Flaw("duplicate keys", row()), ID, True),
        (Flaw("half of a surrogate pair", row(number="\ud83d")), ID, True),
        (Flaw("NaN as a number"), "", False),
        ("text", "", False),
        (None, "", False),
    ],
    ids=["field", "stamp", "id", "flaw", "surrogate", "flaw alone", "text", "null"],
)
def test_what_does_not_parse_is_kept_with_all_that_is_known_of_it(bad, id, stamped):
    found = wire.decode_row(bad, SPEC, BOOK)
    assert isinstance(found, UnreadableRecord)
    assert (found.id, found.stamp is not None) == (id, stamped)
    assert found.reason
    found.body.encode()
    assert (wire.place_of_row(found) is not None) is (bool(id) and stamped)


def test_the_place_of_a_record_is_its_stamp_and_id():
    assert wire.place_of_row(decode()) == Cursor(datetime(2026, 6, 1, 10, 0, 7, tzinfo=UTC), ID)


def test_values_are_written_by_column_and_states_by_stored_choice():
    assert wire.encode_values({"location": ID, "state": "draft", "number": "X"}, SPEC, BOOK) == {
        "location": ID,
        "state": "1",
        "number": "X",
    }


@pytest.mark.parametrize("values", [{"nonsense": "x"}, {"location_name": "x"}, {"state": "closed"}])
def test_what_cannot_be_written_is_refused(values):
    with pytest.raises(UnknownField):
        wire.encode_values(values, SPEC, BOOK)


@pytest.mark.parametrize("text", ["a^b", "^", "JavaScript:gs.now()", "a\nb", "a\x00", ""])
def test_a_dangerous_value_never_enters_a_query(text):
    assert not wire.may_be_queried(text)


@pytest.mark.parametrize("text", ["a=b", "Straße 1", "syncd:1:x:r:1:1", "[syncd:1:x]", "ORDERBYx"])
def test_an_ordinary_value_does(text):
    assert wire.may_be_queried(text)


@pytest.mark.parametrize("text", [ID.upper(), ID[:-1], ID + "\n", "../../x", ""])
def test_only_32_small_hexadecimal_digits_are_an_id(text):
    assert not wire.is_id(text)


def test_an_instant_is_written_in_utc():
    noon = datetime(2026, 6, 1, 12, 0, tzinfo=timezone(timedelta(hours=2)))
    assert wire.format_instant(noon) == "2026-06-01 10:00:00"


def test_a_row_that_only_describes_another_has_neither_number_nor_state():
    fields = {
        "order_line": "order_line_item",
        "name": "characteristics",
        "value": "characteristic_option_value",
    }
    spec = KindProfile(Kind.CHARACTERISTIC, "t", "", "", fields, {}, {}, {})
    values = {"order_line_item": ID, "characteristics": "speed", "characteristic_option_value": "100"}
    record = wire.decode_record(row(**values), spec, StateBook({}, {}, {}))
    assert (record.number, record.state, record.state_label) == ("", "", "")
    assert dict(record.fields) == {"order_line": ID, "name": "speed", "value": "100"}
