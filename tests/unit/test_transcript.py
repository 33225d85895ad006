"""What a stage may return."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dalston.common.transcript import check_stage_output

GOOD: dict[str, Any] = {
    "text": "One two.",
    "language": "en",
    "segments": [
        {
            "start": 0.0,
            "end": 1.5,
            "text": "One two.",
            "words": [{"text": "One", "start": 0.0, "end": 0.7, "confidence": 0.9}],
        },
        {"start": 1.5, "end": 2.0, "text": "Three."},
    ],
}


def check(stage: str, output: object) -> None:
    check_stage_output(stage, json.dumps(output).encode())


def test_what_is_right_passes() -> None:
    check("transcribe", GOOD)
    check("merge", {**GOOD, "duration": 2.0, "speakers": [], "metadata": {}})
    check("transcribe", {"text": "", "segments": []})
    check("prepare", {"duration": 0.0, "channels": 2, "sample_rate": 8000})
    check("summarise", {"anything": [1, None]})


def test_every_output_is_an_object() -> None:
    with pytest.raises(ValueError, match="object"):
        check("summarise", ["anything"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"text": None}, "text"),
        ({"segments": [{"text": "One."}]}, "start"),
        ({"segments": list(reversed(GOOD["segments"]))}, "starts before"),
        ({"segments": None}, "segments"),
        ({"duration": 1.0}, "after the recording"),
        ({"metadata": "made by hand"}, "metadata"),
    ],
)
def test_segments_of_a_last_stage_are_the_transcripts(change: dict[str, Any], said: str) -> None:
    data = json.dumps({**GOOD, **change}).encode()
    check_stage_output("redact", data)
    with pytest.raises(ValueError, match=said):
        check_stage_output("redact", data, last=True)
    check_stage_output("count", b'{"count": 3}', last=True)


@pytest.mark.parametrize(
    ("stage", "change", "said"),
    [
        ("transcribe", {"warnings": ["careful"]}, r"\$\.warnings\[0\]"),
        ("summarise", {"warnings": "careful"}, r"\$\.warnings"),
        ("diarize", {"engine": "mine"}, r"\$\.engine"),
        ("transcribe", {"engine": {"version": "1"}}, "id"),
        ("transcribe", {"speakers": ["Anna"]}, r"\$\.speakers\[0\]"),
    ],
)
def test_what_the_merger_reads_of_any_stage_is_checked_where_it_is_made(
    stage: str, change: dict[str, Any], said: str
) -> None:
    good = {**GOOD, "turns": [], "speakers": [], "engine": {"id": "mine", "model": "x"}}
    check(stage, {**good, "warnings": [{"code": "a", "message": "b", "more": 1}]})
    with pytest.raises(ValueError, match=said):
        check(stage, {**good, **change})


@pytest.mark.parametrize(
    ("stage", "change", "said"),
    [
        ("transcribe", {"text": None}, "text"),
        ("transcribe", {"segments": None}, "segments"),
        ("transcribe", {"segments": [{"start": -1, "end": 0, "text": ""}]}, "start"),
        ("transcribe", {"segments": [{"start": 2, "end": 1, "text": ""}]}, "ends before"),
        ("transcribe", {"segments": [{"start": float("nan"), "end": 1, "text": ""}]}, "malformed"),
        ("transcribe", {"segments": list(reversed(GOOD["segments"]))}, "starts before"),
        ("transcribe", {"language_confidence": 2.0}, "language_confidence"),
        ("merge", {"duration": 1.0}, "after the recording"),
        ("merge", {"speakers": [{"id": 1}]}, "speakers"),
    ],
)
def test_what_is_wrong_is_named(stage: str, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check(stage, {**GOOD, **change})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"turns": [{"start": 3, "end": 1, "speaker": "A"}]}, r"turns\[0\] ends before"),
        ({"speakers": [{"id": "A", "label": "x"}, {"id": "A", "label": "y"}]}, r"speakers\[1\]"),
    ],
)
def test_turns_and_speakers_say_who_speaks_when(change: dict[str, Any], said: str) -> None:
    good = {"turns": [{"start": 0, "end": 1, "speaker": "A"}], "speakers": []}
    check("diarize", good)
    with pytest.raises(ValueError, match=said):
        check("diarize", {**good, **change})


@pytest.mark.parametrize("channels", [0, -1, "2"])
def test_prepared_audio_has_channels(channels: object) -> None:
    with pytest.raises(ValueError, match="channels"):
        check("prepare", {"duration": 1.0, "channels": channels, "sample_rate": 8000})
