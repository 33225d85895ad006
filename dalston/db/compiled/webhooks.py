"""Written by `make statements` from dalston/db/definitions/webhooks.py: change that."""

from __future__ import annotations

from dalston.db.kinds import Kind
from dalston.db.statements import SQL, Column, Constant, Parameter, Statement

NEW = Statement(
    postgresql=SQL(
        """\
INSERT INTO webhooks (id, owner, url, generation, created_at) VALUES ($1::VARCHAR, $2::VARCHAR, $3::VARCHAR, $4::INTEGER, clock_timestamp())""",
        (Parameter("id"), Parameter("owner"), Parameter("url"), Constant(1)),
    ),
    sqlite=SQL(
        """\
INSERT INTO webhooks (id, owner, url, generation, created_at) VALUES (?, ?, ?, ?, (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000'))""",
        (Parameter("id"), Parameter("owner"), Parameter("url"), Constant(1)),
    ),
)
LIST = Statement(
    columns=(
        Column("id"),
        Column("owner"),
        Column("url"),
        Column("generation"),
        Column("created_at", Kind.MOMENT),
        Column("exchanged_at", Kind.MOMENT),
        Column("disabled_at", Kind.MOMENT),
    ),
    postgresql=SQL(
        """\
SELECT webhooks.id, webhooks.owner, webhooks.url, webhooks.generation, webhooks.created_at, webhooks.exchanged_at, webhooks.disabled_at
FROM webhooks
WHERE webhooks.owner = $1::VARCHAR ORDER BY webhooks.created_at, webhooks.id""",
        (Parameter("owner"),),
    ),
    sqlite=SQL(
        """\
SELECT webhooks.id, webhooks.owner, webhooks.url, webhooks.generation, webhooks.created_at, webhooks.exchanged_at, webhooks.disabled_at
FROM webhooks
WHERE webhooks.owner = ? ORDER BY webhooks.created_at, webhooks.id""",
        (Parameter("owner"),),
    ),
)
FIND = Statement(
    columns=(
        Column("id"),
        Column("owner"),
        Column("url"),
        Column("generation"),
        Column("created_at", Kind.MOMENT),
        Column("exchanged_at", Kind.MOMENT),
        Column("disabled_at", Kind.MOMENT),
    ),
    postgresql=SQL(
        """\
SELECT webhooks.id, webhooks.owner, webhooks.url, webhooks.generation, webhooks.created_at, webhooks.exchanged_at, webhooks.disabled_at
FROM webhooks
WHERE webhooks.owner = $1::VARCHAR AND webhooks.id = $2::VARCHAR""",
        (Parameter("owner"), Parameter("id")),
    ),
    sqlite=SQL(
        """\
SELECT webhooks.id, webhooks.owner, webhooks.url, webhooks.generation, webhooks.created_at, webhooks.exchanged_at, webhooks.disabled_at
FROM webhooks
WHERE webhooks.owner = ? AND webhooks.id = ?""",
        (Parameter("owner"), Parameter("id")),
    ),
)
COUNT = Statement(
    columns=(Column("some"),),
    postgresql=SQL(
        """\
SELECT count(*) AS "some"
FROM webhooks
WHERE webhooks.owner = $1::VARCHAR""",
        (Parameter("owner"),),
    ),
    sqlite=SQL(
        """\
SELECT count(*) AS some
FROM webhooks
WHERE webhooks.owner = ?""",
        (Parameter("owner"),),
    ),
)
EXCHANGE = Statement(
    postgresql=SQL(
        """\
UPDATE webhooks SET generation=(webhooks.generation + $1::INTEGER), exchanged_at=clock_timestamp() WHERE webhooks.owner = $2::VARCHAR AND webhooks.id = $3::VARCHAR""",
        (Constant(1), Parameter("by_owner"), Parameter("by_id")),
    ),
    sqlite=SQL(
        """\
UPDATE webhooks SET generation=(webhooks.generation + ?), exchanged_at=(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000') WHERE webhooks.owner = ? AND webhooks.id = ?""",
        (Constant(1), Parameter("by_owner"), Parameter("by_id")),
    ),
)
REMOVE = Statement(
    postgresql=SQL(
        """\
DELETE FROM webhooks WHERE webhooks.owner = $1::VARCHAR AND webhooks.id = $2::VARCHAR""",
        (Parameter("by_owner"), Parameter("by_id")),
    ),
    sqlite=SQL(
        """\
DELETE FROM webhooks WHERE webhooks.owner = ? AND webhooks.id = ?""",
        (Parameter("by_owner"), Parameter("by_id")),
    ),
)
REMOVE_DELIVERIES = Statement(
    postgresql=SQL(
        """\
DELETE FROM webhook_deliveries WHERE webhook_deliveries.owner = $1::VARCHAR AND webhook_deliveries.webhook_id = $2::VARCHAR""",
        (Parameter("by_owner"), Parameter("by_id")),
    ),
    sqlite=SQL(
        """\
DELETE FROM webhook_deliveries WHERE webhook_deliveries.owner = ? AND webhook_deliveries.webhook_id = ?""",
        (Parameter("by_owner"), Parameter("by_id")),
    ),
)
DELIVERY = Statement(
    columns=(
        Column("id"),
        Column("job_id"),
        Column("webhook_id"),
        Column("url"),
        Column("event"),
        Column("state"),
        Column("attempts"),
        Column("created_at", Kind.MOMENT),
        Column("due_at", Kind.MOMENT),
        Column("last_attempt_at", Kind.MOMENT),
        Column("delivered_at", Kind.MOMENT),
        Column("last_status"),
        Column("last_error"),
    ),
    postgresql=SQL(
        """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = $1::VARCHAR AND jobs.deleted_at IS NULL AND webhook_deliveries.id = $2::VARCHAR""",
        (Parameter("owner"), Parameter("id")),
    ),
    sqlite=SQL(
        """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = ? AND jobs.deleted_at IS NULL AND webhook_deliveries.id = ?""",
        (Parameter("owner"), Parameter("id")),
    ),
)
PAGES = {
    (): Statement(
        columns=(
            Column("id"),
            Column("job_id"),
            Column("webhook_id"),
            Column("url"),
            Column("event"),
            Column("state"),
            Column("attempts"),
            Column("created_at", Kind.MOMENT),
            Column("due_at", Kind.MOMENT),
            Column("last_attempt_at", Kind.MOMENT),
            Column("delivered_at", Kind.MOMENT),
            Column("last_status"),
            Column("last_error"),
        ),
        postgresql=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = $1::VARCHAR AND jobs.deleted_at IS NULL ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT $2::INTEGER""",
            (Parameter("owner"), Parameter("limit")),
        ),
        sqlite=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = ? AND jobs.deleted_at IS NULL ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT ? OFFSET ?""",
            (Parameter("owner"), Parameter("limit"), Constant(0)),
        ),
    ),
    ("before",): Statement(
        columns=(
            Column("id"),
            Column("job_id"),
            Column("webhook_id"),
            Column("url"),
            Column("event"),
            Column("state"),
            Column("attempts"),
            Column("created_at", Kind.MOMENT),
            Column("due_at", Kind.MOMENT),
            Column("last_attempt_at", Kind.MOMENT),
            Column("delivered_at", Kind.MOMENT),
            Column("last_status"),
            Column("last_error"),
        ),
        postgresql=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = $1::VARCHAR AND jobs.deleted_at IS NULL AND (webhook_deliveries.created_at, webhook_deliveries.id) < ($2::TIMESTAMP WITH TIME ZONE, $3::VARCHAR) ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT $4::INTEGER""",
            (
                Parameter("owner"),
                Parameter("before", Kind.MOMENT),
                Parameter("before_id"),
                Parameter("limit"),
            ),
        ),
        sqlite=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = ? AND jobs.deleted_at IS NULL AND (webhook_deliveries.created_at, webhook_deliveries.id) < (?, ?) ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT ? OFFSET ?""",
            (
                Parameter("owner"),
                Parameter("before", Kind.MOMENT),
                Parameter("before_id"),
                Parameter("limit"),
                Constant(0),
            ),
        ),
    ),
    ("job_id",): Statement(
        columns=(
            Column("id"),
            Column("job_id"),
            Column("webhook_id"),
            Column("url"),
            Column("event"),
            Column("state"),
            Column("attempts"),
            Column("created_at", Kind.MOMENT),
            Column("due_at", Kind.MOMENT),
            Column("last_attempt_at", Kind.MOMENT),
            Column("delivered_at", Kind.MOMENT),
            Column("last_status"),
            Column("last_error"),
        ),
        postgresql=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = $1::VARCHAR AND jobs.deleted_at IS NULL AND webhook_deliveries.job_id = $2::VARCHAR ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT $3::INTEGER""",
            (Parameter("owner"), Parameter("job_id"), Parameter("limit")),
        ),
        sqlite=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = ? AND jobs.deleted_at IS NULL AND webhook_deliveries.job_id = ? ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT ? OFFSET ?""",
            (Parameter("owner"), Parameter("job_id"), Parameter("limit"), Constant(0)),
        ),
    ),
    ("webhook_id",): Statement(
        columns=(
            Column("id"),
            Column("job_id"),
            Column("webhook_id"),
            Column("url"),
            Column("event"),
            Column("state"),
            Column("attempts"),
            Column("created_at", Kind.MOMENT),
            Column("due_at", Kind.MOMENT),
            Column("last_attempt_at", Kind.MOMENT),
            Column("delivered_at", Kind.MOMENT),
            Column("last_status"),
            Column("last_error"),
        ),
        postgresql=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = $1::VARCHAR AND jobs.deleted_at IS NULL AND webhook_deliveries.webhook_id = $2::VARCHAR ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT $3::INTEGER""",
            (Parameter("owner"), Parameter("webhook_id"), Parameter("limit")),
        ),
        sqlite=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = ? AND jobs.deleted_at IS NULL AND webhook_deliveries.webhook_id = ? ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT ? OFFSET ?""",
            (Parameter("owner"), Parameter("webhook_id"), Parameter("limit"), Constant(0)),
        ),
    ),
    ("state",): Statement(
        columns=(
            Column("id"),
            Column("job_id"),
            Column("webhook_id"),
            Column("url"),
            Column("event"),
            Column("state"),
            Column("attempts"),
            Column("created_at", Kind.MOMENT),
            Column("due_at", Kind.MOMENT),
            Column("last_attempt_at", Kind.MOMENT),
            Column("delivered_at", Kind.MOMENT),
            Column("last_status"),
            Column("last_error"),
        ),
        postgresql=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = $1::VARCHAR AND jobs.deleted_at IS NULL AND webhook_deliveries.state = $2::VARCHAR ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT $3::INTEGER""",
            (Parameter("owner"), Parameter("state"), Parameter("limit")),
        ),
        sqlite=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = ? AND jobs.deleted_at IS NULL AND webhook_deliveries.state = ? ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT ? OFFSET ?""",
            (Parameter("owner"), Parameter("state"), Parameter("limit"), Constant(0)),
        ),
    ),
    ("before", "job_id"): Statement(
        columns=(
            Column("id"),
            Column("job_id"),
            Column("webhook_id"),
            Column("url"),
            Column("event"),
            Column("state"),
            Column("attempts"),
            Column("created_at", Kind.MOMENT),
            Column("due_at", Kind.MOMENT),
            Column("last_attempt_at", Kind.MOMENT),
            Column("delivered_at", Kind.MOMENT),
            Column("last_status"),
            Column("last_error"),
        ),
        postgresql=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = $1::VARCHAR AND jobs.deleted_at IS NULL AND (webhook_deliveries.created_at, webhook_deliveries.id) < ($2::TIMESTAMP WITH TIME ZONE, $3::VARCHAR) AND webhook_deliveries.job_id = $4::VARCHAR ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT $5::INTEGER""",
            (
                Parameter("owner"),
                Parameter("before", Kind.MOMENT),
                Parameter("before_id"),
                Parameter("job_id"),
                Parameter("limit"),
            ),
        ),
        sqlite=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = ? AND jobs.deleted_at IS NULL AND (webhook_deliveries.created_at, webhook_deliveries.id) < (?, ?) AND webhook_deliveries.job_id = ? ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT ? OFFSET ?""",
            (
                Parameter("owner"),
                Parameter("before", Kind.MOMENT),
                Parameter("before_id"),
                Parameter("job_id"),
                Parameter("limit"),
                Constant(0),
            ),
        ),
    ),
    ("before", "webhook_id"): Statement(
        columns=(
            Column("id"),
            Column("job_id"),
            Column("webhook_id"),
            Column("url"),
            Column("event"),
            Column("state"),
            Column("attempts"),
            Column("created_at", Kind.MOMENT),
            Column("due_at", Kind.MOMENT),
            Column("last_attempt_at", Kind.MOMENT),
            Column("delivered_at", Kind.MOMENT),
            Column("last_status"),
            Column("last_error"),
        ),
        postgresql=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = $1::VARCHAR AND jobs.deleted_at IS NULL AND (webhook_deliveries.created_at, webhook_deliveries.id) < ($2::TIMESTAMP WITH TIME ZONE, $3::VARCHAR) AND webhook_deliveries.webhook_id = $4::VARCHAR ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT $5::INTEGER""",
            (
                Parameter("owner"),
                Parameter("before", Kind.MOMENT),
                Parameter("before_id"),
                Parameter("webhook_id"),
                Parameter("limit"),
            ),
        ),
        sqlite=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = ? AND jobs.deleted_at IS NULL AND (webhook_deliveries.created_at, webhook_deliveries.id) < (?, ?) AND webhook_deliveries.webhook_id = ? ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT ? OFFSET ?""",
            (
                Parameter("owner"),
                Parameter("before", Kind.MOMENT),
                Parameter("before_id"),
                Parameter("webhook_id"),
                Parameter("limit"),
                Constant(0),
            ),
        ),
    ),
    ("before", "state"): Statement(
        columns=(
            Column("id"),
            Column("job_id"),
            Column("webhook_id"),
            Column("url"),
            Column("event"),
            Column("state"),
            Column("attempts"),
            Column("created_at", Kind.MOMENT),
            Column("due_at", Kind.MOMENT),
            Column("last_attempt_at", Kind.MOMENT),
            Column("delivered_at", Kind.MOMENT),
            Column("last_status"),
            Column("last_error"),
        ),
        postgresql=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = $1::VARCHAR AND jobs.deleted_at IS NULL AND (webhook_deliveries.created_at, webhook_deliveries.id) < ($2::TIMESTAMP WITH TIME ZONE, $3::VARCHAR) AND webhook_deliveries.state = $4::VARCHAR ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT $5::INTEGER""",
            (
                Parameter("owner"),
                Parameter("before", Kind.MOMENT),
                Parameter("before_id"),
                Parameter("state"),
                Parameter("limit"),
            ),
        ),
        sqlite=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = ? AND jobs.deleted_at IS NULL AND (webhook_deliveries.created_at, webhook_deliveries.id) < (?, ?) AND webhook_deliveries.state = ? ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT ? OFFSET ?""",
            (
                Parameter("owner"),
                Parameter("before", Kind.MOMENT),
                Parameter("before_id"),
                Parameter("state"),
                Parameter("limit"),
                Constant(0),
            ),
        ),
    ),
    ("job_id", "webhook_id"): Statement(
        columns=(
            Column("id"),
            Column("job_id"),
            Column("webhook_id"),
            Column("url"),
            Column("event"),
            Column("state"),
            Column("attempts"),
            Column("created_at", Kind.MOMENT),
            Column("due_at", Kind.MOMENT),
            Column("last_attempt_at", Kind.MOMENT),
            Column("delivered_at", Kind.MOMENT),
            Column("last_status"),
            Column("last_error"),
        ),
        postgresql=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = $1::VARCHAR AND jobs.deleted_at IS NULL AND webhook_deliveries.job_id = $2::VARCHAR AND webhook_deliveries.webhook_id = $3::VARCHAR ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT $4::INTEGER""",
            (Parameter("owner"), Parameter("job_id"), Parameter("webhook_id"), Parameter("limit")),
        ),
        sqlite=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = ? AND jobs.deleted_at IS NULL AND webhook_deliveries.job_id = ? AND webhook_deliveries.webhook_id = ? ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT ? OFFSET ?""",
            (
                Parameter("owner"),
                Parameter("job_id"),
                Parameter("webhook_id"),
                Parameter("limit"),
                Constant(0),
            ),
        ),
    ),
    ("job_id", "state"): Statement(
        columns=(
            Column("id"),
            Column("job_id"),
            Column("webhook_id"),
            Column("url"),
            Column("event"),
            Column("state"),
            Column("attempts"),
            Column("created_at", Kind.MOMENT),
            Column("due_at", Kind.MOMENT),
            Column("last_attempt_at", Kind.MOMENT),
            Column("delivered_at", Kind.MOMENT),
            Column("last_status"),
            Column("last_error"),
        ),
        postgresql=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = $1::VARCHAR AND jobs.deleted_at IS NULL AND webhook_deliveries.job_id = $2::VARCHAR AND webhook_deliveries.state = $3::VARCHAR ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT $4::INTEGER""",
            (Parameter("owner"), Parameter("job_id"), Parameter("state"), Parameter("limit")),
        ),
        sqlite=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = ? AND jobs.deleted_at IS NULL AND webhook_deliveries.job_id = ? AND webhook_deliveries.state = ? ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT ? OFFSET ?""",
            (
                Parameter("owner"),
                Parameter("job_id"),
                Parameter("state"),
                Parameter("limit"),
                Constant(0),
            ),
        ),
    ),
    ("webhook_id", "state"): Statement(
        columns=(
            Column("id"),
            Column("job_id"),
            Column("webhook_id"),
            Column("url"),
            Column("event"),
            Column("state"),
            Column("attempts"),
            Column("created_at", Kind.MOMENT),
            Column("due_at", Kind.MOMENT),
            Column("last_attempt_at", Kind.MOMENT),
            Column("delivered_at", Kind.MOMENT),
            Column("last_status"),
            Column("last_error"),
        ),
        postgresql=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = $1::VARCHAR AND jobs.deleted_at IS NULL AND webhook_deliveries.webhook_id = $2::VARCHAR AND webhook_deliveries.state = $3::VARCHAR ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT $4::INTEGER""",
            (Parameter("owner"), Parameter("webhook_id"), Parameter("state"), Parameter("limit")),
        ),
        sqlite=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = ? AND jobs.deleted_at IS NULL AND webhook_deliveries.webhook_id = ? AND webhook_deliveries.state = ? ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT ? OFFSET ?""",
            (
                Parameter("owner"),
                Parameter("webhook_id"),
                Parameter("state"),
                Parameter("limit"),
                Constant(0),
            ),
        ),
    ),
    ("before", "job_id", "webhook_id"): Statement(
        columns=(
            Column("id"),
            Column("job_id"),
            Column("webhook_id"),
            Column("url"),
            Column("event"),
            Column("state"),
            Column("attempts"),
            Column("created_at", Kind.MOMENT),
            Column("due_at", Kind.MOMENT),
            Column("last_attempt_at", Kind.MOMENT),
            Column("delivered_at", Kind.MOMENT),
            Column("last_status"),
            Column("last_error"),
        ),
        postgresql=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = $1::VARCHAR AND jobs.deleted_at IS NULL AND (webhook_deliveries.created_at, webhook_deliveries.id) < ($2::TIMESTAMP WITH TIME ZONE, $3::VARCHAR) AND webhook_deliveries.job_id = $4::VARCHAR AND webhook_deliveries.webhook_id = $5::VARCHAR ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT $6::INTEGER""",
            (
                Parameter("owner"),
                Parameter("before", Kind.MOMENT),
                Parameter("before_id"),
                Parameter("job_id"),
                Parameter("webhook_id"),
                Parameter("limit"),
            ),
        ),
        sqlite=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = ? AND jobs.deleted_at IS NULL AND (webhook_deliveries.created_at, webhook_deliveries.id) < (?, ?) AND webhook_deliveries.job_id = ? AND webhook_deliveries.webhook_id = ? ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT ? OFFSET ?""",
            (
                Parameter("owner"),
                Parameter("before", Kind.MOMENT),
                Parameter("before_id"),
                Parameter("job_id"),
                Parameter("webhook_id"),
                Parameter("limit"),
                Constant(0),
            ),
        ),
    ),
    ("before", "job_id", "state"): Statement(
        columns=(
            Column("id"),
            Column("job_id"),
            Column("webhook_id"),
            Column("url"),
            Column("event"),
            Column("state"),
            Column("attempts"),
            Column("created_at", Kind.MOMENT),
            Column("due_at", Kind.MOMENT),
            Column("last_attempt_at", Kind.MOMENT),
            Column("delivered_at", Kind.MOMENT),
            Column("last_status"),
            Column("last_error"),
        ),
        postgresql=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = $1::VARCHAR AND jobs.deleted_at IS NULL AND (webhook_deliveries.created_at, webhook_deliveries.id) < ($2::TIMESTAMP WITH TIME ZONE, $3::VARCHAR) AND webhook_deliveries.job_id = $4::VARCHAR AND webhook_deliveries.state = $5::VARCHAR ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT $6::INTEGER""",
            (
                Parameter("owner"),
                Parameter("before", Kind.MOMENT),
                Parameter("before_id"),
                Parameter("job_id"),
                Parameter("state"),
                Parameter("limit"),
            ),
        ),
        sqlite=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = ? AND jobs.deleted_at IS NULL AND (webhook_deliveries.created_at, webhook_deliveries.id) < (?, ?) AND webhook_deliveries.job_id = ? AND webhook_deliveries.state = ? ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT ? OFFSET ?""",
            (
                Parameter("owner"),
                Parameter("before", Kind.MOMENT),
                Parameter("before_id"),
                Parameter("job_id"),
                Parameter("state"),
                Parameter("limit"),
                Constant(0),
            ),
        ),
    ),
    ("before", "webhook_id", "state"): Statement(
        columns=(
            Column("id"),
            Column("job_id"),
            Column("webhook_id"),
            Column("url"),
            Column("event"),
            Column("state"),
            Column("attempts"),
            Column("created_at", Kind.MOMENT),
            Column("due_at", Kind.MOMENT),
            Column("last_attempt_at", Kind.MOMENT),
            Column("delivered_at", Kind.MOMENT),
            Column("last_status"),
            Column("last_error"),
        ),
        postgresql=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = $1::VARCHAR AND jobs.deleted_at IS NULL AND (webhook_deliveries.created_at, webhook_deliveries.id) < ($2::TIMESTAMP WITH TIME ZONE, $3::VARCHAR) AND webhook_deliveries.webhook_id = $4::VARCHAR AND webhook_deliveries.state = $5::VARCHAR ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT $6::INTEGER""",
            (
                Parameter("owner"),
                Parameter("before", Kind.MOMENT),
                Parameter("before_id"),
                Parameter("webhook_id"),
                Parameter("state"),
                Parameter("limit"),
            ),
        ),
        sqlite=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = ? AND jobs.deleted_at IS NULL AND (webhook_deliveries.created_at, webhook_deliveries.id) < (?, ?) AND webhook_deliveries.webhook_id = ? AND webhook_deliveries.state = ? ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT ? OFFSET ?""",
            (
                Parameter("owner"),
                Parameter("before", Kind.MOMENT),
                Parameter("before_id"),
                Parameter("webhook_id"),
                Parameter("state"),
                Parameter("limit"),
                Constant(0),
            ),
        ),
    ),
    ("job_id", "webhook_id", "state"): Statement(
        columns=(
            Column("id"),
            Column("job_id"),
            Column("webhook_id"),
            Column("url"),
            Column("event"),
            Column("state"),
            Column("attempts"),
            Column("created_at", Kind.MOMENT),
            Column("due_at", Kind.MOMENT),
            Column("last_attempt_at", Kind.MOMENT),
            Column("delivered_at", Kind.MOMENT),
            Column("last_status"),
            Column("last_error"),
        ),
        postgresql=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = $1::VARCHAR AND jobs.deleted_at IS NULL AND webhook_deliveries.job_id = $2::VARCHAR AND webhook_deliveries.webhook_id = $3::VARCHAR AND webhook_deliveries.state = $4::VARCHAR ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT $5::INTEGER""",
            (
                Parameter("owner"),
                Parameter("job_id"),
                Parameter("webhook_id"),
                Parameter("state"),
                Parameter("limit"),
            ),
        ),
        sqlite=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = ? AND jobs.deleted_at IS NULL AND webhook_deliveries.job_id = ? AND webhook_deliveries.webhook_id = ? AND webhook_deliveries.state = ? ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT ? OFFSET ?""",
            (
                Parameter("owner"),
                Parameter("job_id"),
                Parameter("webhook_id"),
                Parameter("state"),
                Parameter("limit"),
                Constant(0),
            ),
        ),
    ),
    ("before", "job_id", "webhook_id", "state"): Statement(
        columns=(
            Column("id"),
            Column("job_id"),
            Column("webhook_id"),
            Column("url"),
            Column("event"),
            Column("state"),
            Column("attempts"),
            Column("created_at", Kind.MOMENT),
            Column("due_at", Kind.MOMENT),
            Column("last_attempt_at", Kind.MOMENT),
            Column("delivered_at", Kind.MOMENT),
            Column("last_status"),
            Column("last_error"),
        ),
        postgresql=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = $1::VARCHAR AND jobs.deleted_at IS NULL AND (webhook_deliveries.created_at, webhook_deliveries.id) < ($2::TIMESTAMP WITH TIME ZONE, $3::VARCHAR) AND webhook_deliveries.job_id = $4::VARCHAR AND webhook_deliveries.webhook_id = $5::VARCHAR AND webhook_deliveries.state = $6::VARCHAR ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT $7::INTEGER""",
            (
                Parameter("owner"),
                Parameter("before", Kind.MOMENT),
                Parameter("before_id"),
                Parameter("job_id"),
                Parameter("webhook_id"),
                Parameter("state"),
                Parameter("limit"),
            ),
        ),
        sqlite=SQL(
            """\
SELECT webhook_deliveries.id, webhook_deliveries.job_id, webhook_deliveries.webhook_id, webhook_deliveries.url, webhook_deliveries.event, webhook_deliveries.state, webhook_deliveries.attempts, webhook_deliveries.created_at, webhook_deliveries.due_at, webhook_deliveries.last_attempt_at, webhook_deliveries.delivered_at, webhook_deliveries.last_status, webhook_deliveries.last_error
FROM webhook_deliveries JOIN jobs ON jobs.id = webhook_deliveries.job_id
WHERE webhook_deliveries.owner = ? AND jobs.deleted_at IS NULL AND (webhook_deliveries.created_at, webhook_deliveries.id) < (?, ?) AND webhook_deliveries.job_id = ? AND webhook_deliveries.webhook_id = ? AND webhook_deliveries.state = ? ORDER BY webhook_deliveries.created_at DESC, webhook_deliveries.id DESC
 LIMIT ? OFFSET ?""",
            (
                Parameter("owner"),
                Parameter("before", Kind.MOMENT),
                Parameter("before_id"),
                Parameter("job_id"),
                Parameter("webhook_id"),
                Parameter("state"),
                Parameter("limit"),
                Constant(0),
            ),
        ),
    ),
}
SEND_AGAIN = Statement(
    postgresql=SQL(
        """\
UPDATE webhook_deliveries SET state=$1::VARCHAR, failures=$2::INTEGER, due_at=clock_timestamp(), give_up_at=(clock_timestamp() + $3::FLOAT * interval '1 second'), delivered_at=NULL WHERE webhook_deliveries.id = $4::VARCHAR""",
        (Constant("pending"), Constant(0), Constant(259200.0), Parameter("by_id")),
    ),
    sqlite=SQL(
        """\
UPDATE webhook_deliveries SET state=?, failures=?, due_at=(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000'), give_up_at=(strftime('%Y-%m-%d %H:%M:%f', 'now', '+' || round(?, 3) || ' seconds') || '000'), delivered_at=NULL WHERE webhook_deliveries.id = ?""",
        (Constant("pending"), Constant(0), Constant(259200.0), Parameter("by_id")),
    ),
)
