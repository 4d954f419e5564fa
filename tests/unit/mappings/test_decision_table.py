"""A table answers with the rows that match, and says of every row why."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.decision_table import Cell, Creation, DecisionTable, Operator, Rule, evaluate, number
from mappings.model import Kind, PlannedWorkOrder

PROPERTY = settings(max_examples=100, deadline=None, derandomize=True)

Op = Operator

MATCHES = [
    ("is, equal", Cell(Op.IS, ("add",)), "add", True),
    ("is, other", Cell(Op.IS, ("add",)), "Add", False),
    ("is empty text", Cell(Op.IS, ("",)), "", True),
    ("is not, other", Cell(Op.IS_NOT, ("add",)), "change", True),
    ("is not, equal", Cell(Op.IS_NOT, ("add",)), "add", False),
    ("one of, last", Cell(Op.ONE_OF, ("add", "change")), "change", True),
    ("one of, none", Cell(Op.ONE_OF, ("add", "change")), "chang", False),
    ("contains", Cell(Op.CONTAINS, ("ibe",)), "Fiber", True),
    ("contains not", Cell(Op.CONTAINS, ("x",)), "Fiber", False),
    ("starts with", Cell(Op.STARTS_WITH, ("Fi",)), "Fiber", True),
    ("starts elsewhere", Cell(Op.STARTS_WITH, ("ib",)), "Fiber", False),
    ("ends with", Cell(Op.ENDS_WITH, ("er",)), "Fiber", True),
    ("ends elsewhere", Cell(Op.ENDS_WITH, ("be",)), "Fiber", False),
    ("empty", Cell(Op.IS_EMPTY), "", True),
    ("not empty, empty", Cell(Op.IS_NOT_EMPTY), "", False),
    ("empty, filled", Cell(Op.IS_EMPTY), "x", False),
    ("not empty", Cell(Op.IS_NOT_EMPTY), " ", True),
    ("gt, equal", Cell(Op.GT, ("2",)), "2", False),
    ("gt, more", Cell(Op.GT, ("2",)), "10", True),
    ("gte, equal", Cell(Op.GTE, ("2",)), "2.0", True),
    ("gte, less", Cell(Op.GTE, ("2",)), "-3", False),
    ("lt, equal", Cell(Op.LT, ("2",)), "2", False),
    ("lt, less", Cell(Op.LT, ("2",)), "1.9", True),
    ("lte, equal", Cell(Op.LTE, ("2",)), " 2 ", True),
    ("lte, more", Cell(Op.LTE, ("2",)), "2.01", False),
    ("between, low end", Cell(Op.BETWEEN, ("1", "3")), "1", True),
    ("between, high end", Cell(Op.BETWEEN, ("1", "3")), "3", True),
    ("between, outside", Cell(Op.BETWEEN, ("1", "3")), "4", False),
    ("number wanted, word given", Cell(Op.LTE, ("2",)), "high", False),
    ("number wanted, nothing given", Cell(Op.GT, ("2",)), "", False),
    ("number wanted, NaN given", Cell(Op.LT, ("2",)), "NaN", False),
]


@pytest.mark.parametrize(("cell", "value", "expected"), [m[1:] for m in MATCHES], ids=[m[0] for m in MATCHES])
def test_a_cell_matches(cell, value, expected):
    assert cell.matches(value) is expected


@pytest.mark.parametrize("text", ["", "1e3", "1_000", "Infinity", "0x10", "1.", ".5", "one", "٣", "1" * 50])
def test_only_plain_decimals_are_numbers(text):
    assert number(text) is None


@pytest.mark.parametrize(
    ("cell", "value", "said"),
    [
        (Cell(Op.IS, ("add",)), "change", 'asks that c is "add", but it is "change"'),
        (Cell(Op.ONE_OF, ("a", "b")), "", 'asks that c is one of "a", "b", but it is empty'),
        (Cell(Op.LTE, ("2",)), "high", 'asks that c is at most "2", but it is "high", not a number'),
        (Cell(Op.GT, ("2",)), "1", 'asks that c is greater than "2", but it is "1"'),
        (Cell(Op.BETWEEN, ("1", "3")), "9", 'asks that c is between "1" and "3", but it is "9"'),
        (Cell(Op.IS_EMPTY), "x", 'asks that c is empty, but it is "x"'),
    ],
    ids=["is", "one of", "not a number", "number", "between", "empty"],
)
def test_a_miss_names_what_was_asked_and_what_was_there(cell, value, said):
    assert cell.miss("c", value) == said


def _evaluate(table, **facts):
    return evaluate(table, lambda column: facts.get(column, ""))


def test_the_first_matching_rule_answers_and_every_row_says_why(make):
    table = make.table(make.rule("a", action="add"), make.rule("b", action="change"), make.rule("c", slots=2))
    outcome = _evaluate(table, action="change")
    assert outcome.work_orders == (PlannedWorkOrder("b", 1, "Fiber Installation"),)
    assert outcome.columns == {"action": "change"}
    assert [(r.rule, r.fired, r.text) for r in outcome.reasons] == [
        ("a", False, 'rule "a" asks that action is "add", but it is "change"'),
        ("b", True, 'rule "b" matches: action is "change"'),
        ("c", False, 'rule "c" is not asked, because "b" matched first'),
    ]


def test_all_matching_rules_answer_and_slots_count_from_one_in_each(make):
    table = make.table(make.rule("a", slots=2), make.rule("b"), hit_policy="all")
    outcome = _evaluate(table)
    assert [(p.rule, p.slot) for p in outcome.work_orders] == [("a", 1), ("a", 2), ("b", 1)]
    assert outcome.reasons[0].text == 'rule "a" matches: it has no conditions'


@pytest.mark.parametrize(("action", "rule"), [("add", "a"), ("change", "default")])
def test_the_default_row_answers_only_when_no_rule_did(make, action, rule):
    table = make.table(make.rule("a", action="add"), default=(Creation("Check", {"priority": "4"}),))
    outcome = _evaluate(table, action=action)
    assert [p.rule for p in outcome.work_orders] == [rule]
    assert [r.rule for r in outcome.reasons if r.fired] == [rule]


def test_without_a_default_row_nothing_is_an_answer(make):
    outcome = _evaluate(make.table(make.rule("a", action="add", specification="F")), action="x")
    assert outcome.work_orders == ()
    assert outcome.reasons[0].text == (
        'rule "a" asks that action is "add", but it is "x"; asks that specification is "F", but it is empty'
    )


def test_a_renamed_rule_is_known_by_its_old_ids(make):
    table = make.table(make.rule("new", was=("old", "older")), make.rule("other"))
    assert [table.current_id(id) for id in ("older", "new", "gone")] == ["new", "new", "gone"]


_WORDS = st.sampled_from(["", "a", "ab", "b", "1", "2", "10", "2.5", "-1"])
_NUMBERS = st.sampled_from(["-1", "1", "2", "2.5", "10"])
_CELLS = st.one_of(
    st.builds(
        lambda o, w: Cell(o, (w,)),
        st.sampled_from([Op.IS, Op.IS_NOT, Op.CONTAINS, Op.STARTS_WITH, Op.ENDS_WITH]),
        _WORDS,
    ),
    st.builds(lambda ws: Cell(Op.ONE_OF, tuple(ws)), st.lists(_WORDS, min_size=1, max_size=3)),
    st.builds(Cell, st.sampled_from([Op.IS_EMPTY, Op.IS_NOT_EMPTY])),
    st.builds(lambda o, n: Cell(o, (n,)), st.sampled_from([Op.GT, Op.GTE, Op.LT, Op.LTE]), _NUMBERS),
    st.builds(lambda a, b: Cell(Op.BETWEEN, (a, b)), _NUMBERS, _NUMBERS),
)
_ROWS = st.lists(
    st.tuples(st.dictionaries(st.sampled_from("xyz"), _CELLS, max_size=3), st.integers(1, 3)), max_size=4
)


def _naive(cell: Cell, value: str) -> bool:
    """The meaning of a cell, once more, in another way."""
    a = cell.operands
    if cell.operator in (Op.GT, Op.GTE, Op.LT, Op.LTE, Op.BETWEEN):
        try:
            n = Decimal(value)
        except ArithmeticError:
            return False
        low, high = Decimal(a[0]), Decimal(a[-1])
        return {
            Op.GT: n > low,
            Op.GTE: n >= low,
            Op.LT: n < low,
            Op.LTE: n <= low,
            Op.BETWEEN: low <= n <= high,
        }[cell.operator]
    return {
        Op.IS: [value] == list(a),
        Op.IS_NOT: [value] != list(a),
        Op.ONE_OF: any(value == o for o in a),
        Op.CONTAINS: bool(a) and value.find(a[0]) >= 0,
        Op.STARTS_WITH: bool(a) and value[: len(a[0])] == a[0],
        Op.ENDS_WITH: bool(a) and value[len(value) - len(a[0]) :] == a[0] and len(value) >= len(a[0]),
        Op.IS_EMPTY: not value,
        Op.IS_NOT_EMPTY: bool(value),
    }[cell.operator]


@PROPERTY
@given(
    _ROWS, st.dictionaries(st.sampled_from("xyz"), _WORDS), st.sampled_from(["first", "all"]), st.booleans()
)
def test_a_table_means_what_its_cells_mean(rows, facts, policy, has_default):
    rules = tuple(
        Rule(f"r{n}", when, tuple(Creation(f"T{k}") for k in range(count)))
        for n, (when, count) in enumerate(rows)
    )
    default = (Creation("D"),) if has_default else ()
    table = DecisionTable("t", Kind.DOMAIN_ORDER, policy, rules, default, ("x", "y", "z"))
    outcome = evaluate(table, lambda column: facts.get(column, ""))

    hits = [
        n for n, (when, _) in enumerate(rows) if all(_naive(c, facts.get(k, "")) for k, c in when.items())
    ]
    hits = hits[:1] if policy == "first" else hits
    expected = [(f"r{n}", slot) for n in hits for slot in range(1, rows[n][1] + 1)]
    expected = expected or ([("default", 1)] if has_default else [])
    assert [(p.rule, p.slot) for p in outcome.work_orders] == expected
    assert {r.rule for r in outcome.reasons if r.fired} == {rule for rule, _ in expected}
    assert evaluate(table, lambda column: facts.get(column, "")) == outcome
