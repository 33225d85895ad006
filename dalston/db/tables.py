"""The rows. Times are UTC; SQLite and PostgreSQL give the same Python values."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

metadata = MetaData()


class UTCDateTime(TypeDecorator[datetime]):
    """A moment in UTC. SQLite keeps no time zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Write in UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Read as UTC."""
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


class DatabaseNow(FunctionElement[datetime]):
    """The database's own clock: the only one that decides."""

    type = UTCDateTime()
    inherit_cache = True


@compiles(DatabaseNow, "postgresql")
def _now_on_postgresql(element: DatabaseNow, compiler: SQLCompiler, **_: object) -> str:  # noqa: ARG001 - SQLAlchemy's signature
    return "clock_timestamp()"


@compiles(DatabaseNow, "sqlite")
def _now_on_sqlite(element: DatabaseNow, compiler: SQLCompiler, **_: object) -> str:  # noqa: ARG001 - SQLAlchemy's signature
    # Milliseconds, written with the six digits that SQLAlchemy writes, so that text compares.
    return "(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000')"


jobs = Table(
    "jobs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("pipeline", String(64), nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("filename", Text),
    Column("audio_path", Text, nullable=False),
    Column("audio_bytes", BigInteger, nullable=False),
    Column("transcript_path", Text),
    Column("error_code", String(64)),
    Column("error_message", Text),
    Column("created_at", UTCDateTime, nullable=False),
    Column("started_at", UTCDateTime),
    Column("completed_at", UTCDateTime),
    Column("deleted_at", UTCDateTime),
    Index("ix_jobs_created", "created_at", "id"),
    Index("ix_jobs_status_created", "status", "created_at", "id"),
    Index("ix_jobs_owner_status", "owner", "status"),
    Index("ix_jobs_deleted", "deleted_at"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("job_id", String(32), ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("stage", String(32), nullable=False),
    Column("index", Integer, nullable=False),
    Column("engine_id", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("hand_out", Integer, nullable=False),
    Column("token", String(32)),
    Column("instance", String(128)),
    Column("rank", Float, nullable=False),
    Column("final", Integer, nullable=False),
    Column("config", JSON, nullable=False),
    Column("audio_from", String(32)),
    Column("output_path", Text),
    Column("failures", Integer, nullable=False),
    Column("losses", Integer, nullable=False),
    Column("restarts", Integer, nullable=False),
    Column("error_code", String(64)),
    Column("error_message", Text),
    Column("started_at", UTCDateTime),
    Column("completed_at", UTCDateTime),
    UniqueConstraint("job_id", "stage", "index", name="uq_tasks_job_stage_index"),
    Index("ix_tasks_engine_status_rank", "engine_id", "status", "rank", "id"),
    Index("ix_tasks_status_completed", "status", "completed_at"),
)

edges = Table(
    "task_edges",
    metadata,
    Column("task_id", String(32), ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("after_id", String(32), ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Index("ix_task_edges_after", "after_id"),
)

history = Table(
    "history",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("job_id", String(32), ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("task_id", String(32)),
    Column("at", UTCDateTime, nullable=False),
    Column("from_status", String(16)),
    Column("to_status", String(16), nullable=False),
    Column("why", Text, nullable=False),
    Column("attempt", Integer),
    Column("instance", String(128)),
    Index("ix_history_job", "job_id", "id"),
)
