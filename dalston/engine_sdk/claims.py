"""Takes tasks from an engine's queue, brings their inputs, and gives back what can't be done."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import structlog
from redis.exceptions import RedisError

from dalston.common.disk import NO_ROOM
from dalston.common.engine_spec import EngineSpec
from dalston.common.errors import StoreUnavailableError
from dalston.common.messages import Attempt, QueueEntry, decode_entry
from dalston.common.models import new_attempt_token
from dalston.common.queue import TaskQueue
from dalston.common.redis import in_words
from dalston.common.storage import ObjectStore, job_folder
from dalston.engine_sdk.attempt_files import AttemptFiles
from dalston.engine_sdk.child_messages import ChildTask
from dalston.engine_sdk.folders import FolderPool, TaskFolder
from dalston.engine_sdk.io import fetch_inputs
from dalston.engine_sdk.leases import HeldLease, LeaseKeeper

log = structlog.get_logger(__name__)

POP_SECONDS = 1.0
"""How long one wait at the queue lasts; short, so that a stop is noticed soon."""
_PAUSE_SECONDS = 1.0


class Claim:
    """A task that this runner holds the lease of.

    Attributes:
        folder: Temporary, once inputs are being fetched.
        fetching: Brings the inputs; its result is what the child will be given.
        claimed_at: By the loop's clock.
        started_at: When its turn came, by the loop's clock; None before.
        files: What the engine reads and keeps while it works, once it does.
        told_at: When it began to work or last told of its progress, by the loop's clock.
    """

    def __init__(self, entry: QueueEntry, raw: bytes, lease: HeldLease) -> None:
        self.entry = entry
        self.raw = raw
        self.lease = lease
        self.folder: TaskFolder | None = None
        self.fetching: asyncio.Task[ChildTask] | None = None
        self.claimed_at = asyncio.get_running_loop().time()
        self.started_at: float | None = None
        self.files: AttemptFiles | None = None
        self.told_at = self.claimed_at

    @property
    def attempt(self) -> Attempt:
        """Names it in every message."""
        return self.lease.attempt

    @property
    def about(self) -> dict[str, Any]:
        """What every line of the log about it says."""
        return {
            "job_id": self.entry.job_id,
            "task_id": self.entry.task_id,
            "attempt": self.entry.hand_out,
            "engine_id": self.entry.engine_id,
        }


class Claimer:
    """Claims tasks for one engine instance.

    Args:
        instance: The engine instance's name.
        config: The engine's configuration, on which a task's own is laid.
        folders: Where inputs and outputs lie while a task runs.
    """

    def __init__(  # noqa: PLR0917 - the parts that a claim needs
        self,
        spec: EngineSpec,
        instance: str,
        config: dict[str, Any],
        queue: TaskQueue,
        store: ObjectStore,
        keeper: LeaseKeeper,
        folders: FolderPool,
    ) -> None:
        self._spec = spec
        self._instance = instance
        self._config = config
        self._queue = queue
        self._store = store
        self._keeper = keeper
        self._folders = folders
        self._returning: set[asyncio.Task[None]] = set()

    async def take(self, count: int) -> list[Claim]:
        """Claim up to so many tasks of those that wait, without waiting for any."""
        try:
            return await self._take(count, None)
        except (RedisError, OSError) as error:
            await _pause(error)
            return []

    async def wait(self, count: int) -> list[Claim]:
        """Wait a moment for a task, and claim it with up to so many in all."""
        try:
            raw = await self._queue.pop(self._spec.id, POP_SECONDS)
            return [] if raw is None else await self._take(count, raw)
        except (RedisError, OSError) as error:
            await _pause(error)
            return []

    async def _take(self, count: int, first: bytes | None) -> list[Claim]:
        tokens = [new_attempt_token() for _ in range(count)]
        taken = await self._queue.take(self._spec.id, self._instance, tokens, first)
        claims: list[Claim] = []
        unknown: list[tuple[bytes, Attempt | None]] = []
        for raw, token in taken:
            entry = decode_entry(raw)
            if token is None:
                unknown.append((raw, None))
            elif entry is None:
                unknown.append((raw, self._attempt(msgspec.json.decode(raw, type=_Named), token)))
            else:
                lease = self._keeper.hold(self._attempt(entry, token))
                claims.append(Claim(entry, raw, lease))
        if unknown:
            returning = asyncio.create_task(self._return_unknown(unknown))
            self._returning.add(returning)
            returning.add_done_callback(self._returning.discard)
            if not claims:
                await asyncio.wait([returning])
        return claims

    def _attempt(self, entry: QueueEntry | _Named, token: str) -> Attempt:
        return Attempt(
            job_id=entry.job_id,
            task_id=entry.task_id,
            hand_out=entry.hand_out,
            token=token,
            instance=self._instance,
        )

    async def _return_unknown(self, unknown: Sequence[tuple[bytes, Attempt | None]]) -> None:
        """Put back what is a newer version's, perhaps: whoever knows it shall have it."""
        await asyncio.sleep(_PAUSE_SECONDS)
        try:
            for raw, attempt in unknown:
                if attempt is None:
                    await self._queue.put_back(self._spec.id, raw)
                else:
                    await self._queue.hand_back(attempt, raw, self._spec.id, behind=True)
        except (RedisError, OSError) as error:
            # Their rows have been ready all the time: the sweep publishes them again.
            log.warning("redis_unavailable", reason=in_words(error))

    async def store_answers(self) -> bool:
        """Tell whether the store can be used, be it for others than a task's inputs."""
        return await self._store.answers()

    async def knows_job(self, claim: Claim) -> bool:
        """Tell whether the store has anything of a task's job, or can't say so."""
        try:
            async with aclosing(
                self._store.list_in_pieces(job_folder(claim.entry.job_id))
            ) as found:
                return any([paths async for paths in found])
        except StoreUnavailableError:
            return True

    def fills_store(self, error: OSError) -> bool:
        """Tell whether what an input had no room on is the very disk that the store is on."""
        return error.errno in NO_ROOM and self._store.shares_disk_with(self._folders.root)

    def begin_fetch(self, claim: Claim) -> asyncio.Task[ChildTask]:
        """Bring a claimed task's inputs into a folder of its own.

        Returns:
            What the child will be given. Its errors: `ObjectMissingError`, an input isn't there
            any more; `StoreUnavailableError`, the store did not answer for a minute; `OSError`,
            there is no room for them.
        """
        if claim.fetching is None:
            claim.fetching = asyncio.create_task(self._fetch(claim))
        return claim.fetching

    async def _fetch(self, claim: Claim) -> ChildTask:
        claim.folder = self._folders.take()
        config = {**self._config, **claim.entry.config}
        return await fetch_inputs(self._store, claim.entry, claim.folder, config, self._spec.needs)

    def discard(self, claim: Claim, files: Iterable[Path] = (), *, clean: bool = True) -> None:
        """Clear a claim's folder, if it has one.

        Args:
            claim: Nothing more will be done for it.
            files: What the engine is known to have left there.
            clean: Whether the folder may serve another task: nobody writes to it any more.
        """
        fetching, claim.fetching = claim.fetching, None
        folder, claim.folder = claim.folder, None
        if fetching is not None and not fetching.done():
            fetching.cancel()
            if folder is not None:
                fetching.add_done_callback(lambda _: self._folders.remove(folder))
            return
        failed = fetching is not None and (fetching.cancelled() or fetching.exception())
        if folder is None:
            return
        if clean and not failed:
            self._folders.give_back(folder, files)
        else:
            self._folders.remove(folder)

    async def hand_back(self, claims: Sequence[Claim]) -> None:
        """Give up claims that nothing was started for: the first is the next to be taken."""
        for claim in claims:
            self.discard(claim)
        try:
            # No renewal may be under way: it would make the lease again that is given up.
            async with self._keeper.renewing:
                for claim in reversed(claims):
                    self._keeper.drop(claim.lease)
                    await self._queue.hand_back(claim.attempt, claim.raw, self._spec.id)
        except (RedisError, OSError) as error:
            # The leases end by themselves, and the rows have been ready all the time.
            for claim in claims:
                self._keeper.drop(claim.lease)
            log.warning("redis_unavailable", reason=in_words(error))


class _Named(msgspec.Struct):
    """What a queue entry that can't be read is known to have."""

    task_id: str
    hand_out: int
    job_id: str = ""


async def _pause(error: Exception) -> None:
    log.warning("redis_unavailable", reason=in_words(error))
    await asyncio.sleep(_PAUSE_SECONDS)
