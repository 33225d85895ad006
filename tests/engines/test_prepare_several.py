"""What audio-prepare makes of files of one kind that were put together with cat."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dalston.engine_sdk import TaskFailed
from dalston.engine_sdk.testing import EngineUnderTest
from tests.engines.sounds import encode, encode_video_only, stair, stairs
from tests.engines.test_prepare_damage import codes
from tests.engines.test_prepare_formats import loudest_frequency, read_wav

FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "1000000"}
KINDS: dict[str, dict[str, Any]] = {
    "mp4": {"container": "mp4", "codec": "aac"},
    "mp4 with video": {"container": "mp4", "codec": "aac", "with_video": True},
    "fragments": {"container": "mp4", "codec": "aac", "options": FRAGMENTS},
    "mov": {"container": "mov", "codec": "alac"},
    "webm": {"container": "webm", "codec": "libopus"},
    "webm of a browser": {"container": "webm", "codec": "libopus", "options": {"live": "1"}},
    "matroska": {"container": "matroska", "codec": "aac", "with_video": True},
}
BOX = bytes([0, 0, 0, 8])


def recording(folder: Path, name: str, seconds: int = 5, **how: Any) -> bytes:
    """Make a recording whose tones rise from second to second."""
    path = folder / "one.bin"
    kind = {"rate": 48_000, "layout": "mono", **KINDS[name], **how}
    return encode(path, samples=stairs(seconds, 48_000), **kind).read_bytes()


def prepared(prepare: EngineUnderTest, folder: Path, *contents: bytes) -> dict[str, Any]:
    joined = folder / "joined.bin"
    joined.write_bytes(b"".join(contents))
    output = prepare.process(joined, keep_files_in=folder / "kept")
    return {**output.data, "samples": read_wav(output.files["audio.wav"])}


@pytest.mark.parametrize("name", KINDS)
def test_all_recordings_of_a_file_are_there(
    prepare: EngineUnderTest, tmp_path: Path, name: str
) -> None:
    gap: dict[str, Any] = {"skip_seconds": (1.0, 3.0)}
    data = prepared(
        prepare,
        tmp_path,
        recording(tmp_path, name),
        recording(tmp_path, name, layout="stereo"),
        recording(tmp_path, name, **gap),
    )
    assert data["duration"] == pytest.approx(15.0, abs=0.15)
    assert codes(data) == ["gaps_filled"]
    assert "3.0 seconds" in data["warnings"][0]["message"]
    for second in range(15):
        middle = data["samples"][second * 16_000 + 4_000 :][:8_000]
        if second in (11, 12, 13):
            assert np.abs(middle.astype(float)).mean() < 1000
        else:
            assert loudest_frequency(middle) == pytest.approx(stair(second % 5), abs=6), second


@pytest.mark.parametrize("repeated", [["ftyp"], ["ftyp", "moov"]])
def test_segments_of_one_recording_that_begin_as_files_do_keep_their_clock(
    prepare: EngineUnderTest, tmp_path: Path, repeated: list[str]
) -> None:
    names, boxes = zip(*boxes_of(recording(tmp_path, "fragments")), strict=True)
    again = b"".join(boxes[names.index(name)] for name in repeated)
    third, fourth, fifth = [place for place, name in enumerate(names) if name == "moof"][2:5]
    segments = [*boxes[:third], again, *boxes[fourth:fifth], again, *boxes[fifth:]]
    data = prepared(prepare, tmp_path, *segments)
    assert data["duration"] == pytest.approx(5.0, abs=0.1)
    assert codes(data) == ["gaps_filled"]
    for second in (0, 1, 3, 4):
        middle = data["samples"][second * 16_000 + 4_000 :][:8_000]
        assert loudest_frequency(middle) == pytest.approx(stair(second), abs=6), second


def boxes_of(content: bytes) -> Iterator[tuple[str, bytes]]:
    while content:
        size = int.from_bytes(content[:4], "big")
        yield content[4:8].decode(), content[:size]
        content = content[size:]


@pytest.mark.parametrize(("first", "second"), [("mp4", "mov"), ("webm", "matroska")])
def test_another_codec_behind_the_first_recording(
    prepare: EngineUnderTest, tmp_path: Path, first: str, second: str
) -> None:
    data = prepared(prepare, tmp_path, recording(tmp_path, first), recording(tmp_path, second))
    assert data["duration"] == pytest.approx(10.0, abs=0.1)
    assert codes(data) == []
    assert loudest_frequency(data["samples"][9 * 16_000 :][:16_000]) == pytest.approx(
        stair(4), abs=6
    )


@pytest.mark.parametrize("name", ["webm", "webm of a browser", "matroska"])
def test_a_recording_that_was_cut_off_does_not_hide_the_next(
    prepare: EngineUnderTest, tmp_path: Path, name: str
) -> None:
    whole = recording(tmp_path, name)
    data = prepared(prepare, tmp_path, whole[: len(whole) * 3 // 5], whole)
    assert 7.0 < data["duration"] < 9.0
    assert loudest_frequency(data["samples"][-8_000:]) == pytest.approx(stair(4), abs=6)
    assert "input_truncated" not in codes(data)


@pytest.mark.parametrize(
    "how", [{"container": "webm", "codec": "libopus"}, {"options": {"movflags": "faststart"}}]
)
def test_the_end_of_the_last_recording_is_missed(
    prepare: EngineUnderTest, tmp_path: Path, how: dict[str, Any]
) -> None:
    whole = recording(tmp_path, "mp4", **how)
    data = prepared(prepare, tmp_path, whole, whole[: len(whole) * 3 // 5])
    assert 7.0 < data["duration"] < 9.0
    assert "input_truncated" in codes(data)


@pytest.mark.parametrize("first", [True, False])
def test_a_recording_without_sound_is_told(
    prepare: EngineUnderTest, tmp_path: Path, *, first: bool
) -> None:
    silent = encode_video_only(tmp_path / "silent.mp4").read_bytes()
    sound = recording(tmp_path, "mp4")
    data = prepared(prepare, tmp_path, *((silent, sound) if first else (sound, silent)))
    assert data["duration"] == pytest.approx(5.0, abs=0.1)
    assert codes(data) == ["sound_left_out"]
    assert "1 of 2" in data["warnings"][0]["message"]


@pytest.mark.parametrize("name", ["mp4", "webm"])
def test_a_file_of_endless_recordings_is_taken_for_one(
    prepare: EngineUnderTest, tmp_path: Path, name: str
) -> None:
    """Each costs the opening of a file."""
    whole = recording(tmp_path, name)
    is_webm = name == "webm"
    empty = whole[: whole.index(b"\x18\x53\x80\x67")] if is_webm else BOX + b"ftyp" + BOX + b"mdat"
    data = prepared(prepare, tmp_path, whole, empty * 10_001)
    assert data["duration"] == pytest.approx(5.0, abs=0.1)
    assert codes(data) == []


@pytest.mark.parametrize(
    ("container", "codec"),
    [
        ("aiff", "pcm_s16be"),
        ("caf", "pcm_s16le"),
        ("w64", "pcm_s16le"),
        ("voc", "pcm_u8"),
        ("flv", "aac"),
        ("tta", "tta"),
        ("wv", "wavpack"),
    ],
)
def test_a_recording_that_is_not_read_is_told(
    prepare: EngineUnderTest, tmp_path: Path, container: str, codec: str
) -> None:
    kind: dict[str, Any] = {"container": container, "codec": codec, "rate": 44_100}
    one = encode(tmp_path / "one.bin", samples=stairs(5, 44_100), **kind).read_bytes()
    assert prepared(prepare, tmp_path, one)["warnings"] == []
    data = prepared(prepare, tmp_path, one, one)
    assert data["duration"] == pytest.approx(5.0, abs=0.1)
    assert codes(data) == ["sound_left_out"]
    assert "behind it" in data["warnings"][0]["message"]


def test_half_a_wavpack_file_is_no_two_recordings(prepare: EngineUnderTest, tmp_path: Path) -> None:
    kind: dict[str, Any] = {"container": "wv", "codec": "wavpack", "rate": 44_100}
    one = encode(tmp_path / "one.bin", samples=stairs(5, 44_100), **kind).read_bytes()
    assert codes(prepared(prepare, tmp_path, one[: len(one) * 3 // 5])) == ["input_truncated"]


@pytest.mark.parametrize("size", [0, 1, 7, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_box_of_a_strange_size_does_no_harm(
    prepare: EngineUnderTest, tmp_path: Path, size: int
) -> None:
    strange = size.to_bytes(4, "big") + b"free" + bytes(8)
    data = prepared(prepare, tmp_path, recording(tmp_path, "mp4"), strange)
    assert data["duration"] == pytest.approx(5.0, abs=0.1)


@pytest.mark.parametrize("cut", [5, 40, 44, 47, 60])
def test_a_file_of_little_more_than_a_header_is_refused(
    prepare: EngineUnderTest, tmp_path: Path, cut: int
) -> None:
    head = recording(tmp_path, "webm")[:cut]
    with pytest.raises(TaskFailed) as failed:
        prepared(prepare, tmp_path, head)
    assert failed.value.code in ("undecodable_audio", "no_audio_stream")
