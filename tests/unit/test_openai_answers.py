"""A transcript as OpenAI's clients read it, and what of it may be sent before it is done."""

from __future__ import annotations

import math
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from dalston.common.engine_spec import read_catalog
from dalston.common.errors import UnsupportedValueError
from dalston.common.models import JobStatus, Part, Task, TaskStatus
from dalston.common.storage import ObjectStore, StoreSettings
from dalston.common.transcript import Segment, Transcript, Word
from dalston.gateway.openai.bodies import diarized_segments, json_body, text_body
from dalston.gateway.openai.planning import native_fields
from dalston.gateway.openai.streams import rest_of
from dalston.gateway.openai.waiting import Transcription
from dalston.gateway.openai.wishes import Wish
from dalston.gateway.services.finished import transcript_of
from dalston.gateway.services.job_view import JobView
from dalston.gateway.services.outcomes import JobFailedError
from dalston.gateway.services.partial import PartialTexts
from dalston.gateway.services.progress import first_heard
from dalston.gateway.services.watching import JobState, Watched
from tests.support.board import new_job
from tests.support.deployment import REPOSITORY

WORDS = [Word("Hello", 0.5, 0.9), Word("there.", 0.9, 1.2)]
KNOWN = Transcript(
    "Hello there.",
    [Segment(0.5, 1.2, "Hello there.", confidence=0.8, no_speech_probability=0.01, words=WORDS)],
    language="de",
    duration=2.5,
)


def verbose(**asked: object) -> Wish:
    return Wish(response_format="verbose_json", **asked)  # type: ignore[arg-type]


def test_verbose_json() -> None:
    body = json_body(KNOWN, verbose(temperature=0.2))
    [segment] = body.pop("segments")
    assert body == {
        "task": "transcribe",
        "language": "german",
        "duration": 2.5,
        "text": "Hello there.",
        "usage": {"type": "duration", "seconds": 2.5},
    }
    assert math.exp(segment.pop("avg_logprob")) == pytest.approx(0.8, abs=1e-4)
    assert segment == {
        "id": 0,
        "seek": 50,
        "start": 0.5,
        "end": 1.2,
        "text": "Hello there.",
        "tokens": [],
        "temperature": 0.2,
        "compression_ratio": None,
        "no_speech_prob": 0.01,
    }


def test_only_the_times_that_were_asked_for() -> None:
    words = json_body(KNOWN, verbose(granularities=("word",)))
    assert "segments" not in words
    assert words["words"][1] == {"word": "there.", "start": 0.9, "end": 1.2}
    assert "words" not in json_body(KNOWN, verbose())
    both = json_body(KNOWN, verbose(granularities=("word", "segment")))
    assert {"words", "segments"} <= set(both)


def test_a_translation_is_english_whatever_was_spoken() -> None:
    body = json_body(KNOWN, verbose(translate=True))
    assert (body["task"], body["language"]) == ("translate", "english")
    assert "languages" not in json_body(KNOWN, Wish(translate=True))
    assert json_body(KNOWN, Wish())["languages"] == [{"code": "de"}]


def test_usage_is_left_out_where_the_length_is_not_known() -> None:
    assert json_body(Transcript("Hi.", []), Wish()) == {"text": "Hi."}


def test_speakers_have_letters_in_the_order_in_which_they_speak() -> None:
    names = ["s9", "s2", None, "s9", *(f"t{number}" for number in range(26))]
    segments = [Segment(n, n + 1, "a", speaker=name) for n, name in enumerate(names)]
    found = [segment["speaker"] for segment in diarized_segments(Transcript("", segments))]
    assert found[:5] == ["A", "B", None, "A", "C"]
    assert found[-3:] == ["Z", "AA", "AB"]


def test_plain_text_is_the_text_alone() -> None:
    assert text_body(KNOWN, "text") == ("Hello there.\n", "text/plain; charset=utf-8")
    assert text_body(KNOWN, "vtt")[1] == "text/vtt; charset=utf-8"


@pytest.mark.parametrize(
    ("text", "sent", "rest"),
    [
        ("One. Two.", "", "One. Two."),
        ("One. Two.", "One.", " Two."),
        ("一。二。", "一。 ", "二。"),
        ("One. Two.", "One. Two.", ""),
        ("One. Two.", "Won. ", ""),
        ("One.", "One. Two.", ""),
    ],
)
def test_the_rest_is_what_was_not_sent(text: str, sent: str, rest: str) -> None:
    assert rest_of(text, sent) == rest


