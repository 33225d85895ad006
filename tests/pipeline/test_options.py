"""What a request asks for decides which tasks there are and who speaks, on every deployment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.deployment import Deployment
from tests.support.gate import Gate
from tests.support.stack import TRANSCRIPTIONS, Stack, running

ENGINES = ("cutting-preparer", "part-transcriber", "turn-finder", "transcript-merger")


@pytest.fixture(scope="module")
def marks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("marks")


@pytest.fixture(scope="module")
def stack(shared_deployment: Deployment, marks: Path) -> Iterator[Stack]:
    settings = Gate(marks).settings() | {"DALSTON_PIPELINE": "options"}
    with running(shared_deployment, *ENGINES, **settings) as stack:
        yield stack


def done(stack: Stack, chunks: int, **fields: str) -> dict[str, Any]:
    job = stack.ended(stack.submit(f"{chunks} apart".encode(), **fields), 60)
    assert job["status"] == "completed", job.get("error")
    return job


def stages(job: dict[str, Any]) -> Counter[str]:
    return Counter(task["stage"] for task in job["tasks"])


def said(job: dict[str, Any]) -> list[tuple[float, str, str | None]]:
    return [(s["start"], s["text"], s.get("speaker")) for s in job["segments"]]


def test_each_channel_is_transcribed_alone_and_is_a_speaker(stack: Stack) -> None:
    job = done(stack, 2, channels="split")

    assert said(job) == [
        (0.5, "Part 100.", "channel_1"),
        (0.5, "Part 200.", "channel_2"),
        (1.5, "Part 101.", "channel_1"),
        (1.5, "Part 201.", "channel_2"),
    ]
    assert job["speakers"] == [
        {"id": "channel_1", "label": "Channel 1"},
        {"id": "channel_2", "label": "Channel 2"},
    ]
    parts = [task["part"] for task in job["tasks"] if task["stage"] == "transcribe"]
    assert [(part["start"], part["channel"]) for part in parts] == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert job["duration"] == 2.0


def test_without_a_wish_channels_are_mixed_and_nobody_is_a_speaker(stack: Stack) -> None:
    job = done(stack, 2)
    assert said(job) == [(0.5, "Part 0.", None), (1.5, "Part 1.", None)]
    assert job["speakers"] == []
    assert "diarize" not in stages(job)


def test_the_language_is_found_out_once_and_is_that_of_all_chunks(stack: Stack) -> None:
    job = done(stack, 3)
    assert stages(job) == {"prepare": 1, "language": 1, "transcribe": 3, "merge": 1}
    assert job["language"] == "sw"
    assert job["metadata"]["warnings"] == []


@pytest.mark.parametrize(
    ("fields", "language"),
    [({"language": "de"}, "de"), ({"language_detection": "chunk"}, "cy")],
)
def test_nobody_looks_for_a_language_where_that_is_not_wanted(
    stack: Stack, fields: dict[str, str], language: str
) -> None:
    job = done(stack, 2, **fields)
    assert "language" not in stages(job)
    assert job["language"] == language


def test_one_chunk_finds_its_language_itself(stack: Stack) -> None:
    job = done(stack, 1)
    assert "language" not in stages(job)
    assert job["language"] == "cy"


def test_speakers_are_found_if_asked_for(stack: Stack) -> None:
    job = done(stack, 3, diarize="true")
    assert [speaker for _, _, speaker in said(job)] == ["speaker_1", "speaker_2", "speaker_1"]
    assert [speaker["label"] for speaker in job["speakers"]] == ["Speaker_1", "Speaker_2"]


def test_a_number_of_speakers_asks_for_them_and_reaches_the_engine(stack: Stack) -> None:
    job = done(stack, 3, num_speakers="3")
    assert [speaker for _, _, speaker in said(job)] == ["speaker_1", "speaker_2", "speaker_3"]


@pytest.mark.parametrize(
    ("fields", "code", "param", "told"),
    [
        ({"diarize": "maybe"}, "invalid_parameter", "diarize", "true or false"),
        ({"channels": "left"}, "invalid_parameter", "channels", "one of mix, split"),
        ({"beam_size": "0"}, "invalid_parameter", "beam_size", "from 1 to 20"),
        ({"beam_size": "1e1"}, "invalid_parameter", "beam_size", "a whole number"),
        ({"num_speakers": "101"}, "invalid_parameter", "num_speakers", "from 1 to 100"),
        ({"num_speakers": "nan"}, "invalid_parameter", "num_speakers", "a whole number"),
        (
            {"num_speakers": "2", "max_speakers": "3"},
            "contradictory_options",
            "num_speakers",
            "max_speakers can't be given",
        ),
        (
            {"min_speakers": "4", "max_speakers": "3"},
            "contradictory_options",
            "min_speakers",
            "more than max_speakers (3)",
        ),
        (
            {"diarize": "false", "num_speakers": "2"},
            "contradictory_options",
            "num_speakers",
            "finds no speakers",
        ),
        (
            {"channels": "split", "diarize": "true"},
            "contradictory_options",
            "channels",
            "each channel is a speaker",
        ),
        (
            {"language": "de", "language_detection": "chunk"},
            "contradictory_options",
            "language_detection",
            "nothing to find out",
        ),
        ({"hotwords": "Manasseh"}, "unsupported_option", "hotwords", "Pipelines that do: default"),
        (
            {"pipeline": "stub", "diarize": "true"},
            "unsupported_option",
            "diarize",
            "default, options, speakers",
        ),
        (
            {"pipeline": "default", "temperatures": "0,2"},
            "invalid_parameter",
            "temperatures",
            "1 to 10 numbers from 0 to 1",
        ),
        (
            {"pipeline": "default", "task": "sing"},
            "invalid_parameter",
            "task",
            "one of transcribe, translate",
        ),
    ],
)
def test_what_can_not_be_is_refused(
    stack: Stack, fields: dict[str, str], code: str, param: str, told: str
) -> None:
    answer = stack.client.post(TRANSCRIPTIONS, files={"file": ("a.wav", b"1")}, data=fields)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["param"]) == (code, param)
    assert told in error["message"]


def test_an_empty_field_is_one_that_was_left_out(stack: Stack) -> None:
    names = (
        *("channels", "diarize", "num_speakers", "language", "retention", "retention_days"),
        *("deadline_seconds", "callback_url", "source_url"),
    )
    job = done(stack, 1, **dict.fromkeys(names, ""))
    assert said(job) == [(0.5, "Part 0.", None)]
    assert "retention" not in job


def test_an_empty_field_makes_no_other_submission(stack: Stack) -> None:
    files, headers = {"file": ("a.wav", b"1")}, {"Idempotency-Key": "with-and-without"}
    answers = [
        stack.client.post(TRANSCRIPTIONS, files=files, data=fields, headers=headers)
        for fields in ({}, {"language": ""})
    ]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_a_list_shows_no_task_of_a_chunk(stack: Stack) -> None:
    job = done(stack, 3)
    [listed] = [
        one for one in stack.client.get(TRANSCRIPTIONS).json()["jobs"] if one["id"] == job["id"]
    ]
    assert [task["stage"] for task in listed["tasks"]] == ["prepare", "merge"]
    assert listed["tasks"] == [task for task in job["tasks"] if "part" not in task]


def test_a_model_that_knows_only_english_refuses_the_rest(
    deployment: Deployment,
) -> None:
    with running(deployment, DALSTON_PIPELINE="default", DALSTON_MODEL="tiny.en") as stack:
        stack.migrate()
        stack.gateway()
        for fields, code in (
            ({"language": "de"}, "unsupported_language"),
            ({"task": "translate"}, "unsupported_task"),
            ({"language_detection": "chunk"}, "unsupported_option"),
        ):
            answer = stack.client.post(TRANSCRIPTIONS, files={"file": ("a", b"1")}, data=fields)
            assert answer.status_code == 400
            assert answer.json()["error"]["code"] == code
            assert "tiny.en" in answer.json()["error"]["message"]
        stack.submit(b"1", language="en", task="transcribe")
