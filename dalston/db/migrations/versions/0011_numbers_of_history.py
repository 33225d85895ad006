"""Numbers of the history's rows that don't run out: eight bytes on PostgreSQL, as on SQLite.

Revision: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_SEQUENCE = "history_id_seq"


def upgrade() -> None:
    """Widen them. PostgreSQL writes the table anew, and nobody else uses it meanwhile."""
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("history", "id", type_=sa.BigInteger(), existing_type=sa.Integer())
        op.execute(f"ALTER SEQUENCE {_SEQUENCE} AS bigint")


def downgrade() -> None:
    """Narrow them, which PostgreSQL refuses if one is too large."""
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("history", "id", type_=sa.Integer(), existing_type=sa.BigInteger())
        op.execute(f"ALTER SEQUENCE {_SEQUENCE} AS integer")
