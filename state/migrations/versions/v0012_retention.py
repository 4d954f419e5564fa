"""The effects of a subject are found without its history, which may be gone.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("outbox_by_subject", "outbox", ["subject"])
