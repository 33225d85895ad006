"""What audio-prepare makes of recordings that were put together in one file."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from dalston.engine_sdk.testing import EngineUnderTest
from tests.engines.sounds import encode, stair, stairs, tone
from tests.engines.test_prepare_damage import codes, with_gaps
from tests.engines.test_prepare_formats import loudest_frequency, read_wav

Kind = tuple[str, int, str]
"""Codec, rate and layout."""
STEREO: Kind = ("libopus", 48_000, "stereo")
MONO: Kind = ("libopus", 48_000, "mono")
FLAC: Kind = ("flac", 44_100, "stereo")
SLOW_FLAC: Kind = ("flac", 22_050, "mono")
VORBIS: Kind = ("vorbis", 44_100, "stereo")


def link(folder: Path, kind: Kind, frequency: float = 440.0, **how: Any) -> bytes:
    """Make an Ogg file of a tone."""
    codec, rate, layout = kind
    samples = how.pop("samples", None)
    if samples is None:
        samples = tone(how.pop("seconds", 2.0), rate, frequency)
    path = folder / "link.ogg"
    encode(path, "ogg", codec, samples=samples, rate=rate, layout=layout, **how)
    return path.read_bytes()


@pytest.mark.parametrize(
    "kinds",
    [
        (STEREO, STEREO, STEREO),
        (STEREO, MONO, STEREO),
        (SLOW_FLAC, FLAC, FLAC),
        (FLAC, VORBIS, MONO),
        (VORBIS, VORBIS, VORBIS),
    ],
    ids=["alike", "other channels", "other rate", "other codec", "vorbis"],
)
def test_56_all_links_of_a_chained_ogg_file_are_there(
    prepare: EngineUnderTest, tmp_path: Path, kinds: tuple[Kind, ...]
) -> None:
    """Internet radio begins a new link with each song."""
    chained = tmp_path / "chained.ogg"
    frequencies = [440.0 * (number + 1) for number in range(len(kinds))]
    chained.write_bytes(
        b"".join(
            link(tmp_path, kind, frequency)
            for kind, frequency in zip(kinds, frequencies, strict=True)
        )
    )
    output = prepare.process(chained, keep_files_in=tmp_path / "kept")
    assert output.data["duration"] == pytest.approx(6.0, abs=0.02)
    assert codes(output.data) == []
    samples = read_wav(output.files["audio.wav"])
    for number, frequency in enumerate(frequencies):
        middle = samples[(2 * number + 1) * 16_000 :][:8000]
        assert loudest_frequency(middle) == pytest.approx(frequency, abs=4)


def test_a_first_link_that_can_not_be_decoded_takes_no_other_with_it(
    prepare: EngineUnderTest, tmp_path: Path
) -> None:
    chained = tmp_path / "chained.ogg"
    unknown = link(tmp_path, MONO).replace(b"OpusHead", b"Nonsense")
    chained.write_bytes(unknown + link(tmp_path, STEREO))
    output = prepare.process(chained)
    assert output.data["duration"] == pytest.approx(2.0, abs=0.02)
    assert codes(output.data) == ["sound_left_out"]
    assert "1 of 2 can't" in output.data["warnings"][0]["message"]


def test_a_file_of_endless_links_is_taken_for_one(prepare: EngineUnderTest, tmp_path: Path) -> None:
    """Each costs the opening of a file."""
    chained = tmp_path / "chained.ogg"
    begins, sounds = (
        b"OggS\0" + bytes([flag]) + position.to_bytes(8, "little") + bytes(13)
        for flag, position in ((2, 0), (0, 1))
    )
    chained.write_bytes(link(tmp_path, MONO) + (begins + sounds) * 10_001)
    output = prepare.process(chained)
    assert output.data["duration"] == pytest.approx(2.0, abs=0.02)
    assert "sound_left_out" not in codes(output.data)


def test_a_link_that_can_not_be_decoded_is_told(prepare: EngineUnderTest, tmp_path: Path) -> None:
    chained = tmp_path / "chained.ogg"
    unknown = link(tmp_path, MONO).replace(b"OpusHead", b"Nonsense")
    chained.write_bytes(link(tmp_path, FLAC) + unknown + link(tmp_path, MONO))
    data = prepare.process(chained).data
    assert data["duration"] == pytest.approx(4.0, abs=0.02)
    assert codes(data) == ["sound_left_out"]
    assert "1 of 3" in data["warnings"][0]["message"]


@pytest.mark.parametrize("place", [5, 30], ids=["flag", "content"])
@pytest.mark.parametrize("kind", [MONO, FLAC, VORBIS], ids=["opus", "flac", "vorbis"])
def test_a_link_whose_first_page_is_damaged_is_told(
    prepare: EngineUnderTest, tmp_path: Path, kind: Kind, place: int
) -> None:
    chained = tmp_path / "chained.ogg"
    damaged = bytearray(link(tmp_path, kind, seconds=10))
    damaged[place] ^= 2
    chained.write_bytes(link(tmp_path, STEREO) + damaged + link(tmp_path, FLAC))
    data = prepare.process(chained).data
    assert data["duration"] == pytest.approx(4.0, abs=0.02)
    assert codes(data) == ["sound_left_out"]
    assert "1 of 3" in data["warnings"][0]["message"]


@pytest.mark.parametrize("first", [True, False])
def test_a_link_with_nothing_but_headers_is_passed_over(
    prepare: EngineUnderTest, tmp_path: Path, *, first: bool
) -> None:
    whole = link(tmp_path, STEREO)
    headers = whole[: whole.index(b"OggS", whole.index(b"OpusTags"))]
    chained = tmp_path / "chained.ogg"
    chained.write_bytes(headers + link(tmp_path, FLAC) if first else whole + headers)
    data = prepare.process(chained).data
    assert data["duration"] == pytest.approx(2.0, abs=0.02)
    assert codes(data) == []


def test_a_link_that_was_cut_off_does_not_hide_the_next(
    prepare: EngineUnderTest, tmp_path: Path
) -> None:
    chained = tmp_path / "chained.ogg"
    cut = link(tmp_path, STEREO, seconds=10)
    chained.write_bytes(cut[: len(cut) // 2] + link(tmp_path, MONO))
    data = prepare.process(chained).data
    assert 5.0 < data["duration"] <= 7.0
    assert codes(data) == []


def test_the_end_of_a_chained_ogg_file_is_missed(prepare: EngineUnderTest, tmp_path: Path) -> None:
    chained = tmp_path / "chained.ogg"
    last = link(tmp_path, MONO, seconds=10)
    chained.write_bytes(link(tmp_path, FLAC) + last[: len(last) // 2])
    data = prepare.process(chained).data
    assert 5.0 < data["duration"] < 7.1
    assert codes(data) == ["input_truncated"]


@pytest.mark.parametrize("kind", [MONO, FLAC, VORBIS], ids=["opus", "flac", "vorbis"])
def test_a_link_that_begins_late_on_its_clock_gets_no_silence(
    prepare: EngineUnderTest, tmp_path: Path, kind: Kind
) -> None:
    """Who tunes in hears a stream's middle."""
    chained = tmp_path / "chained.ogg"
    chained.write_bytes(link(tmp_path, STEREO) + link(tmp_path, kind, begins=100))
    data = prepare.process(chained).data
    assert data["duration"] == pytest.approx(4.0, abs=0.02)
    assert codes(data) == []


