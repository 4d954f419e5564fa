"""A table file is read whole, or every problem in it is named at its place."""

from __future__ import annotations

from importlib import resources

import pytest

from mappings.decision_table import Cell, Operator
from mappings.model import Kind
from mappings.table_file import parse_table

COLUMNS = {
    Kind.DOMAIN_ORDER: frozenset({"specification", "action", "location_name", "order.priority"}),
    Kind.ORDER_TASK: frozenset({"request_type", "domain_order.action"}),
}
FIELDS = frozenset({"priority", "short_description", "template"})

HEAD = '[table]\nname = "t"\napplies_to = "domain_order"\n'
ROW = '[[rule]]\nid = "a"\ncreate = [{ template = "T" }]\n'


def _parse(text):
    return parse_table(text, "t.toml", COLUMNS, FIELDS)


def _problems(text):
    table, problems = _parse(text)
    assert table is None
    return [str(problem).removeprefix("t.toml:") for problem in problems]


def _row(line):
    """The problems of a rule with one more line, which is line 7."""
    return _problems(HEAD + ROW + line)


def _when(condition):
    return _row(f"when = {{ {condition} }}\n")


def test_a_whole_table_is_read():
    table, problems = _parse(
        """
[table]
name = "Domain orders"
applies_to = "domain_order"
hit_policy = "all"

[[rule]]
id = "install-fiber"
was = ["old-id"]
when = { specification = "Fiber Access", action = ["add", "change"], "order.priority" = { lte = 2 }, \
location_name = { starts_with = "B" }, state = { is_not_empty = true } }
create = [ { template = "Fiber Installation", values = { priority = 2, short_description = "at {location_name}" } },
  { template = "Fiber Test" } ]

[default]
create = [ { template = "Check" } ]
"""
    )
    assert problems == ()
    assert (table.name, table.applies_to, table.hit_policy) == ("Domain orders", Kind.DOMAIN_ORDER, "all")
    (rule,) = table.rules
    assert (rule.id, rule.was) == ("install-fiber", ("old-id",))
    assert rule.when == {
        "specification": Cell(Operator.IS, ("Fiber Access",)),
        "action": Cell(Operator.ONE_OF, ("add", "change")),
        "order.priority": Cell(Operator.LTE, ("2",)),
        "location_name": Cell(Operator.STARTS_WITH, ("B",)),
        "state": Cell(Operator.IS_NOT_EMPTY),
    }
    assert [(c.template, dict(c.values)) for c in rule.create] == [
        ("Fiber Installation", {"priority": "2", "short_description": "at {location_name}"}),
        ("Fiber Test", {}),
    ]
    assert [c.template for c in table.default] == ["Check"]
    assert table.columns == ("action", "location_name", "order.priority", "specification", "state")
    assert len(table.hash) == 12


def test_the_first_rule_answers_unless_the_file_says_otherwise():
    table, _ = _parse(HEAD + ROW)
    assert (table.hit_policy, table.default, table.rules[0].when) == ("first", (), {})


