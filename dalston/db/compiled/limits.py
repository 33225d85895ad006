"""Written by `make statements` from dalston/db/definitions/limits.py: change that."""

from __future__ import annotations

from dalston.db.kinds import Kind
from dalston.db.statements import SQL, Column, Constant, Parameter, Statement

ROWS = Statement(
    columns=(
        Column("name"),
        Column("requests_per_minute"),
        Column("running_jobs"),
        Column("audio_seconds_per_day"),
        Column("upload_bytes"),
    ),
    postgresql=SQL(
        """\
SELECT owners.name, owners.requests_per_minute, owners.running_jobs, owners.audio_seconds_per_day, owners.upload_bytes
FROM owners
WHERE owners.name = ANY ($1::VARCHAR[])""",
        (Parameter("names", Kind.TEXTS),),
    ),
    sqlite=SQL(
        """\
SELECT owners.name, owners.requests_per_minute, owners.running_jobs, owners.audio_seconds_per_day, owners.upload_bytes
FROM owners
WHERE owners.name IN (SELECT value FROM json_each(?))""",
        (Parameter("names", Kind.TEXTS),),
    ),
)
ALL = Statement(
    columns=(
        Column("name"),
        Column("requests_per_minute"),
        Column("running_jobs"),
        Column("audio_seconds_per_day"),
        Column("upload_bytes"),
    ),
    postgresql=SQL(
        """\
SELECT owners.name, owners.requests_per_minute, owners.running_jobs, owners.audio_seconds_per_day, owners.upload_bytes
FROM owners ORDER BY owners.name""",
        (),
    ),
    sqlite=SQL(
        """\
SELECT owners.name, owners.requests_per_minute, owners.running_jobs, owners.audio_seconds_per_day, owners.upload_bytes
FROM owners ORDER BY owners.name""",
        (),
    ),
)
NEW = Statement(
    postgresql=SQL(
        """\
INSERT INTO owners (name, audio_seconds) VALUES ($1::VARCHAR, $2::FLOAT)""",
        (Parameter("name"), Constant(0.0)),
    ),
    sqlite=SQL(
        """\
INSERT INTO owners (name, audio_seconds) VALUES (?, ?)""",
        (Parameter("name"), Constant(0.0)),
    ),
)
SET = Statement(
    postgresql=SQL(
        """\
UPDATE owners SET requests_per_minute=$1::INTEGER, running_jobs=$2::INTEGER, audio_seconds_per_day=$3::FLOAT, upload_bytes=$4::BIGINT WHERE owners.name = $5::VARCHAR""",
        (
            Parameter("requests_per_minute"),
            Parameter("running_jobs"),
            Parameter("audio_seconds_per_day", Kind.FRACTION),
            Parameter("upload_bytes"),
            Parameter("by_name"),
        ),
    ),
    sqlite=SQL(
        """\
UPDATE owners SET requests_per_minute=?, running_jobs=?, audio_seconds_per_day=?, upload_bytes=? WHERE owners.name = ?""",
        (
            Parameter("requests_per_minute"),
            Parameter("running_jobs"),
            Parameter("audio_seconds_per_day", Kind.FRACTION),
            Parameter("upload_bytes"),
            Parameter("by_name"),
        ),
    ),
)
LOCK = Statement(
    columns=(
        Column("name"),
        Column("requests_paid", Kind.MOMENT),
        Column("audio_day"),
        Column("audio_seconds"),
        Column("now", Kind.MOMENT),
    ),
    postgresql=SQL(
        """\
SELECT owners.name, owners.requests_paid, owners.audio_day, owners.audio_seconds, clock_timestamp() AS now
FROM owners
WHERE owners.name = ANY ($1::VARCHAR[]) ORDER BY owners.name FOR UPDATE""",
        (Parameter("names", Kind.TEXTS),),
    ),
    sqlite=SQL(
        """\
SELECT owners.name, owners.requests_paid, owners.audio_day, owners.audio_seconds, (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000') AS now
FROM owners
WHERE owners.name IN (SELECT value FROM json_each(?)) ORDER BY owners.name""",
        (Parameter("names", Kind.TEXTS),),
    ),
)
PAY = Statement(
    postgresql=SQL(
        """\
UPDATE owners SET requests_paid=$1::TIMESTAMP WITH TIME ZONE WHERE owners.name = $2::VARCHAR""",
        (Parameter("by_paid", Kind.MOMENT), Parameter("by_name")),
    ),
    sqlite=SQL(
        """\
UPDATE owners SET requests_paid=? WHERE owners.name = ?""",
        (Parameter("by_paid", Kind.MOMENT), Parameter("by_name")),
    ),
)
