"""What field service does not know: left out, noted, listed, and filled in by the sweep when it is there."""

from __future__ import annotations

import pytest

from connectors.errors import Refused
from mappings.model import Kind


@pytest.fixture
def lacking(world):
    """A domain order at a place that field service does not know, with its work order."""
    world.places = set()
    resolve = world.fsm.resolve
    world.fsm.resolve = lambda entity, match, value: (
        resolve(entity, match, value) if entity != "location" or value in world.places else None
    )
    world.order("Fiber Access")
    world.settle_down(2)
    return world


def location(world):
    return world.work_orders[0].get("location")


def notes(world, word):
    return [note for note in world.notes_on("DO1") if f"[syncd:1:{word}:" in note]


def waiting(world):
    with world.store.history() as history:
        return [(one.target, one.reference.value) for one in history.unresolved()]


def sweep(world):
    swept = world.sweep_up()
    world.settle_down(2)
    return swept


def test_the_work_order_is_made_without_it_and_says_so_once(lacking):
    assert location(lacking) == ""
    assert waiting(lacking) == [("location", "here")]
    for _ in range(2):
        sweep(lacking)
    (note,) = notes(lacking, "missing")
    assert "location: here" in note
    assert len(lacking.work_orders) == 1


def test_the_sweep_fills_in_what_is_there_by_now(lacking):
    lacking.places.add("here")
    sweep(lacking)
    assert location(lacking) == "location/here"
    assert waiting(lacking) == []
    assert "location: (empty) -> here" in notes(lacking, "amended")[0]


def test_a_change_that_field_service_does_not_know_leaves_what_was(lacking):
    lacking.places.add("here")
    sweep(lacking)
    lacking.om.edit(Kind.DOMAIN_ORDER, lacking.id("DO1"), location="nowhere to be seen")
    lacking.settle_down(2)
    assert location(lacking) == "location/here"
    assert waiting(lacking) == [("location", "nowhere to be seen")]
    assert len(notes(lacking, "amended")) == 1


def test_a_change_to_what_it_knows_ends_the_wait(lacking):
    lacking.places.add("there")
    lacking.om.edit(Kind.DOMAIN_ORDER, lacking.id("DO1"), location="there")
    lacking.settle_down(2)
    assert location(lacking) == "location/there"
    assert waiting(lacking) == []


def test_what_nobody_wants_any_more_is_not_waited_for(lacking):
    lacking.fsm.advance(lacking.work_orders[0].id, "closed_complete")
    lacking.settle_down(2)
    sweep(lacking)
    assert waiting(lacking) == []


def test_one_of_several_with_the_same_name_would_be_a_guess(lacking):
    def several(entity, match, value):
        if entity == "location":
            raise Refused("looking up location by name: 2 records", reason="2 records have the same name")
        return f"{entity}/{value}"

    lacking.fsm.resolve = several
    lacking.om.put(
        Kind.DOMAIN_ORDER,
        "DO2",
        "in_progress",
        order_line=lacking.id("ORDL1"),
        order=lacking.id("ORD1"),
        specification="Fiber Access",
        location="Main Street",
    )
    lacking.settle_down(2)
    assert len(lacking.work_orders) == 2
    assert ("location", "Main Street") in waiting(lacking)
    sweep(lacking)
    assert ("location", "Main Street") in waiting(lacking)


def test_a_life_that_ends_between_the_find_and_the_write_fills_in_once(lacking):
    lacking.places.add("here")
    lacking.sweep_up()
    lacking.restart()
    lacking.settle_down(4)
    assert location(lacking) == "location/here"
    assert len(notes(lacking, "amended")) == 1


def test_a_plan_of_a_sweep_fills_nothing_in(lacking):
    lacking.places.add("here")
    lacking.sweep_up(plan=True)
    lacking.settle_down(2)
    assert location(lacking) == ""