@pytest.mark.parametrize(
    ("condition", "cell"),
    [
        ("state = true", Cell(Operator.IS, ("true",))),
        ("state = false", Cell(Operator.IS, ("false",))),
        ("state = 2.5", Cell(Operator.IS, ("2.5",))),
        ("state = { is_not = '' }", Cell(Operator.IS_NOT, ("",))),
        ("state = { is_empty = true }", Cell(Operator.IS_EMPTY)),
        ("state = { between = [1, '3'] }", Cell(Operator.BETWEEN, ("1", "3"))),
        ("state = { one_of = [1] }", Cell(Operator.ONE_OF, ("1",))),
        ("state = { contains = 'x' }", Cell(Operator.CONTAINS, ("x",))),
    ],
)
def test_a_condition_becomes_a_cell(condition, cell):
    table, problems = _parse(f"{HEAD}{ROW}when = {{ {condition} }}\n")
    assert problems == ()
    assert table.rules[0].when == {"state": cell}


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("sate = 'x'", '7:10: unknown column "sate"; did you mean "state"?'),
        ("zzzz = 'x'", '7:10: unknown column "zzzz"'),
        ("zzzz = { is = 1 }", '7:10: unknown column "zzzz"'),
        ("order.priority = 2", '7:10: a column with a dot is written in quotes: "order.priority" = ...'),
        ("state = { lte = 1, gte = 0 }", "7:10: a condition has one operator, such as { lte = 2 }, not 2"),
        ("state = {}", "7:10: a condition has one operator, such as { lte = 2 }, not 0"),
        ("state = { start_with = 'x' }", '7:20: unknown operator "start_with"; did you mean "starts_with"?'),
        ("state = { zz = 'x' }", '7:20: unknown operator "zz"; write one of is, is_not,'),
        ("state = { is_empty = 1 }", "7:20: write is_empty = true, not 1"),
        ("state = { is_not_empty = false }", "7:20: write is_not_empty = true, not false"),
        ("state = []", '7:10: one_of needs at least one value, such as ["add", "change"]'),
        ("state = { one_of = 'x' }", '7:20: one_of must be a list in [ ], not "x"'),
        ("state = { contains = '' }", '7:20: contains = "" matches everything; leave the column out'),
        ("state = { is = [1] }", "7:20: a condition compares with a text or a number, not a list"),
        ("state = ['a', { }]", "7:24: a condition compares with a text or a number, not a table"),
        ("state = 1979-05-27", "7:10: a condition compares with a text or a number, not 1979-05-27"),
        ("state = nan", "7:10: a condition compares with a text or a number, not nan"),
        ("state = { lte = 'high' }", '7:20: write lte = 2, a number, not "high"'),
        ("state = { between = [1] }", '7:20: write between = [1, 3], two numbers, not "1"'),
        ("state = { between = [] }", "7:20: write between = [1, 3], two numbers, not nothing"),
        ("state = { between = [3, 1] }", "7:20: nothing is between 3 and 1; write the smaller number first"),
    ],
)
def test_a_condition_that_cannot_be_read_is_a_problem(condition, said):
    (problem,) = _when(condition)
    assert problem.startswith(said)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("when = 'always'", '7:1: when must be a table such as { action = "add" }, not "always"'),
        ("whne = {}", '7:1: unknown key "whne" in [[rule]]; did you mean "when"?'),
        ("was = 'old'", '7:1: was must be a list in [ ], not "old"'),
        ("was = ['Old']", '7:8: a rule id is 1 to 32 of a-z, 0-9, - and _, not "Old"'),
        ("was = ['']", '7:8: a rule id is 1 to 32 of a-z, 0-9, - and _, not ""'),
        ("was = [7]", "7:8: a rule id is 1 to 32 of a-z, 0-9, - and _, not 7"),
        ("was = ['a']", '7:1: the rule id "a" is taken in line 5; choose another'),
    ],
)
def test_a_rule_says_what_is_wrong_with_it(line, said):
    assert _row(line) == [said]


@pytest.mark.parametrize(
    ("id", "said"),
    [
        ('"Install"', '5:1: a rule id is 1 to 32 of a-z, 0-9, - and _, not "Install"'),
        ('"default"', '5:1: the rule id "default" belongs to the [default] row; choose another'),
        ("7", '5:1: id must be a text such as "install-fiber", not 7'),
        ('""', '5:1: id must be a text such as "install-fiber", not ""'),
    ],
)
def test_a_rule_needs_a_usable_id(id, said):
    assert _problems(HEAD + f'[[rule]]\nid = {id}\ncreate = [{{ template = "T" }}]\n') == [said]


def test_two_rules_with_one_id_name_each_other():
    text = HEAD + ROW + ROW
    assert _problems(text) == ['8:1: the rule id "a" is taken in line 5; choose another']


@pytest.mark.parametrize(
    ("create", "said"),
    [
        ("", '4:3: create is missing; write create = [ { template = "Fiber Installation" } ]'),
        (
            "create = []",
            '6:1: create is empty; write create = [ { template = "Fiber Installation" } ], or remove the row',
        ),
        ("create = 'T'", '6:1: create must be a list in [ ], not "T"'),
        ("create = ['T']", '6:11: create must be a table, not "T"'),
        ("create = [{}]", '6:11: template is missing; write template = "Fiber Installation"'),
        ("create = [{ template = 3 }]", '6:13: template must be a text such as "Fiber Installation", not 3'),
        ("create = [{ template = 'T', count = 2 }]", '6:29: unknown key "count" in create'),
        ("create = [{ template = 'T', values = 2 }]", "6:29: values must be a table, not 2"),
        (
            "create = [{ template = 'T', values = { prio = 1 } }]",
            '6:40: unknown key "prio" in values; did you mean "priority"?',
        ),
        (
            "create = [{ template = 'T', values = { template = 'U' } }]",
            '6:40: unknown key "template" in values',
        ),
        (
            "create = [{ template = 'T', values = { priority = [] } }]",
            "6:40: priority must be a text or a number, not a list",
        ),
        (
            "create = [{ template = 'T', values = { priority = '{order.prio}' } }]",
            '6:40: unknown column "order.prio" in a placeholder; did you mean "order.priority"?',
        ),
    ],
)
def test_what_is_created_must_be_readable(create, said):
    assert _problems(f'{HEAD}[[rule]]\nid = "a"\n{create}\n') == [said]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[default]\n", '4:2: create is missing; write create = [ { template = "Fiber Installation" } ]'),
        ("[default]\ncreate = [{ template = 'T' }]\nid = 'x'", '6:1: unknown key "id" in [default]'),
        ("[other]\n", '4:2: unknown key "other" in the file'),
        ("[rule]\nid = 'a'", "4:2: rule must be a list in [ ], not a table"),
    ],
)
def test_the_parts_of_the_file_are_checked(text, said):
    assert _problems(HEAD + text) == [said]


