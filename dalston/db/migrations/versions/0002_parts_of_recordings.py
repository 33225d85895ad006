"""Tasks that work on a part of a recording, tasks that a job can do without, and who makes parts.

Revision: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what is there already works on whole recordings and is needed."""
    with op.batch_alter_table("tasks") as tasks:
        tasks.add_column(sa.Column("part", sa.JSON))
        tasks.add_column(sa.Column("optional", sa.Integer, nullable=False, server_default="0"))
        tasks.add_column(sa.Column("expands", sa.Integer, nullable=False, server_default="0"))


def downgrade() -> None:
    """Remove them."""
    with op.batch_alter_table("tasks") as tasks:
        for name in ("part", "optional", "expands"):
            tasks.drop_column(name)
