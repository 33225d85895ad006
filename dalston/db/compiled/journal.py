"""Written by `make statements` from dalston/db/definitions/journal.py: change that."""

from __future__ import annotations

from dalston.db.statements import SQL, Column, Constant, Parameter, Statement

APPEND = Statement(
    postgresql=SQL(
        """\
INSERT INTO history (job_id, task_id, at, from_status, to_status, why, attempt, instance) VALUES ($1::VARCHAR, $2::VARCHAR, clock_timestamp(), $3::VARCHAR, $4::VARCHAR, $5::VARCHAR, $6::INTEGER, $7::VARCHAR) RETURNING history.id""",
        (
            Parameter("job_id"),
            Parameter("task_id"),
            Parameter("from_status"),
            Parameter("to_status"),
            Parameter("why"),
            Parameter("attempt"),
            Parameter("instance"),
        ),
    ),
    sqlite=SQL(
        """\
INSERT INTO history (job_id, task_id, at, from_status, to_status, why, attempt, instance) VALUES (?, ?, (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000'), ?, ?, ?, ?, ?)""",
        (
            Parameter("job_id"),
            Parameter("task_id"),
            Parameter("from_status"),
            Parameter("to_status"),
            Parameter("why"),
            Parameter("attempt"),
            Parameter("instance"),
        ),
    ),
)
STATUS = Statement(
    columns=(Column("status"),),
    postgresql=SQL(
        """\
SELECT jobs.status
FROM jobs
WHERE jobs.id = $1::VARCHAR""",
        (Parameter("job_id"),),
    ),
    sqlite=SQL(
        """\
SELECT jobs.status
FROM jobs
WHERE jobs.id = ?""",
        (Parameter("job_id"),),
    ),
)
SAID = Statement(
    columns=(Column("id"),),
    postgresql=SQL(
        """\
SELECT history.id
FROM history
WHERE history.job_id = $1::VARCHAR AND history.why = $2::VARCHAR
 LIMIT $3::INTEGER""",
        (Parameter("job_id"), Parameter("why"), Constant(1)),
    ),
    sqlite=SQL(
        """\
SELECT history.id
FROM history
WHERE history.job_id = ? AND history.why = ?
 LIMIT ? OFFSET ?""",
        (Parameter("job_id"), Parameter("why"), Constant(1), Constant(0)),
    ),
)
