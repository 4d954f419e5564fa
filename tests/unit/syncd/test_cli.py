"""The command line: what each verb prints, and with which code it ends."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from connectors.errors import Misconfigured, Unreachable
from state.types import StateLocked, StateMissing
from syncd import exits
from syncd.cli import VERBS, invoke
from syncd.cli.failures import code_of, tell

HEAVY = ("pydantic", "httpx", "sqlalchemy", "rich", "structlog", "apscheduler", "orjson", "alembic")


@pytest.fixture
def run(folder, capsys, monkeypatch):
    """Runs a command line beside the right config; returns exit code, stdout, stderr."""
    monkeypatch.chdir(folder.path)
    for name, value in folder.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SYNCD_CONFIG", raising=False)

    def invoked(*arguments: str) -> tuple[int, str, str]:
        code = invoke(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return invoked


def test_importing_the_command_line_imports_nothing_heavy():
    script = f"import sys, syncd.cli; print([m for m in {HEAVY} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("verb", [verb for verbs in VERBS.values() for verb in verbs])
def test_a_verb_starts_in_an_interpreter_that_has_imported_nothing(verb):
    """The end-to-end tests fork verbs from a process in which each has been imported after others."""
    command = [sys.executable, "-m", "syncd", verb, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"syncd {verb}" in done.stdout


def test_help_names_every_verb(run):
    code, out, _ = run("--help")
    assert code == exits.OK
    for name in (
        "run",
        "once",
        "check",
        "status",
        "state",
        "config",
        "decide",
        "demo",
        "sandbox",
        "completion",
    ):
        assert f"\n  {name} " in out


def test_the_version_is_that_of_the_package(run):
    code, out, _ = run("--version")
    assert code == exits.OK
    assert out.startswith("syncd 0.")


def test_an_unknown_verb_is_answered_with_the_nearest(run):
    code, _, err = run("staus")
    assert code == exits.USAGE
    assert 'There is no command "staus". Did you mean "status"?' in err


def test_an_unknown_option_is_answered_with_the_nearest(run):
    code, _, err = run("check", "--jso")
    assert code == exits.USAGE
    assert "--json" in err


def test_check_of_a_right_config_names_what_it_found(run):
    code, out, err = run("check")
    assert (code, err) == (exits.OK, "")
    assert "domain_order: Work orders for domain orders, 2 rules" in out
    assert "config.toml: right" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["once"],
        ["check"],
        ["status"],
        ["config", "show"],
        ["decide"],
        ["state", "init", "--from", "now"],
    ],
    ids=lambda words: words[0],
)
def test_every_verb_names_all_problems_of_the_config_and_ends_with_78(run, folder, arguments):
    folder.add("[daemon]\nwokers = 3\n[log]\nlevel = 3\n")
    code, _, err = run(*arguments)
    assert code == exits.CONFIG
    assert 'config.toml:19:1: unknown key "wokers" in [daemon]; did you mean "workers"?' in err
    assert 'config.toml:21:1: "level" in [log] must be' in err


def test_a_config_is_found_by_option_then_environment_then_folder(run, folder, monkeypatch, tmp_path_factory):
    folder.write("other.toml", folder.config.read_text().replace("om-test", "om-other"))
    assert 'id = "om-test"' in run("config", "show")[1]
    monkeypatch.setenv("SYNCD_CONFIG", str(folder.path / "other.toml"))
    assert 'id = "om-other"' in run("config", "show")[1]
    assert 'id = "om-test"' in run("config", "show", "--config", str(folder.config))[1]


def test_check_as_json_has_every_problem_with_its_place(run, folder):
    folder.add("[daemon]\nworkers = 0\n")
    code, out, _ = run("check", "--json")
    found = json.loads(out)
    assert (code, found["schema_version"], found["hash"]) == (exits.CONFIG, 1, None)
    assert found["problems"] == [
        {
            "file": "config.toml",
            "line": 19,
            "column": 1,
            "message": '"workers" in [daemon] must be at least 1',
        }
    ]


def test_check_can_leave_secrets_alone(run, monkeypatch):
    monkeypatch.delenv("OM_PASSWORD")
    assert run("check")[0] == exits.CONFIG
    assert run("check", "--no-secrets")[0] == exits.OK


def test_config_show_needs_no_secrets_and_shows_none(run, monkeypatch):
    assert "geheim" not in run("config", "show")[1]
    monkeypatch.delenv("OM_PASSWORD")
    code, out, _ = run("config", "show", "--json")
    assert code == exits.OK
    assert json.loads(out)["config"]["order_management"]["password"] == {"env": "OM_PASSWORD"}


def test_config_schema_and_example_need_no_config(run, folder):
    folder.config.unlink()
    code, out, _ = run("config", "schema")
    assert (code, json.loads(out)["title"]) == (exits.OK, "syncd config")
    code, out, _ = run("config", "example")
    assert code == exits.OK
    assert "[order_management]" in out


def test_decide_tells_every_rule_and_why(run):
    code, out, _ = run("decide", "--set", "specification=Fiber Access", "--set", "action=disconnect")
    assert code == exits.OK
    assert out.splitlines() == [
        "Work orders for domain orders (hit policy: first)",
        '  - rule "install-fiber" asks that action is "add", but it is "disconnect"',
        '  + rule "remove-fiber" matches: specification is "Fiber Access" and action is "disconnect"',
        "  => work order from Fiber Removal (remove-fiber/1)",
        "  => work order from Site Check (remove-fiber/2), priority = 4",
    ]


def test_decide_as_json_has_the_same(run):
    code, out, _ = run("decide", "--kind", "order_task", "--set", "request_type=survey", "--json")
    found = json.loads(out)
    assert code == exits.OK
    assert [table["table"] for table in found["tables"]] == ["Work orders for order tasks"]
    assert found["tables"][0]["work_orders"] == [
        {"rule": "survey", "slot": 1, "template": "Site Survey", "values": {}}
    ]


def test_decide_says_when_nothing_matches(run):
    assert "  => no work order" in run("decide")[1]


@pytest.mark.parametrize(
    ("pair", "message"),
    [("specifcation=x", 'did you mean "specification"?'), ("specification", "write COLUMN=VALUE")],
)
def test_decide_refuses_what_is_no_fact(run, pair, message):
    code, _, err = run("decide", "--set", pair)
    assert code == exits.USAGE
    assert message in " ".join(err.split())


@pytest.mark.parametrize(
    "arguments", [["--from", "yesterday"], ["--from", "now", "--history", "90"], ["--from", "2026-13-01"]]
)
def test_state_init_refuses_what_is_no_instant_or_duration(run, arguments):
    code, _, err = run("state", "init", *arguments)
    assert code == exits.USAGE
    assert "write" in err


def test_prune_refuses_what_is_no_duration(run):
    code, _, err = run("state", "prune", "--older-than", "90")
    assert code == exits.USAGE
    assert "--older-than: write a duration with a unit" in err


def test_status_of_a_state_that_is_not_there_names_the_way_to_it(run):
    code, _, err = run("status")
    assert code == exits.CONFIG
    assert "syncd state init" in err


def test_status_of_a_new_state_shows_that_it_has_no_baseline(run):
    assert run("state", "migrate")[0] == exits.OK
    code, out, _ = run("status")
    assert code == exits.OK
    assert out.startswith("no baseline yet")
    code, out, _ = run("status", "--json")
    assert (code, json.loads(out)["baseline"]) == (exits.OK, None)


def test_status_needs_the_password_of_the_state_and_no_other(run, folder, monkeypatch):
    folder.add('[state]\nurl = "postgresql://syncd@127.0.0.1:1/syncd"\npassword = { env = "NOT_SET" }\n')
    monkeypatch.delenv("OM_PASSWORD")
    code, _, err = run("status")
    assert (code, err) == (exits.CONFIG, '"password" in [state] cannot be had from env:NOT_SET\n')


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(run, shell):
    code, out, _ = run("completion", shell)
    assert code == exits.OK
    assert "_SYNCD_COMPLETE" in out


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StateLocked("x"), exits.LOCKED),
        (StateMissing("x"), exits.CONFIG),
        (Misconfigured("x", status=401), exits.REFUSED),
        (Misconfigured("x", status=403), exits.REFUSED),
        (Misconfigured("x", status=404), exits.CONFIG),
        (Unreachable("x"), exits.UNAVAILABLE),
        (ValueError("x"), exits.FAILED),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_a_failure_ends_with_the_code_that_says_what_to_do(error, code):
    assert code_of(error) == code


@pytest.mark.parametrize("text", ["GET /x: hidden", "field_service: GET /x: hidden"], ids=["bare", "named"])
def test_a_failure_names_its_system_once(capsys, text):
    tell(Misconfigured(text, system="field_service", status=403), debug=False)
    assert capsys.readouterr().err == "syncd: field_service: GET /x: hidden\n"


def test_a_system_that_is_away_is_told_with_what_to_do(capsys):
    assert tell(Unreachable("GET /x: no connection", system="field_service"), debug=False) == 69
    told = "syncd: field_service: GET /x: no connection; nothing is lost: run it again when that system answers\n"
    assert capsys.readouterr().err == told


def test_an_unexpected_failure_is_one_line_unless_more_is_asked_for(capsys):
    assert tell(ValueError("odd\x1b[31m"), debug=False) == exits.FAILED
    assert capsys.readouterr().err == (
        "syncd: unexpected ValueError: odd\\x1b[31m; syncd --debug ... shows where it happened\n"
    )
    tell(ValueError("odd"), debug=True)
    assert len(capsys.readouterr().err.splitlines()) > 1


def test_the_sandbox_says_what_is_wrong_with_its_options(run, tmp_path):
    dialect = tmp_path / "dialect.json"
    dialect.write_text('{"tabels": {}}')
    code, _, err = run("sandbox", "--dialect", str(dialect))
    assert code == exits.USAGE
    assert "tabels" in err
    code, _, err = run("sandbox", "--tls-cert", str(dialect))
    assert code == exits.USAGE
    assert "--tls-cert and --tls-key go together" in err
