"""What audio-prepare makes of recordings that are cut, damaged, full of gaps, or very long."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from dalston.engine_sdk import TaskFailed
from dalston.engine_sdk.testing import EngineUnderTest
from tests.engines.sounds import ENGINES, encode, noise, tone, write_wav
from tests.engines.test_prepare_formats import read_wav
from tests.support.deployment import REPOSITORY

CUT: dict[str, dict[str, Any]] = {
    "wav": {"container": "wav", "codec": "pcm_s16le"},
    "mp3": {"container": "mp3", "codec": "libmp3lame"},
    "flac": {"container": "flac", "codec": "flac"},
    "ogg": {"container": "ogg", "codec": "libopus", "rate": 48_000},
    "webm": {"container": "webm", "codec": "libopus", "rate": 48_000, "with_video": True},
    "avi": {"container": "avi", "codec": "libmp3lame", "with_video": True},
    "aiff": {"container": "aiff", "codec": "pcm_s16be"},
    "mp4": {"container": "mp4", "codec": "aac", "options": {"movflags": "faststart"}},
    "fragments.mp4": {
        "container": "mp4",
        "codec": "aac",
        "options": {"movflags": "frag_keyframe+empty_moov"},
    },
}


def codes(data: dict[str, Any]) -> list[str]:
    return [warning["code"] for warning in data["warnings"]]


@pytest.mark.parametrize("name", CUT)
def test_53_half_a_file_gives_the_half_and_a_warning(
    prepare: EngineUnderTest, tmp_path: Path, name: str
) -> None:
    whole = encode(tmp_path / "whole.bin", **CUT[name])
    assert codes(prepare.process(whole).data) == []
    half = tmp_path / "half.bin"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    data = prepare.process(half).data
    assert 0.6 < data["duration"] < 1.3
    assert codes(data) == ["input_truncated"]


@pytest.mark.parametrize(("container", "codec"), [("matroska", "flac"), ("webm", "libopus")])
def test_a_clock_that_does_not_begin_at_zero_is_no_missing_end(
    prepare: EngineUnderTest, tmp_path: Path, container: str, codec: str
) -> None:
    """Recorders of streams and `-copyts` keep the times of what they record."""
    kind: dict[str, Any] = {"rate": 48_000, "layout": "mono", "begins": 100}
    whole = encode(tmp_path / "whole.mkv", container, codec, samples=tone(7.0, 48_000), **kind)
    data = prepare.process(whole).data
    assert codes(data) == []
    assert data["duration"] == pytest.approx(7.0, abs=0.02)
    assert data["audio"]["declared_duration"] == pytest.approx(7.0, abs=0.02)
    half = tmp_path / "half.mkv"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert codes(prepare.process(half).data) == ["input_truncated"]


def test_53_an_mp4_without_its_index_is_undecodable(
    prepare: EngineUnderTest, tmp_path: Path
) -> None:
    whole = encode(tmp_path / "whole.mp4", "mp4", "aac").read_bytes()
    half = tmp_path / "half.mp4"
    half.write_bytes(whole[: whole.index(b"moov") - 4])
    with pytest.raises(TaskFailed) as failed:
        prepare.process(half)
    assert failed.value.code == "undecodable_audio"
    assert "not have been finished" in failed.value.message


@pytest.mark.parametrize("declared", [0, 0xFFFFFFFF, 0x7FFFFFFF - 36])
def test_52_a_header_that_does_not_know_is_not_believed(
    prepare: EngineUnderTest, tmp_path: Path, declared: int
) -> None:
    path = write_wav(tmp_path / "lie.wav", tone(2.0), declared_bytes=declared)
    data = prepare.process(path).data
    assert data["duration"] == pytest.approx(2.0, abs=1e-6)
    assert codes(data) == []


def test_52_a_header_that_promises_more_is_not_believed(
    prepare: EngineUnderTest, tmp_path: Path
) -> None:
    path = write_wav(tmp_path / "lie.wav", tone(2.0), declared_bytes=1_000_000)
    data = prepare.process(path).data
    assert data["duration"] == 2.0
    assert codes(data) == ["input_truncated"]


def test_53_half_a_file_of_telephone_speech_is_told(
    prepare: EngineUnderTest, tmp_path: Path
) -> None:
    """SPHERE, in which collections of calls are sold, counts its samples."""
    facts = b"channel_count -i 2\nsample_rate -i 8000\nsample_count -i 16000\nsample_n_bytes -i 1\n"
    head = b"NIST_1A\n   1024\n" + facts + b"sample_coding -s4 ulaw\nend_head\n"
    path = tmp_path / "call.sph"
    path.write_bytes(head.ljust(1024, b"\0") + bytes(2 * 16_000))
    assert codes(prepare.process(path).data) == []
    path.write_bytes(path.read_bytes()[:16_000])
    assert codes(prepare.process(path).data) == ["input_truncated"]


def chunk(name: bytes, content: bytes) -> bytes:
    return name + len(content).to_bytes(4, "little") + content


INFO = chunk(b"LIST", b"INFO" + bytes(10_000)) + chunk(b"id3 ", noise(10_000))


@pytest.mark.parametrize(
    ("behind", "expected"),
    [
        (tone(2.0).tobytes(), ["sound_left_out"]),
        (INFO + tone(2.0).tobytes(), ["sound_left_out"]),
        (chunk(b"RIFF", b"WAVE" + bytes(1000)), ["sound_left_out"]),
        (INFO, []),
        (b"\0" + INFO, []),
        (INFO + b"TAG" + bytes(125), []),
    ],
    ids=["sound", "chunks and sound", "another file", "chunks", "padded chunks", "a tag"],
)
def test_52_what_lies_behind_the_declared_end_is_told(
    prepare: EngineUnderTest, tmp_path: Path, behind: bytes, expected: list[str]
) -> None:
    """A recorder died after it had last written its header, or files are put together with cat."""
    odd = behind.startswith(b"\0")
    path = write_wav(tmp_path / "more.wav", np.full(16_001 if odd else 16_000, 128, np.uint8))
    path.write_bytes(path.read_bytes() + behind)
    data = prepare.process(path).data
    assert data["duration"] == pytest.approx(1.0, abs=0.001)
    assert codes(data) == expected


@pytest.mark.parametrize(
    ("container", "codec", "expected"),
    [
        ("mp3", "libmp3lame", ["damaged_audio"]),
        ("adts", "aac", ["damaged_audio"]),
        ("flac", "flac", ["damaged_audio", "gaps_filled"]),
    ],
)
def test_damage_in_the_middle_costs_only_what_is_damaged(
    prepare: EngineUnderTest, tmp_path: Path, container: str, codec: str, expected: list[str]
) -> None:
    whole = encode(tmp_path / "whole.bin", container, codec, samples=tone(10.0, 44_100))
    content = bytearray(whole.read_bytes())
    middle, length = len(content) // 2, len(content) // 20
    content[middle : middle + length] = noise(length)
    damaged = tmp_path / "damaged.bin"
    damaged.write_bytes(content)
    data = prepare.process(damaged).data
    assert 9.3 < data["duration"] <= 10.0
    assert codes(data) == expected


@pytest.mark.parametrize(
    ("counted", "filled"), [(True, True), (True, False), (False, True), (False, False)]
)
def test_a_hole_in_an_mp3_file_says_how_much_is_missing_if_it_can_be_known(
    prepare: EngineUnderTest, tmp_path: Path, *, counted: bool, filled: bool
) -> None:
    """Bytes are noise, or gone; the first frame counts all of them, or says nothing."""
    how: dict[str, Any] = {
        "options": {"write_xing": str(int(counted))},
        "samples": tone(20.0, 44_100),
    }
    whole = encode(tmp_path / "whole.mp3", "mp3", "libmp3lame", **how).read_bytes()
    start, length = len(whole) // 2, len(whole) // 5
    damaged = tmp_path / "damaged.mp3"
    hole = noise(length) if filled else b""
    damaged.write_bytes(whole[:start] + hole + whole[start + length :])
    data = prepare.process(damaged).data
    assert data["duration"] == pytest.approx(16.0, abs=0.1)
    messages = {warning["code"]: warning["message"] for warning in data["warnings"]}
    assert set(messages) == {"damaged_audio", *(["input_truncated"] if counted else [])}
    expected = "4.0 of the 20.0 seconds" if counted else "can't be known"
    assert expected in messages["damaged_audio"]
    if counted:
        assert "its middle" in messages["input_truncated"]


def test_56_a_change_of_rate_in_the_middle_is_followed(
    prepare: EngineUnderTest, tmp_path: Path
) -> None:
    """Two recordings, one behind the other, in one file."""
    first = encode(tmp_path / "1.mp3", "mp3", "libmp3lame", rate=44_100)
    second = encode(tmp_path / "2.mp3", "mp3", "libmp3lame", rate=22_050, layout="mono")
    joined = tmp_path / "joined.mp3"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    output = prepare.process(joined, keep_files_in=tmp_path / "kept")
    assert output.data["duration"] == pytest.approx(4.0, abs=0.2)
    assert len(read_wav(output.files["audio.wav"])) / 16_000 == pytest.approx(
        output.data["duration"], abs=0.001
    )


@pytest.mark.parametrize(
    ("container", "codec"), [("matroska", "flac"), ("webm", "libopus"), ("ogg", "libopus")]
)
def test_gaps_are_filled_so_that_times_stay_right(
    prepare: EngineUnderTest, tmp_path: Path, container: str, codec: str
) -> None:
    path = encode(
        tmp_path / "gap.bin",
        container,
        codec,
        samples=tone(6.0, 48_000),
        rate=48_000,
        layout="mono",
        skip_seconds=(2.0, 3.0),
    )
    output = prepare.process(path, keep_files_in=tmp_path / "kept")
    assert output.data["duration"] == pytest.approx(6.0, abs=0.1)
    assert codes(output.data) == ["gaps_filled"]
    samples = read_wav(output.files["audio.wav"]).astype(float)
    loud = [np.abs(samples[round(at * 16_000) :][:8000]).mean() > 1000 for at in (1, 3, 5.3)]
    assert loud == [True, False, True]


def with_gaps(path: Path, container: str, skipped: list[tuple[int, int]]) -> Path:
    """Encode 4000 seconds, but for what is skipped, from one second to another."""
    with av.open(str(path), "w", format=container) as output:
        codec = "libopus" if container == "ogg" else "aac"
        audio = output.add_stream(codec, rate=8000, layout="mono")
        assert isinstance(audio, AudioStream)
        for start in range(0, 4000, 2):
            if any(first <= start < end for first, end in skipped):
                continue
            frame = AudioFrame.from_ndarray(tone(2.0, 8000)[np.newaxis, :], "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 8000, start * 8000, Fraction(1, 8000)
            output.mux(audio.encode(frame))
        output.mux(audio.encode(None))
    return path


@pytest.mark.parametrize(
    ("container", "duration", "expected"),
    [
        ("mp4", 4000, ["gaps_filled"]),
        ("mpegts", 1020, ["gaps_filled", "gaps_left_out"]),
    ],
)
def test_gaps_of_more_than_an_hour_are_filled_or_told(
    prepare: EngineUnderTest,
    tmp_path: Path,
    container: str,
    duration: float,
    expected: list[str],
) -> None:
    """MP4 knows how long it is; a transport stream has only the times of its packets."""
    path = with_gaps(tmp_path / "gaps.bin", container, [(10, 1000), (1010, 3990)])
    data = prepare.process(path).data
    assert data["duration"] == pytest.approx(duration, abs=0.5)
    assert codes(data) == expected
    right = "times stay right" in data["warnings"][0]["message"]
    assert right == ("gaps_left_out" not in expected)


LONG = """
import json, resource, sys
from pathlib import Path
from dalston.engine_sdk.testing import open_engine

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

