"""The metrics that Prometheus reads: counters of this process, and gauges that are asked of the state at each scrape.

Made by `endpoints` where `[listener] metrics` is on. Base units, bounded labels, never an id. The alert rules in `syncd/files`
speak of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from connectors.http import RequestSeen
from mappings.model import System
from state.store import StateError
from syncd import __version__
from syncd.meters import Meters
from syncd.wiring import App

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300)


class Metrics(Meters):
    """The counters of one process."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self.registry = CollectorRegistry()
        self._cycles = self._counter("syncd_cycles", "Turns of a lane.", "lane", "system", "outcome")
        self._cycle_seconds = Histogram(
            "syncd_cycle_seconds", "Length of a turn.", ("lane",), registry=self.registry, buckets=SECONDS
        )
        self._success = Gauge(
            "syncd_last_success_timestamp_seconds",
            "When a turn of a lane ended well last.",
            ("lane", "system"),
            registry=self.registry,
        )
        self._effects = self._counter("syncd_effects", "Effects that were carried out.", "kind")
        self._requests = Histogram(
            "syncd_request_seconds",
            'Exchanges with a remote system; code "none" where no answer came.',
            ("system", "code"),
            registry=self.registry,
            buckets=SECONDS,
        )
        self._retries = self._counter("syncd_retries", "Reads that were tried again.")
        self._retry_seconds = self._counter("syncd_retry_wait_seconds", "Time spent waiting for them.")
        self._reload_success = Gauge(
            "syncd_config_last_reload_successful", "0: the last one was rejected.", registry=self.registry
        )
        self._reload_success.set(1)
        build = Gauge("syncd_build_info", "Which syncd this is.", ("version",), registry=self.registry)
        build.labels(__version__).set(1)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(name, meaning, labels, registry=self.registry)

    def cycle(self, lane: str, system: str, outcome: str, seconds: float, effects: dict[str, int]) -> None:
        self._cycles.labels(lane, system, outcome).inc()
        self._cycle_seconds.labels(lane).observe(seconds)
        if outcome == "ok":
            self._success.labels(lane, system).set(self._now())
        for kind, count in effects.items():
            self._effects.labels(kind).inc(count)

    def request(self, request: RequestSeen) -> None:
        code = "none" if request.status is None else str(request.status)
        self._requests.labels(request.system, code).observe(request.seconds)

    def retry(self, seconds: float) -> None:
        self._retries.inc()
        self._retry_seconds.inc(seconds)

    def reloaded(self, *, taken: bool) -> None:
        self._reload_success.set(1 if taken else 0)

    def page(self) -> bytes:
        """What a scrape gets."""
        return generate_latest(self.registry)


class StateGauges(Collector):
    """Asked of the state and of the lanes at each scrape, never kept."""

    def __init__(self, app: App) -> None:
        self._app = app

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from self._of_the_lanes()
        try:
            backlog = self._app.store.backlog()
            quarantined = len(self._app.store.quarantined())
            held = len(self._app.store.requests())
            with self._app.store.history() as history:
                stopped = sum(stop.allowed_at is None for stop in history.stops())
        except StateError:
            yield _gauge("syncd_state_up", "Whether the state answers.", 0)
            return
        yield _gauge("syncd_state_up", "Whether the state answers.", 1)
        outbox = GaugeMetricFamily("syncd_outbox_effects", "Effects not at rest.", labels=("status",))
        for status in ("pending", "in_flight", "in_doubt", "parked"):
            outbox.add_metric((status,), getattr(backlog, status))
        yield outbox
        yield _gauge("syncd_outbox_oldest_seconds", "How long the oldest has waited.", backlog.oldest_s)
        yield _gauge("syncd_quarantine_records", "Records that could not be read.", quarantined)
        yield _gauge("syncd_closures_open", "Requests for closure that are not answered.", held)
        yield _gauge("syncd_lanes_stopped", "Lanes that stopped before a mass change.", stopped)

    def _of_the_lanes(self) -> Iterator[GaugeMetricFamily]:
        lag = GaugeMetricFamily("syncd_lag_seconds", "How old what is known is.", labels=("system",))
        up = GaugeMetricFamily("syncd_remote_up", "0: its lanes fail.", labels=("system", "error"))
        down = self._app.health.down()
        for system in System:
            lag.add_metric((system.value,), self._app.cycles.lag_s("intake", system=system))
            error = type(down[system]).__name__ if system in down else ""
            up.add_metric((system.value, error), 0 if error else 1)
        yield lag
        yield up
        yield _gauge("syncd_lanes_hung", "Lanes at one step for too long.", len(self._app.pulse.hung()))


def _gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, value=value)
