"""References that field service did not know, so that they are filled in when it does.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

INSTANT = sa.String(27).with_variant(sa.String(27, collation="C"), "postgresql")


def upgrade() -> None:
    text = ("subject", "subject_kind", "entity", "match", "value")
    op.create_table(
        "unresolved",
        sa.Column("work_order", sa.Text, primary_key=True),
        sa.Column("target", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in text),
        sa.Column("since", INSTANT, nullable=False),
    )
    op.create_index("unresolved_by_subject", "unresolved", ["subject"])
