"""Profiles: what ships is sound, and every problem of a file is named with its place."""

from __future__ import annotations

from datetime import timedelta
from importlib import resources

import pytest

from connectors.profile import load_profile, packaged_profiles, parse_profile
from connectors.profile_model import APIS, RelationProfile
from mappings.model import PARENT_FIELDS, TRAIT_KINDS, Kind, System

SMALL = """\
api = "servicenow"
system = "field_service"

[note]
field = "work_notes"

[kinds.work_order]
table = "wm_order"
number = "number"
state = "state"
[kinds.work_order.fields]
correlation_id = "correlation_id"
location_name = "location.name"
[kinds.work_order.states]
draft = ["Draft"]
canceled = "Canceled"
[kinds.work_order.state_values]
"7" = "canceled"
[kinds.work_order.where]
sys_class_name = ["wm_order", "u_wm_order"]

[kinds.work_task]
table = "wm_task"
number = "number"
state = "state"
[kinds.work_task.fields]
work_order = "parent"
[kinds.work_task.states]
draft = ["Draft"]

[references.location]
table = "cmn_location"
name = "name"
"""


TASK_TABLES = SMALL[SMALL.index("[kinds.work_task]") : SMALL.index("[references")]


def problems_of(text: str) -> list[str]:
    profile, problems = parse_profile(text, file="p.toml", name="p")
    assert profile is None
    return [str(problem) for problem in problems]


@pytest.mark.parametrize("name", packaged_profiles())
def test_a_packaged_profile_is_sound_and_complete(name):
    profile, problems = load_profile(name)
    assert problems == ()
    assert profile is not None
    assert profile.api in APIS
    wanted = {kind for kind in Kind if kind.system is profile.system and kind not in TRAIT_KINDS}
    assert set(profile.kinds) == wanted
    for kind in profile.kinds:
        assert profile.logical_fields(kind) >= {*PARENT_FIELDS[kind], "id", "number", "state"}


def test_both_systems_ship():
    loaded = [load_profile(name)[0] for name in packaged_profiles()]
    assert {profile.system for profile in loaded if profile} == set(System)


def test_a_small_profile_says_what_its_file_says():
    profile, problems = parse_profile(SMALL, file="p.toml", name="p")
    assert problems == ()
    assert profile is not None
    work_order = profile.kinds[Kind.WORK_ORDER]
    assert work_order.states == {"draft": ("Draft",), "canceled": ("Canceled",)}
    assert work_order.state_values == {"7": "canceled"}
    assert work_order.where == {"sys_class_name": ("wm_order", "u_wm_order")}
    assert work_order.column("location_name") == "location.name"
    assert work_order.column("nonsense") is None
    assert work_order.columns() == ("correlation_id", "location.name", "number", "state", "sys_class_name")
    assert (profile.granule, profile.overlap) == (timedelta(seconds=1), timedelta(seconds=60))
    assert profile.states(Kind.WORK_ORDER) == {"draft", "canceled"}
    assert profile.logical_fields(Kind.DOMAIN_ORDER) == frozenset()


def test_a_journal_names_the_tables_of_each_kind():
    profile, problems = parse_profile(
        SMALL + '[journal]\nwork_order = ["wm_order", "u_wm"]\n', file="p", name="p"
    )
    assert problems == ()
    assert profile is not None
    assert profile.journal == {Kind.WORK_ORDER: ("wm_order", "u_wm")}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('work_task = ["wm_task"]', "unknown key 'work_task' in [journal]"),
        ('domain_order = ["x"]', "unknown key 'domain_order' in [journal]"),
        ('work_order = ["wm order"]', "each name must be that of a table"),
        ("work_order = []", "'work_order' must be a text or a list of texts"),
    ],
    ids=["task notes come twice", "the other system's", "no table", "nothing"],
)
def test_a_journal_that_cannot_be_is_named(line, said):
    (problem,) = problems_of(f"{SMALL}[journal]\n{line}\n")
    assert said in problem


def test_a_history_names_the_kinds_that_have_one():
    profile, problems = parse_profile(SMALL + '[history]\nkinds = "work_order"\n', file="p", name="p")
    assert problems == ()
    assert profile is not None
    assert profile.history == {Kind.WORK_ORDER}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('kinds = ["domain_order"]', "'domain_order': a history is read of work_order, work_task only"),
        ('table = "sys_audit"', "unknown key 'table' in [history]"),
    ],
)
def test_a_history_that_cannot_be_is_named(line, said):
    assert any(said in problem for problem in problems_of(f"{SMALL}[history]\n{line}\n"))


RELATION = '[relation]\ntable = "rel"\nparent = "a"\nchild = "b"\n'


def test_a_relation_table_names_its_columns():
    profile, problems = parse_profile(SMALL + RELATION, file="p", name="p")
    assert problems == ()
    assert profile is not None
    assert profile.relation == RelationProfile("rel", "a", "b")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (RELATION.replace('child = "b"\n', ""), "'child' is missing"),
        (RELATION + 'type_table = "types"\n', "'type_name' is missing"),
        (RELATION + 'order = "x"\n', "unknown key 'order' in [relation]"),
    ],
)
def test_a_relation_table_that_cannot_be_is_named(text, said):
    (problem,) = problems_of(SMALL + text)
    assert said in problem


