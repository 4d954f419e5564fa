"""The values that cross the door of the state, and the ways it can fail.

Returned and taken by `state.store`; lanes and commands import them from there. Nothing here touches a database.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import astuple, dataclass, field
from datetime import datetime

from mappings.effects import Effect
from mappings.model import EffectStatus, Kind, Link, Record, System


class StateError(Exception):
    """The state cannot be used. The text names the thing and the next step, never a path, a credential or a body."""


class StateMissing(StateError):
    """There is no state behind the URL, or an empty one."""


class StateOutdated(StateError):
    """The state was written by an older syncd."""


class StateNewer(StateError):
    """The state was written by a newer syncd."""


class StateLocked(StateError):
    """Another process holds the state: a daemon its run lock, or a writer for longer than we wait."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """The position in a feed. `passed_until` is the server instant up to which a complete pass has seen the feed."""

    feed: str
    stamp: datetime
    id: str
    passed_until: datetime | None
    updated_at: datetime
    read_at: datetime | None = None
    """The server's own time when the last page was asked for, by which the lag is told."""


@dataclass(frozen=True, slots=True)
class Outage:
    """What keeps a lane from a system: since when, until when it pauses, and the kind and text of the last failure."""

    lane: str
    system: str
    since: datetime
    until: datetime
    failures: int
    error: str
    detail: str


@dataclass(frozen=True, slots=True)
class Lane:
    """How a lane does against a system. `worked_at` is kept for delivery only: feeds and sweeps keep their own."""

    lane: str
    system: str
    worked_at: datetime | None
    outage: Outage | None


@dataclass(frozen=True, slots=True)
class Lease:
    """A named right, such as that of a feed's poller, and who has it until when."""

    name: str
    owner: str
    taken_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Baseline:
    """The server instant of OM from which syncd is responsible, and when that was stored."""

    at: datetime
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """Which instance a system was when the state began: the immutable id of the config, and its URL."""

    system: System
    id: str
    url: str


@dataclass(frozen=True, slots=True)
class Canary:
    """A record by which an instance is recognised: it must be there, created at this server instant."""

    kind: Kind
    id: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to perform one effect until its lease ends. Durable as `in_flight` before it is returned.

    `probing` says that it may have been sent before: look by key before writing. `first_sent_at` and `last_sent_at`
    are those of earlier claims that may have sent it, None when there was none. `attempt` counts from 1. `claimed_at`
    is by the same clock as those two, which need not be that of this machine.
    """

    id: int
    fence: int
    effect: Effect
    probing: bool
    attempt: int
    first_sent_at: datetime | None
    last_sent_at: datetime | None = None
    claimed_at: datetime | None = None
    unremembered: bool = False
    """Another life may have sent it, perhaps under the key of another version, and this state does not remember."""
    background: bool = False
    """A backfill intended it."""
    remembered: Container[str] = frozenset()
    """For an unremembered note: the markers of the notes on its subject that this state knows to stand."""
    born_at: datetime | None = None
    """When it was decided, by the clock of `claimed_at`; a key that was overtaken and is wanted again is born anew."""

    @property
    def sent_since_born(self) -> bool:
        """Whether it may have been sent since it was decided. What was decided anew rests on a newer look."""
        return self.last_sent_at is not None and (self.born_at is None or self.born_at <= self.last_sent_at)

    @property
    def silence_s(self) -> float:
        """Seconds since it may have been sent last; 0 where nobody knows when that was."""
        if self.last_sent_at is None or self.claimed_at is None:
            return 0.0
        return max(0.0, (self.claimed_at - self.last_sent_at).total_seconds())


@dataclass(frozen=True, slots=True)
class Done:
    """The remote system has it. `record` is its last answer, `link` what a create stores."""

    record: Record | None = None
    link: Link | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class NotSent:
    """It surely never ran; again in `retry_in_s`."""

    reason: str
    retry_in_s: float


@dataclass(frozen=True, slots=True)
class InDoubt:
    """It may have run; a look is believed in `probe_in_s`."""

    reason: str
    probe_in_s: float


@dataclass(frozen=True, slots=True)
class Parked:
    """A rule of the remote system, or a person's omission, is in the way: waits for a person."""

    reason: str


@dataclass(frozen=True, slots=True)
class Overtaken:
    """It is not wanted any more, and surely not there."""

    reason: str


