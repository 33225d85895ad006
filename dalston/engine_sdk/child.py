"""The process that an engine's code runs in: `python -m dalston.engine_sdk.child`.

It talks with its supervisor in lines of JSON over two pipes, and brings and keeps files over a
socket (`remote.py`). From the supervisor: one
`configure`, then `task` after `task`, at last `close`. To the supervisor: `setup` (progress),
`ready` or `setup_failed`, and for each task `progress`, then `output` or `failed`; a long output
goes on with `segment` after `segment` and `end`, or `failed`. Or else from the
supervisor one `ask`, and to it `setup` (progress), then `answer` or `setup_failed`.

Only the standard library and the SDK's types are imported here, so that an idle engine is
small and an engine's own environment needs nothing of the server's.
"""

from __future__ import annotations

import ctypes
import json
import os
import queue
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

from dalston.engine_sdk.base import Engine
from dalston.engine_sdk.chunk_outputs import ChunkOutputs
from dalston.engine_sdk.loading import load_engine_class
from dalston.engine_sdk.plain import NotPlainError, as_json, named_paths
from dalston.engine_sdk.remote import Line, RemoteAccess
from dalston.engine_sdk.types import TaskFailed, TaskInput, TaskOutput

_PROGRESS_SECONDS = 0.2
"""Progress is passed on at most this often."""
_SEGMENTS_AT_ONCE = 500
"""Of an output that gives its segments one by one: with fewer it is one message."""
_PR_SET_PDEATHSIG = 1
_MEGABYTE = 1024 * 1024
_STOP = (signal.SIGTERM,)


class Channel:
    """The two pipes to the supervisor."""

    def __init__(self, read_end: int, write_end: int) -> None:
        self._reader: IO[bytes] = os.fdopen(read_end, "rb")
        self._writer: IO[bytes] = os.fdopen(write_end, "wb")
        self._messages: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._lock = threading.Lock()

    def listen(self) -> None:
        """Read messages in a thread of their own; the supervisor's end ends this process."""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            for line in self._reader:
                self._messages.put(json.loads(line))
        except ValueError:
            traceback.print_exc()
        finally:
            os._exit(1)

    def receive(self) -> dict[str, Any]:
        """Return the next message, waiting for it."""
        return self._messages.get()

    def send(self, kind: str, **fields: object) -> None:
        """Send a message.

        Raises:
            NotPlainError: A field is not JSON, for example a number that is not finite.
        """
        # Each by itself, so that an error names its place as the engine's author knows it.
        plain = [(name.encode(), as_json(value, name)) for name, value in fields.items()]
        parts = [b'"kind":"%s"' % kind.encode(), *(b'"%s":%s' % part for part in plain)]
        line = b"{%s}" % b",".join(parts)
        with self._lock:
            self._writer.write(line)
            self._writer.write(b"\n")
            self._writer.flush()


def run(arguments: list[str]) -> None:
    """Do what `main` does; an error ends the process even if threads of the engine go on."""
    try:
        main(arguments)
    except BaseException:  # noqa: BLE001 - an engine may also leave with sys.exit()
        with suppress(OSError, ValueError):
            traceback.print_exc()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(1)


def main(arguments: list[str]) -> None:
    """Serve one engine until the supervisor closes or ends.

    Args:
        arguments: The engine's folder, the file descriptors to read and to write, that of the
            socket for files, and the process id of the supervisor.
    """
    folder, supervisor = arguments[0], int(arguments[4])
    read_end, write_end, files = descriptors = [int(number) for number in arguments[1:4]]
    _die_with(supervisor)
    _leave_stopping_to_the_supervisor()
    # What libraries print must not be taken for anything: it joins the log.
    os.dup2(2, 1)
    # A process that the engine starts must not keep the supervisor from seeing this one's end.
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - as its author had it
    os.register_at_fork(after_in_child=partial(_close, descriptors))
    channel = Channel(read_end, write_end)
    channel.listen()
    line = Line(files)
    first = channel.receive()
    if first["kind"] == "ask":
        _answer(Path(folder), first, channel)
        return
    _limit(first["memory_mb"], first["file_mb"])
    engine = _set_up(Path(folder), first, channel)
    if engine is None:
        return
    while (message := channel.receive())["kind"] == "task":
        _do_task(engine, message, channel, line)
    engine.close()


