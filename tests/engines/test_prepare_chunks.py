"""The chunks that audio-prepare makes of real speech, and of what is none."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dalston.engine_sdk.testing import EngineUnderTest
from tests.engines.sounds import ENGINES, tone, write_wav
from tests.engines.speech_clips import RATE, read_aloud, read_sound, silence
from tests.engines.test_prepare_formats import read_wav
from tests.support.deployment import REPOSITORY
from tests.support.recordings import SPEECH, needs_recordings

FOLDER = ENGINES / "prepare" / "audio-prepare"
Chunks = list[dict[str, Any]]


def prepared(
    prepare: EngineUnderTest, tmp_path: Path, samples: NDArray[np.int16], **config: float
) -> tuple[dict[str, Any], NDArray[np.int16], list[NDArray[np.int16]]]:
    """Its output, the whole recording and the chunks; checks what holds for all of them."""
    path = write_wav(tmp_path / "recording.wav", samples)
    output = prepare.process(path, config=config, keep_files_in=tmp_path / "kept")
    chunks: Chunks = output.data["chunks"]
    names = [chunk["file"] for chunk in chunks]
    assert names == [f"chunk-{number:05d}.wav" for number in range(len(chunks))]
    assert set(output.files) == {"audio.wav", *names}
    whole = read_wav(output.files["audio.wav"])
    pieces = [read_wav(output.files[name]) for name in names]
    for chunk, piece in zip(chunks, pieces, strict=True):
        start, end = round(chunk["start"] * RATE), round(chunk["end"] * RATE)
        assert np.array_equal(whole[start:end], piece)
    cores = [(chunk["core_start"], chunk["core_end"]) for chunk in chunks]
    assert (cores[0][0], cores[-1][1]) == (0, output.data["duration"])
    assert all(before[1] == after[0] for before, after in pairwise(cores))
    return output.data, whole, pieces


def loudness(samples: NDArray[np.int16], at: float) -> float:
    """Root of the mean square of a tenth of a second around a time."""
    first, last = (round((at + side * 0.05) * RATE) for side in (-1, 1))
    return float(np.sqrt(np.mean(samples[first:last].astype(float) ** 2)))


@needs_recordings
@pytest.mark.parametrize("seconds", [20, 45])
def test_cuts_lie_in_silence(prepare: EngineUnderTest, tmp_path: Path, seconds: int) -> None:
    recording = np.concatenate([clip for clip, _ in read_aloud()])
    data, whole, pieces = prepared(prepare, tmp_path, recording, chunk_seconds=seconds)
    chunks: Chunks = data["chunks"]
    assert len(chunks) > 200 / seconds
    assert np.array_equal(np.concatenate(pieces), whole), "no overlap, nothing left out"
    for chunk in chunks[1:]:
        at = chunk["start"]
        around = [loudness(whole, at + step / 10) for step in range(-40, 41)]
        # Some of the readings are noisy: silence is what is as quiet as it gets there.
        mean = np.sqrt(np.mean(np.square(around)))
        assert loudness(whole, at) < max(0.1 * mean, 1.5 * np.quantile(around, 0.15))
        assert loudness(whole, at) < 0.35 * mean
    for chunk in chunks[:-1]:
        assert 0.4 * seconds < chunk["end"] - chunk["start"] < 1.7 * seconds
    assert 0.6 * data["duration"] < data["speech_seconds"] < data["duration"]


@needs_recordings
@pytest.mark.parametrize(
    "name", ["en_jfk.flac", "de_pico_test_de.wav", "en_2spk_samesex_mono.flac"]
)
def test_what_is_short_is_one_chunk(prepare: EngineUnderTest, tmp_path: Path, name: str) -> None:
    data, whole, (piece,) = prepared(prepare, tmp_path, read_sound(SPEECH / name))
    assert np.array_equal(whole, piece)
    assert data["speech_seconds"] > 0.5 * data["duration"]


@needs_recordings
def test_minutes_of_silence_are_in_no_chunk(prepare: EngineUnderTest, tmp_path: Path) -> None:
    clips = [clip for clip, _ in read_aloud()[:5]]
    recording = np.concatenate([*clips[:2], silence(500), *clips[2:], silence(400)])
    data, whole, pieces = prepared(prepare, tmp_path, recording)
    assert len(whole) == len(recording)
    spoken = sum(map(len, clips)) / RATE
    assert len(pieces) == 2
    assert sum(map(len, pieces)) / RATE < spoken + 50
    before = sum(map(len, clips[:2])) / RATE
    first, second = data["chunks"]
    assert first["end"] > before
    assert second["start"] < before + 500


@needs_recordings
def test_where_nobody_pauses_chunks_overlap(prepare: EngineUnderTest, tmp_path: Path) -> None:
    readings = [np.concatenate([clip for clip, _ in read_aloud()[n : n + 10]]) for n in (0, 10, 20)]
    length = min(map(len, readings))
    crowd = sum(reading[:length].astype(np.int32) for reading in readings)
    samples = np.clip(crowd, -32_768, 32_767).astype(np.int16)
    data, _, _ = prepared(prepare, tmp_path, samples, chunk_seconds=10)
    joins = list(pairwise(data["chunks"]))
    overlapping = [(one, two) for one, two in joins if one["end"] > two["start"]]
    assert overlapping, "three voices at once leave pauses everywhere"
    for before, after in overlapping:
        assert before["end"] - before["core_end"] == pytest.approx(2, abs=0.04)
        assert after["core_start"] - after["start"] == pytest.approx(2, abs=0.04)


@pytest.mark.parametrize("samples", [1, 100, 40_000])
def test_a_recording_without_speech_is_one_chunk(
    prepare: EngineUnderTest, tmp_path: Path, samples: int
) -> None:
    data, whole, (piece,) = prepared(prepare, tmp_path, tone(3.0)[:samples])
    assert len(whole) == len(piece) == samples
    assert data["speech_seconds"] <= 0.1


@pytest.mark.parametrize("chunk_seconds", [0, 1, 10_000])
def test_lengths_of_chunks_have_limits(
    prepare: EngineUnderTest, tmp_path: Path, chunk_seconds: int
) -> None:
    from dalston.common.errors import ConfigurationError

    path = write_wav(tmp_path / "a.wav", tone(0.1))
    with pytest.raises(ConfigurationError):
        prepare.process(path, config={"chunk_seconds": chunk_seconds})


def test_the_voice_detector_needs_nothing_of_the_transcriber(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", tone(1.0))
    code = (
        "import sys; from pathlib import Path; from dalston.engine_sdk.testing import run_engine; "
        "run_engine(Path(sys.argv[1]), Path(sys.argv[2])); "
        "print(sorted({'faster_whisper', 'ctranslate2', 'tokenizers'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(FOLDER), str(path)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


GROWTH = """
import json, resource, sys
from pathlib import Path
from dalston.engine_sdk.testing import open_engine

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

