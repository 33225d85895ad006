"""One slot of a runner: gives its child one task after the other, and watches it."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog

from dalston.common.engine_spec import EngineSpec
from dalston.common.errors import DalstonError, ObjectMissingError, StoreUnavailableError
from dalston.common.leases import LeaseState
from dalston.common.models import Failure
from dalston.engine_sdk.ahead import Ahead
from dalston.engine_sdk.attempt_files import AttemptFiles
from dalston.engine_sdk.child_messages import ChildOutput, ChildTask
from dalston.engine_sdk.claims import Claim, Claimer
from dalston.engine_sdk.deadline import Pace, deadline_seconds
from dalston.engine_sdk.failures import UNREADABLE_INPUT, no_room
from dalston.engine_sdk.leases import LeaseKeeper
from dalston.engine_sdk.memory import Tenant
from dalston.engine_sdk.process import ChildProcess
from dalston.engine_sdk.reports import Reporter

log = structlog.get_logger(__name__)

STARTED_SECONDS = 0.05
"""A task that isn't done this long after its turn came is said to have started."""
_WATCH_SECONDS = 0.25
"""How often a computing task's progress is looked at, to fetch the next one in time."""
_TRIM_SECONDS = 1.0
"""A task that takes longer than this keeps others from their turn."""
_CLAIM_PAUSE_SECONDS = 1.0


