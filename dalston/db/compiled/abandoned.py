"""Written by `make statements` from dalston/db/definitions/abandoned.py: change that."""

from __future__ import annotations

from dalston.db.kinds import Kind
from dalston.db.statements import SQL, Column, Constant, Parameter, Statement

NOTE = Statement(
    postgresql=SQL(
        """\
INSERT INTO abandoned_jobs (job_id, due_at) SELECT jobs.id, (clock_timestamp() + $1::FLOAT * interval '1 second') AS anon_1
FROM jobs
WHERE jobs.id = $2::VARCHAR AND (jobs.status = $3::VARCHAR OR jobs.status = $4::VARCHAR) AND jobs.deleted_at IS NULL""",
        (Constant(60.0), Parameter("by_id"), Constant("pending"), Constant("running")),
    ),
    sqlite=SQL(
        """\
INSERT INTO abandoned_jobs (job_id, due_at) SELECT jobs.id, (strftime('%Y-%m-%d %H:%M:%f', 'now', '+' || round(?, 3) || ' seconds') || '000') AS anon_1
FROM jobs
WHERE jobs.id = ? AND (jobs.status = ? OR jobs.status = ?) AND jobs.deleted_at IS NULL""",
        (Constant(60.0), Parameter("by_id"), Constant("pending"), Constant("running")),
    ),
)
FORGET = Statement(
    postgresql=SQL(
        """\
DELETE FROM abandoned_jobs WHERE abandoned_jobs.job_id = ANY ($1::VARCHAR[])""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
    sqlite=SQL(
        """\
DELETE FROM abandoned_jobs WHERE abandoned_jobs.job_id IN (SELECT value FROM json_each(?))""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
)
NOTED = Statement(
    columns=(Column("job_id"),),
    postgresql=SQL(
        """\
SELECT abandoned_jobs.job_id
FROM abandoned_jobs
WHERE abandoned_jobs.job_id = ANY ($1::VARCHAR[])""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
    sqlite=SQL(
        """\
SELECT abandoned_jobs.job_id
FROM abandoned_jobs
WHERE abandoned_jobs.job_id IN (SELECT value FROM json_each(?))""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
)
DUE = Statement(
    columns=(Column("job_id"),),
    postgresql=SQL(
        """\
SELECT abandoned_jobs.job_id
FROM abandoned_jobs
WHERE abandoned_jobs.due_at < (statement_timestamp() - $1::INTEGER * interval '1 second') ORDER BY abandoned_jobs.due_at
 LIMIT $2::INTEGER""",
        (Constant(0), Parameter("limit")),
    ),
    sqlite=SQL(
        """\
SELECT abandoned_jobs.job_id
FROM abandoned_jobs
WHERE abandoned_jobs.due_at < (strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (?) || ' seconds') || '000') ORDER BY abandoned_jobs.due_at
 LIMIT ? OFFSET ?""",
        (Constant(0), Parameter("limit"), Constant(0)),
    ),
)
TAKE_DUE = Statement(
    columns=(Column("job_id"),),
    postgresql=SQL(
        """\
DELETE FROM abandoned_jobs WHERE abandoned_jobs.job_id = ANY ($1::VARCHAR[]) AND abandoned_jobs.due_at < (statement_timestamp() - $2::INTEGER * interval '1 second') RETURNING abandoned_jobs.job_id""",
        (Parameter("job_ids", Kind.TEXTS), Constant(0)),
    ),
    sqlite=SQL(
        """\
DELETE FROM abandoned_jobs WHERE abandoned_jobs.job_id IN (SELECT value FROM json_each(?)) AND abandoned_jobs.due_at < (strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (?) || ' seconds') || '000') RETURNING job_id""",
        (Parameter("job_ids", Kind.TEXTS), Constant(0)),
    ),
)
