"""Waits until a job has ended, and shows meanwhile what is done with its recording."""

from __future__ import annotations

import asyncio
import math
import time
from typing import Any

from dalston.client.progress import Display
from dalston.client.session import Session
from dalston.client.views import JobView, ProgressView
from dalston.common.models import TERMINAL_JOB, TaskStatus

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0
_PAUSE_GROWTH = 1.3
_SHORTEST_ESTIMATE = 45.0
"""Seconds that are left, below which that is not said."""
_BROKEN_ENGINE_SECONDS = 5.0
"""How long an engine of our own server may fail to start; long enough for a second try."""


class FileFailedError(Exception):
    """A file gets no transcript; the text says why."""


class Waiting:
    """Waits for the job of a file.

    Args:
        session: An opened session.
        display: Is told what is done.
        number: What it knows the file by.
    """

    def __init__(self, session: Session, display: Display, number: int) -> None:
        self._session = session
        self._display = display
        self._number = number
        self._broken_since: float | None = None
        """When the engine was first seen to be unable to start."""

    async def ended(self, job_id: str) -> tuple[JobView, dict[str, Any]]:
        """Return a job that has ended, and its transcript (else an empty object).

        Raises:
            FileFailedError: It never will end: our own server's engine can't start.
            UnreachableError: The server stayed away.
            RefusedError: It said no, or stayed busy.
        """
        pause = _FIRST_PAUSE
        while True:
            view, transcript = await self._session.ask(lambda api: api.job(job_id))
            if view.status in TERMINAL_JOB:
                return view, transcript
            await self._show(view)
            await asyncio.sleep(pause)
            pause = min(pause * _PAUSE_GROWTH, _LONGEST_PAUSE)

    async def _show(self, view: JobView) -> None:
        running = [task for task in view.tasks if task.status is TaskStatus.RUNNING]
        ready = [task for task in view.tasks if task.status is TaskStatus.READY]
        if running:
            stage, progress = running[0].stage, view.progress
            if progress is None or progress.audio_seconds is None:
                self._display.step(self._number, stage, running[0].progress)
            else:
                what = f"{stage}{_time_left(progress)}"
                self._display.step(self._number, what, progress.fraction)
            self._broken_since = None
            return
        if not ready:
            self._display.step(self._number, "waiting")
            return
        await self._show_engine(ready[0].stage, ready[0].engine_id)

    async def _show_engine(self, stage: str, engine_id: str) -> None:
        """Show why a task that could begin has not begun.

        Raises:
            FileFailedError: It never will: our own server's engine can't start.
        """
        engine = (await self._session.ask(lambda api: api.engines())).get(engine_id)
        if engine is None or engine.state in {"ready", "idle"}:
            self._display.step(self._number, f"waiting for {stage}")
            return
        what = f"{stage}: {engine.message or engine.state}"
        self._display.step(self._number, what, engine.progress)
        if engine.state != "failed" or not self._session.own:
            self._broken_since = None
            return
        now = time.monotonic()
        self._broken_since = self._broken_since or now
        if now > self._broken_since + _BROKEN_ENGINE_SECONDS:
            raise FileFailedError(f"The engine {engine_id} can't start: {what}")


def _time_left(progress: ProgressView) -> str:
    """Say how long it will take, as far as that can be said; short times are not worth it."""
    eta = progress.eta_seconds
    if eta is None or eta < _SHORTEST_ESTIMATE:
        return ""
    return f", {math.ceil(eta / 60)} min left"
