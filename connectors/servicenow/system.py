"""One ServiceNow instance behind the protocol of `connectors.ports`: feeds, reads, searches, notes, updates.

The base of `order_management` and `field_service`. Called by the lanes from any thread. Reads are retried here, writes
never. Every row that comes back is checked against what was asked.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from connectors.errors import Doubtful, FilterIgnored, Misconfigured, Missing, Refused, Unreadable
from connectors.paging import (
    asked_at,
    check_ids,
    check_places,
    feed_query,
    follows,
    hidden_rows,
    next_place,
    next_position,
    shrinking,
    sure_until,
    total_count,
    walk_query,
)
from connectors.ports import JournalPage, Note, Page, Place, Position, Stretch, UnreadableRecord, Wanted
from connectors.profile import KindProfile, Profile
from connectors.retrying import Retries
from connectors.servicenow import journal, wire
from connectors.servicenow.filters import Filter, QueryIgnored
from connectors.servicenow.journal_feed import journal_page
from connectors.servicenow.references import References
from connectors.servicenow.schema import Schema, read_schema
from connectors.servicenow.search import every_row, parsed
from connectors.servicenow.table_api import Row, Rows, TableApi
from mappings.model import Kind, Record

T = TypeVar("T")

IDS_PER_READ = 100
VALUES_PER_SEARCH = 40
"""Values in one search: a query of correlations stays below the length of URLs that servers take."""
HIDDEN_LOOK = 10
"""Rows that a look for hidden ones asks for: a number or an id has one."""
CLOCK_TOLERANCE = timedelta(seconds=5)
"""By how much the stamp of a record and the `Date` of a reply may differ on one instance of several nodes."""


class ServiceNowSystem:
    """What both sides share. `overlap` and `settle` of the config go before those of the profile."""

    def __init__(
        self,
        id: str,
        profile: Profile,
        api: TableApi,
        *,
        retries: Retries = Retries(),  # noqa: B008 - frozen, so one shared default is safe
        overlap: timedelta | None = None,
        settle: timedelta | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.id = id
        self.granule = profile.granule
        self.overlap = profile.overlap if overlap is None else overlap
        self.settle = profile.settle if settle is None else settle
        self.search_lag = profile.search_lag
        self._profile = profile
        self._api = api
        self._retries = retries
        self._schema: Schema | None = None
        self._starting = threading.Lock()
        self._references = References(profile, api, retries, monotonic)

    # -- start and clock -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """See `RemoteSystem.start`."""
        self._ready()

    def server_time(self) -> datetime:
        """See `RemoteSystem.server_time`: the `Date` of a request for one id, minus the request's duration."""
        table = next(iter(self._profile.kinds.values())).table

        def ask(limit: int) -> Rows:
            return self._api.list(table, query=f"ORDERBY{wire.ID}", columns=(wire.ID,), limit=limit)

        page = self._retries.read(lambda: shrinking(ask, 1, system=self._api.system))
        return asked_at(page.reply, system=self._api.system)

    def close(self) -> None:
        """Closes the connections of all threads; a later call opens new ones."""
        self._api.close()

    # -- feeds -----------------------------------------------------------------------------------------------------

    def changes_since(self, kind: Kind, position: Position, limit: int) -> Page:
        """See `RemoteSystem.changes_since`."""
        return self._in_order(kind, position, limit, wire.UPDATED)

    def created_in(self, kind: Kind, position: Position, until: datetime, limit: int) -> Page:
        """See `RemoteSystem.created_in`."""
        page = self._in_order(kind, position, limit, wire.CREATED, until)
        if any(record.created_at >= until for record in page.records):
            raise FilterIgnored(f"{kind} by creation: the server ignores the bound", system=self._api.system)
        return page

    def _in_order(
        self, kind: Kind, position: Position, limit: int, column: str, until: datetime | None = None
    ) -> Page:
        """A page in the order of a stamp and the id."""
        spec, _ = self._spec(kind)
        if position.after.id and not wire.is_id(position.after.id):
            raise Misconfigured(
                f"the watermark of {kind} holds no id of this system", system=self._api.system
            )
        bound = "" if until is None else f"{column}<{wire.format_instant(until)}"

        def fetch(size: int) -> Page:
            return self._page(spec, position, size, column, bound)

        return self._retries.read(lambda: shrinking(fetch, limit, system=self._api.system))

    def _page(self, spec: KindProfile, position: Position, limit: int, column: str, bound: str) -> Page:
        _, book = self._spec(spec.kind)
        where = Filter(spec.where)
        query = feed_query(
            "^".join(term for term in (where.query(), bound) if term),
            position.after,
            stamp=wire.format_instant(position.after.stamp),
            stamp_column=column,
            id_column=wire.ID,
        )
        page = self._api.list(
            spec.table, query=query, columns=wire.columns_of(spec), limit=limit, offset=position.skip
        )
        asked = asked_at(page.reply, system=self._api.system)
        found = [self._decoded(row, spec, book, where) for row in page.rows]
        places = [place for one in found if (place := wire.place_of_row(one, column)) is not None]
        # stamps of creation never move
        settled = asked if column == wire.CREATED else asked - self.overlap
        check_places(position, places, settled=settled, system=self._api.system, what=f"feed {spec.kind}")
        shown = len(page.rows)
        more = follows(page.reply, skip=position.skip, limit=limit, shown=shown)
        return Page(
            records=tuple(one for one in found if isinstance(one, Record)),
            next=next_position(position, places, limit=limit, settled=settled) if more else None,
            asked_at=asked,
            unreadable=tuple(one for one in found if isinstance(one, UnreadableRecord)),
            hidden=hidden_rows(page.reply, skip=position.skip, limit=limit, shown=shown, followed=more),
            total=total_count(page.reply),
            sure_until=sure_until(position, places, settled=settled) if more else None,
        )

    def _decoded(
        self, row: object, spec: KindProfile, book: wire.StateBook, where: Filter
    ) -> Record | UnreadableRecord:
        if isinstance(row, dict):
            try:
                where.keeps(row)
            except QueryIgnored as error:
                raise Misconfigured(f"feed {spec.kind}: {error}", system=self._api.system) from None
        return wire.decode_row(row, spec, book)

    # -- walks -----------------------------------------------------------------------------------------------------

    def walk(self, kind: Kind, place: Place, limit: int, wanted: Wanted) -> Stretch:
        """See `RemoteSystem.walk`."""
        spec, book = self._spec(kind)
        if place.after and not wire.is_id(place.after):
            raise Misconfigured(f"the walk over {kind} is at no id of this system", system=self._api.system)

        def fetch(size: int) -> Stretch:
            return self._stretch(spec, book, place, size, wanted)

        return self._retries.read(lambda: shrinking(fetch, limit, system=self._api.system))

    def _stretch(
        self, spec: KindProfile, book: wire.StateBook, place: Place, limit: int, wanted: Wanted
    ) -> Stretch:
        where = Filter(spec.where)
        terms = (where.query(), self._encoded(lambda: wire.wanted_query(wanted, spec, book)))
        query = walk_query("^".join(term for term in terms if term), place.after, id_column=wire.ID)
        page = self._api.list(
            spec.table, query=query, columns=wire.columns_of(spec), limit=limit, offset=place.skip
        )
        found = [self._decoded(row, spec, book, where) for row in page.rows]
        ids = [one.id for one in found if one.id]
        check_ids(place, ids, system=self._api.system, what=f"walk over {spec.kind}")
        shown = len(page.rows)
        more = follows(page.reply, skip=place.skip, limit=limit, shown=shown)
        return Stretch(
            records=tuple(one for one in found if isinstance(one, Record) and wire.is_wanted(one, wanted)),
            next=next_place(place, ids, limit=limit) if more else None,
            unreadable=tuple(one for one in found if isinstance(one, UnreadableRecord)),
            hidden=hidden_rows(page.reply, skip=place.skip, limit=limit, shown=shown, followed=more),
        )

    # -- reads by id and by field ----------------------------------------------------------------------------------

    def read(self, kind: Kind, id: str) -> Record:
        """See `RemoteSystem.read`. Raises `Unreadable` when the record does not parse."""
        spec, book = self._spec(kind)
        self._check_id(kind, id)
        row = self._retries.read(lambda: self._api.read(spec.table, id, columns=wire.columns_of(spec)))
        try:
            record = wire.decode_record(row, spec, book)
        except wire.FieldError as error:
            message = f"{kind} {id}: {error}"
            raise Unreadable(
                message, field=error.field, reason=error.reason, system=self._api.system
            ) from None
        if record.id != id:
            raise Misconfigured(f"reading {kind} by id answers with another record", system=self._api.system)
        return record

    def read_many(self, kind: Kind, ids: Sequence[str]) -> tuple[Record, ...]:
        """See `RemoteSystem.read_many`. Records that do not parse are left out like absent ones."""
        spec, _ = self._spec(kind)
        wanted = [id for id in dict.fromkeys(ids) if wire.is_id(id)]
        found: dict[str, Record] = {}
        for begin in range(0, len(wanted), IDS_PER_READ):
            chunk = tuple(wanted[begin : begin + IDS_PER_READ])
            found |= {record.id: record for record in self._search(spec, Filter({wire.ID: chunk}))}
        return tuple(found[id] for id in wanted if id in found)

    def find(self, kind: Kind, field: str, value: str) -> tuple[Record, ...]:
        """See `RemoteSystem.find`. A value that may not enter a query is found nowhere."""
        where = self._where(kind, field, value)
        if where is None:
            return ()
        rows = self._matching(self._spec(kind)[0], where, complete=True)
        found = [parsed(one, self._api.system) for one in rows]
        return tuple(sorted(found, key=lambda record: (record.created_at, record.id)))

    def find_many(
        self, kind: Kind, field: str, values: Sequence[str], *, begins: bool = False
    ) -> tuple[Record, ...]:
        """See `RemoteSystem.find_many`."""
        spec, _ = self._spec(kind)
        column = self._column(spec, field)
        askable = [v for v in dict.fromkeys(values) if wire.may_be_queried(v) and "," not in v]
        found: dict[str, Record] = {}
        for begin in range(0, len(askable), VALUES_PER_SEARCH):
            some = tuple(askable[begin : begin + VALUES_PER_SEARCH])
            terms, beginnings = (Filter(), some) if begins else (Filter({column: some}), ())
            records = self._search(spec, terms, column, beginnings)
            found |= {record.id: record for record in records}
        return tuple(sorted(found.values(), key=lambda record: (record.created_at, record.id)))

    def hides(self, kind: Kind, field: str, value: str) -> bool:
        """See `RemoteSystem.hides`: the total counts rows that access rules take from the page afterwards."""
        where = self._where(kind, field, value)
        if where is None:
            return False
        table = self._spec(kind)[0].table

        def ask(limit: int) -> Rows:
            return self._api.list(table, query=where.query(), columns=(wire.ID,), limit=limit)

        page = self._retries.read(lambda: shrinking(ask, HIDDEN_LOOK, system=self._api.system))
        shown = len(page.rows)
        return hidden_rows(page.reply, skip=0, limit=HIDDEN_LOOK, shown=shown, followed=False) > 0

    def _where(self, kind: Kind, field: str, value: str) -> Filter | None:
        """A query for one value, None where the value may not enter a query."""
        spec, book = self._spec(kind)
        column = self._column(spec, field)
        try:
            stored = wire.stored_state(value, spec, book) if field == "state" else value
            return Filter({column: (stored,)})
        except (ValueError, wire.UnknownField):
            return None

    def _column(self, spec: KindProfile, field: str) -> str:
        column = wire.ID if field == "id" else spec.column(field)
        if column is None:
            raise Misconfigured(f"the profile has no field {field!r} of {spec.kind}", system=self._api.system)
        return column

    def _search(
        self, spec: KindProfile, where: Filter, column: str = "", beginnings: tuple[str, ...] = ()
    ) -> list[Record]:
        """The records that match and parse; the others are left out."""
        found = self._matching(spec, where, column, beginnings)
        return [one for one in found if isinstance(one, Record)]

    def _matching(
        self,
        spec: KindProfile,
        where: Filter,
        column: str = "",
        beginnings: tuple[str, ...] = (),
        *,
        complete: bool = False,
    ) -> list[Record | UnreadableRecord]:
        """The rows that match; with `beginnings`, those whose `column` begins with one of these checked values."""
        _, book = self._spec(spec.kind)
        extra = "^OR".join(f"{column}STARTSWITH{one}" for one in beginnings)
        columns = wire.columns_of(spec)
        rows = every_row(self._api, self._retries, spec.table, where, columns, extra=extra, complete=complete)
        hits = (row for row in rows if not beginnings or str(row.get(column, "")).startswith(beginnings))
        return [wire.decode_row(row, spec, book) for row in hits]

    # -- notes -----------------------------------------------------------------------------------------------------

    def notes(self, kind: Kind, id: str, containing: str) -> tuple[Note, ...]:
        """See `RemoteSystem.notes`."""
        self._spec(kind)
        self._check_id(kind, id)
        return journal.notes_of(self._api, self._retries, self._profile.note_field, id, containing)

    def journal_since(self, position: Position, limit: int) -> JournalPage:
        """See `RemoteSystem.journal_since`."""
        self._ready()

        def fetch(size: int) -> JournalPage:
            return journal_page(self._api, self._profile, position, size)

        return self._retries.read(lambda: shrinking(fetch, limit, system=self._api.system))

    def write_note(self, kind: Kind, id: str, text: str) -> None:
        """See `RemoteSystem.write_note`. Raises `Refused` when the server accepted the note and did not write it."""
        spec, _ = self._spec(kind)
        self._check_id(kind, id)
        values = {self._profile.note_field: text}
        answer = self._api.patch(spec.table, id, values, columns=wire.SYSTEM_COLUMNS)
        if answer.reply.date is None:
            return
        # A note bumps the stamp; a record that was not touched since we asked has lost it silently.
        touched = self._written(answer.row, lambda row: wire.parse_instant(row[wire.UPDATED], "updated_at"))
        if touched < asked_at(answer.reply, system=self._api.system) - CLOCK_TOLERANCE:
            reason = f"accepted, but not written: may our user write {spec.table}.{self._profile.note_field}?"
            raise Refused(
                f"note on {kind} {id}: {reason}", reason=reason, system=self._api.system, status=200
            )

    # -- writes ----------------------------------------------------------------------------------------------------

    def update(self, kind: Kind, id: str, values: Mapping[str, str]) -> Record:
        """See `RemoteSystem.update`."""
        spec, book = self._spec(kind)
        self._check_id(kind, id)
        return self._patched(spec, id, self._encoded(lambda: wire.encode_values(values, spec, book)))

    def _patched(self, spec: KindProfile, id: str, columns: Mapping[str, str]) -> Record:
        answer = self._api.patch(spec.table, id, columns, columns=wire.columns_of(spec))
        record = self._record_written(answer.row, spec)
        if record.id != id:
            raise Misconfigured(
                f"changing {spec.kind} by id answers with another record", system=self._api.system
            )
        return record

    def _record_written(self, row: Row, spec: KindProfile) -> Record:
        _, book = self._spec(spec.kind)
        return self._written(row, lambda row: wire.decode_record(row, spec, book))

    def _written(self, row: Row, decode: Callable[[Row], T]) -> T:
        """What a write answered. Unreadable means doubt: something was written, and we cannot tell what."""
        try:
            return decode(row)
        except (wire.FieldError, KeyError, TypeError) as error:
            message = f"the answer to a write cannot be read ({error})"
            raise Doubtful(message, system=self._api.system) from None

    def _encoded(self, encode: Callable[[], T]) -> T:
        try:
            return encode()
        except wire.UnknownField as error:
            raise Misconfigured(str(error), system=self._api.system) from None

    def resolve(self, entity: str, match: str, value: str) -> str | None:
        """See `RemoteSystem.resolve`."""
        self._ready()
        return self._references.resolve(entity, match, value)

    # -- helpers ---------------------------------------------------------------------------------------------------

    def _ready(self) -> Schema:
        with self._starting:  # held while reading: the other threads wait for this one start
            if self._schema is None:
                self._schema = read_schema(self._api, self._retries, self._profile)
            return self._schema

    def _spec(self, kind: Kind) -> tuple[KindProfile, wire.StateBook]:
        schema = self._ready()
        spec = self._profile.kinds.get(kind)
        if spec is None:
            raise Misconfigured(f"profile {self._profile.name} has no {kind}", system=self._api.system)
        return spec, schema.books[kind]

    def _check_id(self, kind: Kind, id: str) -> None:
        if not wire.is_id(id):
            raise Missing(f"{kind}: what was given is not an id of this system", system=self._api.system)
