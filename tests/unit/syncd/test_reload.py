"""A reload puts a right config in force as a whole, or keeps the old one and says why, with the place."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from connectors.auth import Basic
from connectors.errors import Misconfigured
from mappings.model import Kind, System
from state.store import StateLocked
from syncd import logs
from syncd.config.live import is_live
from syncd.config.sections import Settings
from syncd.config.systems import Section, SystemSection
from syncd.connecting import ACCESS, Access, Connections
from syncd.figures import Live, PageSizes, figures_of
from syncd.health import Health
from syncd.policies import policy_of
from syncd.reload import Reload


class Shelf:
    """A store that nothing is decided in."""

    def __init__(self) -> None:
        self.config = ""
        self.busy = False

    def use_config(self, config, swap):
        if self.busy:
            raise StateLocked("the state is busy")
        swap()
        self.config = config


class Running:
    """A daemon's config, and what is in force of it."""

    def __init__(self, folder):
        self.folder = folder
        config = folder.load()
        self.first_hash = config.hash
        self.live = Live(policy_of(config), figures_of(config))
        self.shelf = Shelf()
        self.kept = []
        self.health = Health(logs.get(), lambda: 100.0)
        with logs.captured():
            refused = Misconfigured("401", system="field_service", status=401)
            self.health.failed(System.FIELD_SERVICE, "intake", refused)
        self.access = {system: Access(config.system(system)) for system in System}
        budgets = SimpleNamespace(keep=lambda *what: self.kept.append(what))
        connections = Connections(self.access, budgets, self.health, self.shelf, logs.get())
        self.again = Reload(
            config,
            self.live,
            self.shelf,
            log=logs.get(),
            environ=folder.environ,
            run="r1",
            connections=connections.prepare,
        )

    def reload(self):
        with logs.captured() as events:
            taken = self.again()
        (told,) = events
        assert told["event"] == ("config.reloaded" if taken else "config.rejected")
        return told

    def rules(self):
        return [r.id for t in self.live.policy().tables if t.applies_to is Kind.DOMAIN_ORDER for r in t.rules]


@pytest.fixture
def running(folder):
    return Running(folder)


def test_a_table_comes_into_force_under_a_new_hash(running, folder):
    folder.write("domain.toml", (folder.path / "domain.toml").read_text().replace("remove-fiber", "take-out"))
    told = running.reload()
    assert running.rules() == ["install-fiber", "take-out"]
    assert (told["config_from"], told["config"]) == (running.first_hash, running.shelf.config)
    assert told["config"] != running.first_hash
    assert told["fields"] == ["decision tables"]


def test_figures_that_may_change_do(running, folder):
    folder.add(
        '[sweep]\nevery = "2h"\n[safety]\nfloor = 7\n[daemon]\nlongest_pause = "5m"\n[log]\nlevel = "warning"\n'
    )
    folder.change("[field_service]", '[field_service]\npage_size = 9\npoll_interval = "1m"')
    told = running.reload()
    figures = running.live.figures()
    assert (figures.sweep_every_s, figures.safety_floor, figures.longest_pause_s) == (7200, 7, 300)
    assert figures.poll_interval_s[System.FIELD_SERVICE] == 60
    assert PageSizes(running.live.figures)[System.FIELD_SERVICE] == 9
    assert told["fields"] == [
        "field_service.page_size",
        "field_service.poll_interval",
        "sweep.every",
        "safety.floor",
        "daemon.longest_pause",
        "log.level",
    ]
    assert told["restart"] == []


def test_what_needs_a_restart_is_named_and_kept(running, folder):
    folder.add('[daemon]\nworkers = 9\nlease = "90s"\ndrain_timeout = "3s"\n')
    folder.change("[field_service]", '[field_service]\noverlap = "99s"\ndeadline = "80s"')
    told = running.reload()
    assert told["restart"] == [
        "field_service.deadline",
        "field_service.overlap",
        "daemon.workers",
        "daemon.lease",
    ]
    assert running.live.figures().workers == 4
    assert running.live.figures().drain_timeout_s == 3
    assert running.reload()["restart"] == told["restart"], "as long as it is so"


