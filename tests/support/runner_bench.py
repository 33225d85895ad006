"""One engine's runner on a real Valkey, a real store and real children."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from dalston.common.engine_spec import read_engine
from dalston.common.errors import StoreUnavailableError
from dalston.common.events import EventBus
from dalston.common.leases import LeaseState
from dalston.common.messages import Event, QueueEntry, TaskCompleted
from dalston.common.models import new_job_id, new_task_id
from dalston.common.queue import TaskQueue
from dalston.common.redis import connect, queue_key
from dalston.common.storage import ObjectStore, output_path
from dalston.engine_sdk.runner import EngineRunner, RunnerSettings
from tests.support.deployment import embedded
from tests.support.hand_off import publish

ENGINE = "odd"
YAML = f"id: {ENGINE}\nversion: '1'\nstage: odd\n"
CODE = """
import time
from pathlib import Path
from dalston.engine_sdk import *

class Odd(Engine):
    def process(self, input):
        time.sleep(input.config.get("slow", 0))
        gate = input.config.get("gate")
        while gate and not Path(gate).exists():
            time.sleep(0.01)
        if input.config.get("fail"):
            raise TaskFailed("odd_one", "It is odd.")
        files = {}
        if input.config.get("keep"):
            files["kept.txt"] = input.work_folder / "kept.txt"
            files["kept.txt"].write_text(input.task_id)
        found = sorted(path.name for path in input.work_folder.iterdir())
        audio = input.audio_path.read_text() if input.audio_path.exists() else None
        return TaskOutput({"id": input.task_id, "audio": audio, "found": found}, files)
"""


class HeldStore(ObjectStore):
    """A store that is slow with some objects, which it has once the test says so, or has none.

    Attributes:
        away: Whether it says of itself that it can't be used.
        asked: How often it was asked for that.
    """

    refused: str | None = None
    away = False
    asked = 0

    def refuse(self, end: str) -> None:
        """Neither give nor take what has such a path, or such a name at its end."""
        self.refused = end

    def _check(self, path: str) -> None:
        if self.refused is not None and path.endswith(self.refused):
            raise StoreUnavailableError("Not that one.")

    async def answers(self) -> bool:
        self.asked += 1
        return not self.away and await super().answers()

    async def get_range(self, path: str, start: int, length: int) -> bytes:
        self._check(path)
        return await super().get_range(path, start, length)

    async def put_stream(self, path: str, pieces: AsyncIterator[bytes]) -> None:
        self._check(path)
        await super().put_stream(path, pieces)

    def hold(self, name: str) -> asyncio.Event:
        self._held = name
        self._released = asyncio.Event()
        return self._released

    async def get(self, path: str) -> bytes:
        self._check(path)
        if getattr(self, "_held", "nothing") in path:
            await self._released.wait()
        return await super().get(path)

    async def put(self, path: str, data: bytes | Path) -> None:
        if getattr(self, "_held", "nothing") in path:
            await self._released.wait()
        await super().put(path, data)


@dataclass
class Bench:
    """One engine's runner and what it stands on."""

    folder: Path
    queue: TaskQueue
    events: EventBus
    store: HeldStore
    heard: list[Event] = field(default_factory=list)

    def gate(self) -> Path:
        return self.folder / "gate"

    async def entry(self, text: str = "audio", **config: Any) -> QueueEntry:
        job_id = new_job_id()
        audio = f"jobs/{job_id}/audio/original.wav"
        await self.store.put(audio, text.encode())
        return QueueEntry(
            task_id=new_task_id(),
            hand_out=1,
            job_id=job_id,
            engine_id=ENGINE,
            stage="odd",
            audio=audio,
            audio_bytes=len(text),
            inputs={},
            config=config,
        )

    async def publish(self, *entries: QueueEntry) -> None:
        answers = await publish(self.queue, ENGINE, 1000, entries)
        assert set(answers) == {"pushed"}

    async def listen(self) -> None:
        found, _ = await self.events.read("test", 0.02)
        self.heard += found

    async def until(self, condition: Callable[[], bool], what: str, seconds: float = 15) -> None:
        give_up_at = asyncio.get_running_loop().time() + seconds
        while not condition():
            assert asyncio.get_running_loop().time() < give_up_at, f"waited for {what}"
            await self.listen()

    def of(self, kind: type[Event], entry: QueueEntry) -> list[Event]:
        return [
            event
            for event in self.heard
            if isinstance(event, kind) and getattr(event, "task_id", "") == entry.task_id
        ]

    async def completed(self, *entries: QueueEntry) -> None:
        await self.until(
            lambda: all(self.of(TaskCompleted, entry) for entry in entries), "completion"
        )

    async def output(self, entry: QueueEntry) -> dict[str, Any]:
        [event] = self.of(TaskCompleted, entry)
        assert isinstance(event, TaskCompleted)
        path = output_path(entry.job_id, entry.task_id, event.folder)
        output: dict[str, Any] = msgspec.json.decode(await self.store.get(path))
        return output

    async def waiting(self) -> list[str]:
        found = await self.queue.redis.lrange(queue_key(ENGINE), 0, -1)
        return [msgspec.json.decode(raw)["task_id"] for raw in reversed(found)]

    @asynccontextmanager
    async def running(
        self, *, slots: int = 1, grace: float = 10.0, lazy: bool = False
    ) -> AsyncIterator[EngineRunner]:
        spec = read_engine(self.folder)
        settings = RunnerSettings(
            instance="engine-1",
            config=spec.configure({}),
            slots=slots,
            grace_seconds=grace,
            temporary_folder=self.folder / "tmp",
            environment=os.environ,
            lazy=lazy,
        )
        runner = EngineRunner(spec, self.queue, self.events, self.store, settings)
        serving = asyncio.create_task(runner.run())
        try:
            yield runner
            runner.stop()
            async with asyncio.timeout(15):
                await serving
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
        assert list((self.folder / "tmp").iterdir()) == []


@asynccontextmanager
async def new_bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """Make a bench with nothing running on it."""
    (tmp_path / "engine.yaml").write_text(YAML)
    (tmp_path / "engine.py").write_text(CODE)
    with embedded(tmp_path) as deployment:
        redis = connect(deployment.redis_url)
        events = EventBus(redis)
        made = Bench(tmp_path, TaskQueue(redis), events, HeldStore(deployment.store_settings))
        await made.listen()
        yield made
        await redis.aclose()


async def is_running(bench: Bench, entry: QueueEntry) -> bool:
    lease = (await bench.queue.leases([entry.task_id])).get(entry.task_id)
    return lease is not None and lease.state is LeaseState.RUNNING


async def until_true(condition: Callable[[], Coroutine[Any, Any, bool]], what: str) -> None:
    give_up_at = asyncio.get_running_loop().time() + 15
    while not await condition():
        assert asyncio.get_running_loop().time() < give_up_at, f"waited for {what}"
