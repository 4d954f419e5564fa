"""Two small worlds with behaviour behind the ports, a virtual clock, and the real lanes on a real SQLite file."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import Conflict, Missing, RemoteError, Unreadable, Unsafe
from connectors.paging import next_position, sure_until
from connectors.ports import (
    Cursor,
    JournalPage,
    Note,
    Page,
    Place,
    Position,
    Relation,
    Stretch,
    UnreadableRecord,
    Wanted,
)
from mappings.changes import default_lifecycles
from mappings.decision_table import DecisionTable
from mappings.decisions import LinkSettings, Policy
from mappings.field_map import FieldMap, FieldRule
from mappings.mirror import TypedNote
from mappings.model import Kind, Record, System, record_value
from mappings.table_file import parse_table
from state.store import Baseline, Identity, Store, create_or_migrate
from syncd import logs
from syncd.catch_up import ORDER, CatchUp
from syncd.delivery import Delivery, Drained
from syncd.dispatch import Dispatch
from syncd.gate import Gate
from syncd.health import Health
from syncd.histories import Histories
from syncd.identity import Identities
from syncd.intake import FEEDS, Intake, Pass
from syncd.journals import JournalPass, Journals
from syncd.observe import Observer
from syncd.safety import Limits, Safety
from syncd.sweep import Sweep
from syncd.sweep_findings import Swept

NOON = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)
LABELS = {
    "in_progress": "In Progress",
    "ready": "Ready for Dispatch",
    "assigned": "Assigned",
    "draft": "Draft",
}

TABLE = """
[table]
name = "by-specification"
applies_to = "domain_order"
hit_policy = "all"

[[rule]]
id = "fiber"
when = { specification = "Fiber Access" }
create = [{ template = "Fiber Installation" }]

