"""Written by `make statements` from dalston/db/definitions/idempotency.py: change that."""

from __future__ import annotations

from dalston.db.kinds import Kind
from dalston.db.statements import SQL, Column, Constant, Parameter, Statement

KNOWN = Statement(
    columns=(Column("owner"), Column("key"), Column("content"), Column("job_id")),
    postgresql=SQL(
        """\
SELECT idempotency_keys.owner, idempotency_keys.key, idempotency_keys.content, idempotency_keys.job_id
FROM idempotency_keys
WHERE idempotency_keys.owner = ANY ($1::VARCHAR[]) AND idempotency_keys.key = ANY ($2::VARCHAR[]) AND idempotency_keys.created_at > (statement_timestamp() - $3::FLOAT * interval '1 second')""",
        (Parameter("owners", Kind.TEXTS), Parameter("keys", Kind.TEXTS), Constant(86400.0)),
    ),
    sqlite=SQL(
        """\
SELECT idempotency_keys.owner, idempotency_keys."key", idempotency_keys.content, idempotency_keys.job_id
FROM idempotency_keys
WHERE idempotency_keys.owner IN (SELECT value FROM json_each(?)) AND idempotency_keys."key" IN (SELECT value FROM json_each(?)) AND idempotency_keys.created_at > (strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (?) || ' seconds') || '000')""",
        (Parameter("owners", Kind.TEXTS), Parameter("keys", Kind.TEXTS), Constant(86400.0)),
    ),
)
JOINABLE = Statement(
    columns=(Column("id"), Column("owner")),
    postgresql=SQL(
        """\
SELECT jobs.id, jobs.owner
FROM jobs
WHERE jobs.id = ANY ($1::VARCHAR[]) AND jobs.deleted_at IS NULL AND (jobs.status = $2::VARCHAR OR jobs.status = $3::VARCHAR OR jobs.status = $4::VARCHAR AND jobs.completed_at > (statement_timestamp() - $5::FLOAT * interval '1 second'))""",
        (
            Parameter("job_ids", Kind.TEXTS),
            Constant("pending"),
            Constant("running"),
            Constant("completed"),
            Constant(3600.0),
        ),
    ),
    sqlite=SQL(
        """\
SELECT jobs.id, jobs.owner
FROM jobs
WHERE jobs.id IN (SELECT value FROM json_each(?)) AND jobs.deleted_at IS NULL AND (jobs.status = ? OR jobs.status = ? OR jobs.status = ? AND jobs.completed_at > (strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (?) || ' seconds') || '000'))""",
        (
            Parameter("job_ids", Kind.TEXTS),
            Constant("pending"),
            Constant("running"),
            Constant("completed"),
            Constant(3600.0),
        ),
    ),
)
FORGET = Statement(
    postgresql=SQL(
        """\
DELETE FROM idempotency_keys WHERE idempotency_keys.created_at <= (statement_timestamp() - $1::FLOAT * interval '1 second')""",
        (Constant(86400.0),),
    ),
    sqlite=SQL(
        """\
DELETE FROM idempotency_keys WHERE idempotency_keys.created_at <= (strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (?) || ' seconds') || '000')""",
        (Constant(86400.0),),
    ),
)
REPLACE = Statement(
    postgresql=SQL(
        """\
DELETE FROM idempotency_keys WHERE idempotency_keys.owner = $1::VARCHAR AND idempotency_keys.key = $2::VARCHAR""",
        (Parameter("by_owner"), Parameter("by_key")),
    ),
    sqlite=SQL(
        """\
DELETE FROM idempotency_keys WHERE idempotency_keys.owner = ? AND idempotency_keys."key" = ?""",
        (Parameter("by_owner"), Parameter("by_key")),
    ),
)
REMEMBER = Statement(
    postgresql=SQL(
        """\
INSERT INTO idempotency_keys (owner, key, content, job_id, created_at) VALUES ($1::VARCHAR, $2::VARCHAR, $3::VARCHAR, $4::VARCHAR, clock_timestamp())""",
        (Parameter("owner"), Parameter("key"), Parameter("content"), Parameter("job_id")),
    ),
    sqlite=SQL(
        """\
INSERT INTO idempotency_keys (owner, "key", content, job_id, created_at) VALUES (?, ?, ?, ?, (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000'))""",
        (Parameter("owner"), Parameter("key"), Parameter("content"), Parameter("job_id")),
    ),
)
