"""The one transcript, made of what the stages found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dalston.engine_sdk import TaskFailed
from dalston.engine_sdk.testing import run_engine
from tests.engines.sounds import ENGINES

FOLDER = ENGINES / "merge" / "transcript-merger"
PREPARED: dict[str, Any] = {
    "duration": 5.0,
    "channels": 2,
    "sample_rate": 44_100,
    "codec": "mp3",
    "container": "mp3",
    "audio": {"bytes": 80_000, "has_video": False},
    "warnings": [{"code": "input_truncated", "message": "cut"}],
    "engine": {"id": "audio-prepare", "version": "1.0.0"},
}


def transcribed(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "text": "Good evening. Steve.",
        "language": "en",
        "language_confidence": 0.9,
        "segments": [
            {"start": 0.1, "end": 2.0, "text": "Good evening.", "confidence": 0.8},
            {"start": 2.5, "end": 3.0, "text": "Steve."},
        ],
        "warnings": [{"code": "gpu_unavailable", "message": "slow"}],
        "engine": {"id": "faster-whisper", "version": "1.0.0", "model": "base", "device": "cpu"},
    }
    return {**found, **changes}


def merge(tmp_path: Path, **outputs: Any) -> dict[str, Any]:
    audio = tmp_path / "audio.wav"
    audio.write_bytes(b"")
    return run_engine(FOLDER, audio, previous=outputs).data


def test_everything_that_is_known_stands_in_the_transcript(tmp_path: Path) -> None:
    assert merge(tmp_path, transcribe=transcribed(), prepare=PREPARED) == {
        "text": "Good evening. Steve.",
        "language": "en",
        "language_confidence": 0.9,
        "duration": 5.0,
        "segments": [
            {"id": 0, "start": 0.1, "end": 2.0, "text": "Good evening.", "confidence": 0.8},
            {"id": 1, "start": 2.5, "end": 3.0, "text": "Steve."},
        ],
        "speakers": [],
        "metadata": {
            "pipeline": ["audio-prepare", "faster-whisper", "transcript-merger"],
            "engines": {
                "audio-prepare": {"version": "1.0.0"},
                "faster-whisper": {"version": "1.0.0", "model": "base", "device": "cpu"},
                "transcript-merger": {"version": "1.3.0"},
            },
            "audio": {
                "channels": 2,
                "sample_rate": 44_100,
                "codec": "mp3",
                "container": "mp3",
                "bytes": 80_000,
                "has_video": False,
            },
            "warnings": [
                {"code": "input_truncated", "message": "cut"},
                {"code": "gpu_unavailable", "message": "slow"},
            ],
        },
    }


def test_what_is_not_known_is_absent(tmp_path: Path) -> None:
    found = merge(tmp_path, transcribe={"text": "Hi.", "segments": []})
    assert found == {
        "text": "",
        "segments": [],
        "speakers": [],
        "metadata": {
            "pipeline": ["transcript-merger"],
            "engines": {"transcript-merger": {"version": "1.3.0"}},
            "warnings": [],
        },
    }


def test_times_stay_in_order_and_within_the_recording(tmp_path: Path) -> None:
    words = [
        {"text": "late", "start": 4.0, "end": 9.0, "confidence": 0.5},
        {"text": "before", "start": 3.0, "end": 3.5},
    ]
    segments = [
        {"start": 4.0, "end": 9.0, "text": "late before", "words": words},
        {"start": -1.0, "end": 1.0, "text": "first"},
        {"start": 7.0, "end": 8.0, "text": "behind the end"},
        {"start": 2.0, "end": 2.5, "text": "  "},
    ]
    found = merge(tmp_path, transcribe=transcribed(segments=segments), prepare=PREPARED)
    assert [(s["id"], s["start"], s["end"], s["text"]) for s in found["segments"]] == [
        (0, 0.0, 1.0, "first"),
        (1, 4.0, 5.0, "late before"),
        (2, 5.0, 5.0, "behind the end"),
    ]
    assert found["segments"][1]["words"] == [
        {"text": "late", "confidence": 0.5, "start": 4.0, "end": 5.0},
        {"text": "before", "start": 4.0, "end": 4.0},
    ]
    assert found["text"] == "first late before behind the end"


def test_languages_without_spaces_are_joined_without(tmp_path: Path) -> None:
    segments = [{"start": 0, "end": 1, "text": "你好。"}, {"start": 1, "end": 2, "text": "世界。"}]
    found = merge(tmp_path, transcribe=transcribed(language="zh", segments=segments))
    assert found["text"] == "你好。世界。"


def test_without_a_transcription_it_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(TaskFailed) as failed:
        merge(tmp_path, prepare=PREPARED)
    assert failed.value.code == "missing_transcription"
    assert not failed.value.retryable


def moved(tmp_path: Path, *segments: dict[str, Any], offset: float = 0.0) -> list[str]:
    chunk = {"offset": offset, "core_start": offset, "core_end": 5.0}
    found = transcribed(segments=list(segments), warnings=[], **chunk)
    merged = merge(tmp_path, transcribe=[found], prepare=PREPARED | {"warnings": []})
    warnings = merged["metadata"]["warnings"]
    assert {warning["code"] for warning in warnings} <= {"times_moved"}
    return [warning["message"] for warning in warnings]


def test_times_that_can_not_be_are_told(tmp_path: Path) -> None:
    # Of a transcriber that adds the chunk's start to its times.
    doubled = {"start": 4.0, "end": 4.5, "text": "Late."}
    [message] = moved(tmp_path, doubled, offset=4.0)
    assert "times, 1 of the segments" in message
    assert "by up to 3 s" in message

    words = [{"text": text, "start": at, "end": at + 0.1} for text, at in (("b", 3), ("a", 0.2))]
    [message] = moved(tmp_path, {"start": 0.0, "end": 4.0, "text": "b a", "words": words})
    assert "out of order" in message


def test_an_end_that_is_missed_by_less_is_not_told(tmp_path: Path) -> None:
    last = {"start": 4.6, "end": 7.0, "text": "Bye."}
    assert moved(tmp_path, {"start": 5.4, "end": 5.5, "text": "A."}) == []
    assert moved(tmp_path, last) == []


def test_chunks_of_different_engines_are_told(tmp_path: Path) -> None:
    chunks = [
        transcribed(
            engine={"id": "mine", "version": version, "device": "cpu"},
            warnings=[],
            offset=at,
            core_start=at,
            core_end=at + 1.0,
        )
        for at, version in ((0.0, "1"), (1.0, "2"), (2.0, "2"))
    ]
    metadata = merge(tmp_path, transcribe=chunks)["metadata"]
    [warning] = metadata["warnings"]
    assert warning["code"] == "several_engines"
    assert (
        "transcribe was done by different engines: mine 1 (1 chunks), mine 2 (2"
        in (warning["message"])
    )


def test_text_that_an_aligner_leaves_out_is_told(tmp_path: Path) -> None:
    heard = transcribed(warnings=[])
    later = [{**segment, "start": segment["start"] + 0.1} for segment in heard["segments"]]
    whole = merge(tmp_path, transcribe=heard, align={"segments": later})
    assert whole["metadata"]["warnings"] == []

    cut = merge(tmp_path, transcribe=heard, align={"segments": later[:1]})
    [warning] = cut["metadata"]["warnings"]
    assert warning["code"] == "text_lost_in_alignment"
    assert "11 of the 16 letters" in warning["message"]


NOBODY: dict[str, Any] = {"turns": [], "speakers": [], "warnings": []}
SOMEBODY: dict[str, Any] = {
    "turns": [{"start": 0.0, "end": 2.0, "speaker": "speaker_1"}],
    "speakers": [{"id": "speaker_1", "label": "Speaker 1"}],
    "warnings": [],
}


@pytest.mark.parametrize(
    ("diarized", "segments", "told"),
    [
        (NOBODY, transcribed()["segments"], True),
        (NOBODY, [], False),
        (SOMEBODY, transcribed()["segments"], False),
    ],
)
def test_words_that_nobody_is_known_to_say_are_told(
    tmp_path: Path, diarized: dict[str, Any], segments: list[dict[str, Any]], told: bool
) -> None:
    """As of half a second of speech: the transcriber hears a word and the diarizer no voice."""
    found = merge(tmp_path, transcribe=transcribed(segments=segments), diarize=diarized)
    codes = [warning["code"] for warning in found["metadata"]["warnings"]]
    assert ("speakers_not_found" in codes) == told


def test_who_speaks_is_only_missed_where_it_was_asked_for(tmp_path: Path) -> None:
    found = merge(tmp_path, transcribe=transcribed())
    assert [one["code"] for one in found["metadata"]["warnings"]] == ["gpu_unavailable"]
