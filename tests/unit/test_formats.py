"""Transcripts as text, JSON and subtitles: right for every transcript, not only for tidy ones."""

import json
import re
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dalston.common.formats import FORMATS, to_json, to_srt, to_txt, to_vtt
from dalston.common.transcript import Segment, Speaker, Transcript

STUB: dict[str, Any] = {
    "text": "This is a stub transcript. The system works!",
    "segments": [
        {"start": 0.0, "end": 2.0, "text": "This is a stub transcript."},
        {"start": 2.0, "end": 4.0, "text": "The system works!"},
    ],
    "language": "en",
}
DIALOGUE: dict[str, Any] = {
    "text": "Hello. How are you? Well.",
    "segments": [
        {"start": 0.5, "end": 1.0, "text": "Hello.", "speaker": "speaker_0"},
        {"start": 1.0, "end": 2.0, "text": "How are you?", "speaker": "speaker_0"},
        {"start": 2.5, "end": 3.0, "text": "Well.", "speaker": "speaker_1"},
    ],
    "speakers": [{"id": "speaker_0", "label": "Anna"}],
}

CUE = re.compile(
    r"(\d{2,}):([0-5]\d):([0-5]\d)([.,])(\d{3}) --> (\d{2,}):([0-5]\d):([0-5]\d)[.,](\d{3})"
)


class Shown(msgspec.Struct):
    """A cue as a player reads it: milliseconds and lines."""

    start: int
    end: int
    lines: list[str]


def read(cue: list[str], point: str) -> Shown:
    times = CUE.fullmatch(cue[0])
    assert times is not None, cue[0]
    assert times[4] == point
    numbers = [int(times[place]) for place in (1, 2, 3, 5, 6, 7, 8, 9)]
    start, end = (
        ((hours * 60 + minutes) * 60 + seconds) * 1000 + rest
        for hours, minutes, seconds, rest in (numbers[:4], numbers[4:])
    )
    return Shown(start, end, cue[1:])


def read_srt(text: str) -> list[Shown]:
    """Read SubRip as its players do: blocks between blank lines."""
    blocks = [block.split("\n") for block in text.rstrip("\n").split("\n\n")] if text else []
    assert [block[0] for block in blocks] == [str(n) for n in range(1, len(blocks) + 1)]
    return [read(block[1:], ",") for block in blocks]


def read_vtt(text: str) -> list[Shown]:
    """Read WebVTT: a head, then blocks between blank lines."""
    head, *blocks = text.rstrip("\n").split("\n\n")
    assert head == "WEBVTT"
    return [read(block.split("\n"), ".") for block in blocks]


def test_subrip_of_the_stub() -> None:
    assert to_srt(STUB) == (
        "1\n00:00:00,000 --> 00:00:02,000\nThis is a stub transcript.\n"
        "\n2\n00:00:02,000 --> 00:00:04,000\nThe system works!\n"
    )


def test_webvtt_of_the_stub() -> None:
    assert to_vtt(STUB) == (
        "WEBVTT\n"
        "\n00:00:00.000 --> 00:00:02.000\nThis is a stub transcript.\n"
        "\n00:00:02.000 --> 00:00:04.000\nThe system works!\n"
    )


def test_text_of_the_stub() -> None:
    assert to_txt(STUB) == "This is a stub transcript. The system works!\n"


def test_json_keeps_every_field_in_order() -> None:
    newer = {"text": "Grüße", "segments": [], "a_field_of_tomorrow": {"x": [1, 2]}}
    assert list(json.loads(to_json(newer)).items()) == list(newer.items())
    assert "Grüße" in to_json(newer)


def test_json_of_a_struct_leaves_out_what_is_not_known() -> None:
    transcript = Transcript(text="Hi.", segments=[Segment(start=0, end=1, text="Hi.")])
    assert json.loads(to_json(transcript))["segments"] == [{"start": 0, "end": 1, "text": "Hi."}]


def test_turns_carry_the_speaker_s_label_and_else_the_id() -> None:
    assert to_txt(DIALOGUE) == "Anna: Hello. How are you?\nspeaker_1: Well.\n"
    assert [cue.lines for cue in read_srt(to_srt(DIALOGUE))] == [
        ["Anna: Hello."],
        ["Anna: How are you?"],
        ["speaker_1: Well."],
    ]
    assert read_vtt(to_vtt(DIALOGUE)) == read_srt(to_srt(DIALOGUE))


@pytest.mark.parametrize("speaker", [None, "speaker_1"])
@pytest.mark.parametrize(
    ("first", "second", "whole"),
    [
        ("お早う。", "始めましょう。", "お早う。始めましょう。"),
        ("Good morning.", "Let us begin.", "Good morning. Let us begin."),
        ("안녕하세요.", "시작합시다.", "안녕하세요. 시작합시다."),
    ],
)
def test_sentences_are_joined_as_their_script_has_it(
    first: str, second: str, whole: str, speaker: str | None
) -> None:
    segments = [
        {"start": n, "end": n + 1, "text": text, **({"speaker": speaker} if speaker else {})}
        for n, text in enumerate((first, second))
    ]
    prefix = "speaker_1: " if speaker else ""
    assert to_txt({"text": "", "segments": segments, "language": "ja"}) == f"{prefix}{whole}\n"


