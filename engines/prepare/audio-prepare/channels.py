"""Keeps the channels of a recording apart: each is cut into chunks of its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import Any, Self

import numpy as np

from dalston.engine_sdk import TaskInput
from mono import MonoConverter
from prepared_audio import WHOLE, PreparedAudio, Track
from wav_writer import WavWriter

MOST_CHANNELS = 8
"""How many are kept apart; more are those of a film or a concert, not of people."""
_LEAST_SPEECH_SECONDS = 0.1
"""With less speech nobody speaks in a channel."""
_ALIKE = 0.01
"""Share of the channels' energy in what differs between them once they are equally loud, up to
which it is the same sound: 20 dB. In a call each channel has its own voice, and the share is near
1."""

Warnings = list[dict[str, str]]


def channels_to_split(channels: int) -> tuple[int, Warnings]:
    """Return how many channels are kept apart; none if that makes no sense.

    Args:
        channels: How many the recording has.
    """
    if channels == 1:
        return 0, [_not_split("it has only one")]
    if not 1 < channels <= MOST_CHANNELS:
        return 0, [_not_split(f"it has {channels}, and up to {MOST_CHANNELS} are kept apart")]
    return channels, []


class SplitAudio:
    """Makes `audio.wav` of all channels mixed, and chunks of each channel.

    They go to the store as they are made. Should the channels turn out to be alike, the chunks of
    all but the first stay there unused until the job is deleted.

    Args:
        task: Keeps the files.
        count: How many channels the recording has.
        new_channel: Makes what cuts a channel, of the channel's number.

    Attributes:
        chunks: As those of `PreparedAudio`, with `channel` where the channels are apart; of those
            that begin together that of the channel with more speech comes first.
    """

    def __init__(
        self, task: TaskInput, count: int, new_channel: Callable[[int], PreparedAudio]
    ) -> None:
        self._task = task
        self._channels = {number: new_channel(number) for number in range(1, count + 1)}
        self._likeness = _Likeness(count)
        self._open = ExitStack()
        self._whole: WavWriter | None = None
        self.chunks: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        file = self._open.enter_context(self._task.create(WHOLE))
        self._whole = WavWriter(file, self._task.config["longest_seconds"])
        for channel in self._channels.values():
            self._open.enter_context(channel)
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
        """What takes the decoded sound: the mix, and each channel."""
        channels = [
            (MonoConverter(number), partial(self._take, number)) for number in self._channels
        ]
        return [(MonoConverter(), self._take_mix), *channels]

    @property
    def speech_seconds(self) -> float:
        """Seconds in which somebody speaks, those of all channels together."""
        return sum(channel.speech_seconds for channel in self._kept.values())

    @property
    def warnings(self) -> Warnings:
        """What the user should know."""
        if self._likeness.alike:
            return [_not_split("the same sound is in all of them")]
        if not self._heard:
            return [_not_split("nobody speaks in any of them")]
        silent = [number for number in self._channels if number not in self._heard]
        return [
            {
                "code": "silent_channel",
                "message": f"Nobody speaks in channel {number}, so it has no text.",
            }
            for number in silent
        ]

    def finish(self, duration: float) -> None:
        """Keep what is left: there are no more samples.

        Args:
            duration: Seconds of the recording, where the last chunk of each channel ends.
        """
        for channel in self._channels.values():
            channel.listen_to_end()
        kept = self._kept
        for channel in kept.values():
            channel.keep_rest(duration)
        if not self._is_split:
            self.chunks = next(iter(kept.values())).chunks
            return
        described = [
            (channel.speech_seconds, {**chunk, "channel": number})
            for number, channel in kept.items()
            for chunk in channel.chunks
        ]
        described.sort(key=lambda pair: (pair[1]["core_start"], -pair[0]))
        self.chunks = [chunk for _, chunk in described]

    def _take_mix(self, pcm: bytes) -> None:
        if self._whole is not None:
            self._whole.write(pcm)

    def _take(self, number: int, pcm: bytes) -> None:
        self._likeness.take(number, pcm)
        self._channels[number].write(pcm)

    @property
    def _heard(self) -> dict[int, PreparedAudio]:
        return {
            number: channel
            for number, channel in self._channels.items()
            if channel.speech_seconds >= _LEAST_SPEECH_SECONDS
        }

    @property
    def _is_split(self) -> bool:
        return bool(self._heard) and not self._likeness.alike

    @property
    def _kept(self) -> dict[int, PreparedAudio]:
        """The channels whose chunks count; one stands for all if they are alike."""
        return self._heard if self._is_split else {1: self._channels[1]}


class _Likeness:
    """Compares channels with the first one, as their samples come.

    One that is another louder, quieter or upside down is the same sound.
    """

    def __init__(self, count: int) -> None:
        self._waiting = {number: bytearray() for number in range(1, count + 1)}
        self._energy = np.zeros(count)
        self._cross = np.zeros(count)

    @property
    def alike(self) -> bool:
        """Whether all channels have the same sound, and any sound."""
        if not self._energy.all():
            return False
        # One voice is often a little louder at one side: levels don't count.
        loudness = np.sqrt(self._energy * self._energy[0])
        return bool((1 - np.abs(self._cross) / loudness <= _ALIKE).all())

    def take(self, number: int, pcm: bytes) -> None:
        """Take samples of one channel."""
        self._waiting[number] += pcm
        length = min(len(waiting) for waiting in self._waiting.values())
        if not length:
            return
        rows = [np.frombuffer(bytes(waiting[:length]), "<i2") for waiting in self._waiting.values()]
        samples = np.array(rows, np.float64)
        self._energy += (samples**2).sum(axis=1)
        self._cross += (samples * samples[0]).sum(axis=1)
        for waiting in self._waiting.values():
            del waiting[:length]


def _not_split(why: str) -> dict[str, str]:
    return {
        "code": "channels_not_split",
        "message": f"The channels of the recording are not kept apart, because {why}.",
    }
