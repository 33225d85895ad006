"""Runs an engine on a file: no server, no Redis, no database, no store, no second process.

    output = run_engine(Path("engines/transcribe/my-engine"), Path("speech.wav"))

What an engine returns is checked as a server would check it.
"""

from __future__ import annotations

import json
import math
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from dalston.common.engine_spec import EngineSpec, read_engine
from dalston.common.pipeline_checks import check_config
from dalston.common.transcript import check_stage_output
from dalston.engine_sdk.access import LocalAccess, complete_header
from dalston.engine_sdk.attempt_files import FileRefusedError, check_name
from dalston.engine_sdk.base import Engine, SetupSink
from dalston.engine_sdk.child_messages import ChildOutput
from dalston.engine_sdk.chunk_outputs import ChunkOutputs
from dalston.engine_sdk.io import PROMISED, check_files
from dalston.engine_sdk.loading import load_engine_class
from dalston.engine_sdk.plain import NotPlainError, as_json, named_paths
from dalston.engine_sdk.types import ProgressSink, TaskFailed, TaskInput, TaskOutput, no_progress

KEPT_AUDIO = PROMISED["audio"]
_MEGABYTE = 1024 * 1024


class EngineUnderTest:
    """An engine that is set up and takes files, one after the other.

    Made by `open_engine`.

    Attributes:
        spec: Its `engine.yaml`.
        engine: The author's object.
    """

    def __init__(self, spec: EngineSpec, engine: Engine) -> None:
        self.spec = spec
        self.engine = engine

    def process(
        self,
        audio: Path,
        *,
        previous: Mapping[str, Any] | None = None,
        config: Mapping[str, Any] | None = None,
        on_progress: ProgressSink | None = None,
        keep_files_in: Path | None = None,
        stage: str | None = None,
    ) -> TaskOutput:
        """Run one task.

        Args:
            audio: The file that the engine gets.
            previous: Outputs of earlier stages, by stage name.
            config: Configuration of this task, over that of the engine.
            on_progress: Is told what the engine reports: done, total.
            keep_files_in: A folder for the files that the engine keeps; it is made if need be.
                Without it they are removed and the result's `files` is empty.
            stage: Which of the engine's stages is meant, if it does several; its `stage` unless
                given.

        Returns:
            The engine's output, checked; its `files` lie in `keep_files_in`.

        Raises:
            TaskFailed: The engine says that it can't do the task; or, with the code
                `invalid_engine_output`, a server would refuse what it returned.
            ConfigurationError: `engine.yaml` doesn't allow that configuration.
        """
        complete = self.spec.configure(self.engine.config, config or {})
        with tempfile.TemporaryDirectory(prefix="dalston-") as folder:
            work = Path(folder, "work")
            work.mkdir()
            access = _StrictAccess(audio, keep_files_in or Path(folder, "kept"))
            task = TaskInput(
                task_id=f"task_{secrets.token_hex(8)}",
                job_id=f"job_{secrets.token_hex(6)}",
                audio_path=self._audio_path(audio.resolve(), Path(folder)),
                previous_outputs=self._previous(previous or {}, Path(folder)),
                config=complete,
                work_folder=work,
                progress_sink=_strict(on_progress or no_progress),
                stage=stage or self.spec.stage,
                access=access,
            )
            output = self._checked_output(task, access)
            kept = {} if keep_files_in is None else access.files
            return TaskOutput(output.data, kept | _keep(output.files, keep_files_in))

    def _audio_path(self, audio: Path, folder: Path) -> Path:
        """Return what an engine of that `engine.yaml` is given: nothing lies there for some."""
        needs = self.spec.needs.audio
        if needs is True:
            return audio
        return folder / f"not here: engine.yaml says needs.audio {str(needs).lower()}"

    def _previous(self, given: Mapping[str, Any], folder: Path) -> dict[str, Any]:
        """Return outputs of earlier stages as the engine would get them from a server."""
        if self.spec.needs.chunk_outputs == "at_once":
            return dict(given)
        found = {}
        for stage, output in given.items():
            found[stage] = output
            if isinstance(output, list):
                path = folder / f"{stage}.jsonl"
                path.write_text("".join(f"{json.dumps(one)}\n" for one in output))
                found[stage] = ChunkOutputs(path)
        return found

    def _checked_output(self, task: TaskInput, access: _StrictAccess) -> TaskOutput:
        output = _held(self.engine.process(task), self.spec.limits.file_mb)
        if access.refused is not None:
            raise access.refused
        check_output(self.spec, output, access, task)
        if KEPT_AUDIO in access.files:
            complete_header(access.files[KEPT_AUDIO])
        return output


