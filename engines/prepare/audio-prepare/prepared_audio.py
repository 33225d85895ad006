"""Keeps the prepared recording and its chunks as the samples come."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from chunk_planning import WINDOW_SECONDS, Chunk, ChunkPlanner
from dalston.engine_sdk import TaskInput
from mono import MonoConverter
from voice_activity import Probabilities, VoiceActivity
from wav_writer import BYTES_PER_SAMPLE, SAMPLE_RATE, WavWriter, wav_bytes

WHOLE = "audio.wav"
Track = tuple[MonoConverter, Callable[[bytes], None]]
"""What the decoded sound becomes, and what takes it."""
_DIGITS = 6


class PreparedAudio:
    """Makes `audio.wav` of the whole recording and `chunk-00000.wav` … of its chunks.

    Of a single channel it makes only the chunks, `channel-1-00000.wav` …

    Nothing lies on the disk: both go to the store as they are made, a chunk as soon as it is
    final. Memory holds the chunk that is not decided yet and the one before it.

    Work on a chunk may begin before the recording's end, but for two kinds, which count only with
    the task's output: those of a single channel, as it is known at the end whether that counts,
    and an only chunk, which nothing has to be found out for in advance.

    Args:
        task: Keeps the files.
        voice: Listens to this recording.
        planner: Decides about this recording.
        channel: Which channel it is, counted from 1; None means all of them, mixed.

    Attributes:
        chunks: What was kept, in order of time: `file`, `start`, `end`, `core_start` and
            `core_end`, in seconds.
        warnings: What the user should know.
    """

    def __init__(
        self,
        task: TaskInput,
        voice: VoiceActivity,
        planner: ChunkPlanner,
        channel: int | None = None,
    ) -> None:
        self.chunks: list[dict[str, Any]] = []
        self.warnings: list[dict[str, str]] = []
        self._task = task
        self._voice = voice
        self._planner = planner
        self._is_mix = channel is None
        self._name = "chunk" if channel is None else f"channel-{channel}"
        self._open = ExitStack()
        self._whole: WavWriter | None = None
        self._samples = 0
        self._waiting = bytearray()
        self._waiting_from = 0
        self._last: tuple[Chunk, bytes] | None = None

    def __enter__(self) -> Self:
        if self._is_mix:
            file = self._open.enter_context(self._task.create(WHOLE))
            self._whole = WavWriter(file, self._task.config["longest_seconds"])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, trace)

    @property
    def tracks(self) -> list[Track]:
        """What takes the decoded sound."""
        return [(MonoConverter(), self.write)]

    @property
    def speech_seconds(self) -> float:
        """Seconds in which somebody speaks."""
        return round(self._planner.speech_windows * WINDOW_SECONDS, 3)

    def write(self, pcm: bytes) -> None:
        """Append samples.

        Args:
            pcm: 16 kHz, mono, signed 16-bit little-endian.

        Raises:
            TaskFailed: `audio_too_long`.
        """
        if self._whole is not None:
            self._whole.write(pcm)
        self._samples += len(pcm) // BYTES_PER_SAMPLE
        self._waiting += pcm
        self._plan(self._voice.listen(pcm))

    def finish(self, duration: float) -> None:
        """Keep what is left: there are no more samples.

        Args:
            duration: Seconds of the recording, where the last chunk's core ends.
        """
        self.listen_to_end()
        self.keep_rest(duration)

    def listen_to_end(self) -> None:
        """Take into account that there are no more samples."""
        self._plan(self._voice.finish())

    def keep_rest(self, duration: float) -> None:
        """Keep what is left, once it has been listened to.

        Args:
            duration: Seconds of the recording, where the last chunk's core ends.
        """
        chunk = self._planner.finish(self._samples)
        if chunk is not None:
            self._take(chunk)
        if self._last is None:
            return
        ends = {"core_end": duration}
        if self._last[0].end == self._samples:
            ends["end"] = duration
        self._keep_last(ends, announce=self._is_mix and bool(self.chunks))

    def _plan(self, probabilities: Probabilities) -> None:
        for chunk in self._planner.take(probabilities.tolist()):
            self._take(chunk)
        passed = self._planner.needed_from - self._waiting_from
        if passed > 0:
            del self._waiting[: passed * BYTES_PER_SAMPLE]
            self._waiting_from += passed

    def _take(self, chunk: Chunk) -> None:
        """Keep the chunk before this one, which has become final by it."""
        first, end = (
            BYTES_PER_SAMPLE * (position - self._waiting_from)
            for position in (chunk.start, chunk.end)
        )
        self._keep_last({}, announce=self._is_mix)
        self._last = (chunk, bytes(self._waiting[first:end]))

    def _keep_last(self, ends: dict[str, float], *, announce: bool) -> None:
        if self._last is None:
            return
        (chunk, pcm), self._last = self._last, None
        place = {
            "start": _seconds(chunk.start),
            "end": _seconds(chunk.end),
            "core_start": _seconds(chunk.core_start),
            "core_end": _seconds(chunk.core_end),
            **ends,
        }
        name = f"{self._name}-{len(self.chunks):05d}.wav"
        self._task.keep(name, wav_bytes(pcm), chunk=place if announce else None)
        self.chunks.append({"file": name, **place})


def _seconds(samples: int) -> float:
    return round(samples / SAMPLE_RATE, _DIGITS)
