"""What only a daemon's memory knew: when a lane last worked, what keeps it from a system, a feed's last page by its server.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INSTANT = sa.String(27).with_variant(sa.String(27, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "lanes",
        sa.Column("lane", sa.Text, primary_key=True),
        sa.Column("system", sa.Text, primary_key=True),
        sa.Column("worked_at", INSTANT),
        sa.Column("since", INSTANT),
        sa.Column("until", INSTANT),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.add_column("watermarks", sa.Column("read_at", INSTANT))
