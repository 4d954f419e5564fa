"""The page of an explanation: whole in one file, nothing of it executed, and a timeline drawn."""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from syncd.explain import as_html, explain
from syncd.explain.timeline import drawn

VOID = {"meta", "br"}


class Reader(HTMLParser):
    """What a browser would make of the page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture
def page(world):
    def written(name, at=None):
        with world.store.history() as history:
            found = explain(history, name, world.policy, world.time.now, lambda _: "number", at=at)
        return as_html(found, world.time.now, "1.0")

    return written


def test_it_is_whole_and_well_formed(world, page):
    world.order("Fiber Access")
    world.settle_down(2)
    read = Reader(page("DO1"))
    assert read.open == []
    text = "".join(read.text)
    for part in ("Domain order DO1", "Now", "What happens next", "What happened", 'rule "fiber" matches'):
        assert part in text


def test_it_loads_nothing_and_runs_nothing(world, page):
    world.order("Fiber Access")
    world.settle_down(2)
    written = page("DO1")
    tags = Reader(written).tags
    assert {tag for tag, _ in tags} & {"script", "link", "img", "iframe", "object", "form"} == set()
    assert all(
        value.startswith("#") for _, found in tags for name, value in found.items() if name in {"href", "src"}
    )
    assert "default-src 'none'" in written
    assert not re.search(r"url\(|@import|https?://", written)


def test_what_a_remote_system_wrote_stays_text(world, page):
    world.order('<script>alert("x")</script>\x1b[2J')
    world.take_in()
    written = page("DO1")
    assert "&lt;script&gt;" in written
    assert "<script" not in written
    assert "\x1b" not in written


def test_each_moment_is_drawn_and_leads_to_its_line(world, page):
    world.order("Fiber Access")
    world.settle_down(2)
    tags = Reader(page("DO1")).tags
    anchors = [found["href"] for tag, found in tags if tag == "a"]
    lines = {f"#{found['id']}" for tag, found in tags if tag == "li" and "id" in found}
    assert len(anchors) == len(set(anchors)) == len(lines)
    assert set(anchors) == lines


def test_a_pause_is_written_above_the_axis_and_takes_little_room(world):
    world.order("Fiber Access")
    world.take_in()
    world.time.pass_(3 * 86_400)
    world.deliver()
    with world.store.history() as history:
        (story,) = explain(history, "DO1", world.policy, world.time.now, lambda _: "number").stories
    svg = drawn(story.moments, "m")
    assert ">3 d</text>" in svg
    assert float(re.search(r'width="(\d+)"', svg)[1]) < 600


def test_a_refusal_is_marked_as_one(world):
    from connectors.errors import Refused

    world.order("Fiber Access")
    world.fsm.fail("create_work_order", Refused("no", reason="no work in Berlin"))
    world.take_in()
    world.deliver()
    with world.store.history() as history:
        (story,) = explain(history, "DO1", world.policy, world.time.now, lambda _: "number").stories
    assert '<circle class="answered parked"' in drawn(story.moments, "m")


def test_an_instant_that_has_passed_is_said_in_the_headings(world, page):
    world.order("Fiber Access")
    world.settle_down(2)
    text = "".join(Reader(page("DO1", world.time.now - timedelta(seconds=10))).text)
    assert "What had happened" in text
    assert "What waited" in text


def test_a_name_that_nobody_knows_has_a_page_too(world, page):
    assert "PO404 is not known to syncd" not in page("DO1")
    with world.store.history() as history:
        found = explain(history, "PO404", world.policy, world.time.now, lambda _: "number")
    written = as_html(found.with_unknown(("neither system has it",)), world.time.now, "1.0")
    assert "<h1>PO404 is not known to syncd</h1>" in written
