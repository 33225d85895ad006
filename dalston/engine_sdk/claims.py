"""Takes tasks from an engine's queue, and the next one's input while one still computes."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any

import structlog
from redis.exceptions import RedisError

from dalston.common.engine_spec import EngineSpec
from dalston.common.messages import Attempt, QueueEntry, decode_entry
from dalston.common.models import new_attempt_token
from dalston.common.queue import TaskQueue
from dalston.common.storage import ObjectStore
from dalston.engine_sdk.io import fetch_inputs
from dalston.engine_sdk.leases import HeldLease, LeaseKeeper
from dalston.engine_sdk.process import ChildTask

log = structlog.get_logger(__name__)

POP_SECONDS = 1.0
"""How long one wait at the queue lasts; short, so that a stop is noticed soon."""
PREFETCH_SECONDS = 10.0
"""A prefetched task whose turn hasn't come by then goes to somebody else."""
_PAUSE_SECONDS = 1.0


class Claim:
    """A task that this runner holds the lease of.

    Attributes:
        folder: Temporary, once there are inputs; removed by `discard`.
        inputs: What the child will be given, once fetched.
    """

    def __init__(self, entry: QueueEntry, raw: bytes, lease: HeldLease) -> None:
        self.entry = entry
        self.raw = raw
        self.lease = lease
        self.folder: Path | None = None
        self.inputs: ChildTask | None = None
        self.log = log.bind(
            job_id=entry.job_id,
            task_id=entry.task_id,
            attempt=entry.hand_out,
            engine_id=entry.engine_id,
        )

    @property
    def attempt(self) -> Attempt:
        """Names it in every message."""
        return self.lease.attempt

    def discard(self) -> None:
        """Remove the temporary folder."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


class Claimer:
    """Claims tasks for one engine instance.

    Args:
        root: Folder for temporary folders.
        config: The engine's configuration, on which a task's own is laid.
    """

    def __init__(  # noqa: PLR0917 - the parts that a claim needs
        self,
        spec: EngineSpec,
        config: dict[str, Any],
        queue: TaskQueue,
        store: ObjectStore,
        keeper: LeaseKeeper,
        root: Path,
    ) -> None:
        self._spec = spec
        self._config = config
        self._queue = queue
        self._store = store
        self._keeper = keeper
        self._root = root

    async def claim(self) -> Claim | None:
        """Wait a moment for a task and take its lease; None if there was none to take."""
        try:
            raw = await self._queue.pop(self._spec.id, POP_SECONDS)
            return None if raw is None else await self._take(raw)
        except (RedisError, OSError) as error:
            log.warning("redis_unavailable", reason=repr(error))
            await asyncio.sleep(_PAUSE_SECONDS)
            return None

    async def _take(self, raw: bytes) -> Claim | None:
        entry = decode_entry(raw)
        if entry is None:
            # A newer version's entry, perhaps: whoever knows it shall have it.
            await asyncio.sleep(_PAUSE_SECONDS)
            await self._queue.put_back(self._spec.id, raw)
            return None
        attempt = Attempt(
            job_id=entry.job_id,
            task_id=entry.task_id,
            hand_out=entry.hand_out,
            token=new_attempt_token(),
            instance=self._keeper.announcement.instance,
        )
        if not await self._queue.claim(attempt):
            log.debug("stale_entry_dropped", job_id=entry.job_id, task_id=entry.task_id)
            return None
        return Claim(entry, raw, self._keeper.hold(attempt))

    async def fetch(self, claim: Claim) -> None:
        """Bring a claimed task's inputs into its folder.

        Raises:
            ObjectMissingError: An input isn't there any more.
            StoreUnavailableError: The store did not answer for a minute.
            OSError: There is no room for them.
        """
        if claim.inputs is None:
            config = {**self._config, **claim.entry.config}
            claim.folder = Path(tempfile.mkdtemp(prefix=f"{claim.entry.task_id}-", dir=self._root))
            claim.inputs = await fetch_inputs(self._store, claim.entry, claim.folder, config)

    async def hand_back(self, claim: Claim) -> None:
        """Give up a claim that nothing was started for."""
        claim.discard()
        try:
            # No renewal may be under way: it would make the lease again that is given up.
            async with self._keeper.renewing:
                self._keeper.drop(claim.lease)
                await self._queue.hand_back(claim.attempt, claim.raw, self._spec.id)
        except (RedisError, OSError) as error:
            # Its lease ends by itself, and the row has been ready all the time.
            claim.log.warning("redis_unavailable", reason=repr(error))


class Prefetch:
    """Claims and fetches the next task while the slot's current one still computes."""

    def __init__(self, claimer: Claimer) -> None:
        self._claimer = claimer
        self._running: asyncio.Task[Claim | None] | None = None
        self._turn = asyncio.Event()

    def begin(self) -> None:
        """Start, unless it has been started already."""
        if self._running is None:
            self._turn.clear()
            self._running = asyncio.create_task(self._fetch_next())

    async def take(self) -> Claim | None:
        """Return the prefetched task, now that its turn has come, or None if there is none."""
        if self._running is None:
            return None
        self._turn.set()
        running, self._running = self._running, None
        claim = await running
        if claim is not None and claim.lease.closed.is_set():
            claim.discard()
            return None
        return claim

    async def give_up(self) -> None:
        """Hand back what has been prefetched, or is being fetched."""
        running, self._running = self._running, None
        if running is None:
            return
        self._turn.set()
        running.cancel()
        try:
            claim = await running
        except asyncio.CancelledError:
            return
        if claim is not None:
            await self._claimer.hand_back(claim)

    async def _fetch_next(self) -> Claim | None:
        claim = None
        while claim is None and not self._turn.is_set():
            claim = await self._claimer.claim()
        if claim is None:
            return None
        try:
            await self._claimer.fetch(claim)
            async with asyncio.timeout(PREFETCH_SECONDS):
                await self._turn.wait()
        except asyncio.CancelledError:
            await self._claimer.hand_back(claim)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was, the task's own turn shows it
            claim.log.debug("prefetch_handed_back", reason=repr(error))
            await self._claimer.hand_back(claim)
            return None
        return claim
