"""A playground per test: a sandbox, a config and a state in a temporary folder, every process ended at the end.

Where many tests share one world, `Site` keeps its sandbox and daemon running for a module and reads the log that the
daemon writes.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from syncd.demo.processes import Playground, wait_for
from syncd.demo.truth import Truth, read_truth
from syncd.demo.world import Sandbox

WORK_ORDERS_PER_LOCATION = 4
IMPATIENT = """
timeout = "800ms"
overlap = "2s"
settle = "1s"
search_lag = "1s"
page_size = 100
"""
"""What a system section says where a test cannot wait for what is usual."""
MARKER = re.compile(r"\[syncd:1:[^\]]+\]\Z")


class Tuned(Playground):
    """A playground whose config says other things about both systems, and more at its end."""

    systems: Mapping[str, str] = {}
    """Keys of both system sections; they replace those of the demo's config."""
    more = ""

    def set(self, name: str, value: str) -> None:
        """A variable in the environment of the processes that are started from now on."""
        self._environment[name] = value

    def write_config(self, sandbox: Sandbox, extra: str = "") -> None:
        super().write_config(sandbox, extra + self.more)
        lines = self.config.read_text(encoding="utf-8").splitlines()
        kept, section = [], ""
        for line in lines:
            section = line if line.startswith("[") else section
            systems = section in ("[order_management]", "[field_service]")
            if systems and line.partition(" = ")[0] in self.systems:
                continue
            kept.append(line)
            if systems and line == section:
                kept += [f"{key} = {value}" for key, value in self.systems.items() if value]
        self.config.write_text("\n".join(kept) + "\n", encoding="utf-8")


def keys_of(text: str) -> dict[str, str]:
    """The keys of a piece of TOML, as they are written."""
    pairs = (line.partition(" = ") for line in text.split("\n") if " = " in line)
    return {key: value for key, _, value in pairs}


class Site:
    """One sandbox and one daemon, and what tests ask of them."""

    def __init__(self, ground: Playground, *options: str) -> None:
        self.ground = ground
        self.sandbox = ground.start_sandbox(*options)
        done = ground.verb("state", "init", "--from", "now")
        assert done.returncode == 0, done.stderr
        self._mark = 0
        self.restart()
        self.wait_for("the first pass", lambda: self.events("cycle.finished"))

    def restart(self) -> None:
        self.daemon = self.ground.start_daemon()

    # -- people ----------------------------------------------------------------------------------------------------

    def control(self, method: str, path: str, /, **body: object) -> Any:
        return self.sandbox.control(method, path, body or None)

    def fault(self, **fault: object) -> None:
        self.control("POST", "faults", **fault)

    def clear(self) -> None:
        """Ends every fault."""
        self.control("DELETE", "faults")

    def approve(self, *locations: str) -> str:
        order = self.control("POST", "orders", locations=list(locations) or ["Berlin Mitte"])
        self.control("POST", f"orders/{order['order']}/approve")
        return str(order["order"])

    # -- the log ---------------------------------------------------------------------------------------------------

    def lines(self) -> list[dict[str, Any]]:
        """The daemon's log, whole lines only."""
        text = (self.ground.folder / "daemon.log").read_text(encoding="utf-8")
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def events(self, name: str, since: int = 0) -> list[dict[str, Any]]:
        return [line for line in self.lines()[since:] if line["event"] == name]

    def mark(self) -> None:
        """What is written from now on is `fresh`."""
        self._mark = len(self.lines())

    def fresh(self, name: str = "") -> list[dict[str, Any]]:
        """The lines since `mark`, of one event or all."""
        return [line for line in self.lines()[self._mark :] if name in ("", line["event"])]

    # -- the truth -------------------------------------------------------------------------------------------------

    def truth(self) -> Truth:
        return read_truth(self.sandbox)

    def wait_for(self, what: str, look: Callable[[], Any], limit_s: float = 20) -> Any:
        def alive_and_so() -> Any:
            assert self.daemon.poll() is None, "the daemon has died"
            return look()

        return wait_for(what, alive_and_so, limit_s=limit_s, every_s=0.05)


def doubled_notes(truth: Truth) -> list[str]:
    """Notes that stand more than once on their record, by their marker."""
    found = []
    for subject in truth.subjects:
        markers = [match[0] for note in subject.notes if (match := MARKER.search(note))]
        found += [f"{subject.number} has {m} {n} times" for m, n in Counter(markers).items() if n > 1]
    return found


@pytest.fixture
def playground(tmp_path: Path) -> Iterator[Playground]:
    ground = Playground(tmp_path, poll="300ms")
    yield ground
    ground.close()


def impatient(folder: Path, keys: Mapping[str, str]) -> Tuned:
    ground = Tuned(folder, poll="200ms")
    ground.systems = keys_of(IMPATIENT) | dict(keys)
    ground.more = '[daemon]\nlongest_pause = "1s"\nworkers = 8\n'
    ground.set("SYNCD_SANDBOX_SECRET", "sandbox-secret")
    return ground


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A sandbox and an impatient daemon for all tests of a module."""
    ground = impatient(tmp_path_factory.mktemp("site"), {})
    try:
        yield Site(ground)
    finally:
        ground.close()


@pytest.fixture
def make_site() -> Iterator[Callable[..., Site]]:
    """Makes sites of a test's own: `make_site(folder, keys of both systems, *options of the sandbox)`."""
    grounds: list[Playground] = []

    def make(folder: Path, keys: Mapping[str, str], *options: str) -> Site:
        ground = impatient(folder, keys)
        grounds.append(ground)
        return Site(ground, *options)

    yield make
    for ground in grounds:
        ground.close()


@pytest.fixture(scope="session")
def doubled() -> Callable[[Truth], list[str]]:
    """Notes that stand more than once."""
    return doubled_notes


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/e2e" in str(item.path):
            item.add_marker(pytest.mark.e2e)
