"""How far each backfill came; what it intends waits for what is live.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INSTANT = sa.String(27).with_variant(sa.String(27, collation="C"), "postgresql")


WAITING = "status IN ('pending', 'in_doubt')"


def upgrade() -> None:
    op.add_column("outbox", sa.Column("background", sa.Boolean, nullable=False, server_default=sa.false()))
    op.drop_index("outbox_waiting", table_name="outbox")
    op.create_index(
        "outbox_waiting",
        "outbox",
        ["priority", "background", "id"],
        sqlite_where=sa.text(WAITING),
        postgresql_where=sa.text(WAITING),
    )
    op.create_table(
        "backfills",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("stamp", INSTANT, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("skip", sa.Integer, nullable=False),
        sa.Column("read", sa.Integer, nullable=False),
        sa.Column("counts", sa.Text, nullable=False),
        sa.Column("began_at", INSTANT, nullable=False),
        sa.Column("finished_at", INSTANT),
    )