@pytest.mark.parametrize("kind", [MONO, FLAC, VORBIS], ids=["opus", "flac", "vorbis"])
def test_lost_pages_of_each_link_are_gaps(
    prepare: EngineUnderTest, tmp_path: Path, kind: Kind
) -> None:
    """What is behind them stays where it was."""
    whole = link(tmp_path, kind, samples=stairs(20, kind[1]))
    damaged = whole[: len(whole) // 3] + whole[len(whole) * 5 // 9 :]
    chained = tmp_path / "chained.ogg"
    chained.write_bytes(damaged + damaged)
    output = prepare.process(chained, keep_files_in=tmp_path / "kept")
    assert output.data["duration"] == pytest.approx(40.0, abs=0.05)
    assert codes(output.data) == ["gaps_filled"]
    samples = read_wav(output.files["audio.wav"])
    silent = 0
    for second in range(40):
        middle = samples[second * 16_000 + 4_000 :][:8_000]
        if np.abs(middle.astype(float)).mean() < 1000:
            silent += 1
        else:
            assert loudest_frequency(middle) == pytest.approx(stair(second % 20), abs=10), second
    assert 4 <= silent <= 14


def test_gaps_of_each_opus_link_are_filled(prepare: EngineUnderTest, tmp_path: Path) -> None:
    chained = tmp_path / "chained.ogg"
    gaps: dict[str, Any] = {"seconds": 6.0, "skip_seconds": (2.0, 3.0)}
    late = link(tmp_path, MONO, begins=100, **gaps)
    chained.write_bytes(link(tmp_path, STEREO, **gaps) + late)
    data = prepare.process(chained).data
    assert data["duration"] == pytest.approx(12.0, abs=0.02)
    assert codes(data) == ["gaps_filled"]
    assert "6.0 seconds" in data["warnings"][0]["message"]


def test_a_gap_that_is_too_long_is_told_though_another_link_follows(
    prepare: EngineUnderTest, tmp_path: Path
) -> None:
    chained = with_gaps(tmp_path / "chained.ogg", "ogg", [(10, 3990)])
    chained.write_bytes(chained.read_bytes() + link(tmp_path, STEREO))
    data = prepare.process(chained).data
    assert data["duration"] == pytest.approx(22.0, abs=0.1)
    assert codes(data) == ["gaps_left_out"]
    assert "3980.0 seconds" in data["warnings"][0]["message"]


def transport_stream(folder: Path, **how: Any) -> bytes:
    """Make a transport stream of a tone."""
    path, samples = folder / "part.ts", tone(how.pop("seconds", 2.0), 48_000)
    encode(path, "mpegts", "aac", samples=samples, rate=48_000, layout="mono", **how)
    return path.read_bytes()


@pytest.mark.parametrize("with_video", [False, True])
@pytest.mark.parametrize(("first", "second"), [(0, 1000), (1000, 0), (0, 0)])
def test_a_clock_that_jumps_where_files_were_put_together_is_no_gap(
    prepare: EngineUnderTest, tmp_path: Path, first: int, second: int, *, with_video: bool
) -> None:
    """Transport streams can be put together with cat; each has a clock of its own."""
    joined = tmp_path / "joined.ts"
    gap: dict[str, Any] = {"seconds": 6.0, "skip_seconds": (2.0, 3.0)}
    pictures: dict[str, Any] = {"with_video": with_video}
    joined.write_bytes(
        transport_stream(tmp_path, begins=first, **pictures)
        + transport_stream(tmp_path, begins=second, **pictures, **gap)
    )
    data = prepare.process(joined).data
    assert data["duration"] == pytest.approx(8.0, abs=0.2)
    assert codes(data) == ["gaps_filled"]
    assert "3.0 seconds" in data["warnings"][0]["message"]


def packets(content: bytes, before: int, behind: int) -> bytes:
    """Put bytes around each packet, as camcorders and receivers do."""
    starts = range(0, len(content), 188)
    return b"".join(bytes(before) + content[at : at + 188] + bytes(behind) for at in starts)


@pytest.mark.parametrize(("before", "behind"), [(0, 0), (4, 0), (0, 16)])
@pytest.mark.parametrize("end", [b"cut off", b"damaged", b""])
def test_a_transport_stream_of_any_packets_and_end_does_not_hide_the_next(
    prepare: EngineUnderTest, tmp_path: Path, before: int, behind: int, end: bytes
) -> None:
    joined = tmp_path / "joined.ts"
    first = packets(transport_stream(tmp_path), before, behind)
    first = first[:-100] if end == b"cut off" else first + end
    joined.write_bytes(first + packets(transport_stream(tmp_path, begins=1000), before, behind))
    assert prepare.process(joined).data["duration"] == pytest.approx(4.0, abs=0.2)


def test_a_gap_that_is_too_long_is_told_though_another_stream_follows(
    prepare: EngineUnderTest, tmp_path: Path
) -> None:
    joined = with_gaps(tmp_path / "joined.ts", "mpegts", [(10, 3990)])
    joined.write_bytes(joined.read_bytes() + transport_stream(tmp_path))
    data = prepare.process(joined).data
    assert data["duration"] == pytest.approx(22.0, abs=0.5)
    assert codes(data) == ["gaps_left_out"]


def test_a_clock_that_steps_back_is_no_gap(prepare: EngineUnderTest, tmp_path: Path) -> None:
    """FFmpeg takes it for the clock's start after 26 hours."""
    joined = tmp_path / "joined.ts"
    without_tables = transport_stream(tmp_path, seconds=10.0)[188 * 400 :]
    joined.write_bytes(transport_stream(tmp_path, begins=1000) + without_tables)
    data = prepare.process(joined).data
    assert 7.0 < data["duration"] < 12.0
    assert "gaps_filled" not in codes(data)
    assert "gaps_left_out" not in codes(data)


@pytest.mark.parametrize("lost", [20, 100])
def test_lost_packets_of_a_transport_stream_are_a_gap(
    prepare: EngineUnderTest, tmp_path: Path, lost: int
) -> None:
    whole = transport_stream(tmp_path, seconds=lost + 20.0)
    kept = 188 * round(len(whole) / 188 * 10 / (lost + 20))
    live = tmp_path / "live.ts"
    live.write_bytes(whole[:kept] + whole[-kept:])
    data = prepare.process(live).data
    assert data["duration"] == pytest.approx(lost + 20, abs=0.5)
    assert "gaps_filled" in codes(data)


@pytest.mark.parametrize("with_video", [False, True])
@pytest.mark.parametrize("tables", [{}, {"mpegts_pmt_start_pid": "0x1010"}])
def test_sound_that_goes_on_in_another_stream_is_told(
    prepare: EngineUnderTest, tmp_path: Path, tables: dict[str, str], *, with_video: bool
) -> None:
    """Recordings of two programs, or a program that changed the number of its stream."""
    how: dict[str, Any] = {"seconds": 20.0, "with_video": with_video}
    joined = tmp_path / "joined.ts"
    first = transport_stream(tmp_path, **how)
    options = {"mpegts_start_pid": "0x200", **tables}
    joined.write_bytes(first + transport_stream(tmp_path, options=options, **how))
    data = prepare.process(joined).data
    assert data["duration"] == pytest.approx(20.0, abs=0.2)
    assert "sound_left_out" in codes(data)


def test_sound_in_another_language_is_not_taken_for_what_follows(
    prepare: EngineUnderTest, tmp_path: Path
) -> None:
    path = tmp_path / "languages.ts"
    with av.open(str(path), "w", format="mpegts") as output:
        streams = [output.add_stream("aac", rate=48_000, layout="mono") for _ in range(2)]
        for second in range(20):
            for stream in streams:
                assert isinstance(stream, AudioStream)
                frame = AudioFrame.from_ndarray(tone(1.0, 48_000)[np.newaxis, :], "s16", "mono")
                frame.sample_rate, frame.pts = 48_000, second * 48_000
                frame.time_base = Fraction(1, 48_000)
                output.mux(stream.encode(frame))
        for stream in streams:
            assert isinstance(stream, AudioStream)
            output.mux(stream.encode(None))
    data = prepare.process(path).data
    assert data["duration"] == pytest.approx(20.0, abs=0.2)
    assert codes(data) == ["several_audio_streams"]


@pytest.mark.parametrize("bit", [1, 16, 32], ids=["46 seconds", "12 minutes", "25 minutes"])
@pytest.mark.parametrize("wrong", [1, 2, 3])
def test_a_few_wrong_times_move_nothing_that_follows(
    prepare: EngineUnderTest, tmp_path: Path, bit: int, wrong: int
) -> None:
    """Of a broadcast that was received badly. Each is that of several packets of sound."""
    live = tmp_path / "live.ts"
    encode(live, "mpegts", "aac", samples=stairs(20, 48_000), rate=48_000, layout="mono")
    content = bytearray(live.read_bytes())
    begin = len(content) // 2
    for _ in range(wrong):
        begin = content.index(b"\0\0\1\xc0", begin + 1)
        content[begin + 10] ^= bit
    live.write_bytes(content)
    output = prepare.process(live, keep_files_in=tmp_path / "kept")
    assert output.data["duration"] == pytest.approx(20.0, abs=0.2)
    assert codes(output.data) == []
    samples = read_wav(output.files["audio.wav"])
    assert loudest_frequency(samples[18 * 16_000 + 4_000 :][:8_000]) == pytest.approx(
        stair(18), abs=10
    )
