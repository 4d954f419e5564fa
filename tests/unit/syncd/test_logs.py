"""Log lines: what they carry, for whom they are written, and what never reaches a terminal."""

from __future__ import annotations

import io
import json
import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from syncd import logs
from syncd.log_lines import VALUE_LIMIT, JsonLines, TextLines, printable

NASTY = "\x1b]0;title\x07 \x9b31m \x7f \u202e \ud800 \r\n"


class Terminal(io.BytesIO):
    """A file that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def lines_of(file: io.BytesIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.getvalue().splitlines()]


def test_an_event_is_one_json_object_with_its_ids_and_its_level():
    file = io.BytesIO()
    logs.configure(file=file, run="r1")
    log = logs.get(lane="delivery").bind(domain_order="do1")
    log.event("work_order.created", number="WO1", target="abc")
    log.event("effect.parked", reason="no")
    first, second = lines_of(file)
    assert list(first)[:3] == ["at", "level", "event"]
    assert {k: v for k, v in first.items() if k != "at"} == {
        "level": "info",
        "event": "work_order.created",
        "run": "r1",
        "lane": "delivery",
        "domain_order": "do1",
        "number": "WO1",
        "target": "abc",
    }
    assert datetime.fromisoformat(str(first["at"])).utcoffset() == timedelta(0)
    assert (second["level"], second["event"]) == ("error", "effect.parked")


def test_an_event_that_the_catalogue_lacks_is_a_defect():
    with pytest.raises(KeyError):
        logs.get().event("no.such_event")


def test_debug_events_are_written_only_when_asked_for():
    quiet, loud = io.BytesIO(), io.BytesIO()
    logs.configure(file=quiet)
    logs.get().event("effect.deferred", reason="later")
    logs.configure(file=loud, level="debug")
    logs.get().event("effect.deferred", reason="later")
    assert (quiet.getvalue(), len(lines_of(loud))) == (b"", 1)


def test_a_log_that_was_made_before_the_configuration_writes_to_it():
    log, file = logs.get(lane="intake"), io.BytesIO()
    logs.configure(file=file)
    log.event("daemon.started")
    assert lines_of(file)[0]["lane"] == "intake"


def test_a_terminal_gets_readable_lines_and_everybody_else_json():
    terminal, pipe = Terminal(), io.BytesIO()
    for file in (terminal, pipe):
        logs.configure(file=file, environ={"NO_COLOR": "1"})
        logs.get().event("note.written", number="PO1", because="state changed")
    assert (
        terminal.getvalue()[9:].decode()
        == 'info    note.written           number=PO1 because="state changed"\n'
    )
    assert lines_of(pipe)[0]["number"] == "PO1"


def test_colour_is_for_terminals_that_want_it():
    for environ, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        file = Terminal()
        logs.configure(file=file, environ=environ)
        logs.get().event("daemon.started")
        assert (b"\x1b[32m" in file.getvalue()) is coloured


def test_json_is_written_to_a_terminal_that_is_asked_for_it():
    file = Terminal()
    logs.configure(file=file, format="json")
    logs.get().event("daemon.started")
    assert lines_of(file)[0]["event"] == "daemon.started"


def test_the_journal_gets_a_priority_in_front(tmp_path):
    with (tmp_path / "journal").open("w+b") as file:
        status = os.fstat(file.fileno())
        logs.configure(file=file, environ={"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
        logs.get().event("daemon.started")
        logs.get().event("effect.parked", reason="no")
        logs.configure(file=file, environ={"JOURNAL_STREAM": "1:1"})
        logs.get().event("daemon.started")
        file.seek(0)
        assert [line[:3] for line in file.read().splitlines()] == [b"<6>", b"<3>", b'{"a']


def test_what_was_raised_is_told_without_source_lines_and_machine_paths():
    file = io.BytesIO()
    logs.configure(file=file)
    try:
        {}["missing"]
    except KeyError as error:
        logs.get().event("delivery.failed", key="create:do1:r:1:1", exc_info=error)
    [line] = lines_of(file)
    assert (line["error"], line["detail"]) == ("KeyError", "'missing'")
    assert str(line["trace"]).startswith("['syncd/test_logs.py:")
    assert "/home" not in str(line)


def test_libraries_speak_through_one_bridge_from_warnings_on():
    file = io.BytesIO()
    logs.configure(file=file)
    logs.configure(file=file)
    logging.getLogger("apscheduler.scheduler").info("added a job")
    logging.getLogger("apscheduler.scheduler").warning("run of %s missed", "intake")
    logging.getLogger("httpx").info("GET https://user:geheim@example.com")
    [line] = lines_of(file)
    assert (line["event"], line["logger"], line["message"]) == (
        "library.logged",
        "apscheduler.scheduler",
        "run of intake missed",
    )


def test_a_line_that_cannot_be_written_is_lost_and_nothing_else():
    file = io.BytesIO()
    logs.configure(file=file)
    file.close()
    logs.get().event("daemon.started")
    with Path("/dev/full").open("wb", buffering=0) as full:
        logs.configure(file=full)
        logs.get().event("daemon.started")


def test_tests_collect_events_as_dictionaries():
    with logs.captured() as events:
        logs.get(lane="intake").event("rows.hidden", rows=3)
    logs.get().event("rows.hidden", rows=4)
    assert events == [{"event": "rows.hidden", "level": "warning", "lane": "intake", "rows": 3}]


@pytest.mark.parametrize("render", [JsonLines(), TextLines(colour=False)], ids=["json", "text"])
@pytest.mark.parametrize("place", ["value", "key", "nested"])
def test_control_characters_leave_as_escapes(render, place):
    fields = {
        "value": {"number": NASTY},
        "key": {NASTY: "x"},
        "nested": {"effects": {NASTY: [NASTY]}},
    }[place]
    line = render(
        None, "info", {"at": "2026-01-01T00:00:00Z", "level": "info", "event": "note.written", **fields}
    )
    text = line.decode()
    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in text)


def test_a_line_holds_a_value_of_any_size_and_type():
    event = {
        "at": "2026-01-01T00:00:00Z",
        "level": "info",
        "event": "note.written",
        "long": "x" * (VALUE_LIMIT + 1),
        "when": datetime(2026, 1, 2, tzinfo=UTC),
        "span": timedelta(seconds=1.5),
        "big": 2**70,
        "set": {"b", "a"},
        "other": object,
    }
    line = json.loads(JsonLines()(None, "info", event))
    assert len(line["long"]) == VALUE_LIMIT
    assert (line["when"], line["span"], line["big"]) == ("2026-01-02T00:00:00Z", 1.5, str(2**70))
    assert line["set"] == ["a", "b"]


def test_printable_text_stays_as_it_is():
    assert printable("Größe → ü") == "Größe → ü"
    assert printable(NASTY).isprintable()
