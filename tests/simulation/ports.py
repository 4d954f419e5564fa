"""The two protocols of `connectors.ports`, spoken by the simulated servers over the simulated network.

One object for each process and system. Positions of pages, hidden rows and the check of each row are those of the real
connector's own functions. What only ServiceNow's server does on a write (templates, roll-up) is in `field_service`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from greenlet import getcurrent

from connectors.errors import Conflict, Missing, Unreadable
from connectors.paging import check_places, next_position, sure_until
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
from mappings.mirror import TypedNote
from mappings.model import Kind, Record, System
from tests.simulation import field_service
from tests.simulation.network import LAG_S, OVERLAP_S, SETTLE_S, Network
from tests.simulation.server import GRANULE, Key, Server, new, to

US = "syncd"
Point = Callable[[str], None]


def id_of_task() -> int:
    task = getattr(getcurrent(), "task", None)
    return task.serial if task is not None else 0


class Port:
    """What both sides can do. `point` is told before and after each call: a process may end there."""

    granule = GRANULE
    overlap = timedelta(seconds=OVERLAP_S)
    settle = timedelta(seconds=SETTLE_S)
    search_lag = timedelta(seconds=LAG_S + 5)

    def __init__(
        self, id: str, network: Network, point: Point, sending: Callable[[], None] = lambda: None
    ) -> None:
        self.id = id
        self.network = network
        self.server: Server = network.server
        self.system: System = network.system
        self._point = point
        self._sending = sending
        self.keeps_ids = True
        """Whether the server keeps the id that a client chose for a new work order."""
        self.fed_at = network.hub.now
        """When it was last asked what has changed, or was made."""
        self.read_at: dict[tuple[int, str], float] = {}
        """When a task last began to read a record by id: (task, id) -> seconds."""

    def start(self) -> None: ...

    def close(self) -> None: ...

    # -- reads -----------------------------------------------------------------------------------------------------

    def _read(self, method: str, act: Callable[[], Any], *, seconds: float = 0.0) -> Any:
        self._point(f"{self.system}.{method} before")
        result = self.network.read(method, act, seconds=seconds)
        self._point(f"{self.system}.{method} after")
        return result

    def server_time(self) -> datetime:
        began = self.network.hub.now
        stamp = self._read("server_time", self.server.stamp)
        return self._asked(stamp, began)

    def _asked(self, date: datetime, began: float) -> datetime:
        taken = self.network.hub.now - began
        return (date - timedelta(seconds=taken)).replace(microsecond=0)

    def changes_since(self, kind: Kind, position: Position, limit: int) -> Page:
        faults = self.network.faults
        began = self.fed_at = self.network.hub.now
        slow = faults.random("slow_page").uniform(2, 20) if faults.hit("slow_page") else 0.0
        torn = faults.hit("changed_while_reading")
        answer: dict[str, Any] = {}

        def query() -> None:
            rows = self.server.behind(kind, position.after.stamp, position.after.id)
            answer["total"] = len(rows)
            answer["rows"] = rows[position.skip : position.skip + limit]

        def respond() -> None:
            if torn:  # the contents are read later than the places
                now = [self.server.get(kind, row.id) for row in answer["rows"]]
                answer["rows"] = [row for row in now if row is not None]
            answer["date"] = self.server.stamp()

        self._read("changes_since", query, seconds=slow)
        respond()
        return self._page(kind, position, limit, answer, began)

    def _page(self, kind: Kind, position: Position, limit: int, answer: dict[str, Any], began: float) -> Page:
        faults = self.network.faults
        window: list[Record] = answer["rows"]
        asked = self._asked(answer["date"], began)
        if faults.hit("filter_ignored"):
            window = self._everything(kind, position, limit, asked) or window
        shown = [row for row in window if (kind, row.id) not in self.server.hidden]
        places = [Cursor(row.updated_at, row.id) for row in shown]
        if window and not shown:
            faults.count("page_emptied")
        settled = asked - self.overlap
        check_places(position, places, settled=settled, system=self.system, what=f"feed {kind}")
        more = answer["total"] > position.skip + limit
        if shown and faults.hit("rows_repeated"):
            shown = [*shown, shown[0]]
        return Page(
            records=tuple(row for row in shown if (kind, row.id) not in self.server.garbled),
            next=next_position(position, places, limit=limit, settled=settled) if more else None,
            asked_at=asked,
            sure_until=sure_until(position, places, settled=settled) if more else None,
            unreadable=tuple(_unreadable(row) for row in shown if (kind, row.id) in self.server.garbled),
            hidden=len(window) - len(shown),
        )

    def _everything(self, kind: Kind, position: Position, limit: int, asked: datetime) -> list[Record]:
        """What a page holds when the server does not know a term; none where access rules hide all of it: a server that
        ignores a term once does so each time, and the next page would show it."""
        rows = self.server.behind(kind, datetime.min.replace(tzinfo=asked.tzinfo), "")
        window = rows[position.skip : position.skip + limit]
        return window if any((kind, row.id) not in self.server.hidden for row in window) else []

    def created_in(self, kind: Kind, position: Position, until: datetime, limit: int) -> Page:
        began = self.network.hub.now

        def act() -> Page:
            place = (position.after.stamp, position.after.id)
            rows = [
                r for r in self.server.rows(kind) if place < (r.created_at, r.id) and r.created_at < until
            ]
            rows.sort(key=lambda row: (row.created_at, row.id))
            window = rows[position.skip : position.skip + limit]
            shown = [row for row in window if (kind, row.id) not in self.server.hidden]
            garbled = [row for row in shown if (kind, row.id) in self.server.garbled]
            after = Position(position.after, position.skip + limit)
            if shown:
                after = Position(Cursor(shown[-1].created_at, shown[-1].id))
            return Page(
                records=tuple(row for row in shown if row not in garbled),
                next=after if len(rows) > position.skip + limit else None,
                asked_at=self._asked(self.server.stamp(), began),
                unreadable=tuple(_unreadable(row) for row in garbled),
                hidden=len(window) - len(shown),
                total=len(rows),
            )

        page: Page = self._read("created_in", act)
        return page

    def read(self, kind: Kind, id: str) -> Record:
        self.read_at[id_of_task(), id] = self.network.hub.now
        return self._read("read", lambda: self._see(kind, id))

    def _see(self, kind: Kind, id: str) -> Record:
        found = self.server.get(kind, id)
        if found is None or (kind, id) in self.server.hidden:
            raise Missing(f"{kind} {id}: no such record", system=self.system, status=404)
        if (kind, id) in self.server.garbled:
            raise Unreadable(f"{kind} {id}", field="state", reason="garbled", system=self.system)
        return found

    def read_many(self, kind: Kind, ids: Sequence[str]) -> tuple[Record, ...]:
        def act() -> tuple[Record, ...]:
            out_of_sight = self.server.hidden | self.server.garbled
            found = ((id, self.server.get(kind, id)) for id in dict.fromkeys(ids))
            return tuple(row for id, row in found if row is not None and (kind, id) not in out_of_sight)

        return self._read("read_many", act)

    def find(self, kind: Kind, field: str, value: str) -> tuple[Record, ...]:
        def act() -> tuple[Record, ...]:
            found = self._found(kind, field, lambda text: text == value, shown=self.server.garbled)
            for one in found:
                if (kind, one.id) in self.server.garbled:
                    raise Unreadable(f"{kind} {one.id}", field="state", reason="garbled", system=self.system)
            return found

        return self._read("find", act)

    def find_many(
        self, kind: Kind, field: str, values: Sequence[str], *, begins: bool = False
    ) -> tuple[Record, ...]:
        def wanted(text: str) -> bool:
            return text.startswith(tuple(values)) if begins else text in values

        return self._read("find_many", lambda: self._found(kind, field, wanted))

    def _found(
        self,
        kind: Kind,
        field: str,
        wanted: Callable[[str], bool],
        shown: Collection[tuple[Kind, str]] = (),
    ) -> tuple[Record, ...]:
        """Rows that can be seen; those in `shown` count as such though they do not parse."""
        now = self.network.hub.now
        out_of_sight = self.server.hidden | (self.server.garbled - set(shown))
        rows = [
            row
            for row in self.server.rows(kind)
            if wanted(row.id if field == "id" else row.get(field))
            and self.server.shown_at.get((kind, row.id), 0.0) <= now
            and (kind, row.id) not in out_of_sight
        ]
        return tuple(sorted(rows, key=lambda row: (row.created_at, row.id)))

    def hides(self, kind: Kind, field: str, value: str) -> bool:
        def act() -> bool:
            return any(
                (row.id if field == "id" else row.get(field)) == value
                and (kind, row.id) in self.server.hidden
                for row in self.server.rows(kind)
            )

        return self._read("hides", act)

    def walk(self, kind: Kind, place: Place, limit: int, wanted: Wanted) -> Stretch:
        def act() -> Stretch:
            rows = [r for r in self.server.rows(kind) if r.id > place.after and _is_wanted(r, wanted)]
            rows.sort(key=lambda row: row.id)
            window = rows[place.skip : place.skip + limit]
            shown = [row for row in window if (kind, row.id) not in self.server.hidden]
            after = Place(shown[-1].id) if shown else Place(place.after, place.skip + limit)
            garbled = [row for row in shown if (kind, row.id) in self.server.garbled]
            return Stretch(
                records=tuple(row for row in shown if row not in garbled),
                next=after if len(rows) > place.skip + limit else None,
                unreadable=tuple(_unreadable(row) for row in garbled),
                hidden=len(window) - len(shown),
            )

        return self._read("walk", act)

    def notes(self, kind: Kind, id: str, containing: str) -> tuple[Note, ...]:
        def act() -> tuple[Note, ...]:
            now = self.network.hub.now
            return tuple(
                Note(f"{number:032x}", entry.text, entry.author, self.server.stamp())
                for number, entry in enumerate(self.server.entries(id))
                if entry.shown_at <= now and containing in entry.text
            )

        return self._read("notes", act)

    def journal_since(self, position: Position, limit: int) -> JournalPage:
        began = self.network.hub.now
        answer: dict[str, Any] = {}

        def query() -> None:
            answer["notes"] = self.server.typed_behind(position.after.stamp, position.after.id)

        self._read("journal_since", query)
        asked = self._asked(self.server.stamp(), began)
        window = answer["notes"][position.skip : position.skip + limit]
        places = [Cursor(entry.stamp, entry.id) for _, entry in window]
        more = len(answer["notes"]) > position.skip + limit
        return JournalPage(
            notes=tuple(
                TypedNote(one.id, kind, id, one.text, one.author, one.stamp) for (kind, id), one in window
            ),
            next=next_position(position, places, limit=limit, settled=asked) if more else None,
            asked_at=asked,
        )

    def resolve(self, entity: str, match: str, value: str) -> str | None:
        return field_service.resolve(entity, value)

    # -- writes ----------------------------------------------------------------------------------------------------

    def _write(self, method: str, keys: Sequence[Key], what: tuple[str, ...], act: Callable[[], Any]) -> Any:
        self._point(f"{self.system}.{method} before")
        self._sending()
        result = self.network.write(method, keys, what, act)
        self._point(f"{self.system}.{method} after")
        return result

    def update(self, kind: Kind, id: str, values: Mapping[str, str]) -> Record:
        key = (kind, id)

        def act() -> Record:
            self._see(kind, id)
            kept = {name: value for name, value in values.items() if not self._drops(id, name)}
            fields = {name: value for name, value in kept.items() if name != "state"}
            edit = to(kept.get("state", ""), **field_service.shown(fields))
            self.server.write({key: edit}, US)
            return self.server.tables[kind][id]

        told = tuple(f"{name}={value}" for name, value in sorted(values.items()))
        return self._write("update", [key], ("update", id, *told), act)

    def _drops(self, id: str, field: str) -> bool:
        if field in field_service.DROPPABLE and self.network.faults.hit("field_dropped"):
            self.server.unwritable.add((id, field))
        return (id, field) in self.server.unwritable

    def write_note(self, kind: Kind, id: str, text: str) -> None:
        key = (kind, id)

        def act() -> None:
            self._see(kind, id)
            self.server.note(key, text, US)

        self._write("write_note", [key], ("note", id, text), act)

    def related(self, relation: Relation) -> bool:
        def act() -> bool:
            now = self.network.hub.now
            return any(
                row == relation.row or shown_at <= now
                for row, one, shown_at in self.server.relations
                if one == relation
            )

        return self._read("related", act)

    def relate(self, relation: Relation) -> None:
        def act() -> None:
            made = relation.row if self.keeps_ids else self._chosen_id()
            if any(row == made for row, _, _ in self.server.relations):
                raise Conflict("the id is taken", system=self.system, status=409)
            shown_at = self.network.hub.now + self.server.lag()
            self.server.relations.append((made, relation, shown_at))

        key = (Kind.DOMAIN_ORDER, relation.parent)
        self._write("relate", [key], ("relate", relation.child, relation.parent), act)

    def create_work_order(self, id: str, values: Mapping[str, str]) -> Record:
        def act() -> Record:
            made = id if self.keeps_ids else self._chosen_id()
            if self.server.get(Kind.WORK_ORDER, made) is not None:
                raise Conflict("the id is taken", system=self.system, status=409)
            kept = {name: value for name, value in values.items() if not self._drops(made, name)}
            state, fields, tasks = field_service.from_template(made, kept)
            edits = {(Kind.WORK_ORDER, made): new(state, **fields)}
            edits |= {
                (Kind.WORK_TASK, task): new("draft", work_order=made, short_description=text)
                for task, text in tasks
            }
            self.server.write(edits, US)
            return self.server.tables[Kind.WORK_ORDER][made]

        told = tuple(f"{name}={value}" for name, value in sorted(values.items()))
        return self._write("create_work_order", [(Kind.WORK_ORDER, id)], ("create", id, *told), act)

    def _chosen_id(self) -> str:
        """The server's own: the same for the same run."""
        return hashlib.sha256(f"work order {len(self.server.past)}".encode()).hexdigest()[:32]

    def history(
        self, kind: Kind, between: Sequence[tuple[Record, Record]], fields: Sequence[str]
    ) -> Mapping[str, tuple[Record, ...]]:
        def act() -> dict[str, tuple[Record, ...]]:
            return {
                after.id: tuple(self.server.versions(before, after))
                for before, after in between
                if (kind, after.id) not in self.server.hidden
            }

        return self._read("history", act)

    def cancel_work_order(self, id: str, reason: str) -> Record:
        key = (Kind.WORK_ORDER, id)
        tasks = [(Kind.WORK_TASK, task.id) for task in field_service.tasks_of(self.server, id)]

        def act() -> Record:
            field_service.cancel(self.server, id, reason, US)
            return self.server.tables[Kind.WORK_ORDER][id]

        return self._write("cancel_work_order", [key, *tasks], ("cancel", id, reason), act)


def _unreadable(row: Record) -> UnreadableRecord:
    return UnreadableRecord(row.kind, row.id, row.updated_at, "state", "garbled", f'{{"id":"{row.id}"}}')


def _is_wanted(row: Record, wanted: Wanted) -> bool:
    field, text = wanted.or_begins or ("", "")
    return row.state not in wanted.without or (bool(text) and row.get(field).startswith(text))
