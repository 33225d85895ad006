"""What an orchestrator stands on."""

from __future__ import annotations

from dataclasses import dataclass

from dalston.common.engine_spec import Catalog
from dalston.common.events import EventBus
from dalston.common.queue import TaskQueue
from dalston.common.storage import ObjectStore
from dalston.db.session import Database


@dataclass(frozen=True)
class Parts:
    """The open parts; whoever opened them closes them."""

    database: Database
    queue: TaskQueue
    events: EventBus
    store: ObjectStore
    catalog: Catalog
