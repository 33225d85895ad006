"""API keys, the owners that they stand for with their limits, and idempotency keys.

Revision: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0003"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables; a list is one owner's from now on."""
    _create_owners()
    op.create_table(
        "api_keys",
        sa.Column("prefix", sa.String(16), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT),
        sa.Column("revoked_at", _MOMENT),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("owner", sa.String(64), primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("content", sa.String(64), nullable=False),
        sa.Column("job_id", sa.String(32), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
    )
    op.create_index("ix_idempotency_keys_created", "idempotency_keys", ["created_at"])
    op.drop_index("ix_jobs_created", "jobs")
    op.drop_index("ix_jobs_owner_status", "jobs")
    op.create_index("ix_jobs_owner_created", "jobs", ["owner", "created_at", "id"])
    op.create_index("ix_jobs_owner_status", "jobs", ["owner", "status", "created_at", "id"])


def _create_owners() -> None:
    owners = op.create_table(
        "owners",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("requests_per_minute", sa.Integer),
        sa.Column("running_jobs", sa.Integer),
        sa.Column("audio_seconds_per_day", sa.Float),
        sa.Column("upload_bytes", sa.BigInteger),
        sa.Column("requests_paid", _MOMENT),
        sa.Column("audio_day", sa.String(10)),
        sa.Column("audio_seconds", sa.Float, nullable=False, server_default="0"),
    )
    # The owner of all jobs without keys, and the row whose limits hold for whoever has none.
    op.bulk_insert(owners, [{"name": "local"}, {"name": "*"}])
    op.create_table(
        "audio_charges",
        sa.Column("job_id", sa.String(32), primary_key=True),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
    )
    op.create_index("ix_audio_charges_owner", "audio_charges", ["owner"])


def downgrade() -> None:
    """Remove them."""
    op.drop_index("ix_jobs_owner_status", "jobs")
    op.drop_index("ix_jobs_owner_created", "jobs")
    op.create_index("ix_jobs_owner_status", "jobs", ["owner", "status"])
    op.create_index("ix_jobs_created", "jobs", ["created_at", "id"])
    for table in ("idempotency_keys", "api_keys", "audio_charges", "owners"):
        op.drop_table(table)
