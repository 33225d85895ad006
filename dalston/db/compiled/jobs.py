"""Written by `make statements` from dalston/db/definitions/jobs.py: change that."""

from __future__ import annotations

from dalston.db.kinds import Kind
from dalston.db.statements import SQL, Column, Constant, Parameter, Statement

NOW_AND_TAKEN = Statement(
    columns=(Column("now", Kind.MOMENT), Column("id")),
    postgresql=SQL(
        """\
SELECT moment.now, jobs.id
FROM (SELECT clock_timestamp() AS now) AS moment LEFT OUTER JOIN jobs ON jobs.id = ANY ($1::VARCHAR[])""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
    sqlite=SQL(
        """\
SELECT moment.now, jobs.id
FROM (SELECT (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000') AS now) AS moment LEFT OUTER JOIN jobs ON jobs.id IN (SELECT value FROM json_each(?))""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
)
NEW_JOB = Statement(
    postgresql=SQL(
        """\
INSERT INTO jobs (id, owner, status, pipeline, parameters, filename, audio_path, audio_bytes, created_at, deadline_seconds, deadline_at, retention, retention_days, callback_url) VALUES ($1::VARCHAR, $2::VARCHAR, $3::VARCHAR, $4::VARCHAR, $5::JSON, $6::VARCHAR, $7::VARCHAR, $8::BIGINT, $9::TIMESTAMP WITH TIME ZONE, $10::FLOAT, (clock_timestamp() + $11::FLOAT * interval '1 second'), $12::VARCHAR, $13::FLOAT, $14::VARCHAR)""",
        (
            Parameter("id"),
            Parameter("owner"),
            Constant("pending"),
            Parameter("pipeline"),
            Parameter("parameters", Kind.JSON),
            Parameter("filename"),
            Parameter("audio_path"),
            Parameter("audio_bytes"),
            Parameter("created_at", Kind.MOMENT),
            Parameter("deadline_seconds", Kind.FRACTION),
            Parameter("until_seconds", Kind.FRACTION),
            Parameter("retention"),
            Parameter("retention_days", Kind.FRACTION),
            Parameter("callback_url"),
        ),
    ),
    sqlite=SQL(
        """\
INSERT INTO jobs (id, owner, status, pipeline, parameters, filename, audio_path, audio_bytes, created_at, deadline_seconds, deadline_at, retention, retention_days, callback_url) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (strftime('%Y-%m-%d %H:%M:%f', 'now', '+' || round(?, 3) || ' seconds') || '000'), ?, ?, ?)""",
        (
            Parameter("id"),
            Parameter("owner"),
            Constant("pending"),
            Parameter("pipeline"),
            Parameter("parameters", Kind.JSON),
            Parameter("filename"),
            Parameter("audio_path"),
            Parameter("audio_bytes"),
            Parameter("created_at", Kind.MOMENT),
            Parameter("deadline_seconds", Kind.FRACTION),
            Parameter("until_seconds", Kind.FRACTION),
            Parameter("retention"),
            Parameter("retention_days", Kind.FRACTION),
            Parameter("callback_url"),
        ),
    ),
)
START_JOB = Statement(
    postgresql=SQL(
        """\
UPDATE jobs SET status=$1::VARCHAR, started_at=clock_timestamp() WHERE jobs.id = $2::VARCHAR AND jobs.status = $3::VARCHAR""",
        (Constant("running"), Parameter("by_id"), Constant("pending")),
    ),
    sqlite=SQL(
        """\
UPDATE jobs SET status=?, started_at=(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000') WHERE jobs.id = ? AND jobs.status = ?""",
        (Constant("running"), Parameter("by_id"), Constant("pending")),
    ),
)
START = Statement(
    postgresql=SQL(
        """\
UPDATE tasks SET status=$1::VARCHAR, token=$2::VARCHAR, instance=$3::VARCHAR, error_code=$4::VARCHAR, error_message=$5::VARCHAR, started_at=clock_timestamp() WHERE tasks.id = $6::VARCHAR AND tasks.hand_out = $7::INTEGER AND tasks.status = $8::VARCHAR""",
        (
            Constant("running"),
            Parameter("by_token"),
            Parameter("by_instance"),
            Constant(None),
            Constant(None),
            Parameter("by_id"),
            Parameter("by_hand_out"),
            Constant("ready"),
        ),
    ),
    sqlite=SQL(
        """\
UPDATE tasks SET status=?, token=?, instance=?, error_code=?, error_message=?, started_at=(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000') WHERE tasks.id = ? AND tasks.hand_out = ? AND tasks.status = ?""",
        (
            Constant("running"),
            Parameter("by_token"),
            Parameter("by_instance"),
            Constant(None),
            Constant(None),
            Parameter("by_id"),
            Parameter("by_hand_out"),
            Constant("ready"),
        ),
    ),
)
COMPLETE = Statement(
    postgresql=SQL(
        """\
UPDATE tasks SET status=$1::VARCHAR, token=$2::VARCHAR, instance=$3::VARCHAR, output_path=$4::VARCHAR, output=$5::VARCHAR, error_code=$6::VARCHAR, error_message=$7::VARCHAR, started_at=coalesce(tasks.started_at, (statement_timestamp() - $8::FLOAT * interval '1 second')), completed_at=clock_timestamp() WHERE tasks.id = $9::VARCHAR AND tasks.hand_out = $10::INTEGER AND (tasks.status = $11::VARCHAR OR tasks.status = $12::VARCHAR)""",
        (
            Constant("completed"),
            Parameter("by_token"),
            Parameter("by_instance"),
            Parameter("by_output"),
            Parameter("by_small"),
            Constant(None),
            Constant(None),
            Parameter("by_seconds", Kind.FRACTION),
            Parameter("by_id"),
            Parameter("by_hand_out"),
            Constant("ready"),
            Constant("running"),
        ),
    ),
    sqlite=SQL(
        """\
UPDATE tasks SET status=?, token=?, instance=?, output_path=?, output=?, error_code=?, error_message=?, started_at=coalesce(tasks.started_at, (strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (?) || ' seconds') || '000')), completed_at=(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000') WHERE tasks.id = ? AND tasks.hand_out = ? AND (tasks.status = ? OR tasks.status = ?)""",
        (
            Constant("completed"),
            Parameter("by_token"),
            Parameter("by_instance"),
            Parameter("by_output"),
            Parameter("by_small"),
            Constant(None),
            Constant(None),
            Parameter("by_seconds", Kind.FRACTION),
            Parameter("by_id"),
            Parameter("by_hand_out"),
            Constant("ready"),
            Constant("running"),
        ),
    ),
)
FAIL = Statement(
    postgresql=SQL(
        """\
UPDATE tasks SET status=$1::VARCHAR, token=$2::VARCHAR, instance=$3::VARCHAR, error_code=$4::VARCHAR, error_message=$5::VARCHAR, completed_at=clock_timestamp() WHERE tasks.id = $6::VARCHAR AND tasks.hand_out = $7::INTEGER AND (tasks.status = $8::VARCHAR OR tasks.status = $9::VARCHAR)""",
        (
            Constant("failed"),
            Parameter("by_token"),
            Parameter("by_instance"),
            Parameter("by_code"),
            Parameter("by_message"),
            Parameter("by_id"),
            Parameter("by_hand_out"),
            Constant("ready"),
            Constant("running"),
        ),
    ),
    sqlite=SQL(
        """\
UPDATE tasks SET status=?, token=?, instance=?, error_code=?, error_message=?, completed_at=(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000') WHERE tasks.id = ? AND tasks.hand_out = ? AND (tasks.status = ? OR tasks.status = ?)""",
        (
            Constant("failed"),
            Parameter("by_token"),
            Parameter("by_instance"),
            Parameter("by_code"),
            Parameter("by_message"),
            Parameter("by_id"),
            Parameter("by_hand_out"),
            Constant("ready"),
            Constant("running"),
        ),
    ),
)
RETURN = {
    "retry": Statement(
        postgresql=SQL(
            """\
UPDATE tasks SET status=$1::VARCHAR, hand_out=(tasks.hand_out + $2::INTEGER), token=$3::VARCHAR, instance=$4::VARCHAR, not_before=(clock_timestamp() + $5::FLOAT * interval '1 second'), failures=(tasks.failures + $6::INTEGER), error_code=$7::VARCHAR, error_message=$8::VARCHAR, started_at=$9::TIMESTAMP WITH TIME ZONE WHERE tasks.id = $10::VARCHAR AND tasks.hand_out = $11::INTEGER AND (tasks.status = $12::VARCHAR OR tasks.status = $13::VARCHAR)""",
            (
                Constant("ready"),
                Constant(1),
                Constant(None),
                Constant(None),
                Parameter("by_pause", Kind.FRACTION),
                Constant(1),
                Parameter("by_code"),
                Parameter("by_message"),
                Constant(None),
                Parameter("by_id"),
                Parameter("by_hand_out"),
                Constant("ready"),
                Constant("running"),
            ),
        ),
        sqlite=SQL(
            """\
UPDATE tasks SET status=?, hand_out=(tasks.hand_out + ?), token=?, instance=?, not_before=(strftime('%Y-%m-%d %H:%M:%f', 'now', '+' || round(?, 3) || ' seconds') || '000'), failures=(tasks.failures + ?), error_code=?, error_message=?, started_at=? WHERE tasks.id = ? AND tasks.hand_out = ? AND (tasks.status = ? OR tasks.status = ?)""",
            (
                Constant("ready"),
                Constant(1),
                Constant(None),
                Constant(None),
                Parameter("by_pause", Kind.FRACTION),
                Constant(1),
                Parameter("by_code"),
                Parameter("by_message"),
                Constant(None),
                Parameter("by_id"),
                Parameter("by_hand_out"),
                Constant("ready"),
                Constant("running"),
            ),
        ),
    ),
    "lost": Statement(
        postgresql=SQL(
            """\
UPDATE tasks SET status=$1::VARCHAR, hand_out=(tasks.hand_out + $2::INTEGER), token=$3::VARCHAR, instance=$4::VARCHAR, not_before=(clock_timestamp() + $5::FLOAT * interval '1 second'), losses=(tasks.losses + $6::INTEGER), error_code=$7::VARCHAR, error_message=$8::VARCHAR, started_at=$9::TIMESTAMP WITH TIME ZONE WHERE tasks.id = $10::VARCHAR AND tasks.hand_out = $11::INTEGER AND (tasks.status = $12::VARCHAR OR tasks.status = $13::VARCHAR)""",
            (
                Constant("ready"),
                Constant(1),
                Constant(None),
                Constant(None),
                Parameter("by_pause", Kind.FRACTION),
                Constant(1),
                Parameter("by_code"),
                Parameter("by_message"),
                Constant(None),
                Parameter("by_id"),
                Parameter("by_hand_out"),
                Constant("ready"),
                Constant("running"),
            ),
        ),
        sqlite=SQL(
            """\
UPDATE tasks SET status=?, hand_out=(tasks.hand_out + ?), token=?, instance=?, not_before=(strftime('%Y-%m-%d %H:%M:%f', 'now', '+' || round(?, 3) || ' seconds') || '000'), losses=(tasks.losses + ?), error_code=?, error_message=?, started_at=? WHERE tasks.id = ? AND tasks.hand_out = ? AND (tasks.status = ? OR tasks.status = ?)""",
            (
                Constant("ready"),
                Constant(1),
                Constant(None),
                Constant(None),
                Parameter("by_pause", Kind.FRACTION),
                Constant(1),
                Parameter("by_code"),
                Parameter("by_message"),
                Constant(None),
                Parameter("by_id"),
                Parameter("by_hand_out"),
                Constant("ready"),
                Constant("running"),
            ),
        ),
    ),
    "released": Statement(
        postgresql=SQL(
            """\
UPDATE tasks SET status=$1::VARCHAR, hand_out=(tasks.hand_out + $2::INTEGER), token=$3::VARCHAR, instance=$4::VARCHAR, not_before=(clock_timestamp() + $5::FLOAT * interval '1 second'), error_code=$6::VARCHAR, error_message=$7::VARCHAR, started_at=$8::TIMESTAMP WITH TIME ZONE WHERE tasks.id = $9::VARCHAR AND tasks.hand_out = $10::INTEGER AND (tasks.status = $11::VARCHAR OR tasks.status = $12::VARCHAR)""",
            (
                Constant("ready"),
                Constant(1),
                Constant(None),
                Constant(None),
                Parameter("by_pause", Kind.FRACTION),
                Constant(None),
                Constant(None),
                Constant(None),
                Parameter("by_id"),
                Parameter("by_hand_out"),
                Constant("ready"),
                Constant("running"),
            ),
        ),
        sqlite=SQL(
            """\
UPDATE tasks SET status=?, hand_out=(tasks.hand_out + ?), token=?, instance=?, not_before=(strftime('%Y-%m-%d %H:%M:%f', 'now', '+' || round(?, 3) || ' seconds') || '000'), error_code=?, error_message=?, started_at=? WHERE tasks.id = ? AND tasks.hand_out = ? AND (tasks.status = ? OR tasks.status = ?)""",
            (
                Constant("ready"),
                Constant(1),
                Constant(None),
                Constant(None),
                Parameter("by_pause", Kind.FRACTION),
                Constant(None),
                Constant(None),
                Constant(None),
                Parameter("by_id"),
                Parameter("by_hand_out"),
                Constant("ready"),
                Constant("running"),
            ),
        ),
    ),
    "restart": Statement(
        postgresql=SQL(
            """\
UPDATE tasks SET status=$1::VARCHAR, hand_out=(tasks.hand_out + $2::INTEGER), token=$3::VARCHAR, instance=$4::VARCHAR, not_before=(clock_timestamp() + $5::FLOAT * interval '1 second'), restarts=(tasks.restarts + $6::INTEGER), error_code=$7::VARCHAR, error_message=$8::VARCHAR, started_at=$9::TIMESTAMP WITH TIME ZONE WHERE tasks.id = $10::VARCHAR AND tasks.hand_out = $11::INTEGER AND (tasks.status = $12::VARCHAR OR tasks.status = $13::VARCHAR)""",
            (
                Constant("ready"),
                Constant(1),
                Constant(None),
                Constant(None),
                Parameter("by_pause", Kind.FRACTION),
                Constant(1),
                Parameter("by_code"),
                Parameter("by_message"),
                Constant(None),
                Parameter("by_id"),
                Parameter("by_hand_out"),
                Constant("ready"),
                Constant("running"),
            ),
        ),
        sqlite=SQL(
            """\
UPDATE tasks SET status=?, hand_out=(tasks.hand_out + ?), token=?, instance=?, not_before=(strftime('%Y-%m-%d %H:%M:%f', 'now', '+' || round(?, 3) || ' seconds') || '000'), restarts=(tasks.restarts + ?), error_code=?, error_message=?, started_at=? WHERE tasks.id = ? AND tasks.hand_out = ? AND (tasks.status = ? OR tasks.status = ?)""",
            (
                Constant("ready"),
                Constant(1),
                Constant(None),
                Constant(None),
                Parameter("by_pause", Kind.FRACTION),
                Constant(1),
                Parameter("by_code"),
                Parameter("by_message"),
                Constant(None),
                Parameter("by_id"),
                Parameter("by_hand_out"),
                Constant("ready"),
                Constant("running"),
            ),
        ),
    ),
}
READY = Statement(
    postgresql=SQL(
        """\
UPDATE tasks SET status=$1::VARCHAR, rank=$2::FLOAT WHERE tasks.id = $3::VARCHAR AND tasks.status = $4::VARCHAR""",
        (
            Constant("ready"),
            Parameter("by_rank", Kind.FRACTION),
            Parameter("by_id"),
            Constant("pending"),
        ),
    ),
    sqlite=SQL(
        """\
UPDATE tasks SET status=?, rank=? WHERE tasks.id = ? AND tasks.status = ?""",
        (
            Constant("ready"),
            Parameter("by_rank", Kind.FRACTION),
            Parameter("by_id"),
            Constant("pending"),
        ),
    ),
)
COMPLETE_JOB = Statement(
    postgresql=SQL(
        """\
UPDATE jobs SET status=$1::VARCHAR, transcript_path=$2::VARCHAR, completed_at=clock_timestamp(), deadline_at=$3::TIMESTAMP WITH TIME ZONE WHERE jobs.id = $4::VARCHAR AND jobs.status = $5::VARCHAR""",
        (
            Constant("completed"),
            Parameter("by_transcript"),
            Constant(None),
            Parameter("by_id"),
            Constant("running"),
        ),
    ),
    sqlite=SQL(
        """\
UPDATE jobs SET status=?, transcript_path=?, completed_at=(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000'), deadline_at=? WHERE jobs.id = ? AND jobs.status = ?""",
        (
            Constant("completed"),
            Parameter("by_transcript"),
            Constant(None),
            Parameter("by_id"),
            Constant("running"),
        ),
    ),
)
FAIL_JOB = Statement(
    postgresql=SQL(
        """\
UPDATE jobs SET status=$1::VARCHAR, error_code=$2::VARCHAR, error_message=$3::VARCHAR, completed_at=clock_timestamp(), deadline_at=$4::TIMESTAMP WITH TIME ZONE WHERE jobs.id = $5::VARCHAR AND (jobs.status = $6::VARCHAR OR jobs.status = $7::VARCHAR)""",
        (
            Constant("failed"),
            Parameter("by_code"),
            Parameter("by_message"),
            Constant(None),
            Parameter("by_id"),
            Constant("pending"),
            Constant("running"),
        ),
    ),
    sqlite=SQL(
        """\
UPDATE jobs SET status=?, error_code=?, error_message=?, completed_at=(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000'), deadline_at=? WHERE jobs.id = ? AND (jobs.status = ? OR jobs.status = ?)""",
        (
            Constant("failed"),
            Parameter("by_code"),
            Parameter("by_message"),
            Constant(None),
            Parameter("by_id"),
            Constant("pending"),
            Constant("running"),
        ),
    ),
)
CANCEL_JOB = Statement(
    postgresql=SQL(
        """\
UPDATE jobs SET status=$1::VARCHAR, completed_at=clock_timestamp(), deadline_at=$2::TIMESTAMP WITH TIME ZONE WHERE jobs.id = $3::VARCHAR AND (jobs.status = $4::VARCHAR OR jobs.status = $5::VARCHAR)""",
        (
            Constant("cancelled"),
            Constant(None),
            Parameter("by_id"),
            Constant("pending"),
            Constant("running"),
        ),
    ),
    sqlite=SQL(
        """\
UPDATE jobs SET status=?, completed_at=(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000'), deadline_at=? WHERE jobs.id = ? AND (jobs.status = ? OR jobs.status = ?)""",
        (
            Constant("cancelled"),
            Constant(None),
            Parameter("by_id"),
            Constant("pending"),
            Constant("running"),
        ),
    ),
)
LIVE_TASKS = Statement(
    columns=(Column("id"), Column("job_id"), Column("status")),
    postgresql=SQL(
        """\
SELECT tasks.id, tasks.job_id, tasks.status
FROM tasks
WHERE tasks.job_id = ANY ($1::VARCHAR[]) AND (tasks.status = $2::VARCHAR OR tasks.status = $3::VARCHAR OR tasks.status = $4::VARCHAR)""",
        (
            Parameter("job_ids", Kind.TEXTS),
            Constant("pending"),
            Constant("ready"),
            Constant("running"),
        ),
    ),
    sqlite=SQL(
        """\
SELECT tasks.id, tasks.job_id, tasks.status
FROM tasks
WHERE tasks.job_id IN (SELECT value FROM json_each(?)) AND (tasks.status = ? OR tasks.status = ? OR tasks.status = ?)""",
        (
            Parameter("job_ids", Kind.TEXTS),
            Constant("pending"),
            Constant("ready"),
            Constant("running"),
        ),
    ),
)
CANCEL_TASKS = Statement(
    postgresql=SQL(
        """\
UPDATE tasks SET status=$1::VARCHAR, completed_at=clock_timestamp() WHERE tasks.job_id = ANY ($2::VARCHAR[]) AND (tasks.status = $3::VARCHAR OR tasks.status = $4::VARCHAR OR tasks.status = $5::VARCHAR)""",
        (
            Constant("cancelled"),
            Parameter("job_ids", Kind.TEXTS),
            Constant("pending"),
            Constant("ready"),
            Constant("running"),
        ),
    ),
    sqlite=SQL(
        """\
UPDATE tasks SET status=?, completed_at=(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000') WHERE tasks.job_id IN (SELECT value FROM json_each(?)) AND (tasks.status = ? OR tasks.status = ? OR tasks.status = ?)""",
        (
            Constant("cancelled"),
            Parameter("job_ids", Kind.TEXTS),
            Constant("pending"),
            Constant("ready"),
            Constant("running"),
        ),
    ),
)
