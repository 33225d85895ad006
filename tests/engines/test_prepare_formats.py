"""What audio-prepare makes of recordings in order."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dalston.common.engine_spec import read_engine
from dalston.engine_sdk.testing import EngineUnderTest
from tests.engines.sounds import ENGINES, encode, tone, write_wav

FORMATS: dict[str, dict[str, Any]] = {
    "mp3": {"container": "mp3", "codec": "libmp3lame"},
    "flac": {"container": "flac", "codec": "flac"},
    "ogg": {"container": "ogg", "codec": "libopus", "rate": 48_000},
    "webm": {"container": "webm", "codec": "libopus", "rate": 48_000, "with_video": True},
    "mkv": {"container": "matroska", "codec": "aac", "with_video": True},
    "mp4": {"container": "mp4", "codec": "aac", "with_video": True},
    "m4a": {"container": "ipod", "codec": "aac"},
    "mov": {"container": "mov", "codec": "pcm_s16le"},
    "aac": {"container": "adts", "codec": "aac"},
    "aiff": {"container": "aiff", "codec": "pcm_s16be"},
    "avi": {"container": "avi", "codec": "libmp3lame", "with_video": True},
    "ts": {"container": "mpegts", "codec": "aac"},
    "8k.wav": {"container": "wav", "codec": "pcm_s16le", "rate": 8000, "layout": "mono"},
    "mulaw.wav": {"container": "wav", "codec": "pcm_mulaw", "rate": 8000, "layout": "mono"},
    "s24.wav": {"container": "wav", "codec": "pcm_s24le"},
    "rf64.wav": {"container": "wav", "codec": "pcm_s16le", "options": {"rf64": "always"}},
    "surround.mka": {
        "container": "matroska",
        "codec": "ac3",
        "rate": 48_000,
        "layout": "5.1",
    },
}
VERSION = read_engine(ENGINES / "prepare" / "audio-prepare").version
CODECS = {"libmp3lame": "mp3", "libopus": "opus"}
CONTAINERS = {"ts": "mpegts", "mkv": "matroska", "surround.mka": "matroska"}


def read_wav(path: Path) -> NDArray[np.int16]:
    with wave.open(str(path), "rb") as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        assert len(samples) == file.getnframes()
        return samples


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_becomes_16_khz_mono(
    prepare: EngineUnderTest, tmp_path: Path, name: str
) -> None:
    asked = FORMATS[name]
    # The name says nothing: it is the content that counts.
    path = encode(tmp_path / "recording.bin", **asked)
    output = prepare.process(path, keep_files_in=tmp_path / "kept")
    data = output.data
    assert data["duration"] == pytest.approx(2.0, abs=0.06)
    assert data["sample_rate"] == asked.get("rate", 44_100)
    assert data["channels"] == {"mono": 1, "5.1": 6}.get(asked.get("layout", ""), 2)
    assert data["codec"] == CODECS.get(asked["codec"], asked["codec"])
    assert data["container"] == CONTAINERS.get(name, name.rpartition(".")[2])
    assert data["warnings"] == []
    assert data["engine"] == {"id": "audio-prepare", "version": VERSION}
    samples = read_wav(output.files["audio.wav"])
    assert len(samples) / 16_000 == pytest.approx(data["duration"], abs=0.001)
    assert loudest_frequency(samples) == pytest.approx(440, abs=2)
    middle = samples[8_000:24_000].astype(float)
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(8192 / np.sqrt(2), rel=0.25)


def test_channels_are_mixed_to_their_mean(prepare: EngineUnderTest, tmp_path: Path) -> None:
    channels = np.stack([tone(1.0), np.zeros(16_000, np.int16), tone(1.0)], axis=1)
    path = write_wav(tmp_path / "three.wav", channels, channels=3)
    output = prepare.process(path, keep_files_in=tmp_path / "kept")
    expected = np.rint(tone(1.0).astype(float) * 2 / 3)
    difference = read_wav(output.files["audio.wav"]) - expected
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("layout", ["7.1", "octagonal", "hexadecagonal"])
def test_more_planes_than_a_frame_has_pointers_for(
    prepare: EngineUnderTest, tmp_path: Path, layout: str
) -> None:
    """Films and games are recorded so; one that has gaps shows that silence is made of them too."""
    path = tmp_path / "surround.mka"
    rows = tone(6.0, 48_000)
    kind: dict[str, Any] = {"rate": 48_000, "layout": layout, "skip_seconds": (2.0, 3.0)}
    encode(path, "matroska", "wavpack", samples=rows, **kind)
    output = prepare.process(path, keep_files_in=tmp_path / "kept")
    assert output.data["duration"] == pytest.approx(6.0, abs=0.1)
    samples = read_wav(output.files["audio.wav"]).astype(float)
    loud = [np.abs(samples[round(at * 16_000) :][:8000]).mean() > 1000 for at in (1, 3, 5.3)]
    assert loud == [True, False, True]


def test_what_needs_no_change_is_not_changed(prepare: EngineUnderTest, tmp_path: Path) -> None:
    path = write_wav(tmp_path / "exact.wav", tone(1.0))
    output = prepare.process(path, keep_files_in=tmp_path / "kept")
    assert np.array_equal(read_wav(output.files["audio.wav"]), tone(1.0))


@pytest.mark.parametrize("samples", [1, 100, 1_599])
def test_57_less_than_a_tenth_of_a_second_is_fine(
    prepare: EngineUnderTest, tmp_path: Path, samples: int
) -> None:
    path = write_wav(tmp_path / "short.wav", np.zeros(samples, np.int16))
    output = prepare.process(path, keep_files_in=tmp_path / "kept")
    assert output.data["duration"] == pytest.approx(samples / 16_000, abs=1e-6)
    assert len(read_wav(output.files["audio.wav"])) == samples


def test_57_silence_is_fine(prepare: EngineUnderTest, tmp_path: Path) -> None:
    path = write_wav(tmp_path / "silence.wav", np.zeros(32_000, np.int16))
    assert prepare.process(path).data["duration"] == 2.0


def test_tags_in_any_encoding_do_no_harm(prepare: EngineUnderTest, tmp_path: Path) -> None:
    title = b"\xff\xfeGr\xfc\xdfe\x80"
    wav = write_wav(tmp_path / "a.wav", tone(0.5)).read_bytes()
    chunk = b"LIST" + (12 + len(title)).to_bytes(4, "little") + b"INFOINAM"
    (tmp_path / "b.wav").write_bytes(wav + chunk + len(title).to_bytes(4, "little") + title)
    assert prepare.process(tmp_path / "b.wav").data["duration"] == 0.5


def test_progress_rises_to_the_whole(prepare: EngineUnderTest, tmp_path: Path) -> None:
    told: list[tuple[float, float]] = []
    path = encode(tmp_path / "a.mp3", "mp3", "libmp3lame")
    prepare.process(path, on_progress=lambda done, total: told.append((done, total)))
    assert len(told) > 5
    assert told == sorted(told)
    assert told[-1] == (path.stat().st_size, path.stat().st_size)


def loudest_frequency(samples: NDArray[np.int16]) -> float:
    spectrum = np.abs(np.fft.rfft(samples.astype(float)))
    return float(np.argmax(spectrum)) * 16_000 / len(samples)
