"""A playground per test: a sandbox, a config and a state in a temporary folder, every process ended at the end.

Where many tests share one world, `Site` keeps its sandbox and daemon running for a module and reads the log that the
daemon writes.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import pytest

from syncd.demo.processes import Playground, wait_for
from syncd.demo.truth import Truth, read_truth
from syncd.demo.world import Sandbox

WORK_ORDERS_PER_LOCATION = 4
LONGEST = [
    "faults",
    "scenario",
    "documents",
    "notes_both_ways",
    "orders",
    "service",
    "budget",
    "auth",
    "killed_anywhere",
    "backfill",
    "closure",
    "several_daemons",
    "story",
]
"""Files that take longest, longest first: begun last, one of them would keep a single worker busy at the end."""
IMPATIENT = """
timeout = "10s"
overlap = "2s"
settle = "1s"
search_lag = "1s"
page_size = 100
"""
"""What a system section says where a test cannot wait for what is usual. The timeout is longer than a busy machine is away: what
it cuts off would be one more outage in the log."""
MARKER = re.compile(r"\[syncd:1:[^\]]+\]\Z")


def _load(name: str) -> ModuleType:
    """A helper module beside this one; test folders are no packages."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
        assert spec is not None and spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@dataclass
class Setting:
    """How the two systems are set up: options of the sandbox, keys of each system section, more of the config."""

    options: tuple[str, ...] = ()
    keys: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    more: str = ""


def one_shared(_: Path) -> Setting:
    return Setting(("--shared",), more="[rules]\nshared_instance = true\n")


def two(_: Path) -> Setting:
    return Setting()


def two_renamed(folder: Path) -> Setting:
    dialect, profiles = _load("renaming").write_renamed(folder)
    keys = {section: {"profile": json.dumps(str(path))} for section, path in profiles.items()}
    return Setting(("--dialect", str(dialect)), keys)


SETTINGS = {"one shared": one_shared, "two": two, "two renamed": two_renamed}
"""What the suite runs against: nothing that differs between them may be built in."""


PASSWORD = "correct-horse-battery"
SECRETS = (PASSWORD.encode(), base64.b64encode(f"syncd.integration:{PASSWORD}".encode()))


