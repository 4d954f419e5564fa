"""Requests for closure remember what the last note about them said, and when.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

INSTANT = sa.String(27).with_variant(sa.String(27, collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column(
        "requests", sa.Column("hold_notes", sa.Integer, nullable=False, server_default=sa.text("0"))
    )
    op.add_column(
        "requests", sa.Column("noted_reasons", sa.Text, nullable=False, server_default=sa.text("'[]'"))
    )
    op.add_column("requests", sa.Column("noted_at", INSTANT))
