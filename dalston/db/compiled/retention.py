"""Written by `make statements` from dalston/db/definitions/retention.py: change that."""

from __future__ import annotations

from dalston.db.kinds import Kind
from dalston.db.statements import SQL, Column, Constant, Parameter, Statement

OVER_ALL = Statement(
    columns=(Column("id"), Column("resumed")),
    postgresql=SQL(
        """\
SELECT jobs.id, jobs.resumed
FROM jobs
WHERE (jobs.status = $1::VARCHAR OR jobs.status = $2::VARCHAR OR jobs.status = $3::VARCHAR) AND jobs.deleted_at IS NULL AND coalesce(jobs.retention, $4::VARCHAR) = $5::VARCHAR AND jobs.completed_at <= (statement_timestamp() - coalesce(jobs.retention_days, $6::FLOAT) * $7::FLOAT * interval '1 second') ORDER BY jobs.completed_at
 LIMIT $8::INTEGER""",
        (
            Constant("cancelled"),
            Constant("completed"),
            Constant("failed"),
            Parameter("default"),
            Parameter("wanted"),
            Parameter("default_days", Kind.FRACTION),
            Constant(86400.0),
            Parameter("limit"),
        ),
    ),
    sqlite=SQL(
        """\
SELECT jobs.id, jobs.resumed
FROM jobs
WHERE (jobs.status = ? OR jobs.status = ? OR jobs.status = ?) AND jobs.deleted_at IS NULL AND coalesce(jobs.retention, ?) = ? AND jobs.completed_at <= (strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (coalesce(jobs.retention_days, ?) * ?) || ' seconds') || '000') ORDER BY jobs.completed_at
 LIMIT ? OFFSET ?""",
        (
            Constant("cancelled"),
            Constant("completed"),
            Constant("failed"),
            Parameter("default"),
            Parameter("wanted"),
            Parameter("default_days", Kind.FRACTION),
            Constant(86400.0),
            Parameter("limit"),
            Constant(0),
        ),
    ),
)
OVER_AUDIO = Statement(
    columns=(Column("id"), Column("resumed")),
    postgresql=SQL(
        """\
SELECT jobs.id, jobs.resumed
FROM jobs
WHERE (jobs.status = $1::VARCHAR OR jobs.status = $2::VARCHAR OR jobs.status = $3::VARCHAR) AND jobs.deleted_at IS NULL AND coalesce(jobs.retention, $4::VARCHAR) = $5::VARCHAR AND jobs.completed_at <= (statement_timestamp() - coalesce(jobs.retention_days, $6::FLOAT) * $7::FLOAT * interval '1 second') AND jobs.audio_deleted_at IS NULL ORDER BY jobs.completed_at
 LIMIT $8::INTEGER""",
        (
            Constant("cancelled"),
            Constant("completed"),
            Constant("failed"),
            Parameter("default"),
            Parameter("wanted"),
            Parameter("default_days", Kind.FRACTION),
            Constant(86400.0),
            Parameter("limit"),
        ),
    ),
    sqlite=SQL(
        """\
SELECT jobs.id, jobs.resumed
FROM jobs
WHERE (jobs.status = ? OR jobs.status = ? OR jobs.status = ?) AND jobs.deleted_at IS NULL AND coalesce(jobs.retention, ?) = ? AND jobs.completed_at <= (strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (coalesce(jobs.retention_days, ?) * ?) || ' seconds') || '000') AND jobs.audio_deleted_at IS NULL ORDER BY jobs.completed_at
 LIMIT ? OFFSET ?""",
        (
            Constant("cancelled"),
            Constant("completed"),
            Constant("failed"),
            Parameter("default"),
            Parameter("wanted"),
            Parameter("default_days", Kind.FRACTION),
            Constant(86400.0),
            Parameter("limit"),
            Constant(0),
        ),
    ),
)
KNOWN = Statement(
    columns=(
        Column("id"),
        Column("status"),
        Column("deleted_at", Kind.MOMENT),
        Column("audio_deleted_at", Kind.MOMENT),
    ),
    postgresql=SQL(
        """\
SELECT jobs.id, jobs.status, jobs.deleted_at, jobs.audio_deleted_at
FROM jobs
WHERE jobs.id = ANY ($1::VARCHAR[])""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
    sqlite=SQL(
        """\
SELECT jobs.id, jobs.status, jobs.deleted_at, jobs.audio_deleted_at
FROM jobs
WHERE jobs.id IN (SELECT value FROM json_each(?))""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
)
OUTPUTS = Statement(
    columns=(Column("output_path"),),
    postgresql=SQL(
        """\
SELECT tasks.output_path
FROM tasks
WHERE tasks.job_id = ANY ($1::VARCHAR[]) AND tasks.output_path IS NOT NULL""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
    sqlite=SQL(
        """\
SELECT tasks.output_path
FROM tasks
WHERE tasks.job_id IN (SELECT value FROM json_each(?)) AND tasks.output_path IS NOT NULL""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
)