def test_a_profile_is_read_from_a_path(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(SMALL)
    profile, problems = load_profile(path)
    assert problems == ()
    assert profile is not None
    assert profile.name == "mine"


def test_an_unknown_name_lists_what_there_is():
    profile, (problem,) = load_profile("servicenow-crm")
    assert profile is None
    assert "servicenow-fsm, servicenow-om" in problem.message


def test_an_absent_file_and_one_that_is_no_text_are_named(tmp_path):
    path = tmp_path / "p.toml"
    assert "no such profile" in load_profile(path)[1][0].message
    path.write_bytes(b"\xff\xfe")
    assert "UTF-8" in load_profile(path)[1][0].message
    assert "cannot be read" in load_profile(f"{tmp_path}/")[1][0].message


def test_a_syntax_error_has_its_place():
    (problem,) = problems_of('api = "servicenow"\nsystem = \n')
    assert problem.startswith("p.toml:2:")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('api = "servicenow"', 'api = "servicenew"', "1:1: 'servicenew' must be one of servicenow"),
        ('system = "field_service"', "", "1:1: 'system' is missing"),
        ('field = "work_notes"', 'feild = "work_notes"', "5:1: unknown key 'feild' in [note]; did you mean"),
        ('table = "wm_order"', 'table = "wm order"', "8:1: 'wm order' is not a column or table name"),
        ('number = "number"', "number = 7", "9:1: 'number' must be a text that is not empty"),
        ('"location.name"', '"location..name"', "13:1: 'location..name' is not a column or table name"),
        ('location_name = "', 'Location = "', "13:1: field name 'Location'"),
        ('location_name = "', 'number = "', "13:1: 'number' is an attribute of every record"),
        ('correlation_id = "correlation_id"', "", "11:19: the column of 'correlation_id' is missing"),
        ('work_order = "parent"', "", "the column of 'work_order' is missing"),
        ('draft = ["Draft"]', "draft = []", "15:1: 'draft' must be a text or a list of texts"),
        ('draft = ["Draft"]', 'unknown = ["Draft"]', "15:1: 'unknown' cannot be the name of a state"),
        (
            '"7" = "canceled"',
            '"7" = "cancelled"',
            "18:1: 'cancelled' must be one of canceled, draft; did you mean",
        ),
        ("sys_class_name = [", "state = [", "20:1: a feed is never narrowed by state"),
        ('"u_wm_order"', '"a^b"', "20:1: values may hold letters"),
        (TASK_TABLES, "", "[kinds.work_task] is missing; syncd reads this kind"),
        ("[kinds.work_task]", "[kinds.work_tusk]", "unknown key 'work_tusk' in [kinds]; did you mean"),
        ('name = "name"', 'colour = "name"', "unknown key 'colour' in [references.location]"),
        ("[note]", "[timing]\noverlap_s = -1\n[note]", "5:1: overlap_s must be a number of seconds"),
        ("[note]", "[timing]\noverlap_s = true\n[note]", "5:1: overlap_s must be a number of seconds"),
        ("[note]", "kinds = 1\n[note]", "not valid TOML"),
    ],
)
def test_a_problem_is_named_with_its_place(old, new, expected):
    assert old in SMALL
    found = problems_of(SMALL.replace(old, new, 1))
    assert any(expected in problem for problem in found), found


def test_all_problems_come_in_one_run_by_line():
    text = SMALL.replace('"servicenow"', '"x"').replace('"wm_order"', '""').replace('"parent"', '"."')
    lines = [int(problem.split(":")[1]) for problem in problems_of(text)]
    assert lines == sorted(lines)
    assert len(lines) >= 3


def test_a_table_where_a_value_should_be_is_named_not_raised():
    text = 'api = "servicenow"\nsystem = "order_management"\nkinds = 1\nnote = "x"\nreferences = []\ntiming = 5\n'
    assert len(problems_of(text)) >= 5


@pytest.mark.parametrize("says", ["own_id", "correlation"])
def test_a_profile_may_say_how_creates_are_recognised(says):
    profile, _ = parse_profile(f'creates = "{says}"\n{SMALL}', file="p.toml", name="p")
    assert profile.creates == says


def test_ids_of_our_own_are_the_rule_and_a_third_way_is_a_problem():
    profile, _ = parse_profile(SMALL, file="p.toml", name="p")
    assert profile.creates == "own_id"
    _, problems = parse_profile(f'creates = "own-id"\n{SMALL}', file="p.toml", name="p")
    assert [str(problem) for problem in problems] == [
        "p.toml:1:1: 'own-id' must be one of own_id, correlation; did you mean \"own_id\"?"
    ]


def test_rows_that_describe_a_line_are_read_where_the_profile_names_their_table():
    """The packaged profile has them ready, as comments."""
    text = (resources.files("connectors") / "profiles" / "servicenow-om.toml").read_text(encoding="utf-8")
    head, _, rest = text.partition("#[kinds.characteristic]")
    rest, _, tail = rest.partition("# --- what other records")
    described = "[kinds.characteristic]" + rest.replace("\n#", "\n")
    profile, problems = parse_profile(f"{head}{described}\n# --- {tail}", file="p.toml", name="p")
    assert problems == ()
    assert set(profile.kinds) >= set(TRAIT_KINDS)
    spec = profile.kinds[Kind.CHARACTERISTIC]
    assert (spec.number, spec.state, spec.columns()) == (
        "",
        "",
        ("characteristic_option_value", "characteristics", "domain_order", "order_line_item"),
    )
