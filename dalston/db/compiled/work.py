"""Written by `make statements` from dalston/db/definitions/work.py: change that."""

from __future__ import annotations

from dalston.db.kinds import Kind
from dalston.db.statements import SQL, Column, Constant, Parameter, Statement

PENDING_JOBS = Statement(
    columns=(Column("id"), Column("resumed")),
    postgresql=SQL(
        """\
SELECT jobs.id, jobs.resumed
FROM jobs
WHERE jobs.status = $1::VARCHAR AND jobs.pipeline = ANY ($2::VARCHAR[]) AND ($3::BOOLEAN OR (jobs.audio_path NOT LIKE '%' || $4::VARCHAR)) ORDER BY jobs.created_at
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
SELECT jobs.id, jobs.resumed
FROM jobs
WHERE jobs.status = ? AND jobs.pipeline IN (SELECT value FROM json_each(?)) AND (? = 1 OR (jobs.audio_path NOT LIKE '%' || ?)) ORDER BY jobs.created_at
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
ALL_RUNNING = Statement(
    columns=(
        Column("id"),
        Column("job_id"),
        Column("hand_out"),
        Column("token"),
        Column("instance"),
        Column("engine_id"),
        Column("final"),
        Column("expands"),
        Column("started_at", Kind.MOMENT),
    ),
    postgresql=SQL(
        """\
SELECT tasks.id, tasks.job_id, tasks.hand_out, tasks.token, tasks.instance, tasks.engine_id, tasks.final, tasks.expands, tasks.started_at
FROM tasks
WHERE tasks.status = $1::VARCHAR""",
        (Constant("running"),),
    ),
    sqlite=SQL(
        """\
SELECT tasks.id, tasks.job_id, tasks.hand_out, tasks.token, tasks.instance, tasks.engine_id, tasks.final, tasks.expands, tasks.started_at
FROM tasks
WHERE tasks.status = ?""",
        (Constant("running"),),
    ),
)
RUNNING_OF = Statement(
    columns=(
        Column("id"),
        Column("job_id"),
        Column("hand_out"),
        Column("token"),
        Column("instance"),
        Column("engine_id"),
        Column("final"),
        Column("expands"),
        Column("started_at", Kind.MOMENT),
    ),
    postgresql=SQL(
        """\
SELECT tasks.id, tasks.job_id, tasks.hand_out, tasks.token, tasks.instance, tasks.engine_id, tasks.final, tasks.expands, tasks.started_at
FROM tasks
WHERE tasks.status = $1::VARCHAR AND (tasks.instance LIKE $2::VARCHAR || '%')""",
        (Constant("running"), Parameter("prefix")),
    ),
    sqlite=SQL(
        """\
SELECT tasks.id, tasks.job_id, tasks.hand_out, tasks.token, tasks.instance, tasks.engine_id, tasks.final, tasks.expands, tasks.started_at
FROM tasks
WHERE tasks.status = ? AND (tasks.instance LIKE ? || '%')""",
        (Constant("running"), Parameter("prefix")),
    ),
)
HANDED_OUT = Statement(
    columns=(Column("engine_id"), Column("id")),
    postgresql=SQL(
        """\
SELECT tasks.engine_id, tasks.id
FROM tasks
WHERE tasks.job_id = ANY ($1::VARCHAR[]) AND tasks.status != $2::VARCHAR""",
        (Parameter("job_ids", Kind.TEXTS), Constant("pending")),
    ),
    sqlite=SQL(
        """\
SELECT tasks.engine_id, tasks.id
FROM tasks
WHERE tasks.job_id IN (SELECT value FROM json_each(?)) AND tasks.status != ?""",
        (Parameter("job_ids", Kind.TEXTS), Constant("pending")),
    ),
)
STOPPED = Statement(
    columns=(Column("engine_id"), Column("id")),
    postgresql=SQL(
        """\
SELECT tasks.engine_id, tasks.id
FROM tasks
WHERE tasks.job_id = ANY ($1::VARCHAR[]) AND (tasks.status = $2::VARCHAR OR tasks.status = $3::VARCHAR)""",
        (Parameter("job_ids", Kind.TEXTS), Constant("cancelled"), Constant("failed")),
    ),
    sqlite=SQL(
        """\
SELECT tasks.engine_id, tasks.id
FROM tasks
WHERE tasks.job_id IN (SELECT value FROM json_each(?)) AND (tasks.status = ? OR tasks.status = ?)""",
        (Parameter("job_ids", Kind.TEXTS), Constant("cancelled"), Constant("failed")),
    ),
)
CANCELLED = Statement(
    columns=(Column("engine_id"), Column("id")),
    postgresql=SQL(
        """\
SELECT tasks.engine_id, tasks.id
FROM tasks
WHERE tasks.status = $1::VARCHAR AND tasks.completed_at > (statement_timestamp() - $2::INTEGER * interval '1 second') AND tasks.instance IS NOT NULL""",
        (Constant("cancelled"), Parameter("within")),
    ),
    sqlite=SQL(
        """\
SELECT tasks.engine_id, tasks.id
FROM tasks
WHERE tasks.status = ? AND tasks.completed_at > (strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (?) || ' seconds') || '000') AND tasks.instance IS NOT NULL""",
        (Constant("cancelled"), Parameter("within")),
    ),
)
ENGINES = Statement(
    columns=(Column("engine_id"),),
    postgresql=SQL(
        """\
SELECT DISTINCT tasks.engine_id
FROM tasks
WHERE tasks.status = $1::VARCHAR""",
        (Constant("ready"),),
    ),
    sqlite=SQL(
        """\
SELECT DISTINCT tasks.engine_id
FROM tasks
WHERE tasks.status = ?""",
        (Constant("ready"),),
    ),
)
PLANNED = Statement(
    columns=(
        Column("id"),
        Column("stage"),
        Column("index"),
        Column("part", Kind.JSON_OR_NULL),
        Column("expands"),
    ),
    postgresql=SQL(
        """\
SELECT tasks.id, tasks.stage, tasks.index, tasks.part, tasks.expands
FROM tasks
WHERE tasks.job_id = $1::VARCHAR AND (tasks.part IS NULL OR tasks.index = $2::INTEGER OR tasks.index >= $3::INTEGER)""",
        (Parameter("job_id"), Constant(0), Parameter("first")),
    ),
    sqlite=SQL(
        """\
SELECT tasks.id, tasks.stage, tasks."index", tasks.part, tasks.expands
FROM tasks
WHERE tasks.job_id = ? AND (tasks.part IS NULL OR tasks."index" = ? OR tasks."index" >= ?)""",
        (Parameter("job_id"), Constant(0), Parameter("first")),
    ),
)
EXPANSIONS = Statement(
    columns=(Column("job_id"), Column("id"), Column("output_path")),
    postgresql=SQL(
        """\
SELECT tasks.job_id, tasks.id, tasks.output_path
FROM tasks
WHERE tasks.job_id = ANY ($1::VARCHAR[]) AND tasks.expands = $2::INTEGER AND tasks.status = $3::VARCHAR""",
        (Parameter("job_ids", Kind.TEXTS), Constant(1), Constant("completed")),
    ),
    sqlite=SQL(
        """\
SELECT tasks.job_id, tasks.id, tasks.output_path
FROM tasks
WHERE tasks.job_id IN (SELECT value FROM json_each(?)) AND tasks.expands = ? AND tasks.status = ?""",
        (Parameter("job_ids", Kind.TEXTS), Constant(1), Constant("completed")),
    ),
)
FINISHED = Statement(
    columns=(Column("job_id"), Column("output_path"), Column("has_endpoint", Kind.FLAG)),
    postgresql=SQL(
        """\
SELECT tasks.job_id, tasks.output_path, EXISTS (SELECT webhooks.id
FROM webhooks JOIN jobs ON jobs.owner = webhooks.owner
WHERE jobs.id = tasks.job_id AND webhooks.disabled_at IS NULL) AS has_endpoint
FROM tasks
WHERE tasks.job_id = ANY ($1::VARCHAR[]) AND tasks.final = $2::INTEGER AND tasks.status = $3::VARCHAR AND NOT (EXISTS (SELECT sibling.id
FROM tasks AS sibling
WHERE sibling.job_id = tasks.job_id AND NOT (sibling.status = $4::VARCHAR OR sibling.status = $5::VARCHAR OR sibling.status = $6::VARCHAR AND sibling.optional = $7::INTEGER)))""",
        (
            Parameter("job_ids", Kind.TEXTS),
            Constant(1),
            Constant("completed"),
            Constant("completed"),
            Constant("skipped"),
            Constant("failed"),
            Constant(1),
        ),
    ),
    sqlite=SQL(
        """\
SELECT tasks.job_id, tasks.output_path, EXISTS (SELECT webhooks.id
FROM webhooks JOIN jobs ON jobs.owner = webhooks.owner
WHERE jobs.id = tasks.job_id AND webhooks.disabled_at IS NULL) AS has_endpoint
FROM tasks
WHERE tasks.job_id IN (SELECT value FROM json_each(?)) AND tasks.final = ? AND tasks.status = ? AND NOT (EXISTS (SELECT sibling.id
FROM tasks AS sibling
WHERE sibling.job_id = tasks.job_id AND NOT (sibling.status = ? OR sibling.status = ? OR sibling.status = ? AND sibling.optional = ?)))""",
        (
            Parameter("job_ids", Kind.TEXTS),
            Constant(1),
            Constant("completed"),
            Constant("completed"),
            Constant("skipped"),
            Constant("failed"),
            Constant(1),
        ),
    ),
)
OVERLOOKED_TASKS = Statement(
    columns=(Column("job_id"),),
    postgresql=SQL(
        """\
SELECT tasks.job_id
FROM tasks JOIN jobs ON jobs.id = tasks.job_id
WHERE jobs.status = $1::VARCHAR AND tasks.status = $2::VARCHAR AND NOT (EXISTS (SELECT task_edges.task_id
FROM task_edges JOIN tasks AS before ON before.id = task_edges.after_id
WHERE task_edges.task_id = tasks.id AND NOT (before.status = $3::VARCHAR OR before.status = $4::VARCHAR OR before.status = $5::VARCHAR AND before.optional = $6::INTEGER)))
 LIMIT $7::INTEGER""",
        (
            Constant("running"),
            Constant("pending"),
            Constant("completed"),
            Constant("skipped"),
            Constant("failed"),
            Constant(1),
            Parameter("limit"),
        ),
    ),
    sqlite=SQL(
        """\
SELECT tasks.job_id
FROM tasks JOIN jobs ON jobs.id = tasks.job_id
WHERE jobs.status = ? AND tasks.status = ? AND NOT (EXISTS (SELECT task_edges.task_id
FROM task_edges JOIN tasks AS "before" ON "before".id = task_edges.after_id
WHERE task_edges.task_id = tasks.id AND NOT ("before".status = ? OR "before".status = ? OR "before".status = ? AND "before".optional = ?)))
 LIMIT ? OFFSET ?""",
        (
            Constant("running"),
            Constant("pending"),
            Constant("completed"),
            Constant("skipped"),
            Constant("failed"),
            Constant(1),
            Parameter("limit"),
            Constant(0),
        ),
    ),
)
OVERLOOKED_JOBS = Statement(
    columns=(Column("id"),),
    postgresql=SQL(
        """\
SELECT jobs.id
FROM jobs
WHERE jobs.status = $1::VARCHAR AND NOT (EXISTS (SELECT tasks.id
FROM tasks
WHERE tasks.job_id = jobs.id AND NOT (tasks.status = $2::VARCHAR OR tasks.status = $3::VARCHAR OR tasks.status = $4::VARCHAR AND tasks.optional = $5::INTEGER)))
 LIMIT $6::INTEGER""",
        (
            Constant("running"),
            Constant("completed"),
            Constant("skipped"),
            Constant("failed"),
            Constant(1),
            Parameter("limit"),
        ),
    ),
    sqlite=SQL(
        """\
SELECT jobs.id
FROM jobs
WHERE jobs.status = ? AND NOT (EXISTS (SELECT tasks.id
FROM tasks
WHERE tasks.job_id = jobs.id AND NOT (tasks.status = ? OR tasks.status = ? OR tasks.status = ? AND tasks.optional = ?)))
 LIMIT ? OFFSET ?""",
        (
            Constant("running"),
            Constant("completed"),
            Constant("skipped"),
            Constant("failed"),
            Constant(1),
            Parameter("limit"),
            Constant(0),
        ),
    ),
)