Outcome = Done | NotSent | InDoubt | Parked | Overtaken


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One line of history. `at` None, `run` "" and `config` "" (the hash in force) are filled in by the state."""

    event: str
    subject: str = ""
    order: str = ""
    work_order: str = ""
    effect_key: str = ""
    data: Mapping[str, object] = field(default_factory=dict)
    at: datetime | None = None
    run: str = ""
    config: str = ""


@dataclass(frozen=True, slots=True)
class Backlog:
    """The effects that are not at rest. `oldest_s`: how long the oldest of them has waited for its turn or an answer."""

    pending: int
    in_flight: int
    in_doubt: int
    parked: int
    oldest_s: float

    @property
    def waiting(self) -> int:
        """Those that go on without a person."""
        return self.pending + self.in_flight + self.in_doubt


@dataclass(frozen=True, slots=True)
class QuarantinedRecord:
    """A record that could not be read. `id` may be "" when not even that was readable. `times` counts the sightings."""

    system: System
    kind: Kind
    id: str
    stamp: datetime | None
    field: str
    reason: str
    body: str
    first_seen_at: datetime
    last_seen_at: datetime
    times: int
    key: str = ""
    """What tells it from the others of its kind, also where no id could be read."""


@dataclass(frozen=True, slots=True)
class StoredEffect:
    """An effect as the outbox keeps it, with its times.

    `moved_at` is when it came into `status`. `not_before` is when it may be sent or looked for again, `lease_until` when
    one in flight is given up, `settled_at` when a done or superseded one came to rest.
    """

    effect: Effect
    status: EffectStatus
    attempts: int
    reason: str
    born_at: datetime
    moved_at: datetime
    first_sent_at: datetime | None
    last_sent_at: datetime | None
    not_before: datetime | None
    lease_until: datetime | None
    settled_at: datetime | None
    unremembered: bool = False
    """Another life may have sent it, and this state does not remember."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """One run of the sweep; `finished_at` None when it runs, or was cut short."""

    number: int
    began_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class VanishedLink:
    """A link whose work order is gone from field service. `number` is that of the work order as last seen."""

    link: Link
    number: str
    first_missing_at: datetime
    vanished_at: datetime


@dataclass(frozen=True, slots=True)
class SafetyStop:
    """A lane that stopped before a mass change: what it would have done to how many orders, of how many known ones.

    `allowed_at` None: it waits for a person.
    """

    lane: str
    counts: Mapping[str, int]
    known: int
    stopped_at: datetime
    allowed_by: str = ""
    allowed_reason: str = ""
    allowed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Backfill:
    """How far a backfill of the subjects created from `since` to `until` came.

    It stands `skip` rows behind the place (stamp, id) among those of `kind`. `read` and `counts` are of all its runs.
    """

    name: str
    since: datetime
    until: datetime
    kind: Kind
    stamp: datetime
    id: str = ""
    skip: int = 0
    read: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was given up: of how many orders, and of how many records that stand `alone`, with what is below each; how many
    bodies of records, effects, entries of the ledger; how many characters all of that was."""

    orders: int = 0
    alone: int = 0
    records: int = 0
    effects: int = 0
    entries: int = 0
    size: int = 0

    def __add__(self, other: Pruned) -> Pruned:
        return Pruned(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True, slots=True)
class Permits:
    """A block of `count` permits for requests, to be used within `valid_s`; with none, when to ask again."""

    id: int
    count: int
    valid_s: float
    retry_s: float


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """What counts against the request budget of a system now, and how much of it is the background's."""

    system: System
    requests: int
    used: int
    background: int


@dataclass(frozen=True, slots=True)
class Halt:
    """A domain order or order task for which a promise was broken: its effects wait. `allowed_at` None: for a person."""

    subject_kind: Kind
    subject: str
    promise: str
    reason: str
    since: datetime
    allowed_by: str = ""
    allowed_reason: str = ""
    allowed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ParkedEffect:
    """An effect that waits for a person."""

    key: str
    subject: str
    reason: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What `syncd status` shows. `effects` counts by (effect kind, status), `snapshots` by record kind."""

    feeds: tuple[Watermark, ...]
    effects: Mapping[tuple[str, str], int]
    oldest_pending: datetime | None
    in_doubt: int
    quarantine: int
    links: int
    plans: int
    snapshots: Mapping[str, int]
    parked: tuple[ParkedEffect, ...]
    oldest: Mapping[tuple[str, str], datetime] = field(default_factory=dict)
    """By (effect kind, status): when the oldest was born, of those that are not at rest."""
