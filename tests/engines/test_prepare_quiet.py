"""Recordings at a level at which the voice detector misses speech."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dalston.engine_sdk.testing import EngineUnderTest
from tests.engines.sounds import tone, write_wav
from tests.engines.speech_clips import read_sound, silence
from tests.engines.test_prepare_channels import codes, split
from tests.support.recordings import SPEECH, needs_recordings


@pytest.mark.parametrize(("peak", "told"), [(0, False), (1, True), (184, True), (190, False)])
def test_a_recording_is_told_to_be_very_quiet(
    prepare: EngineUnderTest, tmp_path: Path, peak: int, told: bool
) -> None:
    samples = silence(1)
    samples[8000] = -peak
    output = prepare.process(write_wav(tmp_path / "a.wav", samples))
    assert codes(output) == (["very_quiet"] if told else [])


def test_one_loud_moment_is_enough(prepare: EngineUnderTest, tmp_path: Path) -> None:
    samples = np.concatenate([tone(1.0) // 200, tone(0.5)])
    assert codes(prepare.process(write_wav(tmp_path / "a.wav", samples))) == []


def test_one_loud_channel_is_enough(prepare: EngineUnderTest, tmp_path: Path) -> None:
    output = split(prepare, tmp_path, tone(1.0) // 200, tone(1.0))
    assert "very_quiet" not in codes(output)


@needs_recordings
def test_speech_that_is_missed_is_in_a_recording_that_is_told(
    prepare: EngineUnderTest, tmp_path: Path
) -> None:
    speech = read_sound(SPEECH / "en_jfk.flac").astype(float)
    speech *= 10 ** (-57 / 20) * 32_767 / np.abs(speech).max()
    output = prepare.process(write_wav(tmp_path / "a.wav", np.rint(speech).astype(np.int16)))
    assert output.data["speech_seconds"] < 3
    (warning,) = output.data["warnings"]
    assert warning["code"] == "very_quiet"
    assert "57 dB" in warning["message"]
