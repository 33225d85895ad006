"""Many callers' work in one go: what arrives while a batch is being done makes the next one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")


class Batches(Generic[_Item, _Answer]):
    """Gathers items while one batch of them is being worked on.

    Nobody waits for a batch to fill: with nothing going on, an item is worked on at once. The work
    belongs to none of its callers: one that goes away takes nothing from the others.

    Args:
        work: Answers a batch, item by item, in its order. An answer that is an exception is raised
            for that item alone; one that the work raises is raised for all.
        most: Items of one batch.
        gather_seconds: How long a batch of those that had to wait is kept open for more. The busier
            it is, the less each item costs.
    """

    def __init__(
        self,
        work: Callable[[Sequence[_Item]], Awaitable[Sequence[_Answer | Exception]]],
        most: int,
        gather_seconds: float = 0.0,
    ) -> None:
        self._work = work
        self._most = most
        self._gather_seconds = gather_seconds
        self._waiting: deque[tuple[_Item, asyncio.Future[_Answer]]] = deque()
        self._worker: asyncio.Task[None] | None = None

    def add(self, item: _Item) -> asyncio.Future[_Answer]:
        """Have an item worked on, and return the future of its answer."""
        future: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._worker is None:
            # A context of its own: the log lines of a batch are none of the first caller's.
            self._worker = asyncio.create_task(self._run(), context=Context())
        return future

    async def close(self, seconds: float) -> None:
        """Let the work come to its end, for a limited time."""
        if self._worker is None:
            return
        _, unfinished = await asyncio.wait([self._worker], timeout=seconds)
        for worker in unfinished:
            worker.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)

    async def _run(self) -> None:
        batch: list[tuple[_Item, asyncio.Future[_Answer]]] = []
        try:
            while self._waiting:
                batch = [
                    self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))
                ]
                try:
                    answers = await self._work([item for item, _ in batch])
                except Exception as error:  # noqa: BLE001 - it is raised where the answer is awaited
                    answers = [error] * len(batch)
                for (_, future), answer in zip(batch, answers, strict=True):
                    _settle(future, answer)
                if self._gather_seconds and 0 < len(self._waiting) < self._most:
                    await asyncio.sleep(self._gather_seconds)
        finally:
            self._worker = None
            for _, future in (*batch, *self._waiting):
                future.cancel()


def _settle(future: asyncio.Future[_Answer], answer: _Answer | Exception) -> None:
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
