"""Inputs from the store to a temporary folder, outputs from there to the store."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Container, Coroutine, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from dalston.common.engine_spec import Needs
from dalston.common.errors import ObjectMissingError
from dalston.common.messages import UNREADABLE, Attempt, PartOutput, QueueEntry, SmallOutput
from dalston.common.models import Failure
from dalston.common.pipeline_checks import RECORDING
from dalston.common.storage import (
    AUDIO_NAME,
    RECORDING_NAME,
    ObjectStore,
    attempt_folder,
    failure_path,
    output_path,
)
from dalston.common.transcript import laid_out
from dalston.engine_sdk.access import complete_header
from dalston.engine_sdk.attempt_files import check_name
from dalston.engine_sdk.child_messages import ChildOutput, ChildTask, opened
from dalston.engine_sdk.folders import SMALL_AUDIO_BYTES, TaskFolder
from dalston.engine_sdk.patience import patiently

_Input = str | SmallOutput | list[PartOutput]

ORIGINAL_NAME = "original"
"""Of a recording as it was uploaded, without its extension: no other audio's size is known."""
PROMISED = {"audio": AUDIO_NAME, RECORDING: RECORDING_NAME}
"""The file that an engine must keep which says in its `engine.yaml` that it produces that."""
_OUTPUTS_AT_ONCE = 16
"""Of a stage's chunks; more of them are never in memory."""
_encoder = msgspec.json.Encoder()
SHORT_AUDIO_BYTES = 16 * 1024 * 1024
"""A recording up to this is brought to an engine that could read it on demand: that is quicker."""


async def fetch_inputs(
    store: ObjectStore,
    entry: QueueEntry,
    folder: TaskFolder,
    config: dict[str, Any],
    needs: Needs,
) -> ChildTask:
    """Bring a task's inputs into a folder, all at the same time.

    Args:
        store: Where they are.
        entry: The task.
        folder: For the audio.
        config: The engine's configuration for the task.
        needs: What the engine says that it looks at.

    Raises:
        ObjectMissingError: An input isn't there any more, or is broken.
        StoreUnavailableError: The store did not answer for a minute.
        OSError: There is no room for them.
    """
    audio = Path(folder.path, PurePosixPath(entry.audio).name)
    inputs, apart = dict(entry.inputs), {}
    if needs.chunk_outputs == "on_demand":
        apart = {stage: of for stage, of in inputs.items() if isinstance(of, list)}
        # Their places among the others stay.
        inputs |= {stage: [] for stage in apart}
    fetching = [patiently(partial(store.get, path)) for path in _paths(inputs)]
    if needs.audio is True or (needs.audio and _is_short(entry, audio)):
        fetching.append(_fetch_audio(store, entry, folder.place_audio(audio.name)))
    else:
        # That of the task before may still lie here.
        folder.remove_audio()
    files = {stage: folder.place_outputs(stage) for stage in apart}
    fetching += [_fetch_outputs(store, apart[stage], files[stage]) for stage in apart]
    found = await _all(fetching)
    outputs = map(_opened, found)
    previous = {stage: part.facts() for stage, part in entry.chunk_of.items()}
    return ChildTask(
        task_id=entry.task_id,
        job_id=entry.job_id,
        stage=entry.stage,
        last=entry.final,
        audio_path=str(audio),
        previous_outputs=previous | {stage: _output(of, outputs) for stage, of in inputs.items()},
        config=config,
        work_folder=folder.work,
        chunk_outputs={stage: str(path) for stage, path in files.items()},
        warnings=entry.warnings,
    )


def _opened(stored: bytes) -> dict[str, Any]:
    try:
        return opened(stored)
    except UNREADABLE:
        raise ObjectMissingError(
            "What an earlier stage had stored can't be read any more. Send the recording again."
        ) from None


def _paths(inputs: Mapping[str, _Input]) -> Iterator[str]:
    """Return the object paths of all inputs, in the order in which `_output` takes them."""
    for of_stage in inputs.values():
        if isinstance(of_stage, str):
            yield of_stage
        elif isinstance(of_stage, list):
            yield from (part.path for part in of_stage)


def _output(of_stage: _Input, outputs: Iterator[dict[str, Any]]) -> Any:  # noqa: ANN401 - JSON
    """Return a stage's output, or those of its chunks with their places in the recording."""
    if isinstance(of_stage, SmallOutput):
        return opened(of_stage.data)
    if isinstance(of_stage, str):
        return next(outputs)
    return [_placed(next(outputs), part) for part in of_stage]


