"""From a recording to WAV files and a description of the original."""

from __future__ import annotations

import math
from typing import Any

from av.stream import Disposition

from channels import SplitAudio, channels_to_split
from chunk_planning import ChunkPlanner
from completeness import declared_seconds, is_cut_off
from dalston.engine_sdk import TaskFailed, TaskInput
from decoding import Decoded, Decoder
from media import Media, open_media
from prepared_audio import PreparedAudio
from voice_activity import VoiceActivity, load_voice_model

__all__ = ["convert", "load_voice_model"]

_MOST_DAMAGED = 0.5
"""Share of packets that may fail before the whole is taken for something else than sound."""

_LEAST_MISSING_SECONDS = 0.05
"""Less is padding, which not every file declares."""

_LEAST_CANCELLED_SECONDS = 0.5
"""Less is a matter of moments, which nobody has to know of."""

_FULL_SCALE = 32_768
_QUIET_PEAK = 184
"""45 dB below full scale: of louder speech the voice detector misses nothing; of speech at 50 dB a
fifth, and at 60 dB nearly all, though a recogniser could still understand it."""


def convert(task: TaskInput, voice_model: Any) -> dict[str, Any]:  # noqa: ANN401 - the library has no types
    """Decode a recording and cut it into chunks.

    Args:
        task: The recording, any file; `channels`, `longest_seconds`, `chunk_seconds`,
            `longest_chunk_seconds` and `chunk_overlap_seconds`, as `engine.yaml` describes them.
            It keeps the files that are made, 16 kHz, mono, signed 16-bit, and is told bytes
            read and bytes in all.
        voice_model: What `load_voice_model` returned.

    Returns:
        `duration` (seconds, decoded), `channels` and `sample_rate` (hertz) of the original,
        `codec`, `container`, `audio`, `speech_seconds`, `chunks` and `warnings`.

    Raises:
        TaskFailed: The file is no recording, or none that can be used.
    """
    with task.open_audio() as file, open_media(file) as media:
        # The facts are read first: a decoder that has reached the end may no longer know them.
        description = _describe(media)
        with _prepared(media, task, voice_model) as prepared:
            decoded = Decoder(media, prepared.tracks, task.progress).run()
            _check(decoded, media)
            duration = round(decoded.seconds, 6)
            prepared.finish(duration)
        return {
            "duration": duration,
            "channels": decoded.channels,
            "sample_rate": decoded.sample_rate,
            **description,
            "speech_seconds": min(prepared.speech_seconds, duration),
            "chunks": prepared.chunks,
            "warnings": [*_warnings(decoded, media), *prepared.warnings],
        }


def _prepared(
    media: Media,
    task: TaskInput,
    voice_model: Any,  # noqa: ANN401 - the library has no types
) -> PreparedAudio | SplitAudio:
    """Return what makes the files."""
    config = task.config

    def new_audio(channel: int | None) -> PreparedAudio:
        planner = ChunkPlanner(
            config["chunk_seconds"],
            config["longest_chunk_seconds"],
            config["chunk_overlap_seconds"],
        )
        return PreparedAudio(task, VoiceActivity(voice_model), planner, channel)

    if config["channels"] == "mix":
        return new_audio(None)
    count, warnings = channels_to_split(media.stream.codec_context.channels)
    if count:
        return SplitAudio(task, count, new_audio)
    mixed = new_audio(None)
    mixed.warnings = warnings
    return mixed


def _describe(media: Media) -> dict[str, Any]:
    streams = media.container.streams
    audio: dict[str, Any] = {
        "bytes": media.file_bytes,
        "audio_streams": len(streams.audio),
        "stream_index": media.stream.index,
        "has_video": any(not _is_picture(stream.disposition) for stream in streams.video),
    }
    declared = declared_seconds(media)
    if declared is not None:
        audio["declared_duration"] = round(declared, 3)
    if media.container.bit_rate:
        audio["bit_rate"] = media.container.bit_rate
    codec = media.stream.codec_context.codec.canonical_name
    return {"codec": codec, "container": media.name, "audio": audio}


def _is_picture(disposition: Disposition) -> bool:
    return bool(disposition & Disposition.attached_pic)


