"""Small outputs stand in their tasks' rows; jobs whose transcript has no object yet are found.

Revision: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_INDEX = "ix_jobs_without_transcript_object"
_WHERE = sa.text("status = 'completed' AND transcript_path IS NULL")


def upgrade() -> None:
    """Add the column and the index; outputs so far are objects."""
    with op.batch_alter_table("tasks") as tasks:
        tasks.add_column(sa.Column("output", sa.Text))
    op.create_index(_INDEX, "jobs", ["completed_at"], postgresql_where=_WHERE, sqlite_where=_WHERE)


def downgrade() -> None:
    """Remove them: outputs that only the rows have are lost, which transcripts are not."""
    op.drop_index(_INDEX, "jobs")
    with op.batch_alter_table("tasks") as tasks:
        tasks.drop_column("output")
