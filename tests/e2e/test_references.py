"""References between two instances, and what `syncd check --remote` says of them, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

MARKET, MARKETPLACE = "Hamburg Altona", "Altona, old market"


@pytest.fixture(scope="module")
def two(make_shared: Any) -> Iterator[Any]:
    """Two instances of which the second knows one place under another name."""
    site = make_shared({})
    rename(site, "cmn_location", MARKET, MARKETPLACE)
    yield site


def rename(site: Any, table: str, old: str, new: str) -> None:
    (row,) = site.sandbox.rows("fsm", table, f"name={old}")
    site.sandbox.write("fsm", table, row["sys_id"], name=new)


def unresolved(site: Any) -> list[tuple[str, str]]:
    status = json.loads(site.ground.verb("status", "--json").stdout)
    return [(one["field"], one["value"]) for one in status["unresolved"]]


def test_what_field_service_does_not_know_is_left_out_noted_listed_and_filled_in(two: Any) -> None:
    order = two.approve(MARKET)

    def subjects() -> list[Any]:
        mine = {r["sys_id"] for r in two.sandbox.report()["order_lines"] if r["order"] == order}
        records = two.sandbox.report()["domain_orders"]
        ids = {r["sys_id"] for r in records if r["order_line_item"] in mine}
        return [s for s in two.truth().subjects if s.id in ids and s.work_orders]

    def notes(word: str) -> list[str]:
        return [n for s in subjects() for n in s.notes if f"[syncd:1:{word}:" in n]

    two.wait_for("work orders without it", lambda: len(notes("missing")) == 3)
    rows = [row for s in subjects() for row in s.work_orders]
    assert [row["location"] for row in rows] == [""] * 3
    assert all(row["account"] for row in rows)
    four = [("location", MARKET)] * 4  # that of the order task too
    two.wait_for("the list", lambda: unresolved(two) == four)
    assert two.ground.verb("sweep").returncode in (0, 3)
    assert len(notes("missing")) == 3
    rename(two, "cmn_location", MARKETPLACE, MARKET)
    two.ground.verb("sweep")
    two.wait_for("the place", lambda: all(row["location"] for s in subjects() for row in s.work_orders))
    two.wait_for("an empty list", lambda: unresolved(two) == [])
    two.wait_for("the notes", lambda: len(notes("amended")) >= 3)
    two.rest()
    assert len(notes("amended")) == 3


def test_check_remote_proves_what_the_config_says(two: Any) -> None:
    done = two.ground.verb("check", "--remote", "--json")
    assert done.returncode == 0, done.stdout
    asked = json.loads(done.stdout)["remote"]
    assert {one["system"] for one in asked} == {"order_management", "field_service"}
    assert len(asked) >= 15


def test_a_template_that_field_service_lacks_is_told_at_the_start_and_by_check(two: Any) -> None:
    rename(two, "cmdb_workorder_product_model", "Router Staging", "Router Staging 2")
    try:
        done = two.ground.verb("check", "--remote")
        assert done.returncode == 78
        assert 'template "Router Staging" of' in done.stdout
        two.ground.kill(two.daemon)
        two.mark()
        two.restart()
        told = two.wait_for("the error", lambda: two.fresh("template.missing"))
        assert [line["template"] for line in told] == ["Router Staging"]
    finally:
        rename(two, "cmdb_workorder_product_model", "Router Staging 2", "Router Staging")


def test_check_remote_says_when_a_system_refuses_us(two: Any) -> None:
    two.fault(system="fsm", kind="status", status=401)
    try:
        done = two.ground.verb("check", "--remote")
    finally:
        two.clear()
    assert done.returncode == 77
    assert "our credentials are refused (401)" in done.stdout


def test_check_remote_says_when_a_system_is_away(two: Any) -> None:
    two.fault(system="fsm", kind="reset")
    try:
        done = two.ground.verb("check", "--remote")
    finally:
        two.clear()
    assert done.returncode == 69
    assert "NOT RIGHT" in done.stdout
