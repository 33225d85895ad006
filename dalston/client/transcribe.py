"""`dalston transcribe`: files in, transcripts out, on a server that runs or on one of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dalston.client.api import Api, Sent
from dalston.client.embedded import StartError
from dalston.client.errors import TOO_BUSY, RefusedError, UnreachableError
from dalston.client.outputs import FolderOutput, Output, OutputError, StandardOutput
from dalston.client.progress import Display, display_for, printable, printable_name
from dalston.client.recordings import Recording
from dalston.client.refusals import explained
from dalston.client.remarks import names_nobody, warnings_of
from dalston.client.sending import Sending
from dalston.client.session import Session
from dalston.client.upload import State, state_of
from dalston.client.waiting import FileFailedError, Waiting
from dalston.common.formats import SUBTITLES
from dalston.common.models import JobStatus
from dalston.common.subtitles import Rules
from dalston.common.wording import counted
from dalston.processes import ENDING_SIGNALS, give_up_output, on_signals

COMPLETED, SOME_FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

AT_ONCE = 8
_CLEAN_UP_SECONDS = 10.0
_SIGNAL_STATUS = 128

_GONE = 404
_FAKE_PIPELINE = "stub"
_FAKE_TEXT = (
    "the pipeline 'stub' returns FAKE TEXT whatever the recording says; --pipeline default listens"
)
_CHANGED = (
    "The recording was written to while it was transcribed, so the transcript isn't of all of it. "
    "Transcribe it again when it is whole; of one that never is, a copy."
)

_WITH_SPEAKERS = frozenset({"txt", *SUBTITLES})
"""The formats whose text says who speaks, where that is known."""

_EXPECTED = (RefusedError, UnreachableError, StartError, OSError, ValueError)


def transcribe_files(
    recordings: Sequence[Recording],
    *,
    output_format: str,
    server: str | None,
    data_dir: Path,
    fields: Mapping[str, str],
    output_dir: Path | None = None,
    key: str | None = None,
    at_once: int = AT_ONCE,
    resume: bool = False,
    rules: Rules | None = None,
) -> int:
    """Transcribe files and write their transcripts.

    Args:
        recordings: Files, and addresses that the server fetches them from.
        output_format: A name of `dalston.common.formats.FORMATS`.
        server: Where the server is. None means the one that runs on the data folder or, if none
            does, one that is started for this call and stopped at its end.
        data_dir: The data folder.
        fields: What is sent with each recording, such as `pipeline` and `language`.
        output_dir: Folder for one file per recording. Unless given, transcripts go to standard
            output in the order of the files.
        key: API key, if the server asks for one.
        at_once: Jobs that the call has on the server at a time; the other files wait here.
        resume: Leave out recordings whose transcripts are in the folder, newer than they are.
        rules: How subtitles are to be, unless it is as exports of the server have them.

    Returns:
        The exit status: 0 if every file has its transcript, 1 if one has not, 2 if the call can't
        be carried out as it is, 130 after Ctrl-C.
    """
    display = display_for([one.path.name for one in recordings], sys.stderr)
    try:
        output = _output_for(recordings, output_format, output_dir, rules or Rules())
        here = [number for number, one in enumerate(recordings) if one.url is None]
        there = {number for number in here if resume and output.has(number)}
        output.require(set(range(len(recordings))) - there)
        call = _Call(recordings, fields, output, display, at_once, there)
        call.names_speakers = (rules or Rules()).speakers and output_format in _WITH_SPEAKERS
        return _carry_out(call, server, data_dir, key)
    except OutputError as error:
        display.say(str(error))
        return USAGE
    except KeyboardInterrupt:
        # A second Ctrl-C, while the first one was being obeyed.
        return INTERRUPTED
    finally:
        display.close()


def _output_for(
    recordings: Sequence[Recording], output_format: str, folder: Path | None, rules: Rules
) -> Output:
    """Return where transcripts go.

    Raises:
        OutputError: They can't.
    """
    if folder is None and sys.stdout is None:
        raise OutputError("Standard output is closed. Name a folder: --output-dir DIR")
    if folder is None:
        return StandardOutput(recordings, output_format, sys.stdout.buffer, rules)
    return FolderOutput(recordings, output_format, folder, rules)


def _carry_out(call: _Call, server: str | None, data_dir: Path, key: str | None) -> int:
    """Carry a call out, and say what came of it."""
    status = COMPLETED
    if len(call.there) < len(call.recordings):
        try:
            status = asyncio.run(_run(call, server, data_dir, key))
        except asyncio.CancelledError:
            # Another signal, while the first one was being obeyed.
            status = call.stopped_status
    call.tell_sum()
    return status


async def _run(call: _Call, server: str | None, data_dir: Path, key: str | None) -> int:
    """Carry a call out; on any signal that ends it, stop what it has begun."""
    call.main = asyncio.current_task()
    on_signals(ENDING_SIGNALS, call.stop)
    session = Session(server, data_dir, call.display.say, key)
    try:
        await session.open()
        good = await call.run(session)
        await session.finish()
    except (StartError, UnreachableError) as error:
        call.display.say(str(error))
        return SOME_FAILED
    except asyncio.CancelledError:
        await call.give_up(session)
        return call.stopped_status
    finally:
        await session.close()
    return COMPLETED if good else SOME_FAILED


@dataclass
class _Call:
    recordings: Sequence[Recording]
    fields: Mapping[str, str]
    output: Output
    display: Display
    at_once: int
    there: set[int]
    """Files whose transcripts are there from before."""
    names_speakers: bool = False
    """Whether they are to say who speaks."""
    said: set[str] = field(default_factory=set)
    done: int = 0
    failed: int = 0
    main: asyncio.Task[Any] | None = None
    stopped_by: int | None = None
    """The signal that ended the call early, unless it was Ctrl-C."""
    running: dict[str, int] = field(default_factory=dict)
    """Files by the ids of their jobs, as long as those have not ended."""

    @property
    def stopped_status(self) -> int:
        """The exit status of a call that was ended early."""
        return INTERRUPTED if self.stopped_by is None else _SIGNAL_STATUS + self.stopped_by

    def stop(self, number: int) -> None:
        """End the call early, because of a signal. The clean-up, which is short, is left to end."""
        if self.stopped_by is not None:
            return
        self.stopped_by = number
        if self.main is not None:
            self.main.cancel()

    def say_once(self, text: str) -> None:
        """Say what holds for many files with the first of them."""
        if text not in self.said:
            self.said.add(text)
            self.display.say(text)

    async def run(self, session: Session) -> bool:
        """Work on all files; tell whether each has its transcript."""
        room = asyncio.Semaphore(self.at_once)
        async with asyncio.TaskGroup() as group:
            before: asyncio.Task[bool] | None = None
            tasks = []
            for number in range(len(self.recordings)):
                if number in self.there:
                    continue
                before = group.create_task(self._work(session, number, room, before))
                tasks.append(before)
        return all(task.result() for task in tasks)

    async def give_up(self, session: Session) -> None:
        """Delete the jobs that still run: nobody waits for them any more."""
        running = list(self.running.items())
        gone = await asyncio.gather(*(self.delete(session, job_id) for job_id, _ in running))
        # What is left to do, stopping a server of our own, is about no file.
        self.display.close()
        for (job_id, number), deleted in zip(running, gone, strict=True):
            name = printable_name(self.recordings[number].path.name)
            if deleted:
                self.display.say(f"stopped: {name} ({job_id} is deleted)")
            else:
                self.display.say(f"stopped, but {job_id} ({name}) may still run on the server")

    async def _work(
        self,
        session: Session,
        number: int,
        room: asyncio.Semaphore,
        before: asyncio.Task[bool] | None,
    ) -> bool:
        """Get one file's transcript and write it, in its turn where there is an order."""
        file = _File(self, session, number)
        try:
            async with room:
                transcript = await file.transcribe()
            if self.output.ordered and before is not None:
                await asyncio.wait({before})
            self._write(file, transcript)
        except BrokenPipeError:
            # Nobody reads on.
            give_up_output()
            self.stop(signal.SIGPIPE)
            return False
        except (*_EXPECTED, FileFailedError) as error:
            self.failed += 1
            self.display.failed(number, file.reason(error))
            if before is not None:
                # Whoever comes next waits for this one alone, and must not overtake those before.
                await asyncio.wait({before})
            return False
        finally:
            ended = file.job_id if file.job_id not in self.running else None
            if session.temporary and ended is not None and not file.kept:
                # Its folder is no archive: without this, each call would leave a copy there.
                await self.delete(session, ended)
        self.done += 1
        self.display.done(number, transcript.get("duration"))
        self.display.warned(number, *warnings_of(transcript))
        self._miss_speakers(transcript)
        return True

    def _miss_speakers(self, transcript: Mapping[str, Any]) -> None:
        """Say that nobody is named where names were asked for."""
        if not self.names_speakers or not names_nobody(transcript):
            return
        asked = self.fields.get("diarize") == "true" or self.fields.get("channels") == "split"
        self.say_once(f"no speakers are known{'' if asked else ': add --diarize'}")

    def tell_sum(self) -> None:
        """Say, of more than one file, how many came to what."""
        if len(self.recordings) == 1 and not self.there:
            return
        left = len(self.recordings) - len(self.there) - self.done - self.failed
        counts = {
            "transcribed": self.done,
            "failed": self.failed,
            "there already": len(self.there),
            "not done": left,
        }
        said = [f"{count} {what}" for what, count in counts.items() if count]
        self.display.say(f"{counted(len(self.recordings), 'file')}: {', '.join(said)}")

    def _write(self, file: _File, transcript: Mapping[str, Any]) -> None:
        """Write a transcript.

        Raises:
            BrokenPipeError: Nobody reads on.
            FileFailedError: It can't be written. The server keeps it.
        """
        try:
            with self.display.aside() if self.output.ordered else contextlib.nullcontext():
                self.output.put(file.number, transcript)
        except BrokenPipeError:
            raise
        except OSError as error:
            file.kept = True
            server = file.session.option
            running = f", with `dalston serve{server}` running" if file.session.temporary else ""
            raise FileFailedError(
                f"The transcript can't be written: {error.strerror}. The server has it: `dalston "
                f"jobs export {file.job_id}{server}` writes it{running}."
            ) from error

    async def delete(self, session: Session, job_id: str) -> bool:
        """Delete a job, if the server can be reached; tell whether that is done."""
        try:
            async with asyncio.timeout(_CLEAN_UP_SECONDS):
                await session.ask(lambda api: api.delete(job_id))
        except (*_EXPECTED, TimeoutError):
            return False
        self.running.pop(job_id, None)
        return True


