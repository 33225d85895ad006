"""Written by `make statements` from dalston/db/definitions/rank.py: change that."""

from __future__ import annotations

from dalston.db.statements import SQL, Column, Constant, Parameter, Statement

BASIS = Statement(
    columns=(Column("virtual_time"), Column("running_jobs")),
    postgresql=SQL(
        """\
SELECT coalesce((SELECT max(tasks.rank) AS max_1
FROM tasks
WHERE tasks.engine_id = $1::VARCHAR AND tasks.status = $2::VARCHAR), (SELECT min(tasks.rank) AS min_1
FROM tasks
WHERE tasks.engine_id = $1::VARCHAR AND tasks.status = $3::VARCHAR), $4::FLOAT) AS virtual_time, (SELECT count(*) AS count_1
FROM (SELECT jobs.id AS id
FROM jobs
WHERE jobs.owner = $5::VARCHAR AND jobs.status = $6::VARCHAR
 LIMIT $7::INTEGER) AS anon_1) AS running_jobs""",
        (
            Parameter("engine_id"),
            Constant("running"),
            Constant("ready"),
            Constant(0.0),
            Parameter("owner"),
            Constant("running"),
            Constant(1000),
        ),
    ),
    sqlite=SQL(
        """\
SELECT coalesce((SELECT max(tasks.rank) AS max_1
FROM tasks
WHERE tasks.engine_id = ? AND tasks.status = ?), (SELECT min(tasks.rank) AS min_1
FROM tasks
WHERE tasks.engine_id = ? AND tasks.status = ?), ?) AS virtual_time, (SELECT count(*) AS count_1
FROM (SELECT jobs.id AS id
FROM jobs
WHERE jobs.owner = ? AND jobs.status = ?
 LIMIT ? OFFSET ?) AS anon_1) AS running_jobs""",
        (
            Parameter("engine_id"),
            Constant("running"),
            Parameter("engine_id"),
            Constant("ready"),
            Constant(0.0),
            Parameter("owner"),
            Constant("running"),
            Constant(1000),
            Constant(0),
        ),
    ),
)
LAST_OF_JOB = Statement(
    columns=(Column("rank"),),
    postgresql=SQL(
        """\
SELECT max(tasks.rank) AS rank
FROM tasks
WHERE tasks.job_id = $1::VARCHAR AND tasks.engine_id = $2::VARCHAR AND (tasks.status = $3::VARCHAR OR tasks.status = $4::VARCHAR)""",
        (Parameter("job_id"), Parameter("engine_id"), Constant("ready"), Constant("running")),
    ),
    sqlite=SQL(
        """\
SELECT max(tasks.rank) AS rank
FROM tasks
WHERE tasks.job_id = ? AND tasks.engine_id = ? AND (tasks.status = ? OR tasks.status = ?)""",
        (Parameter("job_id"), Parameter("engine_id"), Constant("ready"), Constant("running")),
    ),
)
