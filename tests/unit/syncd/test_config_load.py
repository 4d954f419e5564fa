"""A config file is read whole: it is right, or every problem of it is named with its place and its remedy."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta

import pytest

from mappings.model import Kind, System
from syncd.config import load_config


def test_a_config_that_is_right_brings_everything_that_it_names(folder):
    config = folder.load()
    assert config.order_management.id == "om-test"
    assert config.system(System.FIELD_SERVICE).url == "http://127.0.0.1:8002"
    assert config.profiles[System.ORDER_MANAGEMENT].name == "servicenow-om"
    assert [table.name for table in config.tables[Kind.DOMAIN_ORDER]] == ["Work orders for domain orders"]
    assert [table.name for table in config.tables[Kind.ORDER_TASK]] == ["Work orders for order tasks"]
    assert {rule.target for rule in config.field_map.rules} >= {"account", "location", "short_description"}
    assert config.daemon.workers == 4
    assert config.daemon.lease == timedelta(seconds=60)


def test_every_problem_is_named_in_one_run_by_line(folder):
    folder.change('username = "syncd"', 'username = 5\ntimout = "3s"')
    folder.change("OM_PASSWORD", "NOT_SET")
    folder.change('url = "http://127.0.0.1:8002"', 'url = "http://fsm.example.com"')
    folder.add("\n[daemon]\nworkers = 0\n\n[lgo]\nlevel = 3\n")
    assert folder.problems() == [
        'config.toml:5:1: "username" in [order_management] must be a text in quotes, like username = "syncd"',
        'config.toml:6:1: unknown key "timout" in [order_management]; did you mean "timeout"?',
        'config.toml:7:1: "password" in [order_management] is missing: the environment variable NOT_SET is not set',
        'config.toml:11:1: "url" in [field_service] must begin with https://; http is for this machine (127.0.0.1) only',
        'config.toml:21:1: "workers" in [daemon] must be at least 1',
        'config.toml:23:2: unknown section [lgo]; did you mean "log"?',
    ]


def test_a_config_that_is_not_there_says_how_to_begin(folder):
    folder.config.unlink()
    assert folder.problems() == [
        "config.toml:1:1: no such file; begin with: syncd config example > config.toml"
    ]


def test_a_config_that_cannot_be_read_says_why(folder):
    folder.config.unlink()
    folder.config.mkdir()
    assert folder.problems() == ["config.toml:1:1: cannot be read: Is a directory"]


def test_a_config_that_is_no_utf8_says_so(folder):
    folder.config.write_bytes(b"[log]\nlevel = '\xff'\n")
    assert folder.problems() == ["config.toml:1:1: not UTF-8; save it as UTF-8"]


def test_a_syntax_error_is_named_by_its_place(folder):
    folder.write("config.toml", "[log]\nlevel = \n")
    [problem] = folder.problems()
    assert problem.startswith("config.toml:2:9: not valid TOML")


def test_an_empty_config_names_what_it_needs(folder):
    folder.write("config.toml", "")
    found = folder.problems()
    assert "config.toml:1:1: [field_service] is missing; write it with id, url, profile" in found
    assert "config.toml:1:1: [order_management] is missing; write it with id, url, profile" in found


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        pytest.param('id = "om-test"\n', "", '"id" is missing in [order_management]; write id = "prod"', id="missing-key"),
        pytest.param('id = "om-test"', 'id = "OM 1"', '"id" in [order_management] may hold small letters', id="bad-id"),
        pytest.param('id = "om-test"', 'id = "a"\npage_size = "9"', "must be a whole number, like page_size = 200", id="text-for-number"),
        pytest.param('id = "om-test"', 'id = "a"\npage_size = true', "must be a whole number, like page_size = 200", id="bool-for-number"),
        pytest.param('id = "om-test"', 'id = "a"\ntimeout = 30', 'must be a duration with a unit, like "500ms"', id="number-for-duration"),
        pytest.param('id = "om-test"', 'id = "a"\ntimeout = "30"', 'must be a duration with a unit, like "500ms"', id="duration-without-unit"),
        pytest.param('id = "om-test"', 'id = "a"\ntimeout = "9h"', 'must be between "100ms" and "5m"', id="duration-out-of-bounds"),
        pytest.param('id = "om-test"', 'id = "a"\nauth = "oaut"', 'must be "basic" or "oauth"; did you mean "oauth"?', id="unknown-choice"),
        pytest.param('id = "om-test"', 'id = "a"\nca_file = "no.pem"', 'names "no.pem", which is not there', id="ca-file-not-there"),
        pytest.param('username = "syncd"\n', "", 'auth = "basic" needs it: write username = "syncd"', id="basic-without-username"),
        pytest.param('username = "syncd"\n', 'auth = "oauth"\n', 'auth = "oauth" needs it: write client_id', id="oauth-without-client"),
        pytest.param('id = "om-test"', 'id = "a"\ndeadline = "2m"', '"deadline" in [order_management] must be shorter than "lease"', id="deadline-longer-than-lease"),
        pytest.param('"http://127.0.0.1:8001"', '"https://u:p@om.example.com"', "must not hold a user name or a password", id="credentials-in-url"),
        pytest.param('"http://127.0.0.1:8001"', '"https://om.example.com/?x=1"', "must end with the host or a base path", id="query-in-url"),
        pytest.param('"http://127.0.0.1:8001"', '"om.example.com"', "must be a URL like", id="url-without-scheme"),
        pytest.param('profile = "servicenow-om"', 'profile = "servicenow-mo"', "no such profile; packaged are: servicenow-fsm, servicenow-om", id="unknown-profile"),
        pytest.param('profile = "servicenow-om"', 'profile = "./mine.toml"', 'names "./mine.toml", which is not there or is no file', id="missing-profile"),
        pytest.param('profile = "servicenow-om"', 'profile = "servicenow-fsm"', "is a profile for [field_service]", id="profile-of-the-other-side"),
        pytest.param('"domain.toml"', '"nowhere.toml"', 'the decision table "nowhere.toml" cannot be read', id="table-not-there"),
        pytest.param('"domain.toml"', '"task.toml"', '"task.toml" applies to order_task; name it under that key', id="table-of-the-other-kind"),
        pytest.param('"domain.toml"', '"domain.toml", "domain.toml"', 'the rule id "install-fiber" is in', id="two-tables-with-one-rule"),
        pytest.param('["domain.toml"]', '"domain.toml"', "must be a list in brackets", id="text-for-list"),
    ],
)  # fmt: skip
def test_a_problem_says_what_to_write_instead(problems_of, old, new, problem):
    found = problems_of(old, new)
    assert len([line for line in found if problem in line]) == 1, found
    assert all(line.startswith("config.toml:") for line in found)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param('[work_order_fields]\nacount = { from = "account" }', '3:1: "acount" in [work_order_fields] is no field of a work order in profile servicenow-fsm; did you mean "account"?', id="unknown-target"),
        pytest.param('[work_order_fields]\nlocation_name = { from = "location" }', "3:1: \"location_name\" in [work_order_fields] can be read, not written", id="dot-walked-target"),
        pytest.param('[work_order_fields]\ntemplate = { from = "location" }', '3:1: "template" is written by syncd itself', id="reserved-target"),
        pytest.param('[work_order_fields]\npriority = { from = "prority" }', '3:14: unknown column "prority" in [work_order_fields.priority]; did you mean "priority"?', id="unknown-column"),
        pytest.param('[work_order_fields]\npriority = { text = "x {order.numbr}" }', 'unknown column "{order.numbr}" in [work_order_fields.priority]; did you mean "order.number"?', id="unknown-placeholder"),
        pytest.param("[work_order_fields]\npriority = {}", 'needs either from = "column" or text', id="neither-from-nor-text"),
        pytest.param('[work_order_fields]\naccount = { from = "account", reference = "acount" }', 'unknown reference "acount" in [work_order_fields.account]; did you mean "account"?', id="unknown-reference"),
        pytest.param('[work_order_fields]\naccount = { from = "account", reference = "account", match = "correlation_id" }', '"account" can be found by "same_id", "name"', id="match-that-the-profile-lacks"),
        pytest.param('[work_order_fields]\naccount = { form = "account" }', 'unknown key "form" in [work_order_fields.account]; did you mean "from"?', id="unknown-key-in-field"),
        pytest.param('[links]\nfield = "initated_from"', '"field" in [links]: a work order has no field "initated_from"; did you mean "initiated_from"?', id="unknown-link-field"),
        pytest.param('[rules.lifecycles.domain_order]\ntrigger = ["in_progres"]', 'unknown state "in_progres" in [rules.lifecycles.domain_order]; did you mean "in_progress"?', id="unknown-state"),
        pytest.param('[rules.lifecycles.domain_orde]\ntrigger = ["draft"]', 'did you mean "domain_order"?', id="unknown-kind"),
        pytest.param('[state]\nurl = "sqlite://syncd.db"', '"url" in [state] must be a URL like "sqlite:///syncd.db"', id="sqlite-with-two-slashes"),
        pytest.param('[state]\nurl = "postgresql://syncd:geheim@db/syncd"', '"url" in [state] must not hold a password', id="password-in-state-url"),
        pytest.param("[rules]\nshared_instance = 1", '"shared_instance" in [rules] must be true or false', id="number-for-bool"),
        pytest.param("daemon = 3", "[daemon] must be a table", id="value-for-section"),
    ],
)  # fmt: skip
def test_a_problem_of_an_optional_section_has_its_place(folder, text, problem):
    before = folder.config.read_text(encoding="utf-8")
    folder.write(
        "config.toml",
        f"# first line\n{text}\n{before}" if "=" in text.splitlines()[0] else f"\n{text}\n{before}",
    )
    found = folder.problems()
    assert len([line for line in found if problem in line]) == 1, found


def test_problems_of_a_table_are_named_in_the_table(folder):
    folder.write(
        "domain.toml",
        folder.path.joinpath("domain.toml").read_text().replace("specification", "specifcation"),
    )
    found = folder.problems()
    assert [line.partition(":")[0] for line in found] == ["domain.toml", "domain.toml"]
    assert 'did you mean "specification"?' in found[0]


def test_a_table_with_bad_syntax_is_named_even_where_the_profile_is_wrong(folder):
    folder.change("servicenow-om", "servicenow-mo")
    folder.write("task.toml", "[table\n")
    found = folder.problems()
    assert any(line.startswith("task.toml:1:") for line in found)
    assert not any(line.startswith("domain.toml") for line in found), (
        "without a profile nobody knows the columns"
    )


def test_problems_of_the_config_come_before_those_of_its_files(folder):
    folder.write("domain.toml", "[table\n")
    folder.add("[log]\nlevel = 3\n")
    assert [line.partition(":")[0] for line in folder.problems()] == ["config.toml", "domain.toml"]


@pytest.mark.parametrize(
    "value", ['"hunter2"', "5", "{}", '{ env = "A", file = "b" }', '{ vault = "x" }', "{ env = 3 }"]
)
def test_a_secret_that_is_no_reference_is_refused_and_never_quoted(folder, value):
    folder.change('{ env = "OM_PASSWORD" }', value)
    [problem] = folder.problems()
    assert '{ env = "NAME" }, { file = "path" } or { credential = "name" }' in problem
    assert "hunter2" not in problem


def test_secrets_come_from_a_file_or_a_credential(folder):
    folder.write("om-secret", "from a file\n")
    folder.write("fsm", "from systemd")
    folder.environ["CREDENTIALS_DIRECTORY"] = str(folder.path)
    folder.change('{ env = "OM_PASSWORD" }', '{ file = "om-secret" }')
    folder.change('{ env = "FSM_PASSWORD" }', '{ credential = "fsm" }')
    config = folder.load()
    assert config.order_management.password.reveal() == "from a file"
    assert config.field_service.password.reveal() == "from systemd"


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ('{ file = "absent" }', 'cannot be read: file "absent": No such file or directory'),
        ('{ credential = "absent" }', "CREDENTIALS_DIRECTORY is not set"),
        ('{ credential = "../x" }', "is not the name of a credential"),
        ('{ env = "EMPTY" }', 'is empty: env "EMPTY" holds nothing'),
    ],
)
def test_a_secret_that_cannot_be_had_says_what_is_missing(folder, reference, problem):
    folder.environ["EMPTY"] = ""
    folder.change('{ env = "OM_PASSWORD" }', reference)
    [found] = folder.problems()
    assert problem in found
    assert folder.problems(need_secrets=False) == [], "a verb that talks to nobody does not need it"


def test_a_secret_never_shows(folder):
    config = folder.load()
    for shown in (
        repr(config),
        str(config),
        repr(config.settings),
        config.settings.model_dump_json(by_alias=True),
    ):
        assert "geheim" not in shown


def test_a_relative_state_file_lies_beside_the_config(folder):
    assert folder.load().state.connect_url() == f"sqlite:///{folder.path}/syncd.db"


def test_the_password_of_a_database_joins_its_url_only_for_the_engine(folder):
    folder.environ["DB"] = "p@ss/word"
    folder.add(
        '[state]\nurl = "postgresql+psycopg://syncd@db.example.com:5433/syncd"\npassword = { env = "DB" }\n'
    )
    state = folder.load().state
    assert state.url == "postgresql+psycopg://syncd@db.example.com:5433/syncd"
    assert state.connect_url() == "postgresql+psycopg://syncd:p%40ss%2Fword@db.example.com:5433/syncd"


def test_overlap_and_settle_replace_those_of_the_profile(folder):
    folder.change('id = "om-test"', 'id = "om-test"\noverlap = "3m"')
    profile = folder.load().profiles[System.ORDER_MANAGEMENT]
    assert (profile.overlap, profile.settle) == (timedelta(minutes=3), timedelta(seconds=90))


def test_how_creates_are_recognised_may_be_said_of_field_service_only(folder):
    assert folder.load().profiles[System.FIELD_SERVICE].creates == "own_id"
    folder.change('id = "fsm-test"', 'id = "fsm-test"\ncreates = "correlation"')
    assert folder.load().profiles[System.FIELD_SERVICE].creates == "correlation"
    folder.change('id = "om-test"', 'id = "om-test"\ncreates = "correlation"')
    assert any("creates" in problem for problem in map(str, folder.problems()))


def test_lifecycles_replace_only_what_they_name(folder):
    folder.add('[rules.lifecycles.domain_order]\ntrigger = ["draft"]\n')
    lifecycle = folder.load().lifecycles[Kind.DOMAIN_ORDER]
    assert lifecycle.trigger == {"draft"}
    assert "canceled" in lifecycle.closed


def test_a_rule_that_can_never_fire_is_a_warning(folder):
    table = folder.path.joinpath("task.toml").read_text()
    rule = table[table.index("[[rule]]") :]
    folder.write("task.toml", table + rule.replace('id = "survey"', 'id = "again"'))
    assert any('"again" never fires' in warning for warning in folder.load().warnings)


def test_the_hash_changes_with_what_is_said_and_not_with_how(folder):
    first = folder.load().hash
    folder.add("# a remark\n")
    assert folder.load().hash == first
    folder.add("[daemon]\nworkers = 5\n")
    second = folder.load().hash
    assert second != first
    folder.write("task.toml", folder.path.joinpath("task.toml").read_text().replace("Site Survey", "Survey"))
    assert folder.load().hash != second


def test_the_hash_is_the_same_in_every_process(folder):
    """What `syncd check` says of a config stands beside the decisions of a daemon; a profile holds sets."""
    program = "import os, pathlib, sys; from syncd.config import load_config; print(load_config(pathlib.Path(sys.argv[1]), os.environ)[0].hash)"
    secrets = {"OM_PASSWORD": "a", "FSM_PASSWORD": "b"}
    hashes = {
        subprocess.run(
            [sys.executable, "-c", program, str(folder.path / "config.toml")],
            env={**os.environ, **secrets, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3", "4")
    }
    assert len(hashes) == 1, hashes


def test_the_same_file_gives_the_same_problems_in_the_same_order(folder):
    folder.add("[daemon]\nx = 1\ny = 2\n")
    assert load_config(folder.config, {}) == load_config(folder.config, {})
