"""Who speaks when: how many speakers are found, and how much time gets the wrong one."""

from __future__ import annotations

import json
import subprocess
import sys
import wave
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray
from simpleder import DER

from dalston.engine_sdk import TaskFailed
from dalston.engine_sdk.testing import EngineUnderTest, open_engine
from tests.engines.sounds import ENGINES, tone, write_wav
from tests.support.recordings import SPEECH, needs_recordings

FOLDER = ENGINES / "diarize" / "ge2e-speakers"
RATE = 16_000
COLLAR = 0.25
"""Seconds before and after each change in the reference in which nothing counts as wrong."""
MOST_WRONG = 0.05


DIALOGUES = {
    "en_2spk_dialog_mono.flac": 2,
    "en_2spk_samesex_mono.flac": 2,
    "en_4spk_meeting_mono.flac": 4,
    "en_3spk_overlap_mono.flac": 3,
    "en_3spk_pico_falcon.wav": 3,
}
MOST_MISCOUNTED = 1

READER_1, READER_2, READER_3 = "533-1066", "3080-5032", "1998-15444"

Samples = NDArray[np.int16]
Spans = list[tuple[str, float, float]]
"""Speaker, start and end in seconds."""


@pytest.fixture(scope="module")
def diarizer() -> Iterator[EngineUnderTest]:
    with open_engine(FOLDER) as engine:
        yield engine


def samples_of(path: Path) -> Samples:
    """A recording at 16 kHz, mono."""
    import av

    resampler = AudioResampler("s16", "mono", RATE)
    with av.open(str(path)) as container:
        frames = [*container.decode(audio=0), None]
        pieces = [piece.to_ndarray()[0] for frame in frames for piece in resampler.resample(frame)]
    return np.concatenate(pieces).astype(np.int16)


def readings(reader: str) -> list[Samples]:
    """What one person reads: each a few seconds."""
    return [samples_of(path) for path in sorted((SPEECH / "librispeech").glob(f"{reader}-*.flac"))]


def conversation(*readers: str, rounds: int, pause: float = 0.5) -> tuple[Samples, Spans]:
    """The readers take turns; the reference has the whole turns, the pauses within included."""
    parts: list[Samples] = []
    spans: Spans = []
    now = 0.0
    for number in range(rounds):
        for reader in readers:
            spoken = without_silence(readings(reader)[number])
            spans.append((reader, now, now + len(spoken) / RATE))
            parts += [spoken, np.zeros(round(pause * RATE), np.int16)]
            now = sum(len(part) for part in parts) / RATE
    return np.concatenate(parts), spans


