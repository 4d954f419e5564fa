"""How values are written in the tables."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.effects import Effect, EffectKind, Reference
from mappings.model import PARENT_FIELDS, Kind, Link, Origin, System
from state.columns import Instant, Json, OutsideText
from state.outbox import sources, target, to_effect
from state.schema import snapshots

INSTANT, JSON, OUTSIDE = Instant(), Json(), OutsideText()


def test_an_instant_is_text_of_fixed_width():
    stamp = datetime(2026, 11, 23, 7, 51, 54, tzinfo=timezone(timedelta(hours=1)))
    assert INSTANT.process_bind_param(stamp, None) == "2026-11-23T06:51:54.000000Z"


def test_an_instant_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        INSTANT.process_bind_param(datetime(2026, 11, 23), None)  # noqa: DTZ001 - the very thing that is refused


utc = st.datetimes(timezones=st.just(UTC))


@given(utc, utc)
def test_instants_come_back_and_sort_as_text(one, other):
    texts = [INSTANT.process_bind_param(value, None) for value in (one, other)]
    assert [INSTANT.process_result_value(text, None) for text in texts] == [one, other]
    assert {len(text) for text in texts} == {27}
    assert (texts[0] < texts[1]) == (one < other)


@given(st.text(st.characters(exclude_categories=())))
def test_text_from_outside_fits_every_database(text):
    stored = OUTSIDE.process_bind_param(text, None)
    assert "\0" not in stored
    assert stored.encode("utf-8").decode("utf-8") == stored


words = st.text(max_size=20)
values = st.dictionaries(words, words, max_size=3)
effects = st.builds(
    Effect,
    key=words,
    kind=st.sampled_from(EffectKind),
    system=st.sampled_from(System),
    subject_kind=st.sampled_from(Kind),
    subject=words,
    target_kind=st.sampled_from(Kind),
    target=words,
    because=words,
    values=values,
    references=st.dictionaries(words, st.builds(Reference, words, words, words, st.booleans()), max_size=3),
    before=values,
    text=words,
    marker=words,
    link=st.none()
    | st.builds(
        Link,
        words,
        words,
        st.sampled_from(Origin),
        words,
        slot=st.integers(0, 9999),
        generation=st.integers(0, 9999),
        noted=st.booleans(),
    ),
)


@given(effects)
def test_an_effect_survives_the_outbox(effect):
    stored = JSON.process_bind_param(effect, None)
    assert "\0" not in stored
    assert to_effect(JSON.process_result_value(stored, None)) == effect


def test_every_record_above_another_has_a_column():
    for fields in PARENT_FIELDS.values():
        assert len(set(fields.values())) == len(fields), "two references of one kind would share a column"
        assert {kind.value for kind in fields.values()} <= set(snapshots.c.keys())


def test_every_event_moves_to_one_state():
    assert target("claimed") == "in_flight"
    assert [status.value for status in sources("claimed")] == ["pending", "in_doubt"]
