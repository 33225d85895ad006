"""What a job waits for whose next stage no engine can do now."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from redis.exceptions import RedisError

from dalston.common.models import Task, TaskStatus
from dalston.common.queue import EngineInstance, TaskQueue

_KNOWN_SECONDS = 1.0
"""For how long what the engines say is believed, however many ask."""


@dataclass(frozen=True)
class WaitingFor:
    """A stage that could begin, had it an engine.

    Attributes:
        state: `absent`, `loading` or `failed`.
        message: What the engine says about it.
    """

    stage: str
    engine_id: str
    state: str
    message: str = ""


class Waiting:
    """Looks at the engines that jobs wait for."""

    def __init__(self, queue: TaskQueue) -> None:
        self._queue = queue
        self._known: dict[str, tuple[float, list[EngineInstance]]] = {}

    async def of(self, own_tasks: Sequence[Task]) -> list[WaitingFor]:
        """Return what a job's ready tasks wait for; nothing if they only wait for their turn."""
        ready = {task.engine_id: task for task in own_tasks if task.status is TaskStatus.READY}
        if not ready:
            return []
        try:
            async with asyncio.timeout(_KNOWN_SECONDS):
                await self._look(sorted(ready))
        except (RedisError, OSError):  # a TimeoutError is an OSError
            # Without Redis nobody can say.
            return []
        found = [_waiting_for(ready[name], self._known[name][1]) for name in sorted(ready)]
        return [one for one in found if one is not None]

    async def _look(self, engine_ids: Sequence[str]) -> None:
        now = time.monotonic()
        old = [
            name
            for name in engine_ids
            if name not in self._known or now - self._known[name][0] > _KNOWN_SECONDS
        ]
        if old:
            found = await self._queue.instances(old)
            self._known |= {name: (now, instances) for name, instances in found.items()}


def _waiting_for(task: Task, instances: Sequence[EngineInstance]) -> WaitingFor | None:
    states = {instance.state: instance for instance in instances}
    # One that is idle loads for this very task, in a moment.
    if not {"ready", "idle"}.isdisjoint(states):
        return None
    if not states:
        return WaitingFor(task.stage, task.engine_id, "absent")
    state = "loading" if "loading" in states else "failed"
    return WaitingFor(task.stage, task.engine_id, state, states[state].message)
