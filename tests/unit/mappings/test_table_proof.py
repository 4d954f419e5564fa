"""A table is warned of rules that cannot matter, and tables of rule ids that they share."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.decision_table import Cell, Creation, Operator, Rule, evaluate
from mappings.model import Kind
from mappings.table_proof import clashes, prove

PROPERTY = settings(max_examples=100, deadline=None, derandomize=True)

Op = Operator
NO_DEFAULT = "no default row: what no rule matches gets no work order"
CREATE = (Creation("T"),)


def _two(general: Cell | None, special: Cell | None):
    return (
        Rule("general", {"x": general} if general else {}, CREATE),
        Rule("special", {"x": special} if special else {}, (Creation("U"),)),
    )


@pytest.mark.parametrize(
    ("general", "special", "dead"),
    [
        (Cell(Op.IS, ("a",)), Cell(Op.IS, ("a",)), True),
        (Cell(Op.ONE_OF, ("a", "b")), Cell(Op.IS, ("b",)), True),
        (Cell(Op.ONE_OF, ("a", "b")), Cell(Op.ONE_OF, ("b", "c")), False),
        (Cell(Op.LTE, ("3",)), Cell(Op.ONE_OF, ("1", "2")), True),
        (Cell(Op.IS_NOT, ("a",)), Cell(Op.IS_EMPTY), True),
        (Cell(Op.IS_NOT_EMPTY), Cell(Op.IS_EMPTY), False),
        (Cell(Op.STARTS_WITH, ("a",)), Cell(Op.STARTS_WITH, ("ab",)), False),
        (None, Cell(Op.IS, ("a",)), True),
        (Cell(Op.IS, ("a",)), None, False),
    ],
    ids=[
        "equal",
        "one of them",
        "overlap",
        "numbers",
        "empty",
        "contrary",
        "not proven",
        "no condition",
        "wider",
    ],
)
def test_a_rule_that_an_earlier_one_covers_never_fires(make, general, special, dead):
    warnings = prove(make.table(*_two(general, special), default=CREATE))
    said = 'rule "special" never fires: rule "general" above it matches whatever it matches'
    assert (said in warnings) is dead


def test_under_all_nothing_is_covered_but_duplicates_are_named(make):
    rule = make.rule("a", action="add")
    other = make.rule("b", action="add")
    table = make.table(rule, other, make.rule("c"), hit_policy="all", default=CREATE)
    assert prove(table) == (
        'rules "a" and "b" are the same: each creates its own work orders',
        "the default row never answers: a rule without conditions matches everything",
    )


def test_rules_that_create_different_work_orders_are_no_duplicates(make):
    table = make.table(
        make.rule("a", action="add"), make.rule("b", slots=2, action="add"), hit_policy="all", default=CREATE
    )
    assert prove(table) == ()


def test_a_table_without_a_default_row_is_told_so(make):
    assert prove(make.table(make.rule(action="add"))) == (NO_DEFAULT,)


_CELLS = st.one_of(
    st.builds(lambda w: Cell(Op.IS, (w,)), st.sampled_from(["", "1", "2"])),
    st.builds(lambda ws: Cell(Op.ONE_OF, tuple(ws)), st.lists(st.sampled_from(["1", "2", "3"]), min_size=1)),
    st.builds(Cell, st.sampled_from([Op.IS_EMPTY, Op.IS_NOT_EMPTY])),
    st.builds(lambda n: Cell(Op.LTE, (n,)), st.sampled_from(["1", "2"])),
)
_WHEN = st.dictionaries(st.sampled_from("xy"), _CELLS, max_size=2)


@PROPERTY
@given(_WHEN, _WHEN, st.dictionaries(st.sampled_from("xy"), st.sampled_from(["", "0", "1", "2", "3", "z"])))
def test_a_rule_that_is_called_dead_is_dead(make, general, special, facts):
    table = make.table(Rule("g", general, CREATE), Rule("s", special, CREATE))
    if any("never fires" in warning for warning in prove(table)):
        outcome = evaluate(table, lambda column: facts.get(column, ""))
        assert all(planned.rule != "s" for planned in outcome.work_orders)


@pytest.mark.parametrize(
    ("other", "shared"),
    [
        ({"rules": ("b",)}, []),
        ({"rules": ("a",)}, ["a"]),
        ({"rules": ("b",), "was": ("a",)}, ["a"]),
        ({"rules": ("b",), "default": CREATE}, ["default"]),
        ({"rules": ("a",), "applies_to": Kind.ORDER_TASK}, []),
    ],
    ids=["distinct", "same id", "old id", "two default rows", "other kind"],
)
def test_tables_of_one_kind_share_no_rule_id(make, other, shared):
    rules = [make.rule(id, was=other.get("was", ())) for id in other["rules"]]
    kind = other.get("applies_to", Kind.DOMAIN_ORDER)
    one = make.table(make.rule("a"), name="one", default=CREATE)
    two = make.table(*rules, name="two", default=other.get("default", ()), applies_to=kind)
    assert [message.split('"')[1] for message in clashes([one, two])] == shared


def test_a_clash_names_both_tables(make):
    (message,) = clashes([make.table(name="one"), make.table(name="two")])
    assert 'is in "one" and in "two"' in message