class _StrictAccess(LocalAccess):
    """Refuses to keep what a server would not keep; an engine can't pass over that."""

    refused: TaskFailed | None = None

    def create(self, name: str, chunk: Mapping[str, float] | None) -> BinaryIO:
        try:
            check_name(name, self.files)
        except FileRefusedError as error:
            self.refused = _invalid(f"{error}.")
            raise self.refused from error
        return super().create(name, chunk)


def _strict(sink: ProgressSink) -> ProgressSink:
    def tell(done: float, total: float) -> None:
        if not (math.isfinite(done) and math.isfinite(total)):
            raise _invalid(f"progress({done}, {total}): both must be finite numbers.")
        sink(done, total)

    return tell


@contextmanager
def open_engine(
    folder: Path,
    *,
    config: Mapping[str, Any] | None = None,
    on_setup: SetupSink | None = None,
) -> Iterator[EngineUnderTest]:
    """Load an engine and set it up as its child process would, for several tasks.

    Args:
        folder: The engine's folder.
        config: What a server's settings would say, over the defaults of `engine.yaml`.
        on_setup: Is told what `setup` is doing: message, done, total.

    Yields:
        The engine, which is closed at the end.

    Raises:
        ConfigurationError: There is no valid `engine.yaml`, or it doesn't allow the configuration.
        TaskFailed: The engine can't be loaded or set up.
    """
    spec = read_engine(folder)
    check_config(spec)
    engine = load_engine_class(folder)()
    engine.id, engine.version = spec.id, spec.version
    engine.config = spec.configure(config or {})
    engine._setup_sink = on_setup  # noqa: SLF001 - set by whoever hosts an engine
    # One that can't be set up isn't closed by its child process either.
    engine.setup()
    try:
        yield EngineUnderTest(spec, engine)
    finally:
        engine.close()


def run_engine(
    folder: Path,
    audio: Path,
    *,
    previous: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    on_progress: ProgressSink | None = None,
    on_setup: SetupSink | None = None,
    keep_files_in: Path | None = None,
) -> TaskOutput:
    """Run an engine on one file: load, set up, process, close.

    See `open_engine` and `EngineUnderTest.process` for the arguments and errors.
    """
    with open_engine(folder, config=config, on_setup=on_setup) as engine:
        return engine.process(
            audio, previous=previous, on_progress=on_progress, keep_files_in=keep_files_in
        )


def _held(output: TaskOutput, most_mb: int) -> TaskOutput:
    """Return an output with its segments in its data, where those of a short one end up."""
    given: object = getattr(output, "segments", None)
    if given is None:
        return output
    data: object = output.data
    if not isinstance(data, dict) or not isinstance(given, Iterable):
        raise _invalid("data must be a dictionary, and segments something to go through.")
    segments = list(given)
    if len(_as_json(segments, "data.segments")) > most_mb * _MEGABYTE:
        raise _invalid(f"the segments take more than {most_mb} MB, which is limits.file_mb.")
    return TaskOutput({**data, "segments": segments}, output.files)


def check_output(
    spec: EngineSpec, output: TaskOutput, access: LocalAccess, task: TaskInput
) -> None:
    """Check an output as a server does before it stores it.

    Args:
        spec: The engine's `engine.yaml`.
        output: What `process` returned.
        access: Through which it kept files while it worked.
        task: What was done.

    Raises:
        TaskFailed: `invalid_engine_output`: it isn't JSON, breaks the stage's schema, a file
            may not be kept, or the output's chunks are not those that work has begun on.
    """
    if not isinstance(output, TaskOutput):
        raise _invalid(f"process() must return a TaskOutput, not {type(output).__name__}.")
    data = _as_json(output.data, "data")
    try:
        check_stage_output(task.stage, data)
    except ValueError as error:
        raise _invalid(
            f"data is not what the stage {task.stage} promises: {error}. docs/engines.md lists "
            f"the fields."
        ) from error
    try:
        files = {str(name): Path(path) for name, path in named_paths(output).items()}
        check_files(ChildOutput(data, files), str(task.work_folder), spec.produces, access.files)
    except ValueError as error:
        raise _invalid(f"{error}.") from error
    if access.chunks and output.data.get("chunks") != access.chunks:
        raise _invalid("the output's chunks must be those that keep() was told of.")


def _as_json(value: object, name: str) -> bytes:
    try:
        return as_json(value, name)
    except NotPlainError as error:
        raise _invalid(f"{error}.") from error


def _invalid(message: str) -> TaskFailed:
    return TaskFailed("invalid_engine_output", message, retryable=True)


def _keep(files: Mapping[str, Path], folder: Path | None) -> dict[str, Path]:
    if folder is None:
        return {}
    folder.mkdir(parents=True, exist_ok=True)
    return {name: Path(shutil.copyfile(path, folder / name)) for name, path in files.items()}
