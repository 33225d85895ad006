"""Written by `make statements` from dalston/db/definitions/transcripts.py: change that."""

from __future__ import annotations

from dalston.db.kinds import Kind
from dalston.db.statements import SQL, Column, Constant, Parameter, Statement

PRESENT = Statement(
    columns=(
        Column("id"),
        Column("version"),
        Column("status"),
        Column("output"),
        Column("output_path"),
    ),
    postgresql=SQL(
        """\
SELECT jobs.id, jobs.version, jobs.status, tasks.output, tasks.output_path
FROM jobs LEFT OUTER JOIN tasks ON tasks.job_id = jobs.id AND tasks.final = $1::INTEGER
WHERE jobs.id = ANY ($2::VARCHAR[]) AND jobs.deleted_at IS NULL""",
        (Constant(1), Parameter("job_ids", Kind.TEXTS)),
    ),
    sqlite=SQL(
        """\
SELECT jobs.id, jobs.version, jobs.status, tasks.output, tasks.output_path
FROM jobs LEFT OUTER JOIN tasks ON tasks.job_id = jobs.id AND tasks.final = ?
WHERE jobs.id IN (SELECT value FROM json_each(?)) AND jobs.deleted_at IS NULL""",
        (Constant(1), Parameter("job_ids", Kind.TEXTS)),
    ),
)
OF_JOBS = Statement(
    columns=(Column("job_id"), Column("output")),
    postgresql=SQL(
        """\
SELECT tasks.job_id, tasks.output
FROM tasks
WHERE tasks.final = $1::INTEGER AND tasks.output IS NOT NULL AND tasks.job_id = ANY ($2::VARCHAR[])""",
        (Constant(1), Parameter("job_ids", Kind.TEXTS)),
    ),
    sqlite=SQL(
        """\
SELECT tasks.job_id, tasks.output
FROM tasks
WHERE tasks.final = ? AND tasks.output IS NOT NULL AND tasks.job_id IN (SELECT value FROM json_each(?))""",
        (Constant(1), Parameter("job_ids", Kind.TEXTS)),
    ),
)
WITHOUT_OBJECT = Statement(
    columns=(Column("job_id"), Column("output"), Column("version")),
    postgresql=SQL(
        """\
SELECT tasks.job_id, tasks.output, jobs.version
FROM tasks JOIN jobs ON jobs.id = tasks.job_id
WHERE tasks.final = $1::INTEGER AND tasks.output IS NOT NULL AND jobs.status = 'completed' AND jobs.completed_at > (statement_timestamp() - $2::INTEGER * interval '1 second') AND jobs.transcript_path IS NULL AND jobs.deleted_at IS NULL AND jobs.completed_at < (statement_timestamp() - $3::FLOAT * interval '1 second')
 LIMIT $4::INTEGER""",
        (
            Constant(1),
            Constant(2000000000),
            Parameter("seconds", Kind.FRACTION),
            Parameter("limit"),
        ),
    ),
    sqlite=SQL(
        """\
SELECT tasks.job_id, tasks.output, jobs.version
FROM tasks JOIN jobs ON jobs.id = tasks.job_id
WHERE tasks.final = ? AND tasks.output IS NOT NULL AND likelihood(jobs.status = 'completed', 0.99) AND jobs.completed_at > (strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (?) || ' seconds') || '000') AND jobs.transcript_path IS NULL AND jobs.deleted_at IS NULL AND jobs.completed_at < (strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (?) || ' seconds') || '000')
 LIMIT ? OFFSET ?""",
        (
            Constant(1),
            Constant(2000000000),
            Parameter("seconds", Kind.FRACTION),
            Parameter("limit"),
            Constant(0),
        ),
    ),
)
HAS_OBJECT = Statement(
    postgresql=SQL(
        """\
UPDATE jobs SET transcript_path=$1::VARCHAR WHERE jobs.id = $2::VARCHAR AND jobs.version = $3::INTEGER AND jobs.status = $4::VARCHAR AND jobs.transcript_path IS NULL""",
        (Parameter("by_path"), Parameter("by_id"), Parameter("by_version"), Constant("completed")),
    ),
    sqlite=SQL(
        """\
UPDATE jobs SET transcript_path=? WHERE jobs.id = ? AND jobs.version = ? AND jobs.status = ? AND jobs.transcript_path IS NULL""",
        (Parameter("by_path"), Parameter("by_id"), Parameter("by_version"), Constant("completed")),
    ),
)
