"""Written by `make statements` from dalston/db/definitions/locking.py: change that."""

from __future__ import annotations

from dalston.db.kinds import Kind
from dalston.db.statements import SQL, Column, Parameter, Statement

LOCK_JOBS = Statement(
    columns=(
        Column("id"),
        Column("status"),
        Column("pipeline"),
        Column("owner"),
        Column("parameters", Kind.JSON),
        Column("filename"),
        Column("audio_path"),
        Column("audio_bytes"),
        Column("created_at", Kind.MOMENT),
        Column("started_at", Kind.MOMENT),
        Column("completed_at", Kind.MOMENT),
        Column("transcript_path"),
        Column("version"),
        Column("resumed"),
        Column("rerun", Kind.JSON_OR_NULL),
        Column("deadline_seconds"),
        Column("retention"),
        Column("retention_days"),
        Column("audio_deleted_at", Kind.MOMENT),
        Column("callback_url"),
        Column("error_code"),
        Column("error_message"),
    ),
    postgresql=SQL(
        """\
SELECT jobs.id, jobs.status, jobs.pipeline, jobs.owner, jobs.parameters, jobs.filename, jobs.audio_path, jobs.audio_bytes, jobs.created_at, jobs.started_at, jobs.completed_at, jobs.transcript_path, jobs.version, jobs.resumed, jobs.rerun, jobs.deadline_seconds, jobs.retention, jobs.retention_days, jobs.audio_deleted_at, jobs.callback_url, jobs.error_code, jobs.error_message
FROM jobs
WHERE jobs.id = ANY ($1::VARCHAR[]) ORDER BY jobs.id FOR UPDATE""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
    sqlite=SQL(
        """\
SELECT jobs.id, jobs.status, jobs.pipeline, jobs.owner, jobs.parameters, jobs.filename, jobs.audio_path, jobs.audio_bytes, jobs.created_at, jobs.started_at, jobs.completed_at, jobs.transcript_path, jobs.version, jobs.resumed, jobs.rerun, jobs.deadline_seconds, jobs.retention, jobs.retention_days, jobs.audio_deleted_at, jobs.callback_url, jobs.error_code, jobs.error_message
FROM jobs
WHERE jobs.id IN (SELECT value FROM json_each(?)) ORDER BY jobs.id""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
)
LOCK_TASKS = Statement(
    columns=(
        Column("id"),
        Column("job_id"),
        Column("engine_id"),
        Column("status"),
        Column("hand_out"),
        Column("token"),
        Column("instance"),
        Column("failures"),
        Column("losses"),
        Column("restarts"),
        Column("final"),
        Column("optional"),
        Column("expands"),
    ),
    postgresql=SQL(
        """\
SELECT tasks.id, tasks.job_id, tasks.engine_id, tasks.status, tasks.hand_out, tasks.token, tasks.instance, tasks.failures, tasks.losses, tasks.restarts, tasks.final, tasks.optional, tasks.expands
FROM tasks
WHERE tasks.id = ANY ($1::VARCHAR[]) ORDER BY tasks.id FOR UPDATE""",
        (Parameter("task_ids", Kind.TEXTS),),
    ),
    sqlite=SQL(
        """\
SELECT tasks.id, tasks.job_id, tasks.engine_id, tasks.status, tasks.hand_out, tasks.token, tasks.instance, tasks.failures, tasks.losses, tasks.restarts, tasks.final, tasks.optional, tasks.expands
FROM tasks
WHERE tasks.id IN (SELECT value FROM json_each(?)) ORDER BY tasks.id""",
        (Parameter("task_ids", Kind.TEXTS),),
    ),
)