folder, short, long = map(Path, sys.argv[1:])
with open_engine(folder) as engine:
    engine.process(short)
    before = peak()
    chunks = engine.process(long).data["chunks"]
print(json.dumps([len(chunks), peak() - before]))
"""


def growth(tmp_path: Path, samples: NDArray[np.int16]) -> tuple[int, float]:
    """Chunks of a recording, and megabytes that it takes more than two seconds of it."""
    short = write_wav(tmp_path / "short.wav", samples[: 2 * RATE])
    long = write_wav(tmp_path / "long.wav", samples)
    command = [sys.executable, "-c", GROWTH, *map(str, (FOLDER, short, long))]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    chunks, megabytes = json.loads(done.stdout)
    return chunks, megabytes


def test_ten_minutes_of_noise_take_no_more_memory_than_two_seconds(tmp_path: Path) -> None:
    chance = np.random.default_rng(5)
    noise = chance.normal(0, 4000, 600 * RATE).astype(np.int16)
    chunks, megabytes = growth(tmp_path, noise)
    assert chunks == 1
    assert megabytes < 25


@needs_recordings
def test_half_an_hour_of_speech_takes_no_more_memory_than_two_seconds(tmp_path: Path) -> None:
    once = np.concatenate([clip for clip, _ in read_aloud()])
    chunks, megabytes = growth(tmp_path, np.tile(once, 5))
    assert chunks > 25
    assert megabytes < 25
