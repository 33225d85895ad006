"""Recordings that are made to cost more than they are worth."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from dalston.engine_sdk.testing import EngineUnderTest
from tests.engines.sounds import encode

MATROSKA = b"\x1a\x45\xdf\xa3"


class Counted(io.BytesIO):
    """A file that knows how much was read of it."""

    bytes_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        self.bytes_read += len(found)
        return found


def test_what_looks_like_many_beginnings_is_searched_once(
    prepare: EngineUnderTest, tmp_path: Path
) -> None:
    """Looking anew behind each of them took ten minutes and more for so little."""
    assert prepare.spec.id == "audio-prepare"
    content = encode(tmp_path / "talk.mka", "matroska", "flac").read_bytes()
    junk = MATROSKA * 500_000 + bytes(100)
    file = Counted(content + junk + content + junk)
    size = len(file.getvalue())
    second = len(content) + len(junk)
    places = sys.modules["joined_files"].find_recordings(file, size, "matroska")
    assert places == [(0, second), (second, size)]
    assert file.bytes_read < 2 * size


@pytest.mark.parametrize("before", [-95, -50, -1, 0])
def test_a_recording_is_found_wherever_it_begins(
    prepare: EngineUnderTest, tmp_path: Path, before: int
) -> None:
    """What is read at once may end inside of what it begins with."""
    assert prepare.spec.id == "audio-prepare"
    joined = sys.modules["joined_files"]
    content = encode(tmp_path / "talk.mka", "matroska", "flac").read_bytes()
    second = len(content) + joined._SEARCH_BYTES + before
    both = content + bytes(second - len(content)) + content
    places = joined.find_recordings(io.BytesIO(both), len(both), "matroska")
    assert places == [(0, second), (second, len(both))]


@pytest.mark.parametrize("duration", ["00:00:inf", "00:00:nan", "00:00:1e400"])
def test_52_a_duration_that_is_no_number_says_nothing(
    prepare: EngineUnderTest, tmp_path: Path, duration: str
) -> None:
    data = prepare.process(declaring(tmp_path, duration)).data
    assert data["duration"] == pytest.approx(2.0, abs=0.01)
    assert data["audio"]["declared_duration"] == pytest.approx(2.0, abs=0.01)


def test_52_a_duration_that_no_number_can_hold_says_nothing(prepare: EngineUnderTest) -> None:
    assert prepare.spec.id == "audio-prepare"
    assert sys.modules["completeness"]._clock_seconds(f"{'9' * 400}:00:00") is None


def declaring(folder: Path, duration: str) -> Path:
    """A recording of two seconds that declares something else."""
    content = encode(folder / "talk.mka", "matroska", "flac").read_bytes()
    told = b"00:00:02.000000000\0"
    assert content.count(told) == 1
    path = folder / "declaring.mka"
    path.write_bytes(content.replace(told, duration.encode().ljust(len(told), b"\0")))
    return path
