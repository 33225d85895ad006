"""Speech that a first hearing leaves out is heard again by itself."""

from __future__ import annotations

import sys
from itertools import islice
from typing import Any

import pytest

from dalston.engine_sdk.testing import EngineUnderTest
from scripts.demo_recording import WORDS, recording, word_error_rate

RATE = 16_000


@pytest.fixture
def unheard(whisper: EngineUnderTest) -> Any:
    """The function under test, which lies beside the engine."""
    return whisper.engine._transcription.unheard  # type: ignore[attr-defined]


def seconds(spans: list[dict[str, int]]) -> list[tuple[float, float]]:
    return [(span["start"] / RATE, span["end"] / RATE) for span in spans]


def spans(*pairs: tuple[float, float]) -> list[dict[str, int]]:
    return [{"start": int(begin * RATE), "end": int(end * RATE)} for begin, end in pairs]


def segment(start: float, end: float) -> dict[str, float]:
    return {"start": start, "end": end}


def test_speech_between_segments_is_found(unheard: Any) -> None:
    spoken = spans((0, 10), (11, 20), (30, 31))
    found = [segment(100.5, 104), segment(112, 119.5)]
    assert [seconds(one) for one in unheard(spoken, found, 100.0)] == [[(4, 10), (11, 12)]]


def test_speech_behind_the_last_segment_is_found(unheard: Any) -> None:
    assert [seconds(one) for one in unheard(spans((0, 20)), [segment(0, 12)], 0.0)] == [[(12, 20)]]


@pytest.mark.parametrize(
    "found",
    [[], [segment(0, 20)], [segment(1.5, 9), segment(8, 18.5)], [segment(0, 12), segment(2, 19)]],
)
def test_what_is_nearly_covered_or_not_at_all_is_not_heard_again(
    unheard: Any, found: list[dict[str, float]]
) -> None:
    assert list(unheard(spans((0, 20)), found, 0.0)) == []


def test_what_a_first_hearing_leaves_out_is_in_the_text(
    whisper: EngineUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = whisper.engine._model.model  # type: ignore[attr-defined]
    real, heard = model.transcribe, []

    def forgetful(samples: Any, **wishes: Any) -> Any:
        """Lose all but the first segment, the first time."""
        pieces, info = real(samples, **wishes)
        heard.append(len(samples) / RATE)
        return (islice(pieces, 1) if len(heard) == 1 else pieces), info

    monkeypatch.setattr(model, "transcribe", forgetful)
    data = whisper.process(recording(), config={"language": "en"}).data

    assert len(heard) == 2
    assert heard[1] < heard[0]
    assert word_error_rate(WORDS, data["text"]) < 0.05
    starts = [one["start"] for one in data["segments"]]
    assert starts == sorted(starts)


def test_silence_between_segments_is_nothing_missed(unheard: Any) -> None:
    spoken = spans((0, 3), (60, 63))
    assert list(unheard(spoken, [segment(0, 3), segment(60, 63)], 0.0)) == []


def test_speech_of_which_nothing_is_written_is_told(
    whisper: EngineUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = whisper.engine._model.model  # type: ignore[attr-defined]
    real = model.transcribe

    def deaf(samples: Any, **wishes: Any) -> Any:
        pieces, info = real(samples, **wishes)
        return islice(pieces, 0), info

    monkeypatch.setattr(model, "transcribe", deaf)
    data = whisper.process(recording(), config={"language": "en"}).data
    assert data["text"] == ""
    (warning,) = data["warnings"]
    assert warning["code"] == "speech_without_text"
    assert warning["start"] < 2
    assert warning["end"] > 20


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([], [(100, 120)]),
        ([segment(100, 112)], [(112, 120)]),
        ([segment(100, 119)], []),
        ([segment(100, 108), segment(112, 120)], [(108, 112)]),
    ],
)
def test_each_stretch_without_text_is_told(
    whisper: EngineUnderTest, found: list[dict[str, float]], told: list[tuple[float, float]]
) -> None:
    assert whisper.spec.id == "faster-whisper"
    never_heard = sys.modules["second_hearing"].never_heard
    warnings = never_heard(spans((0, 20)), found, 100.0)
    assert [(one["start"], one["end"]) for one in warnings] == told


def test_a_short_sound_without_text_is_not_told(whisper: EngineUnderTest) -> None:
    assert whisper.spec.id == "faster-whisper"
    never_heard = sys.modules["second_hearing"].never_heard
    assert list(never_heard(spans((0, 1), (5, 5.9)), [], 0.0)) == []
