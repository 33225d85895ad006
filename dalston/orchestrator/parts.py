"""What an orchestrator stands on."""

from __future__ import annotations

from dataclasses import dataclass, field

from dalston.common.engine_spec import Catalog
from dalston.common.events import EventBus
from dalston.common.models import Retention
from dalston.common.queue import TaskQueue
from dalston.common.storage import ObjectStore
from dalston.common.webhooks import WebhookPolicy
from dalston.db.session import Database


@dataclass(frozen=True)
class Policy:
    """For how long things may wait and are kept.

    Attributes:
        no_engine_seconds: A stage that no engine can do fails after this.
        housekeeping_hours: Time between two rounds of housekeeping.
        orphan_hours: An object that belongs to nothing is deleted after this.
        retention: What is deleted of an ended job that doesn't say so itself.
        retention_days: How long after its end.
        webhooks: How those are called who want to hear of a job's end.
    """

    no_engine_seconds: float = 3600.0
    housekeeping_hours: float = 1.0
    orphan_hours: float = 24.0
    retention: Retention = Retention.KEEP
    retention_days: float = 30.0
    webhooks: WebhookPolicy = field(default_factory=WebhookPolicy)


@dataclass(frozen=True)
class Parts:
    """The open parts; whoever opened them closes them."""

    database: Database
    queue: TaskQueue
    events: EventBus
    store: ObjectStore
    catalog: Catalog
    policy: Policy = Policy()