def test_a_transcript_without_words_is_valid_in_every_format() -> None:
    empty = {"text": "", "segments": []}
    assert to_txt(empty) == ""
    assert to_srt(empty) == ""
    assert to_vtt(empty) == "WEBVTT\n"
    assert json.loads(to_json(empty)) == empty


def test_webvtt_escapes_what_it_would_read_as_markup() -> None:
    text = to_vtt({"text": "", "segments": [{"start": 0, "end": 1, "text": "a <b> & c --> d"}]})
    assert "\na &lt;b&gt; &amp; c --&gt; d\n" in text


def test_an_arrow_in_a_subrip_text_can_not_be_taken_for_times() -> None:
    text = to_srt({"text": "", "segments": [{"start": 0, "end": 1, "text": "1 --> 2"}]})
    assert text.count("-->") == 1


@pytest.mark.parametrize(
    "gap", ["\n\n", "\n \n", "\r\n\r\n", "\u2028\u2028", "\x0b\x0c", "\n\x00\n"]
)
def test_a_blank_line_in_a_text_can_not_end_its_cue(gap: str) -> None:
    segments = [{"start": 0, "end": 1, "text": f"one{gap}two"}]
    for shown in (
        read_srt(to_srt({"text": "", "segments": segments})),
        read_vtt(to_vtt({"text": "", "segments": segments})),
    ):
        assert [cue.lines for cue in shown] == [["one", "two"]]


def test_rounding_never_fills_a_minute() -> None:
    segments = [{"start": 59.9994, "end": 59.9996, "text": "a"}]
    assert "00:00:59,999 --> 00:01:00,000" in to_srt({"text": "", "segments": segments})
    late = [{"start": 3599.9999, "end": 360_000, "text": "a"}]
    assert "01:00:00.000 --> 100:00:00.000" in to_vtt({"text": "", "segments": late})


def test_two_people_talking_at_once_stay_at_once() -> None:
    segments = [{"start": 0, "end": 4, "text": "a"}, {"start": 1, "end": 2, "text": "b"}]
    shown = read_vtt(to_vtt({"text": "", "segments": segments}))
    assert [(cue.start, cue.end) for cue in shown] == [(0, 4000), (1000, 2000)]


def test_what_is_no_transcript_is_refused() -> None:
    for output_format in ("txt", "srt", "vtt"):
        with pytest.raises(ValueError, match="not a transcript"):
            FORMATS[output_format]({"status": "pending"})


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
GAPS = st.floats(0, 100_000)
LENGTHS = st.floats(0.001, 1000)


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    """A transcript as any engine may give: times in order, never at once, any text."""
    now = 0.0
    segments = []
    for _ in range(draw(st.integers(0, 6))):
        start = now + draw(GAPS)
        now = start + draw(LENGTHS)
        speaker = draw(st.none() | TEXTS)
        segments.append(Segment(start=start, end=now, text=draw(TEXTS), speaker=speaker))
    speakers = [Speaker(segment.speaker, draw(TEXTS)) for segment in segments if segment.speaker]
    return Transcript(text=draw(TEXTS), segments=segments, speakers=speakers)


@given(transcripts())
def test_subtitles_of_any_transcript_can_be_read_back(transcript: Transcript) -> None:
    spoken = [segment for segment in transcript.segments if to_srt(alone(segment))]
    for shown in (read_srt(to_srt(transcript)), read_vtt(to_vtt(transcript))):
        assert len(shown) == len(spoken)
        for cue, segment in zip(shown, spoken, strict=True):
            assert abs(cue.start - segment.start * 1000) <= 0.51
            assert abs(cue.end - segment.end * 1000) <= 1.01
            assert cue.lines
            assert all(line.strip() and line.splitlines() == [line] for line in cue.lines)
            assert not any("-->" in line for line in cue.lines)
            assert cue.start < cue.end
        for cue, following in pairwise(shown):
            assert cue.end <= following.start + 1


def alone(segment: Segment) -> Transcript:
    return Transcript(text="", segments=[segment])


@given(transcripts())
def test_json_can_be_read_back(transcript: Transcript) -> None:
    assert msgspec.json.decode(to_json(transcript), type=Transcript) == transcript


@given(transcripts())
@example(Transcript("0\r\r0", []))
def test_text_has_no_blank_line_and_no_control_character(transcript: Transcript) -> None:
    lines = to_txt(transcript).splitlines()
    assert all(line.strip() for line in lines)
