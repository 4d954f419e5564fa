"""Notes typed in either system, on real processes: each reaches the other side once, plain, and never comes back.

One running world, and one in which both systems are a single instance; each test has an order of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest

CONFIG = """
[notes]
mirror_from = ["order_management", "field_service"]
task_fields = ["state", "assigned_to_name"]
labels = { assigned_to_name = "technician" }
[details]
field = "work_orders"
task_field = "work_orders"
"""
MIRRORED = "[syncd:1:mirrored:"
FEEDS = "sys_journal_field"


@pytest.fixture(scope="module", params=[(), ("--shared",)], ids=["two instances", "one shared"])
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, site_of: Any
) -> Iterator[Any]:
    """A sandbox and a daemon that mirrors both ways, notes what happens to tasks, and shows work orders in a field."""
    folder = tmp_path_factory.mktemp("notes")
    packaged = (resources.files("connectors") / "profiles" / "servicenow-om.toml").read_text("utf-8")
    field = 'closure_request = "u_closure_request"\n'
    profile = folder / "om.toml"
    profile.write_text(packaged.replace(field, f'{field}work_orders = "u_work_orders"\n'), encoding="utf-8")
    keys = {"order_management": {"profile": json.dumps(str(profile))}}
    yield from site_of(folder, CONFIG, *request.param, keys=keys)


class Order:
    """One domain order with its work orders."""

    def __init__(self, world: Any) -> None:
        self.world = world
        before = {subject.id for subject in world.truth().subjects}
        world.approve()

        def made() -> Any:
            new = [s for s in world.truth().subjects if s.id not in before and s.what == "Managed Router"]
            return new[0] if new and len(new[0].work_orders) == 2 else None

        self.subject = world.wait_for("its work orders", made)
        self.work_orders = [row["sys_id"] for row in self.subject.work_orders]

    def type(self, text: str, *, on: str = "", user: str = "ann") -> None:
        """Somebody types a note: on the domain order, or on one of its work orders."""
        where = f"wm_order/{on}" if on else f"sn_ind_tmt_orm_domain_order/{self.subject.id}"
        side = "fsm" if on else "om"
        self.world.control("POST", f"records/{where}", values={"work_notes": text}, user=user, system=side)

    def notes(self, id: str) -> list[str]:
        return [note for note in self.world.sandbox.notes(id) if MIRRORED in note]

    def arrived(self, count: int, *ids: str) -> list[str]:
        """The notes that were mirrored to these records, once there are so many on each."""

        def here() -> bool:
            return all(len(self.notes(id)) == count for id in ids)

        self.world.wait_for(f"{count} notes on {ids}", here, limit_s=60)
        return [note for id in ids for note in self.notes(id)]

    def stays(self) -> None:
        """What is on its way arrives; then three more polls of the journals write nothing."""
        for _ in range(5):
            before, polls = self.world.sandbox.writes(), self._polls()
            self.world.wait_for("more polls", lambda polls=polls: self._polls() >= polls + 6)
            if self.world.sandbox.writes() == before:
                return
        raise AssertionError("something is written for ever")

    def _polls(self) -> int:
        return self.world.sandbox.reads().get(FEEDS, 0)


@pytest.fixture
def order(world: Any) -> Order:
    return Order(world)


def test_a_note_of_order_management_reaches_every_work_order_once(order: Order) -> None:
    order.type("Ring twice, the dog bites.")
    first, second = order.arrived(1, *order.work_orders)
    assert re.match(
        rf"Domain order {order.subject.number}, note of ann, \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC:\n", first
    )
    assert "\nRing twice, the dog bites.\n[syncd:1:mirrored:" in first
    assert first == second
    order.stays()
    assert order.notes(order.subject.id) == []


def test_a_note_of_field_service_reaches_the_domain_order_and_no_other_work_order(order: Order) -> None:
    mine, other = order.work_orders
    order.type("The key is at the desk.", on=mine, user="bob")
    (note,) = order.arrived(1, order.subject.id)
    assert note.startswith("Work order WO") and "note of bob" in note
    order.stays()
    assert order.notes(mine) == order.notes(other) == []


def test_a_note_typed_before_there_is_a_work_order_reaches_the_first_one_once(world: Any) -> None:
    before = {subject.id for subject in world.truth().subjects}
    world.approve()

    def without() -> Any:
        """A domain order that no rule prescribes a work order for."""
        new = [s for s in world.truth().subjects if s.id not in before]
        left = [s for s in new if not s.work_orders and s.what == "IP Address Block"]
        return left[0] if left and any(s.work_orders for s in new) else None

    subject = world.wait_for("a domain order without work orders", without)
    path = f"records/sn_ind_tmt_orm_domain_order/{subject.id}"
    text = "Only after five."
    world.control("POST", path, values={"work_notes": text}, user="ann", system="om")
    polls = world.sandbox.reads().get(FEEDS, 0)
    world.wait_for("the note is read", lambda: world.sandbox.reads().get(FEEDS, 0) >= polls + 6)
    world.ground.kill(world.daemon)
    world.restart()
    made = world.control("POST", "work-orders", domain_order=subject.id)["sys_id"]

    def mirrored() -> list[str]:
        return [note for note in world.sandbox.notes(made) if MIRRORED in note]

    (note,) = world.wait_for("the note", mirrored)
    assert re.match(rf"Domain order {subject.number}, note of ann, [\d: -]+ UTC:\n{text}\n", note)
    polls = world.sandbox.reads()[FEEDS]
    world.wait_for("more polls", lambda: world.sandbox.reads()[FEEDS] >= polls + 6)
    assert mirrored() == [note]


def test_markup_does_not_cross(order: Order) -> None:
    order.type("[code]<b onclick='x()'>Tom</b><br>second line[/code] &amp; Jerry [syncd:1:created:x] there")
    (note, _) = order.arrived(1, *order.work_orders)
    assert "\nTom\nsecond line & Jerry (syncd:1:created:x] there\n" in note


def test_a_long_note_is_cut_and_says_where_the_rest_is(order: Order) -> None:
    order.type("x" * 20_000)
    (note, _) = order.arrived(1, *order.work_orders)
    assert len(note) == 4000
    assert f"(shortened; the rest is on Domain order {order.subject.number})" in note


def test_many_notes_of_one_second_all_arrive(order: Order) -> None:
    for number in range(30):
        order.type(f"note {number}")
    order.arrived(30, *order.work_orders)
    lines = {note.splitlines()[1] for note in order.notes(order.work_orders[0])}
    assert lines == {f"note {number}" for number in range(30)}
    order.stays()


def test_answers_that_are_lost_double_nothing(order: Order) -> None:
    order.world.fault(kind="reset_after_commit", method="PATCH", table="wm_order", count=2)
    order.type("once")
    order.arrived(1, *order.work_orders)
    order.world.clear()
    order.stays()
    assert [len(order.notes(id)) for id in order.work_orders] == [1, 1]


def test_a_killed_daemon_doubles_and_loses_nothing(order: Order) -> None:
    for number in range(6):
        order.type(f"note {number}")
    order.world.ground.kill(order.world.daemon)
    order.type("typed while it was down")
    order.type("back", on=order.work_orders[0], user="bob")
    order.world.restart()
    order.arrived(7, *order.work_orders)
    order.arrived(1, order.subject.id)
    order.stays()


# -- what is noted, and shown ------------------------------------------------------------------------------------------


def test_what_happens_to_a_task_is_noted_where_the_config_names_its_fields(order: Order) -> None:
    mine = order.work_orders[0]
    order.stays()  # the tasks are known: the first sight of one is no change
    order.world.control("POST", f"work-orders/{mine}/advance", to="accepted")

    def noted() -> list[str]:
        notes = order.world.sandbox.notes(order.subject.id)
        return [note for note in notes if ", task WOT" in note and "-> Accepted" in note]

    note = order.world.wait_for("a note of the task", noted)[0]
    assert re.match(r"Work order WO\d+ \(Router \w+\), task WOT\d+ ", note)
    order.stays()


def shown(order: Order) -> str:
    rows = order.world.sandbox.rows("om", "sn_ind_tmt_orm_domain_order", f"sys_id={order.subject.id}")
    return str(rows[0]["u_work_orders"])


def test_a_field_of_the_domain_order_shows_its_work_orders_as_they_are(order: Order) -> None:
    both = r"WO\d+ \(Router \w+\): (.+); WO\d+ \(Router \w+\): (.+)"
    order.world.wait_for("both work orders", lambda: re.fullmatch(both, shown(order)))
    for id in order.work_orders:
        order.world.control("POST", f"work-orders/{id}/advance", to="closed")

    def closed() -> bool:
        found = re.fullmatch(both, shown(order))
        return found is not None and set(found.groups()) == {"Closed Complete"}

    order.world.wait_for("both closed", closed)
    order.stays()


def test_a_person_who_writes_into_the_field_is_corrected(order: Order) -> None:
    order.world.wait_for("both work orders", lambda: shown(order).count("WO") == 2)
    before = shown(order)
    path = f"records/sn_ind_tmt_orm_domain_order/{order.subject.id}"
    order.world.control("POST", path, values={"u_work_orders": "mine"}, user="ann", system="om")
    order.world.wait_for("the correction", lambda: shown(order) == before)
    order.stays()


def test_a_field_that_our_user_may_not_write_stops_no_note(world: Any) -> None:
    world.fault(kind="drop_fields", system="om", fields=["u_work_orders"])
    order = Order(world)
    order.type("still heard")
    order.arrived(1, *order.work_orders)
    world.wait_for(
        "the created note", lambda: any("created:" in n for n in world.sandbox.notes(order.subject.id))
    )
    order.stays()
    assert shown(order) == ""
    world.clear()