def _check(decoded: Decoded, media: Media) -> None:
    damaged = decoded.damaged_packets
    if damaged > _MOST_DAMAGED * decoded.packets or (
        (damaged or decoded.broken_off or declared_seconds(media)) and not decoded.seconds
    ):
        raise TaskFailed(
            "undecodable_audio",
            "The sound can't be decoded: the file is damaged, or it is no recording. Play it on "
            "your own computer; if that works, convert it to FLAC or MP3 and send that.",
        )
    if decoded.seconds:
        return
    if any(_is_picture(stream.disposition) for stream in media.container.streams.video):
        raise TaskFailed(
            "no_audio_stream",
            "The file has a cover picture but no sound. Send the recording itself.",
        )
    raise TaskFailed(
        "no_audio", "The recording has no samples. Record it again, or send another file."
    )


def _warnings(decoded: Decoded, media: Media) -> list[dict[str, str]]:
    found: dict[str, str] = {}
    damaged = decoded.damaged_packets > 0
    if is_cut_off(media, decoded.seconds, damaged=damaged, broken_off=decoded.broken_off):
        where = ", or has lost some of its middle" if damaged and not decoded.timed else ""
        found["input_truncated"] = (
            f"The file ends before the recording does{where}. {decoded.seconds:.1f} seconds are "
            f"there; send the whole file if there was more."
        )
    found |= _left_out(decoded, media)
    if damaged:
        found["damaged_audio"] = (
            f"{decoded.damaged_packets} of {decoded.packets} packets could not be decoded and are "
            f"left out.{_shift(decoded, media)}"
        )
    found |= _gap_warnings(decoded)
    if decoded.cancelled >= _LEAST_CANCELLED_SECONDS:
        found["channels_cancel"] = (
            f"The channels cancel each other for {decoded.cancelled:.1f} seconds: one is another "
            f"upside down. One of them is used there instead of their mix. Look whether a balanced "
            f"cable is plugged into a stereo socket."
        )
    if 0 < decoded.peak <= _QUIET_PEAK:
        below = 20 * math.log10(_FULL_SCALE / decoded.peak)
        found["very_quiet"] = (
            f"The recording is very quiet: its loudest sample is {below:.0f} dB below full scale. "
            f"Speech in it may be left out or misheard. Amplify it and send it again."
        )
    streams = len(media.container.streams.audio)
    if streams > 1:
        found["several_audio_streams"] = (
            f"The file has {streams} audio streams; stream {media.stream.index} is used."
        )
    return [{"code": code, "message": message} for code, message in found.items()]


def _left_out(decoded: Decoded, media: Media) -> dict[str, str]:
    found: dict[str, str] = {}
    if media.wav is not None and media.wav.unread_bytes:
        found["sound_left_out"] = (
            f"Behind the {decoded.seconds:.1f} seconds that the WAV file's header declares lie "
            f"{media.wav.unread_bytes} bytes more, which are left out. If they are sound, repair "
            f"the header, or send recordings that were put together one by one."
        )
    if media.silent_parts:
        found["sound_left_out"] = (
            f"The file is several recordings, one behind the other. {media.silent_parts} of "
            f"{media.part_count} can't be decoded and are left out."
        )
    if decoded.goes_on:
        found["sound_left_out"] = (
            f"The sound that is used ends after {decoded.seconds:.1f} seconds, and other sound "
            f"goes on behind it, which is left out. Send what follows as a recording of its own."
        )
    return found


def _shift(decoded: Decoded, media: Media) -> str:
    """Say by how much times behind damage are wrong."""
    if decoded.timed:
        return ""
    declared = declared_seconds(media)
    # More than is declared: recordings were put together, and only the first one is counted.
    if declared is None or decoded.seconds > declared + _LEAST_MISSING_SECONDS:
        return " Times behind them may be too early; by how much can't be known."
    missing = declared - decoded.seconds
    if missing < _LEAST_MISSING_SECONDS:
        return ""
    return (
        f" {missing:.1f} of the {declared:.1f} seconds that the file declares are missing; times "
        f"behind the damage may be too early by as much."
    )


def _gap_warnings(decoded: Decoded) -> dict[str, str]:
    found: dict[str, str] = {}
    if decoded.silence:
        purpose = "" if decoded.unfilled else ", so that all times stay right"
        found["gaps_filled"] = (
            f"The recording has gaps; {decoded.silence:.1f} seconds of silence stand for "
            f"them{purpose}."
        )
    if decoded.unfilled:
        found["gaps_left_out"] = (
            f"The recording has gaps that are too long to fill. Times behind the first of them are "
            f"too early, at the end by {decoded.unfilled:.1f} seconds."
        )
    return found
