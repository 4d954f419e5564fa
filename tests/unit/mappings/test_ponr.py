"""Behind the point of no return no amendment of a work order goes out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings.ponr import Mode, Scope, Verdict, concerns_whole_order, reached_by, verdict

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
    ("order", "line", "other", "scope", "expected"),
    [
        ("true", "", "", Scope.LINE, "ord1"),
        ("", "true", "", Scope.LINE, "ordl1"),
        ("", "", "true", Scope.LINE, None),
        ("", "", "true", Scope.ORDER, "ordl2"),
        ("false", "false", "false", Scope.ORDER, None),
        ("true", "true", "true", Scope.ORDER, "ordl1"),
    ],
    ids=["order", "line", "another line", "another line locks all", "none", "its own line is named first"],
)
def test_the_flag_counts_on_the_line_its_order_and_the_other_lines(make, order, line, other, scope, expected):
    further = replace(make.line(ponr=other), id="ordl2")
    facts = make.facts(line=make.line(ponr=line), order=make.order(ponr=order), other_lines=(further,))
    by = reached_by(facts, scope)
    assert (by.id if by else None) == expected


def test_records_that_are_not_there_have_no_flag(make):
    assert reached_by(make.facts(line=None, order=None), Scope.ORDER) is None


def test_a_flag_of_a_line_concerns_the_whole_order_unless_it_locks_itself_only(make):
    assert concerns_whole_order(make.line(), Scope.ORDER)
    assert not concerns_whole_order(make.line(), Scope.LINE)
    assert not concerns_whole_order(make.line(order=""), Scope.ORDER)
    assert not concerns_whole_order(make.order(), Scope.ORDER)
