"""A subject first seen in a catch-up is remembered until its first plan is decided.

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("reviews", sa.Column("looked", sa.Boolean, nullable=False, server_default=sa.false()))
