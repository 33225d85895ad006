"""Written by `make statements` from dalston/db/definitions/outbox.py: change that."""

from __future__ import annotations

from dalston.db.kinds import Kind
from dalston.db.statements import SQL, Column, Constant, Parameter, Statement

ENDPOINTS = Statement(
    columns=(Column("id"), Column("owner"), Column("url")),
    postgresql=SQL(
        """\
SELECT webhooks.id, webhooks.owner, webhooks.url
FROM webhooks
WHERE webhooks.owner = ANY ($1::VARCHAR[]) AND webhooks.disabled_at IS NULL""",
        (Parameter("owners", Kind.TEXTS),),
    ),
    sqlite=SQL(
        """\
SELECT webhooks.id, webhooks.owner, webhooks.url
FROM webhooks
WHERE webhooks.owner IN (SELECT value FROM json_each(?)) AND webhooks.disabled_at IS NULL""",
        (Parameter("owners", Kind.TEXTS),),
    ),
)
QUEUE = Statement(
    postgresql=SQL(
        """\
INSERT INTO webhook_deliveries (id, job_id, owner, webhook_id, url, event, data, state, attempts, failures, created_at, due_at, give_up_at) VALUES ($1::VARCHAR, $2::VARCHAR, $3::VARCHAR, $4::VARCHAR, $5::VARCHAR, $6::VARCHAR, $7::JSON, $8::VARCHAR, $9::INTEGER, $10::INTEGER, clock_timestamp(), clock_timestamp(), (clock_timestamp() + $11::FLOAT * interval '1 second'))""",
        (
            Parameter("id"),
            Parameter("job_id"),
            Parameter("owner"),
            Parameter("webhook_id"),
            Parameter("url"),
            Parameter("event"),
            Parameter("data", Kind.JSON),
            Constant("pending"),
            Constant(0),
            Constant(0),
            Constant(259200.0),
        ),
    ),
    sqlite=SQL(
        """\
INSERT INTO webhook_deliveries (id, job_id, owner, webhook_id, url, event, data, state, attempts, failures, created_at, due_at, give_up_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000'), (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000'), (strftime('%Y-%m-%d %H:%M:%f', 'now', '+' || round(?, 3) || ' seconds') || '000'))""",
        (
            Parameter("id"),
            Parameter("job_id"),
            Parameter("owner"),
            Parameter("webhook_id"),
            Parameter("url"),
            Parameter("event"),
            Parameter("data", Kind.JSON),
            Constant("pending"),
            Constant(0),
            Constant(0),
            Constant(259200.0),
        ),
    ),
)
ANY_DUE = Statement(
    columns=(Column("id"),),
    postgresql=SQL(
        """\
SELECT webhook_deliveries.id
FROM webhook_deliveries
WHERE webhook_deliveries.due_at <= (statement_timestamp() - $1::INTEGER * interval '1 second')
 LIMIT $2::INTEGER""",
        (Constant(0), Constant(1)),
    ),
    sqlite=SQL(
        """\
SELECT webhook_deliveries.id
FROM webhook_deliveries
WHERE webhook_deliveries.due_at <= (strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (?) || ' seconds') || '000')
 LIMIT ? OFFSET ?""",
        (Constant(0), Constant(1), Constant(0)),
    ),
)
DUE = Statement(
    columns=(
        Column("id"),
        Column("job_id"),
        Column("owner"),
        Column("webhook_id"),
        Column("url"),
        Column("event"),
        Column("data", Kind.JSON),
        Column("created_at", Kind.MOMENT),
        Column("attempts"),
        Column("failures"),
    ),
    postgresql=SQL(
        """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.owner, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.data, webhook_deliveries.created_at, webhook_deliveries.attempts, webhook_deliveries.failures
FROM webhook_deliveries
WHERE webhook_deliveries.due_at <= (statement_timestamp() - $1::INTEGER * interval '1 second') AND NOT webhook_deliveries.owner = ANY ($2::VARCHAR[]) ORDER BY webhook_deliveries.due_at
 LIMIT $3::INTEGER FOR UPDATE SKIP LOCKED""",
        (Constant(0), Parameter("busy", Kind.TEXTS), Parameter("limit")),
    ),
    sqlite=SQL(
        """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.owner, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.data, webhook_deliveries.created_at, webhook_deliveries.attempts, webhook_deliveries.failures
FROM webhook_deliveries
WHERE webhook_deliveries.due_at <= (strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (?) || ' seconds') || '000') AND NOT webhook_deliveries.owner IN (SELECT value FROM json_each(?)) ORDER BY webhook_deliveries.due_at
 LIMIT ? OFFSET ?""",
        (Constant(0), Parameter("busy", Kind.TEXTS), Parameter("limit"), Constant(0)),
    ),
)
CLAIM = Statement(
    postgresql=SQL(
        """\
UPDATE webhook_deliveries SET attempts=(webhook_deliveries.attempts + $1::INTEGER), due_at=(clock_timestamp() + $2::FLOAT * interval '1 second'), last_attempt_at=clock_timestamp() WHERE webhook_deliveries.id = $3::VARCHAR AND webhook_deliveries.attempts = $4::INTEGER""",
        (
            Constant(1),
            Parameter("by_lease", Kind.FRACTION),
            Parameter("by_id"),
            Parameter("by_attempts"),
        ),
    ),
    sqlite=SQL(
        """\
UPDATE webhook_deliveries SET attempts=(webhook_deliveries.attempts + ?), due_at=(strftime('%Y-%m-%d %H:%M:%f', 'now', '+' || round(?, 3) || ' seconds') || '000'), last_attempt_at=(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000') WHERE webhook_deliveries.id = ? AND webhook_deliveries.attempts = ?""",
        (
            Constant(1),
            Parameter("by_lease", Kind.FRACTION),
            Parameter("by_id"),
            Parameter("by_attempts"),
        ),
    ),
)
GENERATIONS = Statement(
    columns=(Column("id"), Column("generation"), Column("exchanging", Kind.FLAG)),
    postgresql=SQL(
        """\
SELECT webhooks.id, webhooks.generation, webhooks.exchanged_at > (statement_timestamp() - $1::FLOAT * interval '1 second') AS exchanging
FROM webhooks
WHERE webhooks.id = ANY ($2::VARCHAR[])""",
        (Constant(86400.0), Parameter("webhook_ids", Kind.TEXTS)),
    ),
    sqlite=SQL(
        """\
SELECT webhooks.id, webhooks.generation, webhooks.exchanged_at > (strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (?) || ' seconds') || '000') AS exchanging
FROM webhooks
WHERE webhooks.id IN (SELECT value FROM json_each(?))""",
        (Constant(86400.0), Parameter("webhook_ids", Kind.TEXTS)),
    ),
)
DELIVERED = Statement(
    postgresql=SQL(
        """\
UPDATE webhook_deliveries SET state=$1::VARCHAR, due_at=NULL, delivered_at=clock_timestamp(), last_status=$2::INTEGER, last_error=$3::VARCHAR WHERE webhook_deliveries.id = $4::VARCHAR AND webhook_deliveries.attempts = $5::INTEGER AND webhook_deliveries.state = $6::VARCHAR""",
        (
            Constant("delivered"),
            Parameter("by_status"),
            Parameter("by_error"),
            Parameter("by_id"),
            Parameter("by_attempt"),
            Constant("pending"),
        ),
    ),
    sqlite=SQL(
        """\
UPDATE webhook_deliveries SET state=?, due_at=NULL, delivered_at=(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000'), last_status=?, last_error=? WHERE webhook_deliveries.id = ? AND webhook_deliveries.attempts = ? AND webhook_deliveries.state = ?""",
        (
            Constant("delivered"),
            Parameter("by_status"),
            Parameter("by_error"),
            Parameter("by_id"),
            Parameter("by_attempt"),
            Constant("pending"),
        ),
    ),
)
GIVE_UP_AT_ONCE = Statement(
    postgresql=SQL(
        """\
UPDATE webhook_deliveries SET state=$1::VARCHAR, failures=(webhook_deliveries.failures + $2::INTEGER), due_at=NULL, last_status=$3::INTEGER, last_error=$4::VARCHAR WHERE webhook_deliveries.id = $5::VARCHAR AND webhook_deliveries.attempts = $6::INTEGER AND webhook_deliveries.state = $7::VARCHAR""",
        (
            Constant("failed"),
            Constant(1),
            Parameter("by_status"),
            Parameter("by_error"),
            Parameter("by_id"),
            Parameter("by_attempt"),
            Constant("pending"),
        ),
    ),
    sqlite=SQL(
        """\
UPDATE webhook_deliveries SET state=?, failures=(webhook_deliveries.failures + ?), due_at=NULL, last_status=?, last_error=? WHERE webhook_deliveries.id = ? AND webhook_deliveries.attempts = ? AND webhook_deliveries.state = ?""",
        (
            Constant("failed"),
            Constant(1),
            Parameter("by_status"),
            Parameter("by_error"),
            Parameter("by_id"),
            Parameter("by_attempt"),
            Constant("pending"),
        ),
    ),
)
GIVE_UP_IN_TIME = Statement(
    postgresql=SQL(
        """\
UPDATE webhook_deliveries SET state=$1::VARCHAR, failures=(webhook_deliveries.failures + $2::INTEGER), due_at=NULL, last_status=$3::INTEGER, last_error=$4::VARCHAR WHERE webhook_deliveries.id = $5::VARCHAR AND webhook_deliveries.attempts = $6::INTEGER AND webhook_deliveries.state = $7::VARCHAR AND webhook_deliveries.give_up_at <= (statement_timestamp() - $8::INTEGER * interval '1 second')""",
        (
            Constant("failed"),
            Constant(1),
            Parameter("by_status"),
            Parameter("by_error"),
            Parameter("by_id"),
            Parameter("by_attempt"),
            Constant("pending"),
            Constant(0),
        ),
    ),
    sqlite=SQL(
        """\
UPDATE webhook_deliveries SET state=?, failures=(webhook_deliveries.failures + ?), due_at=NULL, last_status=?, last_error=? WHERE webhook_deliveries.id = ? AND webhook_deliveries.attempts = ? AND webhook_deliveries.state = ? AND webhook_deliveries.give_up_at <= (strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (?) || ' seconds') || '000')""",
        (
            Constant("failed"),
            Constant(1),
            Parameter("by_status"),
            Parameter("by_error"),
            Parameter("by_id"),
            Parameter("by_attempt"),
            Constant("pending"),
            Constant(0),
        ),
    ),
)
TRY_AGAIN = Statement(
    postgresql=SQL(
        """\
UPDATE webhook_deliveries SET failures=(webhook_deliveries.failures + $1::INTEGER), due_at=(clock_timestamp() + $2::FLOAT * interval '1 second'), last_status=$3::INTEGER, last_error=$4::VARCHAR WHERE webhook_deliveries.id = $5::VARCHAR AND webhook_deliveries.attempts = $6::INTEGER AND webhook_deliveries.state = $7::VARCHAR""",
        (
            Constant(1),
            Parameter("by_pause", Kind.FRACTION),
            Parameter("by_status"),
            Parameter("by_error"),
            Parameter("by_id"),
            Parameter("by_attempt"),
            Constant("pending"),
        ),
    ),
    sqlite=SQL(
        """\
UPDATE webhook_deliveries SET failures=(webhook_deliveries.failures + ?), due_at=(strftime('%Y-%m-%d %H:%M:%f', 'now', '+' || round(?, 3) || ' seconds') || '000'), last_status=?, last_error=? WHERE webhook_deliveries.id = ? AND webhook_deliveries.attempts = ? AND webhook_deliveries.state = ?""",
        (
            Constant(1),
            Parameter("by_pause", Kind.FRACTION),
            Parameter("by_status"),
            Parameter("by_error"),
            Parameter("by_id"),
            Parameter("by_attempt"),
            Constant("pending"),
        ),
    ),
)
DROP = Statement(
    postgresql=SQL(
        """\
DELETE FROM webhook_deliveries WHERE webhook_deliveries.id = ANY ($1::VARCHAR[])""",
        (Parameter("ids", Kind.TEXTS),),
    ),
    sqlite=SQL(
        """\
DELETE FROM webhook_deliveries WHERE webhook_deliveries.id IN (SELECT value FROM json_each(?))""",
        (Parameter("ids", Kind.TEXTS),),
    ),
)
DISABLE = Statement(
    postgresql=SQL(
        """\
UPDATE webhooks SET disabled_at=clock_timestamp() WHERE webhooks.id = ANY ($1::VARCHAR[]) AND webhooks.disabled_at IS NULL""",
        (Parameter("webhook_ids", Kind.TEXTS),),
    ),
    sqlite=SQL(
        """\
UPDATE webhooks SET disabled_at=(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000') WHERE webhooks.id IN (SELECT value FROM json_each(?)) AND webhooks.disabled_at IS NULL""",
        (Parameter("webhook_ids", Kind.TEXTS),),
    ),
)
GIVE_UP_ALL = Statement(
    postgresql=SQL(
        """\
UPDATE webhook_deliveries SET state=$1::VARCHAR, due_at=NULL WHERE webhook_deliveries.webhook_id = ANY ($2::VARCHAR[]) AND webhook_deliveries.state = $3::VARCHAR""",
        (Constant("failed"), Parameter("webhook_ids", Kind.TEXTS), Constant("pending")),
    ),
    sqlite=SQL(
        """\
UPDATE webhook_deliveries SET state=?, due_at=NULL WHERE webhook_deliveries.webhook_id IN (SELECT value FROM json_each(?)) AND webhook_deliveries.state = ?""",
        (Constant("failed"), Parameter("webhook_ids", Kind.TEXTS), Constant("pending")),
    ),
)
FORGET_OLD = Statement(
    postgresql=SQL(
        """\
DELETE FROM webhook_deliveries WHERE webhook_deliveries.created_at < (statement_timestamp() - $1::FLOAT * interval '1 second') AND webhook_deliveries.state != $2::VARCHAR""",
        (Parameter("seconds", Kind.FRACTION), Constant("pending")),
    ),
    sqlite=SQL(
        """\
DELETE FROM webhook_deliveries WHERE webhook_deliveries.created_at < (strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (?) || ' seconds') || '000') AND webhook_deliveries.state != ?""",
        (Parameter("seconds", Kind.FRACTION), Constant("pending")),
    ),
)