def without_silence(samples: Samples) -> Samples:
    """Samples without the quiet start and end."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 600)
    return samples[max(0, loud[0] - 800) : loud[-1] + 800]


def reference(name: str) -> Spans:
    """The turns of a recording, from its RTTM file (NIST RT-09 evaluation plan, appendix A)."""
    lines = (SPEECH / "rttm" / f"{Path(name).stem}.rttm").read_text(encoding="utf-8").splitlines()
    fields = [line.split() for line in lines if line.startswith("SPEAKER")]
    return [(row[7], float(row[3]), float(row[3]) + float(row[4])) for row in fields]


def error_rate(expected: Spans, found: Spans) -> float:
    """The diarization error rate outside the collars."""
    changes = sorted({time for _, start, end in expected for time in (start, end)})
    return float(DER(uncollared(expected, changes), uncollared(found, changes)))


def uncollared(spans: Spans, changes: Sequence[float]) -> Spans:
    """Spans without what lies within the collar of a change."""
    kept: Spans = []
    for speaker, start, end in spans:
        now = start
        for change in changes:
            if change - COLLAR >= end:
                break
            if change + COLLAR > now:
                if change - COLLAR > now:
                    kept.append((speaker, now, change - COLLAR))
                now = change + COLLAR
        if now < end:
            kept.append((speaker, now, end))
    return kept


def turns_of(data: dict[str, Any]) -> Spans:
    return [(turn["speaker"], turn["start"], turn["end"]) for turn in data["turns"]]


def codes(data: dict[str, Any]) -> list[str]:
    return [warning["code"] for warning in data["warnings"]]


def check_shape(data: dict[str, Any], duration: float) -> None:
    """Turns are in order, within the recording, and of speakers numbered as they appear."""
    turns = turns_of(data)
    assert all(type(time) is float for _, *times in turns for time in times)
    assert all(0 <= start < end <= duration for _, start, end in turns)
    assert all(first[2] <= second[1] for first, second in pairwise(turns))
    seen = list(dict.fromkeys(speaker for speaker, _, _ in turns))
    assert seen == [f"speaker_{number + 1}" for number in range(len(seen))]
    assert data["speakers"] == [
        {"id": speaker, "label": speaker.replace("speaker_", "Speaker ")} for speaker in seen
    ]


def silent_recordings() -> dict[str, Samples]:
    rng = np.random.default_rng(1)
    return {
        "no samples": np.zeros(0, np.int16),
        "one sample": np.zeros(1, np.int16),
        "ten milliseconds": np.full(160, 1000, np.int16),
        "silence": np.zeros(5 * RATE, np.int16),
        "a tone": tone(5.0),
        "noise": (rng.normal(size=5 * RATE) * 3000).astype(np.int16),
    }


@pytest.mark.parametrize("name", silent_recordings())
def test_nobody_speaks(diarizer: EngineUnderTest, tmp_path: Path, name: str) -> None:
    data = diarizer.process(write_wav(tmp_path / "audio.wav", silent_recordings()[name])).data
    assert data == {
        "turns": [],
        "speakers": [],
        "warnings": [],
        "engine": {"id": "ge2e-speakers", "version": "1.0.0"},
    }


def test_it_takes_only_what_prepare_makes(diarizer: EngineUnderTest, tmp_path: Path) -> None:
    text = tmp_path / "text.wav"
    text.write_bytes(b"Dear Sir")
    fast = write_wav(tmp_path / "fast.wav", tone(0.5), rate=44_100)
    stereo = write_wav(tmp_path / "stereo.wav", tone(0.5), channels=2)
    for path in (text, fast, stereo):
        with pytest.raises(TaskFailed) as failed:
            diarizer.process(path)
        assert failed.value.code == "wrong_audio"


def test_limits_that_contradict_each_other(diarizer: EngineUnderTest, tmp_path: Path) -> None:
    config = {"min_speakers": 3, "max_speakers": 2}
    with pytest.raises(TaskFailed) as failed:
        diarizer.process(write_wav(tmp_path / "audio.wav", tone(0.5)), config=config)
    assert failed.value.code == "invalid_speaker_count"


@needs_recordings
@pytest.mark.parametrize("name", ["en_librivox_0870.wav", "en_sonnet001_53s.mp3", "en_jfk.flac"])
def test_one_speaker(diarizer: EngineUnderTest, tmp_path: Path, name: str) -> None:
    samples = samples_of(SPEECH / name)
    data = diarizer.process(write_wav(tmp_path / "audio.wav", samples)).data
    check_shape(data, len(samples) / RATE)
    assert len(data["speakers"]) == 1
    assert data["warnings"] == []


@needs_recordings
def test_speakers_of_the_dialogues(diarizer: EngineUnderTest, tmp_path: Path) -> None:
    counts = {}
    for name in DIALOGUES:
        samples = samples_of(SPEECH / name)
        data = diarizer.process(write_wav(tmp_path / "audio.wav", samples)).data
        check_shape(data, len(samples) / RATE)
        counts[name] = len(data["speakers"])
        wrong = error_rate(reference(name), turns_of(data))
        assert wrong <= MOST_WRONG, f"{name}: {wrong:.3f}"
        assert codes(data) == ["overlap_not_detected"]
    miscounted = [name for name, count in counts.items() if count != DIALOGUES[name]]
    assert len(miscounted) <= MOST_MISCOUNTED, counts


@needs_recordings
@pytest.mark.parametrize("pause", [0.0, 0.1, 0.5])
def test_turns_that_follow_each_other_quickly(
    diarizer: EngineUnderTest, tmp_path: Path, pause: float
) -> None:
    """Windows in which one takes over from the other are no third speaker."""
    samples, spans = conversation(READER_1, READER_2, rounds=3, pause=pause)
    data = diarizer.process(write_wav(tmp_path / "audio.wav", samples)).data
    check_shape(data, len(samples) / RATE)
    assert len(data["speakers"]) == 2
    assert error_rate(spans, turns_of(data)) <= MOST_WRONG


@needs_recordings
def test_loudness_has_no_effect(diarizer: EngineUnderTest, tmp_path: Path) -> None:
    samples, _ = conversation(READER_1, READER_2, rounds=2)
    quiet = (samples // 8).astype(np.int16)
    loud, soft = (
        diarizer.process(write_wav(tmp_path / "audio.wav", given)).data
        for given in (samples, quiet)
    )
    assert len(loud["speakers"]) == len(soft["speakers"]) == 2
    assert error_rate(turns_of(loud), turns_of(soft)) < MOST_WRONG


@needs_recordings
@pytest.mark.parametrize(
    ("config", "count"),
    [
        ({"num_speakers": 1}, 1),
        ({"num_speakers": 2}, 2),
        ({"num_speakers": 3}, 3),
        ({"num_speakers": 4}, 4),
        ({"min_speakers": 4}, 4),
        ({"min_speakers": 2}, 3),
        ({"max_speakers": 2}, 2),
        ({"max_speakers": 9}, 3),
        ({"min_speakers": 1, "max_speakers": 1}, 1),
        ({"num_speakers": 3, "min_speakers": 5, "max_speakers": 7}, 3),
        ({"threshold": 0.9}, 1),
    ],
)
def test_the_number_of_speakers_can_be_told(
    diarizer: EngineUnderTest, tmp_path: Path, config: dict[str, Any], count: int
) -> None:
    samples, _ = conversation(READER_1, READER_2, READER_3, rounds=3)
    data = diarizer.process(write_wav(tmp_path / "audio.wav", samples), config=config).data
    check_shape(data, len(samples) / RATE)
    assert len(data["speakers"]) == count
    assert codes(data) == (["overlap_not_detected"] if count > 1 else [])


@needs_recordings
def test_more_speakers_than_can_be_told_apart(diarizer: EngineUnderTest, tmp_path: Path) -> None:
    samples = readings(READER_1)[0][: 2 * RATE]
    config = {"num_speakers": 5}
    data = diarizer.process(write_wav(tmp_path / "audio.wav", samples), config=config).data
    assert 1 <= len(data["speakers"]) < 5
    assert "speaker_count_not_reached" in codes(data)


@needs_recordings
def test_the_same_recording_gives_the_same_turns(diarizer: EngineUnderTest, tmp_path: Path) -> None:
    samples, _ = conversation(READER_1, READER_2, rounds=2)
    audio = write_wav(tmp_path / "audio.wav", samples)
    first = diarizer.process(audio).data
    with open_engine(FOLDER) as another:
        assert another.process(audio).data == first == diarizer.process(audio).data


@needs_recordings
def test_progress_goes_up_to_the_end(diarizer: EngineUnderTest, tmp_path: Path) -> None:
    samples, _ = conversation(READER_1, READER_2, rounds=3)
    told: list[tuple[float, float]] = []
    audio = write_wav(tmp_path / "audio.wav", samples)
    diarizer.process(audio, on_progress=lambda done, total: told.append((done, total)))
    seconds = len(samples) / RATE
    assert len(told) > 3
    assert told == sorted(told)
    assert told[-1] == (seconds, seconds)
    assert all(0 <= done <= total == seconds for done, total in told)


MEASURE = """
import json, re, resource, sys
from pathlib import Path
from dalston.engine_sdk.testing import open_engine
peaks = []

