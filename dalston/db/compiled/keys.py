"""Written by `make statements` from dalston/db/definitions/keys.py: change that."""

from __future__ import annotations

from dalston.db.kinds import Kind
from dalston.db.statements import SQL, Column, Constant, Parameter, Statement

LIST = Statement(
    columns=(
        Column("prefix"),
        Column("digest"),
        Column("name"),
        Column("owner"),
        Column("scopes", Kind.JSON),
        Column("created_at", Kind.MOMENT),
        Column("expires_at", Kind.MOMENT),
        Column("revoked_at", Kind.MOMENT),
        Column("usable", Kind.FLAG),
    ),
    postgresql=SQL(
        """\
SELECT api_keys.prefix, api_keys.digest, api_keys.name, api_keys.owner, api_keys.scopes, api_keys.created_at, api_keys.expires_at, api_keys.revoked_at, api_keys.revoked_at IS NULL AND (api_keys.expires_at IS NULL OR api_keys.expires_at > (statement_timestamp() - $1::INTEGER * interval '1 second')) AS usable
FROM api_keys ORDER BY api_keys.created_at, api_keys.prefix""",
        (Constant(0),),
    ),
    sqlite=SQL(
        """\
SELECT api_keys.prefix, api_keys.digest, api_keys.name, api_keys.owner, api_keys.scopes, api_keys.created_at, api_keys.expires_at, api_keys.revoked_at, api_keys.revoked_at IS NULL AND (api_keys.expires_at IS NULL OR api_keys.expires_at > (strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (?) || ' seconds') || '000')) AS usable
FROM api_keys ORDER BY api_keys.created_at, api_keys.prefix""",
        (Constant(0),),
    ),
)
FIND = Statement(
    columns=(
        Column("prefix"),
        Column("digest"),
        Column("name"),
        Column("owner"),
        Column("scopes", Kind.JSON),
        Column("created_at", Kind.MOMENT),
        Column("expires_at", Kind.MOMENT),
        Column("revoked_at", Kind.MOMENT),
        Column("usable", Kind.FLAG),
    ),
    postgresql=SQL(
        """\
SELECT api_keys.prefix, api_keys.digest, api_keys.name, api_keys.owner, api_keys.scopes, api_keys.created_at, api_keys.expires_at, api_keys.revoked_at, api_keys.revoked_at IS NULL AND (api_keys.expires_at IS NULL OR api_keys.expires_at > (statement_timestamp() - $1::INTEGER * interval '1 second')) AS usable
FROM api_keys
WHERE api_keys.prefix = ANY ($2::VARCHAR[])""",
        (Constant(0), Parameter("prefixes", Kind.TEXTS)),
    ),
    sqlite=SQL(
        """\
SELECT api_keys.prefix, api_keys.digest, api_keys.name, api_keys.owner, api_keys.scopes, api_keys.created_at, api_keys.expires_at, api_keys.revoked_at, api_keys.revoked_at IS NULL AND (api_keys.expires_at IS NULL OR api_keys.expires_at > (strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (?) || ' seconds') || '000')) AS usable
FROM api_keys
WHERE api_keys.prefix IN (SELECT value FROM json_each(?))""",
        (Constant(0), Parameter("prefixes", Kind.TEXTS)),
    ),
)
COUNT = Statement(
    columns=(Column("some"),),
    postgresql=SQL(
        """\
SELECT count(*) AS "some"
FROM (SELECT api_keys.prefix AS prefix
FROM api_keys
 LIMIT $1::INTEGER) AS anon_1""",
        (Constant(1),),
    ),
    sqlite=SQL(
        """\
SELECT count(*) AS some
FROM (SELECT api_keys.prefix AS prefix
FROM api_keys
 LIMIT ? OFFSET ?) AS anon_1""",
        (Constant(1), Constant(0)),
    ),
)
NEW = Statement(
    postgresql=SQL(
        """\
INSERT INTO api_keys (prefix, digest, name, owner, scopes, created_at, expires_at) VALUES ($1::VARCHAR, $2::VARCHAR, $3::VARCHAR, $4::VARCHAR, $5::JSON, clock_timestamp(), $6::TIMESTAMP WITH TIME ZONE)""",
        (
            Parameter("prefix"),
            Parameter("digest"),
            Parameter("name"),
            Parameter("owner"),
            Parameter("scopes", Kind.JSON),
            Parameter("expires_at", Kind.MOMENT),
        ),
    ),
    sqlite=SQL(
        """\
INSERT INTO api_keys (prefix, digest, name, owner, scopes, created_at, expires_at) VALUES (?, ?, ?, ?, ?, (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000'), ?)""",
        (
            Parameter("prefix"),
            Parameter("digest"),
            Parameter("name"),
            Parameter("owner"),
            Parameter("scopes", Kind.JSON),
            Parameter("expires_at", Kind.MOMENT),
        ),
    ),
)
REVOKE = Statement(
    postgresql=SQL(
        """\
UPDATE api_keys SET revoked_at=clock_timestamp() WHERE api_keys.prefix = $1::VARCHAR AND api_keys.revoked_at IS NULL""",
        (Parameter("by_prefix"),),
    ),
    sqlite=SQL(
        """\
UPDATE api_keys SET revoked_at=(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000') WHERE api_keys.prefix = ? AND api_keys.revoked_at IS NULL""",
        (Parameter("by_prefix"),),
    ),
)
