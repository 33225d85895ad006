"""The supervisor's view of an engine's child process: start it, give it tasks, end it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from dalston.common.engine_spec import EngineSpec
from dalston.common.models import Failure, clean_failure

_LINE_BYTES = 512 * 1024 * 1024
"""A message of a child may be this long: the transcript of many hours fits."""
_CLOSE_SECONDS = 2.0

SetupProgress = Callable[[str, float | None, float | None], None]
TaskProgress = Callable[[float, float], None]


class ChildOutput(msgspec.Struct, frozen=True):
    """What the child returned for a task; `files` are local paths by name."""

    data: dict[str, Any]
    files: dict[str, Path]


class ChildTask(msgspec.Struct, frozen=True):
    """What the child is given for a task; paths are local."""

    task_id: str
    job_id: str
    audio_path: str
    previous_outputs: dict[str, Any]
    config: dict[str, Any]
    work_folder: str


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
    """

    def __init__(
        self, spec: EngineSpec, config: Mapping[str, Any], environment: Mapping[str, str]
    ) -> None:
        self._spec = spec
        self._config = config
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._transport: asyncio.ReadTransport | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id, while there is one."""
        return None if self._process is None else self._process.pid

    def is_alive(self) -> bool:
        """Tell whether the child can be given a task."""
        return self._process is not None and self._process.returncode is None

    async def start(self, on_progress: SetupProgress) -> None:
        """Start the child and wait until its engine is set up, however long that takes.

        Raises:
            SetupFailedError: The engine said no, or died.
        """
        await self._spawn()
        configuration = {"id": self._spec.id, "version": self._spec.version}
        await self._send({"kind": "configure", **configuration, "config": dict(self._config)})
        while True:
            message = await self._receive()
            if message is None:
                raise SetupFailedError(await self._death())
            if message["kind"] == "ready":
                return
            if message["kind"] == "setup_failed":
                raise SetupFailedError(_failure(message))
            on_progress(message["message"], message["done"], message["total"])

    async def _spawn(self) -> None:
        to_child, from_child = os.pipe(), os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "dalston.engine_sdk.child",
                str(self._spec.folder),
                str(to_child[0]),
                str(from_child[1]),
                str(os.getpid()),
                pass_fds=(to_child[0], from_child[1]),
                stdin=asyncio.subprocess.DEVNULL,
                env=dict(self._environment),
            )
        finally:
            os.close(to_child[0])
            os.close(from_child[1])
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_LINE_BYTES)
        self._transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(from_child[0], "rb")
        )
        self._reader = reader
        transport, protocol = await loop.connect_write_pipe(
            lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()),
            os.fdopen(to_child[1], "wb"),
        )
        self._writer = asyncio.StreamWriter(transport, protocol, None, loop)

    async def run(self, task: ChildTask, on_progress: TaskProgress) -> ChildOutput | Failure:
        """Give the child one task and wait for its result.

        Returns:
            The output, or why there is none; a dead child is a reason too.
        """
        try:
            await self._send({"kind": "task", **msgspec.structs.asdict(task)})
        except OSError:
            return await self._death()
        try:
            return await self._result(task.task_id, on_progress)
        except (msgspec.MsgspecError, ValueError, KeyError, TypeError) as error:
            await self.kill()
            text = f"The engine {self._spec.id} sent what can't be read ({type(error).__name__})."
            return Failure("invalid_engine_output", text, retryable=True)

    async def _result(self, task_id: str, on_progress: TaskProgress) -> ChildOutput | Failure:
        while True:
            message = await self._receive()
            if message is None:
                return await self._death()
            if message["task_id"] != task_id:
                if message["kind"] == "progress":
                    continue
                # Never take one recording's result for another's, whatever went wrong before.
                await self.kill()
                text = f"The engine {self._spec.id} answered for another task."
                return Failure("engine_crashed", text, retryable=True)
            if message["kind"] == "output":
                files = {name: Path(path) for name, path in message["files"].items()}
                return ChildOutput(message["data"], files)
            if message["kind"] == "failed":
                return _failure(message)
            on_progress(message["done"], message["total"])

    async def kill(self) -> None:
        """End the child at once, whatever it is doing."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
        await self._gone()

    async def close(self) -> None:
        """Let the engine close; a child that takes too long over it is killed."""
        try:
            await self._send({"kind": "close"})
            async with asyncio.timeout(_CLOSE_SECONDS):
                if self._process is not None:
                    await self._process.wait()
        except (TimeoutError, OSError):
            pass
        await self.kill()

    async def _gone(self) -> None:
        if self._process is not None:
            await self._process.wait()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    async def _send(self, message: Mapping[str, Any]) -> None:
        if self._writer is None:
            raise BrokenPipeError
        self._writer.write(msgspec.json.encode(message) + b"\n")
        await self._writer.drain()

    async def _receive(self) -> dict[str, Any] | None:
        if self._reader is None:
            return None
        line = await self._reader.readline()
        if not line.endswith(b"\n"):
            return None
        message: dict[str, Any] = msgspec.json.decode(line)
        return message

    async def _death(self) -> Failure:
        """Say how the child died, in words that help."""
        if self._process is None:
            return Failure("engine_crashed", "The engine's process could not be started.")
        code = await self._process.wait()
        await self._gone()
        name = self._spec.id
        if code == -signal.SIGKILL:
            text = (
                f"The engine {name} was killed (SIGKILL), most often because memory ran out. "
                f"Give it more memory, or a smaller model."
            )
            return Failure("engine_out_of_memory", text, retryable=True)
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        text = f"The engine {name} crashed ({how}). Its log may say why."
        return Failure("engine_crashed", text, retryable=True)


def _failure(message: Mapping[str, Any]) -> Failure:
    return clean_failure(message["code"], message["message"], message["retryable"])
