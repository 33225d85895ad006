"""Decodes a recording packet by packet and keeps its time line."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.packet import Packet

from completeness import declared_seconds, ends_early
from dalston.engine_sdk import TaskFailed
from flac_frames import first_sample
from joined_files import another_begins
from media import Media, Part
from mono import MonoConverter, has_readable_planes
from transport_stream import begins_anew, has_other_sound

_TIMED_CONTAINERS = frozenset(
    {"matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2", "mpegts", "mpeg", "flv", "asf", "flac"}
)
"""Containers that store a time with each packet; the others' times only count samples."""

_TIMED_IN_OGG = frozenset({"opus", "vorbis", "flac"})
"""Here pages count samples that are missing too, or frames do."""

_GAPLESS = "flac"
"""Here no encoder leaves a gap: one shows that packets are lost."""

_KNOWN_LENGTH = "mov,mp4,m4a,3gp,3g2,mj2"
"""Its index tells how long the recording is, gaps included."""

_TRANSPORT_STREAM = "mpegts"

_READ_TO_ITS_END = frozenset({"aiff", "caf", "w64", "voc", "flv", "tta", "wv"})
"""Containers behind whose end FFmpeg doesn't read."""

_SHORTEST_GAP = 0.2
"""Seconds without sound that are filled; shorter ones are jitter of the time stamps."""
_MOST_SILENCE = 3600.0
"""Seconds that are filled in all when the file declares no duration to hold them against."""
_LONGEST_LOSS = 60.0
"""Seconds up to which a jump of a transport stream's clock is always a gap: some programs begin
anew with every few seconds, and what is missing then was lost."""
_HALF_A_CLOCK = 2**32 / 90_000
"""Seconds. The clock of MPEG starts again after twice as many, for which FFmpeg takes a step
back."""
_SURE_SECONDS = 2.0
"""Of sound that must come late before it is believed that some is missing: several packets, also
of a transport stream, which tells the time of every few only."""
_MOST_LATE_FRAMES = 1000
_SILENT_FRAME_SECONDS = 1.0
_STEPS_OF_PROGRESS = 200


@dataclass
class Decoded:
    """What came out.

    Attributes:
        seconds: Length of the time line: sound, and silence where the file has gaps.
        silence: Seconds of that silence.
        unfilled: Seconds by which the end comes too early, because gaps are too long to fill.
        cancelled: Seconds in which channels that cancel each other are not mixed.
        peak: The loudest sample that came out, of 32,768.
        sample_rate: Hertz of the original.
        channels: Channels of the original.
        damaged_packets: How many could not be decoded, but for the last one.
        packets: How many there were.
        timed: Whether the file tells the times of its packets, so that lost ones leave a gap.
        broken_off: The file ended inside a packet, or could not be read on.
        goes_on: Other sound, or another file, follows behind the end of this one.
    """

    seconds: float = 0.0
    silence: float = 0.0
    unfilled: float = 0.0
    cancelled: float = 0.0
    peak: int = 0
    sample_rate: int = 0
    channels: int = 0
    damaged_packets: int = 0
    packets: int = 0
    timed: bool = True
    broken_off: bool = False
    goes_on: bool = False


