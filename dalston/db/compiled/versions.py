"""Written by `make statements` from dalston/db/definitions/versions.py: change that."""

from __future__ import annotations

from dalston.db.kinds import Kind
from dalston.db.statements import SQL, Column, Parameter, Statement

OF_JOBS = Statement(
    columns=(
        Column("job_id"),
        Column("version"),
        Column("status"),
        Column("parameters", Kind.JSON),
        Column("rerun", Kind.JSON_OR_NULL),
        Column("tasks", Kind.JSON),
        Column("transcript"),
        Column("transcript_path"),
        Column("error_code"),
        Column("error_message"),
        Column("started_at", Kind.MOMENT),
        Column("completed_at", Kind.MOMENT),
    ),
    postgresql=SQL(
        """\
SELECT versions.job_id, versions.version, versions.status, versions.parameters, versions.rerun, versions.tasks, versions.transcript, versions.transcript_path, versions.error_code, versions.error_message, versions.started_at, versions.completed_at
FROM versions
WHERE versions.job_id = ANY ($1::VARCHAR[]) ORDER BY versions.version""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
    sqlite=SQL(
        """\
SELECT versions.job_id, versions.version, versions.status, versions.parameters, versions.rerun, versions.tasks, versions.transcript, versions.transcript_path, versions.error_code, versions.error_message, versions.started_at, versions.completed_at
FROM versions
WHERE versions.job_id IN (SELECT value FROM json_each(?)) ORDER BY versions.version""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
)