async def _fetch_outputs(store: ObjectStore, parts: Sequence[PartOutput], target: Path) -> bytes:
    """Write the outputs of a stage's chunks to a file, a line for each, with their places."""
    with target.open("wb") as file:
        for first in range(0, len(parts), _OUTPUTS_AT_ONCE):
            some = parts[first : first + _OUTPUTS_AT_ONCE]
            found = await _all([patiently(partial(store.get, part.path)) for part in some])
            file.write(_encoder.encode_lines(map(_placed, map(_opened, found), some)))
    return b""


def _placed(output: dict[str, Any], part: PartOutput) -> dict[str, Any]:
    return {
        **output,
        "offset": part.offset,
        "core_start": part.core_start,
        "core_end": part.core_end,
        **({} if part.channel is None else {"channel": part.channel}),
    }


def _is_short(entry: QueueEntry, audio: Path) -> bool:
    return audio.stem == ORIGINAL_NAME and entry.audio_bytes <= SHORT_AUDIO_BYTES


async def _fetch_audio(store: ObjectStore, entry: QueueEntry, target: Path) -> bytes:
    if entry.audio_bytes > SMALL_AUDIO_BYTES or target.stem != ORIGINAL_NAME:
        await patiently(lambda: store.download(entry.audio, target))
        if target.name == AUDIO_NAME:
            complete_header(target)
    else:
        # Read whole: that is half the work of reading it in parts.
        _write_over(target, await patiently(lambda: store.get(entry.audio)))
    return b""


def _write_over(target: Path, data: bytes) -> None:
    """Write a file without emptying it first: that would cost more than all the rest."""
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.truncate()


async def _all(coroutines: Sequence[Coroutine[Any, Any, bytes]]) -> list[bytes]:
    """Wait for all; when one fails, or nobody waits any more, none is left behind."""
    if len(coroutines) < 2:  # noqa: PLR2004 - most often there is no more to wait for
        return [await coroutine for coroutine in coroutines]
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        raise


async def store_output(store: ObjectStore, attempt: Attempt, output: ChildOutput) -> None:
    """Store an attempt's files, and then its output: once that is there, all of it is.

    Args:
        store: Where.
        attempt: Whose they are.
        output: What the child returned.

    Raises:
        StoreUnavailableError: The store did not answer for a minute.
    """
    prefix = attempt_folder(attempt.job_id, attempt.task_id, attempt.folder)
    for name, path in output.files.items():
        await patiently(partial(store.put, f"{prefix}/{name}", path))
    target = output_path(attempt.job_id, attempt.task_id, attempt.folder)
    data = laid_out(output.data) if output.whole is None else output.whole
    await patiently(lambda: store.put(target, data))


async def store_failure(store: ObjectStore, attempt: Attempt, failure: Failure) -> None:
    """Store why an attempt failed, so that the reason survives whatever happens to messages."""
    target = failure_path(attempt.job_id, attempt.task_id, attempt.folder)
    await patiently(lambda: store.put(target, msgspec.json.encode(failure)))


def check_files(
    output: ChildOutput, work_folder: str, produces: Sequence[str], kept: Container[str] = ()
) -> None:
    """Refuse files that an engine may not keep, and the lack of one that it promises.

    Args:
        output: What the engine returned.
        work_folder: The folder that it was given for its files.
        produces: What its `engine.yaml` says that it makes.
        kept: Names of the files that it has kept while it worked.

    Raises:
        ValueError: A name is none for a file to keep, the file isn't in the work folder, or an
            engine that produces audio kept none.
    """
    for what, name in PROMISED.items():
        if what in produces and name not in output.files and name not in kept:
            raise ValueError(f"it produces {what}, but kept no file '{name}'")
    if not output.files:
        return
    root = Path(work_folder).resolve()
    for name, path in output.files.items():
        check_name(name)
        if not _is_file_in(root, path):
            raise ValueError(f"the file '{name}' is not in the work folder")


def _is_file_in(folder: Path, path: Path) -> bool:
    try:
        return path.resolve().is_relative_to(folder) and path.is_file()
    except (OSError, RuntimeError):
        # Too long for a path, or links that go round in a circle.
        return False