class Tuned(Playground):
    """A playground whose config says other things about both systems, and more at its end."""

    systems: Mapping[str, str] = {}
    """Keys of both system sections; they replace those of the demo's config."""
    single: Mapping[str, Mapping[str, str]] = {}
    """Keys of one section, by its name."""
    more = ""
    verbs: Any = None
    """What one-shot verbs are forked from: `forked.Verbs`."""

    def start_sandbox(self, *options: str) -> Sandbox:
        return super().start_sandbox(*options, *(() if "--password" in options else ("--password", PASSWORD)))

    def close(self) -> None:
        """Ends every process; nothing that they have written has a secret in it (S12)."""
        super().close()
        written = (file for file in self.folder.rglob("*") if file.is_file() and file.name != "sandbox.log")
        told = {file.name for file in written if any(secret in file.read_bytes() for secret in SECRETS)}
        assert told <= {"password"}, "a secret was written down"

    def verb(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        words = (*arguments, "--config", str(self.config))
        done: subprocess.CompletedProcess[str] = self.verbs.run(words, self._environment, self.folder)
        return done

    def set(self, name: str, value: str) -> None:
        """A variable in the environment of the processes that are started from now on."""
        self._environment[name] = value

    def write_config(self, sandbox: Sandbox, extra: str = "") -> None:
        super().write_config(sandbox, extra + self.more)
        lines = self.config.read_text(encoding="utf-8").splitlines()
        kept, section = [], ""
        for line in lines:
            section = line if line.startswith("[") else section
            keys = self._keys(section)
            if line.partition(" = ")[0] in keys:
                continue
            kept.append(line)
            if line == section:
                kept += [f"{key} = {value}" for key, value in keys.items() if value]
        self.config.write_text("\n".join(kept) + "\n", encoding="utf-8")

    def _keys(self, section: str) -> dict[str, str]:
        of_a_system = section in ("[order_management]", "[field_service]")
        return {**(self.systems if of_a_system else {}), **self.single.get(section.strip("[]"), {})}


def keys_of(text: str) -> dict[str, str]:
    """The keys of a piece of TOML, as they are written."""
    pairs = (line.partition(" = ") for line in text.split("\n") if " = " in line)
    return {key: value for key, _, value in pairs}


class Site:
    """One sandbox and one daemon, and what tests ask of them."""

    def __init__(self, ground: Tuned, *options: str) -> None:
        self.ground = ground
        self.sandbox = ground.start_sandbox(*options)
        done = ground.verb("state", "init", "--from", "now")
        assert done.returncode == 0, done.stderr
        self._mark = 0
        self._read = 0
        self._lines: list[dict[str, Any]] = []
        self._starts = 0
        self.restart()
        self.wait_for("the first passes", self._has_polled)

    def _has_polled(self) -> bool:
        polled = {line["system"] for line in self.events("cycle.finished") if line["lane"] == "intake"}
        return polled >= {"order_management", "field_service"}

    def restart(self) -> None:
        self.daemon = self.ground.start_daemon()
        self._starts += 1

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
        with (self.ground.folder / "daemon.log").open("rb") as log:
            log.seek(self._read)  # it is asked for many times a second, and only grows
            fresh = log.read()
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._read += len(whole)
        self._lines += [json.loads(line) for line in whole.splitlines()]
        return list(self._lines)

    def events(self, name: str, since: int = 0) -> list[dict[str, Any]]:
        return [line for line in self.lines()[since:] if line["event"] == name]

    def mark(self) -> None:
        """What is written from now on is `fresh`."""
        self._mark = len(self.lines())

    def fresh(self, name: str = "") -> list[dict[str, Any]]:
        """The lines since `mark`, of one event or all."""
        return [line for line in self.lines()[self._mark :] if name in ("", line["event"])]

    def rest(self) -> None:
        """Waits until the daemon says twice, and nothing else in between, that nothing waits to be sent and no system fails:
        what was begun before is over, and told. The servers show it earlier than that."""
        self.wait_for("the start", lambda: len(self.events("daemon.started")) >= self._starts)

        def rests() -> bool:
            (first, before), (second, now) = self._reported(), self._reported()
            busy = [one for one in (before, now) if one["backlog"] or one["down"] or one["catch_up"]]
            return second == first + 1 and not busy

        self.wait_for("rest", rests)

    def _reported(self) -> tuple[int, dict[str, Any]]:
        """What the daemon says of itself, and the place of that line in its log."""
        known = len(self.lines())
        self.daemon.send_signal(signal.SIGUSR1)

        def told() -> Any:
            fresh = enumerate(self.lines()[known:], known)
            return next((one for one in fresh if one[1]["event"] == "daemon.reported"), None)

        reported: tuple[int, dict[str, Any]] = self.wait_for("what it says of itself", told)
        return reported

    # -- the truth -------------------------------------------------------------------------------------------------

    def truth(self) -> Truth:
        return read_truth(self.sandbox)

    def wait_for(self, what: str, look: Callable[[], Any], limit_s: float = 60) -> Any:
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


@pytest.fixture(scope="session", autouse=True)
def ctrl_c() -> Iterator[None]:
    """Ctrl-C reaches what the tests start, also where they run in the background of a shell: it has that ignored there."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session", autouse=True)
def verbs() -> Iterator[None]:
    """One-shot verbs are forked from one process for each worker."""
    Tuned.verbs = _load("forked").Verbs()
    yield
    Tuned.verbs.close()


@pytest.fixture
def playground(tmp_path: Path) -> Iterator[Playground]:
    ground = Tuned(tmp_path, poll="400ms")
    yield ground
    ground.close()


def impatient(folder: Path, keys: Mapping[str, str]) -> Tuned:
    ground = Tuned(folder, poll="400ms")
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


@pytest.fixture(scope="module", params=SETTINGS)
def each_site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """As `site`, for each way in which the two systems may be set up."""
    folder = tmp_path_factory.mktemp("site")
    setting = SETTINGS[request.param](folder)
    ground = impatient(folder, {})
    ground.single = setting.keys
    ground.more += setting.more
    try:
        yield Site(ground, *setting.options)
    finally:
        ground.close()


@pytest.fixture(scope="session")
def site_of() -> Callable[..., Iterator[Site]]:
    """One site with more in its config: `site_of(folder, text, *options of the sandbox)`, `keys` by system section."""

    def made(
        folder: Path, more: str, *options: str, keys: Mapping[str, Mapping[str, str]] | None = None
    ) -> Iterator[Site]:
        ground = impatient(folder, {})
        ground.more += more
        ground.single = keys or {}
        try:
            yield Site(ground, *options)
        finally:
            ground.close()

    return made


@pytest.fixture
def make_site() -> Iterator[Callable[..., Site]]:
    """Makes sites of a test's own: `make_site(folder, keys of both systems, *options of the sandbox, more=config, environ=...)`."""
    grounds: list[Tuned] = []

    def make(
        folder: Path,
        keys: Mapping[str, str],
        *options: str,
        more: str = "",
        environ: Mapping[str, str] = MappingProxyType({}),
    ) -> Site:
        ground = impatient(folder, keys)
        ground.more += more
        for name, value in environ.items():
            ground.set(name, value)
        grounds.append(ground)
        return Site(ground, *options)

    yield make
    for ground in grounds:
        ground.close()


@pytest.fixture(scope="session")
def helper() -> Callable[[str], ModuleType]:
    """A helper module of this folder, by name."""
    return _load


@pytest.fixture(scope="module")
def make_shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Site]]:
    """Makes sites for all tests of a module: `make_shared(keys of sections, *options of the sandbox)`."""
    grounds: list[Tuned] = []

    def make(sections: Mapping[str, Mapping[str, str]], *options: str, more: str = "") -> Site:
        ground = impatient(tmp_path_factory.mktemp("site"), {})
        ground.single = sections
        ground.more += more
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
    items.sort(key=_turn)  # stable: within a file nothing moves


def _turn(item: pytest.Item) -> int:
    name = item.path.stem.removeprefix("test_")
    return LONGEST.index(name) if name in LONGEST else len(LONGEST)
