"""What audio-prepare makes of channels whose mean is silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dalston.engine_sdk.testing import EngineUnderTest
from tests.engines.sounds import tone, write_wav
from tests.engines.speech_clips import RATE, read_aloud, silence
from tests.engines.test_prepare_channels import codes, split
from tests.engines.test_prepare_formats import read_wav
from tests.support.recordings import needs_recordings

Samples = NDArray[Any]


def mixed(
    prepare: EngineUnderTest, folder: Path, *channels: Samples
) -> tuple[list[str], NDArray[np.int16]]:
    """Return the warnings, and what is made of a recording with these channels."""
    path = write_wav(folder / "a.wav", np.stack(channels, axis=1), channels=len(channels))
    output = prepare.process(path, keep_files_in=folder / "kept")
    return codes(output), read_wav(output.files["audio.wav"])


def voices() -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Two people, with pauses, for as long."""
    clips = [clip for clip, _ in read_aloud()]
    first = np.concatenate([silence(1), clips[0], silence(2), clips[1]])
    second = np.concatenate([clips[12], silence(2), clips[13], silence(1)])
    length = min(len(first), len(second))
    return first[:length], second[:length]


@needs_recordings
@pytest.mark.parametrize("hiss", [0, 20])
@pytest.mark.parametrize("gain", [1.0, 0.9])
def test_a_channel_upside_down_does_not_silence_the_other(
    prepare: EngineUnderTest, tmp_path: Path, gain: float, hiss: int
) -> None:
    voice, _ = voices()
    rng = np.random.default_rng(4)
    left, right = (
        np.asarray(voice * sign + rng.normal(size=len(voice)) * hiss, np.int16)
        for sign in (1.0, -gain)
    )
    found, samples = mixed(prepare, tmp_path, left, right)
    assert found == ["channels_cancel"]
    assert len(samples) == len(voice)
    kept = np.square(samples, dtype=float).sum() / np.square(left, dtype=float).sum()
    assert kept > 0.98
    assert np.corrcoef(samples, left)[0, 1] > 0.99


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int32, np.float32])
def test_samples_of_every_kind_are_heard(
    prepare: EngineUnderTest, tmp_path: Path, kind: Any
) -> None:
    plain = tone(3.0) / 32_768
    left, right = (
        plain * sign
        if kind is np.float32
        else plain * sign * np.iinfo(kind).max / (2 if kind is np.uint8 else 1)
        + (128 if kind is np.uint8 else 0)
        for sign in (1, -1)
    )
    found, samples = mixed(prepare, tmp_path, left.astype(kind), right.astype(kind))
    assert found == ["channels_cancel"]
    assert np.abs(samples.astype(int)).max() > 3500


def test_silence_in_front_is_not_replaced_by_silence(
    prepare: EngineUnderTest, tmp_path: Path
) -> None:
    """Of channels that cancel each other, one that has the sound stands for all."""
    sound = np.concatenate([silence(1), tone(3.0)])
    found, samples = mixed(prepare, tmp_path, np.zeros_like(sound), sound, -sound)
    assert found == ["channels_cancel"]
    assert np.abs(samples[-RATE:].astype(int)).max() > 8000


@needs_recordings
def test_real_stereo_stays_the_mean_of_both(prepare: EngineUnderTest, tmp_path: Path) -> None:
    first, second = voices()
    echo = np.roll(first, 57)
    places = [(first, second), (first, first), (first, silence(len(first) / RATE)), (first, echo)]
    near, far = 0.8 * first + 0.2 * second, 0.2 * first + 0.8 * second
    places.append((near.astype(np.int16), far.astype(np.int16)))
    places.append((first, (-0.3 * first).astype(np.int16)))
    for left, right in places:
        found, samples = mixed(prepare, tmp_path, left, right)
        assert found == []
        assert np.abs(samples - (left.astype(float) + right) / 2).max() <= 1


@needs_recordings
def test_a_channel_upside_down_is_no_second_speaker(
    prepare: EngineUnderTest, tmp_path: Path
) -> None:
    voice, _ = voices()
    output = split(prepare, tmp_path, voice, np.asarray(-0.95 * voice, np.int16))
    assert codes(output) == ["channels_cancel", "channels_not_split"]
    assert all("channel" not in chunk for chunk in output.data["chunks"])
    assert np.abs(read_wav(output.files["audio.wav"]).astype(int)).max() > 1000
