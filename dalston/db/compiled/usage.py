"""Written by `make statements` from dalston/db/definitions/usage.py: change that."""

from __future__ import annotations

from dalston.db.kinds import Kind
from dalston.db.statements import SQL, Column, Constant, Parameter, Statement

ROW = Statement(
    columns=(
        Column("name"),
        Column("audio_day"),
        Column("audio_seconds"),
        Column("now", Kind.MOMENT),
    ),
    postgresql=SQL(
        """\
SELECT owners.name, owners.audio_day, owners.audio_seconds, clock_timestamp() AS now
FROM owners
WHERE owners.name = $1::VARCHAR""",
        (Parameter("owner"),),
    ),
    sqlite=SQL(
        """\
SELECT owners.name, owners.audio_day, owners.audio_seconds, (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000') AS now
FROM owners
WHERE owners.name = ?""",
        (Parameter("owner"),),
    ),
)
JOBS = Statement(
    columns=(Column("jobs"),),
    postgresql=SQL(
        """\
SELECT count(*) AS jobs
FROM jobs
WHERE jobs.owner = $1::VARCHAR AND (jobs.status = $2::VARCHAR OR jobs.status = $3::VARCHAR)""",
        (Parameter("owner"), Constant("pending"), Constant("running")),
    ),
    sqlite=SQL(
        """\
SELECT count(*) AS jobs
FROM jobs
WHERE jobs.owner = ? AND (jobs.status = ? OR jobs.status = ?)""",
        (Parameter("owner"), Constant("pending"), Constant("running")),
    ),
)
UPLOADS = Statement(
    columns=(Column("seconds"),),
    postgresql=SQL(
        """\
SELECT coalesce(sum(audio_charges.seconds), $1::FLOAT) AS seconds
FROM audio_charges
WHERE audio_charges.owner = $2::VARCHAR AND (audio_charges.job_id LIKE $3::VARCHAR || '%') AND audio_charges.day = $4::VARCHAR""",
        (Constant(0.0), Parameter("owner"), Constant("upload_"), Parameter("day")),
    ),
    sqlite=SQL(
        """\
SELECT coalesce(sum(audio_charges.seconds), ?) AS seconds
FROM audio_charges
WHERE audio_charges.owner = ? AND (audio_charges.job_id LIKE ? || '%') AND audio_charges.day = ?""",
        (Constant(0.0), Parameter("owner"), Constant("upload_"), Parameter("day")),
    ),
)
FORGET_UPLOADS = Statement(
    postgresql=SQL(
        """\
DELETE FROM audio_charges WHERE audio_charges.owner = $1::VARCHAR AND (audio_charges.job_id LIKE $2::VARCHAR || '%') AND audio_charges.day != $3::VARCHAR""",
        (Parameter("owner"), Constant("upload_"), Parameter("day")),
    ),
    sqlite=SQL(
        """\
DELETE FROM audio_charges WHERE audio_charges.owner = ? AND (audio_charges.job_id LIKE ? || '%') AND audio_charges.day != ?""",
        (Parameter("owner"), Constant("upload_"), Parameter("day")),
    ),
)
ENDED_CHARGES = Statement(
    columns=(Column("job_id"), Column("day"), Column("seconds"), Column("status")),
    postgresql=SQL(
        """\
SELECT audio_charges.job_id, audio_charges.day, audio_charges.seconds, jobs.status
FROM audio_charges LEFT OUTER JOIN jobs ON jobs.id = audio_charges.job_id
WHERE audio_charges.owner = $1::VARCHAR AND (audio_charges.job_id NOT LIKE $2::VARCHAR || '%') AND (jobs.id IS NULL OR jobs.status != $3::VARCHAR AND jobs.status != $4::VARCHAR)""",
        (Parameter("owner"), Constant("upload_"), Constant("pending"), Constant("running")),
    ),
    sqlite=SQL(
        """\
SELECT audio_charges.job_id, audio_charges.day, audio_charges.seconds, jobs.status
FROM audio_charges LEFT OUTER JOIN jobs ON jobs.id = audio_charges.job_id
WHERE audio_charges.owner = ? AND (audio_charges.job_id NOT LIKE ? || '%') AND (jobs.id IS NULL OR jobs.status != ? AND jobs.status != ?)""",
        (Parameter("owner"), Constant("upload_"), Constant("pending"), Constant("running")),
    ),
)
CHARGES_OF = Statement(
    columns=(Column("job_id"), Column("owner"), Column("day"), Column("seconds"), Column("status")),
    postgresql=SQL(
        """\
SELECT audio_charges.job_id, audio_charges.owner, audio_charges.day, audio_charges.seconds, jobs.status
FROM audio_charges JOIN jobs ON jobs.id = audio_charges.job_id
WHERE audio_charges.job_id = ANY ($1::VARCHAR[])""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
    sqlite=SQL(
        """\
SELECT audio_charges.job_id, audio_charges.owner, audio_charges.day, audio_charges.seconds, jobs.status
FROM audio_charges JOIN jobs ON jobs.id = audio_charges.job_id
WHERE audio_charges.job_id IN (SELECT value FROM json_each(?))""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
)
PARTS = Statement(
    columns=(
        Column("job_id"),
        Column("part", Kind.JSON_OR_NULL),
        Column("expands"),
        Column("status"),
    ),
    postgresql=SQL(
        """\
SELECT tasks.job_id, tasks.part, tasks.expands, tasks.status
FROM tasks
WHERE tasks.job_id = ANY ($1::VARCHAR[]) AND (tasks.part IS NOT NULL OR tasks.expands = $2::INTEGER)""",
        (Parameter("job_ids", Kind.TEXTS), Constant(1)),
    ),
    sqlite=SQL(
        """\
SELECT tasks.job_id, tasks.part, tasks.expands, tasks.status
FROM tasks
WHERE tasks.job_id IN (SELECT value FROM json_each(?)) AND (tasks.part IS NOT NULL OR tasks.expands = ?)""",
        (Parameter("job_ids", Kind.TEXTS), Constant(1)),
    ),
)
CHARGE = Statement(
    postgresql=SQL(
        """\
INSERT INTO audio_charges (job_id, owner, day, seconds) VALUES ($1::VARCHAR, $2::VARCHAR, $3::VARCHAR, $4::FLOAT)""",
        (
            Parameter("job_id"),
            Parameter("owner"),
            Parameter("day"),
            Parameter("seconds", Kind.FRACTION),
        ),
    ),
    sqlite=SQL(
        """\
INSERT INTO audio_charges (job_id, owner, day, seconds) VALUES (?, ?, ?, ?)""",
        (
            Parameter("job_id"),
            Parameter("owner"),
            Parameter("day"),
            Parameter("seconds", Kind.FRACTION),
        ),
    ),
)
SETTLE = Statement(
    postgresql=SQL(
        """\
DELETE FROM audio_charges WHERE audio_charges.job_id = ANY ($1::VARCHAR[])""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
    sqlite=SQL(
        """\
DELETE FROM audio_charges WHERE audio_charges.job_id IN (SELECT value FROM json_each(?))""",
        (Parameter("job_ids", Kind.TEXTS),),
    ),
)
USE = Statement(
    postgresql=SQL(
        """\
UPDATE owners SET audio_day=$1::VARCHAR, audio_seconds=$2::FLOAT WHERE owners.name = $3::VARCHAR""",
        (Parameter("by_day"), Parameter("by_seconds", Kind.FRACTION), Parameter("by_name")),
    ),
    sqlite=SQL(
        """\
UPDATE owners SET audio_day=?, audio_seconds=? WHERE owners.name = ?""",
        (Parameter("by_day"), Parameter("by_seconds", Kind.FRACTION), Parameter("by_name")),
    ),
)
