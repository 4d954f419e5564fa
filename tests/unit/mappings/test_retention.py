"""A record whose body is gone: unchanged it is the same, changed only its state tells something."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings import changes
from mappings.changes import What, default_lifecycles
from mappings.model import Kind
from mappings.retention import as_far_as_known, is_reduced, reduced


@pytest.fixture
def whole(make):
    return replace(
        make.domain_order("closed_complete"), fields={"specification": "Fiber Access", "empty": ""}
    )


@pytest.fixture
def small(whole):
    return reduced(whole, changes.content_hash(whole))


def test_a_reduced_record_has_no_body_and_is_reduced_once(whole, small):
    assert not is_reduced(whole)
    assert is_reduced(small)
    assert "Fiber" not in repr(small)
    assert reduced(small, "other") is small


def test_read_again_it_is_the_same_unless_something_changed(whole, small):
    assert changes.same(small, whole)
    assert not changes.same(small, replace(whole, fields={"specification": "Router"}))
    assert not changes.same(small, replace(whole, version=whole.version + 1))


def test_of_a_change_only_the_state_is_told(whole, small):
    now = replace(whole, state="in_progress", version=9, fields={"specification": "Router", "ponr": "true"})
    lifecycle = default_lifecycles()[Kind.DOMAIN_ORDER]
    found = changes.detect(as_far_as_known(small, now), now, lifecycle)
    assert {change.what for change in found} == {What.STATUS_CHANGED, What.REOPENED, What.APPROVED}
    assert as_far_as_known(whole, now) is whole
