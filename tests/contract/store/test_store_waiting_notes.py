"""Typed notes that wait for who is to read them, on every database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mappings.mirror import TypedNote
from mappings.model import Kind, System
from state import waiting_notes


@pytest.fixture
def typed(clock):
    def typed(id: str, kind: Kind = Kind.DOMAIN_ORDER, record: str = "d1") -> TypedNote:
        return TypedNote(id, kind, record, "Grüße\n", "ann", clock())

    return typed


def test_a_note_is_ready_when_its_record_has_a_link(store, make, typed):
    here, there = typed("a"), typed("b", Kind.WORK_ORDER, "w1")
    with store.deciding() as tx:
        for note in (here, there, typed("c", record="d2")):
            tx.waiting_notes.keep(note)
        assert tx.waiting_notes.ready(System.ORDER_MANAGEMENT, "") == ()
        tx.link(make.link())
    with store.deciding() as tx:
        assert tx.waiting_notes.ready(System.ORDER_MANAGEMENT, "") == (here,)
        assert tx.waiting_notes.ready(System.ORDER_MANAGEMENT, "a") == ()
        assert tx.waiting_notes.ready(System.FIELD_SERVICE, "") == (there,)


def test_a_note_that_is_read_again_waits_once_and_goes_when_it_is_forgotten(store, make, typed):
    with store.deciding() as tx:
        tx.link(make.link())
        tx.waiting_notes.keep(typed("a"))
        tx.waiting_notes.keep(typed("a"))
        assert len(tx.waiting_notes.ready(System.ORDER_MANAGEMENT, "")) == 1
        tx.waiting_notes.forget([typed("a")])
        tx.waiting_notes.forget([])
        assert tx.waiting_notes.ready(System.ORDER_MANAGEMENT, "") == ()


def test_what_is_too_old_by_the_clock_of_its_system_waits_no_longer(store, make, clock, typed):
    with store.deciding() as tx:
        tx.link(make.link())
        for note in (typed("a"), typed("b", Kind.WORK_ORDER, "w1")):
            tx.waiting_notes.keep(note)
        assert tx.waiting_notes.expire(System.ORDER_MANAGEMENT, clock()) == 0
        assert tx.waiting_notes.expire(System.ORDER_MANAGEMENT, clock() + timedelta(seconds=1)) == 1
        assert tx.waiting_notes.ready(System.ORDER_MANAGEMENT, "") == ()
        assert len(tx.waiting_notes.ready(System.FIELD_SERVICE, "")) == 1


def test_many_are_looked_at_a_part_at_a_time(store, make, typed):
    with store.deciding() as tx:
        tx.link(make.link())
        for number in range(waiting_notes.READY + 1):
            tx.waiting_notes.keep(typed(f"{number:04}"))
        first = tx.waiting_notes.ready(System.ORDER_MANAGEMENT, "")
        (last,) = tx.waiting_notes.ready(System.ORDER_MANAGEMENT, first[-1].id)
        assert (len(first), last.id) == (waiting_notes.READY, f"{waiting_notes.READY:04}")