def test_parts_of_the_wrong_type_are_named_once_each():
    assert _problems("default = 1\nrule = [1]\ntable = 1\n") == [
        "1:1: [default] must be a table, not 1",
        "2:9: [[rule]] must be a table, not 1",
        "3:1: [table] must be a table, not 1",
        '3:1: name is missing; write name = "Work orders for domain orders"',
        '3:1: write applies_to = "domain_order" or applies_to = "order_task", not nothing',
    ]


def test_an_empty_file_says_what_it_needs():
    assert _problems("") == [
        '1:1: name is missing; write name = "Work orders for domain orders"',
        '1:1: write applies_to = "domain_order" or applies_to = "order_task", not nothing',
    ]


def test_all_problems_come_at_once_and_in_order():
    problems = _problems(
        '[table]\nname = 3\napplies_to = "order"\nhit_policy = "any"\n'
        '[[rule]]\nid = "A"\nwhen = { sate = 1 }\ncreate = []\n'
    )
    assert [problem.split(":")[0] for problem in problems] == ["2", "3", "4", "6", "7", "8"]


def test_a_syntax_error_is_the_only_problem():
    assert _problems("[table]\nname = \n") == ["2:8: not valid TOML: Invalid value"]


def test_a_kind_without_known_columns_has_those_of_every_record():
    table, problems = parse_table(f"{HEAD}{ROW}when = {{ 'line.state' = 'x' }}", "t", {}, frozenset())
    assert problems == ()
    assert table.columns == ("line.state",)


BASE = HEAD + '[[rule]]\nid = "a"\nwhen = { action = "x", state = "y" }\ncreate = [{ template = "T" }]\n'


@pytest.mark.parametrize(
    ("text", "equal"),
    [
        ("# why\n" + BASE, True),
        (BASE.replace('action = "x", state = "y"', 'state = ["y"], action = { is = "x" }'), False),
        (BASE.replace('action = "x", state = "y"', 'state = { is = "y" }, action = "x"'), True),
        (BASE.replace('"T"', '"U"'), False),
        (BASE.replace('"T" }', '"T", values = { priority = 1 } }'), False),
        (BASE.replace('name = "t"', 'name = "u"'), False),
        (BASE + '[default]\ncreate = [{ template = "T" }]\n', False),
    ],
    ids=["comment", "other operator", "order of keys", "template", "values", "name", "default"],
)
def test_the_hash_is_that_of_the_meaning(text, equal):
    assert (_parse(text)[0].hash == _parse(BASE)[0].hash) is equal


def test_the_hash_depends_on_the_order_of_rules():
    one, two = ROW, ROW.replace('"a"', '"b"')
    assert _parse(HEAD + one + two)[0].hash != _parse(HEAD + two + one)[0].hash


def _sample(name):
    text = (resources.files("mappings") / "tables" / name).read_text()
    table, problems = parse_table(text, name, COLUMNS, FIELDS)
    assert problems == ()
    return table


def test_the_sample_for_domain_orders_creates_what_its_comments_say():
    table = _sample("domain_orders.toml")
    assert table.applies_to is Kind.DOMAIN_ORDER
    assert {rule.id: [c.template for c in rule.create] for rule in table.rules} == {
        "install-fiber": ["Fiber Installation"],
        "managed-router": ["Router Staging", "Router Installation"],
    }


def test_the_sample_for_order_tasks_creates_what_its_comments_say():
    table = _sample("order_tasks.toml")
    assert table.applies_to is Kind.ORDER_TASK
    assert table.columns == ("domain_order.action", "request_type")
    assert [c.template for rule in table.rules for c in rule.create] == ["Site Survey"]
