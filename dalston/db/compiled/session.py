"""Written by `make statements` from dalston/db/definitions/session.py: change that."""

from __future__ import annotations

from dalston.db.kinds import Kind
from dalston.db.statements import SQL, Column, Constant, Statement

IS_READ_ONLY = {
    "postgresql": Statement(
        columns=(Column("read_only", Kind.FLAG),),
        postgresql=SQL(
            """\
SELECT current_setting($1::VARCHAR) = $2::VARCHAR AS read_only""",
            (Constant("transaction_read_only"), Constant("on")),
        ),
        sqlite=SQL(
            """\
SELECT current_setting(?) = ? AS read_only""",
            (Constant("transaction_read_only"), Constant("on")),
        ),
    ),
    "sqlite": Statement(
        columns=(Column("read_only", Kind.FLAG),),
        postgresql=SQL(
            """\
SELECT false AS read_only""",
            (),
        ),
        sqlite=SQL(
            """\
SELECT 0 AS read_only""",
            (),
        ),
    ),
}
VERSION = Statement(
    columns=(Column("version_num"),),
    postgresql=SQL(
        """\
SELECT alembic_version.version_num
FROM alembic_version""",
        (),
    ),
    sqlite=SQL(
        """\
SELECT alembic_version.version_num
FROM alembic_version""",
        (),
    ),
)
HAS_VERSION_TABLE = {
    "postgresql": Statement(
        columns=(Column("there", Kind.FLAG),),
        postgresql=SQL(
            """\
SELECT to_regclass($1::VARCHAR) IS NOT NULL AS there""",
            (Constant("alembic_version"),),
        ),
        sqlite=SQL(
            """\
SELECT to_regclass(?) IS NOT NULL AS there""",
            (Constant("alembic_version"),),
        ),
    ),
    "sqlite": Statement(
        columns=(Column("there"),),
        postgresql=SQL(
            """\
SELECT count(*) AS there
FROM sqlite_master
WHERE name = $1::VARCHAR""",
            (Constant("alembic_version"),),
        ),
        sqlite=SQL(
            """\
SELECT count(*) AS there
FROM sqlite_master
WHERE name = ?""",
            (Constant("alembic_version"),),
        ),
    ),
}
