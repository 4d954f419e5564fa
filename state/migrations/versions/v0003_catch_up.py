"""Catch-up: whether a state may be older than the world, and what it then must not take for new.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INSTANT = sa.String(27).with_variant(sa.String(27, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "catch_up",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("probe_from", INSTANT),
        sa.CheckConstraint("id = 1", name="one_catch_up"),
    )
    op.create_table(
        "reviews",
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("subject_kind", sa.Text, nullable=False),
    )
    for table in ("outbox", "requests"):
        column = sa.Column("unremembered", sa.Boolean, nullable=False, server_default=sa.false())
        op.add_column(table, column)
    op.add_column("identities", sa.Column("bound_at", INSTANT))
