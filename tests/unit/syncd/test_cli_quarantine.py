"""`syncd quarantine` and `syncd explain` on the command line: what they print, and with which code they end."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from mappings.effects import Decision, Effect, EffectKind
from mappings.model import Kind, Record, System
from state.store import Baseline, Parked, Store, create_or_migrate
from syncd import exits
from syncd.cli import invoke
from syncd.config import load_config

NOON = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)
KEY = "update:w1:d1:2"
WORD = ("--by", "A. Meier", "--reason", "never valid")


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
        return code, captured.out, " ".join(captured.err.split())

    return invoked


@pytest.fixture
def store(folder, run):
    """The state of the config, begun at noon. Depends on `run`, which is where its relative path counts from."""
    config, _ = load_config(folder.config, folder.environ)
    url = config.state.connect_url()
    create_or_migrate(url)
    opened = Store(url, lambda: NOON)
    opened.initialise(Baseline(NOON, NOON), {}, {})
    yield opened
    opened.close()


@pytest.fixture
def held(store):
    """One record that could not be read, one parked effect of domain order DO1."""
    record = Record(Kind.DOMAIN_ORDER, "d1", "DO1", 1, NOON, NOON, "in_progress", "In Progress")
    effect = Effect(
        key=KEY,
        kind=EffectKind.UPDATE_WORK_ORDER,
        system=System.FIELD_SERVICE,
        subject_kind=Kind.DOMAIN_ORDER,
        subject="d1",
        target_kind=Kind.WORK_ORDER,
        target="w1",
        because="priority: DO1 amended",
        values={"priority": "1"},
    )
    with store.deciding() as tx:
        tx.record(record)
        tx.apply(Decision(Kind.DOMAIN_ORDER, "d1", (effect,)))
        body = json.dumps({"number": "DO7", "contact": "\x1b[2J"})
        tx.quarantine(System.ORDER_MANAGEMENT, Kind.DOMAIN_ORDER, "d7", None, "state", "garbled", body)
    (claim,) = store.claim("x", 1, 60)
    with store.deciding() as tx:
        tx.settle(claim, Parked("no work here"))


@pytest.mark.usefixtures("store")
def test_an_empty_quarantine_says_so(run):
    assert run("quarantine", "list") == (exits.OK, "nothing is in quarantine\n", "")


@pytest.mark.usefixtures("held")
def test_the_list_names_the_next_step_of_each(run):
    code, out, _ = run("quarantine", "list")
    assert code == exits.OK
    assert "domain_order DO7 (d7) could not be read" in out
    assert f"syncd quarantine retry {KEY}" in out
    found = json.loads(run("quarantine", "list", "--json")[1])
    assert found["schema_version"] == 1
    assert [row["number"] for row in found["records"]] == ["DO7"]
    assert [(row["key"], row["number"]) for row in found["effects"]] == [(KEY, "DO1")]


@pytest.mark.usefixtures("held")
def test_show_prints_the_raw_record_escaped(run):
    code, out, _ = run("quarantine", "show", "DO7")
    assert (code, "\x1b" in out) == (exits.OK, False)
    assert '"contact": "\\u001b[2J"' in out
    assert "priority = 1" in run("quarantine", "show", KEY)[1]
    assert json.loads(run("quarantine", "show", "d7", "--json")[1])["record"]["id"] == "d7"


@pytest.mark.parametrize("verb", [("show",), ("retry",), ("drop", *WORD)], ids=lambda words: words[0])
@pytest.mark.usefixtures("held")
def test_a_name_that_means_nothing_is_a_usage_error(run, verb):
    code, _, err = run("quarantine", verb[0], "DO404", *verb[1:])
    assert code == exits.USAGE
    assert 'nothing in quarantine is called "DO404"; syncd quarantine list shows what is' in err


@pytest.mark.parametrize("name", ["DO1", "d1"])
@pytest.mark.usefixtures("held")
def test_the_number_of_an_order_lets_its_parked_effects_go_on(run, name):
    code, out, err = run("quarantine", "retry", name)
    assert (code, err) == (exits.OK, "")
    assert out == f"{KEY} goes on: looked for first, sent only if it does not stand\n"


@pytest.mark.parametrize("verb", [("show",), ("drop", *WORD)], ids=lambda words: words[0])
@pytest.mark.usefixtures("held")
def test_of_an_order_one_effect_must_be_named_to_give_it_up(run, verb):
    code, _, err = run("quarantine", verb[0], "DO1", *verb[1:])
    assert code == exits.USAGE
    assert f"DO1 has parked effects: write which, {KEY}" in err


@pytest.mark.usefixtures("held")
def test_a_name_that_two_have_asks_for_its_kind(run, store):
    with store.deciding() as tx:
        tx.quarantine(System.ORDER_MANAGEMENT, Kind.ORDER_TASK, "d7", None, "state", "garbled", "{}")
    code, _, err = run("quarantine", "show", "d7")
    assert code == exits.USAGE
    assert '"d7" may be domain_order:d7 or order_task:d7' in err
    assert run("quarantine", "show", "order_task:d7")[0] == exits.OK


@pytest.mark.parametrize("missing", ["--by", "--reason"])
@pytest.mark.usefixtures("held")
def test_nobody_drops_anything_without_a_name_and_a_reason(run, store, missing):
    at = WORD.index(missing)
    code, _, err = run("quarantine", "drop", "d7", *(WORD[:at] + WORD[at + 2 :]))
    assert (code, missing in err) == (exits.USAGE, True)
    assert len(store.quarantined()) == 1


@pytest.mark.usefixtures("held")
def test_a_dry_run_drops_and_retries_nothing(run, store):
    assert "would drop d7" in run("quarantine", "drop", "d7", KEY, *WORD, "--dry-run")[1]
    assert f"would let {KEY} go on" in run("quarantine", "retry", KEY, "--dry-run")[1]
    assert (len(store.quarantined()), len(store.summary().parked)) == (1, 1)


@pytest.mark.usefixtures("held")
def test_what_is_dropped_is_gone_and_the_word_kept(run, store):
    code, out, _ = run("quarantine", "drop", "DO7", KEY, *WORD)
    assert (code, out) == (
        exits.OK,
        f"dropped d7 on the word of A. Meier\ndropped {KEY} on the word of A. Meier\n",
    )
    assert (store.quarantined(), store.summary().parked) == ((), ())
    (entry,) = store.ledger_of("d7")
    assert (entry.event, entry.data["reason"]) == ("quarantine.dropped", "never valid")


@pytest.mark.usefixtures("held")
def test_an_effect_that_goes_on_is_probed_first(run, store):
    code, out, _ = run("quarantine", "retry", KEY)
    assert code == exits.OK
    assert out == f"{KEY} goes on: looked for first, sent only if it does not stand\n"
    (claim,) = store.claim("x", 1, 60)
    assert claim.probing


@pytest.mark.usefixtures("held")
def test_explain_of_a_known_number_needs_no_secret(run, monkeypatch):
    monkeypatch.delenv("OM_PASSWORD")
    code, out, _ = run("explain", "DO1")
    assert code == exits.OK
    assert "Domain order DO1: In Progress" in out
    assert "waits for a person, because no work here" in out
    found = json.loads(run("explain", "DO1", "--json")[1])
    assert (found["schema_version"], found["known"]) == (1, True)


@pytest.mark.usefixtures("held")
def test_explain_of_an_unknown_number_says_when_it_has_no_secrets_to_ask_with(run, monkeypatch):
    monkeypatch.delenv("OM_PASSWORD")
    code, out, _ = run("explain", "DO404")
    assert code == exits.CONFIG
    assert "DO404 is not known to syncd" in out
    assert "the remote systems cannot be asked:" in out
    assert "OM_PASSWORD" in out