class Decoder:
    """Decodes one recording.

    Args:
        media: The opened recording.
        tracks: What is made of the sound, and what takes it: 16 kHz, mono, signed 16-bit
            little-endian.
        progress: Is told bytes read and bytes in all.
    """

    def __init__(
        self,
        media: Media,
        tracks: Sequence[tuple[MonoConverter, Callable[[bytes], None]]],
        progress: Callable[[float, float], None],
    ) -> None:
        self._media = media
        self._tracks = tracks
        self._progress = progress
        self._result = Decoded()
        self._part = Part(0, media.file_bytes, media.container, media.stream)
        self._origin: float | None = None
        self._unfilled_before = 0.0
        self._gap = 0.0
        self._late: deque[tuple[AudioFrame, float]] = deque()
        self._late_seconds = 0.0
        self._positions = (0, 0)
        self._end = 0
        self._told = 0
        self._most_silence = _most_silence(media)

    def run(self) -> Decoded:
        """Decode all of it.

        Raises:
            TaskFailed: `corrupt_audio`, `audio_too_long`, `encrypted_media` and what else the
                samples show.
        """
        last_failed = last_partial = False
        for packet in self._packets():
            self._tell_progress(packet)
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self._result.damaged_packets += 1
                last_failed = True
                continue
            if packet.size:
                last_failed, last_partial = False, packet.is_corrupt
            for frame in frames:
                self._take(frame)
        for converter, write in self._tracks:
            _pass_on(converter.finish(), write)
        self._result.cancelled = sum(track.cancelled_seconds for track, _ in self._tracks)
        self._result.peak = max(track.peak for track, _ in self._tracks)
        if last_failed:
            self._result.damaged_packets -= 1
        self._result.broken_off |= last_failed or last_partial
        self._progress(self._media.file_bytes, self._media.file_bytes)
        return self._result

    def _packets(self) -> Iterator[Packet[AudioStream]]:
        is_cut_off, several = False, self._media.part_count > 1
        for part in self._media.parts():
            # Each part has a clock of its own.
            self._part, self._origin = part, None
            self._unfilled_before = self._result.unfilled
            self._result.timed &= _is_timed(part)
            # What ends the part before did not end the file.
            self._result.damaged_packets += self._result.broken_off
            self._result.broken_off = False
            before = self._result.seconds
            yield from self._packets_of(part)
            self._settle(returned=True)
            is_cut_off = several and ends_early(part, self._result.seconds - before)
        self._result.broken_off |= is_cut_off
        file, container = self._media.file, self._part.container.format.name
        if container == _TRANSPORT_STREAM:
            self._result.goes_on = has_other_sound(file, self._positions[1], self._part.stream.id)
        elif container in _READ_TO_ITS_END:
            self._result.goes_on = another_begins(file, self._end)

    def _packets_of(self, part: Part) -> Iterator[Packet[AudioStream]]:
        packets = part.container.demux(part.stream)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, IndexError):
                # PyAV looks at its end for streams that came up in the middle, in vain.
                return
            except av.FFmpegError:
                self._result.broken_off = True
                return
            if packet.has_sidedata("encryption_info"):
                raise TaskFailed(
                    "encrypted_media",
                    "The recording is encrypted. Send one without protection.",
                )
            if packet.size and _has_numbered_frames(part):
                # FFmpeg tells it by the page that ends behind it, and lost pages a page late.
                packet.pts = first_sample(bytes(packet), part.stream.codec_context.extradata or b"")
            self._result.packets += bool(packet.size)
            if packet.pos is not None:
                self._positions = (self._positions[1], packet.pos)
                self._end = packet.pos + packet.size
            yield packet

    def _tell_progress(self, packet: Packet[AudioStream]) -> None:
        position = self._part.start + (packet.pos or 0)
        if position - self._told > self._media.file_bytes / _STEPS_OF_PROGRESS:
            self._told = position
            self._progress(position, self._media.file_bytes)

    def _take(self, frame: AudioFrame) -> None:
        result = self._result
        if not result.sample_rate:
            result.sample_rate = frame.sample_rate
            result.channels = frame.layout.nb_channels
        lag = self._lag(frame)
        on_time = lag is None or lag <= _SHORTEST_GAP
        if on_time and not self._late:
            self._result.unfilled = self._unfilled_before
            self._pass(frame)
            return
        due = math.inf if lag is None else lag + result.silence
        self._late.append((frame, due))
        self._late_seconds += frame.samples / frame.sample_rate
        self._settle(returned=on_time and lag is not None)

    def _lag(self, frame: AudioFrame) -> float | None:
        """Return the seconds by which a frame comes later than the sound so far is long."""
        if frame.time is None or not _is_timed(self._part):
            return None
        length = self._result.seconds + self._late_seconds
        if self._origin is None:
            self._origin = self._start_of_recording(frame.time) - length
        lag = frame.time - self._origin - length
        if self._is_another_recording(lag):
            self._settle(returned=True)
            self._origin = frame.time - self._result.seconds
            self._unfilled_before = self._result.unfilled
            lag = 0.0
        self._gap = lag
        return lag

    def _settle(self, *, returned: bool) -> None:
        """Fill the gap in front of what comes late, once it is sure that it is one.

        A single wrong time would move all that follows: the least of those that were told behind
        the gap is right.

        Args:
            returned: Nothing is to be waited for: a frame came on time again, or it was the last.
        """
        late = self._late
        while late and (
            returned or self._late_seconds >= _SURE_SECONDS or len(late) >= _MOST_LATE_FRAMES
        ):
            missing = min(due for _, due in late) - self._result.silence
            if _SHORTEST_GAP < missing < math.inf:
                self._fill(missing, late[0][0])
            else:
                self._result.unfilled = self._unfilled_before
            self._pass_late()
            while late and late[0][1] - self._result.silence <= _SHORTEST_GAP:
                self._pass_late()

    def _pass_late(self) -> None:
        frame, _ = self._late.popleft()
        self._late_seconds -= frame.samples / frame.sample_rate
        self._pass(frame)

    def _pass(self, frame: AudioFrame) -> None:
        self._result.seconds += frame.samples / frame.sample_rate
        self._convert(frame)

    def _is_another_recording(self, gap: float) -> bool:
        """Tell whether a jump of the clock is none of the sound: files were put together."""
        if self._part.container.format.name != _TRANSPORT_STREAM:
            return False
        jumps = abs(gap - self._gap) > _SHORTEST_GAP and not 0 <= gap <= _LONGEST_LOSS
        return abs(gap) > _HALF_A_CLOCK or (
            jumps and begins_anew(self._media.file, *self._positions)
        )

    def _start_of_recording(self, first_sound: float) -> float:
        """Return the time of the recording's start: its sound may begin after its pictures."""
        container = self._part.container
        pictures = any(stream.type == "video" for stream in container.streams)
        if not pictures or container.start_time is None:
            return first_sound
        return min(first_sound, container.start_time / 1_000_000)

    def _fill(self, seconds: float, like: AudioFrame) -> None:
        refused = self._result.silence + seconds > self._most_silence
        # A wrong time is put right by the next one; what is left at the end counts.
        self._result.unfilled = self._unfilled_before + (seconds if refused else 0.0)
        if refused:
            return
        self._result.damaged_packets += self._media.container.format.name == _GAPLESS
        self._result.silence += seconds
        self._result.seconds += seconds
        left = round(seconds * like.sample_rate)
        while left > 0:
            samples = min(left, round(_SILENT_FRAME_SECONDS * like.sample_rate))
            self._convert(_silent_frame(samples, like))
            left -= samples

    def _convert(self, frame: AudioFrame) -> None:
        for converter, write in self._tracks:
            _pass_on(converter.convert(frame), write)


