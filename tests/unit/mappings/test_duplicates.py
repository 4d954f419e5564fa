"""Of several work orders under one correlation the oldest stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from mappings.duplicates import duplicates
from mappings.effects import EffectKind
from mappings.keys import Correlation

TWINS = ("wo1", "wo2")


@pytest.fixture
def twice(make):
    """Two work orders of one slot; `wo2` is the older one."""

    def made(first: str = "assigned", second: str = "assigned", **given):
        younger = make.work_order("wo1", first)
        older = make.work_order("wo2", second)
        older = replace(older, created_at=older.created_at - timedelta(hours=1))
        links = (make.link("wo1"), make.link("wo2"))
        return make.in_play(links=links, work_orders=(younger, older), **given)

    return made


def test_the_younger_is_flagged_in_field_service(make, twice):
    (note,) = duplicates(TWINS, twice(), make.policy(), cancel=False).effects
    assert (note.kind, note.target) == (EffectKind.WRITE_NOTE, "wo1")
    assert "WO2 (Fiber Installation) is the older one and stays" in note.text


def test_the_younger_is_cancelled_where_the_config_says_so(make, twice):
    (cancel,) = duplicates(TWINS, twice(), make.policy(), cancel=True).effects
    assert (cancel.kind, cancel.target, cancel.instead_of) == (EffectKind.CANCEL_WORK_ORDER, "wo1", "wo2")
    assert cancel.text.endswith(cancel.marker)


@pytest.mark.parametrize(
    ("first", "second"),
    [("canceled", "assigned"), ("closed_complete", "assigned"), ("assigned", "canceled")],
    ids=["cancelled already", "done already", "the older one is cancelled"],
)
def test_one_that_is_open_alone_is_no_duplicate(make, twice, first, second):
    assert duplicates(TWINS, twice(first, second), make.policy(), cancel=True).effects == ()


def test_a_vanished_one_does_not_count(make, twice):
    facts = twice(vanished=frozenset({"wo2"}))
    assert duplicates(TWINS, facts, make.policy(), cancel=False).effects == ()


def test_other_work_orders_of_the_subject_do_not_count(make, twice):
    assert duplicates(("wo1",), twice(), make.policy(), cancel=False).effects == ()


def test_of_two_of_one_second_the_one_with_the_id_that_we_chose_stays(make):
    policy = make.policy()
    ours = Correlation("do1", "fiber", 1, 1)
    own = ours.own_id(policy.om_id)
    made = make.work_order(own, "assigned", correlation_id=str(ours))
    for id in ("0" * 32, "f" * 32):
        copy = make.work_order(id, "assigned", correlation_id=str(ours))
        facts = make.in_play(links=(make.link(own), make.link(id)), work_orders=(copy, made))
        (note,) = duplicates((own, id), facts, policy, cancel=False).effects
        assert note.target == id
