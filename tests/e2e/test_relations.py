"""Work orders as rows of the relation table, on real processes and one shared instance: one row each, whatever happens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

CONFIG = """
[rules]
shared_instance = true
[details]
relations = true
"""
TABLE = "task_rel_task"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, site_of: Any) -> Iterator[Any]:
    yield from site_of(tmp_path_factory.mktemp("relations"), CONFIG, "--shared")


def ordered(world: Any) -> Any:
    """A domain order with two work orders."""
    before = {subject.id for subject in world.truth().subjects}
    world.approve()

    def made() -> Any:
        new = [s for s in world.truth().subjects if s.id not in before and s.what == "Managed Router"]
        return new[0] if new and len(new[0].work_orders) == 2 else None

    return world.wait_for("its work orders", made)


def rows(world: Any, order: Any) -> Counter[str]:
    """How many rows relate each work order to a domain order."""
    return Counter(row["child"] for row in world.sandbox.rows("om", TABLE, f"parent={order.id}"))


def related(world: Any, order: Any) -> bool:
    return set(rows(world, order)) == {row["sys_id"] for row in order.work_orders}


def test_every_work_order_becomes_one_row_of_its_type(world: Any) -> None:
    order = ordered(world)
    world.wait_for("both rows", lambda: related(world, order))
    (type_,) = {row["type"] for row in world.sandbox.rows("om", TABLE, f"parent={order.id}")}
    assert world.sandbox.rows("om", "task_rel_type", f"sys_id={type_}")[0]["name"] == "Contains::Task of"


@pytest.mark.parametrize("ids", ["own", "the server's"])
def test_answers_that_are_lost_and_a_killed_daemon_double_nothing(world: Any, ids: str) -> None:
    if ids != "own":
        world.fault(kind="server_ids", table=TABLE)
    world.fault(kind="reset_after_commit", method="POST", table=TABLE, count=2)
    order = ordered(world)
    world.wait_for("the first row", lambda: rows(world, order))
    world.ground.kill(world.daemon)
    world.restart()
    world.wait_for("both rows", lambda: related(world, order))
    polls = world.sandbox.reads().get(TABLE, 0)
    other = ordered(world)
    world.wait_for("later rows", lambda: related(world, other) and world.sandbox.reads()[TABLE] > polls)
    world.clear()
    assert set(rows(world, order).values()) == {1}


def test_check_remote_says_whether_rows_can_be_read(world: Any) -> None:
    assert world.ground.verb("check", "--remote").returncode == 0
    world.fault(kind="status", status=403, method="GET", table=TABLE, message="Insufficient rights")
    done = world.ground.verb("check", "--remote")
    world.clear()
    assert done.returncode != 0
    assert "rows that relate work orders" in done.stdout + done.stderr


def test_a_table_that_our_user_may_not_write_stops_no_note(world: Any) -> None:
    # A refusal is told once until a row stands: the daemon may have met the one above, and rows may still be on their way.
    ordered(world)
    world.wait_for("rows that stand", lambda: all(related(world, one) for one in world.truth().subjects))
    world.rest()
    world.mark()
    world.fault(kind="status", status=403, method="POST", table=TABLE, message="Operation Failed")
    order = ordered(world)
    world.wait_for("the created note", lambda: any("created:" in n for n in world.sandbox.notes(order.id)))
    world.wait_for("the refusal", lambda: world.fresh("relation.refused"))
    world.rest()  # all of them were refused, and none is once they may stand
    world.clear()
    world.control("POST", f"work-orders/{order.work_orders[0]['sys_id']}/advance", to="assigned")
    world.wait_for("both rows after all", lambda: related(world, order))
    assert len(world.fresh("relation.refused")) == 1
