"""The foundation: watermarks, snapshots, links, plans, outbox, leases, quarantine, ledger.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
INSTANT = sa.String(27).with_variant(sa.String(27, collation="C"), "postgresql")


def upgrade() -> None:
    _what_was_seen()
    _what_was_decided()
    _what_is_to_be_sent()
    _what_happened()


def _text(*names: str) -> Iterable[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _instants(*names: str, nullable: bool = False) -> Iterable[sa.Column[str]]:
    return [sa.Column(name, INSTANT, nullable=nullable) for name in names]


def _partial_index(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _what_was_seen() -> None:
    op.create_table(
        "watermarks",
        sa.Column("feed", sa.Text, primary_key=True),
        *_instants("stamp"),
        *_text("id"),
        *_instants("passed_until", nullable=True),
        *_instants("updated_at"),
    )
    op.create_table(
        "baseline",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        *_instants("at", "created_at"),
        sa.CheckConstraint("id = 1", name="one_baseline"),
    )
    op.create_table("identities", sa.Column("system", sa.Text, primary_key=True), *_text("id", "url"))
    above = ("customer_order", "order_line", "domain_order", "work_order")
    op.create_table(
        "snapshots",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        *_text("number"),
        sa.Column("version", sa.BigInteger, nullable=False),
        *_instants("created_at", "updated_at"),
        *_text("state", "state_label", "fields"),
        *(sa.Column(name, sa.Text) for name in above),
        *_instants("seen_at"),
    )
    op.create_index("snapshots_by_number", "snapshots", ["kind", "number"])
    for name in above:
        _partial_index(f"snapshots_by_{name}", "snapshots", [name], f"{name} IS NOT NULL")


def _what_was_decided() -> None:
    decider = op.create_table("decider", sa.Column("id", sa.Integer, primary_key=True, autoincrement=False))
    op.bulk_insert(decider, [{"id": 1}])
    op.create_table(
        "links",
        sa.Column("domain_order", sa.Text, primary_key=True),
        sa.Column("work_order", sa.Text, primary_key=True),
        *_text("origin", "rule"),
        sa.Column("slot", sa.Integer, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("noted", sa.Boolean, nullable=False),
        *_instants("made_at"),
    )
    op.create_index("links_by_work_order", "links", ["work_order"])
    op.create_table(
        "plans",
        sa.Column("domain_order", sa.Text, primary_key=True),
        *_text("table_name", "table_hash", "work_orders", "columns"),
        *_instants("pinned_at"),
    )


def _what_is_to_be_sent() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", ID, primary_key=True),
        *_text("key", "kind"),
        sa.Column("priority", sa.Integer, nullable=False),
        *_text("subject", "system", "target", "status"),
        *_instants("moved_at"),
        *_text("effect", "because"),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        *_text("owner"),
        *_instants("lease_until", "not_before", nullable=True),
        *_instants("born_at"),
        *_instants("first_sent_at", "last_sent_at", "settled_at", nullable=True),
        *_text("reason"),
        sa.UniqueConstraint("key"),
        sqlite_autoincrement=True,
    )
    is_open = "status IN ('pending', 'in_flight', 'in_doubt', 'parked')"
    _partial_index("outbox_waiting", "outbox", ["priority", "id"], "status IN ('pending', 'in_doubt')")
    _partial_index("outbox_queues", "outbox", ["subject", "system"], is_open)
    _partial_index("outbox_in_flight", "outbox", ["lease_until"], "status = 'in_flight'")
    _partial_index("outbox_moved", "outbox", ["moved_at"], is_open)
    op.create_index("outbox_by_kind", "outbox", ["kind", "status"])
    op.create_table(
        "leases",
        sa.Column("name", sa.Text, primary_key=True),
        *_text("owner"),
        *_instants("taken_at", "until"),
    )


def _what_happened() -> None:
    op.create_table(
        "quarantine",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        *_text("system", "id"),
        *_instants("stamp", nullable=True),
        *_text("field", "reason", "body"),
        *_instants("first_seen_at", "last_seen_at"),
        sa.Column("times", sa.Integer, nullable=False),
    )
    op.create_table(
        "ledger",
        sa.Column("id", ID, primary_key=True),
        *_instants("at"),
        *_text("run", "event", "subject", "order_id", "work_order", "effect_key", "data"),
        sqlite_autoincrement=True,
    )
    for name in ("subject", "order_id", "work_order"):
        _partial_index(f"ledger_by_{name}", "ledger", [name], f"{name} <> ''")
