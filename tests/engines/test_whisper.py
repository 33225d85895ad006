"""What faster-whisper hears: words where there is speech, and none where there isn't."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jiwer import wer
from numpy.typing import NDArray
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

from dalston.engine_sdk import TaskFailed
from dalston.engine_sdk.testing import EngineUnderTest, open_engine
from tests.engines.random_model import write_random_model
from tests.engines.sounds import ENGINES, encode, references, tone, write_wav
from tests.support.recordings import SPEECH, needs_recordings

FOLDER = ENGINES / "transcribe" / "faster-whisper"

READ_ALOUD = (
    "en_jfk.flac",
    "en_ls_1688-142285-0006.flac",
    "en_ls_1998-15444-0004.flac",
    "en_ls_367-130732-0007.flac",
)
MOST_WRONG = 0.09
"""Share of wrong words in these; 0.043 were measured with the base model."""

OTHER_LANGUAGES = (
    "de_pico_test_de.wav",
    "es_pico_test_es.wav",
    "ja_pico_test_ja.wav",
    "zh_aishell_BAC009S0724W0121.wav",
)


def noises() -> dict[str, NDArray[np.floating[Any]]]:
    rng = np.random.default_rng(1)
    times = np.arange(16_000 * 8) / 16_000
    white = rng.normal(size=len(times))
    return {
        "no samples": np.zeros(0),
        "one sample": np.zeros(1),
        "fifty milliseconds": white[:800] * 0.1,
        "silence": np.zeros(len(times)),
        "quiet noise": white * 0.001,
        "loud noise": white * 0.3,
        "rumble": np.cumsum(white) * 1e-3,
        "hum": np.sin(2 * np.pi * 50 * times) * 0.3,
        "ringing": np.sin(2 * np.pi * 440 * times) * (times % 4 < 1) * 0.3,
        "clicks": (rng.random(len(times)) < 0.0002) * 0.8,
        "melody": np.sin(2 * np.pi * 220 * 2 ** (np.floor(times * 2 % 8) / 12) * times) * 0.2,
    }


@pytest.mark.parametrize("name", noises())
def test_57_where_nobody_speaks_no_words_are_invented(
    whisper: EngineUnderTest, tmp_path: Path, name: str
) -> None:
    samples = np.clip(np.rint(noises()[name] * 32_767), -32_768, 32_767).astype(np.int16)
    data = whisper.process(write_wav(tmp_path / "audio.wav", samples)).data
    assert data["text"] == ""
    assert data["segments"] == []
    assert "language" not in data
    assert "language_confidence" not in data


def test_it_says_with_what_it_worked(whisper: EngineUnderTest, tmp_path: Path) -> None:
    data = whisper.process(write_wav(tmp_path / "audio.wav", tone(0.5))).data
    assert data["engine"] == {
        "id": "faster-whisper",
        "version": "1.5.0",
        "model": "base",
        "device": "cpu",
        "compute_type": "int8",
    }
    assert data["warnings"] == []


def test_a_language_that_the_model_does_not_know(whisper: EngineUnderTest, tmp_path: Path) -> None:
    with pytest.raises(TaskFailed) as failed:
        whisper.process(write_wav(tmp_path / "audio.wav", tone(0.5)), config={"language": "yue"})
    assert failed.value.code == "unsupported_language"


@pytest.mark.parametrize("content", [b"Dear Sir", b"#EXTM3U\n/etc/hostname\n", b""])
def test_a_file_that_is_no_sound(whisper: EngineUnderTest, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "audio.wav"
    path.write_bytes(content)
    with pytest.raises(TaskFailed) as failed:
        whisper.process(path)
    assert failed.value.code == "undecodable_audio"


def test_a_recording_that_nobody_prepared(whisper: EngineUnderTest, tmp_path: Path) -> None:
    path = encode(tmp_path / "a.webm", "webm", "libopus", rate=48_000)
    told: list[tuple[float, float]] = []
    whisper.process(path, on_progress=lambda done, total: told.append((done, total)))
    ((done, total),) = told
    assert done == total == pytest.approx(2.0, abs=0.02)


@pytest.fixture(scope="module")
def random_whisper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineUnderTest]:
    folder = tmp_path_factory.mktemp("random") / "random-whisper"
    write_random_model(folder)
    with open_engine(FOLDER, config={"device": "cpu", "model": str(folder)}) as engine:
        yield engine


def test_an_english_model_refuses_other_languages(
    random_whisper: EngineUnderTest, tmp_path: Path
) -> None:
    audio = write_wav(tmp_path / "audio.wav", tone(0.5))
    assert random_whisper.process(audio, config={"language": "en"}).data["language"] == "en"
    with pytest.raises(TaskFailed) as failed:
        random_whisper.process(audio, config={"language": "de"})
    assert failed.value.code == "unsupported_language"


def test_a_task_may_name_another_model(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_random_model(tmp_path / name)
    audio = write_wav(tmp_path / "audio.wav", tone(0.5))
    told: list[str] = []
    config = {"device": "cpu", "models_folder": str(tmp_path), "model": "one"}
    with open_engine(FOLDER, config=config, on_setup=lambda *said: told.append(said[0])) as engine:
        used = [
            engine.process(audio, config=asked).data["engine"]["model"]
            for asked in ({}, {"model": "two"}, {"model": "two"}, {})
        ]
        with pytest.raises(TaskFailed) as failed:
            engine.process(audio, config={"model": "missing", "download": False})
        used.append(engine.process(audio).data["engine"]["model"])
    assert failed.value.code == "model_not_found"
    assert used == ["one", "two", "two", "one", "one"]
    assert [said for said in told if said.startswith("loading")] == [
        f"loading model {name} (folder)" for name in ("one", "two", "one", "one")
    ]


def test_a_gpu_that_is_not_there_is_refused_only_if_demanded(tmp_path: Path) -> None:
    import ctranslate2  # type: ignore[import-untyped, unused-ignore]

    if ctranslate2.get_cuda_device_count():
        pytest.skip("this machine has a GPU")
    write_random_model(tmp_path / "model")
    config = {"model": str(tmp_path / "model")}
    with open_engine(FOLDER, config={**config, "device": "auto"}) as engine:
        audio = write_wav(tmp_path / "audio.wav", tone(0.5))
        assert engine.process(audio).data["engine"]["device"] == "cpu"
    with (
        pytest.raises(TaskFailed) as failed,
        open_engine(FOLDER, config={**config, "device": "cuda"}),
    ):
        pass
    assert failed.value.code == "gpu_unavailable"


@needs_recordings
def test_words_that_were_read_aloud(whisper: EngineUnderTest) -> None:
    texts = {name: text for name, _, text in references("en")}
    normalize = EnglishTextNormalizer()
    expected, heard = [], []
    for name in READ_ALOUD:
        data = whisper.process(SPEECH / name).data
        assert data["language"] == "en"
        check_times(data, 12.0)
        expected.append(normalize(texts[name]))
        heard.append(normalize(data["text"]))
    wrong = wer(expected, heard)
    assert wrong <= MOST_WRONG, f"{wrong:.3f}"


@needs_recordings
def test_times_and_confidences_of_words(whisper: EngineUnderTest) -> None:
    told: list[tuple[float, float]] = []
    data = whisper.process(
        SPEECH / "en_jfk.flac", on_progress=lambda done, total: told.append((done, total))
    ).data
    words = [word for segment in data["segments"] for word in segment["words"]]
    assert " ".join(word["text"] for word in words) == data["text"]
    country = [word["start"] for word in words if word["text"].startswith("country")]
    assert country == [pytest.approx(5.8, abs=0.4), pytest.approx(9.9, abs=0.4)]
    assert 0.5 < data["segments"][0]["confidence"] <= 1
    assert data["language_confidence"] > 0.8
    assert told == sorted(told)
    assert told[-1] == (11.0, 11.0)
    assert all(type(number) is float for step in told for number in step)


@needs_recordings
@pytest.mark.parametrize("name", OTHER_LANGUAGES)
def test_the_language_is_recognised(whisper: EngineUnderTest, name: str) -> None:
    ((language, text),) = (
        (language, text) for file, language, text in references() if file == name
    )
    config = {"beam_size": 1, "word_timestamps": False}
    data = whisper.process(SPEECH / name, config=config).data
    assert data["language"] == language
    assert data["language_confidence"] > 0.8
    assert "words" not in data["segments"][0]
    # Letters, because some of these languages are written without spaces.
    normalize = BasicTextNormalizer(split_letters=True)
    assert wer(normalize(text), normalize(data["text"])) < 0.6


@needs_recordings
def test_a_long_recording_is_cut_in_pauses(whisper: EngineUnderTest, tmp_path: Path) -> None:
    """Speech, five minutes of silence, speech: the second lies in another window."""
    with wave.open(str(SPEECH / "en_librivox_0880.wav"), "rb") as file:
        speech = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    silence = np.zeros(300 * 16_000, np.int16)
    path = write_wav(tmp_path / "long.wav", np.concatenate([speech, silence, speech]))
    config = {"beam_size": 1, "language": "en"}
    data = whisper.process(path, config=config).data
    assert "language_confidence" not in data
    seconds = len(speech) / 16_000
    check_times(data, 300 + 2 * seconds)
    starts = [segment["start"] for segment in data["segments"]]
    assert starts[0] < seconds
    assert starts[-1] == pytest.approx(300 + seconds, abs=1.5)
    once = "he was not an ill-disposed young man"
    assert data["text"].lower().count(once[:10]) == 2


def check_times(data: dict[str, Any], duration: float) -> None:
    """All spans are plain numbers, in order, and within the recording."""
    for spans in (data["segments"], *(segment["words"] for segment in data["segments"])):
        for span in spans:
            assert type(span["start"]) is float
            assert type(span["end"]) is float
            assert 0 <= span["start"] <= span["end"] <= duration
            assert 0 <= span["confidence"] <= 1
        assert all(first["start"] <= second["start"] for first, second in pairwise(spans))