def _close(descriptors: list[int]) -> None:
    """Close them once: where a forked process forks again, others' files may have their numbers."""
    while descriptors:
        with suppress(OSError):
            os.close(descriptors.pop())


def _die_with(supervisor: int) -> None:
    """Ask Linux to end this process with its supervisor; elsewhere the closed pipe does it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:
        os._exit(1)


def _leave_stopping_to_the_supervisor() -> None:
    """Let no signal end this process that is meant for all of them, as systemd's is.

    SIGTERM is handled and not ignored: what the engine starts would ignore it too. A process that
    it forks ends on it from the beginning.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _go_on)
    os.register_at_fork(
        before=partial(signal.pthread_sigmask, signal.SIG_BLOCK, _STOP),
        after_in_parent=partial(signal.pthread_sigmask, signal.SIG_UNBLOCK, _STOP),
        after_in_child=_end_on_sigterm,
    )


def _go_on(_number: int, _frame: object) -> None:
    """Do nothing about a signal."""


def _end_on_sigterm() -> None:
    if signal.getsignal(signal.SIGTERM) is _go_on:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP)


def _limit(memory_mb: int | None, file_mb: int) -> None:
    """Have the system refuse what a broken library, or a recording made to break it, asks for."""
    limits = {
        # A dump of the memory holds the recording.
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: file_mb * _MEGABYTE,
        **({} if memory_mb is None else {resource.RLIMIT_DATA: memory_mb * _MEGABYTE}),
    }
    for kind, wanted in limits.items():
        most = resource.getrlimit(kind)[1]
        value = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(kind, (value, value))


def _answer(folder: Path, asked: dict[str, Any], channel: Channel) -> None:
    """Answer one question about the engine's models; the engine itself is not loaded."""
    from dalston.engine_sdk.questions import answer  # noqa: PLC0415 - few children are asked

    try:
        found = answer(
            asked["question"], folder, asked["config"], asked["name"], _setup_sink(channel)
        )
    except TaskFailed as error:
        channel.send("setup_failed", **_failure(error.code, error.message, error.retryable))
    except Exception as error:  # noqa: BLE001 - whatever an engine raises is reported
        traceback.print_exc()
        message = f"The engine could not answer ({type(error).__name__}: {error})."
        channel.send("setup_failed", **_failure("engine_error", message, True))  # noqa: FBT003 - retryable
    else:
        channel.send("answer", answer=found)


def _set_up(folder: Path, configuration: dict[str, Any], channel: Channel) -> Engine | None:
    try:
        engine = load_engine_class(folder)()
        engine.id = configuration["id"]
        engine.version = configuration["version"]
        engine.config = configuration["config"]
        engine._setup_sink = _setup_sink(channel)  # noqa: SLF001 - the SDK's own field
        engine.setup()
    except TaskFailed as error:
        channel.send("setup_failed", **_failure(error.code, error.message, error.retryable))
        return None
    except Exception as error:  # noqa: BLE001 - whatever an engine raises is reported
        traceback.print_exc()
        message = f"The engine could not start ({type(error).__name__}: {error})."
        channel.send("setup_failed", **_failure("engine_setup_failed", message, True))  # noqa: FBT003 - retryable
        return None
    channel.send("ready")
    return engine


def _setup_sink(channel: Channel) -> Any:  # noqa: ANN401 - a function
    def tell(message: str, done: float | None, total: float | None) -> None:
        channel.send("setup", message=message, done=done, total=total)

    return tell


