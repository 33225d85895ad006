"""What the gateway stands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dalston.common.engine_spec import Catalog
from dalston.common.events import EventBus
from dalston.common.queue import TaskQueue
from dalston.common.storage import ObjectStore
from dalston.common.webhooks import WebhookPolicy
from dalston.db.session import Database


@dataclass(frozen=True)
class Parts:
    """The open parts and settings; whoever opened them closes them.

    Attributes:
        default_pipeline: Of a job that names none.
        engine_settings: What the server's settings say to engines, such as `model`.
        max_upload_bytes: A larger body is refused.
        body_timeout_seconds: How long a body may stand still.
        named_pipeline: The pipeline that OpenAI's names of models stand for; None means the
            default one.
        wait_base_seconds: How long a request waits for its transcript, at least.
        wait_seconds_per_audio_second: Added to that for each second of audio.
        cors_origins: Web sites whose pages may call this server.
        longest_upload_seconds: How long it may take in all; less than the time after which a
            recording without a job is taken for an orphan.
        job_deadline_seconds: How long a job may take that doesn't say so itself.
        webhooks: Which addresses may be told of a job's end, and the secrets that sign.
    """

    database: Database
    queue: TaskQueue
    events: EventBus
    store: ObjectStore
    catalog: Catalog
    default_pipeline: str
    max_upload_bytes: int
    body_timeout_seconds: float
    engine_settings: Mapping[str, Any] = field(default_factory=dict)
    named_pipeline: str | None = None
    wait_base_seconds: float = 120.0
    wait_seconds_per_audio_second: float = 3.0
    cors_origins: tuple[str, ...] = ()
    longest_upload_seconds: float = 12 * 3600.0
    job_deadline_seconds: float | None = None
    webhooks: WebhookPolicy = field(default_factory=WebhookPolicy)

    @property
    def openai_pipeline(self) -> str:
        """The pipeline that OpenAI's names of models stand for."""
        return self.named_pipeline or self.default_pipeline
