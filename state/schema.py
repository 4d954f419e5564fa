"""The tables. The same on SQLite and PostgreSQL; how values are written in them, `columns` says.

Used by every module of the state. `migrations` builds the tables; a test compares the two. `HEAD` is the revision this
code works with, compared at start-up without alembic.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    false,
    text,
)

from state.columns import Instant as Instant  # noqa: PLC0414 - the rest of the state says schema.Instant
from state.columns import Json, OutsideText, RowId

HEAD = "0016"  # the newest migration

metadata = MetaData()


def _only(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


watermarks = Table(
    "watermarks",
    metadata,
    Column("feed", Text, primary_key=True),
    Column("stamp", Instant, nullable=False),
    Column("id", Text, nullable=False),
    Column("passed_until", Instant),
    Column("updated_at", Instant, nullable=False),
    Column("read_at", Instant),
)

lanes = Table(
    "lanes",
    metadata,
    Column("lane", Text, primary_key=True),
    Column("system", Text, primary_key=True),
    Column("worked_at", Instant),
    Column("since", Instant),
    Column("until", Instant),
    Column("failures", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Column("detail", OutsideText, nullable=False),
)
"""How lanes do, as `syncd status` shows it: written when that changes."""

baseline = Table(
    "baseline",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    CheckConstraint("id = 1", name="one_baseline"),
)

identities = Table(
    "identities",
    metadata,
    Column("system", Text, primary_key=True),
    Column("id", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("bound_at", Instant),  # links made before it say nothing about this instance
)

catch_up = Table(
    "catch_up",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("since", Instant, nullable=False),
    Column("probe_from", Instant),
    CheckConstraint("id = 1", name="one_catch_up"),
)
"""One row while the state may be older than the world."""

reviews = Table(
    "reviews",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("subject_kind", Text, nullable=False),
    Column("looked", Boolean, nullable=False, server_default=false()),
)
"""Subjects first seen in a catch-up: they are looked at as a whole at its end, and stay until their first plan is decided:
another life may have decided one."""

decider = Table(
    "decider",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
)
"""One row, locked by who decides (PostgreSQL)."""

snapshots = Table(
    "snapshots",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("number", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("state", Text, nullable=False),
    Column("state_label", Text, nullable=False),
    Column("fields", Json, nullable=False),
    # the records above this one, by their kind
    Column("customer_order", Text),
    Column("order_line", Text),
    Column("domain_order", Text),
    Column("work_order", Text),
    Column("seen_at", Instant, nullable=False),
)
Index("snapshots_by_number", snapshots.c.kind, snapshots.c.number)
for _above in ("customer_order", "order_line", "domain_order", "work_order"):
    Index(f"snapshots_by_{_above}", snapshots.c[_above], **_only(f"{_above} IS NOT NULL"))

links = Table(
    "links",
    metadata,
    Column("domain_order", Text, primary_key=True),
    Column("work_order", Text, primary_key=True),
    Column("origin", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("slot", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("noted", Boolean, nullable=False),
    Column("made_at", Instant, nullable=False),
    Index("links_by_work_order", "work_order"),
)

requests = Table(
    "requests",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("subject_kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reasons", Json, nullable=False),
    Column("overridden_by", Text, nullable=False),
    Column("override_reason", Text, nullable=False),
    Column("stamp", Instant, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("moved_at", Instant, nullable=False),
    Column("search_from", Instant),
    Column("retry_after", Instant),
    Column("unremembered", Boolean, nullable=False, server_default=false()),
    Column("hold_notes", Integer, nullable=False, server_default=text("0")),
    Column("noted_reasons", Json, nullable=False, server_default=text("'[]'")),
    Column("noted_at", Instant),
)
"""Requests for closure."""

sweeps = Table(
    "sweeps",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("began_at", Instant, nullable=False),
    Column("finished_at", Instant),
)

missing = Table(
    "missing",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("first_missing_at", Instant, nullable=False),
    Column("sweep", Integer, nullable=False),  # the first that did not find it
    Column("vanished_at", Instant),
)
"""Records that a sweep did not find by their id."""

dropped_links = Table(
    "dropped_links",
    metadata,
    Column("domain_order", Text, primary_key=True),
    Column("work_order", Text, primary_key=True),
    Column("number", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("slot", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("dropped_by", OutsideText, nullable=False),
    Column("reason", OutsideText, nullable=False),
    Column("dropped_at", Instant, nullable=False),
)
"""Links to vanished work orders that a person let go; their slots of the plan are waived."""

unresolved = Table(
    "unresolved",
    metadata,
    Column("work_order", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("subject_kind", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("match", Text, nullable=False),
    Column("value", OutsideText, nullable=False),
    Column("since", Instant, nullable=False),
    Index("unresolved_by_subject", "subject"),
)
"""Fields of work orders that point at nothing, because field service did not know the record."""

waiting_notes = Table(
    "waiting_notes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("record", Text, nullable=False),
    Column("text", OutsideText, nullable=False),
    Column("author", OutsideText, nullable=False),
    Column("created_at", Instant, nullable=False),
)
"""Typed notes for which nobody of the other side was found yet."""

safety_stops = Table(
    "safety_stops",
    metadata,
    Column("lane", Text, primary_key=True),
    Column("counts", Json, nullable=False),
    Column("known", Integer, nullable=False),
    Column("stopped_at", Instant, nullable=False),
    Column("allowed_by", OutsideText, nullable=False),
    Column("allowed_reason", OutsideText, nullable=False),
    Column("allowed_at", Instant),
)
"""Lanes that stopped before a mass change."""

halts = Table(
    "halts",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("subject_kind", Text, nullable=False),
    Column("promise", Text, nullable=False),
    Column("reason", OutsideText, nullable=False),
    Column("since", Instant, nullable=False),
    Column("allowed_by", OutsideText, nullable=False),
    Column("allowed_reason", OutsideText, nullable=False),
    Column("allowed_at", Instant),
)
"""Orders that wait for a person because a promise was broken for them."""

backfills = Table(
    "backfills",
    metadata,
    Column("name", Text, primary_key=True),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("kind", Text, nullable=False),  # where it is, with the three below
    Column("stamp", Instant, nullable=False),
    Column("id", Text, nullable=False),
    Column("skip", Integer, nullable=False),
    Column("read", Integer, nullable=False),
    Column("counts", Json, nullable=False),
    Column("began_at", Instant, nullable=False),
    Column("finished_at", Instant),
)

request_blocks = Table(
    "request_blocks",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("system", Text, nullable=False),
    Column("background", Boolean, nullable=False),
    Column("count", Integer, nullable=False),
    Column("taken_at", Instant, nullable=False),
    sqlite_autoincrement=True,  # permits are never given back to a block of somebody else
)
"""Permits for requests that count against a budget."""

plans = Table(
    "plans",
    metadata,
    Column("domain_order", Text, primary_key=True),
    Column("table_name", Text, nullable=False),
    Column("table_hash", Text, nullable=False),
    Column("work_orders", Json, nullable=False),
    Column("columns", Json, nullable=False),
    Column("pinned_at", Instant, nullable=False),
)

# a partial index serves only a query that says the same in the same words
IN_FLIGHT = "status = 'in_flight'"
WAITING = "status IN ('pending', 'in_doubt')"
OPEN = "status IN ('pending', 'in_flight', 'in_doubt', 'parked')"

outbox = Table(
    "outbox",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("priority", Integer, nullable=False),  # 0 goes first
    Column("subject", Text, nullable=False),  # subject and system are the queue
    Column("system", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("moved_at", Instant, nullable=False),  # both deadlines below count from here
    Column("effect", Json, nullable=False),
    Column("because", OutsideText, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("owner", Text, nullable=False),
    Column("lease_until", Instant),
    Column("not_before", Instant),
    Column("born_at", Instant, nullable=False),
    Column("first_sent_at", Instant),
    Column("last_sent_at", Instant),
    Column("settled_at", Instant),
    Column("reason", OutsideText, nullable=False),
    # an earlier or later life may have sent it, and this state does not remember
    Column("unremembered", Boolean, nullable=False, server_default=false()),
    # a backfill intends it: the queues of live effects go first
    Column("background", Boolean, nullable=False, server_default=false()),
    Index("outbox_waiting", "priority", "background", "id", **_only(WAITING)),
    Index("outbox_queues", "subject", "system", **_only(OPEN)),
    Index("outbox_in_flight", "lease_until", **_only(IN_FLIGHT)),
    Index("outbox_moved", "moved_at", **_only(OPEN)),
    Index("outbox_by_kind", "kind", "status"),
    Index("outbox_by_subject", "subject"),
    sqlite_autoincrement=True,  # an id is never used twice: a late worker must not match another effect
)

concluded = Table(
    "concluded",
    metadata,
    Column("key", LargeBinary, primary_key=True),  # digests, as the next three
    Column("subject", LargeBinary, nullable=False),
    Column("what", LargeBinary, nullable=False),
    Column("marker", LargeBinary),
    Column("done", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("first_sent_at", Instant),
    Column("last_sent_at", Instant),
    Index("concluded_by_subject", "subject", **_only("marker IS NOT NULL")),
    sqlite_with_rowid=False,  # the key is the table: half the space
)
"""Effects of orders that ended long ago."""

clock = Table(
    "clock",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("zero", Instant, nullable=False),
)
"""One row: the hour at which the machine's count of seconds began, by the process that last counted time (SQLite)."""

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("taken_at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),  # the record's id, else a digest of its body
    Column("system", Text, nullable=False),
    Column("id", OutsideText, nullable=False),
    Column("stamp", Instant),
    Column("field", OutsideText, nullable=False),
    Column("reason", OutsideText, nullable=False),
    Column("body", OutsideText, nullable=False),
    Column("first_seen_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    Column("times", Integer, nullable=False),
)

ledger = Table(
    "ledger",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("run", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("work_order", Text, nullable=False),
    Column("effect_key", Text, nullable=False),
    Column("data", Json, nullable=False),
    Column("config", Text, nullable=False, server_default=""),
    sqlite_autoincrement=True,
)
for _about in ("subject", "order_id", "work_order"):
    Index(f"ledger_by_{_about}", ledger.c[_about], **_only(f"{_about} <> ''"))
