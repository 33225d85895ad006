"""What the gateway stands on."""

from __future__ import annotations

from dataclasses import dataclass

from dalston.common.engine_spec import Catalog
from dalston.common.events import EventBus
from dalston.common.queue import TaskQueue
from dalston.common.storage import ObjectStore
from dalston.db.session import Database


@dataclass(frozen=True)
class Parts:
    """The open parts and settings; whoever opened them closes them.

    Attributes:
        default_pipeline: Of a job that names none.
        max_upload_bytes: A larger body is refused.
        body_timeout_seconds: How long a body may stand still.
    """

    database: Database
    queue: TaskQueue
    events: EventBus
    store: ObjectStore
    catalog: Catalog
    default_pipeline: str
    max_upload_bytes: int
    body_timeout_seconds: float
