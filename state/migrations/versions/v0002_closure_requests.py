"""Requests for closure: which domain order asked when, and where its answer stands.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INSTANT = sa.String(27).with_variant(sa.String(27, collation="C"), "postgresql")


def upgrade() -> None:
    text = ("subject_kind", "status", "reasons", "overridden_by", "override_reason")
    op.create_table(
        "requests",
        sa.Column("subject", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in text),
        *(sa.Column(name, INSTANT, nullable=False) for name in ("stamp", "opened_at", "moved_at")),
        *(sa.Column(name, INSTANT) for name in ("search_from", "retry_after")),
    )