@dataclass
class _File:
    """One file on its way through the server."""

    call: _Call
    session: Session
    number: int
    job_id: str | None = None
    name: str = field(default_factory=lambda: str(uuid.uuid4()))
    """Of its submission: one job, however often a connection breaks."""
    kept: bool = False
    """Whether its job is all that has its transcript."""
    sent: State | None = None
    """Of the recording, when the upload began that its job was made of."""

    async def transcribe(self) -> dict[str, Any]:
        """Upload the file and return its transcript.

        Raises:
            FileFailedError: There will be none.
        """
        waiting = Waiting(self.session, self.call.display, self.number)
        job_id = await self._submit()
        try:
            view, transcript = await waiting.ended(job_id)
        except FileFailedError:
            await self.call.delete(self.session, job_id)
            raise
        except RefusedError as error:
            if error.status == _GONE:
                # Somebody else has deleted it.
                self.call.running.pop(job_id)
            raise
        self.call.running.pop(job_id)
        reason = f"{view.error.message} [{view.error.code}]" if view.error else view.status.value
        if view.status is JobStatus.COMPLETED:
            if view.pipeline == _FAKE_PIPELINE:
                self.call.say_once(_FAKE_TEXT)
            now = None if self.sent is None else state_of(self.call.recordings[self.number].path)
            if now in (None, self.sent):
                return transcript
            # Newer than the recording, it would be taken for the transcript of all of it.
            reason = _CHANGED
        where = "" if self.session.temporary else f" ({job_id})"
        raise FileFailedError(f"{reason}{where}")

    async def _submit(self) -> str:
        """Upload the file and return its job's id, which is known also when this is cancelled."""
        recording, display = self.call.recordings[self.number], self.call.display

        def show(done: int, total: int) -> None:
            display.uploading(self.number, done, total)

        def wait() -> None:
            display.step(self.number, "waiting for a job to end")

        def refused(error: RefusedError) -> None:
            display.step(self.number, f"waiting for the server: {printable(error.message)}")

        name = printable_name(recording.path.name)
        sending = Sending(name, self._send, show if recording.url is None else None, refused)
        try:
            return await self.session.submit(sending, self.call.running, wait)
        finally:
            if sending.job_id is not None:
                self.job_id = sending.job_id
                self.call.running[self.job_id] = self.number

    async def _send(self, api: Api, sent: Sent) -> str:
        recording, fields = self.call.recordings[self.number], self.call.fields
        if recording.url is not None:
            return await api.submit_address(recording.url, fields, self.name)
        name = os.fsencode(recording.path.name).decode("utf-8", "replace")
        self.sent = state_of(recording.path)
        return await api.submit(recording.path, name, fields, sent, self.name)

    def reason(self, error: Exception) -> str:
        """Return what is told of an error; of a job that goes on, how its transcript is had."""
        if isinstance(error, RefusedError):
            said, away = explained(error, self.job_id), error.status in TOO_BUSY
        else:
            said, away = str(error), isinstance(error, UnreachableError)
        if self.job_id is None or not away or self.session.temporary:
            return said
        whole = f"{self.job_id}{self.session.option}"
        return (
            f"{said}. The job goes on: `dalston jobs watch {whole}` tells when it has ended, and "
            f"`dalston jobs export {whole}` writes its transcript."
        )
