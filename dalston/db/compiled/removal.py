"""Written by `make statements` from dalston/db/definitions/removal.py: change that."""

from __future__ import annotations

from dalston.db.kinds import Kind
from dalston.db.statements import SQL, Column, Parameter, Statement

HIDE = Statement(
    postgresql=SQL(
        """\
UPDATE jobs SET deleted_at=clock_timestamp() WHERE jobs.id = $1::VARCHAR AND jobs.deleted_at IS NULL""",
        (Parameter("by_id"),),
    ),
    sqlite=SQL(
        """\
UPDATE jobs SET deleted_at=(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000') WHERE jobs.id = ? AND jobs.deleted_at IS NULL""",
        (Parameter("by_id"),),
    ),
)
OF_NO_INTEREST = Statement(
    postgresql=SQL(
        """\
DELETE FROM webhook_deliveries WHERE webhook_deliveries.job_id = $1::VARCHAR""",
        (Parameter("by_id"),),
    ),
    sqlite=SQL(
        """\
DELETE FROM webhook_deliveries WHERE webhook_deliveries.job_id = ?""",
        (Parameter("by_id"),),
    ),
)
WITHOUT_AUDIO = Statement(
    postgresql=SQL(
        """\
UPDATE jobs SET audio_deleted_at=clock_timestamp() WHERE jobs.id = $1::VARCHAR""",
        (Parameter("by_id"),),
    ),
    sqlite=SQL(
        """\
UPDATE jobs SET audio_deleted_at=(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000') WHERE jobs.id = ?""",
        (Parameter("by_id"),),
    ),
)
SETTLED = Statement(
    columns=(Column("id"),),
    postgresql=SQL(
        """\
SELECT jobs.id
FROM jobs
WHERE jobs.deleted_at < (statement_timestamp() - $1::FLOAT * interval '1 second') ORDER BY jobs.deleted_at
 LIMIT $2::INTEGER OFFSET $3::INTEGER""",
        (Parameter("seconds", Kind.FRACTION), Parameter("limit"), Parameter("skipped")),
    ),
    sqlite=SQL(
        """\
SELECT jobs.id
FROM jobs
WHERE jobs.deleted_at < (strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (?) || ' seconds') || '000') ORDER BY jobs.deleted_at
 LIMIT ? OFFSET ?""",
        (Parameter("seconds", Kind.FRACTION), Parameter("limit"), Parameter("skipped")),
    ),
)
SIZES = Statement(
    columns=(Column("job_id"), Column("tasks")),
    postgresql=SQL(
        """\
SELECT tasks.job_id, count(*) AS tasks
FROM tasks
WHERE tasks.job_id = ANY ($1::VARCHAR[]) GROUP BY tasks.job_id""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
    sqlite=SQL(
        """\
SELECT tasks.job_id, count(*) AS tasks
FROM tasks
WHERE tasks.job_id IN (SELECT value FROM json_each(?)) GROUP BY tasks.job_id""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
)
PURGE = (
    Statement(
        postgresql=SQL(
            """\
DELETE FROM task_edges WHERE task_edges.task_id IN (SELECT tasks.id
FROM tasks
WHERE tasks.job_id = ANY ($1::VARCHAR[]))""",
            (Parameter("job_ids", Kind.TEXTS),),
        ),
        sqlite=SQL(
            """\
DELETE FROM task_edges WHERE task_edges.task_id IN (SELECT tasks.id
FROM tasks
WHERE tasks.job_id IN (SELECT value FROM json_each(?)))""",
            (Parameter("job_ids", Kind.TEXTS),),
        ),
    ),
    Statement(
        postgresql=SQL(
            """\
DELETE FROM tasks WHERE tasks.job_id = ANY ($1::VARCHAR[])""",
            (Parameter("job_ids", Kind.TEXTS),),
        ),
        sqlite=SQL(
            """\
DELETE FROM tasks WHERE tasks.job_id IN (SELECT value FROM json_each(?))""",
            (Parameter("job_ids", Kind.TEXTS),),
        ),
    ),
    Statement(
        postgresql=SQL(
            """\
DELETE FROM versions WHERE versions.job_id = ANY ($1::VARCHAR[])""",
            (Parameter("job_ids", Kind.TEXTS),),
        ),
        sqlite=SQL(
            """\
DELETE FROM versions WHERE versions.job_id IN (SELECT value FROM json_each(?))""",
            (Parameter("job_ids", Kind.TEXTS),),
        ),
    ),
    Statement(
        postgresql=SQL(
            """\
DELETE FROM webhook_deliveries WHERE webhook_deliveries.job_id = ANY ($1::VARCHAR[])""",
            (Parameter("job_ids", Kind.TEXTS),),
        ),
        sqlite=SQL(
            """\
DELETE FROM webhook_deliveries WHERE webhook_deliveries.job_id IN (SELECT value FROM json_each(?))""",
            (Parameter("job_ids", Kind.TEXTS),),
        ),
    ),
    Statement(
        postgresql=SQL(
            """\
DELETE FROM history WHERE history.job_id = ANY ($1::VARCHAR[])""",
            (Parameter("job_ids", Kind.TEXTS),),
        ),
        sqlite=SQL(
            """\
DELETE FROM history WHERE history.job_id IN (SELECT value FROM json_each(?))""",
            (Parameter("job_ids", Kind.TEXTS),),
        ),
    ),
    Statement(
        postgresql=SQL(
            """\
DELETE FROM jobs WHERE jobs.id = ANY ($1::VARCHAR[]) AND jobs.deleted_at IS NOT NULL""",
            (Parameter("job_ids", Kind.TEXTS),),
        ),
        sqlite=SQL(
            """\
DELETE FROM jobs WHERE jobs.id IN (SELECT value FROM json_each(?)) AND jobs.deleted_at IS NOT NULL""",
            (Parameter("job_ids", Kind.TEXTS),),
        ),
    ),
)
