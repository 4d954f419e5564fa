"""The log events against their catalogue: what the source writes is documented, what is documented is written."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from syncd.event_fields import FIELDS, IDS
from syncd.events import CATALOGUE, EVENTS, markdown
from syncd.logs import LEVELS

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "syncd").rglob("*.py"))


def event_calls() -> list[tuple[str, ast.Call]]:
    """Every call `<something>.event(...)` in syncd, with its place."""
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "event"
            ):
                found.append((f"{path.relative_to(ROOT)}:{node.lineno}", node))
    return found


def texts_in_source() -> set[str]:
    """Every text literal of syncd outside the catalogue itself: a name may reach `event` by a variable."""
    return {
        node.value
        for path in SOURCES
        if path.name not in ("events.py", "event_fields.py", "event_life.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@pytest.mark.parametrize(("place", "call"), [pytest.param(p, c, id=p) for p, c in event_calls()])
def test_an_event_and_its_fields_are_in_the_catalogue(place: str, call: ast.Call) -> None:
    name = call.args[0]
    if not isinstance(name, ast.Constant):
        return  # a variable: its possible values are found by the next test, as unused names
    assert name.value in EVENTS, f"{place} writes {name.value}, which syncd/events.py does not know"
    known = {*IDS, *EVENTS[name.value].fields, "exc_info"}
    used = {keyword.arg for keyword in call.keywords if keyword.arg is not None}
    assert used <= known, f"{place}: {name.value} has no field {sorted(used - known)} in syncd/events.py"


def test_an_event_that_promises_the_next_step_names_it() -> None:
    silent = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
                continue
            name = getattr(node.args[0], "value", None)
            if (
                node.func.attr not in ("event", "add")
                or name not in EVENTS
                or "next" not in EVENTS[name].fields
            ):
                continue
            if not {"next", None} & {keyword.arg for keyword in node.keywords}:  # None: fields by **
                silent.append(f"{path.relative_to(ROOT)}:{node.lineno} {name}")
    assert not silent, silent


def test_what_needs_a_person_stands_in_the_page_for_operators() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    told = page.partition("### Every error in the log")[2].partition("\n## ")[0]
    unknown = [one.name for one in CATALOGUE if one.level == "error" and f"`{one.name}`" not in told]
    assert not unknown, f"docs/operations.md does not say what to do about {unknown}"


def test_every_event_of_the_catalogue_is_written_somewhere() -> None:
    written = texts_in_source() | {"library.logged"}
    unused = {event.name for event in CATALOGUE} - written
    assert not unused, f"nobody writes {sorted(unused)}"


def test_the_catalogue_uses_known_levels_and_fields_and_no_name_twice() -> None:
    assert len(EVENTS) == len(CATALOGUE)
    assert {event.level for event in CATALOGUE} <= set(LEVELS)
    for event in CATALOGUE:
        assert not set(event.fields) - set(FIELDS) - set(IDS), event.name


def test_every_field_of_the_catalogue_is_carried_by_an_event() -> None:
    carried = {field for event in CATALOGUE for field in event.fields}
    assert set(FIELDS) <= carried


def test_the_events_page_is_made_from_the_catalogue() -> None:
    page = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
    assert page == markdown(), "run: python -m syncd.events > docs/events.md"
