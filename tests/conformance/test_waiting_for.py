"""What a job is said to wait for, by what the engines say of themselves in Redis."""

from __future__ import annotations

import pytest

from dalston.common.models import Task, TaskStatus, new_job_id, new_task_id
from dalston.common.queue import EngineInstance, TaskQueue
from dalston.common.redis import connect
from dalston.gateway.services.waiting import Waiting
from tests.support.deployment import Deployment


@pytest.mark.parametrize(
    ("states", "shown"),
    [
        ([], ["absent"]),
        (["loading"], ["loading"]),
        (["failed"], ["failed"]),
        (["failed", "loading"], ["loading"]),
        # It loads for this very task.
        (["idle"], []),
        (["failed", "idle"], []),
        (["loading", "ready"], []),
    ],
)
async def test_a_ready_task_waits_for_an_engine_that_cannot_take_it(
    deployment: Deployment, states: list[str], shown: list[str]
) -> None:
    redis = connect(deployment.redis_url)
    queue = TaskQueue(redis)
    for number, state in enumerate(states):
        await queue.announce(EngineInstance(f"engine-{number}", "some-engine", 1, state))
    task = Task(
        id=new_task_id(),
        job_id=new_job_id(),
        stage="transcribe",
        index=0,
        engine_id="some-engine",
        status=TaskStatus.READY,
        hand_out=1,
        config={},
    )

    found = await Waiting(queue).of([task])

    await redis.aclose()
    assert [one.state for one in found] == shown
