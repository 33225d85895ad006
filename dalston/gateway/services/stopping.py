"""Stops what is being done for a job that has been cancelled, or for tasks of it that are gone."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from redis.exceptions import RedisError

from dalston.common.messages import JobUpdated
from dalston.common.models import JobStatus, Task, TaskStatus
from dalston.common.redis import in_words
from dalston.gateway.parts import Parts

log = structlog.get_logger(__name__)
_STOPPED = {TaskStatus.CANCELLED, TaskStatus.FAILED}


async def stop_tasks(
    parts: Parts, job_id: str, handed_out: Sequence[tuple[str, str]], *, cancelled: bool
) -> None:
    """Take a job's tasks out of the queues and end the leases of those that run.

    Args:
        parts: The queue is one.
        job_id: The job; that it is cancelled is committed.
        handed_out: Engine id and task id of all its tasks that an engine may have.
        cancelled: Whether it has just been cancelled; if not, it had ended before.
    """
    try:
        for engine_id, task_id in handed_out:
            await parts.queue.withdraw(engine_id, task_id)
        await parts.queue.tell(
            updates=[JobUpdated(job_id, JobStatus.CANCELLED)] if cancelled else [],
            forget=[job_id],
        )
    except (RedisError, OSError) as error:
        # The engine's next message is refused, which closes its lease.
        log.warning("redis_unavailable", job_id=job_id, reason=in_words(error))


async def stop_replaced(parts: Parts, job_id: str, replaced: Sequence[Task]) -> None:
    """End the leases of tasks that a job has had replaced, should an engine still hold them.

    With their rows it is forgotten who was to be told of their end.

    Args:
        parts: The queue is one.
        job_id: The job.
        replaced: The tasks, as they were; that they are gone is committed.
    """
    try:
        for task in replaced:
            if task.instance is not None and task.status in _STOPPED:
                await parts.queue.withdraw(task.engine_id, task.id)
    except (RedisError, OSError) as error:
        log.warning("redis_unavailable", job_id=job_id, reason=in_words(error))
