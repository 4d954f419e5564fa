"""What describes a line beside its own fields: characteristics, contacts, related items, price and quantity, in conditions
and in texts. Read from tables of their own over real HTTP; all tests share one world, each has an order of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest

TABLE = """[table]
name = "by what describes the line"
applies_to = "domain_order"
hit_policy = "all"

[[rule]]
id = "fiber"
when = { specification = "Fiber Access" }
create = [{ template = "Fiber Installation", values = { description = "TEXT" } }]

[[rule]]
id = "fast"
when = { specification = "Fiber Access", "characteristic.speed" = { gte = 1000 } }
create = [{ template = "Router Staging" }]

[[rule]]
id = "dear"
when = { specification = "Managed Router", "line.mrc" = { gt = 99.5 }, "line.quantity" = { gte = 1 }, "line_contact.email" = { ends_with = "@example.com" }, "related_item.site" = { is_not_empty = true } }
create = [{ template = "Site Survey" }]
"""
TEXT = (
    "Speed {characteristic.speed}, {line.quantity} for {line.mrc} a month, "
    "ask {line_contact.email}, beside {related_item.site}"
)
LINE = "sn_ind_tmt_orm_order_line_item"
CONTACT = "sn_ind_tmt_orm_order_line_item_contact"
RELATED = "sn_ind_tmt_orm_order_line_related_items"
FEEDS = ("wm_task", "sn_ind_tmt_orm_order_task")


def profile_with_rows() -> str:
    """The packaged profile with the feeds of characteristics, contacts and related items switched on."""
    text = (resources.files("connectors") / "profiles" / "servicenow-om.toml").read_text(encoding="utf-8")
    head, _, rest = text.partition("#[kinds.characteristic]")
    rows, end, tail = rest.partition("# --- what other records refer to")
    return f"{head}[kinds.characteristic]{rows.replace(chr(10) + '#', chr(10))}{end}{tail}"


@pytest.fixture(scope="module")
def site(make_shared: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("described")
    table, profile = folder / "table.toml", folder / "om.toml"
    table.write_text(TABLE.replace("TEXT", TEXT), encoding="utf-8")
    profile.write_text(profile_with_rows(), encoding="utf-8")
    more = f"[tables]\ndomain_order = [{json.dumps(str(table))}]\norder_task = []\n"
    made = make_shared({"order_management": {"profile": json.dumps(str(profile))}}, more=more)
    made.control("POST", "settings", decomposition_delay_ms=200)
    yield made


class Described:
    """An approved order, its one line described by rows of other tables."""

    def __init__(self, site: Any, speed: str) -> None:
        self.site = site
        placed = site.control("POST", "orders", locations=["Berlin Mitte"])
        self.path, (self.line,) = f"orders/{placed['order']}", placed["lines"]
        site.control("POST", f"records/{LINE}/{self.line}", values={"mrc": "50"})
        self.contact = self.row(CONTACT, email="ann@example.com")
        self.item = self.row(RELATED, relationship_type="site", related_item="Tower 7")
        self.characterise(speed=speed, colour="red")
        site.control("POST", f"{self.path}/approve")
        self.until("its work order", lambda: self.text() and self.notes("created"))

    def row(self, table: str, **values: str) -> str:
        values["order_line_item"] = self.line
        return str(self.site.control("POST", f"records/{table}", values=values)["sys_id"])

    def edit(self, table: str, id: str, **values: str) -> None:
        self.site.control("POST", f"records/{table}/{id}", values=values)

    def characterise(self, **values: str) -> None:
        self.site.control("POST", f"{self.path}/characteristics", values=values)

    def revise(self, **body: Any) -> None:
        self.site.control("POST", f"{self.path}/revise", **body)

    def work_orders(self) -> dict[str, dict[str, str]]:
        """By the rule that made them."""
        rows = self.site.sandbox.rows("om", "sn_ind_tmt_orm_domain_order", f"order_line_item={self.line}")
        mine = {row["sys_id"] for row in rows}
        found = [[*r["correlation_id"].split(":"), r] for r in self.site.sandbox.rows("fsm", "wm_order")]
        return {one[3]: one[-1] for one in found if len(one) > 4 and one[2] in mine}

    def text(self) -> str:
        return self.work_orders().get("fiber", {}).get("description", "")

    def notes(self, kind: str) -> list[str]:
        report = self.site.sandbox.report()["domain_orders"]
        mine = [row for row in report if row["order_line_item"] == self.line]
        texts = [note["text"] for row in mine for note in row["notes"]]
        return [text for text in texts if f"[syncd:1:{kind}:" in text]

    def until(self, what: str, look: Any) -> Any:
        return self.site.wait_for(what, look)

    def polled(self, times: int) -> None:
        before = self._polls()
        self.until(
            "more polls", lambda: all(n >= b + times for n, b in zip(self._polls(), before, strict=True))
        )

    def _polls(self) -> tuple[int, ...]:
        """Of the last feed of each system."""
        reads = self.site.sandbox.reads()
        return tuple(reads.get(feed, 0) for feed in FEEDS)


def test_a_revision_of_a_characteristic_reaches_its_work_order_and_its_rules(site: Any) -> None:
    order = Described(site, "100")
    assert order.text() == "Speed 100, 1 for 50 a month, ask ann@example.com, beside Tower 7"
    order.revise(characteristics={"speed": "1000"})
    order.until("both", lambda: order.text().startswith("Speed 1000,") and "fast" in order.work_orders())
    (note,) = order.until("the note", lambda: order.notes("amended"))
    assert "- description: Speed 100, 1 for 50 a month" in note
    assert "Tower 7 -> Speed 1000, 1 for 50 a month" in note


def test_price_quantity_contact_and_related_item_are_conditions_and_texts_like_any_other(site: Any) -> None:
    """Each of them reaches the text; the rule that asks for all of them matches when the last one does."""
    order = Described(site, "100")
    for change, said in (
        (lambda: order.edit(CONTACT, order.contact, email="bob@example.com"), "ask bob@example.com,"),
        (lambda: order.edit(RELATED, order.item, related_item="Tower 8"), "beside Tower 8"),
        (lambda: order.revise(changes={"mrc": "120"}), "1 for 120 a month"),
    ):
        assert "dear" not in order.work_orders()
        change()
        order.until(said, lambda said=said: said in order.text())
    order.until("the rule", lambda: "dear" in order.work_orders())
    notes = order.until("the notes", lambda: len(order.notes("amended")) == 3 and order.notes("amended"))
    for old, new, note in zip(
        ("ann@", "Tower 7", "for 50"), ("bob@", "Tower 8", "for 120"), notes, strict=True
    ):
        before, arrow, after = note.partition(" -> ")
        assert arrow
        assert old in before
        assert new in after


def test_an_edit_without_effect_on_field_work_sends_nothing(site: Any) -> None:
    order = Described(site, "100")
    order.polled(3)
    site.rest()
    writes = site.sandbox.writes()
    order.characterise(colour="blue")
    order.edit(CONTACT, order.contact, business_phone="030 123")
    order.row(RELATED, relationship_type="cabinet", related_item="C 12")
    order.edit(LINE, order.line, nrc="10")
    order.polled(4)
    assert site.sandbox.writes() == writes


def test_a_rule_that_a_revision_takes_away_is_flagged_for_a_person(site: Any) -> None:
    order = Described(site, "1000")
    order.until("both", lambda: order.work_orders().keys() == {"fiber", "fast"})
    fast = order.work_orders()["fast"]["number"]
    order.until("its name", lambda: fast in " ".join(order.notes("created")))
    order.revise(characteristics={"speed": "100"})
    (note,) = order.until("the flag", lambda: order.notes("unmatched"))
    assert f"- {fast}" in note
    assert "They stay; a person must decide about them" in note
    order.polled(3)
    states = {r["number"]: r["state_name"] for r in site.sandbox.report()["work_orders"]}
    assert states[fast] == "ready_for_dispatch"
    assert len(order.notes("unmatched")) == 1
