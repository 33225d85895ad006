"""A job with all that is shown of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

import msgspec

from dalston.common.models import Job, Task
from dalston.db.reading import HistoryRow
from dalston.gateway.services.progress import Progress
from dalston.gateway.services.waiting import WaitingFor


@dataclass(frozen=True)
class JobView:
    """A job with all that is shown of it.

    Attributes:
        progress: Done parts of each running task, 0 to 1, by task id.
        whole: How far the job is, while it runs and is looked at alone.
        partial_text: Of its finished chunks, likewise.
        waiting_for: Engines that aren't there, likewise.
        transcript: The final task's output, field by field as it is stored, once the job is
            completed.
        pieces: The rest of it, if it is long and may come in pieces (`stored_transcripts.py`).
        words_may_change: What was heard in chunks isn't told, as the transcript may have less.
        history: Only if it was asked for.
    """

    job: Job
    tasks: Sequence[Task]
    progress: dict[str, float]
    transcript: dict[str, msgspec.Raw] | None = None
    history: Sequence[HistoryRow] | None = None
    whole: Progress | None = None
    partial_text: str | None = None
    waiting_for: Sequence[WaitingFor] = ()
    pieces: AsyncGenerator[bytes] | None = None
    words_may_change: bool = False
