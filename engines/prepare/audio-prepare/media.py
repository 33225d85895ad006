"""Opens a recording with FFmpeg's libraries, so that nothing but this one file can be read."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, NoReturn

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.container import InputContainer

from dalston.engine_sdk import TaskFailed
from joined_files import Places, find_recordings
from signature import Signature, read_signature
from wav_header import WavHeader, read_wav_header

DEMUXERS = (
    "3dostr,aa,aac,ac3,ac4,act,adp,adx,aea,aiff,amr,amrnb,amrwb,ape,apm,aptx,asf,asf_o,ast,au,avi,"
    "avr,bonk,caf,codec2,dsf,dss,dts,dtshd,dv,eac3,flac,flv,g722,g726,g729,gsm,gxf,hca,iamf,iff,"
    "ilbc,ircam,kux,latm,lc3,live_flv,loas,matroska,webm,mlp,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,"
    "mpeg,mpegts,mxf,nistsphere,nsv,nut,ogg,oma,osq,paf,pvf,qcp,qoa,rka,rm,rso,sbc,sds,shn,sln,sol,"
    "sox,spdif,tak,truehd,tta,vivo,voc,vqf,w64,wav,wavarc,wsd,wtv,wv,wve,xwma"
)
"""Readers of containers that hold their own sound. None of them opens a second file; those for
playlists, manifests, image sequences, devices and addresses are left out on purpose."""

LOWEST_RATE = 4_000
HIGHEST_RATE = 768_000
MOST_CHANNELS = 32

_PROTECTED_TAGS = frozenset({"enca", "drms", "aavd"})
"""Codec tags of encrypted sound: common encryption (ISO/IEC 23001-7), FairPlay, Audible."""
_NO_SOUND = frozenset({"undecodable_audio", "unsupported_codec", "no_audio_stream"})
"""Why a part of a file is left out rather than the whole refused."""
_ASF_PROTECTION = frozenset({"ASF_Protection_Type", "ASF_Key_ID", "WM/WMADRCPeakReference.drm"})
_BUFFER_BYTES = 128 * 1024
_TAGS_OF_ANY_ENCODING: dict[str, Any] = (
    {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}  # noqa: PLR2004
)
"""PyAV before 19 stumbles over tags that are not UTF-8 unless it is told not to."""


@dataclass(frozen=True)
class Part:
    """What is decoded at once: the whole file, or one of several recordings in it.

    Attributes:
        start: Bytes of the file in front of it.
        end: Where in the file it ends.
        container: FFmpeg's view of it.
        stream: The sound that is decoded.
    """

    start: int
    end: int
    container: InputContainer
    stream: AudioStream


class Media:
    """One opened recording.

    Attributes:
        file: The file, open; where it stands is FFmpeg's business until all is decoded.
        container: FFmpeg's view of the file, or of its first part that has sound.
        stream: The sound that is decoded, or its first part.
        name: The container's name: `mp3`, `webm`, `m4a` …
        file_bytes: The file's size.
        wav: The header, if it is a WAV file.
        counts_frames: Whether an MP3 file declares its length.
        part_count: How many parts the file has.
        silent_parts: How many of those opened so far have no sound that can be decoded.
    """

    def __init__(
        self,
        file: BinaryIO,
        file_bytes: int,
        container: InputContainer,
        signature: Signature,
        wav: WavHeader | None,
        *,
        places: Places,
        first: int,
    ) -> None:
        self.file = file
        self.container = container
        self.wav = wav
        self.counts_frames = signature.counts_frames
        self.file_bytes = file_bytes
        self.name = signature.name or container.format.name.split(",")[0]
        self.stream = _choose_stream(container, wav)
        self.part_count = len(places)
        self.silent_parts = first
        self._places = places[first:]
        self._signature = signature

    def parts(self) -> Iterator[Part]:
        """Give the file's parts in order, each open until the next one is asked for.

        FFmpeg reads some such files in one go, but gives up where channels or rate change, or
        passes over the beginning of what comes behind the first one.
        """
        yield Part(*self._places[0], self.container, self.stream)
        for start, end in self._places[1:]:
            part = self._open_part(start, end)
            if part is None:
                self.silent_parts += 1
                continue
            with part.container:
                yield part

    def _open_part(self, start: int, end: int) -> Part | None:
        try:
            container = _open_container(_Nameless(self.file, start, end), self._signature)
            return Part(start, end, container, _choose_stream(container, None))
        except TaskFailed as failure:
            if failure.code not in _NO_SOUND:
                raise
            return None


@contextmanager
def open_media(file: BinaryIO) -> Iterator[Media]:
    """Open a recording, whatever its name.

    Args:
        file: The file, open for reading; it can be sought in. It is the only one that is read.

    Yields:
        The opened recording, with a stream of sound that can be decoded.

    Raises:
        TaskFailed: It isn't a recording, or none that can be used; see `docs/engines.md`.
    """
    file_bytes = file.seek(0, io.SEEK_END)
    signature = read_signature(file)
    _refuse_what_is_no_media(signature, file_bytes)
    wav = read_wav_header(file, file_bytes) if signature.name == "wav" else None
    if wav is not None:
        _check_wav(wav)
    places = find_recordings(file, file_bytes, signature.name)
    first, container = _open_first(file, places, signature, wav)
    with container:
        yield Media(file, file_bytes, container, signature, wav, places=places, first=first)


def _open_first(
    file: BinaryIO, places: Places, signature: Signature, wav: WavHeader | None
) -> tuple[int, InputContainer]:
    """Open the first of a file's parts that has sound, and say which one that is.

    Raises:
        TaskFailed: None has; says why the very first one hasn't.
    """
    failures: list[TaskFailed] = []
    for number, place in enumerate(places):
        try:
            container = _open_container(_Nameless(file, *place), signature)
            _choose_stream(container, wav)
        except TaskFailed as failure:
            if failure.code not in _NO_SOUND:
                raise
            failures.append(failure)
        else:
            return number, container
    raise failures[0]


def check_rate(rate: int) -> None:
    """Refuse sample rates that no speech is recorded with.

    Raises:
        TaskFailed: `unsupported_sample_rate`.
    """
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise TaskFailed(
            "unsupported_sample_rate",
            f"The recording has {rate} samples per second; {LOWEST_RATE} to {HIGHEST_RATE} are "
            f"supported. Export it again, best with 16000 or more.",
        )


def check_channels(channels: int) -> None:
    """Refuse counts of channels that no recording has.

    Raises:
        TaskFailed: `unsupported_channels`.
    """
    if not 1 <= channels <= MOST_CHANNELS:
        raise TaskFailed(
            "unsupported_channels",
            f"The recording has {channels} channels; 1 to {MOST_CHANNELS} are supported. Export "
            f"it again with one or two.",
        )


class _Nameless:
    """A part of a file, without the file's name: FFmpeg would believe the name's extension."""

    def __init__(self, file: BinaryIO, start: int, end: int) -> None:
        self._file = file
        self._start = start
        self._end = end
        file.seek(start)

    def read(self, size: int) -> bytes:
        return self._file.read(max(0, min(size, self._end - self._file.tell())))

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self._end - self._start}
        position = base.get(whence, -1) + offset
        try:
            return self._file.seek(self._start + position) - self._start if position >= 0 else -1
        except (OSError, ValueError, OverflowError):
            return -1  # a damaged file points outside of itself; FFmpeg knows what to do

    def tell(self) -> int:
        return self._file.tell() - self._start


def _open_container(file: _Nameless, signature: Signature) -> InputContainer:
    try:
        opened: InputContainer = av.open(
            file,
            "r",
            options={"format_whitelist": DEMUXERS, "protocol_whitelist": "none"},
            buffer_size=_BUFFER_BYTES,
            io_open=_refuse_second_file,
            **_TAGS_OF_ANY_ENCODING,
        )
    except (av.FFmpegError, PermissionError, ValueError) as error:
        hint = " The recording may not have been finished." if signature.name else ""
        raise TaskFailed(
            "undecodable_audio",
            f"The file can't be read as audio or video ({_reason(error)}).{hint} Play it on your "
            f"own computer; if that works, convert it to FLAC or MP3 and send that.",
        ) from error
    return opened


def _refuse_second_file(_url: str, _flags: int, _options: dict[str, str]) -> NoReturn:
    raise PermissionError("a recording may not open another file")


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or type(error).__name__).lower()


def _refuse_what_is_no_media(signature: Signature, file_bytes: int) -> None:
    if signature.kind == "empty":
        if file_bytes:
            raise TaskFailed(
                "no_audio_stream", "The file has tags but no sound. Send the recording itself."
            )
        raise TaskFailed("no_audio", "The file is empty. Send the recording itself.")
    if signature.kind == "playlist":
        raise TaskFailed(
            "unsupported_container",
            "The file is a playlist: it has no sound but names other files or addresses, which "
            "are never opened. Send the recording itself.",
        )
    if signature.kind == "foreign":
        raise TaskFailed(
            "unsupported_media",
            f"The file is {signature.name}, not audio or video. Send the recording itself.",
        )


def _check_wav(wav: WavHeader) -> None:
    if wav.channels is not None:
        check_channels(wav.channels)
    if wav.sample_rate is not None:
        check_rate(wav.sample_rate)
    if wav.channels is not None and not wav.has_data:
        raise TaskFailed(
            "no_audio", "The WAV file has a header but no samples. Record it again and send that."
        )


def _choose_stream(container: InputContainer, wav: WavHeader | None) -> AudioStream:
    streams = container.streams.audio
    if not streams:
        raise TaskFailed(
            "no_audio_stream",
            "The file has pictures but no sound. Send a recording with an audio track.",
        )
    best = container.streams.best("audio")
    stream = best if isinstance(best, AudioStream) else streams[0]
    _refuse_protected(container, stream)
    context: AudioCodecContext | None = stream.codec_context
    if context is None:
        raise TaskFailed(
            "unsupported_codec",
            "The sound is stored in a way that can't be decoded here. Convert it to FLAC or MP3.",
        )
    # Some formats tell rate and channels only with the first frame; then both are 0 here.
    if context.sample_rate:
        check_rate(context.sample_rate)
    if context.channels or wav is not None:
        check_channels(context.channels)
    return stream


def _refuse_protected(container: InputContainer, stream: AudioStream) -> None:
    if _codec_tag(stream) in _PROTECTED_TAGS or _ASF_PROTECTION & set(container.metadata):
        raise TaskFailed(
            "encrypted_media",
            "The recording is encrypted (protected against copying). Send one without protection.",
        )


def _codec_tag(stream: AudioStream) -> str:
    context: AudioCodecContext | None = stream.codec_context
    try:
        return context.codec_tag if context is not None else ""
    except UnicodeDecodeError:
        return ""
