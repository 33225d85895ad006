"""Written by `make statements` from dalston/db/definitions/overdue.py: change that."""

from __future__ import annotations

from dalston.db.kinds import Kind
from dalston.db.statements import SQL, Column, Constant, Parameter, Statement

LATE_JOBS = Statement(
    columns=(Column("id"), Column("resumed"), Column("deadline_seconds")),
    postgresql=SQL(
        """\
SELECT jobs.id, jobs.resumed, jobs.deadline_seconds
FROM jobs
WHERE jobs.deadline_at < (statement_timestamp() - $1::INTEGER * interval '1 second') ORDER BY jobs.deadline_at
 LIMIT $2::INTEGER""",
        (Constant(0), Parameter("limit")),
    ),
    sqlite=SQL(
        """\
SELECT jobs.id, jobs.resumed, jobs.deadline_seconds
FROM jobs
WHERE jobs.deadline_at < (strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (?) || ' seconds') || '000') ORDER BY jobs.deadline_at
 LIMIT ? OFFSET ?""",
        (Constant(0), Parameter("limit"), Constant(0)),
    ),
)
WAITING = Statement(
    columns=(Column("id"), Column("job_id"), Column("stage"), Column("hand_out")),
    postgresql=SQL(
        """\
SELECT tasks.id, tasks.job_id, tasks.stage, tasks.hand_out
FROM tasks JOIN jobs ON jobs.id = tasks.job_id
WHERE tasks.engine_id = $1::VARCHAR AND tasks.status = $2::VARCHAR AND (tasks.not_before IS NULL OR tasks.not_before < (statement_timestamp() - $3::FLOAT * interval '1 second')) AND jobs.started_at < (statement_timestamp() - $3::FLOAT * interval '1 second') AND NOT (EXISTS (SELECT task_edges.task_id
FROM task_edges JOIN tasks AS before ON before.id = task_edges.after_id
WHERE task_edges.task_id = tasks.id AND before.completed_at >= (statement_timestamp() - $3::FLOAT * interval '1 second'))) ORDER BY tasks.rank
 LIMIT $4::INTEGER""",
        (
            Parameter("engine_id"),
            Constant("ready"),
            Parameter("seconds", Kind.FRACTION),
            Parameter("limit"),
        ),
    ),
    sqlite=SQL(
        """\
SELECT tasks.id, tasks.job_id, tasks.stage, tasks.hand_out
FROM tasks JOIN jobs ON jobs.id = tasks.job_id
WHERE tasks.engine_id = ? AND tasks.status = ? AND (tasks.not_before IS NULL OR tasks.not_before < (strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (?) || ' seconds') || '000')) AND jobs.started_at < (strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (?) || ' seconds') || '000') AND NOT (EXISTS (SELECT task_edges.task_id
FROM task_edges JOIN tasks AS "before" ON "before".id = task_edges.after_id
WHERE task_edges.task_id = tasks.id AND "before".completed_at >= (strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (?) || ' seconds') || '000'))) ORDER BY tasks.rank
 LIMIT ? OFFSET ?""",
        (
            Parameter("engine_id"),
            Constant("ready"),
            Parameter("seconds", Kind.FRACTION),
            Parameter("seconds", Kind.FRACTION),
            Parameter("seconds", Kind.FRACTION),
            Parameter("limit"),
            Constant(0),
        ),
    ),
)
UNPLANNED = Statement(
    columns=(Column("id"), Column("pipeline")),
    postgresql=SQL(
        """\
SELECT jobs.id, jobs.pipeline
FROM jobs
WHERE jobs.status = $1::VARCHAR AND NOT (jobs.pipeline = ANY ($2::VARCHAR[]) AND ($3::BOOLEAN OR (jobs.audio_path NOT LIKE '%' || $4::VARCHAR))) ORDER BY jobs.created_at
 LIMIT $5::INTEGER""",
        (
            Constant("pending"),
            Parameter("known", Kind.TEXTS),
            Parameter("fetches", Kind.FLAG),
            Constant("/audio/source.url"),
            Parameter("limit"),
        ),
    ),
    sqlite=SQL(
        """\
SELECT jobs.id, jobs.pipeline
FROM jobs
WHERE jobs.status = ? AND NOT (jobs.pipeline IN (SELECT value FROM json_each(?)) AND (? = 1 OR (jobs.audio_path NOT LIKE '%' || ?))) ORDER BY jobs.created_at
 LIMIT ? OFFSET ?""",
        (
            Constant("pending"),
            Parameter("known", Kind.TEXTS),
            Parameter("fetches", Kind.FLAG),
            Constant("/audio/source.url"),
            Parameter("limit"),
            Constant(0),
        ),
    ),
)
UNEXPANDED = Statement(
    columns=(Column("id"), Column("job_id"), Column("pipeline")),
    postgresql=SQL(
        """\
SELECT tasks.id, tasks.job_id, jobs.pipeline
FROM tasks JOIN jobs ON jobs.id = tasks.job_id
WHERE tasks.status = $1::VARCHAR AND tasks.expands = $2::INTEGER AND NOT (jobs.pipeline = ANY ($3::VARCHAR[]) AND ($4::BOOLEAN OR (jobs.audio_path NOT LIKE '%' || $5::VARCHAR)))
 LIMIT $6::INTEGER""",
        (
            Constant("running"),
            Constant(1),
            Parameter("known", Kind.TEXTS),
            Parameter("fetches", Kind.FLAG),
            Constant("/audio/source.url"),
            Parameter("limit"),
        ),
    ),
    sqlite=SQL(
        """\
SELECT tasks.id, tasks.job_id, jobs.pipeline
FROM tasks JOIN jobs ON jobs.id = tasks.job_id
WHERE tasks.status = ? AND tasks.expands = ? AND NOT (jobs.pipeline IN (SELECT value FROM json_each(?)) AND (? = 1 OR (jobs.audio_path NOT LIKE '%' || ?)))
 LIMIT ? OFFSET ?""",
        (
            Constant("running"),
            Constant(1),
            Parameter("known", Kind.TEXTS),
            Parameter("fetches", Kind.FLAG),
            Constant("/audio/source.url"),
            Parameter("limit"),
            Constant(0),
        ),
    ),
)
GIVE_UP = Statement(
    postgresql=SQL(
        """\
UPDATE tasks SET status=$1::VARCHAR, error_code=$2::VARCHAR, error_message=$3::VARCHAR, completed_at=clock_timestamp() WHERE tasks.id = $4::VARCHAR AND tasks.hand_out = $5::INTEGER AND tasks.status = $6::VARCHAR""",
        (
            Constant("failed"),
            Parameter("by_code"),
            Parameter("by_message"),
            Parameter("by_id"),
            Parameter("by_hand_out"),
            Constant("ready"),
        ),
    ),
    sqlite=SQL(
        """\
UPDATE tasks SET status=?, error_code=?, error_message=?, completed_at=(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000') WHERE tasks.id = ? AND tasks.hand_out = ? AND tasks.status = ?""",
        (
            Constant("failed"),
            Parameter("by_code"),
            Parameter("by_message"),
            Parameter("by_id"),
            Parameter("by_hand_out"),
            Constant("ready"),
        ),
    ),
)
RELEASE_TASKS = Statement(
    postgresql=SQL(
        """\
UPDATE tasks SET not_before=NULL WHERE tasks.status = $1::VARCHAR AND tasks.not_before > (clock_timestamp() + $2::FLOAT * interval '1 second')""",
        (Constant("ready"), Constant(259200.0)),
    ),
    sqlite=SQL(
        """\
UPDATE tasks SET not_before=NULL WHERE tasks.status = ? AND tasks.not_before > (strftime('%Y-%m-%d %H:%M:%f', 'now', '+' || round(?, 3) || ' seconds') || '000')""",
        (Constant("ready"), Constant(259200.0)),
    ),
)
RELEASE_DELIVERIES = Statement(
    postgresql=SQL(
        """\
UPDATE webhook_deliveries SET due_at=clock_timestamp(), give_up_at=(clock_timestamp() + $1::FLOAT * interval '1 second') WHERE webhook_deliveries.state = $2::VARCHAR AND webhook_deliveries.due_at > (clock_timestamp() + $3::FLOAT * interval '1 second')""",
        (Constant(259200.0), Constant("pending"), Constant(259200.0)),
    ),
    sqlite=SQL(
        """\
UPDATE webhook_deliveries SET due_at=(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000'), give_up_at=(strftime('%Y-%m-%d %H:%M:%f', 'now', '+' || round(?, 3) || ' seconds') || '000') WHERE webhook_deliveries.state = ? AND webhook_deliveries.due_at > (strftime('%Y-%m-%d %H:%M:%f', 'now', '+' || round(?, 3) || ' seconds') || '000')""",
        (Constant(259200.0), Constant("pending"), Constant(259200.0)),
    ),
)