def heard(
    index: int, *, done: bool = True, shared: float = 0.0, channel: int | None = None
) -> Task:
    part = Part("a.wav", index - shared, index + 1.0 + shared, index, index + 1.0, channel)
    status = TaskStatus.COMPLETED if done else TaskStatus.RUNNING
    path = f"out-{index}" if done else None
    return Task(
        f"task_{index}", "job", "transcribe", index, "e", status, 1, {}, output_path=path, part=part
    )


def paths(tasks: list[Task]) -> list[str]:
    return [path for path, _ in first_heard(tasks)]


def test_text_is_sure_up_to_the_first_gap() -> None:
    assert paths([heard(1), heard(0), heard(3), heard(2, done=False)]) == ["out-0", "out-1"]
    assert paths([heard(1), heard(2)]) == []
    assert paths([heard(0), heard(1, shared=0.5), heard(2)]) == ["out-0"]


def test_the_text_of_channels_is_sure_when_all_are_there() -> None:
    assert paths([heard(0, channel=1), heard(1, channel=1)]) == []


async def test_text_that_cannot_be_read_now_holds_up_what_is_behind_it(tmp_path: Path) -> None:
    store = ObjectStore(StoreSettings(folder=tmp_path))
    for name in ("first", "third"):
        await store.put(f"jobs/{name}", msgspec.json.encode({"text": name}))
    texts = PartialTexts(store)
    paths = ["jobs/first", "jobs/second", "jobs/third"]
    assert await texts.first_texts_of(paths) == ["first"]
    assert await texts.text_of(paths) == "first third"

    await store.put("jobs/second", msgspec.json.encode({"text": "second"}))

    assert await texts.first_texts_of(paths) == ["first", "second", "third"]


def test_what_is_no_transcript_is_the_engines_fault() -> None:
    with pytest.raises(JobFailedError) as failed:
        transcript_of("job_000000000000", {"answer": 42})
    assert (failed.value.code, failed.value.http_status) == ("invalid_engine_output", 500)
    assert failed.value.job_id == "job_000000000000"
    assert transcript_of("job_000000000000", {"text": "Hello", "segments": []}).text == "Hello"


async def test_a_completed_job_is_yielded_once_whatever_was_heard_first() -> None:
    """A chunk's end is heard, and the job read then is completed: its own end is heard later."""
    job = msgspec.structs.replace(new_job("job_000000000000"), status=JobStatus.COMPLETED)
    view = JobView(job, [], {}, {"text": msgspec.Raw(b'"Hello"')})
    watched = Watched()
    watched.tell(JobState(JobStatus.RUNNING, 1))

    async def read(_owner: str, _job_id: str) -> JobView:
        watched.tell(JobState(JobStatus.COMPLETED, 1))
        return view

    service: Any = SimpleNamespace(
        watch=SimpleNamespace(watch=lambda _: nullcontext(watched)), look=read, read=read
    )
    patience: Any = SimpleNamespace(left=60.0)

    async def require_key() -> None:
        pass

    transcription = Transcription(service, job, Wish(), patience, require_key)

    assert [found async for found in transcription.changes(10.0)] == [view]


PIPELINE = """
name: {name}
stages:
  - {{stage: prepare, engine: audio-prepare}}
  - {{stage: language, engine: faster-whisper, after: [prepare]}}
  - {{stage: transcribe, engine: {engine}, after: [prepare], config: {{{config}}}}}
  - {{stage: merge, engine: transcript-merger, after: [prepare, language, transcribe]}}
"""


def test_words_are_refused_where_nobody_times_them(tmp_path: Path) -> None:
    """They would be an empty list, as if nobody had spoken."""
    for name, engine, config in (
        ("timed", "faster-whisper", "beam_size: 1"),
        ("plain", "faster-whisper", "word_timestamps: false"),
        ("morse", "morse-reader", ""),
    ):
        text = PIPELINE.format(name=name, engine=engine, config=config)
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    engines = [REPOSITORY / "engines", REPOSITORY / "examples/morse-reader/engines"]
    catalog = read_catalog(engines, [tmp_path], {})
    wish = verbose(granularities=("word",))
    assert native_fields(wish, {}, catalog, catalog.pipelines["timed"]) == {}
    for name in ("plain", "morse"):
        with pytest.raises(UnsupportedValueError, match="can't tell the times of words") as refused:
            native_fields(wish, {}, catalog, catalog.pipelines[name])
        assert refused.value.param == "timestamp_granularities"
        assert "with times of segments" in refused.value.message
