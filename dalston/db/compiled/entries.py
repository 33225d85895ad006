"""Written by `make statements` from dalston/db/definitions/entries.py: change that."""

from __future__ import annotations

from dalston.db.kinds import Kind
from dalston.db.statements import SQL, Column, Constant, Parameter, Statement

READY = Statement(
    columns=(
        Column("id"),
        Column("hand_out"),
        Column("job_id"),
        Column("engine_id"),
        Column("stage"),
        Column("config", Kind.JSON),
        Column("audio_from"),
        Column("part", Kind.JSON_OR_NULL),
        Column("final"),
        Column("expands"),
        Column("audio_path"),
        Column("audio_bytes"),
        Column("owner"),
        Column("source_output"),
        Column("source_stage"),
    ),
    postgresql=SQL(
        """\
SELECT tasks.id, tasks.hand_out, tasks.job_id, tasks.engine_id, tasks.stage, tasks.config, tasks.audio_from, tasks.part, tasks.final, tasks.expands, jobs.audio_path, jobs.audio_bytes, jobs.owner, source.output_path AS source_output, source.stage AS source_stage
FROM tasks JOIN jobs ON jobs.id = tasks.job_id LEFT OUTER JOIN tasks AS source ON source.id = tasks.audio_from
WHERE tasks.engine_id = $1::VARCHAR AND tasks.status = $2::VARCHAR AND (tasks.not_before IS NULL OR tasks.not_before <= (statement_timestamp() - $3::INTEGER * interval '1 second')) ORDER BY tasks.rank, tasks.id
 LIMIT $4::INTEGER""",
        (Parameter("engine_id"), Constant("ready"), Constant(0), Parameter("limit")),
    ),
    sqlite=SQL(
        """\
SELECT tasks.id, tasks.hand_out, tasks.job_id, tasks.engine_id, tasks.stage, tasks.config, tasks.audio_from, tasks.part, tasks.final, tasks.expands, jobs.audio_path, jobs.audio_bytes, jobs.owner, source.output_path AS source_output, source.stage AS source_stage
FROM tasks JOIN jobs ON jobs.id = tasks.job_id LEFT OUTER JOIN tasks AS source ON source.id = tasks.audio_from
WHERE tasks.engine_id = ? AND tasks.status = ? AND (tasks.not_before IS NULL OR tasks.not_before <= (strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (?) || ' seconds') || '000')) ORDER BY tasks.rank, tasks.id
 LIMIT ? OFFSET ?""",
        (Parameter("engine_id"), Constant("ready"), Constant(0), Parameter("limit"), Constant(0)),
    ),
)
SHARED = Statement(
    columns=(
        Column("id"),
        Column("hand_out"),
        Column("job_id"),
        Column("engine_id"),
        Column("stage"),
        Column("config", Kind.JSON),
        Column("audio_from"),
        Column("part", Kind.JSON_OR_NULL),
        Column("final"),
        Column("expands"),
        Column("audio_path"),
        Column("audio_bytes"),
        Column("owner"),
        Column("source_output"),
        Column("source_stage"),
    ),
    postgresql=SQL(
        """\
SELECT tasks.id, tasks.hand_out, tasks.job_id, tasks.engine_id, tasks.stage, tasks.config, tasks.audio_from, tasks.part, tasks.final, tasks.expands, jobs.audio_path, jobs.audio_bytes, jobs.owner, source.output_path AS source_output, source.stage AS source_stage
FROM tasks JOIN jobs ON jobs.id = tasks.job_id LEFT OUTER JOIN tasks AS source ON source.id = tasks.audio_from
WHERE tasks.id IN (SELECT placed.id
FROM (SELECT "both".id AS id, "both".waits AS waits, row_number() OVER (PARTITION BY "both".owner ORDER BY "both".waits, "both".rank, "both".id) AS place
FROM (SELECT tasks.id AS id, tasks.rank AS rank, (SELECT jobs.owner
FROM jobs
WHERE jobs.id = tasks.job_id) AS owner, 0 AS waits
FROM tasks
WHERE tasks.engine_id = $1::VARCHAR AND tasks.status = $2::VARCHAR UNION ALL SELECT ready.id AS id, ready.rank AS rank, ready.owner AS owner, 1 AS waits
FROM (SELECT tasks.id AS id, tasks.rank AS rank, (SELECT jobs.owner
FROM jobs
WHERE jobs.id = tasks.job_id) AS owner
FROM tasks
WHERE tasks.engine_id = $1::VARCHAR AND tasks.status = $3::VARCHAR AND (tasks.not_before IS NULL OR tasks.not_before <= (statement_timestamp() - $4::INTEGER * interval '1 second')) ORDER BY tasks.rank, tasks.id
 LIMIT $5::INTEGER) AS ready) AS "both") AS placed
WHERE placed.waits = 1 AND placed.place <= $6::INTEGER) ORDER BY tasks.rank, tasks.id
 LIMIT $7::INTEGER""",
        (
            Parameter("engine_id"),
            Constant("running"),
            Constant("ready"),
            Constant(0),
            Parameter("looked_at"),
            Parameter("share"),
            Parameter("limit"),
        ),
    ),
    sqlite=SQL(
        """\
SELECT tasks.id, tasks.hand_out, tasks.job_id, tasks.engine_id, tasks.stage, tasks.config, tasks.audio_from, tasks.part, tasks.final, tasks.expands, jobs.audio_path, jobs.audio_bytes, jobs.owner, source.output_path AS source_output, source.stage AS source_stage
FROM tasks JOIN jobs ON jobs.id = tasks.job_id LEFT OUTER JOIN tasks AS source ON source.id = tasks.audio_from
WHERE tasks.id IN (SELECT placed.id
FROM (SELECT both.id AS id, both.waits AS waits, row_number() OVER (PARTITION BY both.owner ORDER BY both.waits, both.rank, both.id) AS place
FROM (SELECT tasks.id AS id, tasks.rank AS rank, (SELECT jobs.owner
FROM jobs
WHERE jobs.id = tasks.job_id) AS owner, 0 AS waits
FROM tasks
WHERE tasks.engine_id = ? AND tasks.status = ? UNION ALL SELECT ready.id AS id, ready.rank AS rank, ready.owner AS owner, 1 AS waits
FROM (SELECT tasks.id AS id, tasks.rank AS rank, (SELECT jobs.owner
FROM jobs
WHERE jobs.id = tasks.job_id) AS owner
FROM tasks
WHERE tasks.engine_id = ? AND tasks.status = ? AND (tasks.not_before IS NULL OR tasks.not_before <= (strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (?) || ' seconds') || '000')) ORDER BY tasks.rank, tasks.id
 LIMIT ? OFFSET ?) AS ready) AS both) AS placed
WHERE placed.waits = 1 AND placed.place <= ?) ORDER BY tasks.rank, tasks.id
 LIMIT ? OFFSET ?""",
        (
            Parameter("engine_id"),
            Constant("running"),
            Parameter("engine_id"),
            Constant("ready"),
            Constant(0),
            Parameter("looked_at"),
            Constant(0),
            Parameter("share"),
            Parameter("limit"),
            Constant(0),
        ),
    ),
)
DEPENDENTS = Statement(
    columns=(
        Column("id"),
        Column("hand_out"),
        Column("job_id"),
        Column("engine_id"),
        Column("stage"),
        Column("config", Kind.JSON),
        Column("audio_from"),
        Column("part", Kind.JSON_OR_NULL),
        Column("final"),
        Column("expands"),
        Column("audio_path"),
        Column("audio_bytes"),
        Column("owner"),
        Column("source_output"),
        Column("source_stage"),
    ),
    postgresql=SQL(
        """\
SELECT tasks.id, tasks.hand_out, tasks.job_id, tasks.engine_id, tasks.stage, tasks.config, tasks.audio_from, tasks.part, tasks.final, tasks.expands, jobs.audio_path, jobs.audio_bytes, jobs.owner, source.output_path AS source_output, source.stage AS source_stage
FROM tasks JOIN jobs ON jobs.id = tasks.job_id LEFT OUTER JOIN tasks AS source ON source.id = tasks.audio_from
WHERE tasks.id IN (SELECT task_edges.task_id
FROM task_edges
WHERE task_edges.after_id = ANY ($1::VARCHAR[])) AND tasks.status = $2::VARCHAR AND NOT (EXISTS (SELECT task_edges.task_id
FROM task_edges JOIN tasks AS before ON before.id = task_edges.after_id
WHERE task_edges.task_id = tasks.id AND NOT (before.status = $3::VARCHAR OR before.status = $4::VARCHAR OR before.status = $5::VARCHAR AND before.optional = $6::INTEGER)))""",
        (
            Parameter("task_ids", Kind.TEXTS),
            Constant("pending"),
            Constant("completed"),
            Constant("skipped"),
            Constant("failed"),
            Constant(1),
        ),
    ),
    sqlite=SQL(
        """\
SELECT tasks.id, tasks.hand_out, tasks.job_id, tasks.engine_id, tasks.stage, tasks.config, tasks.audio_from, tasks.part, tasks.final, tasks.expands, jobs.audio_path, jobs.audio_bytes, jobs.owner, source.output_path AS source_output, source.stage AS source_stage
FROM tasks JOIN jobs ON jobs.id = tasks.job_id LEFT OUTER JOIN tasks AS source ON source.id = tasks.audio_from
WHERE tasks.id IN (SELECT task_edges.task_id
FROM task_edges
WHERE task_edges.after_id IN (SELECT value FROM json_each(?))) AND tasks.status = ? AND NOT (EXISTS (SELECT task_edges.task_id
FROM task_edges JOIN tasks AS "before" ON "before".id = task_edges.after_id
WHERE task_edges.task_id = tasks.id AND NOT ("before".status = ? OR "before".status = ? OR "before".status = ? AND "before".optional = ?)))""",
        (
            Parameter("task_ids", Kind.TEXTS),
            Constant("pending"),
            Constant("completed"),
            Constant("skipped"),
            Constant("failed"),
            Constant(1),
        ),
    ),
)
STARTABLE = Statement(
    columns=(
        Column("id"),
        Column("hand_out"),
        Column("job_id"),
        Column("engine_id"),
        Column("stage"),
        Column("config", Kind.JSON),
        Column("audio_from"),
        Column("part", Kind.JSON_OR_NULL),
        Column("final"),
        Column("expands"),
        Column("audio_path"),
        Column("audio_bytes"),
        Column("owner"),
        Column("source_output"),
        Column("source_stage"),
    ),
    postgresql=SQL(
        """\
SELECT tasks.id, tasks.hand_out, tasks.job_id, tasks.engine_id, tasks.stage, tasks.config, tasks.audio_from, tasks.part, tasks.final, tasks.expands, jobs.audio_path, jobs.audio_bytes, jobs.owner, source.output_path AS source_output, source.stage AS source_stage
FROM tasks JOIN jobs ON jobs.id = tasks.job_id LEFT OUTER JOIN tasks AS source ON source.id = tasks.audio_from
WHERE tasks.job_id = ANY ($1::VARCHAR[]) AND tasks.status = $2::VARCHAR AND NOT (EXISTS (SELECT task_edges.task_id
FROM task_edges JOIN tasks AS before ON before.id = task_edges.after_id
WHERE task_edges.task_id = tasks.id AND NOT (before.status = $3::VARCHAR OR before.status = $4::VARCHAR OR before.status = $5::VARCHAR AND before.optional = $6::INTEGER)))""",
        (
            Parameter("job_ids", Kind.TEXTS),
            Constant("pending"),
            Constant("completed"),
            Constant("skipped"),
            Constant("failed"),
            Constant(1),
        ),
    ),
    sqlite=SQL(
        """\
SELECT tasks.id, tasks.hand_out, tasks.job_id, tasks.engine_id, tasks.stage, tasks.config, tasks.audio_from, tasks.part, tasks.final, tasks.expands, jobs.audio_path, jobs.audio_bytes, jobs.owner, source.output_path AS source_output, source.stage AS source_stage
FROM tasks JOIN jobs ON jobs.id = tasks.job_id LEFT OUTER JOIN tasks AS source ON source.id = tasks.audio_from
WHERE tasks.job_id IN (SELECT value FROM json_each(?)) AND tasks.status = ? AND NOT (EXISTS (SELECT task_edges.task_id
FROM task_edges JOIN tasks AS "before" ON "before".id = task_edges.after_id
WHERE task_edges.task_id = tasks.id AND NOT ("before".status = ? OR "before".status = ? OR "before".status = ? AND "before".optional = ?)))""",
        (
            Parameter("job_ids", Kind.TEXTS),
            Constant("pending"),
            Constant("completed"),
            Constant("skipped"),
            Constant("failed"),
            Constant(1),
        ),
    ),
)
OUTPUTS_BEFORE = Statement(
    columns=(
        Column("task_id"),
        Column("stage"),
        Column("part", Kind.JSON_OR_NULL),
        Column("output_path"),
        Column("output"),
        Column("error_message"),
    ),
    postgresql=SQL(
        """\
SELECT task_edges.task_id, tasks.stage, tasks.part, tasks.output_path, tasks.output, tasks.error_message
FROM task_edges JOIN tasks ON tasks.id = task_edges.after_id
WHERE task_edges.task_id = ANY ($1::VARCHAR[]) ORDER BY tasks.stage, tasks.index""",
        (Parameter("task_ids", Kind.TEXTS),),
    ),
    sqlite=SQL(
        """\
SELECT task_edges.task_id, tasks.stage, tasks.part, tasks.output_path, tasks.output, tasks.error_message
FROM task_edges JOIN tasks ON tasks.id = task_edges.after_id
WHERE task_edges.task_id IN (SELECT value FROM json_each(?)) ORDER BY tasks.stage, tasks."index\"""",
        (Parameter("task_ids", Kind.TEXTS),),
    ),
)
