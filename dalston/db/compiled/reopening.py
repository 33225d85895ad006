"""Written by `make statements` from dalston/db/definitions/reopening.py: change that."""

from __future__ import annotations

from dalston.db.kinds import Kind
from dalston.db.statements import SQL, Column, Constant, Parameter, Statement

NEW_VERSION = Statement(
    postgresql=SQL(
        """\
INSERT INTO versions (job_id, version, status, parameters, rerun, tasks, transcript, transcript_path, error_code, error_message, started_at, completed_at) VALUES ($1::VARCHAR, $2::INTEGER, $3::VARCHAR, $4::JSON, $5::JSON, $6::JSON, $7::VARCHAR, $8::VARCHAR, $9::VARCHAR, $10::VARCHAR, $11::TIMESTAMP WITH TIME ZONE, $12::TIMESTAMP WITH TIME ZONE)""",
        (
            Parameter("job_id"),
            Parameter("version"),
            Parameter("status"),
            Parameter("parameters", Kind.JSON),
            Parameter("rerun", Kind.JSON_OR_NULL),
            Parameter("tasks", Kind.JSON),
            Parameter("transcript"),
            Parameter("transcript_path"),
            Parameter("error_code"),
            Parameter("error_message"),
            Parameter("started_at", Kind.MOMENT),
            Parameter("completed_at", Kind.MOMENT),
        ),
    ),
    sqlite=SQL(
        """\
INSERT INTO versions (job_id, version, status, parameters, rerun, tasks, transcript, transcript_path, error_code, error_message, started_at, completed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            Parameter("job_id"),
            Parameter("version"),
            Parameter("status"),
            Parameter("parameters", Kind.JSON),
            Parameter("rerun", Kind.JSON_OR_NULL),
            Parameter("tasks", Kind.JSON),
            Parameter("transcript"),
            Parameter("transcript_path"),
            Parameter("error_code"),
            Parameter("error_message"),
            Parameter("started_at", Kind.MOMENT),
            Parameter("completed_at", Kind.MOMENT),
        ),
    ),
)
SMALL_TRANSCRIPT = Statement(
    columns=(Column("output"),),
    postgresql=SQL(
        """\
SELECT tasks.output
FROM tasks
WHERE tasks.job_id = $1::VARCHAR AND tasks.final = $2::INTEGER""",
        (Parameter("job_id"), Constant(1)),
    ),
    sqlite=SQL(
        """\
SELECT tasks.output
FROM tasks
WHERE tasks.job_id = ? AND tasks.final = ?""",
        (Parameter("job_id"), Constant(1)),
    ),
)
DROP = (
    Statement(
        postgresql=SQL(
            """\
DELETE FROM task_edges WHERE task_edges.task_id = ANY ($1::VARCHAR[])""",
            (Parameter("task_ids", Kind.TEXTS),),
        ),
        sqlite=SQL(
            """\
DELETE FROM task_edges WHERE task_edges.task_id IN (SELECT value FROM json_each(?))""",
            (Parameter("task_ids", Kind.TEXTS),),
        ),
    ),
    Statement(
        postgresql=SQL(
            """\
DELETE FROM task_edges WHERE task_edges.after_id = ANY ($1::VARCHAR[])""",
            (Parameter("task_ids", Kind.TEXTS),),
        ),
        sqlite=SQL(
            """\
DELETE FROM task_edges WHERE task_edges.after_id IN (SELECT value FROM json_each(?))""",
            (Parameter("task_ids", Kind.TEXTS),),
        ),
    ),
    Statement(
        postgresql=SQL(
            """\
DELETE FROM tasks WHERE tasks.id = ANY ($1::VARCHAR[])""",
            (Parameter("task_ids", Kind.TEXTS),),
        ),
        sqlite=SQL(
            """\
DELETE FROM tasks WHERE tasks.id IN (SELECT value FROM json_each(?))""",
            (Parameter("task_ids", Kind.TEXTS),),
        ),
    ),
)
NOT_FINAL = Statement(
    postgresql=SQL(
        """\
UPDATE tasks SET final=$1::INTEGER WHERE tasks.job_id = $2::VARCHAR AND tasks.final = $3::INTEGER""",
        (Constant(0), Parameter("by_job"), Constant(1)),
    ),
    sqlite=SQL(
        """\
UPDATE tasks SET final=? WHERE tasks.job_id = ? AND tasks.final = ?""",
        (Constant(0), Parameter("by_job"), Constant(1)),
    ),
)
RETRY = Statement(
    postgresql=SQL(
        """\
UPDATE jobs SET status=$1::VARCHAR, error_code=$2::VARCHAR, error_message=$3::VARCHAR, started_at=$4::TIMESTAMP WITH TIME ZONE, completed_at=$5::TIMESTAMP WITH TIME ZONE, resumed=(jobs.resumed + $6::INTEGER), deadline_at=(clock_timestamp() + $7::FLOAT * interval '1 second') WHERE jobs.id = $8::VARCHAR AND (jobs.status = $9::VARCHAR OR jobs.status = $10::VARCHAR OR jobs.status = $11::VARCHAR)""",
        (
            Constant("pending"),
            Constant(None),
            Constant(None),
            Constant(None),
            Constant(None),
            Constant(1),
            Parameter("by_deadline", Kind.FRACTION),
            Parameter("by_id"),
            Constant("cancelled"),
            Constant("completed"),
            Constant("failed"),
        ),
    ),
    sqlite=SQL(
        """\
UPDATE jobs SET status=?, error_code=?, error_message=?, started_at=?, completed_at=?, resumed=(jobs.resumed + ?), deadline_at=(strftime('%Y-%m-%d %H:%M:%f', 'now', '+' || round(?, 3) || ' seconds') || '000') WHERE jobs.id = ? AND (jobs.status = ? OR jobs.status = ? OR jobs.status = ?)""",
        (
            Constant("pending"),
            Constant(None),
            Constant(None),
            Constant(None),
            Constant(None),
            Constant(1),
            Parameter("by_deadline", Kind.FRACTION),
            Parameter("by_id"),
            Constant("cancelled"),
            Constant("completed"),
            Constant("failed"),
        ),
    ),
)
RERUN = Statement(
    postgresql=SQL(
        """\
UPDATE jobs SET status=$1::VARCHAR, parameters=$2::JSON, transcript_path=$3::VARCHAR, error_code=$4::VARCHAR, error_message=$5::VARCHAR, started_at=$6::TIMESTAMP WITH TIME ZONE, completed_at=$7::TIMESTAMP WITH TIME ZONE, version=(jobs.version + $8::INTEGER), resumed=(jobs.resumed + $9::INTEGER), rerun=$10::JSON, deadline_at=(clock_timestamp() + $11::FLOAT * interval '1 second') WHERE jobs.id = $12::VARCHAR AND (jobs.status = $13::VARCHAR OR jobs.status = $14::VARCHAR OR jobs.status = $15::VARCHAR)""",
        (
            Constant("pending"),
            Parameter("by_parameters", Kind.JSON),
            Constant(None),
            Constant(None),
            Constant(None),
            Constant(None),
            Constant(None),
            Constant(1),
            Constant(1),
            Parameter("by_rerun", Kind.JSON_OR_NULL),
            Parameter("by_deadline", Kind.FRACTION),
            Parameter("by_id"),
            Constant("cancelled"),
            Constant("completed"),
            Constant("failed"),
        ),
    ),
    sqlite=SQL(
        """\
UPDATE jobs SET status=?, parameters=?, transcript_path=?, error_code=?, error_message=?, started_at=?, completed_at=?, version=(jobs.version + ?), resumed=(jobs.resumed + ?), rerun=?, deadline_at=(strftime('%Y-%m-%d %H:%M:%f', 'now', '+' || round(?, 3) || ' seconds') || '000') WHERE jobs.id = ? AND (jobs.status = ? OR jobs.status = ? OR jobs.status = ?)""",
        (
            Constant("pending"),
            Parameter("by_parameters", Kind.JSON),
            Constant(None),
            Constant(None),
            Constant(None),
            Constant(None),
            Constant(None),
            Constant(1),
            Constant(1),
            Parameter("by_rerun", Kind.JSON_OR_NULL),
            Parameter("by_deadline", Kind.FRACTION),
            Parameter("by_id"),
            Constant("cancelled"),
            Constant("completed"),
            Constant("failed"),
        ),
    ),
)
