"""Long pauses aren't heard by the model, and yet times are right on both sides of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from faster_whisper.transcribe import Segment, Word

from dalston.engine_sdk.testing import EngineUnderTest
from tests.engines.sounds import write_wav
from tests.engines.speech_clips import read_sound, silence
from tests.support.recordings import SPEECH, needs_recordings

RATE = 16_000
SPANS = [{"start": 0, "end": 4 * RATE}, {"start": 40 * RATE, "end": 45 * RATE}]
"""Four seconds of speech and, 36 seconds later, five more."""


@pytest.fixture
def transcription(whisper: EngineUnderTest) -> Any:
    """The module under test, which lies beside the engine."""
    return whisper.engine._transcription  # type: ignore[attr-defined]


def piece(*words: tuple[str, float, float]) -> Segment:
    """What faster-whisper returns; times are those of the speech without the pause."""
    found = [Word(start, end, text, 0.9) for text, start, end in words]
    text = "".join(word.word for word in found)
    return Segment(1, 0, found[0].start, found[-1].end, text, [], -0.1, 1.0, 0.0, found, 0.0)


def times(words: Sequence[Word] | None) -> list[tuple[str, float, float]]:
    return [(word.word, word.start, word.end) for word in words or ()]


def test_a_word_that_reaches_over_a_pause_is_said_behind_it(transcription: Any) -> None:
    heard = piece((" he", 2.0, 3.0), (" said", 3.0, 3.4), (" put", 3.4, 4.3), (" this", 4.3, 5.0))
    [found] = transcription.restored([heard], SPANS)
    assert times(found.words) == [
        (" he", 2.0, 3.0),
        (" said", 3.0, 3.4),
        (" put", 40.0, 40.3),
        (" this", 40.3, 41.0),
    ]
    assert (found.start, found.end) == (2.0, 41.0)


def test_a_word_that_ends_with_what_is_said_before_a_pause_stays_there(transcription: Any) -> None:
    heard = piece((" he", 2.0, 3.0), (" said", 3.0, 4.05), (" put", 4.2, 4.6), (" it.", 4.6, 9.5))
    [found] = transcription.restored([heard], SPANS)
    assert times(found.words) == [
        (" he", 2.0, 3.0),
        (" said", 3.0, 4.0),
        (" put", 40.2, 40.6),
        (" it.", 40.6, 45.5),
    ]


def test_a_short_word_that_begins_behind_a_pause_is_said_there(transcription: Any) -> None:
    heard = piece((" said", 3.0, 4.0), (" a", 4.02, 4.06), (" word", 4.06, 4.6))
    [found] = transcription.restored([heard], SPANS)
    assert times(found.words) == [
        (" said", 3.0, 4.0),
        (" a", 40.02, 40.06),
        (" word", 40.06, 40.6),
    ]


def test_a_segment_does_not_stand_over_a_pause(transcription: Any) -> None:
    words = [
        {"text": "He", "start": 102.0, "end": 103.0},
        {"text": "said,", "start": 103.0, "end": 103.4},
        {"text": "well", "start": 140.0, "end": 140.3},
        {"text": "-known", "start": 140.3, "end": 141.0},
    ]
    segment = {"start": 102.0, "end": 141.0, "text": "He said, well-known", "confidence": 0.8}
    pauses = transcription.pauses_between(SPANS, 100.0)
    assert pauses == [122.0]
    one, other = transcription.parted([{**segment, "words": words}], pauses)
    assert one == {
        "start": 102.0,
        "end": 103.4,
        "text": "He said,",
        "confidence": 0.8,
        "words": words[:2],
    }
    assert other == {
        "start": 140.0,
        "end": 141.0,
        "text": "well-known",
        "confidence": 0.8,
        "words": words[2:],
    }
    assert list(transcription.parted([segment], pauses)) == [segment]


def test_nothing_of_a_text_is_lost_for_want_of_its_word(transcription: Any) -> None:
    words = [
        {"text": "said", "start": 103.0, "end": 103.4},
        {"text": "well", "start": 140.0, "end": 140.3},
    ]
    segment = {"start": 102.0, "end": 141.0, "text": "He said, well, yes.", "words": words}
    found = list(transcription.parted([segment], [122.0]))
    assert [one["text"] for one in found] == ["He said,", "well, yes."]
    broken = {**segment, "text": "He said, w\ufffdll, yes."}
    assert list(transcription.parted([broken], [122.0])) == [broken]


def test_a_segment_has_the_confidence_of_its_own_words(transcription: Any) -> None:
    """Whisper tells one figure for all that it heard together, up to half a minute."""

    def segment(text: str, start: float, *sure: float) -> dict[str, Any]:
        words = [
            {"text": word, "start": start + n, "end": start + n + 1, "confidence": confidence}
            for n, (word, confidence) in enumerate(zip(text.split(), sure, strict=True))
        ]
        heard = {"confidence": 0.7, "no_speech_probability": 0.0}
        return {"start": start, "end": start + len(words), "text": text, "words": words, **heard}

    sure, unsure = segment("He said:", 0.0, 0.9, 0.4), segment("Ardau!", 3.0, 0.1)
    parted = segment("Yes. Nobody knows.", 5.0, 0.8, 0.0, 0.5)
    untimed = {**segment("As heard.", 9.0, 0.9, 0.9), "words": None}
    given = [sure, unsure, parted, untimed]
    found = transcription._written([], given, "en", [6.0], {"drop_doubtful_text": False})
    told = [one["confidence"] for one in found["segments"]]
    assert told == [0.6, 0.1, 0.8, pytest.approx(0.0071, abs=0.0001), 0.7]
    # Doubtful is what all that was heard together says.
    assert found["warnings"] == []


def test_what_is_said_again_after_a_pause_is_no_loop(transcription: Any) -> None:
    times_said = [(1.0, 1.4), (20.0, 20.4), (40.0, 40.4), (60.0, 60.4)]
    words = [{"text": "Yes.", "start": start, "end": end} for start, end in times_said]
    rest = {"confidence": 0.9, "no_speech_probability": 0.0}
    one = {"start": 1.0, "end": 60.4, "text": "Yes. Yes. Yes. Yes.", "words": words, **rest}
    other = {"start": 10.0, "end": 11.0, "text": "Really?", **rest}
    pauses = [5.0, 30.0, 50.0]
    config = {"drop_doubtful_text": False}
    found = transcription._written([], [one, other], "en", pauses, config)
    assert found["text"] == "Yes. Really? Yes. Yes. Yes."
    assert [segment["start"] for segment in found["segments"]] == [1.0, 10.0, 20.0, 40.0, 60.0]
    assert found["warnings"] == []


@needs_recordings
def test_two_sentences_with_a_pause_between_them_are_two_segments(
    whisper: EngineUnderTest, tmp_path: Any
) -> None:
    """The model takes them for one, and times the first word of the second with the first."""
    folder = SPEECH / "librispeech"
    first = read_sound(folder / "2414-128291-0003.flac")
    second = read_sound(folder / "1688-142285-0002.flac")
    audio = write_wav(tmp_path / "audio.wav", np.concatenate([first, silence(20), second]))
    data = whisper.process(audio, config={"language": "en"}).data
    begins = len(first) / RATE + 20
    before = [one for one in data["segments"] if one["end"] < begins - 18]
    behind = [one for one in data["segments"] if one["start"] > begins - 0.5]
    assert before + behind == data["segments"]
    assert behind[0]["words"][0]["text"].lower() == "you"
    assert data["text"].endswith(behind[-1]["text"])
