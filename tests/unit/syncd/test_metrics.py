"""The metrics say what happened, with bounded labels; the alert rules speak of nothing that is not there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from connectors.errors import Misconfigured, Unreachable
from connectors.http import RequestSeen
from mappings.model import System
from state.store import Backlog, StateLocked
from syncd.endpoints import health
from syncd.files import content
from syncd.metrics import Metrics, StateGauges
from syncd.pulse import Pulse


class Outside:
    """An `App` as far as somebody who watches sees it."""

    def __init__(self, down=(), stops=()):
        self.pulse = Pulse()
        self.answers = True
        self._backlog, self._stops = Backlog(3, 1, 1, 2, 12.5), stops
        self.store = SimpleNamespace(
            backlog=self.backlog, quarantined=lambda: [1], requests=lambda: [1, 2], history=self.history
        )
        self.health = SimpleNamespace(down=lambda: dict(down))
        self.cycles = SimpleNamespace(lag_s=lambda lane, system: 4.0)
        self.catch_up = SimpleNamespace(lasts=lambda: False)

    def backlog(self):
        if not self.answers:
            raise StateLocked("busy")
        return self._backlog

    @contextmanager
    def history(self):
        yield SimpleNamespace(stops=lambda: self._stops)


def scraped(metrics: Metrics) -> dict[str, float]:
    lines = metrics.page().decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(now=lambda: 1_000.0)


def test_cycles_requests_and_retries_are_counted(metrics):
    metrics.cycle("intake", "field_service", "ok", 0.2, {})
    metrics.cycle("intake", "field_service", "Unreachable", 0.2, {})
    metrics.cycle("delivery", "", "ok", 0.2, {"write_note": 3})
    metrics.request(RequestSeen("field_service", "GET", "/x", 200, 0.3, 10))
    metrics.request(RequestSeen("field_service", "GET", "/x", None, 9.0, 0))
    metrics.retry(2.5)
    metrics.reloaded(taken=False)
    found = scraped(metrics)
    assert found['syncd_cycles_total{lane="intake",outcome="Unreachable",system="field_service"}'] == 1
    assert found['syncd_last_success_timestamp_seconds{lane="intake",system="field_service"}'] == 1000
    assert found['syncd_effects_total{kind="write_note"}'] == 3
    assert found['syncd_request_seconds_count{code="200",system="field_service"}'] == 1
    assert found['syncd_request_seconds_sum{code="none",system="field_service"}'] == 9
    assert (found["syncd_retries_total"], found["syncd_retry_wait_seconds_total"]) == (1, 2.5)
    assert found["syncd_config_last_reload_successful"] == 0


def test_gauges_are_asked_of_the_state_at_each_scrape(metrics):
    app = Outside(down={System.FIELD_SERVICE: Unreachable("away")})
    metrics.registry.register(StateGauges(app))
    found = scraped(metrics)
    assert found['syncd_outbox_effects{status="parked"}'] == 2
    assert found["syncd_outbox_oldest_seconds"] == 12.5
    assert (found["syncd_quarantine_records"], found["syncd_closures_open"]) == (1, 2)
    assert found['syncd_remote_up{error="Unreachable",system="field_service"}'] == 0
    app.answers = False
    assert scraped(metrics)["syncd_state_up"] == 0


@pytest.mark.parametrize(
    ("app", "status"),
    [
        pytest.param(Outside(), 200, id="well"),
        pytest.param(Outside(down={System.FIELD_SERVICE: Unreachable("away")}), 200, id="heals by itself"),
        pytest.param(Outside(down={System.FIELD_SERVICE: Misconfigured("401")}), 503, id="refused"),
        pytest.param(Outside(stops=(SimpleNamespace(lane="sweep", allowed_at=None),)), 503, id="stopped"),
    ],
)
def test_health_is_red_when_a_person_is_needed(app, status):
    answer = health(app)
    assert answer.status == status
    assert json.loads(answer.body)["well"] is (status == 200)


def test_alert_rules_speak_of_metrics_that_exist(metrics):
    metrics.cycle("delivery", "", "ok", 0.2, {"write_note": 3})
    metrics.request(RequestSeen("field_service", "GET", "/x", 200, 0.3, 10))
    metrics.registry.register(StateGauges(Outside()))
    known = {name.partition("{")[0] for name in scraped(metrics)}
    used = set(re.findall(r"\bsyncd_\w+", content("syncd.rules.yml", "")))
    assert used - known == set()
    assert len(used) > 8


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not here")
def test_prometheus_accepts_the_rules(tmp_path):
    (tmp_path / "rules.yml").write_text(content("syncd.rules.yml", ""), encoding="utf-8")
    subprocess.run(["promtool", "check", "rules", str(tmp_path / "rules.yml")], check=True)
