"""What two threads come to know in the same moment is told once: each test lets the second come in while the first looks."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from mappings.budget import Terms
from mappings.model import Kind, System
from syncd.budgets import _Pace
from syncd.creates import Creates, Tactic
from syncd.histories import Histories

LONG_ENOUGH_S = 0.2
"""For the second thread, which only waits where the first keeps it out: too short a time lets a test pass, never fail."""


class Told(list):
    """A log that keeps the names of what was told."""

    def event(self, name, **_fields):
        self.append(name)


class Beside:
    """Another thread that does `work` when `begin` is called for the first time, and goes as far as it can."""

    def __init__(self):
        self.work = None
        self._thread = None

    def begin(self):
        if self._thread is None:
            self._thread = threading.Thread(target=self.work)
            self._thread.start()
            self._thread.join(LONG_ENOUGH_S)

    def end(self):
        self._thread.join()


@pytest.fixture
def beside():
    return Beside()


@pytest.fixture
def log():
    return Told()


def test_that_the_server_chooses_ids(beside, log):
    class Watched(Creates):
        @property
        def tactic(self):
            seen = self._tactic
            beside.begin()
            return seen

        @tactic.setter
        def tactic(self, value):
            self._tactic = value

    creates = Watched(None, None, log, Tactic.UNPROVEN)
    answer = SimpleNamespace(target="ours"), SimpleNamespace(id="another")
    beside.work = lambda: creates.learn(*answer)
    creates.learn(*answer)
    beside.end()
    assert log == ["capability.absent"]


def test_what_the_server_grants(beside, log):
    class Limit(int):
        def __ne__(self, other):
            differs = int(self) != other
            beside.begin()
            return differs

        __hash__ = int.__hash__

    pace = _Pace(System.FIELD_SERVICE, Terms(1000, 60.0, 0.5), log)
    beside.work = lambda: pace.limited(10, 30.0)
    pace.limited(Limit(10), 30.0)
    beside.end()
    assert log == ["budget.lowered"]


def test_that_a_history_cannot_be_read(beside, log):
    class Kinds(set):
        def __contains__(self, kind):
            inside = super().__contains__(kind)
            beside.begin()
            return inside

    histories = Histories(None, None, None, log)
    histories._told = Kinds()
    beside.work = lambda: histories._fails(Kind.WORK_ORDER, "", "no right")
    histories._fails(Kind.WORK_ORDER, "", "no right")
    beside.end()
    assert log == ["history.unreadable"]
