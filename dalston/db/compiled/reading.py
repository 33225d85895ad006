"""Written by `make statements` from dalston/db/definitions/reading.py: change that."""

from __future__ import annotations

from dalston.db.kinds import Kind
from dalston.db.statements import SQL, Column, Constant, Parameter, Statement

FIND_JOBS = Statement(
    columns=(
        Column("id"),
        Column("status"),
        Column("pipeline"),
        Column("owner"),
        Column("parameters", Kind.JSON),
        Column("filename"),
        Column("audio_path"),
        Column("audio_bytes"),
        Column("created_at", Kind.MOMENT),
        Column("started_at", Kind.MOMENT),
        Column("completed_at", Kind.MOMENT),
        Column("transcript_path"),
        Column("version"),
        Column("resumed"),
        Column("rerun", Kind.JSON_OR_NULL),
        Column("deadline_seconds"),
        Column("retention"),
        Column("retention_days"),
        Column("audio_deleted_at", Kind.MOMENT),
        Column("callback_url"),
        Column("error_code"),
        Column("error_message"),
    ),
    postgresql=SQL(
        """\
SELECT jobs.id, jobs.status, jobs.pipeline, jobs.owner, jobs.parameters, jobs.filename, jobs.audio_path, jobs.audio_bytes, jobs.created_at, jobs.started_at, jobs.completed_at, jobs.transcript_path, jobs.version, jobs.resumed, jobs.rerun, jobs.deadline_seconds, jobs.retention, jobs.retention_days, jobs.audio_deleted_at, jobs.callback_url, jobs.error_code, jobs.error_message
FROM jobs
WHERE jobs.id = ANY ($1::VARCHAR[]) AND jobs.deleted_at IS NULL ORDER BY jobs.created_at, jobs.id""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
    sqlite=SQL(
        """\
SELECT jobs.id, jobs.status, jobs.pipeline, jobs.owner, jobs.parameters, jobs.filename, jobs.audio_path, jobs.audio_bytes, jobs.created_at, jobs.started_at, jobs.completed_at, jobs.transcript_path, jobs.version, jobs.resumed, jobs.rerun, jobs.deadline_seconds, jobs.retention, jobs.retention_days, jobs.audio_deleted_at, jobs.callback_url, jobs.error_code, jobs.error_message
FROM jobs
WHERE jobs.id IN (SELECT value FROM json_each(?)) AND jobs.deleted_at IS NULL ORDER BY jobs.created_at, jobs.id""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
)
OWNED_JOBS = Statement(
    columns=(
        Column("id"),
        Column("status"),
        Column("pipeline"),
        Column("owner"),
        Column("parameters", Kind.JSON),
        Column("filename"),
        Column("audio_path"),
        Column("audio_bytes"),
        Column("created_at", Kind.MOMENT),
        Column("started_at", Kind.MOMENT),
        Column("completed_at", Kind.MOMENT),
        Column("transcript_path"),
        Column("version"),
        Column("resumed"),
        Column("rerun", Kind.JSON_OR_NULL),
        Column("deadline_seconds"),
        Column("retention"),
        Column("retention_days"),
        Column("audio_deleted_at", Kind.MOMENT),
        Column("callback_url"),
        Column("error_code"),
        Column("error_message"),
    ),
    postgresql=SQL(
        """\
SELECT jobs.id, jobs.status, jobs.pipeline, jobs.owner, jobs.parameters, jobs.filename, jobs.audio_path, jobs.audio_bytes, jobs.created_at, jobs.started_at, jobs.completed_at, jobs.transcript_path, jobs.version, jobs.resumed, jobs.rerun, jobs.deadline_seconds, jobs.retention, jobs.retention_days, jobs.audio_deleted_at, jobs.callback_url, jobs.error_code, jobs.error_message
FROM jobs
WHERE jobs.id = ANY ($1::VARCHAR[]) AND jobs.owner = ANY ($2::VARCHAR[]) AND jobs.deleted_at IS NULL""",
        (Parameter("job_ids", Kind.TEXTS), Parameter("owners", Kind.TEXTS)),
    ),
    sqlite=SQL(
        """\
SELECT jobs.id, jobs.status, jobs.pipeline, jobs.owner, jobs.parameters, jobs.filename, jobs.audio_path, jobs.audio_bytes, jobs.created_at, jobs.started_at, jobs.completed_at, jobs.transcript_path, jobs.version, jobs.resumed, jobs.rerun, jobs.deadline_seconds, jobs.retention, jobs.retention_days, jobs.audio_deleted_at, jobs.callback_url, jobs.error_code, jobs.error_message
FROM jobs
WHERE jobs.id IN (SELECT value FROM json_each(?)) AND jobs.owner IN (SELECT value FROM json_each(?)) AND jobs.deleted_at IS NULL""",
        (Parameter("job_ids", Kind.TEXTS), Parameter("owners", Kind.TEXTS)),
    ),
)
STATUSES = Statement(
    columns=(Column("id"), Column("status")),
    postgresql=SQL(
        """\
SELECT jobs.id, jobs.status
FROM jobs
WHERE jobs.id = ANY ($1::VARCHAR[]) AND jobs.deleted_at IS NULL""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
    sqlite=SQL(
        """\
SELECT jobs.id, jobs.status
FROM jobs
WHERE jobs.id IN (SELECT value FROM json_each(?)) AND jobs.deleted_at IS NULL""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
)
FINISHED_CHUNKS = Statement(
    columns=(Column("job_id"), Column("finished")),
    postgresql=SQL(
        """\
SELECT tasks.job_id, count(*) AS finished
FROM tasks
WHERE tasks.job_id = ANY ($1::VARCHAR[]) AND tasks.part IS NOT NULL AND tasks.status = $2::VARCHAR GROUP BY tasks.job_id""",
        (Parameter("job_ids", Kind.TEXTS), Constant("completed")),
    ),
    sqlite=SQL(
        """\
SELECT tasks.job_id, count(*) AS finished
FROM tasks
WHERE tasks.job_id IN (SELECT value FROM json_each(?)) AND tasks.part IS NOT NULL AND tasks.status = ? GROUP BY tasks.job_id""",
        (Parameter("job_ids", Kind.TEXTS), Constant("completed")),
    ),
)
TAKEN_IDS = Statement(
    columns=(Column("id"),),
    postgresql=SQL(
        """\
SELECT jobs.id
FROM jobs
WHERE jobs.id = ANY ($1::VARCHAR[])""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
    sqlite=SQL(
        """\
SELECT jobs.id
FROM jobs
WHERE jobs.id IN (SELECT value FROM json_each(?))""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
)
TASKS = Statement(
    columns=(
        Column("id"),
        Column("job_id"),
        Column("stage"),
        Column("index"),
        Column("engine_id"),
        Column("status"),
        Column("hand_out"),
        Column("config", Kind.JSON),
        Column("token"),
        Column("instance"),
        Column("output_path"),
        Column("started_at", Kind.MOMENT),
        Column("completed_at", Kind.MOMENT),
        Column("part", Kind.JSON_OR_NULL),
        Column("optional"),
        Column("expands"),
        Column("not_before", Kind.MOMENT),
        Column("error_code"),
        Column("error_message"),
        Column("audio_from"),
    ),
    postgresql=SQL(
        """\
SELECT tasks.id, tasks.job_id, tasks.stage, tasks.index, tasks.engine_id, tasks.status, tasks.hand_out, tasks.config, tasks.token, tasks.instance, tasks.output_path, tasks.started_at, tasks.completed_at, tasks.part, tasks.optional, tasks.expands, tasks.not_before, tasks.error_code, tasks.error_message, tasks.audio_from
FROM tasks
WHERE tasks.job_id = ANY ($1::VARCHAR[]) ORDER BY tasks.index""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
    sqlite=SQL(
        """\
SELECT tasks.id, tasks.job_id, tasks.stage, tasks."index", tasks.engine_id, tasks.status, tasks.hand_out, tasks.config, tasks.token, tasks.instance, tasks.output_path, tasks.started_at, tasks.completed_at, tasks.part, tasks.optional, tasks.expands, tasks.not_before, tasks.error_code, tasks.error_message, tasks.audio_from
FROM tasks
WHERE tasks.job_id IN (SELECT value FROM json_each(?)) ORDER BY tasks."index\"""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
)
WITHOUT_CHUNKS = Statement(
    columns=(
        Column("id"),
        Column("job_id"),
        Column("stage"),
        Column("index"),
        Column("engine_id"),
        Column("status"),
        Column("hand_out"),
        Column("config", Kind.JSON),
        Column("token"),
        Column("instance"),
        Column("output_path"),
        Column("started_at", Kind.MOMENT),
        Column("completed_at", Kind.MOMENT),
        Column("part", Kind.JSON_OR_NULL),
        Column("optional"),
        Column("expands"),
        Column("not_before", Kind.MOMENT),
        Column("error_code"),
        Column("error_message"),
        Column("audio_from"),
    ),
    postgresql=SQL(
        """\
SELECT tasks.id, tasks.job_id, tasks.stage, tasks.index, tasks.engine_id, tasks.status, tasks.hand_out, tasks.config, tasks.token, tasks.instance, tasks.output_path, tasks.started_at, tasks.completed_at, tasks.part, tasks.optional, tasks.expands, tasks.not_before, tasks.error_code, tasks.error_message, tasks.audio_from
FROM tasks
WHERE tasks.job_id = ANY ($1::VARCHAR[]) AND tasks.index = $2::INTEGER ORDER BY tasks.index""",
        (Parameter("job_ids", Kind.TEXTS), Constant(0)),
    ),
    sqlite=SQL(
        """\
SELECT tasks.id, tasks.job_id, tasks.stage, tasks."index", tasks.engine_id, tasks.status, tasks.hand_out, tasks.config, tasks.token, tasks.instance, tasks.output_path, tasks.started_at, tasks.completed_at, tasks.part, tasks.optional, tasks.expands, tasks.not_before, tasks.error_code, tasks.error_message, tasks.audio_from
FROM tasks
WHERE tasks.job_id IN (SELECT value FROM json_each(?)) AND tasks."index" = ? ORDER BY tasks."index\"""",
        (Parameter("job_ids", Kind.TEXTS), Constant(0)),
    ),
)
EDGES_WITHOUT_CHUNKS = Statement(
    columns=(Column("task_id"), Column("after_id")),
    postgresql=SQL(
        """\
SELECT task_edges.task_id, task_edges.after_id
FROM task_edges JOIN tasks ON tasks.id = task_edges.task_id JOIN tasks AS earlier ON earlier.id = task_edges.after_id
WHERE tasks.job_id = ANY ($1::VARCHAR[]) AND tasks.index = $2::INTEGER AND earlier.index = $3::INTEGER""",
        (Parameter("job_ids", Kind.TEXTS), Constant(0), Constant(0)),
    ),
    sqlite=SQL(
        """\
SELECT task_edges.task_id, task_edges.after_id
FROM task_edges JOIN tasks ON tasks.id = task_edges.task_id JOIN tasks AS earlier ON earlier.id = task_edges.after_id
WHERE tasks.job_id IN (SELECT value FROM json_each(?)) AND tasks."index" = ? AND earlier."index" = ?""",
        (Parameter("job_ids", Kind.TEXTS), Constant(0), Constant(0)),
    ),
)
EDGES = Statement(
    columns=(Column("task_id"), Column("after_id")),
    postgresql=SQL(
        """\
SELECT task_edges.task_id, task_edges.after_id
FROM task_edges JOIN tasks ON tasks.id = task_edges.task_id
WHERE tasks.job_id = ANY ($1::VARCHAR[])""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
    sqlite=SQL(
        """\
SELECT task_edges.task_id, task_edges.after_id
FROM task_edges JOIN tasks ON tasks.id = task_edges.task_id
WHERE tasks.job_id IN (SELECT value FROM json_each(?))""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
)
AUDIO_FROM = Statement(
    columns=(Column("id"), Column("audio_from")),
    postgresql=SQL(
        """\
SELECT tasks.id, tasks.audio_from
FROM tasks
WHERE tasks.job_id = ANY ($1::VARCHAR[]) AND tasks.audio_from IS NOT NULL""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
    sqlite=SQL(
        """\
SELECT tasks.id, tasks.audio_from
FROM tasks
WHERE tasks.job_id IN (SELECT value FROM json_each(?)) AND tasks.audio_from IS NOT NULL""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
)
HISTORY = Statement(
    columns=(
        Column("at", Kind.MOMENT),
        Column("task_id"),
        Column("from_status"),
        Column("to_status"),
        Column("why"),
        Column("attempt"),
        Column("instance"),
    ),
    postgresql=SQL(
        """\
SELECT history.at, history.task_id, history.from_status, history.to_status, history.why, history.attempt, history.instance
FROM history
WHERE history.job_id = $1::VARCHAR ORDER BY history.id""",
        (Parameter("job_id"),),
    ),
    sqlite=SQL(
        """\
SELECT history.at, history.task_id, history.from_status, history.to_status, history.why, history.attempt, history.instance
FROM history
WHERE history.job_id = ? ORDER BY history.id""",
        (Parameter("job_id"),),
    ),
)
LIST = {
    (False, False): Statement(
        columns=(
            Column("id"),
            Column("status"),
            Column("pipeline"),
            Column("owner"),
            Column("parameters", Kind.JSON),
            Column("filename"),
            Column("audio_path"),
            Column("audio_bytes"),
            Column("created_at", Kind.MOMENT),
            Column("started_at", Kind.MOMENT),
            Column("completed_at", Kind.MOMENT),
            Column("transcript_path"),
            Column("version"),
            Column("resumed"),
            Column("rerun", Kind.JSON_OR_NULL),
            Column("deadline_seconds"),
            Column("retention"),
            Column("retention_days"),
            Column("audio_deleted_at", Kind.MOMENT),
            Column("callback_url"),
            Column("error_code"),
            Column("error_message"),
        ),
        postgresql=SQL(
            """\
SELECT jobs.id, jobs.status, jobs.pipeline, jobs.owner, jobs.parameters, jobs.filename, jobs.audio_path, jobs.audio_bytes, jobs.created_at, jobs.started_at, jobs.completed_at, jobs.transcript_path, jobs.version, jobs.resumed, jobs.rerun, jobs.deadline_seconds, jobs.retention, jobs.retention_days, jobs.audio_deleted_at, jobs.callback_url, jobs.error_code, jobs.error_message
FROM jobs
WHERE jobs.owner = $1::VARCHAR AND jobs.deleted_at IS NULL ORDER BY jobs.created_at DESC, jobs.id DESC
 LIMIT $2::INTEGER""",
            (Parameter("owner"), Parameter("limit")),
        ),
        sqlite=SQL(
            """\
SELECT jobs.id, jobs.status, jobs.pipeline, jobs.owner, jobs.parameters, jobs.filename, jobs.audio_path, jobs.audio_bytes, jobs.created_at, jobs.started_at, jobs.completed_at, jobs.transcript_path, jobs.version, jobs.resumed, jobs.rerun, jobs.deadline_seconds, jobs.retention, jobs.retention_days, jobs.audio_deleted_at, jobs.callback_url, jobs.error_code, jobs.error_message
FROM jobs
WHERE jobs.owner = ? AND jobs.deleted_at IS NULL ORDER BY jobs.created_at DESC, jobs.id DESC
 LIMIT ? OFFSET ?""",
            (Parameter("owner"), Parameter("limit"), Constant(0)),
        ),
    ),
    (False, True): Statement(
        columns=(
            Column("id"),
            Column("status"),
            Column("pipeline"),
            Column("owner"),
            Column("parameters", Kind.JSON),
            Column("filename"),
            Column("audio_path"),
            Column("audio_bytes"),
            Column("created_at", Kind.MOMENT),
            Column("started_at", Kind.MOMENT),
            Column("completed_at", Kind.MOMENT),
            Column("transcript_path"),
            Column("version"),
            Column("resumed"),
            Column("rerun", Kind.JSON_OR_NULL),
            Column("deadline_seconds"),
            Column("retention"),
            Column("retention_days"),
            Column("audio_deleted_at", Kind.MOMENT),
            Column("callback_url"),
            Column("error_code"),
            Column("error_message"),
        ),
        postgresql=SQL(
            """\
SELECT jobs.id, jobs.status, jobs.pipeline, jobs.owner, jobs.parameters, jobs.filename, jobs.audio_path, jobs.audio_bytes, jobs.created_at, jobs.started_at, jobs.completed_at, jobs.transcript_path, jobs.version, jobs.resumed, jobs.rerun, jobs.deadline_seconds, jobs.retention, jobs.retention_days, jobs.audio_deleted_at, jobs.callback_url, jobs.error_code, jobs.error_message
FROM jobs
WHERE jobs.owner = $1::VARCHAR AND jobs.deleted_at IS NULL AND (jobs.created_at, jobs.id) < ($2::TIMESTAMP WITH TIME ZONE, $3::VARCHAR) ORDER BY jobs.created_at DESC, jobs.id DESC
 LIMIT $4::INTEGER""",
            (
                Parameter("owner"),
                Parameter("created_at", Kind.MOMENT),
                Parameter("job_id"),
                Parameter("limit"),
            ),
        ),
        sqlite=SQL(
            """\
SELECT jobs.id, jobs.status, jobs.pipeline, jobs.owner, jobs.parameters, jobs.filename, jobs.audio_path, jobs.audio_bytes, jobs.created_at, jobs.started_at, jobs.completed_at, jobs.transcript_path, jobs.version, jobs.resumed, jobs.rerun, jobs.deadline_seconds, jobs.retention, jobs.retention_days, jobs.audio_deleted_at, jobs.callback_url, jobs.error_code, jobs.error_message
FROM jobs
WHERE jobs.owner = ? AND jobs.deleted_at IS NULL AND (jobs.created_at, jobs.id) < (?, ?) ORDER BY jobs.created_at DESC, jobs.id DESC
 LIMIT ? OFFSET ?""",
            (
                Parameter("owner"),
                Parameter("created_at", Kind.MOMENT),
                Parameter("job_id"),
                Parameter("limit"),
                Constant(0),
            ),
        ),
    ),
    (True, False): Statement(
        columns=(
            Column("id"),
            Column("status"),
            Column("pipeline"),
            Column("owner"),
            Column("parameters", Kind.JSON),
            Column("filename"),
            Column("audio_path"),
            Column("audio_bytes"),
            Column("created_at", Kind.MOMENT),
            Column("started_at", Kind.MOMENT),
            Column("completed_at", Kind.MOMENT),
            Column("transcript_path"),
            Column("version"),
            Column("resumed"),
            Column("rerun", Kind.JSON_OR_NULL),
            Column("deadline_seconds"),
            Column("retention"),
            Column("retention_days"),
            Column("audio_deleted_at", Kind.MOMENT),
            Column("callback_url"),
            Column("error_code"),
            Column("error_message"),
        ),
        postgresql=SQL(
            """\
SELECT jobs.id, jobs.status, jobs.pipeline, jobs.owner, jobs.parameters, jobs.filename, jobs.audio_path, jobs.audio_bytes, jobs.created_at, jobs.started_at, jobs.completed_at, jobs.transcript_path, jobs.version, jobs.resumed, jobs.rerun, jobs.deadline_seconds, jobs.retention, jobs.retention_days, jobs.audio_deleted_at, jobs.callback_url, jobs.error_code, jobs.error_message
FROM jobs
WHERE jobs.owner = $1::VARCHAR AND jobs.deleted_at IS NULL AND jobs.status = $2::VARCHAR ORDER BY jobs.created_at DESC, jobs.id DESC
 LIMIT $3::INTEGER""",
            (Parameter("owner"), Parameter("status"), Parameter("limit")),
        ),
        sqlite=SQL(
            """\
SELECT jobs.id, jobs.status, jobs.pipeline, jobs.owner, jobs.parameters, jobs.filename, jobs.audio_path, jobs.audio_bytes, jobs.created_at, jobs.started_at, jobs.completed_at, jobs.transcript_path, jobs.version, jobs.resumed, jobs.rerun, jobs.deadline_seconds, jobs.retention, jobs.retention_days, jobs.audio_deleted_at, jobs.callback_url, jobs.error_code, jobs.error_message
FROM jobs
WHERE jobs.owner = ? AND jobs.deleted_at IS NULL AND jobs.status = ? ORDER BY jobs.created_at DESC, jobs.id DESC
 LIMIT ? OFFSET ?""",
            (Parameter("owner"), Parameter("status"), Parameter("limit"), Constant(0)),
        ),
    ),
    (True, True): Statement(
        columns=(
            Column("id"),
            Column("status"),
            Column("pipeline"),
            Column("owner"),
            Column("parameters", Kind.JSON),
            Column("filename"),
            Column("audio_path"),
            Column("audio_bytes"),
            Column("created_at", Kind.MOMENT),
            Column("started_at", Kind.MOMENT),
            Column("completed_at", Kind.MOMENT),
            Column("transcript_path"),
            Column("version"),
            Column("resumed"),
            Column("rerun", Kind.JSON_OR_NULL),
            Column("deadline_seconds"),
            Column("retention"),
            Column("retention_days"),
            Column("audio_deleted_at", Kind.MOMENT),
            Column("callback_url"),
            Column("error_code"),
            Column("error_message"),
        ),
        postgresql=SQL(
            """\
SELECT jobs.id, jobs.status, jobs.pipeline, jobs.owner, jobs.parameters, jobs.filename, jobs.audio_path, jobs.audio_bytes, jobs.created_at, jobs.started_at, jobs.completed_at, jobs.transcript_path, jobs.version, jobs.resumed, jobs.rerun, jobs.deadline_seconds, jobs.retention, jobs.retention_days, jobs.audio_deleted_at, jobs.callback_url, jobs.error_code, jobs.error_message
FROM jobs
WHERE jobs.owner = $1::VARCHAR AND jobs.deleted_at IS NULL AND jobs.status = $2::VARCHAR AND (jobs.created_at, jobs.id) < ($3::TIMESTAMP WITH TIME ZONE, $4::VARCHAR) ORDER BY jobs.created_at DESC, jobs.id DESC
 LIMIT $5::INTEGER""",
            (
                Parameter("owner"),
                Parameter("status"),
                Parameter("created_at", Kind.MOMENT),
                Parameter("job_id"),
                Parameter("limit"),
            ),
        ),
        sqlite=SQL(
            """\
SELECT jobs.id, jobs.status, jobs.pipeline, jobs.owner, jobs.parameters, jobs.filename, jobs.audio_path, jobs.audio_bytes, jobs.created_at, jobs.started_at, jobs.completed_at, jobs.transcript_path, jobs.version, jobs.resumed, jobs.rerun, jobs.deadline_seconds, jobs.retention, jobs.retention_days, jobs.audio_deleted_at, jobs.callback_url, jobs.error_code, jobs.error_message
FROM jobs
WHERE jobs.owner = ? AND jobs.deleted_at IS NULL AND jobs.status = ? AND (jobs.created_at, jobs.id) < (?, ?) ORDER BY jobs.created_at DESC, jobs.id DESC
 LIMIT ? OFFSET ?""",
            (
                Parameter("owner"),
                Parameter("status"),
                Parameter("created_at", Kind.MOMENT),
                Parameter("job_id"),
                Parameter("limit"),
                Constant(0),
            ),
        ),
    ),
}
