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
    text,
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


class DatabaseAgo(FunctionElement[datetime]):
    """A moment before now by the database's clock, to compare with; its argument is in seconds.

    It stands still during a statement: only so does PostgreSQL look it up in an index.
    """

    type = UTCDateTime()
    inherit_cache = True


@compiles(DatabaseAgo, "postgresql")
def _ago_on_postgresql(element: DatabaseAgo, compiler: SQLCompiler, **more: object) -> str:
    seconds = compiler.process(element.clauses, **more)
    return f"(statement_timestamp() - {seconds} * interval '1 second')"


@compiles(DatabaseAgo, "sqlite")
def _ago_on_sqlite(element: DatabaseAgo, compiler: SQLCompiler, **more: object) -> str:
    seconds = compiler.process(element.clauses, **more)
    moment = f"strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || ({seconds}) || ' seconds')"
    return f"({moment} || '000')"


class DatabaseLater(FunctionElement[datetime]):
    """A moment after now by the database's clock; its argument is in seconds, null for never."""

    type = UTCDateTime()
    inherit_cache = True


@compiles(DatabaseLater, "postgresql")
def _later_on_postgresql(element: DatabaseLater, compiler: SQLCompiler, **more: object) -> str:
    return (
        f"(clock_timestamp() + {compiler.process(element.clauses, **more)} * interval '1 second')"
    )


@compiles(DatabaseLater, "sqlite")
def _later_on_sqlite(element: DatabaseLater, compiler: SQLCompiler, **more: object) -> str:
    seconds = compiler.process(element.clauses, **more)
    moment = f"strftime('%Y-%m-%d %H:%M:%f', 'now', '+' || round({seconds}, 3) || ' seconds')"
    return f"({moment} || '000')"


_WITHOUT_TRANSCRIPT_OBJECT = text("status = 'completed' AND transcript_path IS NULL")

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
    Column("version", Integer, nullable=False, server_default="1"),
    Column("resumed", Integer, nullable=False, server_default="0"),
    Column("rerun", JSON(none_as_null=True)),
    Column("deadline_seconds", Float),
    Column("deadline_at", UTCDateTime),
    Column("retention", String(16)),
    Column("retention_days", Float),
    Column("audio_deleted_at", UTCDateTime),
    Column("callback_url", Text),
    Index("ix_jobs_status_created", "status", "created_at", "id"),
    Index("ix_jobs_owner_created", "owner", "created_at", "id"),
    Index("ix_jobs_owner_status", "owner", "status", "created_at", "id"),
    Index("ix_jobs_deleted", "deleted_at"),
    Index(
        "ix_jobs_without_transcript_object",
        "completed_at",
        postgresql_where=_WITHOUT_TRANSCRIPT_OBJECT,
        sqlite_where=_WITHOUT_TRANSCRIPT_OBJECT,
    ),
    Index("ix_jobs_deadline", "deadline_at"),
)

abandoned_jobs = Table(
    "abandoned_jobs",
    metadata,
    Column("job_id", String(32), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("due_at", UTCDateTime, nullable=False),
)
"""Few at any time: no index is worth its upkeep."""

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
    Column("not_before", UTCDateTime),
    Column("rank", Float, nullable=False),
    Column("final", Integer, nullable=False),
    Column("config", JSON, nullable=False),
    Column("audio_from", String(32)),
    Column("part", JSON(none_as_null=True)),
    Column("optional", Integer, nullable=False, server_default="0"),
    Column("expands", Integer, nullable=False, server_default="0"),
    Column("output_path", Text),
    Column("output", Text),
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
    # Numbers of deleted rows don't come back, and 2³¹ of them may be used up.
    Column(
        "id",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
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

owners = Table(
    "owners",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("requests_per_minute", Integer),
    Column("running_jobs", Integer),
    Column("audio_seconds_per_day", Float),
    Column("upload_bytes", BigInteger),
    # What has been used of the limits.
    Column("requests_paid", UTCDateTime),
    Column("audio_day", String(10)),
    Column("audio_seconds", Float, nullable=False, server_default="0"),
)

audio_charges = Table(
    "audio_charges",
    metadata,
    Column("job_id", String(32), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("day", String(10), nullable=False),
    Column("seconds", Float, nullable=False),
    Index("ix_audio_charges_owner", "owner"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("prefix", String(16), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("name", String(100), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("expires_at", UTCDateTime),
    Column("revoked_at", UTCDateTime),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("owner", String(64), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("content", String(64), nullable=False),
    Column("job_id", String(32), nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Index("ix_idempotency_keys_created", "created_at"),
)

versions = Table(
    "versions",
    metadata,
    Column("job_id", String(32), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("status", String(16), nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("rerun", JSON(none_as_null=True)),
    Column("tasks", JSON, nullable=False),
    Column("transcript", Text),
    Column("transcript_path", Text),
    Column("error_code", String(64)),
    Column("error_message", Text),
    Column("started_at", UTCDateTime),
    Column("completed_at", UTCDateTime),
)

sightings = Table(
    "sightings",
    metadata,
    Column("name", String(512), primary_key=True),
    Column("first_at", UTCDateTime, nullable=False),
    Column("last_at", UTCDateTime, nullable=False),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("url", Text, nullable=False),
    Column("generation", Integer, nullable=False, server_default="1"),
    Column("created_at", UTCDateTime, nullable=False),
    Column("exchanged_at", UTCDateTime),
    Column("disabled_at", UTCDateTime),
    Index("ix_webhooks_owner", "owner", "created_at", "id"),
)

deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("job_id", String(32), ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("webhook_id", String(32)),
    Column("url", Text, nullable=False),
    Column("event", String(32), nullable=False),
    Column("data", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    # When it is sent next: a claim moves that on, so that it is sent again should the sender die.
    Column("due_at", UTCDateTime),
    Column("give_up_at", UTCDateTime, nullable=False),
    Column("last_attempt_at", UTCDateTime),
    Column("delivered_at", UTCDateTime),
    Column("last_status", Integer),
    Column("last_error", String(32)),
    Index("ix_webhook_deliveries_due", "due_at"),
    Index("ix_webhook_deliveries_job", "job_id"),
    Index("ix_webhook_deliveries_owner", "owner", "created_at", "id"),
    Index("ix_webhook_deliveries_webhook", "webhook_id"),
    Index("ix_webhook_deliveries_created", "created_at"),
)
