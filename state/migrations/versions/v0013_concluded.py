"""Of the effects of orders that ended long ago only the digests of their keys are kept.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

INSTANT = sa.String(27).with_variant(sa.String(27, collation="C"), "postgresql")
MARKED = sa.text("marker IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "concluded",
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("subject", sa.LargeBinary, nullable=False),
        sa.Column("what", sa.LargeBinary, nullable=False),
        sa.Column("marker", sa.LargeBinary),
        sa.Column("done", sa.Boolean, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("first_sent_at", INSTANT),
        sa.Column("last_sent_at", INSTANT),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "concluded_by_subject", "concluded", ["subject"], sqlite_where=MARKED, postgresql_where=MARKED
    )