def _is_timed(part: Part) -> bool:
    """Tell whether the times of packets show what is missing between them."""
    container = part.container.format.name
    if container == "ogg":
        return part.stream.codec_context.codec.canonical_name in _TIMED_IN_OGG
    return container in _TIMED_CONTAINERS


def _has_numbered_frames(part: Part) -> bool:
    """Tell whether frames say where they belong, and FFmpeg doesn't look."""
    codec = part.stream.codec_context.codec.canonical_name
    return part.container.format.name == "ogg" and codec == "flac"


def _most_silence(media: Media) -> float:
    """Return how many seconds of gaps may be filled in all."""
    declared = declared_seconds(media)
    if declared is not None:
        return declared
    length = media.container.duration if media.container.format.name == _KNOWN_LENGTH else None
    return max(_MOST_SILENCE, (length or 0) / 1_000_000)


def _pass_on(pieces: Iterator[bytes], write: Callable[[bytes], None]) -> None:
    for piece in pieces:
        write(piece)


def _silent_frame(samples: int, like: AudioFrame) -> AudioFrame:
    readable = has_readable_planes(like)
    kind = like.format if readable else like.format.packed
    frame = AudioFrame(kind.name, like.layout.name, samples)
    frame.sample_rate = like.sample_rate
    # Unsigned 8-bit samples are silent in the middle of their range, all others at zero.
    value = 0x80 if like.format.name.startswith("u8") else 0
    for plane in frame.planes:
        plane.update(np.full(plane.buffer_size, value, np.uint8).tobytes())
    return frame