def peak():
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Unlike getrusage's, not that of the process that this one was forked from.
    return int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1])

with open_engine(Path(sys.argv[1])) as engine:
    for path in sys.argv[2:]:
        engine.process(Path(path))
        peaks.append(peak())
print(json.dumps(peaks))
"""


@needs_recordings
def test_a_longer_recording_takes_hardly_more_memory(tmp_path: Path) -> None:
    samples, _ = conversation(READER_1, READER_2, READER_3, rounds=3)
    once = write_wav(tmp_path / "once.wav", samples)
    often = write_with_repetitions(tmp_path / "often.wav", samples, 8)
    assert often.stat().st_size > 15_000_000
    command = [sys.executable, "-c", MEASURE, str(FOLDER), str(once), str(often)]
    printed = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    short, long = (peak / megabyte() for peak in json.loads(printed))
    # The batches of the voice encoder are fuller, which a recording of a minute doesn't show: 20 to
    # 80 MB, as its threads happen to meet. Of 64 times the length it is no more.
    assert long - short < 120, (short, long)
    assert long < 300


def write_with_repetitions(path: Path, samples: Samples, times: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        for _ in range(times):
            file.writeframes(samples.astype("<i2").tobytes())
    return path


def megabyte() -> int:
    """How many of its units the operating system's peak of memory has in a megabyte."""
    return 1 << 20 if sys.platform == "darwin" else 1 << 10
