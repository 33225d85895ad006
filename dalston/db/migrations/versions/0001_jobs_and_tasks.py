"""Jobs, tasks, the edges between them, and the history of both.

Revision: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the first tables."""
    _create_jobs()
    _create_tasks()
    op.create_table(
        "task_edges",
        sa.Column("task_id", sa.String(32), _task_reference(), primary_key=True),
        sa.Column("after_id", sa.String(32), _task_reference(), primary_key=True),
    )
    op.create_index("ix_task_edges_after", "task_edges", ["after_id"])
    op.create_table(
        "history",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("job_id", sa.String(32), _job_reference(), nullable=False),
        sa.Column("task_id", sa.String(32)),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("from_status", sa.String(16)),
        sa.Column("to_status", sa.String(16), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer),
        sa.Column("instance", sa.String(128)),
    )
    op.create_index("ix_history_job", "history", ["job_id", "id"])


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("pipeline", sa.String(64), nullable=False),
        sa.Column("parameters", sa.JSON, nullable=False),
        sa.Column("filename", sa.Text),
        sa.Column("audio_path", sa.Text, nullable=False),
        sa.Column("audio_bytes", sa.BigInteger, nullable=False),
        sa.Column("transcript_path", sa.Text),
        sa.Column("error_code", sa.String(64)),
        sa.Column("error_message", sa.Text),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("started_at", _MOMENT),
        sa.Column("completed_at", _MOMENT),
        sa.Column("deleted_at", _MOMENT),
    )
    op.create_index("ix_jobs_created", "jobs", ["created_at", "id"])
    op.create_index("ix_jobs_status_created", "jobs", ["status", "created_at", "id"])
    op.create_index("ix_jobs_owner_status", "jobs", ["owner", "status"])
    op.create_index("ix_jobs_deleted", "jobs", ["deleted_at"])


def _create_tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("job_id", sa.String(32), _job_reference(), nullable=False),
        sa.Column("stage", sa.String(32), nullable=False),
        sa.Column("index", sa.Integer, nullable=False),
        sa.Column("engine_id", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("hand_out", sa.Integer, nullable=False),
        sa.Column("token", sa.String(32)),
        sa.Column("instance", sa.String(128)),
        sa.Column("rank", sa.Float, nullable=False),
        sa.Column("final", sa.Integer, nullable=False),
        sa.Column("config", sa.JSON, nullable=False),
        sa.Column("audio_from", sa.String(32)),
        sa.Column("output_path", sa.Text),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("losses", sa.Integer, nullable=False),
        sa.Column("restarts", sa.Integer, nullable=False),
        sa.Column("error_code", sa.String(64)),
        sa.Column("error_message", sa.Text),
        sa.Column("started_at", _MOMENT),
        sa.Column("completed_at", _MOMENT),
        sa.UniqueConstraint("job_id", "stage", "index", name="uq_tasks_job_stage_index"),
    )
    op.create_index("ix_tasks_engine_status_rank", "tasks", ["engine_id", "status", "rank", "id"])
    op.create_index("ix_tasks_status_completed", "tasks", ["status", "completed_at"])


def _job_reference() -> sa.ForeignKey:
    return sa.ForeignKey("jobs.id", ondelete="CASCADE")


def _task_reference() -> sa.ForeignKey:
    return sa.ForeignKey("tasks.id", ondelete="CASCADE")


def downgrade() -> None:
    """Remove them."""
    for table in ("history", "task_edges", "tasks", "jobs"):
        op.drop_table(table)
