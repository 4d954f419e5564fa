"""Characteristics and contacts of a line in rules and texts, read from tables of their own over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

TABLE = """[table]
name = "by speed"
applies_to = "domain_order"
hit_policy = "all"

[[rule]]
id = "fiber"
when = { specification = "Fiber Access" }
create = [{ template = "Fiber Installation", values = { description = "Speed {characteristic.speed} for {line_contact.email}" } }]

[[rule]]
id = "fast"
when = { specification = "Fiber Access", "characteristic.speed" = { gte = 1000 } }
create = [{ template = "Router Staging" }]
"""


def profile_with_rows() -> str:
    """The packaged profile with the feeds of characteristics and contacts switched on."""
    text = (resources.files("connectors") / "profiles" / "servicenow-om.toml").read_text(encoding="utf-8")
    head, _, rest = text.partition("#[kinds.characteristic]")
    rows, _, tail = rest.partition("#[kinds.related_item]")
    return f"{head}[kinds.characteristic]{rows.replace(chr(10) + '#', chr(10))}\n#{tail}"


@pytest.fixture
def site(make_shared: Any, tmp_path: Path) -> Iterator[Any]:
    table, profile = tmp_path / "table.toml", tmp_path / "om.toml"
    table.write_text(TABLE, encoding="utf-8")
    profile.write_text(profile_with_rows(), encoding="utf-8")
    more = f"[tables]\ndomain_order = [{json.dumps(str(table))}]\norder_task = []\n"
    single = {"order_management": {"profile": json.dumps(str(profile))}}
    made = make_shared(single, more=more)
    made.control("POST", "settings", decomposition_delay_ms=200)
    yield made


def test_a_revision_of_a_characteristic_reaches_its_work_order_and_its_rules(site: Any) -> None:
    order = site.control("POST", "orders", locations=["Berlin Mitte"])
    path = f"orders/{order['order']}"
    contact = {"order_line_item": order["lines"][0], "email": "ann@example.com"}
    site.control("POST", "records/sn_ind_tmt_orm_order_line_item_contact", values=contact)
    site.control("POST", f"{path}/characteristics", values={"speed": "100", "colour": "red"})
    site.control("POST", f"{path}/approve")

    def texts() -> list[str]:
        return sorted(row["description"] for row in site.sandbox.rows("fsm", "wm_order"))

    site.wait_for("the work order", lambda: texts() == ["Speed 100 for ann@example.com"])
    site.control("POST", f"{path}/revise", characteristics={"speed": "1000"})
    site.wait_for("both", lambda: texts() == ["", "Speed 1000 for ann@example.com"])
    (subject,) = [s for s in site.truth().subjects if s.work_orders]

    def amended() -> list[str]:
        return [note for note in site.sandbox.notes(subject.id) if "[syncd:1:amended:" in note]

    site.wait_for("the note", amended)
    assert "- description: Speed 100 for ann@example.com -> Speed 1000 for ann@example.com" in amended()[0]
    writes = site.sandbox.writes()
    site.control("POST", f"{path}/characteristics", values={"colour": "blue"})
    seen = site.sandbox.reads()["wm_task"]
    site.wait_for("more polls", lambda: site.sandbox.reads()["wm_task"] >= seen + 4)
    assert site.sandbox.writes() <= writes + 1  # the note that names the second work order may come late
    assert len(amended()) == 1
