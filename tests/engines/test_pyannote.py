"""The engine pyannote, without torch: its description, its answers, what it lacks."""

from __future__ import annotations

import importlib
import json
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from dalston.common.engine_spec import read_engine
from dalston.common.transcript import check_stage_output
from dalston.engine_sdk import TaskFailed
from dalston.engine_sdk.questions import CHECK, answer
from dalston.engine_sdk.testing import open_engine
from tests.engines.sounds import ENGINES, write_wav

FOLDER = ENGINES / "diarize" / "pyannote"
ASKED = {"num_speakers": None, "min_speakers": None, "max_speakers": None}


@contextmanager
def module(name: str) -> Iterator[ModuleType]:
    """A module of the engine that needs no torch; others' of the same name stay loaded."""
    others = sys.modules.pop(name, None)
    sys.path.insert(0, str(FOLDER))
    try:
        yield importlib.import_module(name)
    finally:
        sys.path.remove(str(FOLDER))
        del sys.modules[name]
        if others is not None:
            sys.modules[name] = others


@pytest.fixture
def mapping() -> Iterator[ModuleType]:
    with module("annotations") as found:
        yield found


@dataclass(frozen=True)
class Segment:
    start: float
    end: float


class Found:
    """Has of pyannote.core's Annotation what the engine uses."""

    def __init__(self, *turns: tuple[float, float, str]) -> None:
        self._turns = turns

    def itertracks(self, yield_label: bool) -> Iterator[tuple[Segment, Any, str]]:
        assert yield_label
        for number, (start, end, label) in enumerate(self._turns):
            yield Segment(start, end), number, label


def test_an_annotation_becomes_turns_and_speakers(mapping: ModuleType) -> None:
    found = Found((4.00049, 9.5, "SPEAKER_00"), (0.5, 4.2, "SPEAKER_01"), (9.5, 9.5, "SPEAKER_02"))
    output = mapping.turns_of(found, {})
    check_stage_output("diarize", json.dumps(output).encode())
    assert output == {
        "turns": [
            {"start": 0.5, "end": 4.2, "speaker": "speaker_1"},
            {"start": 4.0, "end": 9.5, "speaker": "speaker_2"},
        ],
        "speakers": [
            {"id": "speaker_1", "label": "Speaker 1"},
            {"id": "speaker_2", "label": "Speaker 2"},
        ],
        "warnings": [],
    }


def test_silence_has_no_turns(mapping: ModuleType) -> None:
    output = mapping.turns_of(Found(), {"num_speakers": 3})
    assert (output["turns"], output["speakers"], output["warnings"]) == ([], [], [])


def test_fewer_speakers_than_asked_for_are_said(mapping: ModuleType) -> None:
    output = mapping.turns_of(Found((0.0, 1.0, "A")), {"min_speakers": 2})
    assert [warning["code"] for warning in output["warnings"]] == ["speaker_count_not_reached"]


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({}, {}),
        ({"num_speakers": 3, "min_speakers": 5, "max_speakers": 2}, {"num_speakers": 3}),
        ({"min_speakers": 2, "max_speakers": 4}, {"min_speakers": 2, "max_speakers": 4}),
        ({"max_speakers": 4}, {"max_speakers": 4}),
    ],
)
def test_the_number_of_speakers_is_passed_on(
    mapping: ModuleType, config: dict[str, int], told: dict[str, int]
) -> None:
    assert mapping.speaker_arguments({**ASKED, **config}) == told


def test_numbers_that_contradict_each_other_are_refused(mapping: ModuleType) -> None:
    with pytest.raises(TaskFailed) as failed:
        mapping.speaker_arguments({**ASKED, "min_speakers": 4, "max_speakers": 2})
    assert failed.value.code == "invalid_speaker_count"


def test_a_recording_is_in_memory_once(tmp_path: Path) -> None:
    numbers = np.arange(4_000_000).astype("<i2")
    path = write_wav(tmp_path / "audio.wav", numbers)
    with module("recording") as recording:
        tracemalloc.start()
        try:
            samples = recording.read_samples(path)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 1.1 * samples.nbytes
        assert samples.dtype == np.float32
        assert np.array_equal(samples, numbers.astype(np.float32) / np.float32(32_768))
        with pytest.raises(TaskFailed) as failed:
            recording.read_samples(Path(__file__))
    assert failed.value.code == "wrong_audio"


def test_its_options_are_those_of_the_other_diarizer() -> None:
    own = read_engine(FOLDER).config["properties"]
    others = read_engine(ENGINES / "diarize" / "ge2e-speakers").config["properties"]
    assert {name: own[name] for name in ASKED} == {name: others[name] for name in ASKED}


def test_without_its_packages_it_says_what_to_run() -> None:
    config = read_engine(FOLDER).configure()
    missing = answer(CHECK, FOLDER, config, None, lambda *_: None)["missing"]
    assert {"torch", "pyannote.audio"} <= set(missing)
    with pytest.raises(TaskFailed) as failed, open_engine(FOLDER):
        raise AssertionError("it can't be opened here")
    assert failed.value.code == "engine_not_installed"
    assert "dalston engine install pyannote" in failed.value.message
