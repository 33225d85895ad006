"""Who is told of a job's end, and what they are told.

Revision: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_INDEXES = {
    "due": ["due_at"],
    "job": ["job_id"],
    "owner": ["owner", "created_at", "id"],
    "webhook": ["webhook_id"],
    "created": ["created_at"],
}


def upgrade() -> None:
    """Add the tables, and the address that a job itself names."""
    with op.batch_alter_table("jobs") as jobs:
        jobs.add_column(sa.Column("callback_url", sa.Text))
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("exchanged_at", _MOMENT),
        sa.Column("disabled_at", _MOMENT),
    )
    op.create_index("ix_webhooks_owner", "webhooks", ["owner", "created_at", "id"])
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column(
            "job_id", sa.String(32), sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("webhook_id", sa.String(32)),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("due_at", _MOMENT),
        sa.Column("give_up_at", _MOMENT, nullable=False),
        sa.Column("last_attempt_at", _MOMENT),
        sa.Column("delivered_at", _MOMENT),
        sa.Column("last_status", sa.Integer),
        sa.Column("last_error", sa.String(32)),
    )
    for name, columns in _INDEXES.items():
        op.create_index(f"ix_webhook_deliveries_{name}", "webhook_deliveries", columns)


def downgrade() -> None:
    """Remove them; what has not been delivered is never told."""
    op.drop_table("webhook_deliveries")
    op.drop_table("webhooks")
    with op.batch_alter_table("jobs") as jobs:
        jobs.drop_column("callback_url")