folder, short, long = map(Path, sys.argv[1:])
with open_engine(folder) as engine:
    engine.process(short)
    before = peak()
    duration = engine.process(long).data["duration"]
print(json.dumps([duration, before, peak()]))
"""


def growth(short: Path, long: Path) -> tuple[float, int]:
    """Return how long a recording is, and by how many MB it takes more memory than a short one."""
    command = [sys.executable, "-c", LONG, *map(str, (ENGINES / "prepare/audio-prepare", short))]
    done = subprocess.run(
        [*command, str(long)], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    duration, before, after = json.loads(done.stdout)
    return duration, after - before


def test_half_an_hour_takes_no_more_memory_than_two_seconds(tmp_path: Path) -> None:
    kind: dict[str, Any] = {"container": "flac", "codec": "flac", "rate": 16_000, "layout": "mono"}
    short = encode(tmp_path / "short.flac", **kind)
    silence = np.zeros(1800 * 16_000, np.int16)
    long = encode(tmp_path / "long.flac", **kind, samples=silence, piece=160_000)
    duration, megabytes = growth(short, long)
    assert duration == 1800
    assert megabytes < 20


def test_51_a_small_opus_file_with_much_sound_takes_no_more_memory(tmp_path: Path) -> None:
    kind: dict[str, Any] = {"container": "ogg", "codec": "libopus", "rate": 48_000}
    kind |= {"layout": "mono", "piece": 96_000}
    short = encode(tmp_path / "short.opus", **kind)
    long = encode(tmp_path / "long.opus", **kind, samples=np.zeros(900 * 48_000, np.int16))
    assert long.stat().st_size < 250_000, "as floats it is 173 MB"
    duration, megabytes = growth(short, long)
    assert duration == pytest.approx(900, abs=1)
    assert megabytes < 30


def test_51_a_small_opus_file_is_refused_for_the_sound_in_it(
    prepare: EngineUnderTest, tmp_path: Path
) -> None:
    silence = np.zeros(300 * 48_000, np.int16)
    how: dict[str, Any] = {"rate": 48_000, "layout": "mono", "piece": 96_000}
    path = encode(tmp_path / "long.opus", "ogg", "libopus", samples=silence, **how)
    with pytest.raises(TaskFailed) as failed:
        prepare.process(path, config={"longest_seconds": 200})
    assert failed.value.code == "audio_too_long"


def test_59_a_tag_of_256_megabytes_is_passed_over(tmp_path: Path) -> None:
    short = encode(tmp_path / "short.mp3", "mp3", "libmp3lame")
    tagged = tmp_path / "tagged.mp3"
    with tagged.open("wb") as file:
        file.write(b"ID3\x03\0\0\x7f\x7f\x7f\x7f")
        file.seek(2**28 - 1, 1)
        file.write(short.read_bytes())
    duration, megabytes = growth(short, tagged)
    assert duration == pytest.approx(2.0, abs=0.1)
    assert megabytes < 20


@pytest.mark.parametrize("size", [0, 3])
def test_59_nothing_but_tags_is_no_recording(
    prepare: EngineUnderTest, tmp_path: Path, size: int
) -> None:
    path = tmp_path / "tags.mp3"
    path.write_bytes((b"ID3\x03\0\0\0\0\0" + bytes([size]) + bytes(size)) * 1_000_000)
    with pytest.raises(TaskFailed) as failed:
        prepare.process(path)
    assert failed.value.code == "no_audio_stream"


def test_a_place_that_no_file_has_is_damage(prepare: EngineUnderTest, tmp_path: Path) -> None:
    """The system refuses to go there: no file may be so long."""
    recording = encode(tmp_path / "talk.caf", "caf", "pcm_s16le")
    content = recording.read_bytes()
    description = 8 + 12 + 32
    beyond = b"free" + (2**60).to_bytes(8, "big")
    recording.write_bytes(content[:description] + beyond + content[description:])
    assert prepare.process(recording).data["duration"] == pytest.approx(2.0, abs=0.02)


def test_whatever_is_broken_the_engine_says_why(prepare: EngineUnderTest, tmp_path: Path) -> None:
    chance = random.Random(11)
    wholes = [encode(tmp_path / name, **kind).read_bytes() for name, kind in CUT.items()]
    damaged = tmp_path / "damaged.bin"
    outcomes = {"done": 0, "refused": 0}
    for _ in range(120):
        content = bytearray(chance.choice(wholes))
        for _ in range(chance.randrange(1, 30)):
            content[chance.randrange(chance.choice([400, len(content)]))] = chance.randrange(256)
        damaged.write_bytes(content)
        try:
            prepare.process(damaged)
            outcomes["done"] += 1
        except TaskFailed:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 5, outcomes