[[rule]]
id = "router"
when = { specification = "Managed Router" }
create = [{ template = "Router Staging" }, { template = "Router Installation" }]
"""
_WRITES = frozenset({"create_work_order", "cancel_work_order", "update", "write_note", "relate"})
COLUMNS = frozenset({"specification", "action", "priority"})


def id_of(name: str) -> str:
    """A readable name as an id of 32 hex digits."""
    return name.encode().hex().ljust(32, "0")[:32]


class Time:
    """The one clock of a test; nobody sleeps."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.now.timestamp()

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class FakeSystem:
    """One remote system in memory: keyset feeds with one-second stamps, journals, and answers that may lie.

    `faults` maps a method name to what its next calls do: raise an error before anything happens, or after it did.
    """

    granule = timedelta(seconds=1)
    overlap = timedelta(seconds=60)
    settle = timedelta(seconds=90)
    search_lag = timedelta(seconds=5)

    def __init__(self, id: str, time: Time) -> None:
        self.id = id
        self.time = time
        self.records: dict[tuple[Kind, str], Record] = {}
        self.journal: dict[str, list[Note]] = {}
        self.typed: list[TypedNote] = []
        self.relations: list[Relation] = []
        self.audit: dict[str, list[Record]] = {}
        """Every version of every record, by id."""
        self.histories: list[tuple[str, ...]] = []
        """The records of each request for a history."""
        self._entries = itertools.count(1)
        self.faults: dict[str, list[tuple[RemoteError, bool]]] = {}
        self.unreadable: set[str] = set()
        self.hidden: set[str] = set()
        self.page_limit = 1000
        self.keeps_ids = True
        self.unique_correlation = False
        self.index_lag_s = 0.0
        self.writes: list[str] = []
        self.read_only = False

    def start(self) -> None: ...

    def close(self) -> None: ...

    def server_time(self) -> datetime:
        return self.time.now.replace(microsecond=0)

    def fail(self, method: str, error: RemoteError, *, committed: bool = False, times: int = 1) -> None:
        self.faults.setdefault(method, []).extend([(error, committed)] * times)

    def put(self, kind: Kind, name: str, state: str, /, **fields: str) -> Record:
        """A user creates or edits a record, now."""
        id = id_of(name)
        stamp = self.time.now.replace(microsecond=0)
        before = self.records.get((kind, id))
        record = Record(
            kind=kind,
            id=id,
            number=name,
            version=before.version + 1 if before else 0,
            created_at=before.created_at if before else stamp,
            updated_at=stamp,
            state=state,
            state_label=LABELS.get(state, state),
            fields={**(before.fields if before else {}), **fields},
        )
        self.records[kind, id] = record
        self.audit.setdefault(id, []).append(record)
        return record

    def edit(self, kind: Kind, id: str, state: str = "", **fields: str) -> Record:
        """Somebody changes a record that stands, now."""
        before = self.records[kind, id]
        state = state or before.state
        self.records[kind, id] = replace(
            before,
            state=state,
            state_label=LABELS.get(state, state),
            version=before.version + 1,
            updated_at=self.server_time(),
            fields={**before.fields, **fields},
        )
        self.audit.setdefault(id, []).append(self.records[kind, id])
        return self.records[kind, id]

    def changes_since(self, kind: Kind, position: Position, limit: int) -> Page:
        self._maybe_fail("changes_since", lambda: None)
        limit = min(limit, self.page_limit)
        rows = sorted(
            (
                r
                for (k, _), r in self.records.items()
                if k is kind and (r.updated_at, r.id) > _key(position.after)
            ),
            key=lambda r: (r.updated_at, r.id),
        )
        window = rows[position.skip : position.skip + limit]
        more = len(rows) > position.skip + limit
        shown = [r for r in window if r.id not in self.hidden]
        good = [r for r in shown if r.id not in self.unreadable]
        bad = [r for r in shown if r.id in self.unreadable]
        places = [Cursor(row.updated_at, row.id) for row in shown]
        settled = self.server_time() - self.overlap
        return Page(
            records=tuple(good),
            next=next_position(position, places, limit=limit, settled=settled) if more else None,
            asked_at=self.server_time(),
            unreadable=tuple(
                UnreadableRecord(kind, r.id, r.updated_at, "state", "garbled", "{}") for r in bad
            ),
            hidden=len(window) - len(shown),
            sure_until=sure_until(position, places, settled=settled) if more else None,
        )

    def created_in(self, kind: Kind, position: Position, until: datetime, limit: int) -> Page:
        self._maybe_fail("created_in", lambda: None)
        rows = sorted(
            (
                r
                for (k, _), r in self.records.items()
                if k is kind and (r.created_at, r.id) > _key(position.after) and r.created_at < until
            ),
            key=lambda r: (r.created_at, r.id),
        )
        window = rows[position.skip : position.skip + limit]
        shown = [r for r in window if r.id not in self.hidden]
        after = Position(position.after, position.skip + limit)
        if shown:
            after = Position(Cursor(shown[-1].created_at, shown[-1].id))
        return Page(
            records=tuple(r for r in shown if r.id not in self.unreadable),
            next=after if len(rows) > position.skip + limit else None,
            asked_at=self.server_time(),
            unreadable=tuple(
                UnreadableRecord(kind, r.id, r.updated_at, "state", "garbled", "{}")
                for r in shown
                if r.id in self.unreadable
            ),
            hidden=len(window) - len(shown),
            total=len(rows),
        )

    def walk(self, kind: Kind, place: Place, limit: int, wanted: Wanted) -> Stretch:
        self._maybe_fail("walk", lambda: None)
        limit = min(limit, self.page_limit)
        rows = sorted(
            (
                r
                for (k, _), r in self.records.items()
                if k is kind and r.id > place.after and _is_wanted(r, wanted)
            ),
            key=lambda r: r.id,
        )
        window = rows[place.skip : place.skip + limit]
        shown = [r for r in window if r.id not in self.hidden]
        after = Place(shown[-1].id) if shown else Place(place.after, place.skip + limit)
        return Stretch(
            records=tuple(r for r in shown if r.id not in self.unreadable),
            next=after if len(rows) > place.skip + limit else None,
            unreadable=tuple(
                UnreadableRecord(kind, r.id, r.updated_at, "state", "garbled", "{}")
                for r in shown
                if r.id in self.unreadable
            ),
            hidden=len(window) - len(shown),
        )

    def read(self, kind: Kind, id: str) -> Record:
        self._maybe_fail("read", lambda: None)
        found = self.records.get((kind, id))
        if found is None or id in self.hidden:
            raise Missing("no such record")
        if id in self.unreadable:
            raise Unreadable(f"{kind} {id} does not parse", field="state", reason="garbled")
        return found

    def read_many(self, kind: Kind, ids: Sequence[str]) -> tuple[Record, ...]:
        out_of_sight = self.hidden | self.unreadable
        return tuple(
            self.records[kind, id] for id in ids if (kind, id) in self.records and id not in out_of_sight
        )

    def find(self, kind: Kind, field: str, value: str) -> tuple[Record, ...]:
        rows = [r for (k, _), r in self.records.items() if k is kind and record_value(r, field) == value]
        found = tuple(r for r in self._shown(rows) if r.id not in self.hidden)
        if any(r.id in self.unreadable for r in found):
            raise Unreadable(f"a {kind} does not parse", field="state", reason="garbled")
        return found

    def find_many(
        self, kind: Kind, field: str, values: Sequence[str], *, begins: bool = False
    ) -> tuple[Record, ...]:
        self._maybe_fail("find_many", lambda: None)
        rows = [r for (k, _), r in self.records.items() if k is kind and r.id not in self.hidden]
        rows = self._shown(rows)
        if begins:
            return tuple(r for r in rows if record_value(r, field).startswith(tuple(values)))
        return tuple(r for r in rows if record_value(r, field) in values)

    def _shown(self, rows: Sequence[Record]) -> list[Record]:
        """What a search shows by now."""
        shown = self.time.now - timedelta(seconds=self.index_lag_s)
        return [r for r in rows if r.created_at <= shown or not self.index_lag_s]

    def hides(self, kind: Kind, field: str, value: str) -> bool:
        rows = [r for (k, _), r in self.records.items() if k is kind and record_value(r, field) == value]
        return any(r.id in self.hidden for r in rows)

    def update(self, kind: Kind, id: str, values: Mapping[str, str]) -> Record:
        def act() -> Record:
            fields = {name: value for name, value in values.items() if name != "state"}
            return self.edit(kind, self.read(kind, id).id, values.get("state", ""), **fields)

        return self._maybe_fail("update", act)

    def write_note(self, kind: Kind, id: str, text: str) -> None:
        def act() -> None:
            self.type(kind, id, text, author="syncd")

        self._maybe_fail("write_note", act)

    def type(self, kind: Kind, id: str, text: str, *, author: str = "ann") -> TypedNote:
        """Somebody types a note, now."""
        note = TypedNote(f"{next(self._entries):032x}", kind, id, text, author, self.server_time())
        self.typed.append(note)
        self.journal.setdefault(id, []).append(Note(note.id, text, author, note.created_at))
        self.edit(kind, id)
        return note

    def journal_since(self, position: Position, limit: int) -> JournalPage:
        self._maybe_fail("journal_since", lambda: None)
        limit = min(limit, self.page_limit)
        behind = [n for n in self.typed if (n.created_at, n.id) > _key(position.after)]
        behind.sort(key=lambda note: (note.created_at, note.id))
        window = behind[position.skip : position.skip + limit]
        shown = [note for note in window if note.id not in self.hidden]
        after = Position(position.after, position.skip + limit)
        if shown:
            after = Position(Cursor(shown[-1].created_at, shown[-1].id))
        bad = [note for note in shown if note.id in self.unreadable]
        return JournalPage(
            notes=tuple(note for note in shown if note not in bad),
            next=after if len(behind) > position.skip + limit else None,
            asked_at=self.server_time(),
            unreadable=tuple(
                UnreadableRecord(n.kind, n.id, n.created_at, "record", "garbled", "{}") for n in bad
            ),
            hidden=len(window) - len(shown),
        )

    def notes(self, kind: Kind, id: str, containing: str) -> tuple[Note, ...]:
        self._maybe_fail("notes", lambda: None)
        return tuple(n for n in self.journal.get(id, []) if containing in n.text)

    def resolve(self, entity: str, match: str, value: str) -> str | None:
        self._maybe_fail("resolve", lambda: None)
        return None if value == "nowhere" else f"{entity}/{value}"

    def relate_by_hand(self, parent: str, child: str, type: str) -> None:
        """A person relates two records; the row has an id of its own."""
        self.relations.append(Relation("by hand", parent, child, type))

    def related(self, relation: Relation) -> bool:
        def act() -> bool:
            return any(replace(one, row=relation.row) == relation for one in self.relations)

        return self._maybe_fail("related", act)

    def relate(self, relation: Relation) -> None:
        def act() -> None:
            self.relations.append(relation)

        self._maybe_fail("relate", act)

    def create_work_order(self, id: str, values: Mapping[str, str]) -> Record:
        def act() -> Record:
            if self.unique_correlation and self.find(
                Kind.WORK_ORDER, "correlation_id", values["correlation_id"]
            ):
                raise Conflict("unique key violation")
            record = Record(
                kind=Kind.WORK_ORDER,
                id=id if self.keeps_ids else id_of(f"server{len(self.records)}"),
                number=f"WO{len(self.records):04}",
                version=0,
                created_at=self.server_time(),
                updated_at=self.server_time(),
                state="ready",
                state_label=LABELS["ready"],
                fields=dict(values),
            )
            assert (Kind.WORK_ORDER, record.id) not in self.records, "a second work order under one id"
            self.records[Kind.WORK_ORDER, record.id] = record
            return record

        return self._maybe_fail("create_work_order", act)

    def history(
        self, kind: Kind, between: Sequence[tuple[Record, Record]], fields: Sequence[str]
    ) -> dict[str, tuple[Record, ...]]:
        def act() -> dict[str, tuple[Record, ...]]:
            return {
                after.id: tuple(
                    one
                    for one in self.audit.get(after.id, ())
                    if before.version < one.version <= after.version
                )
                for before, after in between
                if after.id in self.audit
            }

        self.histories.append(tuple(after.id for _, after in between))
        return self._maybe_fail("history", act)

    def cancel_work_order(self, id: str, reason: str) -> Record:
        def act() -> Record:
            return self.edit(Kind.WORK_ORDER, id, "canceled")

        return self._maybe_fail("cancel_work_order", act)

    def delete(self, kind: Kind, id: str) -> None:
        """Somebody deletes a record, which no feed ever shows."""
        del self.records[kind, id]

    def change_silently(self, kind: Kind, id: str, state: str = "", **fields: str) -> None:
        """A script changes a record and leaves its stamp and version as they were."""
        before = self.records[kind, id]
        self.edit(kind, id, state, **fields)
        after = self.records[kind, id]
        self.records[kind, id] = replace(after, version=before.version, updated_at=before.updated_at)

    def advance(self, id: str, state: str) -> None:
        """A field agent moves a work order on."""
        self.edit(Kind.WORK_ORDER, id, state)

    def _maybe_fail(self, method: str, act: Callable[[], Any]) -> Any:
        if self.read_only and method in _WRITES:
            raise Unsafe(method)
        queue = self.faults.get(method, [])
        fault = queue.pop(0) if queue else None
        if method in _WRITES:
            self.writes.append(method)
        if fault is None:
            return act()
        error, committed = fault
        if committed:
            act()
        raise error


