"""Inputs from the store to a temporary folder, outputs from there to the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import msgspec
import structlog

from dalston.common.errors import StoreUnavailableError
from dalston.common.messages import Attempt, QueueEntry
from dalston.common.models import Failure
from dalston.common.storage import (
    AUDIO_NAME,
    FAILURE_NAME,
    OUTPUT_NAME,
    ObjectStore,
    attempt_folder,
    failure_path,
    output_path,
)
from dalston.engine_sdk.process import ChildOutput, ChildTask

log = structlog.get_logger(__name__)

STORE_PATIENCE_SECONDS = 60.0
"""For how long a store that doesn't answer is tried again."""
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 5.0

_Result = TypeVar("_Result")


async def fetch_inputs(
    store: ObjectStore, entry: QueueEntry, folder: Path, config: dict[str, Any]
) -> ChildTask:
    """Bring a task's inputs into a folder.

    Raises:
        ObjectMissingError: An input isn't there any more.
        StoreUnavailableError: The store did not answer for a minute.
    """
    audio_folder, work_folder = folder / "input", folder / "work"
    audio_folder.mkdir()
    work_folder.mkdir()
    audio = audio_folder / PurePosixPath(entry.audio).name
    await _patiently(lambda: store.download(entry.audio, audio))
    previous: dict[str, Any] = {}
    for stage, path in entry.inputs.items():
        previous[stage] = msgspec.json.decode(await _patiently(partial(store.get, path)))
    return ChildTask(
        task_id=entry.task_id,
        job_id=entry.job_id,
        audio_path=str(audio),
        previous_outputs=previous,
        config=config,
        work_folder=str(work_folder),
    )


async def store_output(store: ObjectStore, attempt: Attempt, output: ChildOutput) -> None:
    """Store an attempt's files, and then its output: once that is there, all of it is.

    Raises:
        StoreUnavailableError: The store did not answer for a minute.
    """
    prefix = attempt_folder(attempt.job_id, attempt.task_id, attempt.folder)
    for name, path in output.files.items():
        await _patiently(partial(store.put, f"{prefix}/{name}", path))
    target = output_path(attempt.job_id, attempt.task_id, attempt.folder)
    data = msgspec.json.encode(output.data)
    await _patiently(lambda: store.put(target, data))


async def store_failure(store: ObjectStore, attempt: Attempt, failure: Failure) -> None:
    """Store why an attempt failed, so that the reason survives whatever happens to messages."""
    target = failure_path(attempt.job_id, attempt.task_id, attempt.folder)
    await _patiently(lambda: store.put(target, msgspec.json.encode(failure)))


def check_files(output: ChildOutput, folder: Path | None, produces: Sequence[str]) -> None:
    """Refuse files that an engine may not keep, and the lack of one that it promises.

    Args:
        output: What the engine returned.
        folder: The task's temporary folder.
        produces: What its `engine.yaml` says that it makes.

    Raises:
        ValueError: A name is not a plain file name, the file isn't in the work folder, or an
            engine that produces audio kept none.
    """
    if "audio" in produces and AUDIO_NAME not in output.files:
        raise ValueError(f"it produces audio, but kept no file '{AUDIO_NAME}'")
    root = (folder or Path()).resolve() / "work"
    for name, path in output.files.items():
        if PurePosixPath(name).name != name or name in {OUTPUT_NAME, FAILURE_NAME, ".", ".."}:
            raise ValueError(f"'{name}' is no name for a file to keep")
        if not path.resolve().is_relative_to(root) or not path.is_file():
            raise ValueError(f"the file '{name}' is not in the work folder")


async def _patiently(call: Callable[[], Awaitable[_Result]]) -> _Result:
    """Try again while the store doesn't answer, for as long as its patience lasts."""
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + STORE_PATIENCE_SECONDS
    pause = _FIRST_PAUSE_SECONDS
    while True:
        try:
            return await call()
        except StoreUnavailableError as error:
            if loop.time() + pause > give_up_at:
                raise
            log.warning("store_unavailable", reason=repr(error.__cause__), pause_seconds=pause)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
