"""Stores what came of a task and says so, while the child already works on the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import structlog

from dalston.common.engine_spec import EngineSpec
from dalston.common.errors import DalstonError
from dalston.common.messages import (
    Attempt,
    ChunkReady,
    TaskCompleted,
    TaskErrored,
    TaskReleased,
    TaskStarted,
)
from dalston.common.models import Failure, Part
from dalston.common.pipeline_checks import CHUNKS
from dalston.common.storage import ObjectStore
from dalston.common.transcript import check_stage_output
from dalston.engine_sdk.attempt_files import AttemptFiles, FileRefusedError, is_full, why
from dalston.engine_sdk.child_messages import ChildOutput
from dalston.engine_sdk.claims import Claim, Claimer
from dalston.engine_sdk.failures import OTHER_STORE, OWN_FAULT, not_stored, refused
from dalston.engine_sdk.folders import SMALL_AUDIO_BYTES
from dalston.engine_sdk.io import check_files, store_failure, store_output
from dalston.engine_sdk.leases import LeaseKeeper

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 0.25
_MOST_AT_ONCE = 32
"""Outcomes of one runner that may be on their way before the next task begins."""
_BYTES_AT_ONCE = 64 * 1024 * 1024
"""Their files, in all; larger ones are stored before the next task begins."""
_STORE_PAUSE_SECONDS = 5.0
"""A task that the store was away for is handed back after this: it may be next again."""
_MOST_HAND_OUTS = 100
"""Of a task that the store lacks room for, before that counts as its failure."""
_MOST_ELSEWHERE = 12
"""Of a task of whose job an engine's store has nothing, before that counts as its failure: about a
minute, or one chance for each that another engine takes it."""
_CHEAP_SECONDS = 0.25
"""Work of less than this is sooner done again than kept safe: its output, if it is small, has no
object of its own."""


class Reporter:
    """Carries the outcomes of one runner's tasks to the store and to the orchestrators.

    Args:
        grace_over: Done when the runner must end: what is not stored by then is handed back.
    """

    def __init__(
        self,
        spec: EngineSpec,
        store: ObjectStore,
        keeper: LeaseKeeper,
        claimer: Claimer,
        grace_over: asyncio.Future[None],
    ) -> None:
        self._spec = spec
        self._store = store
        self._keeper = keeper
        self._claimer = claimer
        self._grace_over = grace_over
        self._carrying: dict[asyncio.Task[None], int] = {}

    def start(self, claim: Claim) -> None:
        """Say that a task has begun; only said of what isn't done at once."""
        self._keeper.say(claim.lease, _event(TaskStarted, claim.attempt))
        log.info("task_started", **claim.about, instance=claim.attempt.instance)

    def files_of(self, claim: Claim) -> AttemptFiles:
        """Return what a task's engine may read and keep while it works."""
        announce = partial(self._announce, claim) if CHUNKS in self._spec.produces else None
        return AttemptFiles(self._store, claim.attempt, claim.entry.audio, announce)

    def _announce(self, claim: Claim, index: int, part: Part) -> None:
        """Say that a chunk is in the store; should nobody hear it, the task's output says so."""
        if claim.entry.expands:
            if claim.lease.said is None:
                self.start(claim)
            self._keeper.mention(_event(ChunkReady, claim.attempt, index=index, part=part))

    async def carry(
        self,
        claim: Claim,
        result: ChildOutput | Failure,
        seconds: float,
        meanwhile: Callable[[], None],
    ) -> None:
        """Begin to carry an outcome, once there is room for one more.

        Args:
            claim: The task that it is the outcome of, and of no other.
            result: What the child said.
            seconds: How long the engine worked on it.
            meanwhile: Called again and again while there is no room.
        """
        if claim.folder is not None:
            claim.folder.remove_audio(larger_than=SMALL_AUDIO_BYTES)
        files = result.local_files() if isinstance(result, ChildOutput) else ()
        size = sum(map(_size, files))
        while self._carrying and not self._has_room(size):
            await self._wait_for_one(meanwhile)
        task = asyncio.create_task(self._carry(claim, result, seconds))
        self._carrying[task] = size
        task.add_done_callback(self._carrying.pop)
        while size > _BYTES_AT_ONCE and not task.done():
            await self._wait_for_one(meanwhile)

    async def _wait_for_one(self, meanwhile: Callable[[], None]) -> None:
        done, _ = await asyncio.wait(
            self._carrying, timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        if not done:
            meanwhile()

    def _has_room(self, size: int) -> bool:
        in_all = size + sum(self._carrying.values())
        return len(self._carrying) < _MOST_AT_ONCE and in_all <= _BYTES_AT_ONCE

    async def drain(self) -> None:
        """Wait until everything is stored and said, or handed back."""
        while self._carrying:
            await asyncio.wait(self._carrying)

    async def _carry(self, claim: Claim, result: ChildOutput | Failure, seconds: float) -> None:
        files = result.local_files() if isinstance(result, ChildOutput) else ()
        clean = False
        try:
            if isinstance(result, ChildOutput):
                clean = await self._report_output(claim, result, seconds)
            else:
                await self.report_failure(claim, result)
        except Exception:
            log.exception("task_abandoned", **claim.about)
            await self.abandon(claim)
        finally:
            self._claimer.discard(claim, files, clean=clean)

    async def _report_output(self, claim: Claim, output: ChildOutput, seconds: float) -> bool:
        """Store an output and say so.

        Returns:
            Whether all of its files lie where they may.
        """
        try:
            check_stage_output(claim.entry.stage, output.data, last=claim.entry.final)
            if claim.folder is not None:
                kept = () if claim.files is None else claim.files.names
                check_files(output, claim.folder.work, self._spec.produces, kept)
            if claim.files is not None:
                claim.files.check(output.data)
        except ValueError as error:
            if claim.files is not None:
                await claim.files.abort()
            await self.report_failure(claim, refused(self._spec.id, error))
            return False
        small = (
            seconds < _CHEAP_SECONDS
            and not output.local_files()
            and (claim.files is None or claim.files.is_idle())
            and len(output.data) <= claim.entry.small_bytes
        )
        try:
            if not small and not await self.while_wanted(claim, self._store_output(claim, output)):
                return True
        except FileRefusedError as error:
            await self.report_failure(claim, why(error))
            return True
        except DalstonError as error:
            failure = not_stored(error)
            leaves = bool(output.files or (claim.files is not None and claim.files.has_stored()))
            if is_full(error) and not leaves:
                # Otherwise each attempt would leave in the store what it had room for.
                await self.wait_for_room(claim, failure)
            else:
                await self.report_failure(claim, failure)
            return True
        completed = _event(
            TaskCompleted,
            claim.attempt,
            seconds=round(seconds, 6),
            final=claim.entry.final,
            expands=claim.entry.expands,
            small=small,
        )
        await self._keeper.say(claim.lease, completed, output.data.decode() if small else None)
        log.info("task_completed", **claim.about)
        return True

    async def _store_output(self, claim: Claim, output: ChildOutput) -> None:
        if claim.files is not None:
            await claim.files.complete()
        await store_output(self._store, claim.attempt, output)

    async def report_failure(self, claim: Claim, failure: Failure) -> None:
        """Store and say why an attempt failed, or hand its task back if our time ends first."""
        try:
            storing = store_failure(self._store, claim.attempt, failure)
            if not await self.while_wanted(claim, storing):
                return
        except DalstonError as error:
            # The lease and the event still carry the reason.
            log.warning("failure_not_stored", **claim.about, reason=repr(error))
        if claim.lease.said is None:
            # The history shall say that it was tried.
            self.start(claim)
        await self._keeper.say(claim.lease, _event(TaskErrored, claim.attempt, error=failure))
        log.warning("task_failed", **claim.about, code=failure.code, retryable=failure.retryable)

    async def abandon(self, claim: Claim) -> None:
        """Say that a fault of our own has ended a task.

        A lease that only ended would charge nobody for it, and the task would come again for ever.
        """
        if claim.lease.outcome is not None:
            return
        try:
            if claim.files is not None:
                await claim.files.abort()
            await self.report_failure(claim, OWN_FAULT)
        except Exception:
            # Without renewal the lease ends, and the task is tried again.
            log.exception("failure_not_reported", **claim.about)
            self._keeper.drop(claim.lease)

    async def while_wanted(self, claim: Claim, work: Coroutine[Any, Any, Any]) -> bool:
        """Let something slow go on until the attempt is closed or our own time is over.

        Returns:
            Whether it came to its end; if not, the task has been handed back.
        """
        working = asyncio.ensure_future(work)
        await asyncio.wait(
            (working, claim.lease.closed, self._grace_over),
            return_when=asyncio.FIRST_COMPLETED,
        )
        if working.done():
            working.result()
            return True
        working.cancel()
        await asyncio.wait([working])
        if not claim.lease.closed.done():
            await self.release(claim)
        return False

    async def wait_for_room(
        self, claim: Claim, missed: Failure, *sooner: asyncio.Future[Any]
    ) -> None:
        """Hand back a task that the store has no room for, until that is no passing lack of it.

        Where there is room for others, what is too large itself would come again for ever.

        Args:
            claim: The task.
            missed: What it lacked.
            sooner: Any of these ends the pause.
        """
        if claim.entry.hand_out >= _MOST_HAND_OUTS and await self._claimer.store_answers():
            await self.report_failure(claim, missed)
            return
        if claim.lease.said is None:
            # What was never said to have begun counts as no hand-out.
            self.start(claim)
        await self.release_after_pause(claim, missed, *sooner)

    async def wait_for_another_store(self, claim: Claim, *sooner: asyncio.Future[Any]) -> None:
        """Hand back a task of whose job the store has nothing: others may use the right one.

        Args:
            claim: The task.
            sooner: Any of these ends the pause.
        """
        if claim.entry.hand_out >= _MOST_ELSEWHERE:
            await self.report_failure(claim, OTHER_STORE)
            return
        if claim.lease.said is None:
            # What was never said to have begun counts as no hand-out.
            self.start(claim)
        await self.release_after_pause(claim, OTHER_STORE, *sooner)

    async def release_after_pause(
        self, claim: Claim, missed: Failure, *sooner: asyncio.Future[Any]
    ) -> None:
        """Hand back a task that the store was away or full for, once it may be back.

        Args:
            claim: The task.
            missed: What it lacked.
            sooner: Any of these ends the pause.
        """
        log.warning("store_missed", **claim.about, code=missed.code, reason=missed.message)
        await asyncio.wait(
            (claim.lease.closed, self._grace_over, *sooner),
            timeout=_STORE_PAUSE_SECONDS,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if not claim.lease.closed.done():
            await self.release(claim, missed)

    async def release(self, claim: Claim, missed: Failure | None = None) -> None:
        """Hand back a task whose turn has come: uncharged, whatever is known of it elsewhere.

        Args:
            claim: The task.
            missed: What it lacked, if nobody told the engine to stop.
        """
        if claim.lease.said is None and not claim.lease.shown:
            await self._claimer.hand_back([claim])
        else:
            if claim.lease.said is None:
                self._keeper.say(claim.lease, _event(TaskStarted, claim.attempt))
            released = _event(TaskReleased, claim.attempt, missed=missed)
            await self._keeper.say(claim.lease, released)
            self._keeper.drop(claim.lease)
        log.info("task_released", **claim.about)


def _size(path: Path) -> int:
    """Return the bytes of a file; 0 if there is none at what an engine took for its path."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0


def _event(kind: type[Any], attempt: Attempt, **more: object) -> Any:  # noqa: ANN401 - of that kind
    return kind(**msgspec.structs.asdict(attempt), **more)
