"""What audio-prepare makes of channels that are to be kept apart."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dalston.engine_sdk.testing import EngineUnderTest
from dalston.engine_sdk.types import TaskOutput
from tests.engines.sounds import tone, write_wav
from tests.engines.speech_clips import RATE, read_aloud, silence
from tests.engines.test_prepare_formats import read_wav
from tests.support.recordings import needs_recordings

Samples = NDArray[np.int16]


def split(prepare: EngineUnderTest, folder: Path, *channels: Samples, **config: Any) -> TaskOutput:
    """Prepare a recording of some channels, each as long as the longest of them."""
    length = max(len(channel) for channel in channels)
    padded = [np.pad(channel, (0, length - len(channel))) for channel in channels]
    path = write_wav(folder / "a.wav", np.stack(padded, axis=1), channels=len(channels))
    return prepare.process(
        path, config={"channels": "split", **config}, keep_files_in=folder / "kept"
    )


def codes(output: TaskOutput) -> list[str]:
    return [warning["code"] for warning in output.data["warnings"]]


def voices(count: int) -> list[Samples]:
    """So many people, each with a second of silence in front."""
    return [np.concatenate([silence(1), clip]) for clip, _ in read_aloud()[:count]]


@needs_recordings
def test_each_channel_is_cut_in_its_own_pauses(prepare: EngineUnderTest, tmp_path: Path) -> None:
    clips = [clip for clip, _ in read_aloud()]
    left = np.concatenate(clips[:4])
    right = np.concatenate([silence(12), *clips[4:6]])
    output = split(prepare, tmp_path, left, right, chunk_seconds=8)

    assert codes(output) == []
    chunks = output.data["chunks"]
    assert [chunk["core_start"] for chunk in chunks] == sorted(c["core_start"] for c in chunks)
    assert chunks[0]["channel"] == 1, "the channel with more speech comes first"
    assert set(output.files) == {"audio.wav", *(chunk["file"] for chunk in chunks)}
    for number, original in ((1, left), (2, right)):
        own = [chunk for chunk in chunks if chunk["channel"] == number]
        assert len(own) > 1
        assert (own[0]["core_start"], own[-1]["core_end"]) == (0, output.data["duration"])
        assert all(first["core_end"] == second["core_start"] for first, second in pairwise(own))
        for chunk in own:
            samples = read_wav(output.files[chunk["file"]])
            start = round(chunk["start"] * RATE)
            expected = original[start : start + len(samples)]
            assert np.abs(samples[: len(expected)].astype(int) - expected).max() <= 1
    mix = read_wav(output.files["audio.wav"])
    assert len(mix) == max(len(left), len(right))


@needs_recordings
def test_a_channel_in_which_nobody_speaks_is_left_out(
    prepare: EngineUnderTest, tmp_path: Path
) -> None:
    rng = np.random.default_rng(3)
    hiss = (rng.normal(size=RATE * 4) * 8).astype(np.int16)
    (voice,) = voices(1)
    output = split(prepare, tmp_path, hiss, voice, silence(2))

    assert [chunk["channel"] for chunk in output.data["chunks"]] == [2]
    assert codes(output) == ["silent_channel", "silent_channel"]
    assert "channel 1" in output.data["warnings"][0]["message"]


@needs_recordings
@pytest.mark.parametrize("gain", [1.0, 0.95, 0.85, 0.3, -0.5])
def test_the_same_sound_in_all_channels_is_transcribed_once(
    prepare: EngineUnderTest, tmp_path: Path, gain: float
) -> None:
    (voice,) = voices(1)
    output = split(prepare, tmp_path, voice, (voice * gain).astype(np.int16))

    assert codes(output) == ["channels_not_split"]
    assert "same sound" in output.data["warnings"][0]["message"]
    assert all("channel" not in chunk for chunk in output.data["chunks"])
    assert len(output.data["chunks"]) == 1


@needs_recordings
@pytest.mark.parametrize("other", ["empty", "later", "with another voice"])
def test_what_differs_is_kept_apart(prepare: EngineUnderTest, tmp_path: Path, other: str) -> None:
    voice, another = voices(2)
    length = min(len(voice), len(another))
    right = {
        "empty": silence(1),
        "later": np.concatenate([silence(0.01), voice]),
        "with another voice": voice[:length] // 2 + another[:length] // 2,
    }[other]
    output = split(prepare, tmp_path, voice, right)
    assert "channels_not_split" not in codes(output)
    assert all("channel" in chunk for chunk in output.data["chunks"])


@needs_recordings
@pytest.mark.parametrize(("count", "told"), [(1, "only one"), (9, "it has 9, and up to 8")])
def test_what_can_not_be_split_is_mixed(
    prepare: EngineUnderTest, tmp_path: Path, count: int, told: str
) -> None:
    output = split(prepare, tmp_path, *voices(count))
    assert codes(output) == ["channels_not_split"]
    assert told in output.data["warnings"][0]["message"]
    assert [chunk["file"] for chunk in output.data["chunks"]] == ["chunk-00000.wav"]


@needs_recordings
def test_more_than_two_channels(prepare: EngineUnderTest, tmp_path: Path) -> None:
    output = split(prepare, tmp_path, *voices(4))
    assert codes(output) == []
    assert sorted(chunk["channel"] for chunk in output.data["chunks"]) == [1, 2, 3, 4]


def test_nobody_speaks_in_any_channel(prepare: EngineUnderTest, tmp_path: Path) -> None:
    output = split(prepare, tmp_path, tone(1), tone(1, frequency=600))
    assert codes(output) == ["channels_not_split"]
    assert len(output.data["chunks"]) == 1
    assert "channel" not in output.data["chunks"][0]
