"""Studies keep the digests of their files, and who measures them until when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("studies", sa.Column("files", sa.Text(), nullable=True))
    op.add_column("studies", sa.Column("claimed_by", sa.String(length=64), nullable=True))
    op.add_column("studies", sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True))