def _is_wanted(record: Record, wanted: Wanted) -> bool:
    field, text = wanted.or_begins or ("", "")
    return record.state not in wanted.without or (bool(text) and record.get(field).startswith(text))


def _key(cursor: Cursor) -> tuple[datetime, str]:
    return (cursor.stamp, cursor.id)


class Inline(Executor):
    """Runs what is submitted at once, in the caller's thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - an executor hands whatever was raised to the future
            future.set_exception(error)
        return future


class World:
    """Both systems, one daemon's lanes, and the ways a test drives them."""

    def __init__(self, folder: Path) -> None:
        self.time = Time()
        self.om = FakeSystem("om", self.time)
        self.fsm = FakeSystem("fsm", self.time)
        self.url = f"sqlite:///{folder / 'syncd.db'}"
        create_or_migrate(self.url)
        store = Store(self.url, self.time)
        identities = {system: Identity(system, "x", "http://127.0.0.1") for system in System}
        store.initialise(Baseline(NOON, NOON), identities, {})
        store.close()
        self.systems: dict[System, Any] = {System.ORDER_MANAGEMENT: self.om, System.FIELD_SERVICE: self.fsm}
        self.policy = policy()
        self.lives = 0
        self.share, self.floor = 0.2, 50
        self.cancel_duplicates = False
        self.traits: dict[Kind, tuple[str, ...]] = {}
        self.store: Store
        self.start()

    def start(self) -> None:
        """A new life of the daemon on the same state; the old one is simply gone."""
        self.lives += 1
        if self.lives > 1:
            self.store.close()
        self.store = Store(self.url, self.time)
        log = logs.get()
        histories = Histories(self.fsm, self.store, lambda: self.policy, log, self.time.monotonic)
        self.look_between = histories.look
        observer = Observer(lambda: self.policy, NOON, histories.between)
        self.health = Health(log, self.time.monotonic)
        self.observer = observer
        self.dispatch = Dispatch(self.om, self.fsm, lambda: self.policy, self.health, log)
        self.safety = Safety(
            self.store, lambda: self.policy, log, limits=lambda: Limits(self.share, self.floor)
        )
        self.intake = Intake(
            self.systems,
            self.store,
            observer,
            log,
            page_size={System.ORDER_MANAGEMENT: 3, System.FIELD_SERVICE: 3},
            links=lambda: self.policy.links,
            safety=self.safety,
            traits=self.traits,
            look_between=self.look_between,
        )
        self.sweep = Sweep(
            self.systems,
            self.store,
            observer,
            self.intake,
            safety=self.safety,
            policy=lambda: self.policy,
            log=log,
            page_size={System.ORDER_MANAGEMENT: 3, System.FIELD_SERVICE: 3},
            cancel_duplicates=lambda: self.cancel_duplicates,
        )
        self.journals = Journals(
            self.systems,
            self.store,
            observer,
            lambda: self.policy,
            log,
            page_size={System.ORDER_MANAGEMENT: 3, System.FIELD_SERVICE: 3},
            baseline=NOON,
        )
        self.identities = Identities(self.store, self.systems, self.store.identities(), log)
        self.catch_up = CatchUp(
            self.store, self.systems, observer, log, monotonic=self.time.monotonic, journals=self.journals
        )
        self.inline = Inline()
        self.delivery = self.delivery_with(self.store, self.inline)
        self.gate = Gate(
            self.om,
            self.fsm,
            self.store,
            observer,
            policy=lambda: self.policy,
            now=self.time,
            log=log,
            look_between=self.look_between,
        )

    def restart(self) -> None:
        """A start of the daemon, as `syncd run` begins it."""
        self.start()
        self.catch_up.begin()
        settle = {system: remote.settle.total_seconds() for system, remote in self.systems.items()}
        self.store.lose("run:", settle)

    def look(self) -> None:
        """One pass of each feed, in the order of a catch-up while there is one."""
        lasts = self.catch_up.lasts()
        for system in ORDER if lasts else FEEDS:
            self.catch_up.ask_time(system)
            self.take_in(*self.intake.feeds(system))
        if self.catch_up.knows_records():
            self.hear()
        self.catch_up.finish()

    def hear(self) -> list[JournalPass]:
        """One pass over each journal whose notes are mirrored."""
        passes = [self.journals.begin(system) for system in self.journals.wanted()]
        for one in passes:
            while self.journals.take_page(one):
                pass
            self.journals.look_again(one)
        return passes

    def delivery_with(self, store: Store, executor: Executor) -> Delivery:
        """The delivery lane of this life on another store or executor."""
        return Delivery(
            store,
            self.dispatch,
            self.observer,
            lambda: self.policy,
            logs.get(),
            executor=executor,
            now=self.time,
            monotonic=self.time.monotonic,
            owner=f"run:{self.lives}",
            slots=2,
            lease_s=60,
            settle_s={system: remote.settle.total_seconds() for system, remote in self.systems.items()},
            look_again_s=0.01,
            look_between=self.look_between,
        )

    def take_in(self, *kinds: Kind) -> list[Pass]:
        """One pass of each feed."""
        every = [kind for kinds in FEEDS.values() for kind in kinds]
        return [self.intake.run_pass(kind) for kind in kinds or every]

    def deliver(self) -> Drained:
        return self.delivery.drain(lambda: False)

    def sweep_up(self, *, plan: bool = False) -> Swept:
        return self.sweep.run(lambda: False, plan=plan)

    def settle_down(self, rounds: int = 8) -> None:
        """Cycles with time passing, until whatever was going to happen has happened."""
        for _ in range(rounds):
            self.look()
            self.gate.answer_all()
            self.deliver()
            self.time.pass_(100)

    def order(self, *specifications: str, state: str = "in_progress") -> None:
        """An order with one line and a domain order for each specification, named after it."""
        self.om.put(Kind.CUSTOMER_ORDER, "ORD1", "in_progress", account="acme")
        self.om.put(Kind.ORDER_LINE, "ORDL1", "in_progress", order=id_of("ORD1"))
        for number, specification in enumerate(specifications, start=1):
            self.om.put(
                Kind.DOMAIN_ORDER,
                f"DO{number}",
                state,
                order_line=id_of("ORDL1"),
                order=id_of("ORD1"),
                specification=specification,
                location="here",
            )

    @property
    def work_orders(self) -> list[Record]:
        return [r for (kind, _), r in self.fsm.records.items() if kind is Kind.WORK_ORDER]

    id = staticmethod(id_of)

    def notes_on(self, name: str) -> list[str]:
        return [note.text for note in self.om.journal.get(id_of(name), [])]


def table() -> DecisionTable:
    parsed, problems = parse_table(TABLE, "table.toml", {Kind.DOMAIN_ORDER: COLUMNS}, frozenset({"priority"}))
    assert parsed is not None, problems
    return parsed


def policy() -> Policy:
    rules = (
        FieldRule("location", source="location", reference="location", match="name"),
        FieldRule("priority", source="priority"),
    )
    return Policy(
        om_id="om",
        tables=(table(),),
        lifecycles=default_lifecycles(),
        field_map=FieldMap(rules),
        links=LinkSettings("initiated_from", "id"),
    )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def events() -> Iterator[list[dict[str, Any]]]:
    with logs.captured() as seen:
        yield seen
