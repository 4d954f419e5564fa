"""The two protocols that everything above the connectors knows: `OrderManagement` and `FieldService`.

All methods are synchronous and safe to call from any thread; each is one logical step, retried inside only where it
reads. All raise the errors of `connectors.errors` and nothing else of the network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from connectors.errors import Refused
from mappings.mirror import TypedNote
from mappings.model import Kind, Record


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A place in a feed: behind the row with this server stamp and id. `id` "" means before all rows of that stamp."""

    stamp: datetime
    id: str = ""


BEGINNING = Cursor(datetime(1970, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Position:
    """Where the next page begins: `skip` rows behind the keyset place `after`.

    `skip` grows only over rows that the server counts but does not show (access rules after the limit).
    """

    after: Cursor
    skip: int = 0


@dataclass(frozen=True, slots=True)
class UnreadableRecord:
    """A row that did not parse, for quarantine. `id` and `stamp` where they could be read; `body` is the raw row as JSON."""

    kind: Kind
    id: str
    stamp: datetime | None
    field: str
    reason: str
    body: str


@dataclass(frozen=True, slots=True)
class Page:
    """One bounded slice of a feed, in keyset order.

    `next` is None only when the server says that nothing follows. `asked_at` is a server instant that is certainly
    not later than the moment the query began: the reply's `Date` minus the whole duration of the request, rounded down.
    `hidden` counts rows that the server counted in this slice and did not show. A row that changed after `asked_at` may
    come again on the next page: going on behind its new stamp could jump over others.
    """

    records: tuple[Record, ...]
    next: Position | None
    asked_at: datetime
    unreadable: tuple[UnreadableRecord, ...] = ()
    hidden: int = 0
    total: int | None = None
    """How many rows lie behind the position, those of this page among them; None where the server does not say."""
    sure_until: datetime | None = None
    """Where a page follows: None when every row before it was read, else up to where that is sure (see `paging`)."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the next stretch of a walk by id begins: `skip` rows behind the id `after`."""

    after: str = ""
    skip: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """The rows that a walk asks for: those in none of the canonical states `without`, and those whose field begins with a
    text (`or_begins`: field and text) whatever their state. A state that no profile resolves is in none of them."""

    without: frozenset[str] = frozenset()
    or_begins: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """One bounded slice of a walk, in the order of ids. `next` is None only when the server says that nothing follows."""

    records: tuple[Record, ...]
    next: Place | None
    unreadable: tuple[UnreadableRecord, ...] = ()
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class Note:
    """One journal entry of a record."""

    id: str
    text: str
    author: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class JournalPage:
    """One bounded slice of the journal, in keyset order by (stamp, id). As `Page` otherwise."""

    notes: tuple[TypedNote, ...]
    next: Position | None
    asked_at: datetime
    unreadable: tuple[UnreadableRecord, ...] = ()
    """The id is that of the entry, the kind that of the record it stands on."""
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class Relation:
    """A row that relates two records: the id that we choose for it, both ends, and the name of its type ("" for none)."""

    row: str
    parent: str
    child: str
    type: str = ""


class RemoteSystem(Protocol):
    """What both sides can do."""

    @property
    def id(self) -> str:
        """The immutable id of the instance, from the config."""

    @property
    def granule(self) -> timedelta:
        """The resolution of the server's stamps."""

    @property
    def overlap(self) -> timedelta:
        """How far behind the watermark a pass begins: at least the longest transaction of the server."""

    @property
    def settle(self) -> timedelta:
        """How long after a doubtful write a look is believed: longest execution plus index lag."""

    @property
    def search_lag(self) -> timedelta:
        """How late a search may show a row that was committed; a read by id shows it at once."""

    def start(self) -> None:
        """Resolves state choices and checks that every table and field of the profile is there.

        Idempotent; called by each other method when it has not succeeded yet. Raises `Misconfigured` naming what is
        missing, or `Unreachable`.
        """

    def server_time(self) -> datetime:
        """An instant by the server's own clock, certainly not in its future."""

    def changes_since(self, kind: Kind, position: Position, limit: int) -> Page:
        """Rows of `kind` behind `position` by (stamp, id), `limit` at most.

        Raises `FilterIgnored` when a returned row does not match the query (the server ignored the filter).
        """

    def created_in(self, kind: Kind, position: Position, until: datetime, limit: int) -> Page:
        """Rows of `kind` behind `position` by (creation stamp, id) that were created before `until`, `limit` at most.

        As `changes_since`, but the stamps of the position are those of creation, which never move.
        """

    def walk(self, kind: Kind, place: Place, limit: int, wanted: Wanted) -> Stretch:
        """Rows of `kind` behind `place` by id, `limit` at most, whatever their stamps say.

        Rows that were not asked for are left out on our side. Raises `FilterIgnored` when they do not come in the order
        of ids behind `place`.
        """

    def read(self, kind: Kind, id: str) -> Record:
        """One record, read by id now. Raises `Missing`."""

    def read_many(self, kind: Kind, ids: Sequence[str]) -> tuple[Record, ...]:
        """The records of `ids` that can be read, in the order of `ids`; absent ones are left out."""

    def find(self, kind: Kind, field: str, value: str) -> tuple[Record, ...]:
        """Records whose logical `field` equals `value`, each verified on our side, oldest first.

        Raises `Unreadable` when one of them does not parse: who acts on what a search shows must not take a record that
        could not be read for one that is not there.
        """

    def find_many(
        self, kind: Kind, field: str, values: Sequence[str], *, begins: bool = False
    ) -> tuple[Record, ...]:
        """Records whose logical `field` equals one of `values` (or, with `begins`, begins with one), each verified on our
        side and once, oldest first. A value that may not enter a query is found nowhere."""

    def hides(self, kind: Kind, field: str, value: str) -> bool:
        """Whether the server counts records whose logical `field` equals `value` and does not show all of them to us."""

    def update(self, kind: Kind, id: str, values: Mapping[str, str]) -> Record:
        """Writes logical fields and returns the record as it then stands. Fields that were dropped silently are the
        caller's to notice by comparison; a `state` is given by its canonical name."""

    def write_note(self, kind: Kind, id: str, text: str) -> None:
        """Appends one work note. Not idempotent: look the marker up before any second send."""

    def notes(self, kind: Kind, id: str, containing: str) -> tuple[Note, ...]:
        """The work notes of a record that contain a text, each verified on our side, oldest first."""

    def journal_since(self, position: Position, limit: int) -> JournalPage:
        """Work notes behind `position` by (stamp, id), on records of the kinds whose journal the profile names.

        Raises `FilterIgnored` as `changes_since` does, `Misconfigured` where the profile names no journal.
        """

    def resolve(self, entity: str, match: str, value: str) -> str | None:
        """The id of the referenced record ("template", "location", ...) whose `match` property equals `value`.

        None when there is none. Cached; several hits raise `Refused`.
        """

    def close(self) -> None:
        """Closes the connections of all threads; a later call opens new ones."""


NO_RELATIONS = "it has no relation table"


class OrderManagement(RemoteSystem, Protocol):
    """The side of orders, lines, domain orders and order tasks."""

    def related(self, relation: Relation) -> bool:  # noqa: ARG002 - what a system without such a table answers
        """Whether a row relates these two, whoever made it. One under our own id is seen at once, another one when a search
        shows it. Raises `Refused` where there is no such table for us."""
        raise Refused(NO_RELATIONS, reason=NO_RELATIONS)

    def relate(self, relation: Relation) -> None:  # noqa: ARG002 - as above
        """Makes the row. Raises as `FieldService.create_work_order` does: the caller looks before it sends again."""
        raise Refused(NO_RELATIONS, reason=NO_RELATIONS)


class FieldService(RemoteSystem, Protocol):
    """The side of work orders and their tasks."""

    def history(
        self,
        kind: Kind,  # noqa: ARG002 - what a system without a history answers
        between: Sequence[tuple[Record, Record]],  # noqa: ARG002 - as above
        fields: Sequence[str],  # noqa: ARG002 - as above
    ) -> Mapping[str, tuple[Record, ...]]:
        """What records were between two sightings: by id their versions behind the first sighting, up to the second, in which
        one of `fields` ("state" is one) changed, oldest first. Each has the stamp of its change; what the history does not
        tell stays in it as it was. A record is left out where there is nothing to tell: a system without a history has none.
        """
        return {}

    def create_work_order(self, id: str, values: Mapping[str, str]) -> Record:
        """Creates a work order under the id that we choose, from logical fields, and returns it as the server made it.

        The returned record's id differs from `id` where the server chose its own. Raises `Unreachable` or `Busy` when it
        surely never ran; anything else that is not a clean 201 raises `Doubtful`, `Refused` or `Misconfigured`, and the
        caller reads by id before it believes any of them.
        """

    def cancel_work_order(self, id: str, reason: str) -> Record:
        """Cancels with the mandatory reason as a note, and returns the record as it then stands."""