def _do_task(engine: Engine, message: dict[str, Any], channel: Channel, line: Line) -> None:
    task_id: str = message["task_id"]

    def fail(code: str, text: str, *, retryable: bool) -> None:
        channel.send("failed", task_id=task_id, **_failure(code, text, retryable))

    try:
        _send_output(task_id, engine.process(_input(message, channel, line)), channel)
    except _UnusableError as error:
        text = f"The engine's output can't be used: {error}"
        fail("invalid_engine_output", text, retryable=True)
    except TaskFailed as error:
        fail(error.code, error.message, retryable=error.retryable)
    except MemoryError:
        text = "The engine ran out of memory. Give it more, or a smaller model."
        fail("engine_out_of_memory", text, retryable=True)
    except Exception as error:  # noqa: BLE001 - whatever an engine raises is reported
        traceback.print_exc()
        text = f"The engine stopped with an error ({type(error).__name__}); its log says where."
        fail("engine_error", text, retryable=True)


def _input(message: dict[str, Any], channel: Channel, line: Line) -> TaskInput:
    audio = Path(message["audio_path"])
    apart = {stage: ChunkOutputs(Path(path)) for stage, path in message["chunk_outputs"].items()}
    return TaskInput(
        task_id=message["task_id"],
        job_id=message["job_id"],
        stage=message["stage"],
        audio_path=audio,
        previous_outputs=message["previous_outputs"] | apart,
        config=message["config"],
        work_folder=Path(message["work_folder"]),
        warnings=message["warnings"],
        progress_sink=_progress_sink(channel, message["task_id"]),
        access=RemoteAccess(line, message["task_id"], audio),
    )


class _UnusableError(Exception):
    """What the engine has returned is no output; says why."""


def _send_output(task_id: str, output: object, channel: Channel) -> None:
    """Send an output; of one with many segments these come behind it, one by one.

    Raises:
        _UnusableError: It isn't what an engine may return.
    """
    send = partial(_send_plain, channel, task_id)
    if not isinstance(output, TaskOutput):
        raise _UnusableError(f"process returned {type(output).__name__}, not TaskOutput")
    try:
        files = named_paths(output)
    except ValueError as error:
        raise _UnusableError(error) from error
    if output.segments is None:
        send("output", data=output.data, files=files)
        return
    data: object = output.data
    if not isinstance(data, dict):
        raise _UnusableError(f"data is {type(data).__name__}, not a dictionary")
    if not isinstance(output.segments, Iterable):
        raise _UnusableError("segments can't be gone through")
    segments = iter(output.segments)
    first = list(islice(segments, _SEGMENTS_AT_ONCE))
    if len(first) < _SEGMENTS_AT_ONCE:
        send("output", data={**output.data, "segments": first}, files=files)
        return
    send("output", data=output.data, files=files, goes_on=True)
    count = 0
    for count, segment in enumerate(chain(first, segments), start=1):
        send("segment", f".segments[{count - 1}]", data=segment)
    send("end", count=count)


def _send_plain(
    channel: Channel, task_id: str, kind: str, place: str = "", **fields: object
) -> None:
    """Send a part of an output; `place` says where in its data it belongs."""
    try:
        channel.send(kind, task_id=task_id, **fields)
    except NotPlainError as error:
        text = str(error)
        raise _UnusableError(
            f"data{place}{text.removeprefix('data')}" if place else text
        ) from error


def _progress_sink(channel: Channel, task_id: str) -> Any:  # noqa: ANN401 - a function
    last = 0.0

    def tell(done: float, total: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _PROGRESS_SECONDS:
            last = now
            channel.send("progress", task_id=task_id, done=float(done), total=float(total))

    return tell


def _failure(code: str, message: str, retryable: bool) -> dict[str, Any]:  # noqa: FBT001 - as in the message
    # A name of a file may hold what is no letter, and the reason must arrive all the same.
    readable = str(message).encode("utf-8", "replace").decode()
    return {"code": code, "message": readable, "retryable": retryable}


if __name__ == "__main__":
    run(sys.argv[1:])
