"""Versions of a job, back-off, deadlines, retention, and what was seen when.

Revision: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_OF_JOBS = (
    "version",
    "resumed",
    "rerun",
    "deadline_seconds",
    "deadline_at",
    "retention",
    "retention_days",
    "audio_deleted_at",
)


def upgrade() -> None:
    """Add columns and tables; a job that is there is the first version of itself."""
    with op.batch_alter_table("jobs") as jobs:
        jobs.add_column(sa.Column("version", sa.Integer, nullable=False, server_default="1"))
        jobs.add_column(sa.Column("resumed", sa.Integer, nullable=False, server_default="0"))
        jobs.add_column(sa.Column("rerun", sa.JSON))
        jobs.add_column(sa.Column("deadline_seconds", sa.Float))
        jobs.add_column(sa.Column("deadline_at", _MOMENT))
        jobs.add_column(sa.Column("retention", sa.String(16)))
        jobs.add_column(sa.Column("retention_days", sa.Float))
        jobs.add_column(sa.Column("audio_deleted_at", _MOMENT))
        jobs.create_index("ix_jobs_deadline", ["deadline_at"])
    with op.batch_alter_table("tasks") as tasks:
        tasks.add_column(sa.Column("not_before", _MOMENT))
    op.create_table(
        "versions",
        sa.Column(
            "job_id",
            sa.String(32),
            sa.ForeignKey("jobs.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("parameters", sa.JSON, nullable=False),
        sa.Column("rerun", sa.JSON),
        sa.Column("tasks", sa.JSON, nullable=False),
        sa.Column("transcript", sa.Text),
        sa.Column("transcript_path", sa.Text),
        sa.Column("error_code", sa.String(64)),
        sa.Column("error_message", sa.Text),
        sa.Column("started_at", _MOMENT),
        sa.Column("completed_at", _MOMENT),
    )
    op.create_table(
        "sightings",
        sa.Column("name", sa.String(512), primary_key=True),
        sa.Column("first_at", _MOMENT, nullable=False),
        sa.Column("last_at", _MOMENT, nullable=False),
    )


def downgrade() -> None:
    """Remove them; what is in the older versions of jobs goes with them."""
    op.drop_table("sightings")
    op.drop_table("versions")
    with op.batch_alter_table("tasks") as tasks:
        tasks.drop_column("not_before")
    with op.batch_alter_table("jobs") as jobs:
        jobs.drop_index("ix_jobs_deadline")
        for name in _OF_JOBS:
            jobs.drop_column(name)
