"""The supervisor's view of an engine's child process: start it, give it tasks, end it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from dalston.common.engine_spec import EngineSpec
from dalston.common.models import Failure, clean_failure
from dalston.common.storage import OUTPUT_NAME
from dalston.engine_sdk.child_log import ChildLog
from dalston.engine_sdk.child_messages import (
    ChildOutput,
    ChildTask,
    Said,
    SaidEnd,
    SaidFailed,
    SaidOutput,
    SaidProgress,
    SaidSegment,
    SaidSetup,
    read,
)
from dalston.engine_sdk.environments import child_command
from dalston.engine_sdk.failures import died, no_room, refused
from dalston.engine_sdk.file_line import FileLine
from dalston.engine_sdk.lines import Lines
from dalston.engine_sdk.long_output import LongOutput

if TYPE_CHECKING:
    from dalston.engine_sdk.attempt_files import AttemptFiles

_CLOSE_SECONDS = 2.0
_encoder = msgspec.json.Encoder()

SetupProgress = Callable[[str, float | None, float | None], None]
TaskProgress = Callable[[float, float], None]


class SetupFailedError(Exception):
    """The engine could not be set up; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class ChildProcess:
    """One child of one engine. Make a new one when it has died.

    Args:
        spec: The engine; its folder holds `engine.py`.
        config: The engine's configuration.
        environment: The environment of the child: no secrets of the server in it.
        environments: The folder of the Python environments that engines have of their own.
    """

    def __init__(
        self,
        spec: EngineSpec,
        config: Mapping[str, Any],
        environment: Mapping[str, str],
        environments: Path | None = None,
    ) -> None:
        self._spec = spec
        self._config = config
        self._environment = environment
        self._environments = environments
        self._is_closing = self._is_gone = False
        self._process: asyncio.subprocess.Process | None = None
        self._lines: Lines | None = None
        self._reading: asyncio.ReadTransport | None = None
        self._writing: asyncio.WriteTransport | None = None
        self._work: _Work | None = None
        self._long: LongOutput | None = None
        self._files = FileLine(self._files_of)
        self._log = ChildLog()
        self._ending: asyncio.Task[None] | None = None
        self._died_of: Failure | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id, while there is one."""
        return None if self._process is None else self._process.pid

    def is_alive(self) -> bool:
        """Tell whether the child can be given a task."""
        return (
            self._process is not None
            and self._process.returncode is None
            and self._writing is not None
            and self._ending is None
            and not self._is_closing
        )

    async def start(self, on_progress: SetupProgress) -> None:
        """Start the child and wait until its engine is set up, however long that takes.

        Whatever it raises, the child must be killed then.

        Raises:
            SetupFailedError: The engine said no, or died.
            OSError: There is no process for it.
        """
        lines = await self._spawn()
        limits = self._spec.limits
        about = {
            "id": self._spec.id,
            "version": self._spec.version,
            "memory_mb": limits.memory_mb,
            "file_mb": limits.file_mb,
        }
        self._send({"kind": "configure", **about, "config": dict(self._config)})
        await self._until("ready", lines, on_progress)
        lines.deliver(self._receive)

    async def ask(
        self, question: str, on_progress: SetupProgress, name: str | None = None
    ) -> dict[str, Any]:
        """Start the child for one question about the engine's models, and return its answer.

        Args:
            question: One of those in `engine_sdk.questions`.
            on_progress: Is told what the child is doing.
            name: The model that it is about.

        Raises:
            SetupFailedError: The engine said no, or died.
            OSError: There is no process for it.
        """
        try:
            lines = await self._spawn()
            about = {"question": question, "name": name, "config": dict(self._config)}
            self._send({"kind": "ask", **about})
            message = await self._until("answer", lines, on_progress)
        finally:
            await self.kill()
        answer: dict[str, Any] = message["answer"]
        return answer

    async def _until(self, kind: str, lines: Lines, on_progress: SetupProgress) -> dict[str, Any]:
        """Pass progress on until a message of a kind comes."""
        while True:
            line = await lines.next()
            if line is None:
                raise SetupFailedError(await self._death())
            message: dict[str, Any] = msgspec.json.decode(line)
            if message["kind"] == kind:
                return message
            if message["kind"] == "setup_failed":
                told = (message[name] for name in ("code", "message", "retryable"))
                raise SetupFailedError(clean_failure(*told))
            on_progress(message["message"], message["done"], message["total"])

    async def _spawn(self) -> Lines:
        command, environment = child_command(self._spec, self._environments, self._environment)
        to_child, from_child = os.pipe(), os.pipe()
        files, printed = self._files.open(), self._log.open()
        inherited = (to_child[0], from_child[1], files.fileno())
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                str(self._spec.folder),
                *map(str, inherited),
                str(os.getpid()),
                pass_fds=inherited,
                stdin=asyncio.subprocess.DEVNULL,
                stderr=printed,
                env=environment,
                # What the engine starts ends with it, and Ctrl-C goes to the supervisor alone. A
                # mere group would be stopped where a terminal lets nobody write from behind.
                start_new_session=True,
            )
        except BaseException:
            os.close(to_child[1])
            os.close(from_child[0])
            raise
        finally:
            os.close(to_child[0])
            os.close(from_child[1])
            os.close(printed)
            files.close()
        await self._files.begin()
        loop = asyncio.get_running_loop()
        self._lines = lines = Lines()
        self._reading, _ = await loop.connect_read_pipe(
            lambda: lines, os.fdopen(from_child[0], "rb")
        )
        self._writing, _ = await loop.connect_write_pipe(
            asyncio.BaseProtocol, os.fdopen(to_child[1], "wb")
        )
        return lines

    def give(
        self, task: ChildTask, on_progress: TaskProgress, files: AttemptFiles | None = None
    ) -> asyncio.Future[ChildOutput | Failure]:
        """Give the child one task.

        Args:
            task: What to do.
            on_progress: Is told what the engine reports.
            files: What the engine may read and keep meanwhile.

        Returns:
            Its output, or why there is none; a dead child is a reason too. It is the result of
            that task and of no other: whoever gives up waiting must kill the child.
        """
        result: asyncio.Future[ChildOutput | Failure] = asyncio.get_running_loop().create_future()
        self._work = _Work(task, on_progress, result, files)
        if self.is_alive():
            self._send({"kind": "task", **msgspec.structs.asdict(task)})
        elif self._died_of is not None:
            self._finish(self._died_of)
        else:
            self._end(None)
        return result

    def _receive(self, line: bytes | None) -> None:
        """Take one line from the child; None is the end of them."""
        if self._ending is not None:
            return
        failure = None
        if line is not None:
            try:
                failure = self._answer(read(line))
            except Exception as error:  # noqa: BLE001 - a line that is lost must not go unnoticed
                name = type(error).__name__
                text = f"The engine {self._spec.id} sent what can't be read ({name})."
                failure = Failure("invalid_engine_output", text, retryable=True)
        if line is None or failure is not None:
            self._end(failure)

    def _answer(self, said: Said) -> Failure | None:
        """Pass on what the child says about its task.

        Returns:
            Why the child must not be believed any more, if so.
        """
        work = self._work
        if isinstance(said, SaidSetup):
            # A task may name another model, which is loaded with the same words as at the start.
            return None
        if work is None or said.task_id != work.task.task_id:
            if isinstance(said, SaidProgress):
                return None
            # Never take one recording's result for another's, whatever went wrong before.
            text = f"The engine {self._spec.id} answered for another task."
            return Failure("engine_crashed", text, retryable=True)
        if isinstance(said, SaidProgress):
            work.on_progress(said.done, said.total)
        elif isinstance(said, SaidFailed):
            self._finish(clean_failure(said.code, said.message, said.retryable))
        else:
            return self._take(work.task, said)
        return None

    def _take(self, task: ChildTask, said: SaidOutput | SaidSegment | SaidEnd) -> Failure | None:
        """Take an output, or a part of one that goes on."""
        try:
            match said, self._long:
                case SaidOutput(goes_on=True), None:
                    path = Path(task.work_folder).parent / OUTPUT_NAME
                    self._long = LongOutput(path, task, said, self._spec.limits.file_mb)
                case SaidOutput(), None:
                    self._finish(ChildOutput(said.text(), said.paths()))
                case SaidSegment(), LongOutput() as output:
                    output.add(said.data)
                case SaidEnd(), LongOutput() as output:
                    self._finish(output.end(said.count))
                case _:
                    raise ValueError("something out of turn")  # noqa: TRY301 - as all the others
        except ValueError as error:
            return refused(self._spec.id, error)
        except OSError as error:
            return no_room(error)
        return None

    def _files_of(self, task_id: str) -> AttemptFiles | None:
        work = self._work
        return None if work is None or work.task.task_id != task_id else work.files

    def _finish(self, result: ChildOutput | Failure) -> None:
        work, self._work = self._work, None
        output, self._long = self._long, None
        if output is not None:
            output.close()
        if work is not None and not work.result.done():
            work.result.set_result(result)

    def _end(self, failure: Failure | None) -> None:
        """Tell whoever waits that nothing more comes: for that reason, or as the child died."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._tell_the_end(failure))

    async def _tell_the_end(self, failure: Failure | None) -> None:
        if failure is None:
            failure = await self._death()
        else:
            await self._kill()
        self._died_of = failure
        self._finish(failure)

    async def kill(self) -> None:
        """End the child at once, whatever it is doing."""
        await self._kill()
        if self._ending is not None:
            await self._ending

    async def _kill(self) -> None:
        self._kill_group()
        await self._gone()

    def _kill_group(self) -> None:
        """Kill the child, if it lives, and what it has started."""
        if self._process is not None and not self._is_gone:
            # Without a process in it, or (on macOS) with dead ones only, there is none to kill.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def close(self) -> None:
        """Let the engine close; a child that takes too long over it is killed."""
        if self.is_alive() and self._process is not None:
            self._is_closing = True
            self._send({"kind": "close"})
            try:
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self._process.wait()
            except TimeoutError:
                pass
        await self.kill()

    async def _gone(self) -> None:
        if self._process is not None:
            await self._process.wait()
            self._kill_group()
            # From now on its number may be another's.
            self._is_gone = True
        for transport in (self._writing, self._reading):
            if transport is not None:
                transport.close()
        self._writing = self._reading = None
        await self._files.close()
        self._log.close()

    def _send(self, message: Mapping[str, Any]) -> None:
        # To a child that has died it is dropped: the end of its lines says so too.
        if self._writing is not None and not self._writing.is_closing():
            self._writing.write(_encoder.encode_lines((message,)))

    async def _death(self) -> Failure:
        """Wait for the child's end and say how it died."""
        if self._process is None:
            return Failure("engine_crashed", "The engine's process could not be started.")
        code = await self._process.wait()
        await self._gone()
        return died(self._spec.id, code)


class _Work(NamedTuple):
    """The task that a child has been given."""

    task: ChildTask
    on_progress: TaskProgress
    result: asyncio.Future[ChildOutput | Failure]
    files: AttemptFiles | None