class Slot:
    """Does tasks, one at a time.

    Args:
        stopping: Done when no new task may be begun.
        grace_over: Done when the current task must be given up too.
    """

    def __init__(  # noqa: PLR0917 - the parts that a slot needs
        self,
        spec: EngineSpec,
        claimer: Claimer,
        reporter: Reporter,
        keeper: LeaseKeeper,
        stopping: asyncio.Future[None],
        grace_over: asyncio.Future[None],
    ) -> None:
        self._spec = spec
        self._claimer = claimer
        self._reporter = reporter
        self._keeper = keeper
        self._stopping = stopping
        self._grace_over = grace_over
        self._ahead = Ahead(claimer)
        self.pace = Pace()

    async def serve(self, child: ChildProcess, tenant: Tenant) -> None:
        """Do tasks as long as the child lives and may keep its memory, and no stop has come."""
        while child.is_alive() and not self._stopping.done() and not tenant.must_leave():
            claim = await self._next_claim()
            if claim is None:
                # Not before: what has just loaded, or waits for its next task, is not idle.
                tenant.idle()
                continue
            tenant.busy()
            if not child.is_alive() or self._stopping.done():
                await self._claimer.hand_back([claim])
                break
            if not await self._has_memory(claim, tenant):
                continue
            try:
                await self._do(claim, child)
            except Exception:
                log.exception("task_abandoned", **claim.about)
                # The child may still be at it, and must not answer to the next task.
                await child.kill()
                await self._reporter.abandon(claim)
                self._claimer.discard(claim, clean=False)
        # Until there is another child, others may be quicker.
        self._ahead.hand_back()

    async def _has_memory(self, claim: Claim, tenant: Tenant) -> bool:
        """Tell whether a task may use the model that it names; if not, give it up."""
        model = claim.entry.config.get("model")
        needed = 0 if model is None else self._spec.memory_mb(claim.entry.config)
        if needed > tenant.limit:
            text = (
                f"The model {model} needs {needed} MB, and the engines may take {tenant.limit}. "
                f"Raise DALSTON_ENGINE_MEMORY_MB, or name a smaller model."
            )
            await self._reporter.report_failure(claim, Failure("not_enough_memory", text))
            self._claimer.discard(claim)
        elif tenant.must_leave_for(needed):
            await self._claimer.hand_back([claim])
        else:
            return True
        return False

    async def give_up(self) -> None:
        """Hand back what waits for its turn."""
        await self._ahead.give_up()

    async def _next_claim(self) -> Claim | None:
        try:
            return await self._ahead.next(max(1, self.pace.ahead(0.0, None)))
        except Exception:
            # One entry that nobody can handle must not end the engine.
            log.exception("claim_failed", engine_id=self._spec.id)
            await asyncio.sleep(_CLAIM_PAUSE_SECONDS)
            return None

    async def _do(self, claim: Claim, child: ChildProcess) -> None:
        """Let the child do one task and send its outcome on its way, or give the task up."""
        loop = asyncio.get_running_loop()
        claim.started_at = started_at = loop.time()
        claim.lease.state = LeaseState.RUNNING
        task = await self._inputs(claim)
        if task is not None and not child.is_alive():
            # What ended it meanwhile was none of this task's doing.
            await self._reporter.release(claim)
            task = None
        if task is None:
            self._claimer.discard(claim)
            return
        result = await self._compute(claim, task, child)
        if result is None:
            self._claimer.discard(claim, clean=False)
            return
        seconds = loop.time() - started_at
        await self._reporter.carry(
            claim, result, seconds, lambda: self._look_ahead(claim, loop.time() - started_at)
        )
        self.pace.add(loop.time() - started_at)

    async def _inputs(self, claim: Claim) -> ChildTask | None:
        """Wait for a task's inputs; None if it has come to its end without them."""
        fetching = claim.fetching
        if fetching is not None and fetching.done() and fetching.exception() is not None:
            # What went wrong while others were at work may go well now.
            self._claimer.discard(claim)
        fetching = self._claimer.begin_fetch(claim)
        if not fetching.done():
            await self._watch(claim, fetching)
        if not fetching.done():
            if not claim.lease.closed.done():
                await self._reporter.release(claim)
            return None
        try:
            return None if claim.lease.closed.done() else fetching.result()
        except StoreUnavailableError:
            if await self._claimer.store_answers():
                # It is about this object. Handed back, the task would come again for ever.
                await self._reporter.report_failure(claim, UNREADABLE_INPUT)
            else:
                # Not the task's fault: whoever reaches the store shall do it, uncharged.
                await self._reporter.release(claim)
        except OSError as error:
            failure = no_room(error)
            if self._claimer.fills_store(error):
                # As if the store had said that it is full. What was brought makes room for others.
                self._claimer.discard(claim)
                await self._reporter.wait_for_room(claim, failure, self._stopping)
            else:
                await self._reporter.report_failure(claim, failure)
        except DalstonError as error:
            await self._miss(claim, error)
        return None

    async def _miss(self, claim: Claim, error: DalstonError) -> None:
        """Fail a task one of whose inputs isn't there, or leave it to others."""
        if not await self._is_elsewhere(claim, lacks=isinstance(error, ObjectMissingError)):
            failure = Failure(error.code, error.message, retryable=error.retryable)
            await self._reporter.report_failure(claim, failure)

    async def _is_elsewhere(self, claim: Claim, *, lacks: bool) -> bool:
        """Hand back a task that lacks an object if nothing of its job is here; tell whether so."""
        if not lacks or await self._claimer.knows_job(claim):
            return False
        await self._reporter.wait_for_another_store(claim, self._stopping)
        return True

    async def _compute(
        self, claim: Claim, task: ChildTask, child: ChildProcess
    ) -> ChildOutput | Failure | None:
        """Let the child work, and stop it when its time, its lease or our own is over."""

        def show(done: float, total: float) -> None:
            claim.lease.progress = (done, total)
            claim.told_at = asyncio.get_running_loop().time()

        entry = claim.entry
        limit = deadline_seconds(
            self._spec.limits, entry.audio_bytes, task.previous_outputs, entry.audio_seconds
        )
        claim.files = self._reporter.files_of(claim)
        claim.told_at = asyncio.get_running_loop().time()
        result = child.give(task, show, claim.files)
        self._ahead.want(self.pace.ahead(0.0, None))
        await self._watch(claim, result, limit)
        if result.done():
            return await self._outcome(claim, claim.files, result.result())
        await child.kill()
        await claim.files.abort()
        if claim.lease.closed.done():
            log.info("attempt_closed", **claim.about)
            return None
        if self._grace_over.done():
            await self._reporter.release(claim)
            return None
        return self._took_too_long(claim, limit)

    def _took_too_long(self, claim: Claim, limit: float) -> Failure:
        text = f"The engine took longer than {limit:.0f} s, which its engine.yaml allows for this."
        if self._is_silent(claim):
            text = (
                f"The engine was busy for {self._spec.limits.silent_seconds:g} s without reading, "
                f"writing or telling of any progress. If it does other recordings, this one is "
                f"damaged, or made so: convert it to FLAC or MP3 without tags, and send that."
            )
        return Failure("engine_timeout", text, retryable=True)

    def _is_silent(self, claim: Claim) -> bool:
        """Tell whether nothing was heard of a computing task for longer than its engine may."""
        most = self._spec.limits.silent_seconds
        if most is None or claim.files is None:
            return False
        heard_at = max(claim.told_at, claim.files.asked_at)
        return asyncio.get_running_loop().time() - heard_at > most

    async def _outcome(
        self, claim: Claim, files: AttemptFiles, outcome: ChildOutput | Failure
    ) -> ChildOutput | Failure | None:
        if not isinstance(outcome, Failure):
            return outcome
        await files.abort()
        if await self._is_elsewhere(claim, lacks=files.lacked_object):
            return None
        missed = files.missed
        if missed is None:
            return outcome
        if files.lacked_room:
            await self._reporter.wait_for_room(claim, missed, self._stopping)
            return None
        if await self._claimer.store_answers():
            # It is about this object. Handed back, the task would come again for ever.
            return missed
        # Not the task's fault: whoever reaches the store shall do it, uncharged.
        await self._reporter.release_after_pause(claim, missed, self._stopping)
        return None

    async def _watch(
        self, claim: Claim, work: asyncio.Future[Any], limit: float | None = None
    ) -> None:
        """Wait until work is done, isn't wanted any more, or has taken longer than its limit.

        Meanwhile the start is said, and the next tasks are claimed in time.
        """
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        started_at = began_at if claim.started_at is None else claim.started_at
        until = (work, claim.lease.closed, self._grace_over)
        while True:
            pause = _WATCH_SECONDS
            if claim.lease.said is None:
                pause = min(pause, max(0.0, started_at + STARTED_SECONDS - loop.time()))
            done, _ = await asyncio.wait(until, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            now = loop.time()
            if done or (limit is not None and now - began_at > limit):
                return
            if limit is not None and self._is_silent(claim):
                return
            if claim.lease.said is None and now - started_at >= STARTED_SECONDS:
                self._reporter.start(claim)
            self._look_ahead(claim, now - started_at)

    def _look_ahead(self, claim: Claim, elapsed: float) -> None:
        """Claim what comes next if the current task ends soon, or hand it back if it doesn't."""
        if self._stopping.done():
            return
        count = self.pace.ahead(elapsed, claim.lease.progress)
        if elapsed > _TRIM_SECONDS:
            self._ahead.trim(count)
        self._ahead.want(count)
