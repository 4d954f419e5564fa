"""People type notes in both systems while everything fails: each arrives once, none comes back, the fields show what is so.

Each test of a test plants what must be caught.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.ports import Cursor, Position
from mappings import mirror, notes
from syncd.journals import Journals
from tests.simulation.run import Plan, simulate

SHORT = {"orders": 8, "active_s": 600.0}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_typed_note_arrives_once(seed):
    result = simulate(Plan(seed, notes=True))
    assert result.ok, result.told()
    assert result.acts["type_in_om"] and result.acts["type_in_fsm"]


def caught(*seeds):
    """Whether one of some runs breaks S10."""
    results = (simulate(Plan(seed, notes=True, **SHORT)) for seed in seeds)
    return any(one.promise == "S10" for result in results for one in result.violations)


def test_an_echo_would_be_caught(monkeypatch):
    monkeypatch.setattr(mirror, "goes_further", goes := lambda note, policy: bool(notes.typed(note.text)))
    monkeypatch.setattr("syncd.journals.goes_further", goes)
    assert caught(1)


def test_a_feed_without_a_memory_would_be_caught(monkeypatch):
    begin = Journals.begin

    def now(self, system):
        """What was typed between two looks is lost."""
        current = begin(self, system)
        return replace(current, position=Position(Cursor(self._systems[system].server_time())))

    monkeypatch.setattr(Journals, "begin", now)
    assert caught(1, 2, 3, 4)


def test_notes_under_keys_that_change_would_be_caught(monkeypatch):
    born = iter(range(10**6))
    monkeypatch.setattr(mirror, "_key", lambda note, target: f"mirrored:{note.id}:{target}:{next(born)}")
    assert caught(1)
