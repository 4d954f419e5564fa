"""Every state of a work order between two polls, on real processes: noted once and in order where the audit can be read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

CONFIG = """
[notes]
history = true
work_order_fields = ["assigned_to_name"]
labels = { assigned_to_name = "technician" }
"""
WAY = ("assigned", "accepted", "in_progress", "closed")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, site_of: Any) -> Iterator[Any]:
    yield from site_of(tmp_path_factory.mktemp("history"), CONFIG)


@pytest.fixture
def order(world: Any) -> Any:
    """A domain order with one work order, noted and at rest."""
    before = {subject.id for subject in world.truth().subjects}
    world.approve()

    def made() -> Any:
        new = [s for s in world.truth().subjects if s.id not in before and s.what == "Fiber Access"]
        return new[0] if new and new[0].work_orders and world.sandbox.notes(new[0].id) else None

    found = world.wait_for("its work order", made)
    world.rest()
    return found


def hurry(world: Any, work_order: str) -> None:
    """Everything between two polls: the feed is away meanwhile."""
    away = world.control("POST", "faults", kind="status", status=503, method="GET", table="wm_order")
    for state in WAY:
        world.control("POST", f"work-orders/{work_order}/advance", to=state)
    world.control("DELETE", f"faults/{away['id']}")


def moves(world: Any, order: Any) -> list[str]:
    """The states that notes on a domain order tell, as they were written."""
    heads = [note.split("\n")[0] for note in world.sandbox.notes(order.id)]
    return [head.split("): ")[1].split(",")[0] for head in heads if " -> " in head]


def test_every_state_between_two_polls_is_noted_once_and_in_order(world: Any, order: Any) -> None:
    hurry(world, order.work_orders[0]["sys_id"])
    told = world.wait_for("the last state", lambda: _ends(moves(world, order)))
    assert told[0].endswith("-> Assigned")
    assert [one.split(" -> ")[1] for one in told] == [
        "Assigned",
        "Accepted",
        "Work in Progress",
        "Closed Complete",
    ]
    assert [one.split(" -> ")[1] for one in told[:-1]] == [one.split(" -> ")[0] for one in told[1:]]


def test_who_was_assigned_in_between_is_noted_by_name(world: Any, order: Any) -> None:
    people = [row for row in world.sandbox.rows("fsm", "sys_user") if row["name"]][:2]
    path = f"records/wm_order/{order.work_orders[0]['sys_id']}"
    world.fault(kind="status", status=503, method="GET", table="wm_order")
    for person in people:
        world.control("POST", path, values={"assigned_to": person["sys_id"]}, user="ann", system="fsm")
    world.clear()
    first, second = (person["name"] for person in people)

    def told() -> bool:
        notes = "\n".join(world.sandbox.notes(order.id))
        return f"- technician: (empty) -> {first}" in notes and f"- technician: {first} -> {second}" in notes

    world.wait_for("both technicians", told)


def test_a_killed_daemon_finds_what_happened_while_it_was_down(world: Any, order: Any, doubled: Any) -> None:
    world.ground.kill(world.daemon)
    for state in WAY:
        world.control("POST", f"work-orders/{order.work_orders[0]['sys_id']}/advance", to=state)
    world.restart()
    assert len(world.wait_for("the last state", lambda: _ends(moves(world, order)))) == len(WAY)
    world.ground.kill(world.daemon)
    world.mark()
    world.restart()
    world.wait_for("another start", lambda: world.fresh("catch_up.finished"))
    world.rest()
    assert doubled(world.truth()) == []


def test_check_remote_says_whether_the_audit_may_be_read(world: Any) -> None:
    assert world.ground.verb("check", "--remote").returncode == 0
    world.fault(kind="status", status=403, method="GET", table="sys_audit", message="Insufficient rights")
    done = world.ground.verb("check", "--remote")
    world.clear()
    assert done.returncode != 0
    assert "history of work orders: may be read" in done.stdout + done.stderr


def test_an_audit_that_our_user_may_not_read_leaves_one_note_and_one_event(world: Any, order: Any) -> None:
    """The last test of this module: what cannot be read is left alone for a while."""
    world.mark()
    world.fault(kind="status", status=403, method="GET", table="sys_audit")
    hurry(world, order.work_orders[0]["sys_id"])
    told = world.wait_for("the last state", lambda: _ends(moves(world, order)))
    world.clear()
    assert len(told) == 1
    assert len(world.fresh("history.unreadable")) == 1


def _ends(told: list[str]) -> list[str] | None:
    return told if told and told[-1].endswith("Closed Complete") else None
