"""The databases that the store's contract runs on, and builders for what goes into them.

A new database is one more parameter of `new_url`; `tests.postgres` has the server.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mappings.effects import Decision, Effect, EffectKind
from mappings.model import Kind, Link, Origin, Record, System
from state.store import Baseline, Claim, Identity, Store, create_or_migrate
from tests.postgres import drop_database, empty_tables, make_database, postgres, url_of

__all__ = ["postgres"]


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.db"
    create_or_migrate(f"sqlite:///{path}")
    return path


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
    store = Store(url, clock, "run-1", database_clock=False)
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