def test_credentials_timeouts_and_budgets_come_into_force(running, folder):
    """After the rules: a budget is kept in the state, which is locked while they are swapped."""
    folder.environ["FSM_PASSWORD"] = "changed"
    folder.change("[field_service]", '[field_service]\ntimeout = "9s"\nbudget = { requests = 7, per = "1m" }')
    told = running.reload()
    assert told["fields"] == ["field_service.password", "field_service.timeout", "field_service.budget"]
    assert told["restart"] == []
    assert "changed" not in str(told)
    fsm, om = running.access[System.FIELD_SERVICE], running.access[System.ORDER_MANAGEMENT]
    assert (fsm.timeout_s(), om.timeout_s()) == (9, 30)
    assert fsm.auth.current(None) == Basic("syncd", "changed").current(None)
    assert om.auth.current(None) == Basic("syncd", "om-geheim").current(None)
    ((system, keeper),) = running.kept
    assert system is System.FIELD_SERVICE
    assert keeper is not None
    assert running.health.pause_s(System.FIELD_SERVICE, "intake") == 0, "it is tried at once"
    folder.change('budget = { requests = 7, per = "1m" }', "")
    running.reload()
    assert running.kept[-1] == (System.FIELD_SERVICE, None)


def test_credentials_that_cannot_be_are_a_problem_and_change_nothing(running, folder):
    folder.add("[safety]\nfloor = 7\n")
    folder.change('username = "syncd"', 'username = "sync:d"')
    assert "colon" in running.reload()["reason"][0]
    assert running.live.figures().safety_floor == 50


def test_a_hash_is_of_what_is_in_force_and_not_of_what_waits(running, folder):
    folder.add("[daemon]\nworkers = 9\n")
    assert running.reload()["config"] == running.first_hash


def test_problems_are_named_by_place_and_nothing_changes(running, folder):
    folder.change('url = "http://127.0.0.1:8002"', 'url = "http://127.0.0.1:8002"\ntimout = "3s"')
    folder.write(
        "domain.toml", (folder.path / "domain.toml").read_text().replace("specification", "specifcation")
    )
    told = running.reload()
    reasons = [Path(reason).name for reason in told["reason"]]
    assert reasons[0].startswith('config.toml:11:1: unknown key "timout" in [field_service]')
    assert any(reason.startswith("domain.toml:7:") for reason in reasons)
    assert told["problems"] == len(reasons)
    assert told["config"] == running.first_hash
    assert running.rules() == ["install-fiber", "remove-fiber"]
    assert running.shelf.config == ""


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('id = "om-test"', 'id = "om-two"', 'config.toml:2:1: "id" in [order_management] cannot change'),
        ("8002", "8003", 'config.toml:10:1: "url" in [field_service] cannot change'),
        ("[tables]", '[state]\nurl = "sqlite:///other.db"\n[tables]', 'config.toml:16:1: "url" in [state]'),
        ('"servicenow-fsm"', '"mine.toml"', 'config.toml:11:1: "profile" in [field_service] has changed'),
    ],
    ids=["id", "url", "state", "profile"],
)
def test_identity_never_changes_by_a_reload(running, folder, old, new, reason):
    from importlib.resources import files

    text = (files("connectors") / "profiles" / "servicenow-fsm.toml").read_text(encoding="utf-8")
    folder.write("mine.toml", text)
    folder.change(old, new)
    folder.add("[safety]\nfloor = 7\n")
    told = running.reload()
    assert [Path(r).name.startswith(reason) for r in told["reason"]] == [True], told["reason"]
    assert running.live.figures().safety_floor == 50, "all or nothing"


def test_a_busy_state_keeps_the_old_config(running, folder):
    folder.add("[safety]\nfloor = 7\n")
    running.shelf.busy = True
    assert "reload syncd" in running.reload()["reason"][0]
    assert running.live.figures().safety_floor == 50
    running.shelf.busy = False
    assert running.reload()["fields"] == ["safety.floor"]


def test_every_key_that_a_reload_takes_exists():
    from syncd.config.live import OF_A_SYSTEM, SINGLE, WHOLE

    assert set(Settings.model_fields) >= WHOLE
    assert set(SystemSection.model_fields) >= OF_A_SYSTEM | set(ACCESS)
    assert set(ACCESS) <= OF_A_SYSTEM
    for section, key in SINGLE:
        model = Settings.model_fields[section].annotation
        assert isinstance(model, type) and issubclass(model, Section)
        assert key in model.model_fields
        assert is_live(section, key)
    assert not is_live("state", "url")
