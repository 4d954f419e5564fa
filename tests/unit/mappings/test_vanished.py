"""What vanished is said once, and neither made again nor written to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings.amendment import amendments
from mappings.cancellation import cancellations
from mappings.creation import creations
from mappings.effects import EffectKind
from mappings.model import EffectStatus, System
from mappings.vanished import subject_vanished, work_order_vanished


def test_a_vanished_work_order_is_noted_on_its_subject(make):
    (note,) = work_order_vanished("wo1", make.in_play(), make.policy()).effects
    assert (note.kind, note.system, note.target) == (EffectKind.WRITE_NOTE, System.ORDER_MANAGEMENT, "do1")
    assert "WO1 (Fiber Installation) is gone from field service" in note.text
    assert note.key == "vanished:do1:wo1"


def test_one_that_was_never_seen_is_named_by_its_id(make):
    (note,) = work_order_vanished("wo1", make.in_play(work_orders=()), make.policy()).effects
    assert "Work order wo1 is gone" in note.text


def test_what_waited_for_a_vanished_work_order_is_void(make):
    mine = make.known("update:wo1:x:1", EffectKind.UPDATE_WORK_ORDER, EffectStatus.PARKED)
    on_its_way = make.known("update:wo1:x:2", EffectKind.UPDATE_WORK_ORDER, EffectStatus.IN_FLIGHT)
    other = make.known("update:wo2:x:1", EffectKind.UPDATE_WORK_ORDER, target="wo2")
    facts = make.in_play(effects=(mine, on_its_way, other))
    assert work_order_vanished("wo1", facts, make.policy()).supersede == (mine.key,)


def test_a_vanished_work_order_is_neither_changed_nor_cancelled(make):
    drifted = make.work_order(priority="1")
    facts = make.in_play(work_orders=(drifted,), vanished=frozenset({"wo1"}))
    assert amendments((), facts, make.policy()).effects == ()
    assert cancellations((), facts.order, facts, make.policy()).effects == ()


@pytest.mark.parametrize(
    ("waived", "created"), [(frozenset(), 1), (frozenset({("fiber", 1)}), 0)], ids=["missing", "let go"]
)
def test_one_that_a_person_let_go_is_not_made_again(make, waived, created):
    facts = make.in_play(links=(), work_orders=(), waived=waived)
    assert len(creations((), facts, make.policy()).effects) == created


def test_the_open_work_orders_of_a_vanished_subject_are_flagged_and_stay(make):
    links = (make.link("wo1"), make.link("wo2", slot=2), make.link("wo3", slot=3))
    work_orders = (make.work_order("wo1"), make.work_order("wo2", "closed_complete"), make.work_order("wo3"))
    facts = make.in_play(links=links, work_orders=work_orders, vanished=frozenset({"wo3"}))
    (note,) = subject_vanished(facts, make.policy()).effects
    assert (note.kind, note.system, note.target) == (EffectKind.WRITE_NOTE, System.FIELD_SERVICE, "wo1")
    assert "DO1 is gone from order management" in note.text
    assert "was not cancelled" in note.text


def test_creates_of_a_vanished_subject_that_were_not_sent_are_void(make):
    pending = make.known_create(EffectStatus.PENDING)
    facts = make.in_play(links=(), work_orders=(), effects=(pending,))
    assert subject_vanished(facts, make.policy()).supersede == (pending.key,)
    sent = replace(facts, effects=(make.known_create(EffectStatus.IN_FLIGHT),))
    assert subject_vanished(sent, make.policy()).supersede == ()
