"""What the sweep remembers: its runs, records that were not found, links that a person dropped; and lanes that stopped.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INSTANT = sa.String(27).with_variant(sa.String(27, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "sweeps",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("began_at", INSTANT, nullable=False),
        sa.Column("finished_at", INSTANT),
    )
    op.create_table(
        "missing",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("first_missing_at", INSTANT, nullable=False),
        sa.Column("sweep", sa.Integer, nullable=False),
        sa.Column("vanished_at", INSTANT),
    )
    op.create_table(
        "dropped_links",
        sa.Column("domain_order", sa.Text, primary_key=True),
        sa.Column("work_order", sa.Text, primary_key=True),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("slot", sa.Integer, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("dropped_by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("dropped_at", INSTANT, nullable=False),
    )
    op.create_table(
        "safety_stops",
        sa.Column("lane", sa.Text, primary_key=True),
        sa.Column("counts", sa.Text, nullable=False),
        sa.Column("known", sa.Integer, nullable=False),
        sa.Column("stopped_at", INSTANT, nullable=False),
        sa.Column("allowed_by", sa.Text, nullable=False),
        sa.Column("allowed_reason", sa.Text, nullable=False),
        sa.Column("allowed_at", INSTANT),
    )
