"""A transcript with words, speakers and channels, as other vendors' clients read it."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from dalston.common.errors import RequestError
from dalston.common.models import Job, JobStatus
from dalston.common.transcript import Segment, Speaker, Transcript, Word
from dalston.gateway.dialects import assemblyai, deepgram, elevenlabs
from dalston.gateway.dialects.assemblyai_answers import job_body, paragraphs_body
from dalston.gateway.dialects.deepgram_answers import Shape, listen_body
from dalston.gateway.dialects.elevenlabs_answers import transcript_body
from dalston.gateway.dialects.languages import long_code, plain_language
from dalston.gateway.dialects.translation import Plan
from dalston.gateway.openai.names import ALIASES

ADDRESS = "http://127.0.0.1:8000/v2/upload/job_0123456789ab"


def job(**parameters: Any) -> Job:
    return Job(
        id="job_0123456789ab",
        status=JobStatus.COMPLETED,
        pipeline="default",
        owner="local",
        parameters=parameters,
        filename=None,
        audio_path="jobs/job_0123456789ab/audio/original.wav",
        audio_bytes=1,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def spoken(first: str, second: str) -> Transcript:
    """Return a question and its answer, by two speakers."""
    words = [Word("Is", 0.5, 0.6, 0.5), Word("it?", 0.7, 1.0, 1.0)]
    return Transcript(
        text="Is it? No.",
        segments=[
            Segment(0.5, 1.0, "Is it?", speaker=first, confidence=0.7, words=words),
            Segment(4.0, 4.25, "No.", speaker=second, words=[Word("No.", 4.0, 4.25)]),
        ],
        language="en",
        language_confidence=0.9,
        duration=5.2,
        speakers=[Speaker(first, "One"), Speaker(second, "Two")],
        metadata={"audio": {"channels": 2}, "pipeline": ["a", "b"], "warnings": []},
    )


def test_channels_that_could_not_be_kept_apart_are_one() -> None:
    """The same sound in both, or more than can be split: nobody may say that one is silent."""
    talk = spoken("channel_1", "channel_2")
    mixed = [msgspec.structs.replace(one, speaker=None) for one in talk.segments]
    unsplit = msgspec.structs.replace(talk, segments=mixed, speakers=[])
    answer = listen_body(unsplit, job(), None, Shape(split=True, utterances=True))
    (channel,) = answer["results"]["channels"]
    assert channel["alternatives"][0]["transcript"] == "Is it? No."
    assert answer["metadata"]["channels"] == 1
    assert [one["channel"] for one in answer["results"]["utterances"]] == [0, 0]
    (apart,) = transcript_body(unsplit, "job_0123456789ab", split="separate")["transcripts"]
    assert (apart["channel_index"], apart["text"]) == (0, "Is it? No.")
    # Those in which nobody speaks are silent.
    silent = msgspec.structs.replace(unsplit, segments=[], text="")
    assert len(listen_body(silent, job(), None, Shape(split=True))["results"]["channels"]) == 2


def test_elevenlabs_words_have_blanks_between_them_and_speakers() -> None:
    body = transcript_body(spoken("S7", "S2"), "job_0123456789ab")
    assert (body["language_code"], body["language_probability"]) == ("eng", 0.9)
    assert body["audio_duration_secs"] == 5.2
    assert "".join(word["text"] for word in body["words"]) == body["text"] == "Is it? No."
    kinds = [word["type"] for word in body["words"]]
    assert kinds == ["word", "spacing", "word", "spacing", "word"]
    first, blank, _, gap, last = body["words"]
    assert first == {
        "text": "Is",
        "start": 0.5,
        "end": 0.6,
        "type": "word",
        "speaker_id": "speaker_0",
        "logprob": round(math.log(0.5), 4),
    }
    assert (blank["start"], blank["end"]) == (0.6, 0.7)
    assert (gap["start"], gap["end"]) == (1.0, 4.0)
    assert last["speaker_id"] == "speaker_1"
    assert "logprob" not in last
    assert transcript_body(spoken("a", "b"), "x", words=False)["words"] == []


def test_elevenlabs_channels_are_apart_or_together() -> None:
    talk = spoken("channel_2", "channel_1")
    apart = transcript_body(talk, "job_0123456789ab", split="separate")
    assert [one["text"] for one in apart["transcripts"]] == ["No.", "Is it?"]
    assert [one["channel_index"] for one in apart["transcripts"]] == [0, 1]
    together = transcript_body(talk, "job_0123456789ab", split="combined")
    assert together["text"] == "Is it? No."
    assert [word["channel_index"] for word in together["words"]] == [1, 1, 1, 1, 0]


def test_deepgram_words_speakers_and_channels() -> None:
    body = listen_body(spoken("S7", "S2"), job(), "00", Shape(speakers=True, paragraphs=True))
    assert body["metadata"]["channels"] == 2
    assert body["metadata"]["duration"] == 5.2
    [channel] = body["results"]["channels"]
    [best] = channel["alternatives"]
    # Of those words that anybody is sure of.
    assert best["confidence"] == 0.75
    assert best["words"][1] == {
        "word": "it",
        "punctuated_word": "it?",
        "start": 0.7,
        "end": 1.0,
        "confidence": 1.0,
        "speaker": 0,
    }
    assert "confidence" not in best["words"][2]
    assert [one["speaker"] for one in best["paragraphs"]["paragraphs"]] == [0, 1]
    silent = listen_body(spoken("S7", "S2"), job(), None, Shape())
    assert "speaker" not in str(silent)
    split = listen_body(
        spoken("channel_2", "channel_1"), job(), None, Shape(split=True, utterances=True)
    )
    texts = [one["alternatives"][0]["transcript"] for one in split["results"]["channels"]]
    assert texts == ["No.", "Is it?"]
    assert [one["channel"] for one in split["results"]["utterances"]] == [1, 0]


@pytest.mark.parametrize(
    ("shown", "bare"),
    [
        ("हिन्दी,", "हिन्दी"),
        ("ที่", "ที่"),
        ("বাংলা।", "বাংলা"),
        ("Cafe\u0301!", "cafe\u0301"),
        ("(Don't)", "don't"),
        ("...", "..."),
    ],
)
def test_deepgram_words_lose_their_punctuation_and_nothing_else(shown: str, bare: str) -> None:
    heard = Transcript(
        text=shown,
        segments=[Segment(0.0, 1.0, shown, words=[Word(shown, 0.0, 1.0)])],
        duration=1.0,
    )
    body = listen_body(heard, job(), None, Shape())
    [channel] = body["results"]["channels"]
    [word] = channel["alternatives"][0]["words"]
    assert (word["word"], word["punctuated_word"]) == (bare, shown)


def test_assemblyai_counts_milliseconds() -> None:
    body = job_body(job(diarize=True), ADDRESS, spoken("S7", "S2"))
    assert (body["status"], body["audio_duration"], body["language_code"]) == ("completed", 5, "en")
    assert body["speaker_labels"] is True
    assert body["words"][0] == {
        "text": "Is",
        "start": 500,
        "end": 600,
        "confidence": 0.5,
        "speaker": "A",
    }
    # The client can't read a word without one.
    assert body["words"][2]["confidence"] == 0.0
    assert [(one["speaker"], one["text"]) for one in body["utterances"]] == [
        ("A", "Is it?"),
        ("B", "No."),
    ]
    shown = paragraphs_body(spoken("S7", "S2"), job())
    assert [one["start"] for one in shown["paragraphs"]] == [500, 4000]
    assert shown["audio_duration"] == 5.2


def test_languages_of_three_letters_and_with_regions() -> None:
    sent = ("eng", "en-US", "en_us", "DEU", "haw", "cmn", "nb-NO", "zh-yue", "eng-GB")
    assert [plain_language(text) for text in sent] == [
        *("en", "en", "en", "de", "haw", "zh", "no", "yue", "en"),
    ]
    assert plain_language("tlh") == "tlh"
    assert (long_code("en"), long_code("xx"), long_code(None)) == ("eng", "xx", None)


def test_a_vendors_models_are_names_of_nothing_else() -> None:
    known = {name for dialect in (assemblyai, deepgram, elevenlabs) for name in dialect.MODELS}
    assert known.isdisjoint(ALIASES)
    assert "base" not in known


def test_what_speakers_are_asked_for() -> None:
    def fields(plan: Plan) -> dict[str, Any]:
        return plan.fields

    many = elevenlabs.plan({"diarize": ["true"], "num_speakers": ["4"]})
    assert fields(many) == {"diarize": "true", "max_speakers": "4"}
    assert many.diarized
    assert fields(elevenlabs.plan({"num_speakers": ["4"]})) == {}
    assert fields(deepgram.plan({"diarize": ["true"]})) == {"diarize": "true"}
    sent = assemblyai.fields_of(
        {"speaker_labels": True, "speaker_options": {"min_speakers_expected": 2}, "prompt": None}
    )
    asked = assemblyai.plan({one.name: [one.value] for one in sent})
    assert fields(asked) == {"diarize": "true", "min_speakers": "2"}
    with pytest.raises(RequestError, match="speaker_labels"):
        assemblyai.plan({"speakers_expected": ["2"]})


def test_two_fields_of_one_meaning_are_taken_together_or_refused() -> None:
    both = assemblyai.plan({"word_boost": ["Ada"], "keyterms_prompt": ["Bob", "Eve"]})
    assert both.fields == {"hotwords": "Ada, Bob, Eve"}
    same = assemblyai.plan({"language_code": ["en_us"], "language_codes": ["en"]})
    assert same.fields == {"language": "en"}
    with pytest.raises(RequestError, match="different"):
        assemblyai.plan({"language_code": ["en"], "language_codes": ["de"]})
    with pytest.raises(RequestError, match="two things"):
        deepgram.plan({"language": ["en"], "detect_language": ["true"]})
    with pytest.raises(RequestError, match="two things"):
        deepgram.plan({"diarize": ["false"], "diarize_model": ["latest"]})
    assert deepgram.plan({"diarize_model": ["latest"]}).diarized
    here, there = "https://a.example/talk.wav", "https://b.example/talk.wav"
    with pytest.raises(RequestError, match="two recordings"):
        elevenlabs.plan({"source_url": [here], "cloud_storage_url": [there]})
    assert elevenlabs.plan({"source_url": [here], "cloud_storage_url": [here]}).fields == {
        "source_url": here
    }
    terms = deepgram.plan({"keyterm": ["Ada"], "keywords": ["Bob"]})
    assert terms.fields == {"hotwords": "Ada, Bob"}
