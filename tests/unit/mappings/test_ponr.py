"""Behind the point of no return no amendment of a work order goes out."""

from __future__ import annotations

import pytest

from mappings.ponr import Mode, Verdict, reached, verdict

S, E = Mode.STRICT, Mode.OM_ENFORCED
V = Verdict


@pytest.mark.parametrize(
    ("before", "now", "mode", "differs", "expected"),
    [
        (False, False, S, True, V.CARRIED),
        (False, True, S, True, V.REFUSED),
        (False, True, S, False, V.FROZEN),
        (True, True, S, True, V.REFUSED),
        (True, True, S, False, V.FROZEN),
        (True, False, S, True, V.RELEASED),
        (True, False, S, False, V.RELEASED),
        (False, False, E, True, V.CARRIED),
        (False, True, E, True, V.CARRIED),
        (True, True, E, True, V.REFUSED),
        (True, True, E, False, V.FROZEN),
        (True, False, E, True, V.RELEASED),
    ],
)
def test_the_verdict(before, now, mode, differs, expected):
    assert verdict(before, now, mode, differs) is expected


@pytest.mark.parametrize(
    ("order", "line", "expected"),
    [("true", "", True), ("", "true", True), ("false", "false", False)],
    ids=["order", "line", "neither"],
)
def test_the_flag_counts_on_the_line_and_on_its_order(make, order, line, expected):
    assert reached(make.order(ponr=order), make.line(ponr=line)) is expected


def test_records_that_are_not_there_have_no_flag():
    assert not reached(None, None)
